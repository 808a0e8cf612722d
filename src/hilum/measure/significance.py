"""Whether one answer beats another on the same patients: paired bootstrap, paired permutation, Holm's correction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import InputError
from hilum.core.seed import generator
from hilum.measure.scored import Floats, Scored
from hilum.measure.stats import Interval, bounds, patient_weights

LEVEL = 0.05
_BLOCK = 512  # permutations at a time: bounds the memory


@dataclass(frozen=True)
class Compared:
    """Two answers under one metric.

    Args:
        metric: its name.
        first, second: values over the whole set.
        difference: first minus second with its paired bootstrap interval over patients.
        p: two-sided, by permutation of whole patients where the metric is a mean of its items, else by bootstrap.
        p_holm: the same after Holm's correction over all metrics compared.
        better: which of the two is better, where p_holm < .05 and the interval is clear of 0; else 'neither'.
    """

    metric: str
    first: float
    second: float
    difference: Interval
    p: float
    p_holm: float
    better: Literal["first", "second", "neither"]


def compare(
    first: Mapping[str, Scored], second: Mapping[str, Scored], patients: Sequence[str], *, replicates: int = 1000,
    permutations: int = 10_000, seed: int = 0,
) -> tuple[Compared, ...]:  # fmt: skip
    """Compare two answers over the metrics that both have.

    Args:
        first, second: name -> score, over the same items in the same order.
        patients: of each item; all items of a patient are drawn or exchanged together.
        replicates: of the bootstrap.
        permutations: of the exchange test (Fisher; RadEval uses 10,000 too).
        seed: of both.

    Raises:
        InputError: if signatures differ (another protocol or version), or items do.
    """
    names = [name for name in first if name in second]
    if not names:
        raise InputError("the two answers share no metric: nothing can be compared")
    for name in names:
        _same(name, first[name], second[name], len(patients))
    drawn = patient_weights(patients, replicates=replicates, seed=seed)
    weights = np.concatenate([np.ones((1, len(patients))), drawn])
    groups = np.unique(np.asarray(patients), return_inverse=True)[1]
    rows = []
    for name in names:
        one, two = first[name].at(weights), second[name].at(weights)
        gap = one - two
        p = _exchanged(first[name], second[name], groups, permutations, seed)
        rows.append((name, one[0], two[0], bounds(float(gap[0]), gap[1:]), _by_bootstrap(gap) if np.isnan(p) else p))
    corrected = holm([row[-1] for row in rows])
    return tuple(
        Compared(name, float(a), float(b), gap, p, q, _better(gap, q, first[name].better))
        for (name, a, b, gap, p), q in zip(rows, corrected, strict=True)
    )


def _same(name: str, first: Scored, second: Scored, count: int) -> None:
    if first.signature != second.signature:
        raise InputError(
            f"'{name}' was computed under two protocols, which are not comparable: '{first.signature}' and "
            f"'{second.signature}'; score both with one version and the same options"
        )
    if not len(first.values) == len(second.values) == count:
        raise InputError(f"'{name}' has {len(first.values)} and {len(second.values)} items for {count} patients named")


def _better(gap: Interval, p: float, way: str) -> Literal["first", "second", "neither"]:
    if not p < LEVEL or not (gap.low > 0 or gap.high < 0):
        return "neither"
    return "first" if (gap.value > 0) == (way == "higher") else "second"


def _by_bootstrap(gap: Floats) -> float:
    """Two-sided p of a difference from its bootstrap: twice the smaller tail beyond 0, never below 1 / replicates."""
    usable = gap[1:][np.isfinite(gap[1:])]
    if usable.size < 0.5 * max(1, gap.size - 1):
        return float("nan")
    tail = min(float((usable <= 0).mean()), float((usable >= 0).mean()))
    return float(min(1.0, max(2 * tail, 1 / usable.size)))


def _exchanged(first: Scored, second: Scored, groups: NDArray[np.intp], permutations: int, seed: int) -> float:
    """Probability under exchange; NaN where the metric is no mean of its items."""
    one, two = first.values, second.values
    both = np.isfinite(one) & np.isfinite(two)
    if not (np.isfinite(one) == both).all() or not (np.isfinite(two) == both).all() or not both.any():
        return float("nan")
    if not (np.isclose(first.value, one[both].mean()) and np.isclose(second.value, two[both].mean())):
        return float("nan")
    sums = np.bincount(groups, np.where(both, one - two, 0.0), int(groups.max()) + 1).astype(np.float64)
    return permutation(sums, permutations=permutations, seed=seed)


def permutation(differences: Floats, *, permutations: int = 10_000, seed: int = 0) -> float:
    """Return the two-sided p of paired differences under exchange of the two answers of each patient.

    Args:
        differences: (P,) sum over each patient's items.
        permutations: random sign patterns; the observed one counts as one more.
        seed: of the signs.
    """
    observed, random = abs(float(differences.sum())), generator(seed, "permutation")
    reached = 0
    for start in range(0, permutations, _BLOCK):
        count = min(_BLOCK, permutations - start)
        signs = random.integers(0, 2, (count, len(differences)), dtype=np.int8) * 2.0 - 1.0
        reached += int((np.abs(signs @ differences) >= observed - 1e-12).sum())
    return (reached + 1) / (permutations + 1)


def holm(values: Sequence[float]) -> list[float]:
    """Return p values after Holm's step-down correction; NaN stays NaN and does not count (Holm 1979)."""
    found = np.asarray(values, dtype=np.float64)
    made = np.full(len(found), np.nan)
    order = [int(n) for n in np.argsort(found, kind="stable") if np.isfinite(found[n])]
    highest = 0.0
    for rank, number in enumerate(order):
        highest = max(highest, min(1.0, (len(order) - rank) * float(found[number])))
        made[number] = highest
    return made.tolist()
