"""Probabilities of findings at a threshold, and their squared error; a mean over concepts."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from hilum.core.errors import InputError
from hilum.core.registry import register
from hilum.measure.metrics.findings import Judged, StudyPairs, Unmentioned, over_concepts
from hilum.measure.scored import Floats, Scored, f1, ratio

THRESHOLD = 0.5
_UNIT = (0.0, 1.0)


@register.metric("brier", better="lower", takes="study", over="set", range=_UNIT, version=1)
def brier(pairs: StudyPairs, *, unmentioned: Unmentioned = "unscored") -> Scored:
    """Mean squared distance of the probability from 1 where the finding is present and from 0 where it is absent."""
    return over_concepts(
        "brier", pairs, lambda one, weights: ratio(weights @ _squared(one), weights.sum(axis=1)), _squared,
        "undefined: no probability was judged", better="lower", unmentioned=unmentioned,
    )  # fmt: skip


def _squared(one: Judged) -> Floats:
    return np.asarray((one.chance - one.target) ** 2, dtype=np.float64)


def _at_threshold(
    name: str, pairs: StudyPairs, threshold: float, unmentioned: Unmentioned, combine: Callable[..., Floats],
    counts: str, reason: str,
) -> Scored:  # fmt: skip
    """Score by counts at a threshold; a study counts where its cell (tp, fp, fn, tn) is among `counts`."""
    if not 0 <= threshold <= 1:
        raise InputError(f"a threshold of probabilities must lie in [0, 1], got {threshold}")

    def cells(one: Judged) -> Floats:
        called = one.chance >= threshold
        return np.stack([called & one.target, called & ~one.target, ~called & one.target, ~called & ~one.target])

    def each(one: Judged) -> Floats:
        tp, fp, fn, tn = cells(one)
        here = np.any([cell for cell, key in zip((tp, fp, fn, tn), "abcd", strict=True) if key in counts], axis=0)
        return np.where(here, np.where(tp | tn, 1.0, 0.0), np.nan)

    def over(one: Judged, weights: Floats) -> Floats:
        return combine(*(weights @ cell.astype(np.float64) for cell in cells(one)))

    return over_concepts(name, pairs, over, each, reason, unmentioned=unmentioned, threshold=f">={threshold:g}")


@register.metric("f1@threshold", better="higher", takes="study", over="set", range=_UNIT, version=1)
def f1_at(pairs: StudyPairs, *, threshold: float = THRESHOLD, unmentioned: Unmentioned = "unscored") -> Scored:
    """F1 of probabilities called present from a stated threshold on (.5), mean over findings."""
    return _at_threshold(
        "f1@threshold", pairs, threshold, unmentioned, lambda tp, fp, fn, tn: f1(tp, fp, fn), "abc",
        "undefined: rightly called absent, which F1 does not count",
    )  # fmt: skip


@register.metric("sensitivity", better="higher", takes="study", over="set", range=_UNIT, version=1)
def sensitivity(pairs: StudyPairs, *, threshold: float = THRESHOLD, unmentioned: Unmentioned = "unscored") -> Scored:
    """Share of present findings whose probability reaches a stated threshold (.5), mean over findings."""
    return _at_threshold(
        "sensitivity", pairs, threshold, unmentioned, lambda tp, fp, fn, tn: ratio(tp, tp + fn), "ac",
        "undefined: no finding is present",
    )  # fmt: skip


@register.metric("specificity", better="higher", takes="study", over="set", range=_UNIT, version=1)
def specificity(pairs: StudyPairs, *, threshold: float = THRESHOLD, unmentioned: Unmentioned = "unscored") -> Scored:
    """Share of absent findings whose probability stays below a stated threshold (.5), mean over findings."""
    return _at_threshold(
        "specificity", pairs, threshold, unmentioned, lambda tp, fp, fn, tn: ratio(tn, tn + fp), "bd",
        "undefined: no finding is absent",
    )  # fmt: skip
