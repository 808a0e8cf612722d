"""Sums of samples on a fine plane, whose cost hardly depends on how many lines the plane has.

Down a column of the plane, what one slab adds is a broken line: it bends where rays pass from one pair of voxels to
the next, and is straight in between. So instead of adding a slab to every line, its bends are added up, two numbers
for each line of voxels, and the sums follow from adding those up twice. That would let rounding grow from line to
line: every 32nd line is therefore summed by itself, and the lines between are tied to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from llvmlite import ir
from numpy.typing import NDArray

from hilum.drr.compiled import intrinsic, jit, pointer_of, prange, types
from hilum.drr.slab import Fan, Layout, fill, part_places, row_tables, tile_order
from hilum.drr.slab_lanes import FAST, FLOAT, GROUP, I64, LANES, TILE, add_slabs, load, splat, store

RUN = 8
"""Lines of voxels whose bends are added in one go."""
STRIDE = 32
"""Lines of the plane from one that is summed by itself to the next."""
_ROUNDING = np.float32(2e-6)  # what is less beside a line that is summed was 0

_in_registers: Any = intrinsic


@_in_registers  # type: ignore[untyped-decorator]
def add_bends(typing: Any, lines: Any, first: Any, at: Any, here: Any, below: Any, entry: Any, bends: Any) -> Any:
    """Add the bends of RUN lines of one slab, for a tile of columns.

    Args:
        lines: contiguous float32; the line before the first begins at `first`, the others follow, TILE apart.
        at: int32, contiguous; from `entry`, where in `bends` each line's first row begins.
        here, below: float32, as `at`: what a bend counts in that row and the next.
        bends: contiguous float32.
    """

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kinds = signature.args
        source, places, ones, twos, target = (
            pointer_of(context, builder, kinds[k], arguments[k]) for k in (0, 2, 3, 4, 6)
        )
        parts = range(0, TILE, LANES)

        def line(number: int) -> list[Any]:
            begin = builder.gep(source, [builder.add(arguments[1], ir.Constant(I64, number * TILE))])
            return [load(builder, builder.gep(begin, [ir.Constant(I64, k)]), FLOAT) for k in parts]

        before, now = line(0), line(1)
        slopes = [builder.fsub(b, a, FAST) for a, b in zip(before, now, strict=True)]
        for number in range(RUN):
            index = builder.add(arguments[5], ir.Constant(I64, number))
            row = builder.gep(target, [builder.sext(builder.load(builder.gep(places, [index])), I64)])
            weights = [splat(builder, builder.load(builder.gep(each, [index]))) for each in (ones, twos)]
            after = line(number + 2)
            for n, k in enumerate(parts):
                slope = builder.fsub(after[n], now[n], FAST)
                bend = builder.fsub(slope, slopes[n], FAST)
                slopes[n] = slope
                for side, weight in zip((0, TILE), weights, strict=True):
                    to = builder.gep(row, [ir.Constant(I64, side + k)])
                    old = load(builder, to, FLOAT)
                    store(builder, to, builder.fadd(old, builder.fmul(weight, bend, FAST), FAST))
            now = after
        return context.get_dummy_value()

    return types.void(lines, types.int64, at, here, below, types.int64, bends), code


@jit(parallel=True)
def bend_table(rows: int, fan_v: Any, fan_b: Any, at: Any, here: Any, below: Any, runs: Any) -> None:
    """Write where every slab bends on a plane of so many rows.

    at, here, below: (slabs, lines), as `add_bends` takes them; entry k is for line k - 1. runs: (slabs, 2) the first
    run that a slab needs and the one after its last.
    """
    last = at.shape[1] // RUN - 1.0
    for b in prange(at.shape[0]):
        t = (b - fan_b[0]) / fan_b[1]
        v0, v1 = fan_v[0] + t * fan_v[2], fan_v[1] + t * fan_v[3]
        for k in range(at.shape[1]):
            x = (k - 1 - v0) / v1
            row = np.floor(x)
            at[b, k] = (int(row) if 0 <= row < rows else rows) * TILE  # those beside the plane go to a spare row
            here[b, k], below[b, k] = np.float32((row + 1 - x) * v1), np.float32((x - row) * v1)
        runs[b, 0] = int(min(max(np.floor(v0 / RUN), 0.0), last + 1))
        runs[b, 1] = int(min(max(np.floor((v0 + rows * v1 + 2) / RUN), -1.0), last)) + 1


@jit()
def _straighten(bends: Any, sums: Any, left: int, out: Any) -> None:
    """Add up a tile's bends twice, tie them to the lines that were summed, and write them to columns from `left` on."""
    width, value, slope = min(TILE, out.shape[1] - left), np.empty(TILE), np.empty(TILE)
    for j in range(sums.shape[0] - 1):
        stretch = bends[j * STRIDE : (j + 1) * STRIDE]
        value[:], slope[:] = 0.0, 0.0
        for r in range(STRIDE):
            line = stretch[r]
            for c in range(TILE):
                bend = np.float64(line[c]) if r else 0.0  # that of the summed line bends what is before it
                line[c] = np.float32(value[c])
                slope[c] += bend
                value[c] += slope[c]
        near, far = sums[j], sums[j + 1]
        nothing = _ROUNDING * np.maximum(np.abs(near), np.abs(far))
        for r in range(min(STRIDE, out.shape[0] - j * STRIDE)):
            line, target, share = stretch[r], out[j * STRIDE + r, left : left + width], np.float32(r / STRIDE)
            for c in range(width):
                total = near[c] + line[c] + share * (far[c] - near[c] - np.float32(value[c]))
                target[c] = total if abs(total) > nothing[c] else np.float32(0.0)
    if (sums.shape[0] - 1) * STRIDE < out.shape[0]:
        out[(sums.shape[0] - 1) * STRIDE, left : left + width] = sums[-1, :width]


