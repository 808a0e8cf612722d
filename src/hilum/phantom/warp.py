"""Many bodies of one CT: smooth random warps that keep its structures, and the cardiothoracic ratio they end at.

A warp is a map from a place in the new body to the place in the old one that is seen there, so that voxels and masks
follow together: torso scaled by up to 15 % along each axis, heart narrowed or widened with the lungs giving way, domes
of the diaphragm moved up or down, and a smooth random field. All of it stays far from folding (tested).
Lengths in mm, patient axes (LPS: x left, y posterior, z head).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import InputError
from hilum.core.image import Volume
from hilum.core.seed import generator
from hilum.drr.attenuation import AIR_HU
from hilum.drr.field import Structures
from hilum.phantom.families_shape import Shape

Points = NDArray[np.float64]
_EVERY = 4  # voxels between the places where the warp is worked out; it is smooth over far more
_WAVES = 6
_WALL_MM = 8.0
_NECK_MM, _SHOULDER_MM = 52.0, 28.0  # half a neck's width; height over which what lies beside it shrinks to a half


@dataclass(frozen=True, eq=False)
class Body:
    """A CT in HU with its structures on one grid, stored x, y, z (left, posterior, head) with equal steps."""

    volume: Volume
    structures: Structures

    @property
    def spacing_mm(self) -> float:
        """Step of the grid."""
        return self.volume.spacing_mm[0]

    def mask(self, *names: str) -> NDArray[np.bool_]:
        """Return bool (X, Y, Z): where any structure of these names lies; 'lung' stands for all that start so."""
        chosen: NDArray[np.bool_] = np.isin(self.structures.ids, self.structures.wanted(names))
        return chosen

    def with_hu(self, voxels: NDArray[np.float32]) -> Body:
        """Return the body with other voxels (X, Y, Z) in HU."""
        return Body(Volume(voxels, self.volume.affine, id=self.volume.id), self.structures)


@dataclass(frozen=True, eq=False)
class Warp:
    """One new body; the default leaves the old one as it is.

    Args:
        centre: (3,) of the body, that torso scale refers to.
        scale: of the torso along left, posterior and head.
        heart: (3,) centre and (3,) half-lengths of the old heart.
        heart_scale: of its width; the left border moves more than the right one.
        walls: (Y, Z, 2) x of the lungs' right and left border, which the heart's scale leaves where it is, on a grid
            of `_WALL_MM` from the lowest corner of the lungs' box; empty for none.
        corner: (2,) y and z of that corner.
        dome: (3,) middle of the old lung bases, and how far they move to the head.
        dome_lift_mm: above 0 as in expiration.
        waves: (W, 3) wave vectors in 1/mm, (W, 3) amplitudes in mm and (W,) phases of the random field.
        mirror: left and right exchanged (situs inversus).
        cage: half-lengths left and back of the rib cage about the centre, in the old body.
        wall_scale: of the chest wall's thickness, all that lies outside the cage.
        top_mm: height in the old body above which the CT ends; the new one narrows from there to a neck.
        shape: what else makes it another person's body.
    """

    centre: Points
    scale: tuple[float, float, float] = (1.0, 1.0, 1.0)
    heart: tuple[Points, Points] = field(default_factory=lambda: (np.zeros(3), np.ones(3)))
    heart_scale: float = 1.0
    walls: Points = field(default_factory=lambda: np.zeros((0, 0, 2)))
    corner: Points = field(default_factory=lambda: np.zeros(2))
    dome: Points = field(default_factory=lambda: np.zeros(3))
    dome_lift_mm: float = 0.0
    waves: tuple[Points, Points, Points] = field(
        default_factory=lambda: (np.zeros((0, 3)), np.zeros((0, 3)), np.zeros(0))
    )
    mirror: bool = False
    cage: tuple[float, float] = (1.0, 1.0)
    wall_scale: float = 1.0
    top_mm: float = np.inf
    shape: Shape | None = None

    def source(self, points: Points) -> Points:
        """Return the places (N, 3) of the old body that are seen at these places (N, 3) of the new one."""
        away = (points - self.centre) / np.array(self.scale)
        if self.mirror:
            away = away * np.array([-1.0, 1.0, 1.0])
        if self.wall_scale != 1.0 or self.shape is not None:
            wall = self.wall_scale if self.shape is None else self.shape.wall_scale(away, self.wall_scale)
            radius = np.hypot(away[:, 0] / self.cage[0], away[:, 1] / self.cage[1])
            away[:, :2] *= _thinned(radius, wall)[:, None]
        at: Points = self.centre + away
        if self.shape is not None:
            at = self.shape.source(at)
        vectors, sizes, phases = self.waves
        at = at + np.sin(at @ vectors.T + phases) @ sizes
        near = np.exp(-0.5 * ((at[:, 2] - self.dome[2]) / 60.0) ** 2)
        at[:, 2] -= self.dome_lift_mm * near
        middle, half = self.heart
        pivot = middle[0] - 0.35 * half[0]  # right of the middle, so that the left border moves more
        far = np.linalg.norm(((at - middle) / half)[:, 1:], axis=1)
        aside = at[:, 0] - pivot
        room = np.maximum(np.abs(self._walls(at) - pivot), 0.5 * half[0])
        wall = np.clip(np.abs(aside) / room, 0.3, 1.0)
        fade = ((1.0 - wall) / 0.7) ** 2 * (3.0 - 2.0 * (1.0 - wall) / 0.7)  # the chest wall stays
        at[:, 0] += (1.0 / self.heart_scale - 1.0) * aside * fade * np.exp(-((far / 1.5) ** 4))
        over = np.maximum(at[:, 2] - self.top_mm, 0.0)
        if over.any():
            beside = at[:, :2] - self.centre[:2]
            beyond = np.maximum(np.abs(beside) - _NECK_MM, 0.0)
            at[:, :2] += np.sign(beside) * beyond * ((over / _SHOULDER_MM) ** 2)[:, None]
        return at

    def _walls(self, at: Points) -> Points:
        """X of the lungs' border on the side of each place (N, 3), infinitely far where none is known."""
        from scipy.ndimage import map_coordinates

        if not self.walls.size:
            return np.full(len(at), np.inf)
        index = ((at[:, 1:] - self.corner) / _WALL_MM).T
        right, left = (map_coordinates(self.walls[..., side], index, order=1, mode="nearest") for side in (0, 1))
        return np.asarray(np.where(at[:, 0] > self.heart[0][0] - 0.35 * self.heart[1][0], left, right))

    def goes_to(self, points: Points, *, rounds: int = 12) -> Points:
        """Return where places (N, 3) of the old body are in the new one: `source` solved by repeated correction."""
        scale = np.array(self.scale) * np.array([-1.0 if self.mirror else 1.0, 1.0, 1.0])
        at: Points = self.centre + (points - self.centre) * scale
        for _ in range(rounds):
            at = at + (points - self.source(at)) * scale
        return at


