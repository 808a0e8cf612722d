"""Backends that cannot be talked to, for the prompt study to run beside: what no sight, or no words, come to."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from hilum.core.image import Image, MadeBy
from hilum.core.region import Box
from hilum.learn.outside.asking import Asking, Said
from hilum.phantom.scenes_facts import CONCEPTS, Fact
from hilum.phantom.scenes_words import words_table
from hilum.systems._gpt4v_cohort import WORDINGS, Case, House, told

CONSTANT, COPIES, NEAREST, RESTYLED = (
    "constant", "copies an example", "nearest film", "nearest film, in the examples' words",
)  # fmt: skip
_SHORT = {"effusion": "pleural effusion", "nodule": "lung nodule", "enlargement of the heart": "cardiomegaly"}
_NAMED = re.compile("|".join((*CONCEPTS, *_SHORT)))
_SIDES = {"right": -1, "left": 1}
_GRID = 18
Asked = tuple[str, int, str]
"""Concept, side and zone."""
Floats = NDArray[np.float64]


def asked_of(text: str) -> Asked:
    """Return the concept, side (-1 right, 1 left, 0 none) and zone ('' for none) that a question or phrase is about."""
    sides = [_SIDES[word] for word in re.findall(r"\b(right|left)\b", text)]
    zones = re.findall(r"\b(upper|mid|lower|retrocardiac)\b", text)
    found = _NAMED.search(text)
    concept = found.group() if found else CONCEPTS[0]
    return _SHORT.get(concept, concept), (sides or [0])[0], (zones or [""])[0]


def boxes_of(train: Sequence[Case]) -> dict[Asked, Box]:
    """Return the middle box, corner by corner, of every kind of finding that training phrases point at."""
    kept: dict[Asked, list[tuple[float, ...]]] = {}
    for case in train:
        for phrase, box in case.phrases:
            kept.setdefault(asked_of(phrase), []).append(box.corners)
    return {key: Box(*np.median(np.array(boxes), axis=0).tolist()) for key, boxes in kept.items()}


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


def house_of(examples: Sequence[str]) -> House:
    """Return the hospital whose words some reports are in, as far as they tell; the first where they do not."""
    votes = {"present": Counter[int](), "absent": Counter[int]()}
    for sentence in " ".join(examples).split(". "):
        kind, number = _wording_of(sentence.rstrip(".") + ".") if sentence else ("", 0)
        if kind:
            votes[kind][number] += 1
    there, absent = (max(range(WORDINGS), key=lambda number: votes[kind][number]) for kind in ("present", "absent"))
    return there, absent


def _wording_of(sentence: str) -> tuple[str, int]:
    """Whether a sentence states or denies, and by which wording of the table; the plainest pattern is tried last."""
    table = words_table()
    absent = [(form, number) for each in table["absent"].values() for number, form in enumerate(each)]
    present = [(form, number) for number, form in enumerate(table["present"])]
    for kind, forms in (("absent", absent), ("present", present)):
        for form, number in sorted(forms, key=lambda each: -len(each[0])):
            pattern = re.escape(form)
            for slot, told_as in ((r"\{all\}", "[a-z, ]+?"), (r"\{np\}", "[A-Za-z0-9 ]+?"), (r"\{a\}", "[Aa]n?")):
                pattern = pattern.replace(slot, told_as)
            if re.fullmatch(pattern, sentence):
                return kind, number
    return "", 0
