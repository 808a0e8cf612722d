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
_DRAWN = 1000  # replicates at a time, likewise
_MOST = 10_000  # replicates for one p


@dataclass(frozen=True)
class Compared:
    """Two answers under one metric.

    Args:
        metric: its name.
        first, second: values over the whole set.
        difference: first minus second with its paired bootstrap interval over patients.
        p: two-sided, by permutation of whole patients where the metric is a mean of its items, else by bootstrap, with
            more draws than the interval's where p is small (see `compare`); of the distances where there is an ideal.
        p_holm: the same after Holm's correction over all metrics compared.
        better: which of the two is better, where p_holm < .05 and the interval is clear of 0; else 'neither'. Of a
            metric with an ideal, which of the two is nearer to it, by the interval of the two distances' difference.
        items: how many items of each have a value of their own; where they differ, what is undefined for one of the two
            (no finding that both reports state, say) is part of the difference.
    """

    metric: str
    first: float
    second: float
    difference: Interval
    p: float
    p_holm: float
    better: Literal["first", "second", "neither"]
    items: tuple[int, int] = (0, 0)


def compare(
    first: Mapping[str, Scored], second: Mapping[str, Scored], patients: Sequence[str], *, replicates: int = 1000,
    permutations: int = 10_000, seed: int = 0,
) -> tuple[Compared, ...]:  # fmt: skip
    """Compare two answers over the metrics that both have.

    Args:
        first, second: name -> score, over the same items in the same order.
        patients: of each item; all items of a patient are drawn or exchanged together.
        replicates: of the bootstrap. A p from it cannot be below 1 / replicates, which Holm's correction multiplies by
            the number of metrics: one below .05 is made again from 400 draws for each metric (at most 10,000).
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
    draws = max(replicates, min(_MOST, int(20 * len(names) / LEVEL)))
    rows: dict[str, tuple[float, Interval, Interval, float, float]] = {}
    small: list[str] = []
    for name in names:
        both = first[name], second[name]
        one, two = (each.at(weights) for each in both)
        judged = _judged(both[0], one) - _judged(both[1], two)
        p = _exchanged(*both, groups, permutations, seed)
        if np.isnan(p):
            p = _by_bootstrap(judged[1:])
            small += [name] if p < LEVEL else []
        rows[name] = p, _paired(one - two), _paired(judged), float(one[0]), float(two[0])
    found = {name: row[0] for name, row in rows.items()} | _again(small, first, second, patients, draws, seed)
    corrected = dict(zip(names, holm([found[name] for name in names]), strict=True))
    return tuple(
        Compared(
            name,
            one,
            two,
            gap,
            found[name],
            corrected[name],
            _better(judged, corrected[name], first[name]),
            (_valued(first[name]), _valued(second[name])),
        )
        for name, (_, gap, judged, one, two) in rows.items()
    )


def _valued(scored: Scored) -> int:
    return int(np.isfinite(scored.values).sum())


def _judged(scored: Scored, values: Floats) -> Floats:
    return values if scored.ideal is None else np.abs(values - scored.ideal)


def _paired(gap: Floats) -> Interval:
    return bounds(float(gap[0]), gap[1:])


def _again(
    names: Sequence[str], first: Mapping[str, Scored], second: Mapping[str, Scored], patients: Sequence[str],
    draws: int, seed: int,
) -> dict[str, float]:  # fmt: skip
    gaps: dict[str, list[Floats]] = {name: [] for name in names}
    for number, start in enumerate(range(0, draws if names else 0, _DRAWN)):
        weights = patient_weights(patients, replicates=min(_DRAWN, draws - start), seed=seed + number)
        for name, made in gaps.items():
            one, two = (_judged(each[name], each[name].at(weights)) for each in (first, second))
            made.append(one - two)
    return {name: _by_bootstrap(np.concatenate(made)) for name, made in gaps.items()}


def _same(name: str, first: Scored, second: Scored, count: int) -> None:
    if first.signature != second.signature:
        raise InputError(
            f"'{name}' was computed under two protocols, which are not comparable: '{first.signature}' and "
            f"'{second.signature}'; score both with one version and the same options"
        )
    if not len(first.values) == len(second.values) == count:
        raise InputError(f"'{name}' has {len(first.values)} and {len(second.values)} items for {count} patients named")


def _better(gap: Interval, p: float, scored: Scored) -> Literal["first", "second", "neither"]:
    if not p < LEVEL or not (gap.low > 0 or gap.high < 0):
        return "neither"
    more = scored.better == "higher" and scored.ideal is None
    return "first" if (gap.value > 0) == more else "second"


def _by_bootstrap(gap: Floats) -> float:
    """Two-sided p of a difference from its bootstrap: twice the smaller tail beyond 0, never below 1 / replicates."""
    usable = gap[np.isfinite(gap)]
    if usable.size < 0.5 * max(1, gap.size):
        return float("nan")
    tail = min(float((usable <= 0).mean()), float((usable >= 0).mean()))
    return float(min(1.0, max(2 * tail, 1 / usable.size)))


def _exchanged(first: Scored, second: Scored, groups: NDArray[np.intp], permutations: int, seed: int) -> float:
    """Probability under exchange; NaN where the metric is no mean of its items."""
    one, two = first.values, second.values
    both = np.isfinite(one) & np.isfinite(two)
    if first.ideal is not None:  # a distance of the whole set is no mean of its items'
        return float("nan")
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
