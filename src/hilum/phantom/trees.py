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
    share: float = 0.4, trunk_share: float | None = None, turn_deg: float = 65.0, murray: float = 3.0,
    uneven: float = 0.0, seed: int = 0, name: str = "tree",
) -> Tree:  # fmt: skip
    """Grow a tree from a root until every supplied point has a terminal.

    Args:
        points_mm: (M, 3) points that fill the space, M at least `terminals`; as many of them are drawn and supplied.
        root_mm: where the trunk begins.
        terminals: points to supply; the tree has 2 x terminals - 1 branches.
        terminal_radius_mm: of a branch that supplies one point.
        share: of the way to the centre of its points that a branch runs.
        trunk_share: the same of the trunk, where it differs: a short one forks at the root.
        turn_deg: the most a child may turn from its parent.
        murray: exponent n of r_parent^n = sum r_child^n.
        uneven: 0 cuts points through their centre; up to 0.5, the cut takes any share from 0.5 - uneven to
            0.5 + uneven, so that stems run on and give off smaller branches, as arteries do.
        seed, name: of the draw.

    Raises:
        InputError: if there are fewer points than terminals, or a number is out of range.
    """
    points = np.asarray(points_mm, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] != 3 or not 1 <= terminals <= len(points):
        raise InputError(f"a tree of {terminals} terminals needs at least as many points (M, 3), got {points.shape}")
    first = share if trunk_share is None else trunk_share
    shares = 0 < share < 1 and 0 < first < 1 and 0 <= uneven < 0.5
    if not (shares and terminal_radius_mm > 0 and murray > 0 and 0 < turn_deg <= 180):
        raise InputError(
            "radius and exponent of a tree must be positive, its shares within 0 and 1, its turn 0 to 180, and what is "
            "uneven 0 up to 0.5"
        )
    rng = generator(seed, "tree", name)
    supplied = points[rng.choice(len(points), terminals, replace=False)]
    root = np.asarray(root_mm, dtype=np.float64)
    start, end = [root[None]], [(root + first * (supplied.mean(axis=0) - root))[None]]
    parent, carried = [np.array([-1])], [np.array([terminals])]
    number, many, grown = np.zeros(1, np.intp), np.array([terminals]), 1
    while True:  # one generation of branches at a time; points lie in the order of the branches they belong to
        forking = many >= 2
        supplied, number, many = supplied[np.repeat(forking, many)], number[forking], many[forking]
        if not len(number):
            break
        last = end[-1][forking]
        along = _unit(last - start[-1][forking])
        supplied, halves = _halved(supplied, many, along, uneven=uneven, rng=rng)
        centre = np.add.reduceat(supplied, _begins(halves), axis=0) / halves[:, None]
        begin = np.repeat(last, 2, axis=0)
        run = _turned(np.repeat(along, 2, axis=0), centre - begin, np.deg2rad(turn_deg))
        run *= np.where(halves == 1, 1.0, share)[:, None]
        start.append(begin)
        end.append(begin + run)
        parent.append(np.repeat(number, 2))
        carried.append(halves)
        number, many = grown + np.arange(len(halves)), halves
        grown += len(halves)
    radius = terminal_radius_mm * np.concatenate(carried).astype(np.float64) ** (1.0 / murray)
    return Tree(np.concatenate(start), np.concatenate(end), radius, np.concatenate(parent).astype(np.intp))


def _unit(way: Floats) -> Floats:
    return np.asarray(way / np.maximum(np.linalg.norm(way, axis=-1, keepdims=True), 1e-9))


def _begins(many: NDArray[np.intp]) -> NDArray[np.intp]:
    """Where each group begins, of groups of so many."""
    return np.asarray(np.cumsum(many) - many)


def _halved(
    points: Floats, many: NDArray[np.intp], along: Floats, *, uneven: float, rng: np.random.Generator
) -> tuple[Floats, NDArray[np.intp]]:
    """Points (M, 3) in groups of `many` (G,), each cut in two across its widest extent beside its branch.

    Returns the points in the order of the halves, and how many each half has (2 G,); none is empty.
    """
    begins, group = _begins(many), np.repeat(np.arange(len(many)), many)
    offset = points - (np.add.reduceat(points, begins, axis=0) / many[:, None])[group]
    beside = offset - (offset * along[group]).sum(axis=1)[:, None] * along[group]
    spread = np.add.reduceat(beside[:, :, None] * beside[:, None, :], begins, axis=0)
    widest = np.linalg.eigh(spread)[1][:, :, -1]
    place = (offset * widest[group]).sum(axis=1)
    points = points[np.lexsort((place, group))]
    if uneven > 0:
        cut = np.rint(many * rng.uniform(0.5 - uneven, 0.5 + uneven, len(many))).astype(np.intp)
    else:
        cut = np.add.reduceat((place < 0).astype(np.intp), begins)
    cut = np.clip(cut, 1, many - 1)
    return points, np.stack([cut, many - cut], axis=1).ravel()


def _turned(along: Floats, way: Floats, most: float) -> Floats:
    """Each `way` (N, 3) with its length, turned no more than `most` radians from `along`."""
    length = np.linalg.norm(way, axis=1, keepdims=True)
    to = way / np.maximum(length, 1e-9)
    cosine = (along * to).sum(axis=1, keepdims=True)
    across = _unit(to - cosine * along)
    turned = length * (np.cos(most) * along + np.sin(most) * across)
    return np.asarray(np.where((np.arccos(np.clip(cosine, -1.0, 1.0)) <= most) | (length < 1e-9), way, turned))


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
