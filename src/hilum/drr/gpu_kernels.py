"""One kernel for a whole ray, in Triton: samples on every plane it crosses, and the moments of its derivatives.

Importing this needs triton, which torch for CUDA brings along; `TRITON_INTERPRET=1` runs it on a CPU, slowly.
"""

from __future__ import annotations

from typing import Any

from hilum.core.errors import need

try:
    import torch
    import triton
    import triton.language as tl
except ImportError:
    raise need("triton", "train", "the fused projection kernel") from None

TILE = (8, 16)
"""Rows and columns of pixels that share a program: neighbours read the same voxels."""


@triton.jit  # type: ignore[untyped-decorator, unused-ignore]
def _ray(rays: tl.tensor, axis: tl.constexpr, row: tl.tensor, column: tl.tensor) -> tl.tensor:
    """Return where rays start and how they run along one axis."""
    start = tl.load(rays + axis) + row * tl.load(rays + 3 + axis) + column * tl.load(rays + 6 + axis)
    way = tl.load(rays + 9 + axis) + row * tl.load(rays + 12 + axis) + column * tl.load(rays + 15 + axis)
    return start, way


@triton.jit  # type: ignore[untyped-decorator, unused-ignore]
def _clip(low: tl.tensor, high: tl.tensor, at: tl.tensor, step: tl.tensor, last: tl.tensor) -> tl.tensor:
    """Narrow a range of planes to those where the ray lies within a voxel of the grid."""
    flat = step == 0.0
    each = 1.0 / tl.where(flat, 1.0, step)
    one, two = (-1.0 - at) * each, (last + 1.0 - at) * each
    inside = (at > -1.0) & (at < last + 1.0)
    low = tl.maximum(low, tl.where(flat, tl.where(inside, low, high + 2.0), tl.minimum(one, two)))
    return low, tl.minimum(high, tl.where(flat, high, tl.maximum(one, two)))


@triton.jit  # type: ignore[untyped-decorator, unused-ignore]
def _store(
    place: tl.tensor, first: tl.tensor, second: tl.tensor, third: tl.tensor, parts: tl.tuple, seen: tl.tensor
) -> None:
    """Write three numbers, for the axis crossed, a and b, in the order of the array's axes."""
    k, a, b = parts
    tl.store(place, tl.where(first, k, a), mask=seen)
    tl.store(place + 1, tl.where(second, k, tl.where(first, a, b)), mask=seen)
    tl.store(place + 2, tl.where(third, k, b), mask=seen)


