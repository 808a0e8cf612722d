"""Accuracy on questions with choices, by letter cascade, and how it stands up to another order of the options.

A model answers by adding a question of the same id with the answer: a letter, a sentence that says which, or an
option's own text; the first one counts. What cannot be read is wrong, and `choice-invalid` says how often.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np

from hilum.core.registry import register
from hilum.core.study import Study
from hilum.measure.choice.answers import Answered, answered, by_item, table
from hilum.measure.pairs import Pairs
from hilum.measure.scored import Floats, Scored, ratio, signature, summed

StudyPairs = Pairs[Study]
_UNIT = (0.0, 1.0)


def _found(pairs: StudyPairs) -> list[list[Answered]]:
    """The questions with choices of every study."""
    made = [answered(*pair) for pair in zip(pairs.references, pairs.answers, strict=True)]
    return [[each for each in found if each.question.choices] for found in made]


def _shares(
    name: str, counts: Sequence[tuple[float, int]], reason: str, *, better: str = "higher",
    remarks: tuple[str, ...] = (),
) -> Scored:  # fmt: skip
    """Score of counts (hits, of how many) of each study, every question weighing the same."""
    sums = np.array(counts, dtype=np.float64).reshape(-1, 2)
    unscored = {number: reason for number, row in enumerate(sums) if not row[1]}
    values = ratio(sums[:, 0], sums[:, 1])
    return summed(name, values, sums, _over, signature(name, 1), better=better, unscored=unscored, remarks=remarks)  # type: ignore[arg-type]


def _over(sums: Floats) -> Floats:
    return ratio(sums[:, 0], sums[:, 1])


def _accuracy(name: str, pairs: StudyPairs, family: str = "") -> Scored:
    found = [[each for each in of if not family or each.question.family == family] for of in _found(pairs)]
    flat = [each for of in found for each in of]
    lines = [] if family else [f"Wilson, as if questions were independent: {row}" for row in table(flat)]
    rules = Counter(each.choice.how for each in flat)
    lines += [f"read by {how}: {count}" for how, count in sorted(rules.items())]
    counts = [(sum(each.right for each in of), len(of)) for of in found]
    return _shares(name, counts, f"it asks no {family or 'multiple-choice'} question", remarks=tuple(lines))


@register.metric("choice-accuracy", better="higher", takes="study", over="set", range=_UNIT, version=1)
def choice_accuracy(pairs: StudyPairs) -> Scored:
    """Share of multiple-choice questions answered by the right option, by letter cascade; invalid counts as wrong."""
    return _accuracy("choice-accuracy", pairs)


@register.metric("choice-accuracy/presence", better="higher", takes="study", over="set", range=_UNIT, version=1)
def presence_accuracy(pairs: StudyPairs) -> Scored:
    """The same of presence questions: which of these is there."""
    return _accuracy("choice-accuracy/presence", pairs, "presence")


@register.metric("choice-accuracy/location", better="higher", takes="study", over="set", range=_UNIT, version=1)
def location_accuracy(pairs: StudyPairs) -> Scored:
    """The same of location questions: where it is, and what is on a side."""
    return _accuracy("choice-accuracy/location", pairs, "location")


@register.metric("choice-accuracy/negation", better="higher", takes="study", over="set", range=_UNIT, version=1)
def negation_accuracy(pairs: StudyPairs) -> Scored:
    """The same of negation questions: which of these is not there, and which denial is wrong."""
    return _accuracy("choice-accuracy/negation", pairs, "negation")


@register.metric("choice-accuracy/differential", better="higher", takes="study", over="set", range=_UNIT, version=1)
def differential_accuracy(pairs: StudyPairs) -> Scored:
    """The same of differential questions: which of four look-alikes it is."""
    return _accuracy("choice-accuracy/differential", pairs, "differential")


@register.metric("choice-accuracy/geometry", better="higher", takes="study", over="set", range=_UNIT, version=1)
def geometry_accuracy(pairs: StudyPairs) -> Scored:
    """The same of geometry questions: in which range a measure lies."""
    return _accuracy("choice-accuracy/geometry", pairs, "geometry")


@register.metric("choice-invalid", better="lower", takes="study", over="set", range=_UNIT, version=1)
def choice_invalid(pairs: StudyPairs) -> Scored:
    """Share of multiple-choice questions whose answer names no single option, silence included."""
    counts = [(sum(each.choice.number is None for each in of), len(of)) for of in _found(pairs)]
    return _shares("choice-invalid", counts, "it asks no multiple-choice question", better="lower")


def _turned(name: str, pairs: StudyPairs, holds: Callable[[list[Answered]], bool]) -> Scored:
    found = [[each for each in by_item(of) if len(each) > 1] for of in _found(pairs)]
    return _shares(name, [(sum(map(holds, of)), len(of)) for of in found], "it asks no item in more than one order")


@register.metric("choice-consistency", better="higher", takes="study", over="set", range=_UNIT, version=1)
def choice_consistency(pairs: StudyPairs) -> Scored:
    """Share of items where the same option is named whatever order they stand in; right or wrong, but never none."""
    return _turned("choice-consistency", pairs, lambda of: len({e.option for e in of}) == 1 and bool(of[0].option))


@register.metric("choice-all-orders", better="higher", takes="study", over="set", range=_UNIT, version=1)
def choice_all_orders(pairs: StudyPairs) -> Scored:
    """Share of items answered rightly in every order of the options that is asked (circular evaluation)."""
    return _turned("choice-all-orders", pairs, lambda of: all(each.right for each in of))
