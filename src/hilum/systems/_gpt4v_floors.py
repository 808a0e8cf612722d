"""Backends that cannot be talked to, for the prompt study to run beside: what no sight, or no words, come to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from hilum.core.image import Image, MadeBy
from hilum.core.region import Box
from hilum.learn.outside.asking import Asking, Said
from hilum.phantom.scenes_facts import CONCEPTS, Fact
from hilum.systems._gpt4v_cohort import Case, told
from hilum.systems._gpt4v_words import Asked, asked_of, boxes_of, house_of

CONSTANT, COPIES, NEAREST, RESTYLED = (
    "constant", "copies an example", "nearest film", "nearest film, in the examples' words",
)  # fmt: skip
_GRID = 18
Floats = NDArray[np.float64]


def _small(film: Image) -> Floats:
    """A film as a few block means, its own mean and spread taken out."""
    shown = film.display().astype(np.float64)
    rows, columns = (np.linspace(0, side, _GRID + 1).astype(int)[:-1] for side in shown.shape)
    sums = np.add.reduceat(np.add.reduceat(shown, rows, axis=0), columns, axis=1).ravel()
    spread = float(sums.std())
    centred: Floats = (sums - sums.mean()) / spread if spread else np.zeros_like(sums)
    return centred


@dataclass(frozen=True)
class Constant:
    """Says the same of every film: the normal report, no to every question, the middle box of its kind of finding.

    Args:
        train: cases to take the boxes from.
    """

    train: Sequence[Case]
    name: str = CONSTANT

    @cached_property
    def _boxes(self) -> dict[Asked, Box]:
        return boxes_of(self.train)

    def __call__(self, asking: Asking) -> Said:
        """Return its answer."""
        by = MadeBy(self.name)
        if asking.task == "phrase_to_box":
            box = self._boxes.get(asked_of(asking.question))
            return Said("", (box,) if box else (), by)
        if asking.task == "answer":
            return Said("right" if "which side" in asking.question else "no", (), by)
        return Said(told(tuple(Fact(concept) for concept in CONCEPTS), (0, 0)), (), by)


@dataclass(frozen=True)
class Copies:
    """Returns the last example that it was shown; the constant answer where it was shown none."""

    constant: Constant
    name: str = COPIES

    def __call__(self, asking: Asking) -> Said:
        """Return its answer."""
        if asking.task == "findings" and asking.examples:
            return Said(asking.examples[-1], (), MadeBy(self.name))
        return self.constant(asking)


@dataclass(frozen=True)
class Nearest:
    """Answers as is true of the most alike training film; it looks, and cannot be talked to.

    Args:
        train: cases.
        restyled: write the nearest case's findings in the words of the hospital that the examples come from; without
            examples, in the words of the first hospital.
    """

    train: Sequence[Case]
    restyled: bool = False

    @property
    def name(self) -> str:
        """How tables call it."""
        return RESTYLED if self.restyled else NEAREST

    @cached_property
    def _rows(self) -> Floats:
        return np.stack([_small(case.film) for case in self.train])

    def _order(self, film: Image) -> list[Case]:
        far = ((self._rows - _small(film)) ** 2).sum(axis=1)
        return [self.train[int(number)] for number in np.argsort(far, kind="stable")]

    def __call__(self, asking: Asking) -> Said:
        """Return its answer."""
        near, by = self._order(asking.films[0][1]), MadeBy(self.name)
        if asking.task == "findings":
            house = house_of(asking.examples) if self.restyled else near[0].house
            return Said(told(near[0].facts, house), (), by)
        concept, side, zone = asked_of(asking.question)
        if asking.task == "phrase_to_box":
            boxes = [box for case in near for phrase, box in case.phrases if asked_of(phrase) == (concept, side, zone)]
            return Said("", (Box(*boxes[0].corners),) if boxes else (), by)
        there = [fact for fact in near[0].facts if fact.concept == concept and fact.grade]
        if "which side" in asking.question:
            known = [fact.side for case in near for fact in case.facts if fact.concept == concept and fact.grade]
            return Said("left" if known and known[0] == 1 else "right", (), by)
        yes = bool(there) and (not side or there[0].side == side)
        return Said("yes" if yes else "no", (), by)
