"""Organs that give way: smooth maps of a bounded region onto itself, joined and read off the body in one pass.

Both kinds keep the border of their region where it is and never fold: a growth about a pivot (a heart), and a shift
(a dome, a hilum, a mediastinum pushed aside). As in `warp`, a bend maps new places to the old ones seen there.
Lengths in mm, patient axes (x left, y posterior, z head).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
_EVERY = 4
_STEEPEST = 1.54  # of (1 - u^2)^2


@dataclass(frozen=True, eq=False)
class Bend:
    """One smooth change within an ellipsoid whose half-lengths may differ to either side of its pivot.

    Args:
        pivot: (3,) mm.
        low, high: (3,) half-lengths above 0 towards smaller and larger coordinates.
        growth: [0, 0.9): near the pivot lengths grow to 1 / (1 - growth).
        shift: (3,) mm by which the pivot moves; it fades towards the border.
    """

    pivot: Points
    low: Points
    high: Points
    growth: float = 0.0
    shift: tuple[float, float, float] = (0.0, 0.0, 0.0)

    def reach(self, points: Points) -> Points:
        """Return (N,): 0 at the pivot, 1 at the border of the region and beyond."""
        away = points - self.pivot
        half = np.where(away < 0, self.low, self.high)
        return np.asarray(np.minimum(np.sqrt(((away / half) ** 2).sum(axis=-1)), 1.0))

    def source(self, points: Points) -> Points:
        """Return the old places (N, 3) seen at new places (N, 3)."""
        u = self.reach(points)[:, None]
        grown = points - self.growth * (1.0 - u**4) * (points - self.pivot)
        return grown - np.asarray(self._bounded()) * (1.0 - u**2) ** 2

    def target(self, points: Points) -> Points:
        """Return the new places (N, 3) of old places (N, 3), to about 0.01 mm."""
        reach = self.reach(points)[:, None]
        factor = np.where(reach > 0, grown_reach(self.growth, reach) / np.maximum(reach, 1e-9), 1.0)
        new = self.pivot + factor * (points - self.pivot)  # what a growth alone does
        for _ in range(300 if any(self.shift) else 0):
            error = points - self.source(new)
            new += 0.4 * error
            if np.abs(error).max() < 0.01:
                break
        return new

    def _bounded(self) -> Points:
        """The shift, shortened to where the map would begin to fold."""
        step = np.asarray(self.shift)
        steep = float(np.linalg.norm(step / np.minimum(self.low, self.high))) * _STEEPEST
        return step * min(1.0, 0.85 / max(steep, 1e-9))


def grown_reach(growth: float, old: Points) -> Points:
    """Return for old reaches (N,) in [0, 1] the new ones under a growth: where the heart's border goes."""
    new = np.linspace(0.0, 1.0, 512)
    return np.interp(old, new * (1.0 - growth * (1.0 - new**4)), new)


def bent(
    hu: NDArray[np.float32], ids: NDArray[Any], affine: Points, bends: Sequence[Bend]
) -> tuple[tuple[slice, slice, slice], NDArray[np.float32], NDArray[Any]]:
    """Return the box that bends change, with its new HU and ids; the first bend is the first to have happened.

    Args:
        hu, ids: (X, Y, Z).
        affine: of the grid, with equal steps.
        bends: at least one.
    """
    from hilum.phantom.pull import pull

    origin, step = affine[:3, 3], float(affine[0, 0])
    low = np.min([b.pivot - b.low for b in bends], axis=0)
    high = np.max([b.pivot + b.high for b in bends], axis=0)
    first = np.clip(np.floor((low - origin) / step).astype(int), 0, np.array(hu.shape) - 1)
    last = np.clip(np.ceil((high - origin) / step).astype(int) + 1, first + 1, hu.shape)
    nodes = [np.arange(a, b + 2 * _EVERY, _EVERY, dtype=np.float64) for a, b in zip(first, last, strict=True)]
    index = np.stack(np.meshgrid(*nodes, indexing="ij"), axis=-1)
    points = index.reshape(-1, 3) * step + origin
    for bend in reversed(bends):
        points = bend.source(points)
    lattice = ((points - origin) / step).reshape(index.shape)
    out, out_ids = np.empty(tuple(last - first), np.float32), np.empty(tuple(last - first), ids.dtype)
    pull(hu, ids, lattice, _EVERY, True, out, out_ids)
    x, y, z = (slice(int(a), int(b)) for a, b in zip(first, last, strict=True))
    return (x, y, z), out, out_ids
