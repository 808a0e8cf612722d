"""Scores of the image half of ChestX-ray8: mean AUROC and AP over classes, and boxes from class maps that hit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from hilum.learn.localise import boxes_of
from hilum.measure.binary import box_overlaps, weighted_auroc
from hilum.measure.scored import Scored, ratio, signature, summed

Floats = NDArray[np.float64]
Boxes = Sequence[Sequence[Floats]]
"""For each film and class, boxes (P, 4)."""


def weighted_ap(target: NDArray[np.bool_], score: Floats, weights: Floats) -> Floats:
    """Return the average precision under each row of sample weights (R, N); NaN without positives."""
    order = np.argsort(-score, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(score[order]) != 0, True))
    hits, seen = ((weights[:, order] * part).cumsum(axis=1)[:, ends] for part in (target[order], 1.0))
    total = hits[:, -1:]
    steps = np.diff(hits, axis=1, prepend=0.0)
    precision = hits / np.where(seen > 0, seen, 1.0)
    found: Floats = ratio((steps * precision).sum(axis=1), total[:, 0])
    return found


def macro(
    metric: str, target: NDArray[np.bool_], score: Floats, of: Callable[[NDArray[np.bool_], Floats, Floats], Floats]
) -> Scored:
    """Score a set by the mean over classes of a weighted score; undefined where any class is."""

    def at(weights: Floats) -> Floats:
        if not target.shape[1]:
            return np.full(len(weights), np.nan)
        each = [of(target[:, k], score[:, k], weights) for k in range(target.shape[1])]
        return np.asarray(np.mean(each, axis=0))

    return Scored(metric, np.full(len(target), np.nan), at, signature(metric, 1, classes=target.shape[1]))


def mean_auroc(target: NDArray[np.bool_], score: Floats) -> Scored:
    """Score by the mean AUROC over classes: target, score (N, K)."""
    return macro("mean AUROC", target, score, weighted_auroc)


def mean_ap(target: NDArray[np.bool_], score: Floats) -> Scored:
    """Score by the mean average precision over classes: target, score (N, K)."""
    return macro("mean AP", target, score, weighted_ap)


def map_boxes(maps: NDArray[np.float32], target: NDArray[np.bool_], *, size: int) -> Boxes:
    """Return the boxes of class maps (N, K, S, S), by the paper's two thresholds, where the class is present."""
    none = np.zeros((0, 4))

    def one(row: int, k: int) -> Floats:
        found = boxes_of(maps[row, k], size=size, keep=1000, smallest=0.0)
        return np.array([box[:4] for box in found], dtype=np.float64).reshape(-1, 4)

    count, classes = target.shape
    return [[one(row, k) if target[row, k] else none for k in range(classes)] for row in range(count)]


def others_maps(maps: NDArray[np.float32], target: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return for each film and class the mean map of the other films with that class, each stretched to [0, 1]."""
    low, high = maps.min(axis=(2, 3), keepdims=True), maps.max(axis=(2, 3), keepdims=True)
    grey = (maps - low) / np.maximum(high - low, 1e-9) * target[:, :, None, None]
    total, count = grey.sum(axis=0, keepdims=True), target.sum(axis=0)[None, :, None, None]
    return np.asarray((total - grey) / np.maximum(count - 1, 1), dtype=np.float32)


def centre_boxes(target: NDArray[np.bool_], *, size: int, share: float = 0.5) -> Boxes:
    """Return for every film the same box in its middle, with this share of its side."""
    low, high = size * (0.5 - share / 2), size * (0.5 + share / 2)
    box = np.array([[low, low, high, high]])
    return [[box] * target.shape[1] for _ in range(len(target))]


def hit_rate(
    boxes: Boxes, truth: Sequence[Mapping[str, tuple[float, ...]]], names: Sequence[str], *, above: float = 0.1
) -> tuple[Scored, float]:
    """Score boxes by IoBB > T: the share of true boxes that any box of their class hits, mean over classes.

    Args:
        boxes: as found.
        truth: for each film, class -> true box.
        names: of the classes.
        above: T.

    Returns:
        The score, and the paper's AFP: boxes that hit nothing, for each film that has the class.
    """
    counts, false, films = np.zeros((len(truth), len(names), 2)), 0, 0
    for row, known in enumerate(truth):
        for k, name in enumerate(names):
            if name not in known:
                continue
            inside = box_overlaps(boxes[row][k], np.array([known[name]]))[1][:, 0] > above
            counts[row, k] = (bool(inside.any()), 1)
            false, films = false + int((~inside).sum()), films + 1
    there = counts[..., 1].sum(axis=0) > 0
    each = ratio(counts[..., 0].sum(axis=1), counts[..., 1].sum(axis=1))

    def combine(sums: Floats) -> Floats:
        pairs = sums.reshape(len(sums), len(names), 2)
        pairs = pairs[:, there]
        return (
            np.asarray(ratio(pairs[..., 0], pairs[..., 1]).mean(axis=1)) if there.any() else np.full(len(sums), np.nan)
        )

    metric = f"IoBB>{above:g} accuracy"
    return summed(metric, each, counts.reshape(len(truth), -1), combine, signature(metric, 1)), false / max(films, 1)
