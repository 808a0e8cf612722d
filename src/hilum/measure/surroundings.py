"""What lies around a nodule in a chest CT: distances to pleura, airway and vessel, branches that reach it, volumes.

After the features of arXiv 2106.12991: minimum surface distance in mm, the count of branches that touch a nodule or
point at it, and the volume of tubes in a shell about it over the shell's volume. Masks come from
`measure.surroundings_masks` or from elsewhere. All lengths are mm along the array's axes; no axis has a preferred
direction, and voxels need not be cubes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, gaussian_filter
from scipy.spatial import cKDTree

from hilum.core.errors import InputError
from hilum.measure.surroundings_branches import Branches, branches

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Spacing = tuple[float, float, float]
SHELL_MM, TOUCH_MM, REACH_MM = 5.0, 1.5, 10.0
"""Thickness of the shell; how near a tube touches (its wall); how far ahead of a free end is looked."""


def _blurred(mask: Mask) -> NDArray[np.float32]:
    """The mask as a smooth field whose level 0.5 is its surface, a voxel beyond its edge included."""
    return np.asarray(gaussian_filter(np.pad(mask, 1).astype(np.float32), 0.8, mode="constant"))


def surface_mm(mask: Mask, spacing_mm: Spacing, corner: tuple[int, ...] = (0, 0, 0)) -> Floats:
    """Return points on the surface of a mask (P, 3) in mm, one between each voxel inside and its neighbour outside.

    The point lies where a slightly blurred mask crosses 0.5, which is finer than a voxel; half-way where the blur has
    no crossing there, as in tubes a voxel thin.

    Args:
        mask: bool (A, B, C); beyond its edge lies nothing.
        spacing_mm: of a voxel.
        corner: voxel of a larger grid that the mask's first voxel is.
    """
    padded, smooth = np.pad(mask, 1), _blurred(mask)
    found = []
    for axis in range(3):
        hard, soft = np.moveaxis(padded, axis, 0), np.moveaxis(smooth, axis, 0)
        crossing = hard[1:] != hard[:-1]
        spots = np.argwhere(crossing).astype(np.float64)
        before, after = soft[:-1][crossing].astype(np.float64), soft[1:][crossing].astype(np.float64)
        there = (before - 0.5) * (after - 0.5) < 0
        spots[:, 0] += np.where(there, (before - 0.5) / np.where(there, before - after, 1.0), 0.5)
        order = [1, 2]
        order.insert(axis, 0)
        found.append(spots[:, order])
    return np.asarray((np.concatenate(found) - 1 + np.asarray(corner)) * np.asarray(spacing_mm))


def signed_distance_mm(mask: Mask, spacing_mm: Spacing) -> NDArray[np.float32]:
    """Return each voxel's distance to the surface of a mask in mm, below 0 inside, finer than a voxel.

    A distance map reaches the centre of the nearest voxel of the other side; how deep that centre lies beneath the
    surface (of a slightly blurred mask, at most half a voxel) is taken off.

    Args:
        mask: bool (A, B, C), neither empty nor full.
        spacing_mm: of a voxel.

    Raises:
        InputError: if the mask is empty or full.
    """
    if mask.all() or not mask.any():
        raise InputError(f"a mask that is {'full' if mask.all() else 'empty'} has no surface to be distant from")
    smooth = _blurred(mask)
    steep = np.sqrt(sum(each**2 for each in np.gradient(smooth, *spacing_mm)))
    deep = ((smooth - 0.5) / np.maximum(steep, 1e-6))[1:-1, 1:-1, 1:-1]
    found = np.zeros(mask.shape)
    for side, sign in ((mask, 1.0), (~mask, -1.0)):
        far, near = distance_transform_edt(~side, sampling=spacing_mm, return_indices=True)
        under = np.clip(sign * deep, 0.0, 0.5 * max(spacing_mm))[tuple(near)]
        found += sign * np.where(far > 0, np.maximum(far - under, 1e-3), 0.0)
    return found.astype(np.float32)


@dataclass(frozen=True, eq=False)
class Tubes:
    """Airways or vessels, ready to be measured from many nodules.

    Args:
        mask: bool (A, B, C).
        spacing_mm: of a voxel.
    """

    mask: Mask
    spacing_mm: Spacing

    @cached_property
    def surface(self) -> cKDTree:
        """A search tree of points on the surface."""
        return cKDTree(surface_mm(self.mask, self.spacing_mm))

    @cached_property
    def branches(self) -> Branches:
        """The branch graph."""
        return branches(self.mask, self.spacing_mm)


@dataclass(frozen=True, eq=False)
class Lung:
    """A lung with its tubes on one grid; `pleura` is a search tree of points on the lung's surface."""

    lung: Mask
    airways: Tubes
    vessels: Tubes
    spacing_mm: Spacing

    @cached_property
    def pleura(self) -> cKDTree:
        """A search tree of points on the surface of the lung."""
        return cKDTree(surface_mm(self.lung, self.spacing_mm))


