"""DeLong's variance of the AUROC, and the paired test of two (DeLong et al. 1988; midranks by Sun & Xu 2014)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, rankdata

from hilum.core.errors import InputError
from hilum.measure.stats import Interval

Floats = NDArray[np.float64]


class Paired(NamedTuple):
    """Two AUROCs on the same cases: their difference, its standard error, z and two-sided p."""

    first: float
    second: float
    difference: float
    error: float
    z: float
    p: float


def _checked(target: NDArray[np.generic], *scores: NDArray[np.generic]) -> tuple[NDArray[np.bool_], Floats]:
    told = np.asarray(target, dtype=np.float64)
    if not np.isin(told, (0.0, 1.0)).all():
        raise InputError(f"a target is 0 or 1, got {told[~np.isin(told, (0.0, 1.0))][0]:g}: leave such cases out")
    truth = told.astype(bool)
    rows = [np.asarray(score, dtype=np.float64) for score in scores]
    for row in rows:
        if truth.ndim != 1 or row.shape != truth.shape:
            raise InputError(f"target and scores must be lists of one length, got {truth.shape} and {row.shape}")
    table = np.stack(rows)
    if np.isnan(table).any():
        raise InputError(f"{int(np.isnan(table).sum())} scores are NaN: leave those cases out")
    if truth.sum() < 2 or (~truth).sum() < 2:
        raise InputError(f"DeLong's variance needs 2 cases of each class, got {truth.sum()} and {(~truth).sum()}")
    return truth, table


def covariance(target: NDArray[np.generic], *scores: NDArray[np.generic]) -> tuple[Floats, Floats]:
    """Return the AUROC of each score (S,), and their covariance (S, S).

    Args:
        target: (N,) of 0 and 1.
        scores: each (N,).

    Raises:
        InputError: if shapes differ, a score is NaN, or a class has fewer than 2 cases.
    """
    truth, table = _checked(target, *scores)
    positive, negative = table[:, truth], table[:, ~truth]
    m, n = positive.shape[1], negative.shape[1]
    whole = rankdata(np.concatenate([positive, negative], axis=1), axis=1)
    within, without = rankdata(positive, axis=1), rankdata(negative, axis=1)
    areas = (whole[:, :m].sum(axis=1) - m * (m + 1) / 2) / (m * n)
    ones = (whole[:, :m] - within) / n
    zeros = 1.0 - (whole[:, m:] - without) / m
    return areas, np.atleast_2d(np.cov(ones)) / m + np.atleast_2d(np.cov(zeros)) / n


def auroc_delong(target: NDArray[np.generic], score: NDArray[np.generic], *, level: float = 0.95) -> Interval:
    """Return the AUROC with DeLong's interval, cut to [0, 1]; cases count one by one, so one of each patient.

    Raises:
        InputError: see `covariance`.
    """
    areas, table = covariance(target, score)
    reach = float(norm.ppf(0.5 + level / 2) * np.sqrt(max(table[0, 0], 0.0)))
    value = float(areas[0])
    return Interval(value, max(0.0, value - reach), min(1.0, value + reach))


def paired(target: NDArray[np.generic], first: NDArray[np.generic], second: NDArray[np.generic]) -> Paired:
    """Return the test of two scores on the same cases; p is NaN where they rank alike, as nothing varies.

    Raises:
        InputError: see `covariance`.
    """
    areas, table = covariance(target, first, second)
    gap = float(areas[0] - areas[1])
    error = float(np.sqrt(max(table[0, 0] + table[1, 1] - 2 * table[0, 1], 0.0)))
    z = gap / error if error > 0 else float("nan")
    return Paired(float(areas[0]), float(areas[1]), gap, error, z, float(2 * norm.sf(abs(z))))
