"""The slab projector: where a detector is aligned with the grid, a whole slab is resampled at once, without gathers.

Rays of one source scale about it, so in every slab the column of a pixel fixes where it lies along one grid axis and
its row along the other. Each slab is interpolated along its contiguous axis once per column tile, and the lines so made
are added to every detector row with that row's two weights: contiguous, vectorised, several slabs to a pass. The
samples are Joseph's; only the order of the sums differs. Blocks of 16 columns by 16 places that hold nothing are
passed over.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import InputError
from hilum.drr.compiled import jit, prange, threads_at_work
from hilum.drr.field import Field
from hilum.drr.geometry import Geometry, Pencil
from hilum.drr.slab_lanes import GROUP, LANES, TILE, add_slabs, mix_block

_ALIGNED = 1e-9
_BITS = 64


class Layout(NamedTuple):
    """A field reordered for one slab axis.

    Attributes:
        values: (B, U + 4, V) contiguous: slab, detector-row axis with two empty lines at each end, detector-column axis
            filled with zeros, two at least, to a multiple of 16.
        busy: (B, U + 4) uint64: bit k is set if a line holds anything in its kth part of 16 places (or more, so that
            64 parts hold all).
    """

    values: NDArray[Any]
    busy: NDArray[np.uint64]


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


def suits(field: Field, geometry: Geometry) -> bool:
    """Tell whether a detector is aligned with the grid, so that the slab kernel gives its rays exactly."""
    return aligned_axes(geometry.pencil(field.affine)) is not None


def fan_of(pencil: Pencil, axes: tuple[int, int, int]) -> Fan:
    """Return the fan of an aligned pencil."""
    b, v, u = axes
    return Fan(
        np.array([pencil.start[u], pencil.start_column[u], pencil.way[u], pencil.way_column[u]]),
        np.array([pencil.start[v], pencil.start_row[v], pencil.way[v], pencil.way_row[v]]),
        np.array([pencil.start[b], pencil.way[b]]),
    )


def part_places(count: int) -> int:
    """Return how many places along a line of `count` one bit of `busy` stands for: 16, or a multiple of it."""
    return LANES * max(1, -(-count // (LANES * _BITS)))


def layout(field: Field, axes: tuple[int, int, int]) -> Layout:
    """Return a field reordered for a slab axis (b, v, u), made once and kept with it."""

    def make() -> Layout:
        b, v, u = axes
        ordered = field.values.transpose(b, u, v)
        slabs, size, places = ordered.shape
        count = -(-(places + 2) // LANES) * LANES
        values = np.zeros((slabs, size + 4, count), field.values.dtype)
        busy = np.zeros(values.shape[:2], np.uint64)
        part = part_places(count)
        bit = np.uint64(1) << np.arange(-(-count // part), dtype=np.uint64)
        for slab, held, plane in zip(values, busy, ordered, strict=True):
            slab[2:-2, :places] = plane
            filled = np.logical_or.reduceat(slab != 0, np.arange(0, count, part), axis=1)
            held[:] = (filled * bit).sum(axis=1, dtype=np.uint64)
        return Layout(values, busy)

    kept: Layout = field.keep(("slabs", axes), make)
    return kept


@jit(parallel=True)
def row_table(slabs: int, count: int, part: int, fan_v: Any, fan_b: Any, at: Any, weight: Any, bits: Any) -> None:
    """Write where every detector row meets every slab, which all column tiles share.

    at, weight: (groups, rows, GROUP), as `add_slabs` takes them for lines (GROUP, count + 4, TILE). bits: (groups,
    rows) uint64, the parts of a line that a row reads in a group.
    """
    for group in prange(at.shape[0]):
        for s in range(GROUP):
            b = group * GROUP + s
            t = (b - fan_b[0]) / fan_b[1]
            v0, v1 = fan_v[0] + t * fan_v[2], fan_v[1] + t * fan_v[3]
            for r in range(at.shape[1]):
                v = min(max(v0 + r * v1, -2.0), count + 0.0)
                whole = np.floor(v)
                place = int(whole)
                at[group, r, s] = (s * (count + 4) + place + 2) * TILE
                weight[group, r, s] = np.float32(v - whole)
                if b < slabs:
                    low, high = min(max(place, 0), count - 1) // part, min(max(place + 1, 0), count - 1) // part
                    bits[group, r] |= (np.uint64(1) << np.uint64(low)) | (np.uint64(1) << np.uint64(high))


@jit()
def _resample(
    values: Any, busy: Any, b: int, start: Any, share: Any, lines: Any, slot: int, dirty: Any, part: int
) -> Any:
    """Interpolate one slab at a tile's columns into lines[slot]; returns the parts that hold anything."""
    size, count = values.shape[1], values.shape[2]
    found = np.uint64(0)
    for block in range(TILE // LANES):
        bits = np.uint64(0)
        if b >= 0:
            one = (start[block * LANES] // count) % size
            two = (start[block * LANES + LANES - 1] // count) % size
            for u in range(min(one, two), max(one, two) + 2):
                bits |= busy[b, u]
        if bits | dirty[slot, block]:
            for v in range(0, count, LANES):
                bit = np.uint64(1) << np.uint64(v // part)
                if bits & bit:
                    mix_block(
                        values, start, count, share, block * LANES, v, lines, (slot * lines.shape[1] + v + 2) * TILE
                    )
                elif dirty[slot, block] & bit:
                    lines[slot, v + 2 : v + 2 + LANES, block * LANES : block * LANES + LANES] = np.float32(0.0)
        dirty[slot, block] = bits
        found |= bits
    return found


@jit()
def _place(tile: int, b: int, shape: Any, fan_u: Any, fan_b: Any, start: Any, share: Any) -> None:
    """Write between which two lines of slab b each column of a tile falls."""
    t = (b - fan_b[0]) / fan_b[1]
    u0, u1 = fan_u[0] + t * fan_u[2], fan_u[1] + t * fan_u[3]
    for c in range(TILE):
        u = min(max(u0 + (tile * TILE + c) * u1, -2.0), shape[1] - 4.0)
        whole = np.floor(u)
        start[c], share[c] = (b * shape[1] + int(whole) + 2) * shape[2], np.float32(u - whole)


@jit()
def _meets(tile: int, b: int, busy: Any, fan_u: Any, fan_b: Any) -> bool:
    """Tell whether the columns of a tile touch any line of slab b that holds something."""
    t = (b - fan_b[0]) / fan_b[1]
    first = fan_u[0] + t * fan_u[2] + tile * TILE * (fan_u[1] + t * fan_u[3])
    last = first + (TILE - 1) * (fan_u[1] + t * fan_u[3])
    end = busy.shape[1] - 1.0
    low, high = int(min(max(min(first, last) + 2, 0.0), end)), int(min(max(max(first, last) + 3, 0.0), end))
    for u in range(low, high + 1):  # noqa: SIM110 - compiled
        if busy[b, u]:
            return True
    return False


@jit()
def fill(tile: int, b: int, s: int, slabs: Any, fan: Any, columns: Any, lines: Any, dirty: Any, part: int) -> Any:
    """Interpolate slab b at a tile's columns into lines[s]; returns the parts that hold anything.

    slabs, fan: as `project` takes them; a slab past the last is empty. columns: room for where each column falls,
    (TILE,) int64 and float32. dirty: (GROUP, TILE / 16) uint64, what lines hold from before.
    """
    (values, busy), (fan_u, fan_b), (start, share) = slabs, fan, columns
    if b < values.shape[0] and _meets(tile, b, busy, fan_u, fan_b):
        _place(tile, b, values.shape, fan_u, fan_b, start, share)
    else:
        b = -1
    return _resample(values, busy, b, start, share, lines, s, dirty, part)


@jit()
def _tile(tile: int, slabs: Any, fan: Any, table: Any, part: int, mirrored: bool, out: Any) -> None:
    """Add up the samples of one tile of columns."""
    (values, _), (at, weight, bits) = slabs, table
    count, rows = values.shape[2], out.shape[0]
    lines, sums = np.zeros((GROUP, count + 4, TILE), np.float32), np.zeros((rows, TILE), np.float32)
    columns = np.empty(TILE, np.int64), np.empty(TILE, np.float32)
    dirty = np.zeros((GROUP, TILE // LANES), np.uint64)
    for group in range(at.shape[0]):
        found = np.uint64(0)
        for s in range(GROUP):
            found |= fill(tile, group * GROUP + s, s, slabs, fan, columns, lines, dirty, part)
        if found:
            for r in range(rows):
                if bits[group, r] & found:
                    add_slabs(lines, at, weight, (group * rows + r) * GROUP, sums, r * TILE)
    left, width = tile * TILE, min(TILE, out.shape[1] - tile * TILE)
    for r in range(rows):
        if mirrored:
            for c in range(width):
                out[r, out.shape[1] - 1 - left - c] = sums[r, c]
        else:
            for c in range(width):
                out[r, left + c] = sums[r, c]


@jit(parallel=True)
def project(slabs: Any, fan: Any, table: Any, order: Any, part: int, mirrored: bool, out: Any) -> None:
    """Add up the samples of every ray of an aligned detector: out (rows, columns) float32.

    slabs: a Layout's values and busy. fan: its u and b. table: at, weight and bits of `row_table`. order: the column
    tiles in the order in which threads take them. mirrored: the fan counts columns from the last.
    """
    for turn in prange(order.size):
        _tile(order[turn], slabs, fan, table, part, mirrored, out)


@jit(parallel=True)
def scale_by_length(mm: Any, out: Any) -> None:
    """Multiply sums (rows, columns) by what one sample counts: the length of mm[0] + r mm[1] + c mm[2]."""
    for r in prange(out.shape[0]):
        x, y = np.float32(mm[0, 0] + r * mm[1, 0]), np.float32(mm[0, 1] + r * mm[1, 1])
        z = np.float32(mm[0, 2] + r * mm[1, 2])
        dx, dy, dz = np.float32(mm[2, 0]), np.float32(mm[2, 1]), np.float32(mm[2, 2])
        for c in range(out.shape[1]):
            step = np.float32(c)
            a, b, d = x + step * dx, y + step * dy, z + step * dz
            out[r, c] *= np.sqrt(a * a + b * b + d * d)


def sample_sums(layouts: Sequence[Layout], fan: Fan, shape: tuple[int, int], out: NDArray[np.float32]) -> None:
    """Write the sums of samples of several fields on one grid, (F, rows, columns) float32, with shared weights."""
    part, table = part_places(layouts[0].values.shape[2]), row_tables(layouts[0], shape[0], fan.v, fan.b)
    order, (start, step, way, way_step) = tile_order(-(-shape[1] // TILE)), fan.u
    mirrored = bool(step + way_step < 0)  # columns run the way memory does, in which it is read faster
    if mirrored:
        last = shape[1] - 1
        fan = fan._replace(u=np.array([start + last * step, -step, way + last * way_step, -way_step]))
    for packed, target in zip(layouts, out, strict=True):
        project((packed.values, packed.busy), (fan.u, fan.b), table, order, part, mirrored, target)


def row_tables(
    packed: Layout, rows: int, fan_v: NDArray[np.float64], fan_b: NDArray[np.float64]
) -> tuple[NDArray[np.int32], NDArray[np.float32], NDArray[np.uint64]]:
    """Return at, weight and bits of `row_table` for a layout."""
    slabs, _, count = packed.values.shape
    groups = -(-slabs // GROUP)
    at, weight = np.empty((groups, rows, GROUP), np.int32), np.empty((groups, rows, GROUP), np.float32)
    bits = np.zeros((groups, rows), np.uint64)
    row_table(slabs, count, part_places(count), fan_v, fan_b, at, weight, bits)
    return at, weight, bits


def tile_order(tiles: int) -> NDArray[np.int64]:
    """Return tiles so that each thread's run of them is spread over the whole width, where bodies are equally thick."""
    threads = threads_at_work()
    return np.concatenate([np.arange(first, tiles, threads) for first in range(threads)])


def ray_steps(geometry: Geometry) -> NDArray[np.float64]:
    """Return the (3, 3) ray to pixel (0, 0) in mm, and what a row and a column further add to it."""
    if geometry.parallel:
        return np.stack([geometry.normal * geometry.source_detector_mm, np.zeros(3), np.zeros(3)])
    return np.stack([geometry.corner - geometry.source, geometry.column_step, geometry.row_step])


def integrals_many(fields: Sequence[Field], geometry: Geometry) -> NDArray[np.float32]:
    """Return line integrals (F, rows, columns) float32 of fields on one grid, for an aligned detector.

    Raises:
        InputError: if the detector is oblique to the grid.
    """
    pencil = geometry.pencil(fields[0].affine)
    axes = aligned_axes(pencil)
    if axes is None:
        raise InputError("the slab kernel needs a detector aligned with the grid: use the plane or gather kernel")
    out = np.empty((len(fields), *geometry.shape), np.float32)
    sample_sums([layout(field, axes) for field in fields], fan_of(pencil, axes), geometry.shape, out)
    for field, target in zip(fields, out, strict=True):
        scale_by_length(ray_steps(geometry) * (field.scale / abs(float(pencil.way[axes[0]]))), target)
    return out


def integrals(field: Field, geometry: Geometry) -> NDArray[np.float32]:
    """Return line integrals (rows, columns) float32 in the field's unit times mm, for an aligned detector.

    Raises:
        InputError: if the detector is oblique to the grid.
    """
    film: NDArray[np.float32] = integrals_many([field], geometry)[0]
    return film
