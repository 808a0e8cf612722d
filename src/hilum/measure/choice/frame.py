"""A frame: one way to ask with its four options, and how a study's facts answer it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import combinations

import numpy as np

from hilum.core.errors import InputError
from hilum.core.finding import Finding
from hilum.measure.choice.facts import Facts, kind_of, related
from hilum.text.bank import statement
from hilum.text.nouns import parts

OPTIONS = 4
LETTERS = "ABCD"


@dataclass(frozen=True)
class Reading:
    """How a study answers a frame: the number of the true option, a sentence on each option, more on the true one."""

    answer: int
    reasons: tuple[str, ...]
    detail: str = ""


Read = Callable[[Facts], Reading | None]


@dataclass(frozen=True)
class Frame:
    """A question in waiting: its words say nothing of which study it will be asked of.

    Args:
        task: kind of reasoning, one of `TASKS`.
        category: what it is about.
        stems: wordings of the question, one of which is drawn.
        options: four texts of one type, in no order that matters.
        read: from facts to the reading; None where not exactly one option is true and the others known to be false.
    """

    task: str
    category: str
    stems: tuple[str, ...]
    options: tuple[str, ...]
    read: Read = field(repr=False)


def option_sets(
    names: Sequence[str], rng: np.random.Generator, *, most: int, confused: Callable[[str], Sequence[str]]
) -> list[tuple[str, ...]]:
    """Draw sets of four concepts of one kind, none of them a kind of another; true confusions come first.

    Args:
        names: concepts to choose from, a dozen or so.
        rng: of the draw.
        most: sets.
        confused: concept -> its look-alikes, see `confusions`.

    Returns:
        Sets in the order of how many of their six pairs are known confusions, ties at random.
    """
    drawn = combinations(names, OPTIONS)
    fit = [each for each in drawn if len({kind_of(name) for name in each}) == 1
           and not any(related(a, b) for a, b in combinations(each, 2))]  # fmt: skip
    close = {each: sum(b in confused(a) for a, b in combinations(each, 2)) + float(rng.random()) for each in fit}
    return sorted(fit, key=lambda each: -close[each])[:most]


@cache
def noun(name: str) -> str:
    """Return a concept as a noun phrase: 'a pleural effusion', 'cardiomegaly'."""
    try:
        return parts(statement(Finding(name), 0, False))["np"]
    except InputError:
        return name  # a concept of a user's own


def told(facts: Facts, name: str) -> str:
    """Return a sentence on a concept in a study: that it is there, with its place, or that it is not."""
    if not facts.has(name):
        return f"there is no {name}"
    places = sorted(facts.places.get(name, ())) or [f"{side} side" for side in sorted(facts.sides.get(name, ()))]
    where = f" ({', '.join(places)})" if places else ""
    return f"there is {noun(name)}{where}"
