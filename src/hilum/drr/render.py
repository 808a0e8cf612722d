"""Line integrals by the kernel that suits the geometry."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import InputError
from hilum.drr.field import Field
from hilum.drr.geometry import Geometry

Model = Literal["trilinear", "siddon"]


def line_integrals(field: Field, geometry: Geometry, *, model: Model = "trilinear") -> NDArray[np.float32]:
    """Integrate a field along the rays of one exposure.

    Args:
        field: what the rays run through, e.g. attenuation in 1/mm.
        geometry: source and detector; the volume is taken to lie between them.
        model: 'trilinear' between voxel centres, or 'siddon' for constant voxels (exact path lengths).

    Returns:
        float32 (rows, columns), the field's unit times mm.
    """
    if model != "trilinear":
        raise InputError(f"the projection model '{model}' is not known: use trilinear")
    from hilum.drr import joseph

    return joseph.integrals(field, geometry)


def batch(field: Field, geometries: Sequence[Geometry], *, model: Model = "trilinear") -> NDArray[np.float32]:
    """Integrate a field for several exposures of one detector size; returns float32 (poses, rows, columns)."""
    return np.stack([line_integrals(field, geometry, model=model) for geometry in geometries])
