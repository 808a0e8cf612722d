"""What a model answered to the questions of a study, item by item and rotation by rotation, and how it is counted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from hilum.core.report import Question
from hilum.core.study import Study
from hilum.measure.calibration import wilson
from hilum.measure.choice.cascade import Choice, bare, read_choice
from hilum.measure.stats import Interval

TURN = "@"
"""Parts the id of an item from the number of places its options were moved on by: 'q3@2'."""


@dataclass(frozen=True)
class Answered:
    """One question with what was answered to it.

    Args:
        question: with its answer.
        said: the model's words, None where it said nothing.
        choice: what they mean, of a question with choices.
        explanation: the model's own, '' where it gave none.
    """

    question: Question
    said: str | None
    choice: Choice
    explanation: str = ""

    @property
    def right(self) -> bool:
        """Whether the right option was named; silence and what cannot be read are wrong."""
        number = self.choice.number
        return number is not None and self.question.choices[number] == self.question.answer

    @property
    def option(self) -> str:
        """The text of the option that was named, whatever letter it had; '' for none."""
        return "" if self.choice.number is None else bare(self.question.choices[self.choice.number])

    @property
    def item(self) -> str:
        """Id of the item, whatever the rotation."""
        return self.question.id.rpartition(TURN)[0] or self.question.id


def answered(reference: Study | None, answer: Study | None) -> list[Answered]:
    """Return every question of a study that has an answer, with the first thing that the model said to its id.

    Of a study that was not answered at all, nothing: it is unscored, not wrong.
    """
    if reference is None or answer is None:
        return []
    asked = {question.id: question for question in reference.questions if question.answer is not None}
    known = len(reference.questions)
    said: dict[str, Question] = {}
    for each in [*answer.questions[known:], *answer.questions[:known]]:
        if each.answer is not None:
            said.setdefault(each.id, each)
    made = []
    for name, question in asked.items():
        told = said.get(name)
        words = None if told is None else told.answer
        choice = read_choice(words, question.choices) if words is not None else Choice(None, "invalid")
        made.append(Answered(question, words, choice, told.explanation if told is not None else ""))
    return made


def by_item(found: Iterable[Answered]) -> list[list[Answered]]:
    """Return the rotations of each item together."""
    held: dict[str, list[Answered]] = {}
    for each in found:
        held.setdefault(each.item, []).append(each)
    return list(held.values())


@dataclass(frozen=True)
class Row:
    """One line of a table: what is counted, how many were right and invalid of how many, with Wilson's interval."""

    name: str
    right: int
    asked: int
    invalid: int

    @property
    def share(self) -> Interval:
        """Accuracy with Wilson's 95 % interval, as if questions were independent of one another."""
        return wilson(self.right, self.asked)

    def __str__(self) -> str:
        """Render as 'presence 0.812 [0.751, 0.866] of 200, 3 invalid'."""
        return f"{self.name} {self.share} of {self.asked}" + (f", {self.invalid} invalid" if self.invalid else "")


def table(found: Sequence[Answered]) -> list[Row]:
    """Return accuracy overall, by kind of question and by category."""
    rows = [_row("all", found)]
    for family in dict.fromkeys(each.question.family for each in found if each.question.family):
        of = [each for each in found if each.question.family == family]
        rows.append(_row(family, of))
        names = dict.fromkeys(each.question.category for each in of if each.question.category)
        rows += [_row(f"{family} / {name}", [each for each in of if each.question.category == name]) for name in names]
    return rows


def _row(name: str, found: Sequence[Answered]) -> Row:
    return Row(name, sum(each.right for each in found), len(found), sum(e.choice.number is None for e in found))


def words(text: str) -> list[str]:
    """Return the words of a free answer: lower case, no articles and no punctuation (as SQuAD compares them)."""
    kept = "".join(letter if letter.isalnum() or letter == "." else " " for letter in text.lower()).split()
    return [word for word in (each.strip(".") for each in kept) if word and word not in ("a", "an", "the")]


def token_f1(reference: str, answer: str) -> float:
    """Return F1 of the words two texts share, each as often as both have it (Rajpurkar et al., SQuAD, 2016)."""
    one, two = words(reference), words(answer)
    if not one or not two:
        return float(one == two)
    shared = sum(min(one.count(word), two.count(word)) for word in set(one))
    return 2 * shared / (len(one) + len(two))


def stated(reference: str, answer: str) -> float:
    """Return 1 where two texts are the same words (exact match), else 0."""
    return float(words(reference) == words(answer))


def subsequence(reference: str, answer: str) -> float:
    """Return F1 of the longest common subsequence of words (ROUGE-L, beta 1, the same words as `token_f1`)."""
    one, two = words(reference), words(answer)
    if not one or not two:
        return float(one == two)
    lengths = np.zeros(len(two) + 1, dtype=int)
    for word in one:
        before = lengths.copy()
        for at, other in enumerate(two):
            lengths[at + 1] = before[at] + 1 if word == other else max(before[at + 1], lengths[at])
    return 2 * int(lengths[-1]) / (len(one) + len(two))
