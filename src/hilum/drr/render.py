"""Line integrals by the kernel that suits the geometry."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import InputError
from hilum.drr.field import Field
from hilum.drr.geometry import Geometry

Model = Literal["trilinear", "siddon"]
Kernel = Literal["auto", "slab", "plane", "gather"]
_PLANE_PIXELS = 200 * 200  # fewer are gathered as fast, and more exactly


def line_integrals(
    field: Field, geometry: Geometry, *, model: Model = "trilinear", kernel: Kernel = "auto", device: str = "cpu"
) -> NDArray[np.float32]:
    """Integrate a field along the rays of one exposure.

    Args:
        field: what the rays run through, e.g. attenuation in 1/mm.
        geometry: source and detector; the volume is taken to lie between them.
        model: 'trilinear' between voxel centres, or 'siddon' for constant voxels (exact path lengths).
        kernel: how the trilinear model is computed: 'slab' (detectors aligned with the grid), 'plane' (oblique
            ones, by way of a finer plane parallel to the slabs), 'gather' (any), or 'auto' for the fastest that suits.
        device: 'cpu', or a graphics card as torch names it ('cuda'), which computes the trilinear model its own way.

    Returns:
        float32 (rows, columns), the field's unit times mm.

    Raises:
        InputError: for an unknown model or kernel, or a kernel that cannot take this geometry.
        MissingError: if the device, or torch for it, is not there.
    """
    if device != "cpu":
        if model != "trilinear" or kernel != "auto":
            raise InputError(f"on '{device}' there is the trilinear model with its own kernel only")
        from hilum.drr import gpu

        return gpu.integrals(field, geometry, device)
    if model == "siddon":
        from hilum.drr import siddon

        return siddon.integrals(field, geometry)
    film: NDArray[np.float32] = line_integrals_many([field], geometry, model=model, kernel=kernel)[0]
    return film


def line_integrals_many(
    fields: Sequence[Field], geometry: Geometry, *, model: Model = "trilinear", kernel: Kernel = "auto"
) -> NDArray[np.float32]:
    """Integrate several fields on one grid, e.g. the density of each material, along the same rays.

    Weights are computed once, and blocks in which a field is empty cost nothing.

    Returns:
        float32 (F, rows, columns), each field's unit times mm.

    Raises:
        InputError: if there is no field or their grids differ, or as for `line_integrals`.
    """
    if model not in get_args(Model):
        raise InputError(f"the projection model '{model}' is not known: use {' or '.join(get_args(Model))}")
    if kernel not in get_args(Kernel):
        raise InputError(f"the projection kernel '{kernel}' is not known: use one of {', '.join(get_args(Kernel))}")
    if not fields or any(
        field.shape != fields[0].shape or not np.array_equal(field.affine, fields[0].affine) for field in fields
    ):
        raise InputError("fields projected together need to lie on one grid: same shape and affine, at least one field")
    if model == "siddon":
        return np.stack([line_integrals(field, geometry, model=model) for field in fields])
    from hilum.drr import joseph, plane, slab

    if kernel == "slab" or (kernel == "auto" and slab.suits(fields[0], geometry)):
        return slab.integrals_many(fields, geometry)
    if kernel == "plane" or (kernel == "auto" and geometry.shape[0] * geometry.shape[1] >= _PLANE_PIXELS):
        films = plane.integrals_many(fields, geometry)
        if films is not None:
            return films
        if kernel == "plane":
            raise InputError(
                "the plane kernel takes no rays near 45 degrees to the grid's axes, and no plane over 4096 lines: "
                "use the gather kernel"
            )
    return joseph.integrals_many(fields, geometry)


def batch(
    field: Field, geometries: Sequence[Geometry], *, model: Model = "trilinear", kernel: Kernel = "auto"
) -> NDArray[np.float32]:
    """Integrate a field for several exposures of one detector size.

    The layouts of the field are made once and shared; memory grows by the films only.

    Returns:
        float32 (poses, rows, columns), the field's unit times mm.

    Raises:
        InputError: if there is no pose or detector sizes differ, or as for `line_integrals`.
    """
    shapes = {geometry.shape for geometry in geometries}
    if len(shapes) != 1:
        raise InputError(f"a batch of exposures needs one detector size, got {sorted(shapes) or 'no exposure'}")
    films = np.empty((len(geometries), *shapes.pop()), np.float32)
    for film, geometry in zip(films, geometries, strict=True):
        film[...] = line_integrals(field, geometry, model=model, kernel=kernel)
    return films
