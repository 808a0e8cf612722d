"""Rays through packed structures: separable for detectors that stand along the grid, gathered for all others."""

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
def _to_mm(out: Any, first: int, stop: int, left: int, right: int, mm: Any, way: Any, axis: int) -> None:
    """Turn sums over slabs into millimetres: times the ray's length, over its slabs per unit of parameter."""
    for r in range(first, stop):
        for c in range(left, right):
            x = mm[0, 0] + r * mm[1, 0] + c * mm[2, 0]
            y = mm[0, 1] + r * mm[1, 1] + c * mm[2, 1]
            z = mm[0, 2] + r * mm[1, 2] + c * mm[2, 2]
            across = way[0, axis] + r * way[1, axis] + c * way[2, axis]
            out[r, c] *= np.float32(np.sqrt(x * x + y * y + z * z) / abs(across))


@jit(parallel=True)
def separable(layout: Any, axes: Any, pencil: Any, mm: Any, tasks: Any, out: Any) -> None:
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
        _to_mm(out[s], first_row, last_row, left, right, mm, pencil[3:], ab)


@jit(inline=True)
def _window(corners: Any, start: Any, inverse: Any, parallel: bool, rows: Any, columns: int) -> Any:
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
    layout: Any, axes: Any, pencil: Any, mm: Any, inverse: Any, parallel: bool, tasks: Any, done: Any, out: Any
) -> None:
    """Add up all structures for the rays that cross the slabs of one axis fastest, on any detector.

    Args:
        layout, axes, pencil, mm, out: as for `separable`.
        inverse: (3, 3) from index space to (depth, depth row, depth column), or (depth, row, column) if parallel.
        parallel: rays run side by side.
        tasks: (T, 3) structure, first row, stop row.
        done: (rows, columns) uint8, 1 where a ray belongs to this axis.
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
            r0, r1, c0, c1 = _window(corners, pencil[0], inverse, parallel, (top, bottom), columns)
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
                    if u > 0 and v > 0 and u < width - 1 and v < v_high - v_low and done[r, c]:
                        i, j = int(u), int(v)
                        x, y = np.float32(u - i), np.float32(v - j)
                        at = offset + j * width + i
                        near = values[at] + x * (np.float32(values[at + 1]) - np.float32(values[at]))
                        at += width
                        far = values[at] + x * (np.float32(values[at + 1]) - np.float32(values[at]))
                        out[s, r, c] += near + y * (far - near)
        for r in range(top, bottom):
            for c in range(left, right):
                if done[r, c] and out[s, r, c] != 0:
                    _to_mm(out[s], r, r + 1, c, c + 1, mm, pencil[3:], ab)


@jit(parallel=True)
def dominant(pencil: Any, axis: int, done: Any) -> None:
    """Mark in (rows, columns) the rays that cross one axis fastest in index space; the lower axis wins a tie."""
    for r in prange(done.shape[0]):
        for c in range(done.shape[1]):
            size = np.abs(pencil[3] + r * pencil[4] + c * pencil[5])
            best = 0
            for other in range(1, 3):
                if size[other] > size[best]:
                    best = other
            done[r, c] = best == axis
