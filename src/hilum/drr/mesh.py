"""Path lengths through closed triangle meshes: exact, without voxels, so that a 0.4 mm needle keeps its edge."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.drr.compiled import jit
from hilum.drr.geometry import Geometry, Vector

Floats = NDArray[np.float64]


@jit(fast=False)
def _edge(a_row: float, a_column: float, b_row: float, b_column: float, row: float, column: float) -> float:
    return (b_column - a_column) * (row - a_row) - (b_row - a_row) * (column - a_column)


@jit(fast=False)
def _add_triangles(places: Any, depths: Any, faces: Any, planes: Any, hand: float, out: Any) -> None:
    """Add each triangle's depth: + where rays leave the body, - where they enter, so that sums are path lengths.

    places: (N, 2) vertices on the detector, row and column, at depths (N,). planes: (M, 6) per face: numerator and
    denominator of the depth as linear functions of (row, column). hand: +1 where rows, columns and beam are
    right-handed. A pixel on an edge counts as if it lay a trifle further along its row, then down, so that none is
    counted twice or left out between neighbours; a face seen edge-on gives no more than its corners' depths.
    """
    rows, columns = out.shape
    for face in range(faces.shape[0]):
        low_row = low_column = 1e18
        high_row = high_column = -1e18
        for corner in range(3):
            place = places[faces[face, corner]]
            low_row, high_row = min(low_row, place[0]), max(high_row, place[0])
            low_column, high_column = min(low_column, place[1]), max(high_column, place[1])
        a, b, c = places[faces[face, 0]], places[faces[face, 1]], places[faces[face, 2]]
        area = _edge(a[0], a[1], b[0], b[1], c[0], c[1])
        if area == 0.0:
            continue
        turn = 1.0 if area > 0 else -1.0
        near = min(depths[faces[face, 0]], depths[faces[face, 1]], depths[faces[face, 2]])
        far = max(depths[faces[face, 0]], depths[faces[face, 1]], depths[faces[face, 2]])
        for row in range(max(0, int(np.ceil(low_row))), min(rows - 1, int(np.floor(high_row))) + 1):
            for column in range(max(0, int(np.ceil(low_column))), min(columns - 1, int(np.floor(high_column))) + 1):
                inside = True
                for corner in range(3):
                    p, q = places[faces[face, corner]], places[faces[face, (corner + 1) % 3]]
                    here = _edge(p[0], p[1], q[0], q[1], row, column)
                    if here == 0.0:
                        here = p[0] - q[0] if p[0] != q[0] else q[1] - p[1]
                    if turn * here <= 0.0:
                        inside = False
                        break
                if inside:
                    top = planes[face, 0] + row * planes[face, 1] + column * planes[face, 2]
                    bottom = planes[face, 3] + row * planes[face, 4] + column * planes[face, 5]
                    depth = top / bottom if bottom != 0.0 else near
                    out[row, column] += hand * turn * min(max(depth, near), far)


def _planes(vertices: Floats, faces: NDArray[np.int64], geometry: Geometry) -> Floats:
    """Return per face (M, 6) the linear numerator and denominator of the ray parameter at its plane."""
    pencil = geometry.pencil(np.eye(4))
    a, b, c = (vertices[faces[:, corner]] for corner in range(3))
    normal = np.cross(b - a, c - a)
    top = [np.einsum("ij,ij->i", normal, a) - normal @ pencil.start, -(normal @ pencil.start_row)]
    top.append(-(normal @ pencil.start_column))
    bottom = [normal @ pencil.way, normal @ pencil.way_row, normal @ pencil.way_column]
    return np.stack([*top, *bottom], axis=1)


def window(geometry: Geometry, places: Floats, *, margin: int = 1) -> tuple[Geometry, tuple[slice, slice]]:
    """Return the part of a detector that points (N, 2) of row, column cover, and where it lies; may be empty."""
    low = np.floor(places.min(axis=0)).astype(int) - margin
    high = np.ceil(places.max(axis=0)).astype(int) + margin + 1
    (top, left), (bottom, right) = np.maximum(low, 0), np.minimum(high, geometry.shape)
    part = (slice(int(top), int(max(top, bottom))), slice(int(left), int(max(left, right))))
    shape = (part[0].stop - part[0].start, part[1].stop - part[1].start)
    if min(shape) == 0:
        return geometry, (slice(0, 0), slice(0, 0))
    return replace(geometry, corner=geometry.pixel(top, left), source=_source(geometry, top, left), shape=shape), part


def _source(geometry: Geometry, row: float, column: float) -> Vector:
    """Parallel rays start one ray before the first pixel, so their source moves along with the corner."""
    if not geometry.parallel:
        return geometry.source
    return geometry.source + row * geometry.column_step + column * geometry.row_step


def path_mm(vertices: Floats, faces: NDArray[np.int64], geometry: Geometry, *, fine: int = 4) -> NDArray[np.float32]:
    """Return the path length in mm (rows, columns) of each ray inside a closed mesh.

    Args:
        vertices: (N, 3) in patient mm (LPS).
        faces: (M, 3) vertex numbers, counter-clockwise seen from outside.
        geometry: source and detector; the mesh lies between them.
        fine: rays per pixel along each side, averaged, so that what is thinner than a pixel is not lost.

    Raises:
        InputError: if a vertex lies behind the source.
    """
    out = np.zeros(geometry.shape, np.float32)
    part, (rows, columns) = window(geometry, geometry.shadow(vertices))
    if rows.stop == rows.start or columns.stop == columns.start:
        return out
    sharp = part.resized((part.shape[0] * fine, part.shape[1] * fine))
    depth = np.zeros(sharp.shape)
    hand = float(np.sign(np.cross(sharp.row_step, sharp.column_step) @ sharp.normal))
    depths = (vertices - sharp.source) @ sharp.normal / sharp.source_detector_mm
    planes = _planes(vertices, faces, sharp)
    # on a grid of 1/4096 pixel the edge tests are exact in float64, so neighbours agree on every pixel
    places = np.rint(sharp.shadow(vertices) * 4096.0) / 4096.0
    _add_triangles(places, depths, np.ascontiguousarray(faces), planes, hand, depth)
    depth *= sharp.ray_mm()
    height, width = part.shape
    out[rows, columns] = np.maximum(depth.reshape(height, fine, width, fine).mean(axis=(1, 3)), 0.0)
    return out
