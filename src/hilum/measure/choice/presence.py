"""Makers of presence and negation: which of four findings is there, and which is not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from hilum.measure.choice.confusions import confused
from hilum.measure.choice.facts import Facts
from hilum.measure.choice.frame import Frame, Read, Reading, option_sets, told

SETS, POOL = 500, 12
"""Sets of options tried for each kind of question, and concepts they are drawn from: all sets of four of twelve."""
_PRESENT = (
    "Which of these findings is present?", "Which one of these can be seen?", "One of these findings is there. Which?",
)  # fmt: skip
_ABSENT = (
    "Which of these findings is absent?", "Three of these are present. Which one is not?",
    "Which one of these is not there?",
)  # fmt: skip
_WRONG = (
    "Which of these statements is wrong?", "Three of these statements are right. Which one is not?",
    "Which statement does not hold?",
)  # fmt: skip


def presence(cohort: Sequence[Facts], rng: np.random.Generator) -> list[Frame]:
    """Return frames that ask which of four is present; the three others are stated to be absent.

    Args:
        cohort: for the concepts that are present in some study and absent in another.
        rng: of the sets of options.
    """
    sets = option_sets(contested(cohort), rng, most=SETS, confused=confused)
    return [Frame("presence", "findings", _PRESENT, each, _there(each)) for each in sets]


def negation(cohort: Sequence[Facts], rng: np.random.Generator) -> list[Frame]:
    """Return frames that ask which of four is absent, and which of four denials is wrong.

    Of the first kind three must be present, of the second three must be absent, both as stated.
    """
    sets = option_sets(contested(cohort), rng, most=SETS, confused=confused)
    frames = []
    for each in sets:
        denials = tuple(f"no {name}" for name in each)
        frames.append(Frame("negation", "absent finding", _ABSENT, each, _missing(each)))
        frames.append(Frame("negation", "wrong denial", _WRONG, denials, _there(each)))
    return frames


def contested(cohort: Sequence[Facts]) -> list[str]:
    """Return the `POOL` concepts that most studies of a cohort have and most others are stated not to have."""
    there = Counter(name for facts in cohort for name in facts.present)
    denied = Counter(name for facts in cohort for name in facts.absent)
    both = {name: min(count, denied[name]) for name, count in there.items() if denied[name]}
    return sorted(sorted(both, key=lambda name: (-both[name], name))[:POOL])


def _there(names: tuple[str, ...]) -> Read:
    def read(facts: Facts) -> Reading | None:
        found = facts.only(names)
        if found is None:
            return None
        return Reading(names.index(found), tuple(told(facts, name) for name in names), detail_of(facts, found))

    return read


def _missing(names: tuple[str, ...]) -> Read:
    def read(facts: Facts) -> Reading | None:
        states = [facts.has(name) for name in names]
        if states.count(True) != 3 or states.count(False) != 1:
            return None
        return Reading(states.index(False), tuple(told(facts, name) for name in names), " anywhere on the film")

    return read


def detail_of(facts: Facts, name: str) -> str:
    """Return what else is known of a finding, as careless makers add it to the right option only."""
    found = facts.present.get(name, ())
    grade = next((each.attributes["severity"] for each in found if "severity" in each.attributes), "clearly visible")
    return f", {grade}"