def resampled(volume: Volume, structures: Structures, *, spacing_mm: float) -> Body:
    """Return a CT and its structures on a patient grid with equal steps: HU linear, ids nearest, padding as air.

    Args:
        volume, structures: on the same grid, of any direction.
        spacing_mm: step of the new grid.

    Raises:
        InputError: if the two grids differ, or the step is not above 0.
    """
    if volume.voxels.shape != structures.ids.shape or not np.allclose(volume.affine, structures.affine):
        raise InputError("the structures lie on another grid than the CT: resample them to it first")
    if spacing_mm <= 0:
        raise InputError(f"the spacing must be above 0 mm, got {spacing_mm:g}")
    ends = np.array([[-0.5, size - 0.5] for size in volume.voxels.shape])
    corners = np.array(np.meshgrid(*ends, indexing="ij")).reshape(3, -1).T @ volume.affine[:3, :3].T
    corners += volume.affine[:3, 3]
    low, high = corners.min(axis=0), corners.max(axis=0)
    shape = tuple(int(n) for n in np.maximum(np.round((high - low) / spacing_mm), 2))
    affine = np.diag([spacing_mm, spacing_mm, spacing_mm, 1.0])
    affine[:3, 3] = low + spacing_mm / 2
    identity = Warp(centre=(low + high) / 2)
    return _pulled(volume, structures, identity, affine, shape, extend=False)


def warped(
    body: Body, warp: Warp, *, affine: NDArray[np.float64] | None = None, shape: tuple[int, int, int] | None = None
) -> Body:
    """Return the body that a warp makes of another; beyond the CT its border goes on.

    Args:
        body: the old body.
        warp: from places of the new body to the old one.
        affine, shape: of the new body's grid, with equal steps; None takes the old one's.
    """
    affine = body.volume.affine if affine is None else affine
    return _pulled(body.volume, body.structures, warp, affine, shape or body.volume.voxels.shape, extend=True)


def draw_warp(
    body: Body, seed: int, family: str, *, heart_scale: float = 1.0, amount: float = 1.0, mirror: bool = False
) -> Warp:
    """Draw one warp of a body with lungs and a heart.

    Args:
        body: the old body.
        seed, family: of the draw; another family is another body.
        heart_scale: of the heart's width beside the torso's own scale.
        amount: share of the usual change; 0 keeps torso and domes as they are.
        mirror: left and right exchanged.
    """
    rng = generator(seed, "warp", family)
    heart, lungs = _extent(body, "heart"), _extent(body, "lung")
    scale = tuple(float(1.0 + amount * v) for v in rng.uniform(-0.15, 0.15, 3))
    vectors = rng.normal(size=(_WAVES, 3))
    lengths = rng.uniform(140.0, 320.0, _WAVES)
    vectors *= (2 * np.pi / lengths / np.linalg.norm(vectors, axis=1))[:, None]
    sizes = amount * rng.normal(0.0, 1.0, (_WAVES, 3)) * (lengths / 110.0)[:, None]
    middle = (lungs[0] + lungs[1]) / 2
    base = np.array([middle[0], middle[1], lungs[0][2] + 0.2 * (lungs[1][2] - lungs[0][2])])
    return Warp(
        centre=middle, scale=scale, heart=((heart[0] + heart[1]) / 2, (heart[1] - heart[0]) / 2),  # type: ignore[arg-type]
        heart_scale=heart_scale, walls=_walls(body), corner=lungs[0][1:], dome=base,
        dome_lift_mm=float(amount * rng.uniform(-15.0, 25.0)),
        waves=(vectors, sizes, rng.uniform(0, 2 * np.pi, _WAVES)), mirror=mirror,
    )  # fmt: skip


