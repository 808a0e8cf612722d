"""A feature's power to tell two groups apart once size is taken out: matched pairs, and a regression with log size.

Bigger things touch more of everything around them. A raw AUROC of such a feature is never to be read without these.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hilum.core.errors import InputError
from hilum.measure.binary import weighted_auroc
from hilum.measure.scored import Floats, Resample, Scored, ratio, signature

RAW, MATCHED = "raw AUROC", "size-matched AUROC"
UNADJUSTED, ADJUSTED = "raw log odds per SD", "size-adjusted log odds per SD"
_RIDGE, _ROUNDS = 1e-3, 25


@dataclass(frozen=True, eq=False)
class Groups:
    """Rows to compare, checked.

    Args:
        outcome: (N,) bool.
        feature: (N,) finite; more speaks for the outcome.
        size: (N,) above 0, e.g. diameter in mm.
    """

    outcome: NDArray[np.bool_]
    feature: Floats
    size: Floats

    def __post_init__(self) -> None:
        given = [np.asarray(each, dtype=np.float64) for each in (self.outcome, self.feature, self.size)]
        if any(each.shape != given[0].shape or each.ndim != 1 for each in given):
            raise InputError(f"outcome, feature and size must be lists of one length, got {[g.shape for g in given]}")
        if not np.isin(given[0], (0.0, 1.0)).all():
            raise InputError("an outcome is 0 or 1: leave other rows out")
        if not all(np.isfinite(each).all() for each in given) or (given[2] <= 0).any():
            raise InputError("features must be finite and sizes above 0: leave such rows out")
        object.__setattr__(self, "outcome", given[0].astype(bool))
        object.__setattr__(self, "feature", given[1])
        object.__setattr__(self, "size", given[2])


def raw_auroc(outcome: ArrayLike, feature: ArrayLike, size: ArrayLike) -> Scored:
    """Score a feature by its non-parametric AUROC, size not looked at."""
    rows = Groups(outcome, feature, size)  # type: ignore[arg-type]
    return _scored(RAW, rows, partial(weighted_auroc, rows.outcome, rows.feature))


def matched_auroc(outcome: ArrayLike, feature: ArrayLike, size: ArrayLike, *, caliper: float = 0.05) -> Scored:
    """Score a feature by its AUROC over pairs of the same size only: 0.5 where it says no more than size does.

    Of all pairs of one row with the outcome and one without, those count whose sizes differ by less than the caliper;
    the share where the feature is higher with the outcome, ties half, is the value. NaN where no pair matches.

    Args:
        outcome: (N,) of 0 and 1.
        feature: (N,) finite.
        size: (N,) above 0.
        caliper: largest difference of log size.

    Raises:
        InputError: if a value is malformed.
    """
    rows = Groups(outcome, feature, size)  # type: ignore[arg-type]
    yes, no = np.flatnonzero(rows.outcome), np.flatnonzero(~rows.outcome)
    log = np.log(rows.size)
    close = (np.abs(log[yes, None] - log[None, no]) < caliper).astype(np.float64)
    wins = close * (np.sign(rows.feature[yes, None] - rows.feature[None, no]) + 1) / 2

    def at(weights: Floats) -> Floats:
        one, other = weights[:, yes], weights[:, no]
        return ratio(((one @ wins) * other).sum(axis=1), ((one @ close) * other).sum(axis=1))

    return _scored(MATCHED, rows, at, caliper=caliper)


def slope(outcome: ArrayLike, feature: ArrayLike, size: ArrayLike, *, adjusted: bool = True) -> Scored:
    """Score a feature by its slope in a logistic regression, per standard deviation; 0 for nothing.

    A ridge of 0.001 on both slopes keeps a resample with perfect separation finite; it moves a fit of hundreds of rows
    by less than a part in a thousand. NaN where a resample has one class only, or the feature is constant.

    Args:
        outcome: (N,) of 0 and 1.
        feature: (N,) finite.
        size: (N,) above 0.
        adjusted: with log size beside it; False is the univariate regression.

    Raises:
        InputError: if a value is malformed.
    """
    rows = Groups(outcome, feature, size)  # type: ignore[arg-type]
    spread = rows.feature.std()
    columns = [rows.feature, np.log(rows.size)] if adjusted else [rows.feature]
    made = [(c - c.mean()) / (c.std() or 1.0) for c in columns]
    design = np.column_stack([np.ones(len(rows.size)), *made])

    def at(weights: Floats) -> Floats:
        if spread == 0:
            return np.full(len(weights), np.nan)
        return weighted_logistic(design, rows.outcome, weights)[:, 1]

    return _scored(ADJUSTED if adjusted else UNADJUSTED, rows, at, ridge=_RIDGE)


def weighted_logistic(design: Floats, outcome: NDArray[np.bool_], weights: Floats) -> Floats:
    """Fit one logistic regression for each row of weights at once, by Newton's method.

    Args:
        design: (N, K), its first column ones, the others near unit scale.
        outcome: (N,) bool.
        weights: (R, N).

    Returns:
        (R, K) coefficients, NaN where one class has no weight.
    """
    count = design.shape[1]
    found = np.zeros((len(weights), count))
    ridge = np.full(count, _RIDGE)
    ridge[0] = 0.0
    pairs = np.einsum("ni,nj->nij", design, design).reshape(len(design), -1)
    for _ in range(_ROUNDS):
        chance = 1.0 / (1.0 + np.exp(-np.clip(found @ design.T, -30, 30)))
        slope = (weights * (outcome - chance)) @ design - ridge * found
        curve = ((weights * chance * (1 - chance)) @ pairs).reshape(-1, count, count)
        curve += np.diag(ridge + 1e-9)
        step = np.linalg.solve(curve, slope[..., None])[..., 0]
        longest = np.abs(step).max(axis=1, keepdims=True)
        found += step * np.minimum(1.0, 4.0 / np.maximum(longest, 1e-12))
        if longest.max() < 1e-9:
            break
    both = ((weights @ outcome) > 0) & ((weights @ ~outcome) > 0)
    return np.where(both[:, None], found, np.nan)


def _scored(metric: str, rows: Groups, at: Resample, **parts: object) -> Scored:
    values = np.full(len(rows.outcome), np.nan)
    return Scored(metric, values, at, signature(metric, 1, **parts))
