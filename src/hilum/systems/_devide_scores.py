"""AUROC of diseases over films, ready for a paired bootstrap over patients."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from hilum.measure.binary import weighted_auroc
from hilum.measure.scored import Scored, signature

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
UNSEEN, SEEN = "AUROC of untaught diseases", "AUROC of taught diseases"
COSINE, CROWDED = "AUROC by cosine", "AUROC by cosine, films of 4 or 5 diseases less those of 1 or 2"
FEWEST = 3
"""Films with a disease, and without, from which it counts."""


def mean_auroc(metric: str, score: Floats, target: Bools, known: Bools, *, rows: Bools | None = None) -> Scored:
    """Score films by the mean AUROC of diseases, each over the films of which it is known.

    Args:
        metric: its name.
        score, target, known: (N, C).
        rows: bool (N,), films that take part; all by default.
    """
    taken = known if rows is None else known & rows[:, None]
    return Scored(metric, np.full(len(score), np.nan), partial(_mean, score, target, taken),
                  signature(metric, 1, films=len(score), diseases=score.shape[1]))  # fmt: skip


def crowded(score: Floats, target: Bools) -> Scored:
    """Score films by the AUROC on those of 4 and 5 diseases less that on those of 1 and 2."""
    count, known = target.sum(axis=1), np.ones_like(target)
    many, few = (mean_auroc(COSINE, score, target, known, rows=rows).at for rows in (count >= 4, count <= 2))

    def at(weights: Floats) -> Floats:
        return many(weights) - few(weights)

    return Scored(CROWDED, np.full(len(score), np.nan), at, signature(CROWDED, 1, films=len(score)))


def by_count(score: Floats, target: Bools, *, most: int = 5) -> list[float]:
    """Return the mean AUROC on films of 1, 2, ... diseases; NaN where no disease can be judged."""
    count, known = target.sum(axis=1), np.ones_like(target)
    return [mean_auroc(COSINE, score, target, known, rows=count == n).value for n in range(1, most + 1)]


def _mean(score: Floats, target: Bools, taken: Bools, weights: Floats) -> Floats:
    each = []
    for at in range(score.shape[1]):
        rows = np.flatnonzero(taken[:, at])
        truth = target[rows, at]
        if min(truth.sum(), (~truth).sum()) >= FEWEST:
            each.append(weighted_auroc(truth, score[rows, at], weights[:, rows]))
    if not each:
        return np.full(len(weights), np.nan)
    table = np.stack(each)
    held = np.isfinite(table)
    total = np.where(held, table, 0.0).sum(axis=0)
    return np.asarray(np.where(held.any(axis=0), total / np.maximum(held.sum(axis=0), 1), np.nan))
