"""The two inner steps of the slab projector, written for whole vector registers.

A compiler given plain loops turns a block of columns one number at a time, and checks before every short loop whether
its arrays overlap. Here both steps are spelled out as operations on 16 floats; any processor runs them, in one
512-bit register, two of 256 bits or four of 128.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from hilum.drr.compiled import intrinsic, pointer_of, types

LANES, TILE, GROUP = 16, 64, 8
"""Floats in a step, columns in a tile, slabs added to a row at once."""

I32, I64, FLOAT = ir.IntType(32), ir.IntType(64), ir.FloatType()
FLOATS = ir.VectorType(FLOAT, LANES)
FAST = ("contract", "reassoc", "nsz")

_in_registers: Any = intrinsic


def _index(value: int) -> ir.Constant:
    return ir.Constant(I64, value)


def _mask(places: list[int]) -> ir.Constant:
    return ir.Constant(ir.VectorType(I32, len(places)), places)


def splat(builder: Any, number: Any) -> Any:
    """Return a register that holds one number 16 times."""
    kind = ir.VectorType(number.type, LANES)
    one = builder.insert_element(ir.Constant(kind, ir.Undefined), number, ir.Constant(I32, 0))
    return builder.shuffle_vector(one, ir.Constant(kind, ir.Undefined), _mask([0] * LANES))


def load(builder: Any, pointer: Any, element: Any) -> Any:
    """Load 16 numbers from anywhere and return them as floats."""
    whole = builder.bitcast(pointer, ir.VectorType(element, LANES).as_pointer())
    found = builder.load(whole, align=2 if isinstance(element, ir.IntType) else 4)
    return builder.uitofp(found, FLOATS) if isinstance(element, ir.IntType) else found


def store(builder: Any, pointer: Any, values: Any) -> None:
    """Store 16 floats anywhere."""
    builder.store(values, builder.bitcast(pointer, FLOATS.as_pointer()), align=4)


# Places in two registers laid end to end: numbers of equal quarter lanes, then pairs, then quarters.
_ONES = [[4 * q + h + k for q in range(4) for h, k in ((s, 0), (s, 16), (s + 1, 0), (s + 1, 16))] for s in (0, 2)]
_PAIRS = [[4 * q + k for q in range(4) for k in (s, s + 1, s + 16, s + 17)] for s in (0, 2)]
_HALVES = [[s + k for s in (h, h + 16) for k in range(8)] for h in (0, 8)]
_EVEN_ODD = [[q + k for q in (s, s + 8, s + 16, s + 24) for k in range(4)] for s in (0, 4)]


def _transposed(builder: Any, rows: list[Any]) -> list[Any]:
    """Turn 16 registers of 16 floats: 64 shuffles in four rounds."""

    def both(one: Any, two: Any, places: list[list[int]]) -> list[Any]:
        return [builder.shuffle_vector(one, two, _mask(half)) for half in places]

    quads = []
    for g in range(0, 16, 4):
        low, high = both(rows[g], rows[g + 1], _ONES), both(rows[g + 2], rows[g + 3], _ONES)
        quads.append(both(low[0], high[0], _PAIRS) + both(low[1], high[1], _PAIRS))
    turned: list[Any] = [None] * 16
    for q in range(4):
        front, back = both(quads[0][q], quads[1][q], _HALVES), both(quads[2][q], quads[3][q], _HALVES)
        for half in range(2):
            turned[8 * half + q], turned[8 * half + 4 + q] = both(front[half], back[half], _EVEN_ODD)
    return turned


@_in_registers  # type: ignore[untyped-decorator]
def mix_block(
    typing: Any, values: Any, start: Any, step: Any, share: Any, column: Any, v: Any, lines: Any, to: Any
) -> Any:
    """Interpolate 16 columns between two lines each over 16 places of v, and write them with columns contiguous.

    Args:
        values: slabs of lines, contiguous, uint16 or float32.
        start: (TILE,) int64, where in `values` each column's first line begins; the second begins `step` later.
        share: (TILE,) float32 weight of the second line.
        column: first of the 16 columns.
        v: first of the 16 places along the lines.
        lines: contiguous float32 to write to; place i goes to `to + i TILE + column`.
    """

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kinds = signature.args
        source, starts, shares, out = (pointer_of(context, builder, kinds[k], arguments[k]) for k in (0, 1, 3, 6))
        element, mixed = context.get_data_type(kinds[0].dtype), []
        for lane in range(LANES):
            at = builder.add(arguments[4], _index(lane))
            one = builder.gep(source, [builder.add(builder.load(builder.gep(starts, [at])), arguments[5])])
            near, far = load(builder, one, element), load(builder, builder.gep(one, [arguments[2]]), element)
            weight = splat(builder, builder.load(builder.gep(shares, [at])))
            mixed.append(builder.fadd(near, builder.fmul(weight, builder.fsub(far, near, FAST), FAST), FAST))
        first = builder.gep(out, [builder.add(arguments[7], arguments[4])])
        for place, line in enumerate(_transposed(builder, mixed)):
            store(builder, builder.gep(first, [_index(place * TILE)]), line)
        return context.get_dummy_value()

    return types.void(values, start, types.int64, share, types.int64, types.int64, lines, types.int64), code


@_in_registers  # type: ignore[untyped-decorator]
def add_slabs(typing: Any, lines: Any, at: Any, weight: Any, entry: Any, out: Any, to: Any) -> Any:
    """Add GROUP slabs to a tile of one detector row: two lines each, sums kept in registers.

    Args:
        lines: contiguous float32.
        at: int32, contiguous; `entry` to `entry + GROUP` are where in `lines` each slab's first line begins.
        weight: float32, as `at`: weight of the second line, which follows the first.
        out: contiguous float32; the tile begins at `to`.
    """

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        source, places, weights, target = (
            pointer_of(context, builder, signature.args[k], arguments[k]) for k in (0, 1, 2, 4)
        )
        first = builder.gep(target, [arguments[5]])
        parts = [builder.gep(first, [_index(k)]) for k in range(0, TILE, LANES)]
        sums = [load(builder, part, FLOAT) for part in parts]
        for slab in range(GROUP):
            index = builder.add(arguments[3], _index(slab))
            line = builder.gep(source, [builder.sext(builder.load(builder.gep(places, [index])), I64)])
            share = builder.load(builder.gep(weights, [index]))
            far, near = splat(builder, share), splat(builder, builder.fsub(ir.Constant(FLOAT, 1.0), share))
            for k in range(TILE // LANES):
                for side, scale in ((0, near), (TILE, far)):
                    part = load(builder, builder.gep(line, [_index(side + k * LANES)]), FLOAT)
                    sums[k] = builder.fadd(sums[k], builder.fmul(scale, part, FAST), FAST)
        for part, total in zip(parts, sums, strict=True):
            store(builder, part, total)
        return context.get_dummy_value()

    return types.void(lines, at, weight, types.int64, out, types.int64), code
