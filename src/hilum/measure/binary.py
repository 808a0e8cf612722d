"""Scores of a probability against yes or no: AUROC, average precision, calibration, operating points."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import InputError

Floats = NDArray[np.float64]


def _check(target: NDArray[np.generic], score: NDArray[np.generic]) -> tuple[NDArray[np.bool_], Floats]:
    truth, values = np.asarray(target).astype(bool), np.asarray(score, dtype=np.float64)
    if truth.shape != values.shape or truth.ndim != 1:
        raise ValueError(f"target and score must be lists of one length, got {truth.shape} and {values.shape}")
    return truth, values


def auroc(target: NDArray[np.generic], score: NDArray[np.generic]) -> float:
    """Return the area under the ROC curve: P(score of a positive > of a negative), ties counting half.

    NaN where one of the two is absent.
    """
    truth, values = _check(target, score)
    weight = np.ones(len(truth))
    return float(weighted_auroc(truth, values, weight[None, :])[0])


def weighted_auroc(target: NDArray[np.bool_], score: Floats, weights: Floats) -> Floats:
    """Return the AUROC under each row of sample weights.

    Args:
        target: bool (N,).
        score: (N,).
        weights: (R, N), e.g. how often a bootstrap replicate drew each sample.

    Returns:
        (R,), NaN where a replicate lacks positives or negatives.

    Raises:
        InputError: if a score is NaN: it has no place in an order.
    """
    if np.isnan(score).any():
        raise InputError(f"{int(np.isnan(score).sum())} of {len(score)} scores are NaN: leave those samples out")
    order = np.argsort(score, kind="stable")
    sorted_score, truth = score[order], target[order]
    positive, negative = weights[:, order] * truth, weights[:, order] * ~truth
    starts = np.flatnonzero(np.concatenate(([True], sorted_score[1:] != sorted_score[:-1])))
    positive, negative = (np.add.reduceat(part, starts, axis=1) for part in (positive, negative))
    below = np.cumsum(negative, axis=1) - negative
    wins = (positive * (below + 0.5 * negative)).sum(axis=1)
    pairs = positive.sum(axis=1) * negative.sum(axis=1)
    return np.where(pairs > 0, wins / np.where(pairs > 0, pairs, 1.0), np.nan)


def average_precision(target: NDArray[np.generic], score: NDArray[np.generic]) -> float:
    """Return the mean precision over recall steps, without interpolation; NaN without positives."""
    truth, values = _check(target, score)
    if not truth.any():
        return float("nan")
    order = np.argsort(-values, kind="stable")
    hits, ends = np.cumsum(truth[order]), np.flatnonzero(np.append(np.diff(values[order]) != 0, True))
    precision, recall = hits[ends] / (ends + 1), hits[ends] / hits[-1]
    return float((np.diff(np.concatenate(([0.0], recall))) * precision).sum())


def calibration_error(target: NDArray[np.generic], probability: NDArray[np.generic], *, bins: int = 10) -> float:
    """Return the expected calibration error: |observed - predicted| over equal-width bins, weighted by count."""
    truth, values = _check(target, probability)
    if len(values) == 0:
        return float("nan")
    index = np.minimum((values * bins).astype(int), bins - 1)
    count = np.bincount(index, minlength=bins)
    gap = np.abs(np.bincount(index, truth, bins) - np.bincount(index, values, bins))
    return float(gap[count > 0].sum() / len(values))


@dataclass(frozen=True)
class OperatingPoint:
    """Sensitivity and specificity at a threshold; NaN where there is nothing to count."""

    sensitivity: float
    specificity: float


def operating_point(target: NDArray[np.generic], score: NDArray[np.generic], threshold: float) -> OperatingPoint:
    """Count score >= threshold as present."""
    truth, values = _check(target, score)
    called = values >= threshold
    sensitivity = float(called[truth].mean()) if truth.any() else float("nan")
    specificity = float((~called[~truth]).mean()) if (~truth).any() else float("nan")
    return OperatingPoint(sensitivity, specificity)


def youden_threshold(target: NDArray[np.generic], score: NDArray[np.generic]) -> float:
    """Return the score that maximises sensitivity + specificity - 1, halfway to the next lower score.

    NaN where one class is absent.
    """
    truth, values = _check(target, score)
    if truth.all() or not truth.any():
        return float("nan")
    levels = np.unique(values)
    sensitivity = 1.0 - np.searchsorted(np.sort(values[truth]), levels, side="left") / truth.sum()
    specificity = np.searchsorted(np.sort(values[~truth]), levels, side="left") / (~truth).sum()
    best = int(np.argmax(sensitivity + specificity))
    return float(levels[best] if best == 0 else (levels[best] + levels[best - 1]) / 2)


def dice(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
    """Return 2 |A and B| / (|A| + |B|) of two masks; 1 where both are empty."""
    total = int(first.sum()) + int(second.sum())
    return 1.0 if total == 0 else 2.0 * int((first & second).sum()) / total


def box_overlaps(boxes: Floats, truths: Floats) -> tuple[Floats, Floats]:
    """Return IoU and IoBB (shared area over the detected box's) of every pair.

    Args:
        boxes: detected (P, 4) as x0, y0, x1, y1.
        truths: (T, 4).

    Returns:
        IoU and IoBB, each (P, T).
    """
    low = np.maximum(boxes[:, None, :2], truths[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], truths[None, :, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=2)
    area, other = ((b[:, 2] - b[:, 0]) * (b[:, 3] - b[:, 1]) for b in (boxes, truths))
    return shared / (area[:, None] + other[None, :] - shared), shared / np.maximum(area[:, None], 1e-9)
