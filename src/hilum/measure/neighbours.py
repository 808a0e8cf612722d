"""Nearest neighbours among feature vectors, a block of rows at a time: precision, recall, density and coverage."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import InputError

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
BLOCK = 512
"""Rows of a distance matrix held at a time."""


@dataclass(frozen=True, eq=False)
class Manifold:
    """What k-nearest-neighbour balls say about made films; means are the published scores.

    Args:
        precision: (M,) 1 where the made film lies inside the ball of some real film.
        recall: (N,) 1 where the real film lies inside the ball of some made film.
        density: (M,) how many real balls hold the made film, over k.
        coverage: (N,) 1 where the real film's own ball holds a made film.
    """

    precision: Floats
    recall: Floats
    density: Floats
    coverage: Floats


def _squared(first: Floats, second: Floats) -> Iterator[tuple[slice, Floats]]:
    """Yield squared distances of blocks of the first to all of the second."""
    norms = np.einsum("ij,ij->i", second, second)
    for start in range(0, len(first), BLOCK):
        rows = first[start : start + BLOCK]
        products = rows @ second.T
        products *= -2.0
        products += np.einsum("ij,ij->i", rows, rows)[:, None]
        products += norms
        yield slice(start, start + len(rows)), np.maximum(products, 0.0, out=products)


def nearest(queries: Floats, among: Floats, *, same: bool = False) -> tuple[Floats, Ints]:
    """Return the Euclidean distance to, and the row of, the nearest of `among` (N, D) for each query (M, D).

    Args:
        queries, among: feature vectors.
        same: they are one set, and no row is its own neighbour.

    Raises:
        InputError: if there is nothing to be near to.
    """
    if len(among) < 1 + same:
        raise InputError(f"a nearest neighbour among {len(among)} films cannot be found")
    distance, which = np.empty(len(queries)), np.empty(len(queries), dtype=np.intp)
    for block, squared in _squared(queries, among):
        if same:
            squared[np.arange(len(squared)), np.arange(block.start, block.stop)] = np.inf
        which[block] = squared.argmin(axis=1)
        distance[block] = np.linalg.norm(queries[block] - among[which[block]], axis=1)  # exact where they are equal
    return distance, which


def radii(features: Floats, k: int) -> Floats:
    """Return the squared distance (N,) of each row to its k-th nearest other row."""
    found = np.empty(len(features))
    for block, squared in _squared(features, features):
        squared[np.arange(len(squared)), np.arange(block.start, block.stop)] = -1.0  # itself comes first
        squared.partition(k, axis=1)
        found[block] = squared[:, k]
    return found


def manifold(real: Floats, fake: Floats, *, k: int = 5) -> Manifold:
    """Compare two sets (N, D) and (M, D) by balls that reach each film's k-th neighbour in its own set.

    Kynkäänniemi et al. 2019 (precision, recall), Naeem et al. 2020 (density, coverage). A film lies in a ball where
    it is strictly nearer than the radius. Memory grows with N + M, not with N x M.

    Raises:
        InputError: if a set has not more than k films.
    """
    for name, rows in (("real", real), ("made", fake)):
        if len(rows) <= k:
            raise InputError(f"{k} neighbours take more than {k} {name} films, got {len(rows)}: lower k or add films")
    centre = real.mean(axis=0)
    first, second = real - centre, fake - centre
    real_radii, fake_radii = radii(first, k), radii(second, k)
    precision, density = np.zeros(len(fake)), np.zeros(len(fake))
    recall, coverage = np.zeros(len(real)), np.zeros(len(real))
    for block, squared in _squared(first, second):
        inside = squared < real_radii[block][:, None]
        held = inside.sum(axis=0)
        precision[held > 0] = 1.0
        density += held / k
        coverage[block] = inside.any(axis=1)
        recall[block] = (squared < fake_radii).any(axis=1)
    return Manifold(precision, recall, density, coverage)