@jit()
def _tile(tile: int, slabs: Any, fan: Any, table: Any, summed: Any, part: int, out: Any) -> None:
    """Add up one tile of columns."""
    (at, here, below, runs), (place, weight, bits) = table, summed
    count, rows = at.shape[1], place.shape[1]
    lines, sums = np.zeros((GROUP, count + 4, TILE), np.float32), np.zeros((rows, TILE), np.float32)
    bends = np.zeros(((rows - 1) * STRIDE + 3, TILE), np.float32)
    columns = np.empty(TILE, np.int64), np.empty(TILE, np.float32)
    dirty, found, any_found = np.zeros((GROUP, TILE // LANES), np.uint64), np.zeros(GROUP, np.uint64), False
    for group in range(place.shape[0]):
        whole = np.uint64(0)
        for s in range(GROUP):
            found[s] = fill(tile, group * GROUP + s, s, slabs, fan, columns, lines, dirty, part)
            whole |= found[s]
        if not whole:
            continue
        any_found = True
        for r in range(rows):
            if bits[group, r] & whole:
                add_slabs(lines, place, weight, (group * rows + r) * GROUP, sums, r * TILE)
        for run in range(count // RUN):
            first, last = max(run * RUN - 2, 0) // part, (run * RUN + RUN - 1) // part
            near = (np.uint64(1) << np.uint64(first)) | (np.uint64(1) << np.uint64(last))
            for s in range(GROUP):
                b = group * GROUP + s
                if found[s] & near and runs[b, 0] <= run < runs[b, 1]:
                    begin = (s * (count + 4) + run * RUN) * TILE
                    add_bends(lines, begin, at, here, below, b * count + run * RUN, bends)
    if any_found:
        _straighten(bends, sums, tile * TILE, out)
    else:
        out[:, tile * TILE : (tile + 1) * TILE] = 0.0


@jit(parallel=True)
def project(slabs: Any, fan: Any, table: Any, summed: Any, order: Any, part: int, out: Any) -> None:
    """Add up the samples of every ray through a plane: out (rows, columns) float32.

    slabs: a Layout's values and busy. fan: its u and b. table: at, here, below and runs of `bend_table`. summed: at,
    weight and bits of `row_table` for every STRIDE-th row. order: the column tiles in the order in which threads take
    them.
    """
    for turn in prange(order.size):
        _tile(order[turn], slabs, fan, table, summed, part, out)


def sample_sums(layouts: Sequence[Layout], fan: Fan, shape: tuple[int, int], out: NDArray[np.float32]) -> None:
    """Write the sums of samples of several fields on one grid, (F, rows, columns) float32.

    As `slab.sample_sums`, but rows have to run the way v does, half a voxel apart at most, and each costs next to
    nothing.
    """
    slabs, _, count = layouts[0].values.shape
    part, rows = part_places(count), -(-(shape[0] - 1) // STRIDE) + 1
    at, here, below = (np.empty((slabs, count), kind) for kind in (np.int32, np.float32, np.float32))
    runs = np.empty((slabs, 2), np.int32)
    bend_table((rows - 1) * STRIDE + 1, fan.v, fan.b, at, here, below, runs)
    summed = row_tables(layouts[0], rows, fan.v * np.array([1, STRIDE, 1, STRIDE]), fan.b)
    order = tile_order(-(-shape[1] // TILE))
    for packed, target in zip(layouts, out, strict=True):
        project((packed.values, packed.busy), (fan.u, fan.b), (at, here, below, runs), summed, order, part, target)
