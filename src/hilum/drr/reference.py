"""Line integrals in float64, ray by ray: slow, plain, and what every fast kernel is checked against."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hilum.drr.field import Field
from hilum.drr.geometry import Geometry

Floats = NDArray[np.float64]


def rays(field: Field, geometry: Geometry, pixels: NDArray[np.int64]) -> tuple[Floats, Floats, Floats]:
    """Return start (N, 3) and way (N, 3) in voxel indices, and length in mm (N,), of the rays to pixels (N, 2)."""
    pencil = geometry.pencil(field.affine)
    row, column = pixels[:, :1].astype(np.float64), pixels[:, 1:].astype(np.float64)
    start = pencil.start + row * pencil.start_row + column * pencil.start_column
    way = pencil.way + row * pencil.way_row + column * pencil.way_column
    return start, way, np.linalg.norm(way @ field.affine[:3, :3].T, axis=1)


def _crossings(start: Floats, way: Floats, shape: tuple[int, ...], half: float) -> Floats:
    """Return the sorted parameters at which one ray crosses grid planes, within the grid's box.

    `half` 0.5 puts planes on voxel faces (Siddon), 0 on voxel centres, from one before the first to one after
    the last (trilinear, where the border fades to 0 over one voxel).
    """
    low, high = -np.inf, np.inf
    planes = []
    for axis, size in enumerate(shape):
        first, last = (-0.5, size - 0.5) if half else (-1.0, float(size))
        if abs(way[axis]) < 1e-14:
            if not first < start[axis] < last:
                return np.empty(0)
            continue
        at = (np.arange(first, last + 0.25) - start[axis]) / way[axis]
        low, high = max(low, at.min()), min(high, at.max())
        planes.append(at)
    if not low < high:
        return np.empty(0)
    cuts = np.concatenate(planes)
    return np.unique(np.concatenate([cuts[(cuts > low) & (cuts < high)], [low, high]]))


def siddon(field: Field, geometry: Geometry, pixels: NDArray[np.int64]) -> Floats:
    """Return exact radiological paths (N,) through constant voxels to pixels (N, 2), in the field's unit times mm.

    Source: Siddon, Med Phys 1985;12:252.
    """
    starts, ways, lengths = rays(field, geometry, pixels)
    values, total = field.values, np.zeros(len(pixels))
    for index, (start, way) in enumerate(zip(starts, ways, strict=True)):
        cuts = _crossings(start, way, field.shape, 0.5)
        if cuts.size < 2:
            continue
        middle = start + (cuts[:-1] + cuts[1:])[:, None] / 2 * way
        voxel = np.clip(np.rint(middle).astype(np.int64), 0, np.array(field.shape) - 1)
        total[index] = (values[tuple(voxel.T)].astype(np.float64) * np.diff(cuts)).sum()
    return total * lengths * field.scale


def trilinear(field: Field, geometry: Geometry, pixels: NDArray[np.int64]) -> Floats:
    """Return exact integrals (N,) of the trilinear interpolant to pixels (N, 2), in the field's unit times mm.

    Between planes through voxel centres the interpolant is a cubic along the ray, so two Gauss points integrate
    it exactly. Outside the grid the values are 0: the border fades over one voxel.
    """
    starts, ways, lengths = rays(field, geometry, pixels)
    padded = np.pad(field.values, 1).astype(np.float64)
    total = np.zeros(len(pixels))
    for index, (start, way) in enumerate(zip(starts, ways, strict=True)):
        cuts = _crossings(start, way, field.shape, 0.0)
        if cuts.size < 2:
            continue
        width, middle = np.diff(cuts), (cuts[:-1] + cuts[1:]) / 2
        for sign in (-1, 1):
            at = start + 1.0 + (middle + sign * width / (2 * np.sqrt(3.0)))[:, None] * way
            low = np.clip(np.floor(at).astype(np.int64), 0, np.array(padded.shape) - 2)
            share = at - low
            value = np.zeros(len(at))
            for corner in np.ndindex(2, 2, 2):
                weight = np.prod(np.where(corner, share, 1.0 - share), axis=1)
                value += weight * padded[tuple((low + corner).T)]
            total[index] += (value * width).sum() / 2
    return total * lengths * field.scale
