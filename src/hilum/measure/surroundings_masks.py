"""Lungs, airways and vessels of a chest CT as masks: thresholds, region growing that watches for leaks, tubeness.

Plain methods that need no trained network; whoever has better masks gives those to `measure.surroundings` instead.
Arrays are (A, B, C) in HU with the voxel's size along each axis in mm; nothing depends on the direction of an axis.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hilum.core.errors import InputError, RefusedError
from hilum.core.image import Volume

Mask = NDArray[np.bool_]
Spacing = tuple[float, float, float]
_BOX = np.ones((3, 3, 3), dtype=bool)


class Grown(NamedTuple):
    """Airways as grown: their mask, the threshold in HU that was kept, and the volume in ml at each threshold tried."""

    mask: Mask
    threshold_hu: float
    tried_ml: dict[float, float]
    leaked: bool


def lungs(volume: Volume, *, threshold_hu: float = -500.0, least_ml: float = 200.0) -> Mask:
    """Return the air-filled lungs, closed over vessels and small nodules; air outside the body left out.

    Args:
        volume: a chest CT in HU.
        threshold_hu: voxels below it are air.
        least_ml: a connected piece of air smaller than this is no lung.

    Raises:
        RefusedError: if nothing of that size is found within the body, as where the values are not in HU.
    """
    spacing = volume.spacing_mm
    air = volume.voxels < threshold_hu
    pieces, count = ndimage.label(air)
    sizes = np.bincount(pieces.ravel(), minlength=count + 1) * np.prod(spacing) / 1000
    axial = int(np.argmax(np.abs(volume.affine[2, :3])))  # a lung may be cut by the first or last slice
    rims = [np.take(pieces, end, axis) for axis in range(3) if axis != axial for end in (0, -1)]
    outside = np.unique(np.concatenate([rim.ravel() for rim in rims]))
    keep = sizes >= least_ml
    keep[0] = False
    keep[outside] = False
    if not keep.any():
        low, high = float(volume.voxels.min()), float(volume.voxels.max())
        raise RefusedError(
            f"no lung of {least_ml:g} ml below {threshold_hu:g} HU lies within the body (voxels run from {low:g} to "
            f"{high:g}); give the lungs as a mask, or see whether the values are Hounsfield units"
        )
    return _closed(keep[pieces], spacing, 6.0)


def _closed(mask: Mask, spacing: Spacing, reach_mm: float) -> Mask:
    """Mask closed by a ball, by two distance maps on a padded box: cost does not grow with the ball."""
    margin = [int(np.ceil(reach_mm / step)) + 1 for step in spacing]
    box = ndimage.find_objects(mask.astype(np.uint8))[0]
    inner = np.pad(mask[box], [(m, m) for m in margin])
    grown = ndimage.distance_transform_edt(~inner, sampling=spacing) <= reach_mm
    shut = ndimage.distance_transform_edt(grown, sampling=spacing) > reach_mm
    closed = mask.copy()
    closed[box] |= shut[tuple(slice(m, -m) for m in margin)]
    return closed


def trachea_seed(volume: Volume, lung: Mask) -> tuple[int, int, int]:
    """Return a voxel of the trachea: the middle of the longest round tube of air in the upper chest.

    In every slice of the upper half, round pieces of air of 0.5 to 8 cm2 within 50 mm of the middle are candidates;
    those of neighbouring slices whose middles lie within 6 mm make a tube. A lone pocket of air (a throat cut by the
    first slice, gas in the gullet) is shorter than the trachea.

    Args:
        volume: chest CT in HU.
        lung: bool, on the same grid.

    Raises:
        RefusedError: if no tube is 15 mm long.
    """
    axial = int(np.argmax(np.abs(volume.affine[2, :3])))
    spacing = np.array([step for axis, step in enumerate(volume.spacing_mm) if axis != axial])
    thick = volume.spacing_mm[axial]
    cut, held = np.moveaxis(volume.voxels, axial, 0), np.moveaxis(lung, axial, 0)
    where = np.flatnonzero(held.any(axis=(1, 2)))
    middle = np.argwhere(held.any(axis=0)).mean(axis=0)
    order = where[::-1] if volume.affine[2, axial] > 0 else where
    ends: list[list[tuple[int, NDArray[np.int64]]]] = []
    longest: list[tuple[int, NDArray[np.int64]]] = []
    for number in order[: max(1, len(order) // 2)]:
        grown = []
        for spots in _round_air(cut[number], spacing, middle):
            here = spots.mean(axis=0)
            near = [t for t in ends if np.linalg.norm((t[-1][1].mean(axis=0) - here) * spacing) < 6.0]
            grown.append([*max(near, key=len, default=[]), (int(number), spots)])
        ends = grown
        longest = max([longest, *grown], key=len)
    if len(longest) * thick < 15.0:
        raise RefusedError("no trachea was found in the upper half of the lungs: give a voxel within it as the seed")
    number, spots = longest[len(longest) // 2]
    inner = spots[int(np.argmin(np.linalg.norm((spots - spots.mean(axis=0)) * spacing, axis=1)))]
    found = [int(v) for v in inner]
    found.insert(axial, number)
    return found[0], found[1], found[2]


def _round_air(
    plane: NDArray[np.float32], spacing: NDArray[np.float64], middle: NDArray[np.float64]
) -> list[NDArray[np.int64]]:
    """Return the spots (N, 2) of each round piece of air near the middle of a slice."""
    pieces, count = ndimage.label(plane < -800)
    found = []
    for label, box in enumerate(ndimage.find_objects(pieces, max_label=count), 1):
        spots = np.argwhere(pieces[box] == label) + [part.start for part in box]
        area = len(spots) * spacing.prod() / 100
        rim = spots.min() == 0 or (spots.max(axis=0) >= np.array(plane.shape) - 1).any()
        wide = (np.ptp(spots, axis=0) + 1) * spacing
        if rim or not 0.5 <= area <= 8 or wide.max() > 2.2 * wide.min():
            continue
        if np.linalg.norm((spots.mean(axis=0) - middle) * spacing) < 50:
            found.append(spots)
    return found


def airways(
    hu: NDArray[np.float32], spacing_mm: Spacing, seed: tuple[int, int, int], *,
    step_hu: float = 10.0, highest_hu: float = -700.0, leak: float = 1.6, leak_ml: float = 10.0, most_ml: float = 250.0,
) -> Grown:  # fmt: skip
    """Grow the airway lumen from a seed, the threshold rising until the growth explodes into the lung.

    The threshold begins at the seed's surroundings plus two of their standard deviations. A step leaks where the volume
    grows by the factor `leak` and by `leak_ml` at once (a trachea that fills is no leak), or goes beyond `most_ml`; the
    step before it is kept.

    Args:
        hu: (A, B, C).
        spacing_mm: of a voxel.
        seed: voxel inside the trachea or a main bronchus.
        step_hu, highest_hu: thresholds to try.
        leak, leak_ml, most_ml: when a step counts as a leak.

    Raises:
        InputError: if the seed is outside the grid or is not air.
    """
    if any(not 0 <= at < size for at, size in zip(seed, hu.shape, strict=True)):
        raise InputError(f"the seed {seed} lies outside the volume of {hu.shape} voxels")
    near = hu[tuple(slice(max(0, at - 1), at + 2) for at in seed)]
    if float(np.median(near)) > -800:
        raise InputError(f"the seed {seed} is no airway: {float(np.median(near)):.0f} HU, below -800 was expected")
    voxel_ml = float(np.prod(spacing_mm)) / 1000
    kept, kept_hu, leaked = np.zeros(hu.shape, bool), float("nan"), False
    tried: dict[float, float] = {}
    first = min(float(near.mean() + 2 * near.std()), highest_hu)
    for threshold in np.arange(first, highest_hu + step_hu, step_hu):
        pieces, _ = ndimage.label(hu < threshold)
        if not pieces[seed]:
            continue
        found = pieces == pieces[seed]
        size, before = float(found.sum()) * voxel_ml, float(kept.sum()) * voxel_ml
        tried[float(threshold)] = size
        leaked = size > most_ml or bool(tried and before and size > leak * before and size - before > leak_ml)
        if leaked:
            break
        kept, kept_hu = found, float(threshold)
    return Grown(kept, kept_hu, tried, leaked)


def tubeness(
    hu: NDArray[np.float32], spacing_mm: Spacing, where: Mask, *, sigmas_mm: tuple[float, ...] = (0.8, 1.6, 3.2)
) -> NDArray[np.float32]:
    """Return how much each voxel of `where` looks like a bright tube, in HU: the largest -sigma^2 lambda_2 of scales.

    lambda_2 is the middle eigenvalue of the Hessian: near 0 on plates and edges, far below 0 in tubes (Sato et al.
    1998). Blobs pass too. Voxels elsewhere are 0.

    Args:
        hu: (A, B, C).
        spacing_mm: of a voxel.
        where: bool, the voxels to work out.
        sigmas_mm: scales; a scale finds tubes of about 1.4 of its radius.
    """
    best = np.zeros(int(where.sum()), dtype=np.float32)
    for sigma in sigmas_mm:
        wide = [max(sigma / step, 0.5) for step in spacing_mm]
        second = {}
        for one in range(3):
            for two in range(one, 3):
                order = [int(axis == one) + int(axis == two) for axis in range(3)]
                made = ndimage.gaussian_filter(hu, wide, order=order, truncate=3.0)[where]
                second[one, two] = made * np.float32(sigma**2 / (spacing_mm[one] * spacing_mm[two]))
        np.maximum(best, -_middle_eigenvalue(second), out=best)
    found = np.zeros(hu.shape, dtype=np.float32)
    found[where] = best
    return found


def _middle_eigenvalue(h: dict[tuple[int, int], NDArray[np.float32]]) -> NDArray[np.float32]:
    """Middle eigenvalue of symmetric 3 x 3 matrices, in closed form (Smith 1961)."""
    a, b, c = (h[k, k].astype(np.float64) for k in range(3))
    mean = (a + b + c) / 3
    off = h[0, 1].astype(np.float64), h[0, 2].astype(np.float64), h[1, 2].astype(np.float64)
    a, b, c = a - mean, b - mean, c - mean
    spread = np.sqrt((a * a + b * b + c * c + 2 * sum(o * o for o in off)) / 6)
    determinant = a * (b * c - off[2] ** 2) - off[0] * (off[0] * c - off[1] * off[2])
    determinant += off[1] * (off[0] * off[2] - off[1] * b)
    angle = np.arccos(np.clip(determinant / np.maximum(2 * spread**3, 1e-30), -1, 1)) / 3
    return np.asarray(mean + 2 * spread * np.cos(angle - 2 * np.pi / 3), dtype=np.float32)


def vessels(
    hu: NDArray[np.float32], spacing_mm: Spacing, lung: Mask, *, airway: Mask | None = None,
    brighter_hu: float = 100.0, tube_hu: float = 60.0, core_hu: float = -350.0, least_mm3: float = 15.0,
    sigmas_mm: tuple[float, ...] = (0.8, 1.6, 3.2),
) -> Mask:  # fmt: skip
    """Return the vessels within a lung: bright tubes, and what is as dense as blood.

    Args:
        hu: (A, B, C).
        spacing_mm: of a voxel.
        lung: bool.
        airway: lumen, whose wall (2 mm about it) is left out.
        brighter_hu: how far above the lung's median a voxel must be.
        tube_hu: the least tubeness.
        core_hu: voxels above it count without being tubes (large vessels).
        least_mm3: smaller connected pieces are noise.
        sigmas_mm: scales of `tubeness`.
    """
    if not lung.any():
        return np.zeros(lung.shape, dtype=bool)
    reach = [int(np.ceil(4 * max(sigmas_mm) / step)) for step in spacing_mm]
    box = ndimage.find_objects(lung.astype(np.uint8))[0]
    box = tuple(slice(max(0, s.start - r), s.stop + r) for s, r in zip(box, reach, strict=True))
    inner, part = lung[box], hu[box]
    level = float(np.median(part[inner]))
    filled = np.where(inner, part, np.float32(level))  # so that the chest wall is no tube
    bright = inner & (filled > level + brighter_hu)
    found = bright & ((tubeness(filled, spacing_mm, bright, sigmas_mm=sigmas_mm) > tube_hu) | (filled > core_hu))
    if airway is not None and airway[box].any():
        found &= ndimage.distance_transform_edt(~airway[box], sampling=spacing_mm) > 2.0
    pieces, count = ndimage.label(found, structure=_BOX)
    sizes = np.bincount(pieces.ravel(), minlength=count + 1) * np.prod(spacing_mm)
    sizes[0] = 0
    whole = np.zeros(lung.shape, dtype=bool)
    whole[box] = (sizes >= least_mm3)[pieces]
    return whole
