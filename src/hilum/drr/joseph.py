"""Joseph's projector by gathering: any ray, one bilinear look-up per voxel plane it crosses."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hilum.drr import moments
from hilum.drr.field import Field
from hilum.drr.geometry import Geometry


def integrals(field: Field, geometry: Geometry) -> NDArray[np.float32]:
    """Return line integrals (rows, columns) float32 in the field's unit times mm, for any geometry.

    The axis along which planes are crossed is chosen for each ray. Source: Joseph, IEEE Trans Med Imaging 1982;1:192.
    """
    pencil = geometry.pencil(field.affine)
    # the inner loop goes the way the last, contiguous axis runs, so that neighbouring rays read neighbouring voxels
    down = abs(pencil.start_row[2] + pencil.way_row[2]) >= abs(pencil.start_column[2] + pencil.way_column[2])
    values = field.keep("contiguous", lambda: np.ascontiguousarray(field.values).reshape(-1))
    out, none = np.empty((1, *geometry.shape), np.float32), np.empty((0, 0, 0, 0), np.float32)
    moments.project(values, np.array(field.shape), np.stack(pencil)[None], bool(down), out, none)
    film: NDArray[np.float32] = out[0]
    film *= (geometry.ray_mm() * field.scale).astype(np.float32)
    return film


def integrals_many(fields: Sequence[Field], geometry: Geometry) -> NDArray[np.float32]:
    """Return line integrals (F, rows, columns) of several fields on one grid."""
    return np.stack([integrals(field, geometry) for field in fields])
