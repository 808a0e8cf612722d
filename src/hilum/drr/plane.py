"""Oblique views by way of a plane: rays are summed on a fine grid parallel to the slabs, and pixels read off it.

The source and any plane parallel to the slabs make an aligned detector, whatever the film's own tilt. The film's rays
cross that plane at known places, where the fine image is interpolated by Catmull-Rom. Cost is that of the plane, so it
hardly depends on how many pixels the film has. Not for rays near 45 degrees, where another slab axis would be better.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.drr.compiled import jit, prange
from hilum.drr.field import Field
from hilum.drr.geometry import Geometry, Pencil
from hilum.drr.plane_sums import sample_sums
from hilum.drr.slab import Fan, layout, ray_steps

PITCH_MM, PITCH_VOXELS = (0.3, 0.45), (0.5, 0.64)
"""Spacing of the plane's grid along v and u, at the volume's exit face: the smaller of the two. More lines along v cost
little, more along u as much as they are."""
_STEEP = 0.75  # the other way components over the slab one, at most; beyond, slabs are too oblique
_MOST = 4096


def plane_axes(pencil: Pencil, shape: tuple[int, int]) -> tuple[int, int, int] | None:
    """Return the grid axes (b, v, u) for the plane, or None where rays are too oblique to any one axis.

    The u axis is the one that detector rows run along most.
    """
    rows, columns = shape
    corners = [(0, 0), (0, columns - 1), (rows - 1, 0), (rows - 1, columns - 1)]
    ways = np.abs([pencil.way + r * pencil.way_row + c * pencil.way_column for r, c in corners])
    b = int(np.argmax(ways.sum(axis=0)))
    others = [axis for axis in range(3) if axis != b]
    if (ways[:, others].max(axis=1) > _STEEP * ways[:, b]).any():
        return None
    along = pencil.start_column + pencil.way_column
    u = max(others, key=lambda axis: abs(along[axis]))
    return b, 3 - b - u, u


@jit(inline=True)
def _cubic(x: Any) -> tuple[Any, Any, Any, Any]:
    """Return the Catmull-Rom weights of the four samples around a place x in [0, 1) between the middle two."""
    half = np.float32(0.5)
    x2, x3 = x * x, x * x * x
    outer, inner = half * (x3 - x2), half * (3 * x3 - 5 * x2 + 2)
    return half * (-x3 + 2 * x2 - x), inner, half * (-3 * x3 + 4 * x2 + x), outer


@jit(parallel=True)
def _read(planes: Any, pencil: Any, grid: Any, axes: Any, mm: Any, scales: Any, out: Any) -> None:
    """Interpolate planes where each ray crosses them: out (F, rows, columns) float32.

    planes: (F, lines, places) float32. grid: (5,) slab coordinate of the plane; v and u of its first line, spacing in
    v and in u. mm: (3, 3) `ray_steps`. scales: (F,) what one unit of each plane is worth.
    """
    ab, av, au = axes
    per_v, per_u = 1 / grid[3], 1 / grid[4]
    for r in prange(out.shape[1]):
        for c in range(out.shape[2]):
            per_b = 1 / (pencil[3, ab] + r * pencil[4, ab] + c * pencil[5, ab])
            t = (grid[0] - pencil[0, ab] - r * pencil[1, ab] - c * pencil[2, ab]) * per_b
            v = pencil[0, av] + r * pencil[1, av] + c * pencil[2, av] - grid[1]
            v = (v + t * (pencil[3, av] + r * pencil[4, av] + c * pencil[5, av])) * per_v
            u = pencil[0, au] + r * pencil[1, au] + c * pencil[2, au] - grid[2]
            u = (u + t * (pencil[3, au] + r * pencil[4, au] + c * pencil[5, au])) * per_u
            i, j = int(np.floor(v)), int(np.floor(u))
            if i < 1 or j < 1 or i > planes.shape[1] - 3 or j > planes.shape[2] - 3:
                out[:, r, c] = np.float32(0.0)
                continue
            b0, b1, b2, b3 = _cubic(np.float32(v - i))
            a0, a1, a2, a3 = _cubic(np.float32(u - j))
            x, y = mm[0, 0] + r * mm[1, 0] + c * mm[2, 0], mm[0, 1] + r * mm[1, 1] + c * mm[2, 1]
            z = mm[0, 2] + r * mm[1, 2] + c * mm[2, 2]
            length = np.sqrt(x * x + y * y + z * z) * abs(per_b)
            for f in range(planes.shape[0]):
                p, q, s, w = planes[f, i - 1], planes[f, i], planes[f, i + 1], planes[f, i + 2]
                if q[j] == 0 and q[j + 1] == 0 and s[j] == 0 and s[j + 1] == 0:
                    out[f, r, c] = np.float32(0.0)  # the four places around are empty: a cubic would only ring
                    continue
                total = b0 * (a0 * p[j - 1] + a1 * p[j] + a2 * p[j + 1] + a3 * p[j + 2])
                total += b1 * (a0 * q[j - 1] + a1 * q[j] + a2 * q[j + 1] + a3 * q[j + 2])
                total += b2 * (a0 * s[j - 1] + a1 * s[j] + a2 * s[j + 1] + a3 * s[j + 2])
                total += b3 * (a0 * w[j - 1] + a1 * w[j] + a2 * w[j + 1] + a3 * w[j + 2])
                out[f, r, c] = total * np.float32(length * scales[f])


def _extent(pencil: Pencil, at: float, axes: tuple[int, int, int], shape: tuple[int, int]) -> NDArray[np.float64]:
    """Return (2, 2) lowest and highest v and u at which the detector's rays cross slab coordinate `at`."""
    rows, columns = shape
    edge = []
    for r in (0, rows - 1):
        for c in (0, columns - 1):
            start = pencil.start + r * pencil.start_row + c * pencil.start_column
            way = pencil.way + r * pencil.way_row + c * pencil.way_column
            point = start + (at - start[axes[0]]) / way[axes[0]] * way
            edge.append(point[[axes[1], axes[2]]])
    return np.array([np.min(edge, axis=0), np.max(edge, axis=0)])


