"""Lesions put into a CT as Hounsfield units, and how much of them a projection keeps.

The recipe behind the table of conventions in `docs/projection-physics.md`: spheres at the median voxel of a lobe,
clipped to lung, and an apical rim of air. Denser lesions fill air and leave vessels; thinner ones replace both.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import InputError
from hilum.core.image import Volume
from hilum.drr.axes import axis_order
from hilum.drr.field import Structures

LOBES = ("lung_upper_lobe_left", "lung_lower_lobe_left", "lung_upper_lobe_right", "lung_middle_lobe_right",
         "lung_lower_lobe_right")  # fmt: skip
"""TotalSegmentator's names of the lobes."""
_LUNG_PATH_MM, _LOCAL_MM = 60.0, 10.0

Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Lesion:
    """A change of density in the lungs.

    Args:
        name: for tables.
        hu: what it is made of.
        diameter_mm: of a sphere; 0 for a rim.
        rim_mm: depth of a rim of air under the pleura, counted along the axes; 0 for a sphere.
        above: for a rim, the share of the lung's voxels that lie below where it starts.
        lobe: where a sphere is centred, and whose side a rim is on.
    """

    name: str
    hu: float
    diameter_mm: float = 0.0
    rim_mm: float = 0.0
    above: float = 0.6
    lobe: str = "lung_lower_lobe_right"

    def __post_init__(self) -> None:
        if (self.diameter_mm > 0) == (self.rim_mm > 0):
            raise InputError(f"the lesion '{self.name}' needs a diameter or a rim above 0 mm, and not both")


LESIONS = (
    Lesion("40 mm ground glass", -600.0, 40.0),
    Lesion("40 mm consolidation", 30.0, 40.0),
    Lesion("10 mm solid nodule", 40.0, 10.0),
    Lesion("10 mm ground-glass nodule", -600.0, 10.0),
    Lesion("60 mm bulla", -980.0, 60.0),
    Lesion("apical pneumothorax rim, 16 mm", -1000.0, rim_mm=16.0),
)
"""The six rows of the table."""


def lung_mask(structures: Structures, *, side: str = "") -> Bools:
    """Return where the lungs are, on one side ('left', 'right') or both: bool of the grid's shape.

    Raises:
        InputError: if the structures name no lobe, or none is there.
    """
    lobes = structures.wanted([lobe for lobe in LOBES if lobe.endswith(side)])
    found: Bools = np.isin(structures.ids, lobes)
    if not found.any():
        raise InputError(f"the structures hold no voxel of the {side or 'left or right'} lung: segment the lobes first")
    return found


def depth_mm(mask: Bools, spacing_mm: tuple[float, float, float]) -> NDArray[np.float32]:
    """Return the city-block distance in mm from each voxel of a mask to the nearest one outside; 0 outside."""
    depth = np.where(mask, np.float32(np.inf), np.float32(0.0))
    for axis, step in enumerate(spacing_mm):
        place = (np.arange(mask.shape[axis], dtype=np.float32) * step).reshape(
            [-1 if a == axis else 1 for a in range(3)]
        )
        up = np.minimum.accumulate(depth - place, axis=axis) + place
        down = np.flip(np.minimum.accumulate(np.flip(depth + place, axis), axis=axis), axis) - place
        depth = np.minimum(up, down)
    return depth


def _heights_mm(structures: Structures) -> NDArray[np.float64]:
    """Height of every voxel towards the head, to broadcast over the grid."""
    i, j, k = (np.arange(n) for n in structures.ids.shape)
    z = structures.affine[2]
    found: NDArray[np.float64] = z[0] * i[:, None, None] + z[1] * j[None, :, None] + z[2] * k + z[3]
    return found


def centre_mm(structures: Structures, lobe: str) -> NDArray[np.float64]:
    """Return the median voxel of a lobe in patient mm (3,).

    Raises:
        InputError: if no voxel belongs to it.
    """
    (wanted,) = structures.wanted([lobe])
    index = np.argwhere(structures.ids == wanted)
    if not len(index):
        raise InputError(f"no voxel belongs to '{lobe}': the CT may not show it")
    middle: NDArray[np.float64] = structures.affine[:3, :3] @ np.median(index, axis=0) + structures.affine[:3, 3]
    return middle