@dataclass(frozen=True)
class Surroundings:
    """Features of one nodule.

    Args:
        diameter_mm: of the sphere of the same volume.
        pleura_mm, airway_mm, vessel_mm: smallest distance between the surfaces, 0 where they touch or overlap, NaN
            where there is no such thing.
        airway_count, vessel_count: branches that touch the nodule or point at it.
        airway_share, vessel_share: volume of tubes in the shell, over the shell's.
        airway_per_nodule, vessel_per_nodule: the same volume over the nodule's.
    """

    diameter_mm: float
    pleura_mm: float
    airway_mm: float
    vessel_mm: float
    airway_count: int
    vessel_count: int
    airway_share: float
    vessel_share: float
    airway_per_nodule: float
    vessel_per_nodule: float


def surroundings(
    nodule: Mask, corner: tuple[int, int, int], lung: Lung, *,
    shell_mm: float = SHELL_MM, touch_mm: float = TOUCH_MM, reach_mm: float = REACH_MM,
) -> Surroundings:  # fmt: skip
    """Measure what surrounds a nodule.

    Args:
        nodule: bool box that holds the nodule.
        corner: the lung's voxel that the box's first voxel is.
        lung: see `Lung`; the nodule may lie partly outside it.
        shell_mm: thickness of the shell whose tubes are counted by volume; the shell keeps within the lung.
        touch_mm: a branch with a surface point this near the nodule's, or within it, touches it.
        reach_mm: a free end whose straight continuation meets the nodule within this length points at it.

    Raises:
        InputError: if the nodule is empty or leaves the grid.
    """
    spots = np.argwhere(nodule)
    if not len(spots):
        raise InputError("the nodule's mask is empty: leave it out, or take a lower share of its readers")
    if min(corner) < 0 or any(c + n > size for c, n, size in zip(corner, nodule.shape, lung.lung.shape, strict=True)):
        raise InputError(f"a nodule of {nodule.shape} voxels at {corner} leaves the grid of {lung.lung.shape}")
    skin = surface_mm(nodule, lung.spacing_mm, corner)
    box, inside, shell = _shell(nodule, corner, lung, shell_mm)
    step = np.asarray(lung.spacing_mm)
    mm3, whole = float(np.prod(step)), len(spots)
    near = _Near(skin, cKDTree(skin), inside, np.array([s.start for s in box]), step)
    gaps, counts, volumes = [], [], []
    for tubes in (lung.airways, lung.vessels):
        part = tubes.mask[box]
        gaps.append(0.0 if (part & inside).any() else _gap(tubes.surface, near))
        counts.append(_reaching(tubes, near, touch_mm, reach_mm) if tubes.mask.any() else 0)
        volumes.append(float((part & shell).sum()))
    shares = [volume / max(float(shell.sum()), 1.0) for volume in volumes]
    outside = bool((inside & ~lung.lung[box]).any())
    return Surroundings(
        diameter_mm=float((6 * whole * mm3 / np.pi) ** (1 / 3)),
        pleura_mm=0.0 if outside else _gap(lung.pleura, near),
        airway_mm=gaps[0], vessel_mm=gaps[1], airway_count=counts[0], vessel_count=counts[1],
        airway_share=shares[0], vessel_share=shares[1],
        airway_per_nodule=volumes[0] / whole, vessel_per_nodule=volumes[1] / whole,
    )  # fmt: skip


