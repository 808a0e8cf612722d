"""Rays through packed structures, on detectors whose rows and columns run along the grid."""

from __future__ import annotations

from typing import Any

import numpy as np

from hilum.drr.compiled import jit, prange


@jit(inline=True)
def _range(start: float, step: float, low: float, high: float, size: int) -> tuple[int, int]:
    """Return first and stop of the indices i in [0, size) with low < start + i step < high."""
    one, two = (low - start) / step, (high - start) / step
    if step < 0:
        one, two = two, one
    first, stop = max(0.0, np.floor(one) + 1), min(float(size), np.ceil(two))
    return int(first), int(max(first, stop))


@jit(inline=True)
def to_mm(out: Any, first: int, stop: int, left: int, right: int, mm: Any, way: Any, axis: int) -> None:
    """Turn sums over slabs into millimetres: times the ray's length, over its slabs per unit of parameter."""
    for r in range(first, stop):
        for c in range(left, right):
            x = mm[0, 0] + r * mm[1, 0] + c * mm[2, 0]
            y = mm[0, 1] + r * mm[1, 1] + c * mm[2, 1]
            z = mm[0, 2] + r * mm[1, 2] + c * mm[2, 2]
            across = way[0, axis] + r * way[1, axis] + c * way[2, axis]
            out[r, c] *= np.float32(np.sqrt(x * x + y * y + z * z) / abs(across))


@jit(parallel=True)
def separable(layout: Any, axes: Any, pencil: Any, mm: Any, tasks: Any, out: Any, extents: Any) -> None:
    """Add up all structures on a detector whose rows and columns run along the grid.

    In each slab u depends on the column alone and v on the row alone. A run of voxels is therefore read once per
    column (linear in u), and the line so made is added to every row that sees its v, with the weight of that row.

    Args:
        layout: (slab_of, slabs, runs, values).
        axes: (b, v, u).
        pencil: (6, 3) of `Geometry.pencil`.
        mm: (3, 3) pixel (0, 0), row and column steps of the ray in mm.
        tasks: (T, 3) structure, first row, stop row.
        out: (S, rows, columns) float32, zeros.
        extents: (T, 4) int64; first and stop row, first and stop column that each task wrote to.
    """
    slab_of, slabs, runs, values = layout
    ab, av, au = axes
    for task in prange(len(tasks)):
        s, top, bottom = tasks[task]
        columns = out.shape[2]
        line, place, share = np.empty(columns, np.float32), np.empty(columns, np.int32), np.empty(columns, np.float32)
        left, right, first_row, last_row = columns, 0, bottom, top
        for n in range(slab_of[s], slab_of[s + 1]):
            b, v_low, v_high, u_low, u_high, offset, run = slabs[n]
            t = (b - pencil[0, ab]) / pencil[3, ab]
            v0, v1 = pencil[0, av] + t * pencil[3, av], pencil[1, av] + t * pencil[4, av]
            u0, u1 = pencil[0, au] + t * pencil[3, au], pencil[2, au] + t * pencil[5, au]
            r0, r1 = _range(v0, v1, v_low, v_high, bottom)
            r0 = max(r0, top)
            c0, c1 = _range(u0, u1, u_low, u_high, columns)
            if r0 >= r1 or c0 >= c1:
                continue
            left, right = min(left, c0), max(right, c1)
            first_row, last_row = min(first_row, r0), max(last_row, r1)
            for c in range(c0, c1):
                u = u0 + c * u1 - u_low
                place[c] = int(u)
                share[c] = np.float32(u - int(u))
            width = u_high - u_low + 1
            stop = slabs[n + 1, 6] if n + 1 < len(slabs) else len(runs)
            for m in range(run, stop):
                v, first, last = runs[m]
                ra, rb = _range(v0, v1, v - 1, v + 1, bottom)
                ra = max(ra, top)
                ca, cb = _range(u0, u1, first - 1, last, columns)
                if ra >= rb or ca >= cb:
                    continue
                row = offset + (v - v_low) * width
                for c in range(ca, cb):
                    i = row + place[c]
                    low = np.float32(values[i])
                    line[c] = low + share[c] * (np.float32(values[i + 1]) - low)
                for r in range(ra, rb):
                    weight = np.float32(1.0 - abs(v0 + r * v1 - v))
                    for c in range(ca, cb):
                        out[s, r, c] += weight * line[c]
        extents[task, 0], extents[task, 1], extents[task, 2], extents[task, 3] = first_row, last_row, left, right
        to_mm(out[s], first_row, last_row, left, right, mm, pencil[3:], ab)