@triton.jit  # type: ignore[untyped-decorator, unused-ignore]
def _cast(
    values: tl.tensor, rays: tl.tensor, out: tl.tensor, slopes: tl.tensor, rows: tl.tensor, columns: tl.tensor,
    n0: tl.tensor, n1: tl.tensor, n2: tl.tensor,
    DERIVE: tl.constexpr, DOWN: tl.constexpr, ALONG: tl.constexpr,
) -> None:  # fmt: skip
    """Integrate a tile of rays through a grid with a border of one zero voxel."""
    pose = tl.program_id(2)
    row = tl.program_id(1) * DOWN + tl.arange(0, DOWN)[:, None] + tl.zeros((DOWN, ALONG), tl.int32)
    column = tl.program_id(0) * ALONG + tl.arange(0, ALONG)[None, :] + tl.zeros((DOWN, ALONG), tl.int32)
    seen = (row < rows) & (column < columns)
    # where a ray enters is worked out in float64: the source may be thousands of voxels away
    x0, w0 = _ray(rays + pose * 18, 0, row.to(tl.float64), column.to(tl.float64))
    x1, w1 = _ray(rays + pose * 18, 1, row.to(tl.float64), column.to(tl.float64))
    x2, w2 = _ray(rays + pose * 18, 2, row.to(tl.float64), column.to(tl.float64))
    third = tl.abs(w2) > tl.maximum(tl.abs(w0), tl.abs(w1))
    second = (tl.abs(w1) > tl.abs(w0)) & (third == 0)
    first = (second == 0) & (third == 0)
    s1, s0 = n2 + 2, (n1 + 2) * (n2 + 2)
    xk, wk = tl.where(third, x2, tl.where(second, x1, x0)), tl.where(third, w2, tl.where(second, w1, w0))
    nk, sk = tl.where(third, n2, tl.where(second, n1, n0)), tl.where(third, 1, tl.where(second, s1, s0))
    na, sa = tl.where(first, n1, n0), tl.where(first, s1, s0)
    nb, sb = tl.where(third, n1, n2), tl.where(third, s1, 1)
    da, db = tl.where(first, w1, w0) / wk, tl.where(third, w1, w2) / wk
    a, b = tl.where(first, x1, x0) - xk * da, tl.where(third, x1, x2) - xk * db
    low, high = _clip(tl.zeros_like(a), nk.to(tl.float64) - 1.0, a, da, na.to(tl.float64) - 1.0)
    low, high = _clip(low, high, b, db, nb.to(tl.float64) - 1.0)
    begin = tl.where(seen, tl.ceil(low), 1e9).to(tl.int32)
    end = tl.where(seen, tl.floor(high) + 1.0, -1.0).to(tl.int32)
    t, dt = (-xk / wk).to(tl.float32), (1.0 / wk).to(tl.float32)
    a, da, b, db = a.to(tl.float32), da.to(tl.float32), b.to(tl.float32), db.to(tl.float32)
    a_end, b_end = na.to(tl.float32) - 0.001, nb.to(tl.float32) - 0.001
    total = tl.zeros((DOWN, ALONG), tl.float32)
    a0, a1, b0, b1 = tl.zeros_like(total), tl.zeros_like(total), tl.zeros_like(total), tl.zeros_like(total)
    for k in range(tl.min(begin), tl.max(end)):
        on = (k >= begin) & (k < end)
        # rounding must not lead out of the border of zeros
        x = tl.minimum(tl.maximum(a + k * da, -1.0), a_end)
        y = tl.minimum(tl.maximum(b + k * db, -1.0), b_end)
        at = values + ((k + 1) * sk + (tl.floor(x).to(tl.int32) + 1) * sa + (tl.floor(y).to(tl.int32) + 1) * sb)
        v00 = tl.load(at, mask=on, other=0.0).to(tl.float32)
        v01, v10 = (
            tl.load(at + sb, mask=on, other=0.0).to(tl.float32),
            tl.load(at + sa, mask=on, other=0.0).to(tl.float32),
        )
        v11 = tl.load(at + sa + sb, mask=on, other=0.0).to(tl.float32)
        lower, upper = v00 + (y - tl.floor(y)) * (v01 - v00), v10 + (y - tl.floor(y)) * (v11 - v10)
        total += lower + (x - tl.floor(x)) * (upper - lower)
        if DERIVE:
            across = (v01 - v00) + (x - tl.floor(x)) * ((v11 - v10) - (v01 - v00))
            a0 += upper - lower
            a1 += (t + k * dt) * (upper - lower)
            b0 += across
            b1 += (t + k * dt) * across
    place = (pose * rows + row) * columns + column
    tl.store(out + place, total * tl.abs(dt), mask=seen)
    if DERIVE:
        size = tl.abs(dt)
        k0, k1 = -size * (da * a0 + db * b0), -size * (da * a1 + db * b1 + dt * total)
        a0, a1, b0, b1 = size * a0, size * a1, size * b0, size * b1
        _store(slopes + place * 6, first, second, third, (k0, a0, b0), seen)
        _store(slopes + place * 6 + 3, first, second, third, (k1, a1, b1), seen)


def cast(padded: Any, pencils: Any, shape: tuple[int, int], *, derive: bool) -> tuple[Any, Any]:
    """Run the kernel.

    Args:
        padded: (A + 2, B + 2, C + 2) float32 or float16 tensor, a border of zeros around the grid.
        pencils: (B, 6, 3) float64 rays in the index space of the grid without its border.
        shape: (rows, columns).
        derive: compute slopes too.

    Returns:
        float32 tensors: (B, rows, columns) integrals over the ray parameter, and (B, rows, columns, 6) slopes as of
        `moments.project`, empty without `derive`.
    """
    rows, columns = shape
    out = torch.empty((len(pencils), rows, columns), dtype=torch.float32, device=padded.device)
    slopes = torch.empty((*out.shape, 6) if derive else (0,), dtype=torch.float32, device=padded.device)
    grid = (triton.cdiv(columns, TILE[1]), triton.cdiv(rows, TILE[0]), len(pencils))
    sizes = [size - 2 for size in padded.shape]
    _cast[grid](
        padded, pencils.contiguous(), out, slopes, rows, columns, *sizes, DERIVE=derive, DOWN=TILE[0], ALONG=TILE[1]
    )
    return out, slopes
