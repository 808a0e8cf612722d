"""FROC: sensitivity over false positives per image, by points or boxes (object-CXR's rule for retained objects)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import InputError
from hilum.core.region import Box, Mask
from hilum.measure.scored import Floats, Scored, signature

RATES = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
"""False positives per image at which object-CXR reads the sensitivity."""


class Point(NamedTuple):
    """A predicted place in pixels, and how sure it is."""

    x: float
    y: float
    score: float


class Image(NamedTuple):
    """One image: where the model points, and the true regions."""

    points: Sequence[Point]
    truths: Sequence[Box | Mask]


def inside(point: Point, region: Box | Mask) -> bool:
    """Return whether a point lies in a region.

    Raises:
        InputError: if the region is a mask in a volume.
    """
    if isinstance(region, Box):
        return region.x0 <= point.x < region.x1 and region.y0 <= point.y < region.y1
    if region.pixels.ndim != 2:
        raise InputError(f"points lie on images, but a true mask has the shape {region.pixels.shape}: project it first")
    row, column = int(np.floor(point.y)), int(np.floor(point.x))
    height, width = region.pixels.shape
    return 0 <= row < height and 0 <= column < width and bool(region.pixels[row, column])


def froc(images: Sequence[Image], *, rates: Sequence[float] = RATES, name: str = "froc") -> Scored:
    """Return the mean sensitivity at the given false positives per image.

    A point in a true region finds it; further points in the same region count neither way; a point outside every region
    is a false positive. Value of one image: share of its regions that are found at all.

    Args:
        images: all of them, those without a region too: their points are false positives.
        rates: false positives per image.
        name: of the metric.

    Raises:
        InputError: if there is no image, a score is NaN, a place is not finite, or a true mask is three-dimensional.
    """
    found, curve = events(images, rates=rates)
    total = curve.total
    each_value = np.where(total > 0, found / np.maximum(total, 1), np.nan)
    unscored = {int(n): "no true region in this image" for n in np.flatnonzero(total == 0)}
    said = signature(name, 1, rule="point in region", rates="/".join(f"{rate:g}" for rate in rates))
    return Scored(name, each_value, curve.at, said, unscored=unscored)


def events(images: Sequence[Image], *, rates: Sequence[float] = RATES) -> tuple[Floats, Curve]:
    """Return how many regions of each image are found at all, and the curve that weights of images go into.

    Raises:
        InputError: see `froc`.
    """
    if not images:
        raise InputError("FROC needs at least one image")
    levels, owner, kind = [], [], []
    found, total = np.zeros(len(images)), np.array([len(each.truths) for each in images], dtype=float)
    for number, each in enumerate(images):
        best: dict[int, float] = {}
        for point in each.points:
            if np.isnan(point.score):
                raise InputError(f"a point of image {number} has the score NaN: leave it out or give it a score")
            if not (np.isfinite(point.x) and np.isfinite(point.y)):
                raise InputError(f"a point of image {number} lies at ({point.x}, {point.y}): a place must be finite")
            within = [n for n, region in enumerate(each.truths) if inside(point, region)]
            for n in within:
                best[n] = max(best.get(n, -np.inf), point.score)
            if not within:
                levels.append(point.score)
                owner.append(number)
                kind.append(False)
        levels += best.values()
        owner += [number] * len(best)
        kind += [True] * len(best)
        found[number] = len(best)
    return found, Curve(np.array(levels, float), np.array(owner, int), np.array(kind, bool), total, tuple(rates))


class Curve(NamedTuple):
    """Events from the surest down: which image each is of, and whether it finds a region."""

    levels: Floats
    owner: NDArray[np.intp]
    right: NDArray[np.bool_]
    total: Floats
    rates: tuple[float, ...]

    def at(self, weights: Floats) -> Floats:
        """Return the mean sensitivity (R,) under weights of the images (R, N)."""
        order = np.argsort(-self.levels, kind="stable")
        owner, right = self.owner[order], self.right[order].astype(np.float64)
        levels = self.levels[order]
        ends = np.flatnonzero(np.append(levels[1:] != levels[:-1], True)) if order.size else np.zeros(0, int)
        regions, images = weights @ self.total, weights.sum(axis=1)
        made = np.full(len(weights), np.nan)
        for row in np.flatnonzero(regions > 0):  # one row at a time: they stay in the processor's cache
            drawn = weights[row, owner]
            hits = drawn * right
            false = np.cumsum(drawn - hits)[ends] / images[row]
            found = np.concatenate(([0.0], np.cumsum(hits)[ends]))
            made[row] = found[np.searchsorted(false, self.rates, side="right")].mean() / regions[row]
        return made
