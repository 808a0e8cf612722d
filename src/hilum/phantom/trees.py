"""Branching trees that fill a space, as airways and vessels fill a lung: grown by a rule, radii by Murray's law.

The rule follows the volume-filling branching of Tawhai et al. (J Appl Physiol 2004): the points a branch has to supply
are cut in two through their centre, and a child runs towards the centre of each half, a share of the way. Every point
is one terminal. Radii obey Murray's law r_parent^n = sum of r_child^n (n = 3) exactly. No biology beyond this.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import InputError
from hilum.core.seed import generator

Floats = NDArray[np.float64]
_CHUNK = 1 << 22


@dataclass(frozen=True, eq=False)
class Tree:
    """Straight branches with round ends (capsules), parents before children.

    Args:
        start, end: (N, 3) mm, in whatever axes the points came in.
        radius_mm: (N,).
        parent: (N,) index of the branch that a branch leaves, -1 for the trunk.
    """

    start: Floats
    end: Floats
    radius_mm: Floats
    parent: NDArray[np.intp]

    @property
    def terminals(self) -> NDArray[np.intp]:
        """Indices of the branches that no branch leaves."""
        return np.flatnonzero(np.bincount(self.parent[self.parent >= 0], minlength=len(self.parent)) == 0)

    @property
    def length_mm(self) -> Floats:
        """Length of each branch."""
        return np.asarray(np.linalg.norm(self.end - self.start, axis=1))


def grow(
    points_mm: Floats, root_mm: tuple[float, float, float], *, terminals: int, terminal_radius_mm: float,
    share: float = 0.4, turn_deg: float = 65.0, murray: float = 3.0, seed: int = 0, name: str = "tree",
) -> Tree:  # fmt: skip
    """Grow a tree from a root until every supplied point has a terminal.

    Args:
        points_mm: (M, 3) points that fill the space, M at least `terminals`; as many of them are drawn and supplied.
        root_mm: where the trunk begins.
        terminals: points to supply; the tree has 2 x terminals - 1 branches.
        terminal_radius_mm: of a branch that supplies one point.
        share: of the way to the centre of its points that a branch runs.
        turn_deg: the most a child may turn from its parent.
        murray: exponent n of r_parent^n = sum r_child^n.
        seed, name: of the draw.

    Raises:
        InputError: if there are fewer points than terminals, or a number is out of range.
    """
    points = np.asarray(points_mm, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] != 3 or not 1 <= terminals <= len(points):
        raise InputError(f"a tree of {terminals} terminals needs at least as many points (M, 3), got {points.shape}")
    if not (terminal_radius_mm > 0 and 0 < share < 1 and murray > 0 and 0 < turn_deg <= 180):
        raise InputError("radius and exponent of a tree must be positive, its share within 0 and 1, its turn 0 to 180")
    supplied = points[generator(seed, "tree", name).choice(len(points), terminals, replace=False)]
    root = np.asarray(root_mm, dtype=np.float64)
    start, end, parent, carried = [root], [root + share * (supplied.mean(axis=0) - root)], [-1], [terminals]
    waiting = [(0, supplied)]
    while waiting:
        number, mine = waiting.pop()
        if len(mine) < 2:
            continue
        begin, along = end[number], _unit(end[number] - start[number])
        for half in _halves(mine, along):
            way = half.mean(axis=0) - begin
            run = _turned(along, way, np.deg2rad(turn_deg)) * (1.0 if len(half) == 1 else share)
            start.append(begin)
            end.append(begin + run)
            parent.append(number)
            carried.append(len(half))
            waiting.append((len(start) - 1, half))
    radius = terminal_radius_mm * np.asarray(carried, dtype=np.float64) ** (1.0 / murray)
    return Tree(np.stack(start), np.stack(end), radius, np.asarray(parent, dtype=np.intp))


def _unit(way: Floats) -> Floats:
    return np.asarray(way / max(float(np.linalg.norm(way)), 1e-9))


def _halves(points: Floats, along: Floats) -> tuple[Floats, Floats]:
    """Points cut in two across their widest extent beside the branch; neither half is empty."""
    offset = points - points.mean(axis=0)
    beside = offset - np.outer(offset @ along, along)
    _, axes = np.linalg.eigh(beside.T @ beside)
    place = offset @ axes[:, -1]
    order = np.argsort(place, kind="stable")
    cut = int(np.clip(np.searchsorted(place[order], 0.0), 1, len(points) - 1))
    return points[order[:cut]], points[order[cut:]]


def _turned(along: Floats, way: Floats, most: float) -> Floats:
    """`way` with its length, turned no more than `most` radians from `along`."""
    length = float(np.linalg.norm(way))
    to = _unit(way)
    angle = float(np.arccos(np.clip(along @ to, -1.0, 1.0)))
    if angle <= most or length < 1e-9:
        return way
    across = _unit(to - (to @ along) * along)
    return np.asarray(length * (np.cos(most) * along + np.sin(most) * across))


def distance_mm(tree: Tree, points_mm: Floats) -> Floats:
    """Return the exact distance of points (M, 3) to the surface of the tree in mm (M,), below 0 inside a branch."""
    points = np.asarray(points_mm, dtype=np.float64)
    step = max(1, _CHUNK // len(tree.start))
    run = tree.end - tree.start
    square = np.maximum((run**2).sum(axis=1), 1e-12)
    found = []
    for first in range(0, len(points), step):
        part = points[first : first + step]
        share = np.clip((part @ run.T - (tree.start * run).sum(axis=1)) / square, 0.0, 1.0)
        gap2 = np.zeros_like(share)
        for axis in range(3):
            gap2 += (part[:, axis, None] - tree.start[:, axis] - share * run[:, axis]) ** 2
        found.append((np.sqrt(gap2) - tree.radius_mm).min(axis=1))
    return np.concatenate(found) if found else np.zeros(0)


def paint(
    tree: Tree, shape: tuple[int, int, int], spacing_mm: tuple[float, float, float], *, reach_mm: float = 3.0
) -> NDArray[np.float32]:
    """Return the distance of each voxel centre to the tree's surface in mm, below 0 inside, at most `reach_mm`.

    Args:
        tree: in mm along the array's axes, 0 at the centre of voxel (0, 0, 0).
        shape: of the grid.
        spacing_mm: of a voxel along each axis.
        reach_mm: distances beyond this are not worked out.
    """
    found = np.full(shape, reach_mm, dtype=np.float32)
    spacing = np.asarray(spacing_mm)
    for begin, end, radius in zip(tree.start, tree.end, tree.radius_mm, strict=True):
        margin = radius + reach_mm
        low = np.maximum(np.ceil((np.minimum(begin, end) - margin) / spacing).astype(int), 0)
        high = np.minimum(np.floor((np.maximum(begin, end) + margin) / spacing).astype(int) + 1, shape)
        if (high <= low).any():
            continue
        box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
        axes = [(np.arange(a, b) * s - o) for a, b, s, o in zip(low, high, spacing, begin, strict=True)]
        run = end - begin
        grid = np.ix_(*axes)
        share = sum(g * r for g, r in zip(grid, run, strict=True)) / max(float(run @ run), 1e-12)
        share = np.clip(share, 0.0, 1.0)
        gap2 = sum((g - share * r) ** 2 for g, r in zip(grid, run, strict=True))
        np.minimum(found[box], np.sqrt(gap2) - radius, out=found[box], casting="same_kind")
    return found
