"""Intervals by a bootstrap over patients."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t

from hilum.core.errors import InputError
from hilum.core.seed import generator
from hilum.measure.binary import weighted_auroc

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Interval:
    """A value with the bounds of its interval, NaN where it cannot be computed."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        """Render as '0.812 [0.751, 0.866]'."""
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


def patient_weights(patients: Sequence[str] | NDArray[np.str_], *, replicates: int = 1000, seed: int = 0) -> Floats:
    """Draw patients with replacement and return how often each sample came along: (replicates, N).

    All samples of a patient share one count, so films of one patient never vouch for each other.
    """
    _, which = np.unique(np.asarray(patients), return_inverse=True)
    count = int(which.max()) + 1 if len(which) else 0
    if count == 0:
        return np.zeros((replicates, 0))
    counts = generator(seed, "bootstrap").multinomial(count, np.full(count, 1.0 / count), size=replicates)
    return counts[:, which].astype(np.float64)


def bounds(value: float, replicates: Floats, level: float = 0.95) -> Interval:
    """Return a value with the percentile interval of its replicates; NaN bounds where most of them are not finite."""
    usable = replicates[np.isfinite(replicates)]
    if usable.size < 0.5 * max(1, replicates.size):
        return Interval(value, float("nan"), float("nan"))
    tail = (1.0 - level) / 2 * 100
    low, high = np.percentile(usable, (tail, 100 - tail))
    return Interval(value, float(low), float(high))


def auroc_interval(
    target: NDArray[np.generic], score: Floats, patients: Sequence[str] | NDArray[np.str_],
    *, replicates: int = 1000, seed: int = 0, level: float = 0.95,
) -> Interval:  # fmt: skip
    """Return the AUROC with its percentile interval over bootstrapped patients."""
    truth, values = np.asarray(target).astype(bool), np.asarray(score, dtype=np.float64)
    value = float(weighted_auroc(truth, values, np.ones((1, len(truth))))[0])
    return bounds(
        value, weighted_auroc(truth, values, patient_weights(patients, replicates=replicates, seed=seed)), level
    )


def mean_interval(
    values: Floats, patients: Sequence[str] | NDArray[np.str_],
    *, replicates: int = 1000, seed: int = 0, level: float = 0.95,
) -> Interval:  # fmt: skip
    """Return the mean with its percentile interval over bootstrapped patients; NaN without values."""
    values = np.asarray(values, dtype=np.float64)
    if values.size == 0:
        return Interval(float("nan"), float("nan"), float("nan"))
    weights = patient_weights(patients, replicates=replicates, seed=seed)
    return bounds(float(values.mean()), weights @ values / weights.sum(axis=1), level)


def interval(
    measure: Callable[[NDArray[np.intp]], float], patients: Sequence[str] | NDArray[np.str_],
    *, replicates: int = 300, seed: int = 0, level: float = 0.95,
) -> Interval:  # fmt: skip
    """Return any measure with its interval; `measure` gets the rows of a replicate (slow, one call each)."""
    weights = patient_weights(patients, replicates=replicates, seed=seed).astype(int)
    rows = np.arange(weights.shape[1])
    found = np.array([measure(np.repeat(rows, weight)) for weight in weights])
    return bounds(measure(rows), found, level)


def clustered_interval(
    values: Floats, patients: Sequence[str] | NDArray[np.str_], *, level: float = 0.95
) -> Interval:  # fmt: skip
    """Return the mean with a t interval whose error is robust to several values of a patient (sandwich, G / (G - 1)).

    Args:
        values: (N,) finite.
        patients: of each value.
        level: of the interval.

    Raises:
        InputError: if lengths differ or a value is not finite; the bounds are NaN with fewer than 2 patients.
    """
    each = np.asarray(values, dtype=np.float64)
    if each.shape != (len(patients),) or not np.isfinite(each).all():
        raise InputError(f"{each.shape} values for {len(patients)} patients: give one finite value for each")
    _, which = np.unique(np.asarray(patients), return_inverse=True)
    count = int(which.max()) + 1 if len(which) else 0
    mean = float(each.mean()) if each.size else float("nan")
    if count < 2:
        return Interval(mean, float("nan"), float("nan"))
    sums = np.bincount(which, each - mean, count)
    reach = float(t.ppf(0.5 + level / 2, count - 1) * np.sqrt(count / (count - 1) * (sums**2).sum()) / len(each))
    return Interval(mean, mean - reach, mean + reach)
