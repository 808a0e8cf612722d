"""Probabilities of findings against stated findings: AUROC, average precision, calibration; a mean over concepts.

A concept counts where the reference calls it present or absent. What is uncertain is no truth, and what is not
mentioned is none either, unless `unmentioned="absent"` reads it so; the signature says which.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import InputError
from hilum.core.finding import Finding
from hilum.core.registry import register
from hilum.core.study import Study
from hilum.measure.binary import weighted_auroc
from hilum.measure.pairs import Pairs
from hilum.measure.scored import Better, Floats, Scored, signature

StudyPairs = Pairs[Study]
BINS = 10
Unmentioned = Literal["unscored", "absent"]
_UNIT = (0.0, 1.0)


@dataclass(frozen=True, eq=False)
class Judged:
    """One concept over the studies that have both a truth and a probability.

    Args:
        places: (K,) numbers of the studies.
        target: (K,) whether it is present.
        chance: (K,) probability in [0, 1].
    """

    places: NDArray[np.intp]
    target: NDArray[np.bool_]
    chance: Floats


def _probability(study: Study | None, concept: str) -> float | None:
    found: list[Finding] = [f for f in study.findings if f.concept == concept] if study else []
    known = [f.probability for f in found if f.probability is not None]
    return max(known) if known else None


def judged(pairs: StudyPairs, unmentioned: Unmentioned = "unscored") -> tuple[dict[str, Judged], dict[int, str]]:
    """Return each concept's truths and probabilities, and why a study has none; made once for all metrics.

    Args:
        pairs: references with stated findings, answers with probabilities.
        unmentioned: 'absent' takes as absent what a reference does not mention but another one states.

    Raises:
        InputError: if `unmentioned` is neither.
    """
    if unmentioned not in ("unscored", "absent"):
        raise InputError(f"unmentioned must be 'unscored' or 'absent', got '{unmentioned}'")
    return pairs.once(("probabilities", unmentioned), partial(_judged, unmentioned=unmentioned))


def _truths(study: Study, fill: frozenset[str]) -> dict[str, bool]:
    """Concept -> present, of what is stated; concepts of `fill` that are not mentioned are absent."""
    silent = fill - {f.concept for f in study.findings}
    return {f.concept: f.state == "present" for f in study.findings if f.state != "uncertain"} | dict.fromkeys(
        sorted(silent), False
    )


def _judged(pairs: StudyPairs, unmentioned: Unmentioned) -> tuple[dict[str, Judged], dict[int, str]]:
    known = (f.concept for study in pairs.references for f in study.findings if f.state != "uncertain")
    fill = frozenset(known if unmentioned == "absent" else ())
    rows: dict[str, list[tuple[int, bool, float]]] = {}
    without: dict[int, str] = {}
    for number, (reference, answer) in enumerate(zip(pairs.references, pairs.answers, strict=True)):
        stated = _truths(reference, fill)
        without[number] = "the reference calls nothing present or absent"
        for concept, there in stated.items():
            chance = _probability(answer, concept)
            if chance is None:
                without[number] = f"the answer gives no probability of '{concept}'"
            else:
                rows.setdefault(concept, []).append((number, there, chance))
    for found in rows.values():
        for number, _, _ in found:
            without.pop(number, None)
    return {name: _columns(found) for name, found in sorted(rows.items())}, without


def _columns(found: list[tuple[int, bool, float]]) -> Judged:
    places, target, chance = zip(*found, strict=True)
    return Judged(np.array(places, np.intp), np.array(target, bool), np.array(chance, float))


def over_concepts(
    name: str, pairs: StudyPairs, over: Callable[[Judged, Floats], Floats], each: Callable[[Judged], Floats],
    reason: str, *, better: Better = "higher", unmentioned: Unmentioned = "unscored", **parts: object,
) -> Scored:  # fmt: skip
    """Score by the mean over concepts of `over`; a study's value is the mean of `each` over its concepts.

    Args:
        name: of the metric.
        pairs: to score.
        over: one concept under weights (R, K) of its studies -> (R,), NaN where undefined.
        each: one concept -> (K,) of its studies.
        reason: why a study that has truth and probability may have no value.
        better: which way is good.
        unmentioned: see `judged`.
        parts: of the signature.
    """
    concepts, without = judged(pairs, unmentioned)

    def at(weights: Floats) -> Floats:
        rows = [over(one, weights[:, one.places]) for one in concepts.values()]
        return _mean(np.array(rows).reshape(len(rows), len(weights)))

    table = np.full((len(concepts), len(pairs)), np.nan)
    for row, one in enumerate(concepts.values()):
        table[row, one.places] = each(one)
    values = _mean(table)
    unscored = {int(n): without.get(int(n), reason) for n in np.flatnonzero(np.isnan(values))}
    truth = "stated" if unmentioned == "unscored" else "stated-else-absent"
    said = signature(name, 1, average="macro", truth=truth, **parts)
    return Scored(name, values, at, said, better, unscored)


def by_concept(score: Callable[[StudyPairs], Scored], pairs: StudyPairs) -> dict[str, Scored]:
    """Return a metric of studies for each concept that the references state, by itself.

    Args:
        score: a metric, e.g. `metric("auroc")`.
        pairs: to score.
    """
    names = sorted({f.concept for study in pairs.references for f in study.findings})
    made = {}
    for name in names:
        kept = [replace(s, findings=tuple(f for f in s.findings if f.concept == name)) for s in pairs.references]
        made[name] = score(Pairs(tuple(kept), pairs.answers, pairs.ids, pairs.patients))
    return made


def _mean(table: Floats) -> Floats:
    """Mean over rows of what is there; NaN where nothing is."""
    there = np.isfinite(table)
    count = there.sum(axis=0)
    return np.where(count > 0, np.where(there, table, 0.0).sum(axis=0) / np.maximum(count, 1), np.nan)


def _placements(one: Judged) -> Floats:
    """Share of the other class that each study is ranked rightly against, ties half (DeLong's components)."""
    values = np.full(len(one.chance), np.nan)
    for mine, sign in ((one.target, 1.0), (~one.target, -1.0)):
        others = np.sort(sign * one.chance[~mine])
        if mine.any() and len(others):
            own = sign * one.chance[mine]
            below, upto = np.searchsorted(others, own, "left"), np.searchsorted(others, own, "right")
            values[mine] = (below + upto) / (2 * len(others))
    return values


@register.metric("auroc", better="higher", takes="study", over="set", range=_UNIT, version=1)
def auroc(pairs: StudyPairs, *, unmentioned: Unmentioned = "unscored") -> Scored:
    """Chance that a study with the finding has a higher probability than one without, ties half; mean over findings."""
    return over_concepts(
        "auroc", pairs, lambda one, weights: weighted_auroc(one.target, one.chance, weights), _placements,
        "undefined: all studies are of one class", unmentioned=unmentioned, ties="half",
    )  # fmt: skip


def _precisions(one: Judged, weights: Floats) -> tuple[Floats, Floats, NDArray[np.intp]]:
    """Precision at each threshold (R, T), weight of positives there (R, T), and each study's threshold (K,)."""
    levels, which = np.unique(-one.chance, return_inverse=True)
    order = np.argsort(which, kind="stable")
    starts = np.searchsorted(which[order], np.arange(len(levels)))
    positive = np.add.reduceat((weights * one.target)[:, order], starts, axis=1)
    called = np.cumsum(np.add.reduceat(weights[:, order], starts, axis=1), axis=1)
    return np.cumsum(positive, axis=1) / np.where(called > 0, called, 1.0), positive, which


def _average_precision(one: Judged, weights: Floats) -> Floats:
    precision, positive, _ = _precisions(one, weights)
    total = positive.sum(axis=1)
    return np.where(total > 0, (precision * positive).sum(axis=1) / np.where(total > 0, total, 1.0), np.nan)


def _precision_at_each(one: Judged) -> Floats:
    precision, _, which = _precisions(one, np.ones((1, len(one.chance))))
    return np.where(one.target, precision[0, which], np.nan)


@register.metric("average-precision", better="higher", takes="study", over="set", range=_UNIT, version=1)
def average_precision(pairs: StudyPairs, *, unmentioned: Unmentioned = "unscored") -> Scored:
    """Mean precision over the studies with the finding, each at its own probability; its chance level is prevalence."""
    return over_concepts(
        "average-precision", pairs, _average_precision, _precision_at_each,
        "the finding is absent: precision is counted where it is present", unmentioned=unmentioned,
        interpolation="none",
    )  # fmt: skip


def _calibration(one: Judged, weights: Floats, *, bins: int) -> Floats:
    into = np.eye(bins)[np.minimum((one.chance * bins).astype(int), bins - 1)]
    gap = np.abs(weights @ (into * (one.target - one.chance)[:, None])).sum(axis=1)
    total = weights.sum(axis=1)
    return np.where(total > 0, gap / np.where(total > 0, total, 1.0), np.nan)


@register.metric("ece", better="lower", takes="study", over="set", range=_UNIT, version=1)
def ece(pairs: StudyPairs, *, unmentioned: Unmentioned = "unscored") -> Scored:
    """Expected calibration error: how far the probabilities of ten equal bins lie from what is observed in them."""
    return over_concepts(
        "ece", pairs, partial(_calibration, bins=BINS), lambda one: np.abs(one.target - one.chance),
        "undefined: no probability was judged", better="lower", unmentioned=unmentioned, bins=BINS,
    )  # fmt: skip
