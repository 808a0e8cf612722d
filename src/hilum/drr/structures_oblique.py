"""Detectors that stand at any angle: structures are projected onto a plane of the grid, and read from there."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hilum.drr.compiled import jit, prange
from hilum.drr.structures_siddon import fastest, span

PITCH = (0.25, 0.5)  # voxels along v and u; v is as a rule the slices, thick and so in need of the finer step


class Plane(NamedTuple):
    """A grid of pixels in a plane of voxels, and which of the detector's rays it stands in for.

    Attributes:
        shape: (rows, columns).
        pencil: (6, 3) its rays in index space.
        axes: (b, v, u); rows run along v and columns along u.
        place: b of the plane, v and u of its pixel (0, 0).
        used: (detector rows, detector columns) uint8.
    """

    shape: tuple[int, int]
    pencil: NDArray[np.float64]
    axes: tuple[int, int, int]
    place: tuple[float, float, float]
    used: NDArray[np.uint8]


@jit(parallel=True)
def _reach(pencil: Any, box: Any, axes: Any, at: float, used: Any, ends: Any) -> None:
    """Mark the rays that meet the box and cross axis b fastest, and where each row of them meets the plane b = at."""
    b, v, u = axes
    for r in prange(used.shape[0]):
        low_v, high_v, low_u, high_u = np.inf, -np.inf, np.inf, -np.inf
        for c in range(used.shape[1]):
            start = pencil[0] + r * pencil[1] + c * pencil[2]
            way = pencil[3] + r * pencil[4] + c * pencil[5]
            used[r, c] = 0
            if fastest(way) == b:
                low, high = span(box, start, way)
                if low < high:
                    used[r, c] = 1
                    t = (at - start[b]) / way[b]
                    one, two = start[v] + t * way[v], start[u] + t * way[u]
                    low_v, high_v = min(low_v, one), max(high_v, one)
                    low_u, high_u = min(low_u, two), max(high_u, two)
        ends[r, 0], ends[r, 1], ends[r, 2], ends[r, 3] = low_v, high_v, low_u, high_u


def plane_for(
    pencil: NDArray[np.float64],
    box: NDArray[np.int64],
    axes: tuple[int, int, int],
    shape: tuple[int, int],
    parallel: bool,
) -> Plane | None:
    """Return the plane on the far side of the box for the rays that cross axis b fastest; None without such rays."""
    axis = axes[0]
    middle = pencil[3] + pencil[4] * (shape[0] - 1) / 2 + pencil[5] * (shape[1] - 1) / 2
    at = float(box[axis, 1] + 1 if middle[axis] > 0 else box[axis, 0] - 1)
    used, ends = np.empty(shape, np.uint8), np.empty((shape[0], 4))
    wide = box + np.array([-1, 1])
    _reach(pencil, wide, axes, at, used, ends)
    if not used.any():
        return None
    low, high = ends[:, 0::2].min(axis=0) - 3 * np.array(PITCH), ends[:, 1::2].max(axis=0) + 3 * np.array(PITCH)
    rows, columns = (int(size) for size in np.ceil((high - low) / np.array(PITCH)) + 1)
    first = np.zeros(3)
    first[list(axes)] = (at, *low)
    down, along = np.zeros(3), np.zeros(3)
    down[axes[1]], along[axes[2]] = PITCH
    nothing, way = np.zeros(3), pencil[3]
    rays = (first - way, down, along, way, nothing, nothing) if parallel else (
        pencil[0], nothing, nothing, first - pencil[0], down, along
    )  # fmt: skip
    return Plane((rows, columns), np.stack(rays), axes, (at, float(low[0]), float(low[1])), used)


def windows(plane: Plane, extents: NDArray[np.int64], inverse: NDArray[np.float64], parallel: bool,
            start: NDArray[np.float64]) -> NDArray[np.int64]:  # fmt: skip
    """Return (S, 4) first and stop row and column on the detector of what was written to each (S, 4) of the plane."""
    rows, columns = plane.used.shape
    found = np.zeros_like(extents)
    for s, (top, bottom, left, right) in enumerate(extents):
        if top >= bottom or left >= right:
            continue
        corners = np.empty((4, 3))
        for n, (i, j) in enumerate(((top, left), (top, right), (bottom, left), (bottom, right))):
            corners[n, list(plane.axes)] = (
                plane.place[0], plane.place[1] + (i - 0.5) * PITCH[0], plane.place[2] + (j - 0.5) * PITCH[1]
            )  # fmt: skip
        depth, row, column = inverse @ (corners - start).T
        if not parallel:
            if depth.min() <= 1e-9:
                found[s] = (0, rows, 0, columns)
                continue
            row, column = row / depth, column / depth
        found[s] = (
            max(0, np.floor(row.min()) - 1), min(rows, np.ceil(row.max()) + 2),
            max(0, np.floor(column.min()) - 1), min(columns, np.ceil(column.max()) + 2),
        )  # fmt: skip
    return found


@jit(inline=True)
def _cubic(x: Any) -> tuple[Any, Any, Any, Any]:
    """Catmull-Rom weights of the four samples around a place x in [0, 1) between the middle two."""
    return (
        ((2 - x) * x - 1) * x / 2,
        ((3 * x - 5) * x * x + 2) / 2,
        ((4 - 3 * x) * x + 1) * x / 2,
        (x - 1) * x * x / 2,
    )


@jit(parallel=True)
def read_plane(flat: Any, pencil: Any, axes: Any, place: Any, pitch: Any, used: Any, tasks: Any, out: Any) -> None:
    """Read path lengths off the plane, in mm as written there.

    Args:
        flat: (S, rows, columns) float32 on the plane.
        pencil: (6, 3) of the detector.
        axes: (b, v, u) of the plane.
        place: b of the plane, v and u of its pixel (0, 0).
        pitch: of its pixels, in voxels.
        used: (rows, columns) of the detector: the rays to read.
        tasks: (T, 5) structure, first and stop row, first and stop column on the detector.
        out: (S, rows, columns) float32 on the detector.
    """
    ab, av, au = axes
    for task in prange(len(tasks)):
        s, top, bottom, left, right = tasks[task]
        for r in range(top, bottom):
            for c in range(left, right):
                if not used[r, c]:
                    continue
                t = place[0] - pencil[0, ab] - r * pencil[1, ab] - c * pencil[2, ab]
                t /= pencil[3, ab] + r * pencil[4, ab] + c * pencil[5, ab]
                v = pencil[0, av] + r * pencil[1, av] + c * pencil[2, av]
                v = (v + t * (pencil[3, av] + r * pencil[4, av] + c * pencil[5, av]) - place[1]) / pitch[0]
                u = pencil[0, au] + r * pencil[1, au] + c * pencil[2, au]
                u = (u + t * (pencil[3, au] + r * pencil[4, au] + c * pencil[5, au]) - place[2]) / pitch[1]
                i, j = int(v), int(u)
                if i < 1 or j < 1 or i > flat.shape[1] - 3 or j > flat.shape[2] - 3:
                    continue
                if flat[s, i, j] + flat[s, i, j + 1] + flat[s, i + 1, j] + flat[s, i + 1, j + 1] == 0:
                    continue  # nothing within a pixel: a cubic would only ring
                down, along = _cubic(np.float32(v - i)), _cubic(np.float32(u - j))
                total = np.float32(0)
                for m in range(4):
                    line = np.float32(0)
                    for n in range(4):
                        line += along[n] * flat[s, i - 1 + m, j - 1 + n]
                    total += down[m] * line
                out[s, r, c] = max(total, np.float32(0))
