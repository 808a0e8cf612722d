"""The slab projector: where a detector is aligned with the grid, a whole slab is resampled at once, without gathers.

Rays of one source scale about it, so in every slab the column of a pixel fixes where it lies along one grid axis and its
row along the other. Each slab is interpolated along its contiguous axis once per column tile, and the lines so made are
added to every detector row with that row's two weights: contiguous, vectorised, several slabs to a pass. The samples are
Joseph's; only the order of the sums differs.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import InputError
from hilum.drr.compiled import jit, prange
from hilum.drr.field import Field
from hilum.drr.geometry import Geometry, Pencil

TILE, GROUP = 64, 4
_ALIGNED = 1e-9


class Layout(NamedTuple):
    """A field reordered for one slab axis.

    Attributes:
        values: (B, U + 4, V) contiguous: slab, detector-row axis with two empty lines at each end, detector-column axis.
        spans: (B, U + 4, 2) int32: first and stop of what is not 0 in each line; equal where all is 0.
    """

    values: NDArray[Any]
    spans: NDArray[np.int32]


class Fan(NamedTuple):
    """Where rays of an aligned detector meet slab b: u = u[0] + c u[1] and v = v[0] + r v[1], both linear in t.

    Attributes:
        u, v: (4,) start, start per pixel, way, way per pixel.
        b: (2,) start and way along the slab axis; t = (b - start) / way.
    """

    u: NDArray[np.float64]
    v: NDArray[np.float64]
    b: NDArray[np.float64]


def aligned_axes(pencil: Pencil) -> tuple[int, int, int] | None:
    """Return the grid axes (b, v, u) along beam, detector column and detector row, or None for an oblique detector."""
    rows = np.abs(pencil.start_row) + np.abs(pencil.way_row)
    columns = np.abs(pencil.start_column) + np.abs(pencil.way_column)
    v, u = int(np.argmax(rows)), int(np.argmax(columns))
    if v == u:
        return None
    b = 3 - v - u
    others = (rows.sum() - rows[v]) / rows[v], (columns.sum() - columns[u]) / columns[u]
    return (b, v, u) if max(others) < _ALIGNED else None


def fan_of(pencil: Pencil, axes: tuple[int, int, int]) -> Fan:
    """Return the fan of an aligned pencil."""
    b, v, u = axes
    return Fan(
        np.array([pencil.start[u], pencil.start_column[u], pencil.way[u], pencil.way_column[u]]),
        np.array([pencil.start[v], pencil.start_row[v], pencil.way[v], pencil.way_row[v]]),
        np.array([pencil.start[b], pencil.way[b]]),
    )


@jit(parallel=True)
def _fill(field: Any, values: Any, spans: Any) -> None:
    for b in prange(field.shape[0]):
        for u in range(field.shape[1]):
            first, stop = field.shape[2], 0
            for v in range(field.shape[2]):
                value = field[b, u, v]
                values[b, u + 2, v] = value
                if value != 0:
                    first, stop = min(first, v), v + 1
            spans[b, u + 2, 0], spans[b, u + 2, 1] = min(first, stop), stop


def layout(field: Field, axes: tuple[int, int, int]) -> Layout:
    """Return a field reordered for a slab axis (b, v, u), made once and kept with it."""

    def make() -> Layout:
        b, v, u = axes
        ordered = field.values.transpose(b, u, v)
        values = np.zeros((ordered.shape[0], ordered.shape[1] + 4, ordered.shape[2]), field.values.dtype)
        spans = np.zeros((*values.shape[:2], 2), np.int32)
        _fill(ordered, values, spans)
        return Layout(values, spans)

    kept: Layout = field.keep(("slabs", axes), make)
    return kept


@jit()
def _resample(values: Any, spans: Any, b: int, place: Any, share: Any, across: Any, lines: Any) -> Any:
    """Interpolate one slab at a tile's columns: lines (V + 4, TILE); returns first and stop of the rows that are not 0.

    Whole lines along v are mixed two by two, and turned so that columns are contiguous.
    """
    first, stop = values.shape[2], 0
    for c in range(TILE):
        for near in range(2):
            if spans[b, place[c] + near, 1] > spans[b, place[c] + near, 0]:
                first, stop = min(first, spans[b, place[c] + near, 0]), max(stop, spans[b, place[c] + near, 1])
    if stop <= first:
        return 0, 0
    for c in range(TILE):
        one, two, mixed, part = values[b, place[c]], values[b, place[c] + 1], across[c], share[c]
        for v in range(first, stop):
            low = np.float32(one[v])
            mixed[v] = low + part * (np.float32(two[v]) - low)
    for v in range(first, stop):
        line = lines[v + 2]
        for c in range(TILE):
            line[c] = across[c, v]
    for c in range(TILE):
        lines[first + 1, c] = lines[stop + 2, c] = np.float32(0.0)
    return first, stop


@jit()
def _spread(lines: Any, at: Any, weight: Any, out: Any) -> None:
    """Add GROUP slabs to one detector row of a tile: two lines each, all sums in registers."""
    one = np.float32(1.0)
    w0, w1, w2, w3 = weight[0], weight[1], weight[2], weight[3]
    x0, x1, x2, x3 = one - w0, one - w1, one - w2, one - w3
    a0, b0, a1, b1 = lines[0, at[0]], lines[0, at[0] + 1], lines[1, at[1]], lines[1, at[1] + 1]
    a2, b2, a3, b3 = lines[2, at[2]], lines[2, at[2] + 1], lines[3, at[3]], lines[3, at[3] + 1]
    for c in range(TILE):
        near = (x0 * a0[c] + w0 * b0[c]) + (x1 * a1[c] + w1 * b1[c])
        out[c] += near + ((x2 * a2[c] + w2 * b2[c]) + (x3 * a3[c] + w3 * b3[c]))


@jit(parallel=True)
def project(values: Any, spans: Any, fan_u: Any, fan_v: Any, fan_b: Any, mm: Any, out: Any) -> None:
    """Integrate a layout on an aligned detector: out (rows, columns) float32.

    mm: (3, 3) float64, the ray to pixel (0, 0) and what a row and a column add to it, such that the length of the sum
    is what one sample counts: ray length over slabs crossed, times the field's scale.
    """
    slabs, count = values.shape[0], values.shape[2]
    size = values.shape[1] - 4
    rows, columns = out.shape
    for tile in prange((columns + TILE - 1) // TILE):
        lines = np.zeros((GROUP, count + 4, TILE), np.float32)
        across = np.empty((TILE, count + 16), np.float32)
        place, share = np.empty(TILE, np.int64), np.empty(TILE, np.float32)
        at, weight = np.zeros((rows, GROUP), np.int64), np.zeros((rows, GROUP), np.float32)
        sums = np.zeros((rows, TILE), np.float32)
        for start in range(0, slabs, GROUP):
            top, bottom = rows, 0
            for s in range(GROUP):
                b, first, stop, t = start + s, 0, 0, 0.0
                if b < slabs:
                    t = (b - fan_b[0]) / fan_b[1]
                    u0, u1 = fan_u[0] + t * fan_u[2], fan_u[1] + t * fan_u[3]
                    for c in range(TILE):
                        u = min(max(u0 + (tile * TILE + c) * u1, -2.0), size + 0.0)
                        whole = np.floor(u)
                        place[c], share[c] = int(whole) + 2, np.float32(u - whole)
                    first, stop = _resample(values, spans, b, place, share, across, lines[s])
                v0, v1 = fan_v[0] + t * fan_v[2], fan_v[1] + t * fan_v[3]
                for r in range(rows):
                    v = v0 + r * v1
                    if first - 1 < v < stop and first < stop:
                        whole = np.floor(v)
                        at[r, s], weight[r, s] = int(whole) + 2, np.float32(v - whole)
                        top, bottom = min(top, r), max(bottom, r + 1)
                    else:
                        at[r, s], weight[r, s] = 0, np.float32(0.0)
            for r in range(top, bottom):
                _spread(lines, at[r], weight[r], sums[r])
        left = tile * TILE
        for r in range(rows):
            for c in range(min(TILE, columns - left)):
                x = mm[0, 0] + r * mm[1, 0] + (left + c) * mm[2, 0]
                y = mm[0, 1] + r * mm[1, 1] + (left + c) * mm[2, 1]
                z = mm[0, 2] + r * mm[1, 2] + (left + c) * mm[2, 2]
                out[r, left + c] = sums[r, c] * np.float32(np.sqrt(x * x + y * y + z * z))


def ray_steps(geometry: Geometry) -> NDArray[np.float64]:
    """Return the (3, 3) ray to pixel (0, 0) in mm, and what a row and a column further add to it."""
    if geometry.parallel:
        return np.stack([geometry.normal * geometry.source_detector_mm, np.zeros(3), np.zeros(3)])
    return np.stack([geometry.corner - geometry.source, geometry.column_step, geometry.row_step])


def integrals(field: Field, geometry: Geometry) -> NDArray[np.float32]:
    """Return line integrals (rows, columns) float32 in the field's unit times mm, for an aligned detector.

    Raises:
        InputError: if the detector is oblique to the grid.
    """
    pencil = geometry.pencil(field.affine)
    axes = aligned_axes(pencil)
    if axes is None:
        raise InputError("the slab kernel needs a detector aligned with the grid: use the plane or gather kernel")
    packed, fan = layout(field, axes), fan_of(pencil, axes)
    out = np.empty(geometry.shape, np.float32)
    mm = ray_steps(geometry) * (field.scale / abs(float(pencil.way[axes[0]])))
    project(packed.values, packed.spans, fan.u, fan.v, fan.b, mm, out)
    return out
