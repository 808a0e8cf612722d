"""Voxels in the patient's own order: to the left, to the back, to the head."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import InputError
from hilum.core.image import Volume


def axis_order(affine: NDArray[np.float64]) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    """Return which array axis runs along x, y, z (LPS), and the sign it runs with.

    Raises:
        InputError: if the axes are oblique by about 45 degrees or more.
    """
    direction = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    x, y, z = (int(np.argmax(np.abs(direction[axis]))) for axis in range(3))
    if len({x, y, z}) != 3:
        raise InputError("the volume's axes are too oblique to name: resample it to patient axes first")
    signs = tuple(int(np.sign(direction[axis, order])) for axis, order in enumerate((x, y, z)))
    return (x, y, z), signs  # type: ignore[return-value]


def to_patient_axes(volume: Volume) -> tuple[NDArray[np.float32], tuple[float, float, float]]:
    """Return voxels as (x, y, z) in LPS order, increasing to left, posterior and head, and spacing in mm.

    Raises:
        InputError: if the axes are oblique by about 45 degrees or more.
    """
    order, signs = axis_order(volume.affine)
    voxels = volume.voxels.transpose(order)[tuple(slice(None, None, sign) for sign in signs)]
    spacing = volume.spacing_mm
    return voxels, (spacing[order[0]], spacing[order[1]], spacing[order[2]])
