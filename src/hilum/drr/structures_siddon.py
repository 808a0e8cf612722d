"""One pass through a label map that gives each structure its own exact share of every ray."""

from __future__ import annotations

from typing import Any

import numpy as np

from hilum.drr.compiled import jit, prange

LENGTH, INTEGRAL, MAXIMUM = 0, 1, 2


@jit(inline=True)
def _add(label: int, length: float, value: float, mode: int, total: Any, seen: Any, count: int) -> int:
    """Give a piece of a ray to the structure it lies in."""
    if total[label] == -np.inf:
        seen[count] = label
        count += 1
        total[label] = value if mode == 2 else 0.0
    if mode == 2:
        total[label] = max(total[label], value)
    else:
        total[label] += length * value if mode == 1 else length
    return count


@jit(inline=True)
def span(box: Any, start: Any, way: Any) -> tuple[float, float]:
    """Return where a ray enters and leaves the box of voxels, in its own parameter; low >= high if it misses."""
    low, high = 0.0, np.inf
    for axis in range(3):
        first, last = box[axis, 0] - 0.5 - start[axis], box[axis, 1] + 0.5 - start[axis]
        if abs(way[axis]) < 1e-14:
            if first >= 0 or last <= 0:
                high = -1.0
        else:
            one, two = first / way[axis], last / way[axis]
            low, high = max(low, min(one, two)), min(high, max(one, two))
    return low, high


@jit(inline=True)
def _cut(start: Any, way: Any, axis: int, near: float, far: float) -> float:
    """Return where a ray crosses a voxel face of one axis between two parameters, or `far` if nowhere."""
    begin, end = np.floor(start[axis] + near * way[axis] + 0.5), np.floor(start[axis] + far * way[axis] + 0.5)
    if begin == end:
        return far
    return float(min(max((max(begin, end) - 0.5 - start[axis]) / way[axis], near), far))


@jit(inline=True)
def fastest(way: Any) -> int:
    """Return the axis a ray crosses fastest in index space; the lower one if two are equal."""
    axis = 1 if abs(way[1]) > abs(way[0]) else 0
    return 2 if abs(way[2]) > abs(way[axis]) else axis


@jit()
def _follow(
    ids: Any, lookup: Any, field: Any, box: Any, start: Any, way: Any, length: float, mode: int, total: Any, seen: Any
) -> int:
    """Give the pieces of one ray to the structures it passes; return how many those are."""
    low, high = span(box, start, way)
    if low >= high:
        return 0
    b = fastest(way)
    u, v = (1 if b == 0 else 0), (1 if b == 2 else 2)
    one, two = start[b] + low * way[b], start[b] + high * way[b]
    first = max(int(np.floor(min(one, two) + 0.5)), box[b, 0])
    last = min(int(np.floor(max(one, two) + 0.5)), box[b, 1])
    at, count, half = np.empty(3, np.int64), 0, abs(0.5 / way[b])
    for slab in range(first, last + 1):
        middle = (slab - start[b]) / way[b]
        near, far = max(middle - half, low), min(middle + half, high)
        one, two = _cut(start, way, u, near, far), _cut(start, way, v, near, far)
        one, two = min(one, two), max(one, two)
        at[b], begin = slab, near
        for piece in range(3):
            end = one if piece == 0 else (two if piece == 1 else far)
            width, middle, begin = end - begin, (begin + end) / 2, end
            if width <= 0:
                continue
            at[u] = int(np.floor(start[u] + middle * way[u] + 0.5))
            at[v] = int(np.floor(start[v] + middle * way[v] + 0.5))
            if min(at[u] - box[u, 0], box[u, 1] - at[u], at[v] - box[v, 0], box[v, 1] - at[v]) < 0:
                continue  # by rounding, at the very edge
            label = lookup[ids[at[0], at[1], at[2]]]
            if label >= 0:
                value = field[at[0], at[1], at[2]] if mode else 1.0
                count = _add(label, width * length, value, mode, total, seen, count)
    return count


@jit(parallel=True)
def route(ids: Any, lookup: Any, field: Any, box: Any, pencil: Any, mm: Any, mode: int, out: Any) -> None:
    """Follow every ray through constant voxels, slab by slab along the axis it crosses fastest.

    Within such a slab a ray crosses at most one voxel face of each other axis, so three look-ups are exact.

    Args:
        ids: (A, B, C) structure ids.
        lookup: (256 or 65536,) from id to index in `out`, -1 for none.
        field: (A, B, C) values; not read for `LENGTH`.
        box: (3, 2) first and last voxel that belongs to any structure.
        pencil: (6, 3) of `Geometry.pencil`.
        mm: (3, 3) pixel (0, 0), row and column steps of the ray in mm.
        mode: LENGTH in mm, INTEGRAL of the field, or its MAXIMUM over the voxels passed.
        out: (S, rows, columns) float32; rays that miss a structure leave it as it is.
    """
    for r in prange(out.shape[1]):
        total, seen = np.full(out.shape[0], -np.inf), np.empty(out.shape[0], np.int64)
        for c in range(out.shape[2]):
            start = pencil[0] + r * pencil[1] + c * pencil[2]
            way = pencil[3] + r * pencil[4] + c * pencil[5]
            length = np.sqrt(np.sum((mm[0] + r * mm[1] + c * mm[2]) ** 2))
            count = _follow(ids, lookup, field, box, start, way, length, mode, total, seen)
            for n in range(count):
                out[seen[n], r, c] = total[seen[n]]
                total[seen[n]] = -np.inf