def lesion_mask(structures: Structures, lesion: Lesion, *, centre: NDArray[np.float64] | None = None) -> Bools:
    """Return where a lesion lies: bool of the grid's shape, always inside lung.

    Args:
        structures: with the lobes under TotalSegmentator's names.
        lesion: what to place.
        centre: (3,) of a sphere in patient mm (LPS); None takes the median voxel of its lobe.

    Raises:
        InputError: if there is no lung, or the lesion lies wholly outside it.
    """
    if lesion.rim_mm:
        lung = lung_mask(structures, side=lesion.lobe.rpartition("_")[2])
        heights = np.broadcast_to(_heights_mm(structures), lung.shape)
        spacing = tuple(float(s) for s in np.linalg.norm(structures.affine[:3, :3], axis=0))
        start = np.percentile(heights[lung], 100 * lesion.above)
        found: Bools = lung & (depth_mm(lung, spacing) <= lesion.rim_mm + 1e-3) & (heights > start + 1e-6)  # type: ignore[arg-type]
    else:
        middle = centre_mm(structures, lesion.lobe) if centre is None else np.asarray(centre, np.float64)
        found = _sphere(structures, middle, lesion.diameter_mm / 2) & lung_mask(structures)
    if not found.any():
        raise InputError(f"the lesion '{lesion.name}' touches no lung at {centre}: choose a centre in the lung")
    return found


def _sphere(structures: Structures, middle: NDArray[np.float64], radius_mm: float) -> Bools:
    i, j, k = (np.arange(n) for n in structures.ids.shape)
    a = structures.affine
    squared = np.zeros(structures.ids.shape)
    for axis in range(3):
        at = a[axis, 0] * i[:, None, None] + a[axis, 1] * j[None, :, None] + a[axis, 2] * k + a[axis, 3]
        squared += (at - middle[axis]) ** 2
    found: Bools = squared <= radius_mm**2
    return found


def inserted(volume: Volume, mask: Bools, hu: float) -> Volume:
    """Return a CT with a region changed: at least `hu` where it is denser than lung (-700), else exactly `hu`.

    A region that fills with fluid or cells keeps the vessels in it; one that fills with air loses them.

    Raises:
        InputError: if the mask is of another shape.
    """
    if mask.shape != volume.voxels.shape:
        raise InputError(f"the mask is {mask.shape} and the CT {volume.voxels.shape}: bring both to one grid")
    voxels = volume.voxels.copy()
    voxels[mask] = np.maximum(voxels[mask], hu) if hu > -700 else hu
    return Volume(voxels, volume.affine, id=volume.id, made_by=volume.made_by)


def contrast_to_noise(
    volume: Volume,
    structures: Structures,
    lesion: Lesion,
    law: Callable[[NDArray[np.float32]], NDArray[np.float32]],
) -> float:
    """Return how far a lesion stands out of the anatomy around it on a frontal projection by parallel rays.

    The mean change of the ray sum where the lesion is at least half as thick as at its thickest, over the standard
    deviation of the ray sum less its 10 mm Gaussian mean where more than 60 mm of lung lie in the ray.

    Args:
        volume, structures: one grid of cubic voxels.
        lesion: placed by `lesion_mask`.
        law: HU to what a ray sums, e.g. one of `conventions.CONVENTIONS`.
    """
    from scipy.ndimage import gaussian_filter

    axis = axis_order(volume.affine)[0][1]
    step = volume.spacing_mm[axis]
    mask = lesion_mask(structures, lesion)

    def rays(values: NDArray[Any]) -> NDArray[np.float64]:
        summed: NDArray[np.float64] = values.sum(axis=axis, dtype=np.float64) * step
        return summed

    before, after = rays(law(volume.voxels)), rays(law(inserted(volume, mask, lesion.hu).voxels))
    thickness = mask.sum(axis=axis)
    inside = rays(lung_mask(structures)) > _LUNG_PATH_MM
    local = (before - gaussian_filter(before, _LOCAL_MM / step))[inside].std()
    return float((after - before)[thickness > 0.5 * thickness.max()].mean() / local)
