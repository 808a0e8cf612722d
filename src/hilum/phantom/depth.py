"""Exact distances to the outside of a mask: compiled, imported where it is first used.

The lower envelope of parabolas, one axis after the other (Felzenszwalb and Huttenlocher, Theory of Computing 2012).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from hilum.drr.compiled import jit

_FAR = 1e9


@jit(inline=True)
def _envelope(line: Any, found: Any, seat: Any, edge: Any, n: int) -> None:
    """Fill `found` with the smallest line[j] + (i - j)^2 over j; `seat` and `edge` are room to work in."""
    k = 0
    seat[0], edge[0], edge[1] = 0, -_FAR, _FAR
    for q in range(1, n):
        s = ((line[q] + q * q) - (line[seat[k]] + seat[k] * seat[k])) / (2.0 * (q - seat[k]))
        while s <= edge[k]:
            k -= 1
            s = ((line[q] + q * q) - (line[seat[k]] + seat[k] * seat[k])) / (2.0 * (q - seat[k]))
        k += 1
        seat[k], edge[k], edge[k + 1] = q, s, _FAR
    k = 0
    for q in range(n):
        while edge[k + 1] < q:
            k += 1
        found[q] = line[seat[k]] + (q - seat[k]) * (q - seat[k])


@jit()
def depth_voxels(mask: Any, out: Any) -> None:
    """Fill `out` (A, B, C) float32 with the distance of each voxel of a bool mask to the nearest one outside it.

    Distances are in voxels; what lies beyond the array does not count as outside, and 0 stands outside the mask.
    """
    size = mask.shape
    most = max(size)
    line, found = np.empty(most), np.empty(most)
    seat, edge = np.empty(most, np.int64), np.empty(most + 1)
    for x in range(size[0]):
        for y in range(size[1]):
            run = 1e4
            for z in range(size[2]):
                run = run + 1.0 if mask[x, y, z] else 0.0
                out[x, y, z] = run
            run = 1e4
            for z in range(size[2] - 1, -1, -1):
                run = run + 1.0 if mask[x, y, z] else 0.0
                near = min(run, out[x, y, z])
                out[x, y, z] = near * near
        for z in range(size[2]):
            for y in range(size[1]):
                line[y] = out[x, y, z]
            _envelope(line, found, seat, edge, size[1])
            for y in range(size[1]):
                out[x, y, z] = found[y]
    for y in range(size[1]):
        for z in range(size[2]):
            for x in range(size[0]):
                line[x] = out[x, y, z]
            _envelope(line, found, seat, edge, size[0])
            for x in range(size[0]):
                out[x, y, z] = np.sqrt(found[x])
