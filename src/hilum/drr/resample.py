"""A CT and its structures on another grid of the same axes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import InputError
from hilum.core.image import Volume
from hilum.drr.field import Structures


def _grid(
    shape: Sequence[int], steps: Sequence[float], spacing_mm: float, affine: NDArray[np.float64]
) -> tuple[list[NDArray[np.float64]], NDArray[np.float64]]:
    """Places of the new voxels in old voxel indices, along each axis, and the new affine; first centres coincide."""
    if not spacing_mm > 0:
        raise InputError(f"voxels need a size above 0 mm, got {spacing_mm:g}")
    counts = [max(1, round(n * step / spacing_mm)) for n, step in zip(shape, steps, strict=True)]
    factors = [spacing_mm / step for step in steps]
    return [np.arange(n, dtype=np.float64) * f for n, f in zip(counts, factors, strict=True)], affine @ np.diag(
        [*factors, 1.0]
    )


def resampled(volume: Volume, spacing_mm: float) -> Volume:
    """Return a CT on cubic voxels by linear interpolation; the first voxel keeps its centre.

    Args:
        volume: HU on any grid; its axes are kept.
        spacing_mm: edge of the new voxels. Much larger ones than before alias: blur first.
    """
    places, affine = _grid(volume.voxels.shape, volume.spacing_mm, spacing_mm, volume.affine)
    voxels = volume.voxels
    for axis, place in enumerate(places):
        low = np.clip(np.floor(place).astype(int), 0, voxels.shape[axis] - 1)
        high = np.minimum(low + 1, voxels.shape[axis] - 1)
        share = (place - low).astype(np.float32).reshape([-1 if a == axis else 1 for a in range(3)])
        first = np.take(voxels, low, axis)
        voxels = first + share * (np.take(voxels, high, axis) - first)
    return Volume(voxels, affine, id=volume.id, made_by=volume.made_by)


def structures_resampled(structures: Structures, spacing_mm: float) -> Structures:
    """Return structures on the cubic grid that `resampled` makes, by the nearest voxel."""
    steps = [float(s) for s in np.linalg.norm(structures.affine[:3, :3], axis=0)]
    places, affine = _grid(structures.ids.shape, steps, spacing_mm, structures.affine)
    near = [np.clip(np.rint(p).astype(int), 0, n - 1) for p, n in zip(places, structures.ids.shape, strict=True)]
    return Structures(structures.ids[np.ix_(*near)], affine, structures.names)
