"""Makers that ask of a report rather than of a film: which finding it describes, and which it explicitly excludes.

Here what a report does not mention can be a wrong option: it is not described, and it is not excluded either.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from hilum.measure.choice.confusions import confused
from hilum.measure.choice.facts import Facts
from hilum.measure.choice.frame import Frame, Read, Reading, noun, option_sets
from hilum.measure.choice.presence import POOL, SETS

_DESCRIBED = (
    "Which of these findings does the report describe?", "Which one of these is present by the report?",
    "The report tells of one of these. Which?",
)  # fmt: skip
_EXCLUDED = (
    "Which of these findings does the report explicitly exclude?", "Which one of these is denied by the report?",
    "The report rules out one of these. Which?",
)  # fmt: skip


def described(cohort: Sequence[Facts], rng: np.random.Generator) -> list[Frame]:
    """Return frames that ask which of four a report describes as present; the others it denies or does not mention."""
    names = _most(Counter(name for facts in cohort for name in facts.present))
    sets = option_sets(names, rng, most=SETS, confused=confused)
    return [Frame("presence", "described", _DESCRIBED, each, _one(each, denied=False)) for each in sets]


def excluded(cohort: Sequence[Facts], rng: np.random.Generator) -> list[Frame]:
    """Return frames that ask which of four a report denies; one other at least is present."""
    names = _most(Counter(name for facts in cohort for name in facts.absent))
    sets = option_sets(names, rng, most=SETS, confused=confused)
    return [Frame("negation", "excluded", _EXCLUDED, each, _one(each, denied=True)) for each in sets]


def _most(counts: Counter[str]) -> list[str]:
    return sorted(sorted(counts, key=lambda name: (-counts[name], name))[:POOL])


def _one(names: tuple[str, ...], *, denied: bool) -> Read:
    def read(facts: Facts) -> Reading | None:
        states = [facts.has(name) for name in names]
        right = [name for name, state in zip(names, states, strict=True) if state is not None and state != denied]
        vague = facts.unsure | facts.implied  # a wider concept is neither told by its name nor left unsaid
        if len(right) != 1 or vague & set(names) or (denied and True not in states):
            return None
        reasons = tuple(_says(name, state) for name, state in zip(names, states, strict=True))
        return Reading(names.index(right[0]), reasons, ", as stated")

    return read


def _says(name: str, state: bool | None) -> str:
    if state is None:
        return f"the report does not mention {noun(name)}"
    return f"the report {'describes ' + noun(name) if state else 'excludes ' + noun(name)}"
