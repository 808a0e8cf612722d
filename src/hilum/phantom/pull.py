"""Reading a volume and its structures at moved places: compiled, imported where it is first used."""

from __future__ import annotations

from typing import Any

import numpy as np

from hilum.drr.compiled import jit, prange


@jit(parallel=True)
def pull(values: Any, ids: Any, lattice: Any, every: int, extend: bool, out: Any, out_ids: Any) -> None:
    """Fill `out` (A, B, C) by trilinear and `out_ids` by nearest reading of `values` and `ids`.

    Args:
        values, ids: (A', B', C') the source.
        lattice: (a, b, c, 3) source index of every `every`-th voxel of the result, one node past its end.
        every: voxels from node to node.
        extend: go on beyond the source with its border; else air (-1000 HU) and no structure.
        out, out_ids: (A, B, C) filled in place.
    """
    size = values.shape
    for x in prange(out.shape[0]):
        at, low, share = np.empty(3), np.empty(3, np.int64), np.empty(3)
        i, u = x // every, (x % every) / every
        for y in range(out.shape[1]):
            j, v = y // every, (y % every) / every
            for z in range(out.shape[2]):
                k, w = z // every, (z % every) / every
                inside = True
                for axis in range(3):
                    near = (1 - v) * ((1 - w) * lattice[i, j, k, axis] + w * lattice[i, j, k + 1, axis])
                    near += v * ((1 - w) * lattice[i, j + 1, k, axis] + w * lattice[i, j + 1, k + 1, axis])
                    far = (1 - v) * ((1 - w) * lattice[i + 1, j, k, axis] + w * lattice[i + 1, j, k + 1, axis])
                    far += v * ((1 - w) * lattice[i + 1, j + 1, k, axis] + w * lattice[i + 1, j + 1, k + 1, axis])
                    at[axis] = (1 - u) * near + u * far
                    inside = inside and at[axis] > -0.5 and at[axis] < size[axis] - 0.5
                if not (inside or extend):
                    out[x, y, z], out_ids[x, y, z] = -1000.0, 0
                    continue
                for axis in range(3):
                    bounded = min(max(at[axis], 0.0), size[axis] - 1.0)
                    low[axis] = min(int(bounded), size[axis] - 2)
                    share[axis] = bounded - low[axis]
                total = 0.0
                for corner in range(8):
                    a, b, c = corner >> 2, (corner >> 1) & 1, corner & 1
                    weight = (share[0] if a else 1 - share[0]) * (share[1] if b else 1 - share[1])
                    weight *= share[2] if c else 1 - share[2]
                    total += weight * values[low[0] + a, low[1] + b, low[2] + c]
                out[x, y, z] = total
                out_ids[x, y, z] = ids[
                    low[0] + (share[0] >= 0.5), low[1] + (share[1] >= 0.5), low[2] + (share[2] >= 0.5)
                ]
