"""Regions of the chest that no single structure fills: the mediastinum and its parts, the diaphragm."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hilum.drr.anatomy_grid import Grid
from hilum.drr.anatomy_parts import SIDES, Side, lobes

UPPER, ANTERIOR, MIDDLE, POSTERIOR = 1, 2, 3, 4
BESIDE_MM = 8.0  # how far the mediastinum goes on beside its outermost organ in a slice
_MIDDLE = (
    "superior_vena_cava", "pulmonary_vein", "pulmonary_artery", "atrial_appendage_left", "trachea",
    "inferior_vena_cava", "brachiocephalic_trunk", "brachiocephalic_vein_left", "brachiocephalic_vein_right",
)  # fmt: skip
_UNDER = {"right": ("liver",), "left": ("stomach", "spleen")}
_NOT_MEDIASTINUM = (
    "lung", "rib", "vertebrae", "sternum", "costal", "scapula", "clavicula", "humerus", "autochthon", "spinal_cord",
    "liver", "stomach", "spleen", "colon", "kidney", "adrenal", "pancreas", "duodenum", "small_bowel", "gallbladder",
    "portal",
)  # fmt: skip


def sternal_plane(grid: Grid) -> tuple[float, float, float, float] | None:
    """Return (y, z) of the sternal angle and (y, z) of the T4/T5 disc, in mm from voxel 0; None if not given.

    The second ribs meet the sternum at its angle; a vertebral body is the front two fifths of a vertebra.
    """
    ribs = grid.present("rib_left_2", "rib_right_2")
    if not ribs or len(grid.present("vertebrae_T4", "vertebrae_T5")) < 2:
        return None
    _, dy, dz = grid.spacing_mm
    ends = [voxels[voxels[:, 1] <= voxels[:, 1].min() + 10 / dy] for voxels in map(grid.voxels, ribs)]
    front = np.concatenate(ends).mean(axis=0)
    bodies = []
    for name in ("vertebrae_T4", "vertebrae_T5"):
        voxels = grid.voxels(name)
        low, high = voxels[:, 1].min(), voxels[:, 1].max()
        bodies.append(voxels[voxels[:, 1] <= low + 0.4 * (high - low)].mean(axis=0))
    disc = (bodies[0] + bodies[1]) / 2
    return front[1] * dy, front[2] * dz, disc[1] * dy, disc[2] * dz


def between_lungs(left: NDArray[np.bool_], right: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return (X, Y, Z) what lies between two lungs in those rows across the patient that cut both."""
    across = np.arange(left.shape[0], dtype=np.int16)[:, None, None]
    both = left.any(axis=0) & right.any(axis=0)
    first_left = left.argmax(axis=0).astype(np.int16)
    last_right = (left.shape[0] - 1 - right[::-1].argmax(axis=0)).astype(np.int16)
    found: NDArray[np.bool_] = (across > last_right) & (across < first_left) & both
    return found


def mediastinum(grid: Grid, descending: NDArray[np.int64] | None) -> NDArray[np.uint8] | None:
    """Divide the mediastinum: upper above the plane from the sternal angle to T4/T5, the rest by the heart.

    It is what lies between the lungs, less bones, muscles and abdominal organs, and the organs known to belong
    to it, from the lowest slice of the heart to the top of T1. In each slice below the plane, what lies before the
    heart is anterior, behind it posterior; oesophagus and descending aorta are posterior, heart and great
    vessels middle.

    Returns:
        (X, Y, Z) of 0, UPPER, ANTERIOR, MIDDLE, POSTERIOR; None if a heart, a lung, T4, T5 or second rib is missing.
    """
    plane, heart_names = sternal_plane(grid), grid.heart()
    sides = [grid.present(*lobes(side)) for side in SIDES]
    if plane is None or not heart_names or not all(sides):
        return None
    box = grid.around([*heart_names, *sides[0], *sides[1], *grid.present("vertebrae_T1", "aorta", "trachea")])
    heart = grid.mask(heart_names, box)
    outside = [name for name in grid.numbers if name.startswith(_NOT_MEDIASTINUM)]
    space = between_lungs(*(grid.mask(side, box) for side in sides)) & ~grid.mask(outside, box)
    middle = grid.mask([*heart_names, *grid.present(*_MIDDLE)], box)
    behind = grid.mask(grid.present("esophagus"), box)
    if descending is not None:
        at = descending - np.array([part.start for part in box])
        at = at[(at >= 0).all(axis=1) & (at < behind.shape).all(axis=1)]
        np.put(behind, np.ravel_multi_index(tuple(at.T), behind.shape), True)
    organs = middle | behind | grid.mask(grid.present("aorta", "thyroid_gland"), box)
    space = (space & _beside(organs, round(BESIDE_MM / grid.spacing_mm[0]))) | organs
    slices = np.flatnonzero(np.any(heart, axis=(0, 1)))
    top = grid.height(["vertebrae_T1"], 1.0)
    space[..., : slices[0]] = False
    if top is not None:
        space[..., int(top) + 1 - box[2].start :] = False
    rows = np.arange(heart.shape[1])[:, None]
    fronts, backs = _heart_rows(heart, slices)
    parts = np.where(rows < fronts, ANTERIOR, np.where(rows > backs, POSTERIOR, MIDDLE)).astype(np.uint8)
    y_front, z_front, y_back, z_back = plane
    y = (rows + box[1].start) * grid.spacing_mm[1]
    height = z_front + (y - y_front) / (y_back - y_front) * (z_back - z_front)
    over = (np.arange(heart.shape[2]) + box[2].start) * grid.spacing_mm[2] > height
    cut = np.where(behind, POSTERIOR, np.where(middle, MIDDLE, parts))
    found = np.zeros(grid.ids.shape, np.uint8)
    found[box] = np.where(space, np.where(over, UPPER, cut), 0)
    return found


