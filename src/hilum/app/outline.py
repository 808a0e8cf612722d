"""Outlines of a mask as polygons, for drawing; numpy only."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
from numpy.typing import NDArray

Polygon = NDArray[np.float64]
GRID = 512
"""Longest side in cells on which an outline is traced: finer steps cannot be seen on a screen."""


def _coarse(mask: NDArray[np.bool_], step: int) -> NDArray[np.bool_]:
    """Return (ceil(H / step), ceil(W / step)): a cell is inside where half of its pixels are."""
    height, width = mask.shape
    padded = np.pad(mask, ((0, -height % step), (0, -width % step)))
    blocks = padded.reshape(padded.shape[0] // step, step, padded.shape[1] // step, step)
    return np.asarray(blocks.mean(axis=(1, 3)) >= 0.5)


def _edges(mask: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return starts and ends (N, 2) of the cell sides between inside and outside, as (x, y), inside on the right."""
    framed = np.pad(mask, 1)
    inside = framed[1:-1, 1:-1]
    sides = (
        (framed[:-2, 1:-1], (0, 0), (1, 0)),
        (framed[1:-1, 2:], (1, 0), (1, 1)),
        (framed[2:, 1:-1], (1, 1), (0, 1)),
        (framed[1:-1, :-2], (0, 1), (0, 0)),
    )
    starts, ends = [], []
    for neighbour, first, last in sides:
        cells = np.argwhere(inside & ~neighbour)[:, ::-1]
        starts.append(cells + first)
        ends.append(cells + last)
    return np.concatenate(starts), np.concatenate(ends)


def _loops(mask: NDArray[np.bool_]) -> list[Polygon]:
    """Return the closed borders of a mask, each as the midpoints (N, 2) of its cell sides in order."""
    starts, ends = _edges(mask)
    following: dict[tuple[int, int], list[tuple[int, int]]] = defaultdict(list)
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        following[tuple(start)].append(tuple(end))
    loops = []
    while following:
        corner = next(iter(following))
        corners = [corner]
        while corner in following:
            choices = following[corner]
            step = choices.pop()
            if not choices:
                del following[corner]
            corner = step
            corners.append(corner)
        ring = np.array(corners, dtype=np.float64)
        loops.append((ring[:-1] + ring[1:]) / 2)
    return loops


def _simplify(ring: Polygon, tolerance: float) -> Polygon:
    """Return the corners of a closed ring that keep it within `tolerance` (Ramer 1972; Douglas and Peucker 1973)."""
    path = np.concatenate([ring, ring[:1]])
    far = int(np.argmax(np.hypot(*(ring - ring[0]).T)))
    keep = np.zeros(len(path), dtype=bool)
    keep[[0, far, -1]] = True
    pending = [(0, far), (far, len(path) - 1)]
    while pending:
        first, last = pending.pop()
        if last - first < 2:
            continue
        chord, offset = path[last] - path[first], path[first + 1 : last] - path[first]
        share = np.clip(offset @ chord / max(float(chord @ chord), 1e-12), 0.0, 1.0)  # of the chord, not the line
        away = np.hypot(*(offset - share[:, None] * chord).T)
        worst = int(np.argmax(away))
        if away[worst] > tolerance:
            middle = first + 1 + worst
            keep[middle] = True
            pending += [(first, middle), (middle, last)]
    return path[:-1][keep[:-1]]


def enclosed(ring: Polygon) -> float:
    """Return the signed area of a closed ring (N, 2) in square pixels: positive outside borders, negative holes."""
    x, y = ring[:, 0], ring[:, 1]
    return float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2


def outlines(mask: NDArray[np.bool_], *, tolerance: float = 0.6) -> list[Polygon]:
    """Trace the borders of a mask, holes included, largest first.

    Args:
        mask: bool (H, W).
        tolerance: how far a simplified border may stray, in cells of the tracing grid (one pixel
            for masks of up to `GRID` pixels a side).

    Returns:
        Closed polygons (N, 2) as (x, y) in pixels of the mask; specks below 1/200 of the largest
        border's area are left out. Empty for an empty mask.
    """
    step = -(-max(mask.shape) // GRID)
    cells = _coarse(mask, step) if step > 1 else mask
    rings = sorted(_loops(cells), key=lambda ring: -abs(enclosed(ring)))
    return [_simplify(ring, tolerance) * step for ring in rings if abs(enclosed(ring)) * 200 >= abs(enclosed(rings[0]))]
