"""Joseph's sums with what their derivatives need, and their transpose: compiled kernels on any grid and any rays.

A ray start + t way crosses plane k of the array axis it runs along at t = (k - start) / way, and takes a bilinear
sample V(a, b) of the other two axes there. How the sum of samples changes with start and way follows from four more
sums, of dV/da, t dV/da, dV/db and t dV/db: they hold every derivative with respect to pose, source and detector.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from hilum.drr.compiled import jit, prange


@jit(inline=True)
def _clip(low: Any, high: Any, at: Any, step: Any, first: Any, last: Any) -> Any:
    """Narrow a range of planes [low, high] to those where first <= at + plane * step <= last."""
    if step == 0.0:
        return (low, high) if first <= at <= last else (1.0, 0.0)
    one, two = (first - at) / step, (last - at) / step
    return max(low, min(one, two)), min(high, max(one, two))


@jit()
def ray(pencil: Any, row: Any, column: Any, shape: Any) -> Any:
    """Return how one ray crosses a grid.

    Returns:
        axis, others (the axis whose planes it crosses and the two others), start and step of the two other
        coordinates from plane to plane, t of plane 0 and its step, and four plane numbers: the samples have a
        share in the grid on planes [outer, outer end) and need no border check on [inner, inner end).
    """
    w0 = pencil[3, 0] + row * pencil[4, 0] + column * pencil[5, 0]
    w1 = pencil[3, 1] + row * pencil[4, 1] + column * pencil[5, 1]
    w2 = pencil[3, 2] + row * pencil[4, 2] + column * pencil[5, 2]
    axis = 0
    if abs(w1) > abs(w0):
        axis = 1
    if abs(w2) > max(abs(w0), abs(w1)):
        axis = 2
    one, two = (1 if axis == 0 else 0), (1 if axis == 2 else 2)
    way = w0 if axis == 0 else (w1 if axis == 1 else w2)
    start = pencil[0, axis] + row * pencil[1, axis] + column * pencil[2, axis]
    a_step = (w0 if one == 0 else w1) / way
    b_step = (w1 if two == 1 else w2) / way
    a = pencil[0, one] + row * pencil[1, one] + column * pencil[2, one] - start * a_step
    b = pencil[0, two] + row * pencil[1, two] + column * pencil[2, two] - start * b_step
    last, many, much = shape[axis] - 1.0, shape[one] - 1.0, shape[two] - 1.0
    low, high = _clip(0.0, last, a, a_step, -1.0, many + 1.0)
    low, high = _clip(low, high, b, b_step, -1.0, much + 1.0)
    # a thousandth of a voxel of room, so that rounding in the coordinates of a sample never leaves the grid
    near, far = _clip(low, high, a, a_step, 0.001, many - 0.001)
    near, far = _clip(near, far, b, b_step, 0.001, much - 0.001)
    outer, outer_end = int(np.ceil(low)), int(np.floor(high)) + 1
    inner, inner_end = int(np.ceil(near)), int(np.floor(far)) + 1
    outer_end = max(outer, outer_end)
    if inner_end <= inner:
        inner = inner_end = outer_end
    return axis, one, two, a, a_step, b, b_step, -start / way, 1.0 / way, outer, inner, inner_end, outer_end


@jit(inline=True)
def _stride(shape: Any, axis: Any) -> Any:
    """Return how far apart neighbours along an axis lie in the flat grid."""
    return shape[1] * shape[2] if axis == 0 else (shape[2] if axis == 1 else 1)


@jit(inline=True)
def _border(values: Any, at: Any, steps: Any, sizes: Any, i: Any, j: Any) -> Any:
    """Return one voxel of a plane as float64, 0 outside it."""
    inside = 0 <= i < sizes[0] and 0 <= j < sizes[1]
    return np.float64(values[np.uint64(at + i * steps[0] + j * steps[1])]) if inside else 0.0


@jit()
def _edge(values: Any, at: Any, steps: Any, sizes: Any, a: Any, b: Any) -> Any:
    """Return (value, d/da, d/db) of the bilinear interpolant at (a, b) of a plane with zeros around it."""
    i, j = int(np.floor(a)), int(np.floor(b))
    u, v = a - i, b - j
    v00, v01 = _border(values, at, steps, sizes, i, j), _border(values, at, steps, sizes, i, j + 1)
    v10, v11 = _border(values, at, steps, sizes, i + 1, j), _border(values, at, steps, sizes, i + 1, j + 1)
    lower, upper = v00 + v * (v01 - v00), v10 + v * (v11 - v10)
    return lower + u * (upper - lower), upper - lower, (v01 - v00) + u * ((v11 - v10) - (v01 - v00))


@jit(inline=True)
def _inside(values: Any, at: Any, sa: Any, sb: Any, a: Any, b: Any) -> Any:
    """Return (value, d/da, d/db) as `_edge` does, for a square of four voxels that all lie in the grid."""
    real = type(a)
    i, j = np.int64(a), np.int64(b)
    place = np.uint64(at + i * sa + j * sb)
    u, v = a - real(i), b - real(j)
    v00, v01 = real(values[place]), real(values[place + np.uint64(sb)])
    v10, v11 = real(values[place + np.uint64(sa)]), real(values[place + np.uint64(sa) + np.uint64(sb)])
    left, right = v01 - v00, v11 - v10
    lower, upper = v00 + v * left, v10 + v * right
    return lower + u * (upper - lower), upper - lower, left + u * (right - left)


@jit()
def _value(values: Any, sk: Any, sa: Any, sb: Any, start: Any, step: Any, first: Any, end: Any) -> Any:
    """Return the sum of samples on planes [first, end); start and step are (a, b, t) on plane 0 and per plane."""
    real = type(start[0])
    total = real(0)
    for k in range(first, end):
        at = real(k)
        value, _, _ = _inside(values, k * sk, sa, sb, start[0] + at * step[0], start[1] + at * step[1])
        total += value
    return total


@jit()
def _moments(values: Any, sk: Any, sa: Any, sb: Any, start: Any, step: Any, first: Any, end: Any) -> Any:
    """Return the sums of V, dV/da, t dV/da, dV/db and t dV/db on planes [first, end)."""
    real = type(start[0])
    total, a0, a1, b0, b1 = real(0), real(0), real(0), real(0), real(0)
    for k in range(first, end):
        at = real(k)
        t = start[2] + at * step[2]
        value, along, across = _inside(values, k * sk, sa, sb, start[0] + at * step[0], start[1] + at * step[1])
        total += value
        a0 += along
        a1 += t * along
        b0 += across
        b1 += t * across
    return total, a0, a1, b0, b1


@jit(inline=True)
def _slopes(axis: Any, steps: Any, rate: Any, sums: Any, out: Any) -> None:
    """Write (6,) the derivatives of one ray's integral with respect to start (3) and way (3), from its moments.

    Args:
        axis: the three axes: the one whose planes the ray crosses, then a and b.
        steps: of a and b from plane to plane.
        rate: change of t from plane to plane, signed.
        sums: of V, dV/da, t dV/da, dV/db and t dV/db over planes.
        out: where to write.
    """
    total, a0, a1, b0, b1 = sums
    size = abs(rate)
    out[axis[1]], out[axis[2]] = size * a0, size * b0
    out[axis[0]] = -size * (steps[0] * a0 + steps[1] * b0)
    out[3 + axis[1]], out[3 + axis[2]] = size * a1, size * b1
    out[3 + axis[0]] = -size * (steps[0] * a1 + steps[1] * b1 + rate * total)


@jit(parallel=True)
def project(values: Any, shape: Any, pencils: Any, down: Any, out: Any, slopes: Any) -> None:
    """Sum samples along the rays of several poses, times the ray parameter between planes.

    Args:
        values: flat voxels, last axis fastest.
        shape: (3,) of the grid.
        pencils: (B, 6, 3) rays, rows as in `geometry.Pencil`.
        down: walk down columns in the inner loop, where the last array axis runs that way.
        out: (B, rows, columns) integrals over the ray parameter; its dtype is that of the arithmetic.
        slopes: (B, rows, columns, 6) their derivatives with respect to start and way; (0, 0, 0, 0) for none.
    """
    rows, columns = out.shape[1], out.shape[2]
    real = out.dtype.type
    lines = columns if down else rows
    for job in prange(len(out) * lines):
        pose, line = job // lines, job % lines
        for point in range(rows if down else columns):
            row, column = (point, line) if down else (line, point)
            found = ray(pencils[pose], row, column, shape)
            axis, one, two, a, da, b, db, t, dt, outer, inner, inner_end, outer_end = found
            sk, sa, sb = _stride(shape, axis), _stride(shape, one), _stride(shape, two)
            start, step = (real(a), real(b), real(t)), (real(da), real(db), real(dt))
            a0, a1, b0, b1 = real(0), real(0), real(0), real(0)
            if len(slopes):
                total, a0, a1, b0, b1 = _moments(values, sk, sa, sb, start, step, inner, inner_end)
            else:
                total = _value(values, sk, sa, sb, start, step, inner, inner_end)
            for half in range(2):
                for k in range(outer if half == 0 else inner_end, inner if half == 0 else outer_end):
                    value, along, across = _edge(
                        values, k * sk, (sa, sb), (shape[one], shape[two]), a + k * da, b + k * db
                    )
                    total += real(value)
                    a0 += real(along)
                    a1 += real((t + k * dt) * along)
                    b0 += real(across)
                    b1 += real((t + k * dt) * across)
            out[pose, row, column] = total * abs(step[2])
            if len(slopes):
                sums = (total, a0, a1, b0, b1)
                _slopes((axis, one, two), (step[0], step[1]), step[2], sums, slopes[pose, row, column])


@jit(parallel=True)
def crossings(pencil: Any, shape: Any, out: Any) -> None:
    """Write how each ray of one pose crosses the grid, for `spread`.

    Args:
        pencil: (6, 3) rays.
        shape: (3,) of the grid.
        out: (rows, columns, 8): axis, a, step of a, b, step of b, t per plane, first plane and the one after the last.
    """
    for row in prange(out.shape[0]):
        for column in range(out.shape[1]):
            axis, _, _, a, da, b, db, _, dt, outer, _, _, outer_end = ray(pencil, row, column, shape)
            out[row, column, 0], out[row, column, 5] = axis, abs(dt)
            out[row, column, 1], out[row, column, 2] = a, da
            out[row, column, 3], out[row, column, 4] = b, db
            out[row, column, 6], out[row, column, 7] = outer, outer_end


@jit(inline=True)
def _put(voxels: Any, at: Any, steps: Any, sizes: Any, i: Any, j: Any, amount: Any) -> None:
    """Add to one voxel of a plane unless it lies outside."""
    if 0 <= i < sizes[0] and 0 <= j < sizes[1]:
        voxels[np.uint64(at + i * steps[0] + j * steps[1])] += amount


@jit(parallel=True)
def spread(crossing: Any, weights: Any, shape: Any, axis: Any, depth: Any, voxels: Any) -> None:
    """Add the transpose of `project` for the rays along one axis: what each ray carries goes to the voxels it read.

    A block of `depth` planes belongs to one thread and takes its rays in order: no two threads write to one voxel,
    and the sum does not depend on how many threads there are.

    Args:
        crossing: (rows, columns, 8) from `crossings`.
        weights: (rows, columns) what each ray carries; its dtype is that of the arithmetic.
        shape: (3,) of the grid.
        axis: the axis whose planes the rays cross; rays along other axes are left out.
        depth: planes in a block.
        voxels: flat grid to add to, last axis fastest.
    """
    one, two = (1 if axis == 0 else 0), (1 if axis == 2 else 2)
    sk, steps, sizes = _stride(shape, axis), (_stride(shape, one), _stride(shape, two)), (shape[one], shape[two])
    real = weights.dtype.type
    for block in prange((shape[axis] + depth - 1) // depth):
        for row in range(weights.shape[0]):
            for column in range(weights.shape[1]):
                along, rate = crossing[row, column, 0], crossing[row, column, 5]
                if along != axis or weights[row, column] == 0:
                    continue
                a0, da = real(crossing[row, column, 1]), real(crossing[row, column, 2])
                b0, db = real(crossing[row, column, 3]), real(crossing[row, column, 4])
                first, end = int(crossing[row, column, 6]), int(crossing[row, column, 7])
                amount = weights[row, column] * real(rate)
                for k in range(max(first, block * depth), min(end, (block + 1) * depth)):
                    a, b = a0 + real(k) * da, b0 + real(k) * db
                    i, j = int(np.floor(a)), int(np.floor(b))
                    u, v = a - real(i), b - real(j)
                    high, low = amount * u, amount * (real(1) - u)
                    _put(voxels, k * sk, steps, sizes, i, j, low * (real(1) - v))
                    _put(voxels, k * sk, steps, sizes, i, j + 1, low * v)
                    _put(voxels, k * sk, steps, sizes, i + 1, j, high * (real(1) - v))
                    _put(voxels, k * sk, steps, sizes, i + 1, j + 1, high * v)
