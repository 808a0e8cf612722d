"""What a technologist does before the exposure: clear the table, centre on the lungs, collimate."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import InputError
from hilum.core.image import Volume
from hilum.drr.axes import axis_order
from hilum.drr.field import Structures
from hilum.drr.geometry import GAP_MM, SOURCE_DETECTOR_MM, DrrView, Geometry, aim, box_corners
from hilum.drr.lesions import LOBES
from hilum.drr.materials import Materials

LUNG_SHARE = 0.83
"""Width of the lungs' box over the width of the film, as measured on real frontal films."""
_COARSE_MM, _TISSUE_HU, _OPEN_MM = 4.0, -400.0, 10.0


def body_mask(volume: Volume) -> NDArray[np.bool_]:
    """Return where the patient is, lungs included and table, sheets and air left out: bool of the volume's shape.

    The largest piece of tissue that hangs together by more than about 1 cm, filled slice by slice, to about 4 mm.

    Raises:
        InputError: if nothing is denser than -400 HU.
    """
    from scipy import ndimage

    steps = [max(1, round(_COARSE_MM / s)) for s in volume.spacing_mm]
    coarse = volume.voxels[tuple(slice(None, None, step) for step in steps)] > _TISSUE_HU
    spacing = [s * step for s, step in zip(volume.spacing_mm, steps, strict=True)]
    inner = ndimage.distance_transform_edt(np.pad(coarse, 1, mode="edge"), sampling=spacing)[1:-1, 1:-1, 1:-1]
    pieces, count = ndimage.label(inner > _OPEN_MM / 2)
    if count == 0:
        raise InputError("the CT holds no body: nothing is denser than -400 HU over 1 cm; check that it is in HU")
    sizes = np.bincount(pieces.ravel())[1:]
    core = pieces == 1 + int(np.argmax(sizes))
    near = ndimage.distance_transform_edt(~core, sampling=spacing) <= _OPEN_MM / 2 + max(spacing)
    head = axis_order(volume.affine)[0][2]
    body = np.moveaxis(near & (coarse | core), head, 0)
    body = np.stack([ndimage.binary_fill_holes(slab) for slab in body])
    body = ndimage.binary_dilation(np.moveaxis(body, 0, head))
    for axis, (step, size) in enumerate(zip(steps, volume.voxels.shape, strict=True)):
        near_index = np.minimum((np.arange(size) + step // 2) // step, body.shape[axis] - 1)
        body = np.take(body, near_index, axis)
    return np.asarray(body, np.bool_)


def lung_outline_mm(structures: Structures) -> NDArray[np.float64]:
    """Return the first and last voxel of the lungs in every line of the second axis, in patient mm (N, 3).

    Raises:
        InputError: if the structures hold no lung.
    """
    table = np.zeros(int(np.iinfo(structures.ids.dtype).max) + 1, np.bool_)
    table[list(structures.wanted(LOBES))] = True
    lung = table[structures.ids]
    lines = np.argwhere(lung.any(axis=1))
    if not len(lines):
        raise InputError("the structures hold no voxel of a lung: segment the lobes, or use film_geometry")
    first = lung.argmax(axis=1)
    last = lung.shape[1] - 1 - lung[:, ::-1].argmax(axis=1)
    ends = [np.stack([lines[:, 0], end[lines[:, 0], lines[:, 1]], lines[:, 1]], axis=1) for end in (first, last)]
    points: NDArray[np.float64] = np.concatenate(ends) @ structures.affine[:3, :3].T + structures.affine[:3, 3]
    return points


def _grid(grid: Volume | Materials) -> tuple[NDArray[np.float64], tuple[int, ...]]:
    """Affine and shape of a CT or its materials."""
    if isinstance(grid, Volume):
        return grid.affine, grid.voxels.shape
    first = next(iter(grid.fields.values()))
    return first.affine, first.shape


def chest_geometry(
    grid: Volume | Materials,
    structures: Structures,
    *,
    view: DrrView = "PA",
    size: int | tuple[int, int] = 1024,
    angles_deg: tuple[float, float, float] = (0.0, 0.0, 0.0),
    source_detector_mm: float = SOURCE_DETECTOR_MM,
    gap_mm: float = GAP_MM,
    lung_share: float = LUNG_SHARE,
) -> Geometry:
    """Set up an exposure centred on the lungs and collimated to them, with square pixels.

    Args:
        grid: the CT or its materials.
        structures: with the lobes under TotalSegmentator's names; any grid.
        view: as `film_geometry` has it.
        size: rows and columns.
        angles_deg: patient rotation about the left, posterior and head axes.
        source_detector_mm, gap_mm: source to detector, and air between the volume's exit face and the detector.
        lung_share: longer side of the box around the lungs' shadow, over the film's side along it.

    Raises:
        InputError: if the structures hold no lung, or the share is not above 0.
    """
    if not lung_share > 0:
        raise InputError(f"the lungs take a share above 0 of the film, got {lung_share}")
    affine, shape = _grid(grid)
    points = lung_outline_mm(structures)
    rows, columns = (size, size) if isinstance(size, int) else size
    axis = 1 if view in ("PA", "AP") else 0
    corners = box_corners(affine, shape)
    deep = float(np.ptp(corners[:, axis])) / 2
    middle = corners.mean(axis=0)
    middle[2] = points[:, 2].mean()
    setting = {
        "view": view, "angles_deg": angles_deg, "source_detector_mm": source_detector_mm,
        "source_isocentre_mm": source_detector_mm - gap_mm - deep, "isocentre_mm": tuple(middle),
    }  # fmt: skip
    trial = aim(affine, shape, detector=(3, 3), pitch_mm=(1.0, 1.0), **setting)  # type: ignore[arg-type]
    shadow = trial.shadow(points) - 1.0  # mm from the central ray
    low, high = shadow.min(axis=0), shadow.max(axis=0)
    high_mm, wide_mm = (high - low) / lung_share
    pitch = max(high_mm / rows, wide_mm / columns)
    centre = (low + high) / 2
    return aim(
        affine, shape, detector=(rows, columns), pitch_mm=(pitch, pitch),
        offset_mm=(float(centre[0]), float(centre[1])), **setting,  # type: ignore[arg-type]
    )  # fmt: skip
