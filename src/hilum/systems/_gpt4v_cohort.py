"""The cases of the prompt study: a frontal of a made scene, its findings in its hospital's words, questions, boxes.

Each patient belongs to a hospital with words of its own for what is there and for what is not (four of each), so that
an example of its reports tells something about the words of the next one, and nothing about its findings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from hilum.core.image import Image
from hilum.core.region import Box
from hilum.core.report import Question
from hilum.core.seed import generator
from hilum.core.study import Study
from hilum.phantom.scenes import facts_of, scenes, split_of
from hilum.phantom.scenes_facts import Fact, Facts
from hilum.phantom.scenes_words import noun, words_table

WORDINGS = 4
_EXAMPLES = {"zero-shot": "", "two normal": "nn", "two abnormal": "aa", "one + one": "na"}
FAMILIES = tuple(_EXAMPLES)
_SIDED, _SIDES = ("pleural effusion", "pneumothorax"), {-1: "right", 1: "left"}
House = tuple[int, int]  # number of a hospital's words for what is there, and for what is not


@dataclass(frozen=True, eq=False)
class Case:
    """One study.

    Args:
        study, film, house: as drawn, its frontal, and its hospital's words.
        text: its findings in these words.
        closed, open: questions with one word for an answer: yes or no; another.
        phrases: (phrase, box of it in pixels of the film).
    """

    study: Study
    film: Image
    house: House
    text: str
    closed: tuple[Question, ...]
    open: tuple[Question, ...]
    phrases: tuple[tuple[str, Box], ...]

    @property
    def facts(self) -> Facts:
        """What is true."""
        return facts_of(self.study)

    @property
    def normal(self) -> bool:
        """Whether nothing is there."""
        return not any(fact.grade for fact in self.facts)


def told(facts: Facts, house: House) -> str:
    """Return the findings section of facts in a hospital's words; nothing is compared with earlier films."""
    table, (there, absent) = words_table(), house
    said, missing = [], []
    for fact in facts:
        if fact.grade:
            said.append(_present(fact, there))
        elif fact.concept == "cardiomegaly":
            said.append(table["absent"]["cardiomegaly"][absent])
        elif fact.concept in table["listed"]:
            missing.append(fact.concept)
    if missing:
        listed = " or ".join(filter(None, (", ".join(missing[:-1]), missing[-1])))
        said.append(table["absent"]["list"][absent].format(all=listed))
    return " ".join(said)


def _present(fact: Fact, there: int) -> str:
    named = phrase(fact, there)
    article = "an" if named[0] in "aeiou" else "a"
    made = str(words_table()["present"][there].format(np=named, a=article))
    return made[0].upper() + made[1:]


def phrase(fact: Fact, there: int = 0) -> str:
    """Return a fact that is there as a noun in a hospital's words."""
    options = words_table()["nouns"]["retrocardiac" if fact.zone == "retrocardiac" else fact.concept]
    return noun(fact, options[there % len(options)])


def cases(patients: int, *, seed: int, size: int, split: str) -> list[Case]:
    """Draw cases of one split by patient: each study by itself, since what was there before is not told.

    Args:
        patients, seed, size: how many to draw from (two in ten are 'test'), of everything, and columns of a film.
        split: 'train', 'val' or 'test'.
    """
    return [_case(study, seed) for study in _drawn(patients, seed, size) if split_of(study.patient) == split]


@lru_cache(maxsize=1)
def _drawn(patients: int, seed: int, size: int) -> tuple[Study, ...]:
    return scenes(patients, seed=seed, size=size)


def _case(study: Study, seed: int) -> Case:
    random = generator(seed, "hospital", study.patient)
    house = int(random.integers(WORDINGS)), int(random.integers(WORDINGS))
    facts, film = facts_of(study), study.films[0]
    boxes = {finding.id: region for finding in study.findings for region in finding.regions
             if isinstance(region, Box) and region.image == film.id}  # fmt: skip
    phrases = tuple((phrase(fact), boxes[fact.concept]) for fact in facts if fact.grade and fact.concept in boxes)
    closed, open_ = _questions(facts, generator(seed, "questions", study.id))
    return Case(study, film, house, told(facts, house), closed, open_, phrases)


def _questions(facts: Facts, random: np.random.Generator) -> tuple[tuple[Question, ...], tuple[Question, ...]]:
    """As many yes as no on average: a finding that is there, or its wrong side, or one that is not."""
    there = [fact for fact in facts if fact.grade]
    absent = [fact for fact in facts if not fact.grade]
    yes = bool(there) and (not absent or bool(random.integers(2)))
    pool = there if yes else absent
    fact = pool[int(random.integers(len(pool)))]
    side = f"{_SIDES[fact.side]} " if fact.concept in _SIDED else ""
    article = "an" if fact.concept[0] in "aeiou" and not side else "a"
    closed = [Question(f"Is there {article} {side}{fact.concept}?", (), "yes" if yes else "no", "closed")]
    sided = [each for each in there if each.concept in _SIDED]
    if sided:
        fact = sided[int(random.integers(len(sided)))]
        turn = bool(random.integers(2))
        side = _SIDES[-fact.side if turn else fact.side]
        closed.append(Question(f"Is there a {side} {fact.concept}?", (), "no" if turn else "yes", "closed"))
    open_ = [Question(f"On which side is the {each.concept}?", (), _SIDES[each.side], "open") for each in sided]
    return tuple(closed), tuple(open_)


def examples(family: str, case: Case, pool: Sequence[Case], *, seed: int) -> tuple[str, ...]:
    """Return the reports that a prompt shows: findings of other patients, told in the words of the same hospital.

    Args:
        family: one of `FAMILIES`.
        case: who is asked about.
        pool, seed: of patients, normally the training cases, and of the draw.
    """
    random = generator(seed, "examples", family, case.study.id)
    chosen: list[str] = []
    for letter in _EXAMPLES[family]:
        fit = [each for each in pool if each.normal == (letter == "n") and each.study.patient != case.study.patient]
        chosen += [told(fit[int(random.integers(len(fit)))].facts, case.house)] if fit else []
    return tuple(chosen)