def _gap(surface: cKDTree, near: _Near) -> float:
    """Smallest distance of two surfaces: only points that the nodule's middle allows to be nearest are compared."""
    if not surface.n:
        return float("nan")
    within = float(surface.query(near.middle)[0]) + near.radius + float(np.linalg.norm(near.step))
    points = np.asarray(surface.data)[surface.query_ball_point(near.middle, within)]
    return float(near.tree.query(points)[0].min())


def _shell(
    nodule: Mask, corner: tuple[int, int, int], lung: Lung, shell_mm: float
) -> tuple[tuple[slice, ...], Mask, Mask]:
    """The box about nodule and shell in the lung's grid, the nodule in it, and the shell within the lung."""
    margin = [int(np.ceil(shell_mm / step)) + 1 for step in lung.spacing_mm]
    low = [max(0, c - m) for c, m in zip(corner, margin, strict=True)]
    ends = zip(corner, nodule.shape, margin, lung.lung.shape, strict=True)
    high = [min(size, c + n + m) for c, n, m, size in ends]
    inside = np.zeros([b - a for a, b in zip(low, high, strict=True)], dtype=bool)
    place = tuple(slice(c - a, c - a + n) for c, a, n in zip(corner, low, nodule.shape, strict=True))
    inside[place] = nodule
    box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    far = distance_transform_edt(~inside, sampling=lung.spacing_mm)
    return box, inside, (far > 0) & (far <= shell_mm) & lung.lung[box]


@dataclass(frozen=True, eq=False)
class _Near:
    """A nodule's surface points, and its mask in a box at `corner`."""

    skin: Floats
    tree: cKDTree
    inside: Mask
    corner: NDArray[np.intp]
    step: Floats

    @cached_property
    def middle(self) -> Floats:
        """Middle of the box about the surface, (3,) mm."""
        return np.asarray((self.skin.min(axis=0) + self.skin.max(axis=0)) / 2)

    @cached_property
    def radius(self) -> float:
        """Largest distance of the surface from its middle."""
        return float(np.linalg.norm(self.skin - self.middle, axis=1).max())

    def holds(self, points_mm: Floats) -> Mask:
        """Whether points (..., 3) lie in a voxel of the nodule."""
        voxel = np.rint(points_mm / self.step).astype(np.intp) - self.corner
        there: Mask = np.asarray(((voxel >= 0) & (voxel < self.inside.shape)).all(axis=-1))
        safe = np.where(there[..., None], voxel, 0)
        return np.asarray(there & self.inside[tuple(np.moveaxis(safe, -1, 0))])


def _reaching(tubes: Tubes, near: _Near, touch_mm: float, reach_mm: float) -> int:
    """How many branches touch the nodule or point at it."""
    graph = tubes.branches
    if not graph.count:
        return 0
    middle, radius = near.middle, near.radius
    found: set[int] = set()
    surface = np.asarray(tubes.surface.data)[tubes.surface.query_ball_point(middle, radius + touch_mm)]
    if len(surface):
        touching = surface[(near.tree.query(surface)[0] <= touch_mm) | near.holds(surface)]
        if len(touching):
            found |= set(graph.branch[graph.line.query(touching)[1]].tolist())
    ahead = np.flatnonzero(np.linalg.norm(graph.ends_mm - middle, axis=1) <= radius + reach_mm)
    ahead = ahead[np.isfinite(graph.ways[ahead]).all(axis=1)]
    if len(ahead):
        steps = np.arange(0.0, reach_mm + 1e-9, float(near.step.min()) / 2)
        path = graph.ends_mm[ahead, None] + steps[:, None] * graph.ways[ahead, None]
        found |= set(graph.end_branch[ahead[near.holds(path).any(axis=1)]].tolist())
    return len(found)