def cardiothoracic_ratio(body: Body) -> float:
    """Return the width of the heart over the widest stretch of both lungs, as a parallel frontal beam sees them."""
    heart = np.flatnonzero(body.mask("heart").any(axis=(1, 2)))
    lungs = np.asarray(body.mask("lung").any(axis=1), np.bool_)
    if not heart.size or not lungs.any():
        raise InputError("the body has no heart or no lungs: the cardiothoracic ratio is not defined")
    rows = lungs.any(axis=0)
    first, last = lungs.argmax(axis=0), lungs.shape[0] - lungs[::-1].argmax(axis=0)
    return float((heart[-1] - heart[0] + 1) / (last - first)[rows].max())


def _thinned(radius: Points, wall_scale: Points | float) -> Points:
    """Return what the cage's ellipse of this many radii (N,) shrinks by, so that the wall has its old thickness."""
    outside = np.maximum(radius, 1.0)
    found: Points = np.where(radius > 1.0, (1.0 + (outside - 1.0) / wall_scale) / outside, 1.0)
    return found


def _extent(body: Body, name: str) -> tuple[Points, Points]:
    found: tuple[Points, Points] = body.structures.keep(("extent", name), lambda: _measured(body, name))
    return found


def _measured(body: Body, name: str) -> tuple[Points, Points]:
    index = np.argwhere(body.mask(name))
    origin, step = body.volume.affine[:3, 3], body.spacing_mm
    return origin + step * (index.min(axis=0) - 0.5), origin + step * (index.max(axis=0) + 0.5)


def _walls(body: Body) -> Points:
    found: Points = body.structures.keep(("walls", "lung"), lambda: _walls_measured(body))
    return found


def _walls_measured(body: Body) -> Points:
    """Right and left border (Y, Z, 2) of both lungs, smooth, taken from the nearest line that crosses a lung."""
    from scipy.ndimage import distance_transform_edt, gaussian_filter

    lung, step = body.mask("lung"), body.spacing_mm
    box = np.argwhere(lung.any(axis=0))
    low, high = box.min(axis=0), box.max(axis=0) + 1
    part = lung[:, low[0] : high[0], low[1] : high[1]]
    there = part.any(axis=0)
    ends = np.stack([part.argmax(axis=0), part.shape[0] - 1 - part[::-1].argmax(axis=0)], axis=-1).astype(float)
    middle = float(np.median(ends[there]))  # a line through one lung alone has no border on the other side
    ends[..., 0][ends[..., 0] > middle], ends[..., 1][ends[..., 1] < middle] = np.nan, np.nan
    found = []
    for side in (0, 1):
        known = there & np.isfinite(ends[..., side])
        nearest = distance_transform_edt(~known, return_distances=False, return_indices=True)
        filled = gaussian_filter(ends[..., side][tuple(nearest)], 8.0 / step, mode="nearest")
        every = np.round(np.arange(0, filled.shape[0], _WALL_MM / step)).astype(int)
        along = np.round(np.arange(0, filled.shape[1], _WALL_MM / step)).astype(int)
        found.append(filled[np.minimum(every, filled.shape[0] - 1)][:, np.minimum(along, filled.shape[1] - 1)])
    return np.asarray(np.stack(found, axis=-1) * step + body.volume.affine[0, 3], np.float64)


def _pulled(
    volume: Volume, structures: Structures, warp: Warp, affine: NDArray[np.float64], shape: tuple[int, ...], *,
    extend: bool,
) -> Body:  # fmt: skip
    from hilum.phantom.pull import pull

    nodes = [np.arange(0, size + 2 * _EVERY, _EVERY, dtype=np.float64) for size in shape]
    index = np.stack(np.meshgrid(*nodes, indexing="ij"), axis=-1)
    points = warp.source(index.reshape(-1, 3) @ affine[:3, :3].T + affine[:3, 3])
    back = np.linalg.inv(volume.affine)
    lattice = (points @ back[:3, :3].T + back[:3, 3]).reshape(index.shape)
    out, ids = np.empty(shape, np.float32), np.empty(shape, structures.ids.dtype)
    pull(volume.voxels, structures.ids, lattice, _EVERY, extend, out, ids)
    np.maximum(out, AIR_HU, out=out)
    return Body(Volume(out, affine, id=volume.id), Structures(ids, affine, structures.names))