def _grid(field: Field, pencil: Pencil, axes: tuple[int, int, int], shape: tuple[int, int]) -> Any:
    """Return the plane's coordinate, first line and spacing in voxels, and its size."""
    b, v, u = axes
    forwards = pencil.way[b] > 0
    at = field.shape[b] - 0.5 if forwards else -0.5
    low, high = _extent(pencil, at, axes, shape)
    # what lies outside the volume's own shadow on the plane is 0
    source = None if np.any(pencil.start_row) or np.any(pencil.start_column) else pencil.start
    near = -0.5 if forwards else field.shape[b] - 0.5
    for axis, place in ((v, 0), (u, 1)):
        ends = np.array([-1.0, field.shape[axis]])
        if source is not None:
            grow = max((at - source[b]) / (near - source[b]), 1.0)
            ends = source[axis] + (ends - source[axis]) * grow
            ends = np.array([min(ends[0], -1.0), max(ends[1], field.shape[axis])])
        else:
            lean = abs(pencil.way[axis] / pencil.way[b]) * field.shape[b]
            ends = ends + np.array([-lean, lean])
        low[place], high[place] = max(low[place], ends[0]), min(high[place], ends[1])
    spacing = np.array(field.spacing_mm)
    step = np.minimum(PITCH_MM / spacing[[v, u]], PITCH_VOXELS)
    first = low - 3 * step
    count = np.ceil((high - low) / step).astype(int) + 7
    return np.array([at, *first, *step]), (int(max(count[0], 8)), int(max(count[1], 8)))


def _fan(pencil: Pencil, grid: NDArray[np.float64], axes: tuple[int, int, int], *, parallel: bool) -> Fan:
    """Return the plane as an aligned detector: its point (r, c) is reached at parameter 1."""
    b, v, u = axes
    far = grid[0] - pencil.start[b]
    sides = []
    for axis, first, step in ((u, grid[2], grid[4]), (v, grid[1], grid[3])):
        if parallel:
            lean = far * pencil.way[axis] / pencil.way[b]
            sides.append(np.array([first - lean, step, lean, 0.0]))
        else:
            sides.append(np.array([pencil.start[axis], 0.0, first - pencil.start[axis], step]))
    return Fan(sides[0], sides[1], np.array([pencil.start[b], far]))


def integrals_many(fields: Sequence[Field], geometry: Geometry) -> NDArray[np.float32] | None:
    """Return line integrals (F, rows, columns) of fields on one grid, or None where the plane does not suit.

    It does not where rays are steeper than about 37 degrees to every grid axis, or the plane would be huge.
    """
    pencil = geometry.pencil(fields[0].affine)
    axes = plane_axes(pencil, geometry.shape)
    if axes is None:
        return None
    grid, size = _grid(fields[0], pencil, axes, geometry.shape)
    if max(size) > _MOST:
        return None
    planes = np.empty((len(fields), *size), np.float32)
    fan = _fan(pencil, grid, axes, parallel=geometry.parallel)
    sample_sums([layout(field, axes) for field in fields], fan, size, planes)
    films = np.empty((len(fields), *geometry.shape), np.float32)
    scales = np.array([field.scale for field in fields])
    _read(planes, np.stack(pencil), grid, np.array(axes), ray_steps(geometry), scales, films)
    return films
