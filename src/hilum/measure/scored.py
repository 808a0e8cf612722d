"""What one metric came to over a set: value, value of each item, and the value under any resampling."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from hilum import __version__
from hilum.core.errors import InputError
from hilum.measure.stats import Interval, bounds, patient_weights

Floats = NDArray[np.float64]
Better = Literal["higher", "lower"]
Resample = Callable[[Floats], Floats]
FEWEST = 3
"""Patients with a value, for an interval to mean anything."""


@dataclass(frozen=True, eq=False)
class Scored:
    """The outcome of one metric over N items.

    Args:
        metric: its registered name.
        values: (N,) value of each item, NaN where it is unscored or undefined.
        at: from weights (R, N), how often each item was drawn, to the R values of the set, all at once.
        signature: protocol in one line; numbers with different signatures are not to be compared.
        better: which way is good.
        unscored: item number -> why it has no value.
        notes: evidence of each item (errors found, matches ...), JSON-ready; empty, or one for each item.
        remarks: what a reader of the value must know of this set, e.g. how many labels have no case in it.
        ideal: the value to be near to, where neither end of the range is the good one; comparisons go by the distance.
    """

    metric: str
    values: Floats
    at: Resample
    signature: str
    better: Better = "higher"
    unscored: Mapping[int, str] = field(default_factory=dict)
    notes: Sequence[Any] = ()
    remarks: tuple[str, ...] = ()
    ideal: float | None = None

    @property
    def value(self) -> float:
        """Value over the whole set; NaN where it is undefined."""
        return float(self.at(np.ones((1, len(self.values))))[0]) if len(self.values) else float("nan")

    def interval(self, patients: Sequence[str], *, replicates: int = 1000, seed: int = 0) -> Interval:
        """Return the value with its 95 % percentile interval over bootstrapped patients.

        The bounds are NaN where only one or two patients (fewer than `FEWEST`) have a value: nothing can be drawn from
        so few. Of a metric that gives no value to single items, all patients count.
        """
        self._one_each(patients)
        held = {patients[int(number)] for number in np.flatnonzero(np.isfinite(self.values))}
        if len(held or set(patients)) < FEWEST:
            return Interval(self.value, float("nan"), float("nan"))
        weights = patient_weights(patients, replicates=replicates, seed=seed)
        return bounds(self.value, self.at(weights))

    def _one_each(self, patients: Sequence[str]) -> None:
        if len(patients) != len(self.values):
            raise InputError(f"'{self.metric}' has {len(self.values)} items, but {len(patients)} patients were named")


def averaged(
    metric: str, values: Sequence[float] | Floats, signature: str, *, better: Better = "higher",
    unscored: Mapping[int, str] | None = None, notes: Sequence[Any] = (), remarks: tuple[str, ...] = (),
) -> Scored:  # fmt: skip
    """Score a set by the mean of its items; items that are NaN take no part."""
    each = np.asarray(values, dtype=np.float64)
    there = np.isfinite(each)
    filled = np.where(there, each, 0.0)

    def at(weights: Floats) -> Floats:
        total = weights @ there.astype(np.float64)
        return np.where(total > 0, (weights @ filled) / np.where(total > 0, total, 1.0), np.nan)

    return Scored(metric, each, at, signature, better, unscored or {}, notes, remarks)


def summed(
    metric: str, values: Sequence[float] | Floats, statistics: Floats, combine: Resample, signature: str, *,
    better: Better = "higher", unscored: Mapping[int, str] | None = None, notes: Sequence[Any] = (),
    remarks: tuple[str, ...] = (),
) -> Scored:  # fmt: skip
    """Score a set by what its items' statistics sum to, as BLEU and micro F1 do.

    Args:
        metric, values, signature, better, unscored, notes, remarks: see `Scored`.
        statistics: (N, S) of each item; zeros for one that takes no part.
        combine: from sums (R, S) to values (R,), NaN where undefined.
    """
    table = np.asarray(statistics, dtype=np.float64).reshape(len(values), -1)
    each = np.asarray(values, dtype=np.float64)
    resample = partial(_resampled, table, combine)
    return Scored(metric, each, resample, signature, better, unscored or {}, notes, remarks)


def _resampled(table: Floats, combine: Resample, weights: Floats) -> Floats:
    return combine(weights @ table)


def signature(metric: str, version: int, **parts: object) -> str:
    """Return a protocol signature such as 'bleu-4|tok:ptb|case:lower|version:1|hilum:0.1.0'.

    Args:
        metric: registered name.
        version: of the metric's own definition; a change of any number it can give raises it.
        parts: every choice that moves the number, in a fixed order.
    """
    said = [f"{name}:{value}" for name, value in parts.items()]
    return "|".join([metric, *said, f"version:{version}", f"hilum:{__version__}"])


def ratio(over: Floats, under: Floats) -> Floats:
    """Return over / under, NaN where under is 0."""
    return np.where(under > 0, over / np.where(under > 0, under, 1.0), np.nan)


def f1(tp: Floats, fp: Floats, fn: Floats) -> Floats:
    """Return 2 tp / (2 tp + fp + fn), NaN where nothing is there to find and nothing was said."""
    return ratio(2 * tp, 2 * tp + fp + fn)
