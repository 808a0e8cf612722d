"""A mask of tubes as branches: thinned to its centre line, cut where it forks, free ends with their directions."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from hilum.core.errors import need

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Spacing = tuple[float, float, float]


@dataclass(frozen=True, eq=False)
class Branches:
    """The centre line of a tree.

    Args:
        points_mm: (P, 3) voxels of the line without its forks, in mm along the array's axes.
        branch: (P,) which branch each belongs to, 0 to count - 1.
        ends_mm: (E, 3) free ends.
        ways: (E, 3) unit directions in which the ends point; NaN where a branch is too short to tell.
        end_branch: (E,) whose end it is.
    """

    points_mm: Floats
    branch: NDArray[np.intp]
    ends_mm: Floats
    ways: Floats
    end_branch: NDArray[np.intp]

    @property
    def count(self) -> int:
        """How many branches there are."""
        return int(self.branch.max()) + 1 if len(self.branch) else 0

    @cached_property
    def line(self) -> cKDTree:
        """A search tree of `points_mm`."""
        return cKDTree(self.points_mm)


def branches(mask: Mask, spacing_mm: Spacing, *, spur_mm: float = 3.0, along_mm: float = 6.0) -> Branches:
    """Return the branches of a mask.

    Args:
        mask: bool (A, B, C).
        spacing_mm: of a voxel.
        spur_mm: a free-ended branch shorter than this that leaves a fork is a thorn of the thinning, and is cut off.
        along_mm: the direction of an end is taken over this length.

    Raises:
        MissingError: if scikit-image is not installed.
    """
    try:
        from skimage.morphology import skeletonize
    except ModuleNotFoundError:
        raise need("skimage", "drr", "the branch graph of airways and vessels") from None
    thin: Any = skeletonize  # untyped
    voxels = np.argwhere(thin(np.pad(mask, 1))) - 1
    for _ in range(2):
        voxels = voxels[_kept(voxels, np.asarray(spacing_mm), spur_mm)]
    degree, label = _cut(voxels)
    points = voxels * np.asarray(spacing_mm)
    line = label >= 0
    ends = np.flatnonzero((degree <= 1) & line)
    ways = np.stack([_way(points, label, int(end), along_mm) for end in ends]) if len(ends) else np.zeros((0, 3))
    return Branches(points[line], label[line], points[ends], ways, label[ends])


def _cut(voxels: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Neighbours of each voxel of a line, and its branch: connected pieces once forks (3 or more) are taken out; -1."""
    pairs = cKDTree(voxels).query_pairs(1.8, output_type="ndarray") if len(voxels) else np.zeros((0, 2), np.intp)
    degree = np.bincount(pairs.ravel(), minlength=len(voxels))
    plain = degree <= 2
    links = pairs[plain[pairs].all(axis=1)]
    size = len(voxels)
    graph = coo_matrix((np.ones(len(links)), (links[:, 0], links[:, 1])), shape=(size, size))
    label = connected_components(graph, directed=False)[1] if size else np.zeros(0, np.intp)
    found = np.full(size, -1, dtype=np.intp)
    if plain.any():
        found[plain] = np.unique(label[plain], return_inverse=True)[1]
    return degree, found


def _kept(voxels: NDArray[np.intp], spacing: Floats, spur_mm: float) -> Mask:
    """Which voxels of a line are no spur: a short piece with one free end that touches a fork."""
    degree, label = _cut(voxels)
    if not len(voxels) or label.max() < 0:
        return np.ones(len(voxels), dtype=bool)
    count = int(label.max()) + 1
    line = label >= 0
    points = voxels * spacing
    low, high = np.full((count, 3), np.inf), np.full((count, 3), -np.inf)
    np.minimum.at(low, label[line], points[line])
    np.maximum.at(high, label[line], points[line])
    free = np.bincount(label[line & (degree <= 1)], minlength=count)
    forks = voxels[~line]
    touches = np.zeros(count, dtype=bool)
    if len(forks):
        near = cKDTree(forks).query(voxels[line], distance_upper_bound=1.8)[0] < np.inf
        touches[np.unique(label[line][near])] = True
    spur = (free == 1) & touches & (np.linalg.norm(high - low, axis=1) < spur_mm)
    return np.asarray(~(line & spur[np.where(line, label, 0)]))


def _way(points: Floats, label: NDArray[np.intp], end: int, along_mm: float) -> Floats:
    own = points[label == label[end]]
    near = own[np.linalg.norm(own - points[end], axis=1) <= along_mm]
    way = points[end] - near.mean(axis=0)
    length = float(np.linalg.norm(way))
    return way / length if length > 1e-6 else np.full(3, np.nan)
