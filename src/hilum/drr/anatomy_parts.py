"""Parts that a CT's structures do not name: rib ends, the aortic arch, the carina, zones of the lungs."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hilum.drr.anatomy_grid import Grid

Side = Literal["left", "right"]
SIDES: tuple[Side, Side] = ("left", "right")
ZONES = ("apical", "upper", "mid", "base")
SHORTEST_ANTERIOR_MM = 10.0
MEDIAL_END_MM = 30.0
HILUM_BELOW_CARINA_MM = 50.0  # where no pulmonary vessel is given: about two vertebrae


class Aorta(NamedTuple):
    """Voxel indices (N, 3) of the parts of the aorta."""

    ascending: NDArray[np.int64]
    arch: NDArray[np.int64]
    descending: NDArray[np.int64]


def lobes(side: Side) -> tuple[str, ...]:
    """Return the names of one lung's lobes, from the top."""
    return (f"lung_upper_lobe_{side}", *(("lung_middle_lobe_right",) if side == "right" else ()),
            f"lung_lower_lobe_{side}")  # fmt: skip


def rib_is_anterior(voxels: NDArray[np.int64], side: Side, spacing_mm: tuple[float, float, float]) -> NDArray[np.bool_]:
    """Split a rib at its most lateral point, in the mid-axillary line.

    Args:
        voxels: (N, 3) indices to the left, back and head.
        side: of the patient.
        spacing_mm: in that order.

    Returns:
        (N,) True in front. All False if the part in front is under 10 mm long: such a rib ends at the flank.
    """
    x = voxels[:, 0] if side == "left" else -voxels[:, 0]
    lateral = voxels[x >= x.max() - 1, 1].mean()
    front: NDArray[np.bool_] = voxels[:, 1] < lateral
    long_mm = (lateral - voxels[:, 1].min()) * spacing_mm[1]
    return front if long_mm >= SHORTEST_ANTERIOR_MM else np.zeros_like(front)


def carina(grid: Grid) -> NDArray[np.float64] | None:
    """Return (3,) index of the tracheal fork: the middle of the last slice in which the airway is one; None without.

    Going down from the larynx, the trachea becomes two for good: both at least a fifth of it.
    """
    from scipy import ndimage

    if "trachea" not in grid.numbers:
        return None
    box = grid.box("trachea")
    airway = grid.ids[box] == grid.numbers["trachea"]
    lowest = None
    for z in range(airway.shape[2] - 1, -1, -1):
        parts, _ = ndimage.label(airway[..., z])
        sizes = np.sort(np.bincount(parts.ravel())[1:])[::-1]
        if len(sizes) > 1 and lowest is not None and sizes[1] > 0.2 * sizes[0]:
            break
        if len(sizes):
            lowest = z
    if lowest is None:
        return None
    middle = np.argwhere(airway[..., lowest]).mean(axis=0)
    return np.array([middle[0] + box[0].start, middle[1] + box[1].start, lowest + box[2].start])


def aorta(grid: Grid) -> Aorta | None:
    """Split the aorta: the arch lies above the highest slice that cuts it twice, the rest before or behind it."""
    from scipy import ndimage

    if "aorta" not in grid.numbers:
        return None
    box = grid.box("aorta")
    vessel = grid.ids[box] == grid.numbers["aorta"]
    under = None
    for z in range(vessel.shape[2] - 1, -1, -1):
        parts, _ = ndimage.label(vessel[..., z])
        sizes = np.sort(np.bincount(parts.ravel())[1:])[::-1]
        if len(sizes) > 1 and sizes[1] > 0.2 * sizes[0]:
            under = z
            break
    start = np.array([part.start for part in box])
    if under is None:
        return Aorta(np.empty((0, 3), np.int64), np.empty((0, 3), np.int64), np.argwhere(vessel) + start)
    parts, count = ndimage.label(vessel[..., : under + 1])
    sizes = np.bincount(parts.ravel(), minlength=count + 1)[1:]
    front = [voxels[:, 1].mean() for voxels in (np.argwhere(parts == n + 1) for n in range(count))]
    large = [n for n in range(count) if sizes[n] > 0.05 * sizes.sum()]
    ahead = min(large, key=lambda n: front[n]) if len(large) > 1 else -1
    below = np.argwhere(parts > 0)
    rises = parts[tuple(below.T)] == ahead + 1
    above = np.argwhere(vessel[..., under + 1 :]) + np.array([0, 0, under + 1])
    return Aorta(below[rises] + start, above + start, below[~rises] + start)


def zone_limits(grid: Grid, side: Side) -> tuple[float, float, float] | None:
    """Return the z indices between apical and upper, upper and mid, mid and base zone of one lung.

    The apex is what lies over the lower border of the clavicle at its medial end, the only part that crosses the
    lung on a frontal film and the one that raised arms move least. The mid zone is as high as the hilum: from the
    carina, or the upper end of the pulmonary vessels, to their lower end. None if clavicle or hilum are not given.
    """
    name, fork = f"clavicula_{side}", carina(grid)
    vessels = ("pulmonary_vein", "pulmonary_artery")
    top, bottom = grid.height(vessels, 0.99), grid.height(vessels, 0.01)
    if fork is not None:
        top = max(fork[2], top or 0.0)
        bottom = fork[2] - HILUM_BELOW_CARINA_MM / grid.spacing_mm[2] if bottom is None else bottom
    if name not in grid.numbers or top is None or bottom is None:
        return None
    bone = grid.voxels(name)
    x = bone[:, 0] if side == "right" else -bone[:, 0]
    clavicle = float(np.quantile(bone[x >= x.max() - MEDIAL_END_MM / grid.spacing_mm[0], 2], 0.1))
    return (clavicle, top, bottom) if clavicle > top > bottom else None