def _beside(organs: NDArray[np.bool_], reach: int) -> NDArray[np.bool_]:
    """Return (X, 1, Z) True from the first to the last organ of each slice and some voxels further."""
    seen: NDArray[np.bool_] = np.any(organs, axis=1)
    x = np.arange(len(seen))[:, None]
    first = np.where(seen.any(axis=0), seen.argmax(axis=0), len(seen) + reach)
    last = np.where(seen.any(axis=0), len(seen) - 1 - seen[::-1].argmax(axis=0), -1 - reach)
    found: NDArray[np.bool_] = ((x >= first - reach) & (x <= last + reach)).reshape(len(seen), 1, -1)
    return found


def _heart_rows(heart: NDArray[np.bool_], slices: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the first and last row of the heart in each slice, carried on above and below it."""
    cut: NDArray[np.bool_] = np.any(heart, axis=0)
    first, last = cut.argmax(axis=0), cut.shape[0] - 1 - cut[::-1].argmax(axis=0)
    every = np.arange(cut.shape[1])
    return np.interp(every, slices, first[slices]), np.interp(every, slices, last[slices])


def enclosed(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return (X, Y, Z) what has some of a mask on its left and right, and in front and behind, in its own slice."""
    found = np.ones_like(mask)
    for axis in (0, 1):
        for turn in (slice(None), slice(None, None, -1)):
            way = (turn, slice(None)) if axis == 0 else (slice(None), turn)
            found &= np.logical_or.accumulate(mask[way], axis=axis)[way]
    return found


def diaphragm(grid: Grid, side: Side) -> NDArray[np.int64] | None:
    """Return one half of the diaphragm: the underside of the lung over the dome, about 5 mm thick.

    In each column the lowest voxel of the lung counts, if it lies below the top of the organs under that dome
    (10 mm to spare), not on the heart, and if what is under it is enclosed by lungs and those organs: where the
    chest wall bulges inward the lung ends on ribs.

    Returns:
        (N, 3) voxels in patient order; None without a lung, or without an organ under it.
    """
    from scipy import ndimage

    organs, lung_names = grid.present(*_UNDER[side]), grid.present(*lobes(side))
    if not organs or not lung_names:
        return None
    dx, dy, dz = grid.spacing_mm
    box = grid.around([*lung_names, *grid.heart(), *organs], 6)
    ceiling = max(grid.box(name)[2].stop for name in organs) + 10 / dz - box[2].start
    top = int(ceiling) + 2
    lung, heart = grid.mask(lung_names, box), grid.mask(grid.heart(), box)
    inside = enclosed(lung[..., :top] | heart[..., :top] | grid.mask(organs, box)[..., :top])
    low = lung.argmax(axis=2)
    x, y = np.nonzero(lung.any(axis=2) & (low <= ceiling))
    z = low[x, y]
    below = np.maximum(z - np.arange(1, max(1, round(5 / dz)) + 2)[:, None], 0)
    good = ~heart[x, y, below].any(axis=0) & inside[x, y, below[0]]
    x, y, z = x[good], y[good], z[good]
    shell = np.zeros((*lung.shape[:2], top + 1), np.bool_)
    for step in range(round(3 / dz) + 1):  # where the dome is steep, columns follow each other over a gap in height
        shell[x, y, np.maximum(z - step, 0)] = True
    parts, count = ndimage.label(shell, np.ones((3, 3, 3)))
    if count > 1:
        shell = parts == 1 + int(np.argmax(np.bincount(parts.ravel())[1:]))
    for axis, size in enumerate((max(1, round(1.5 / dx)), max(1, round(1.5 / dy)), 1)):
        shell = ndimage.maximum_filter1d(shell, 2 * size + 1, axis=axis)
    found: NDArray[np.int64] = np.argwhere(shell) + np.array([part.start for part in box])
    return found
