"""Structures gathered ray by ray: any detector, exact where it matters, dear for large ones."""

from __future__ import annotations

from typing import Any

import numpy as np

from hilum.drr.compiled import jit, prange
from hilum.drr.structures_kernels import to_mm


@jit(inline=True)
def window_of(corners: Any, start: Any, inverse: Any, parallel: bool, rows: Any, columns: int) -> Any:
    """Return first and stop row and column of the pixels whose rays may pass a window in one slab."""
    low_r, high_r, low_c, high_c = np.inf, -np.inf, np.inf, -np.inf
    for i in range(4):
        x, y, z = corners[i, 0] - start[0], corners[i, 1] - start[1], corners[i, 2] - start[2]
        q = inverse[0, 0] * x + inverse[0, 1] * y + inverse[0, 2] * z
        r = inverse[1, 0] * x + inverse[1, 1] * y + inverse[1, 2] * z
        c = inverse[2, 0] * x + inverse[2, 1] * y + inverse[2, 2] * z
        if not parallel:
            if q <= 1e-9:
                return rows[0], rows[1], 0, columns
            r, c = r / q, c / q
        low_r, high_r, low_c, high_c = min(low_r, r), max(high_r, r), min(low_c, c), max(high_c, c)
    return (
        int(max(float(rows[0]), np.floor(low_r))), int(min(float(rows[1]), np.ceil(high_r) + 1)),
        int(max(0.0, np.floor(low_c))), int(min(float(columns), np.ceil(high_c) + 1)),
    )  # fmt: skip


@jit(parallel=True)
def gathered(
    layout: Any, axes: Any, pencil: Any, mm: Any, inverse: Any, parallel: bool, tasks: Any, used: Any, out: Any
) -> None:
    """Add up all structures for the rays that cross the slabs of one axis fastest, on any detector.

    Args:
        layout, axes, pencil, mm, out: as for `separable`, of any detector.
        inverse: (3, 3) from index space to (depth, depth row, depth column), or (depth, row, column) if parallel.
        parallel: rays run side by side.
        tasks: (T, 3) structure, first row, stop row.
        used: (rows, columns) uint8, 1 where a ray belongs to this axis.
    """
    slab_of, slabs, _, values = layout
    ab, av, au = axes
    for task in prange(len(tasks)):
        s, top, bottom = tasks[task]
        columns = out.shape[2]
        corners, left, right = np.empty((4, 3)), columns, 0
        for n in range(slab_of[s], slab_of[s + 1]):
            b, v_low, v_high, u_low, u_high, offset, _ = slabs[n]
            for i in range(4):
                corners[i, ab] = b
                corners[i, av] = v_low if i < 2 else v_high
                corners[i, au] = u_low if i % 2 else u_high
            r0, r1, c0, c1 = window_of(corners, pencil[0], inverse, parallel, (top, bottom), columns)
            if r0 >= r1 or c0 >= c1:
                continue
            left, right = min(left, c0), max(right, c1)
            width = u_high - u_low + 1
            for r in range(r0, r1):
                for c in range(c0, c1):
                    across = pencil[3, ab] + r * pencil[4, ab] + c * pencil[5, ab]
                    t = (b - pencil[0, ab] - r * pencil[1, ab] - c * pencil[2, ab]) / across
                    u = pencil[0, au] + r * pencil[1, au] + c * pencil[2, au]
                    u += t * (pencil[3, au] + r * pencil[4, au] + c * pencil[5, au]) - u_low
                    v = pencil[0, av] + r * pencil[1, av] + c * pencil[2, av]
                    v += t * (pencil[3, av] + r * pencil[4, av] + c * pencil[5, av]) - v_low
                    if u > 0 and v > 0 and u < width - 1 and v < v_high - v_low and used[r, c]:
                        i, j = int(u), int(v)
                        x, y = np.float32(u - i), np.float32(v - j)
                        at = offset + j * width + i
                        near = values[at] + x * (np.float32(values[at + 1]) - np.float32(values[at]))
                        at += width
                        far = values[at] + x * (np.float32(values[at + 1]) - np.float32(values[at]))
                        out[s, r, c] += near + y * (far - near)
        for r in range(top, bottom):
            for c in range(left, right):
                if used[r, c] and out[s, r, c] != 0:
                    to_mm(out[s], r, r + 1, c, c + 1, mm, pencil[3:], ab)
