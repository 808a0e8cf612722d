"""Joseph's projector by gathering: any ray, one bilinear look-up per voxel plane it crosses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.drr.compiled import jit, prange
from hilum.drr.field import Field
from hilum.drr.geometry import Geometry


@jit(parallel=True)
def _gather(values: Any, pencil: Any, out: Any) -> None:
    """Sum bilinear samples on the planes of the axis each ray crosses fastest, times the step in ray parameter."""
    rows, columns = out.shape
    for row in prange(rows):
        for column in range(columns):
            start = pencil[0] + row * pencil[1] + column * pencil[2]
            way = pencil[3] + row * pencil[4] + column * pencil[5]
            axis = 0
            if abs(way[1]) > abs(way[axis]):
                axis = 1
            if abs(way[2]) > abs(way[axis]):
                axis = 2
            one, two = (1 if axis == 0 else 0), (1 if axis == 2 else 2)
            total = 0.0
            for plane in range(values.shape[axis]):
                along = (plane - start[axis]) / way[axis]
                a, b = start[one] + along * way[one], start[two] + along * way[two]
                i, j = int(np.floor(a)), int(np.floor(b))
                for di in range(2):
                    for dj in range(2):
                        p, q = i + di, j + dj
                        if 0 <= p < values.shape[one] and 0 <= q < values.shape[two]:
                            weight = (a - i if di else 1 - a + i) * (b - j if dj else 1 - b + j)
                            if axis == 0:
                                total += weight * values[plane, p, q]
                            elif axis == 1:
                                total += weight * values[p, plane, q]
                            else:
                                total += weight * values[p, q, plane]
            out[row, column] = total / abs(way[axis])


def integrals(field: Field, geometry: Geometry) -> NDArray[np.float32]:
    """Return line integrals (rows, columns) float32 in the field's unit times mm, for any geometry.

    Source: Joseph, IEEE Trans Med Imaging 1982;1:192.
    """
    out = np.empty(geometry.shape)
    _gather(field.values, np.stack(geometry.pencil(field.affine)), out)
    return (out * geometry.ray_mm() * field.scale).astype(np.float32)


def integrals_many(fields: Sequence[Field], geometry: Geometry) -> NDArray[np.float32]:
    """Return line integrals (F, rows, columns) of several fields on one grid."""
    return np.stack([integrals(field, geometry) for field in fields])
