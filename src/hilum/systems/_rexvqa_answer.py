"""Models that answer multiple-choice questions by the likeliest option: with the film, or blind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from hilum.core.image import MadeBy
from hilum.core.report import Question
from hilum.core.study import Study
from hilum.measure.choice.blind import BlindReader
from hilum.measure.choice.cascade import bare

VERSION, MOST = "1", 4


@dataclass(frozen=True, eq=False)
class Choosing:
    """A model that answers the questions of a study that have two to four choices, by the likeliest option.

    Args:
        reader: a `learn.choice.train.ChoiceReader`.
        made_by: signs the answers.
    """

    reader: Any = field(repr=False)
    made_by: MadeBy
    needs: tuple[str, ...] = ("images",)
    adds: tuple[str, ...] = ("questions",)

    def __call__(self, study: Study) -> Study:
        """Add an answer to each such question; of a study without a frontal film to none, with a note."""
        from hilum.learn.reader.roles import frontal_of

        film = frontal_of(study)
        if film is None:
            return study.add(made_by=self.made_by, notes=["there is no frontal film to answer from"])
        made = []
        for question in asked(study):
            told = self.reader.logits([question.text], [[bare(each) for each in question.choices]], [film])
            made.append(answer(question, question.choices[int(told[0].argmax())]))
        return study.add(questions=made, made_by=self.made_by, notes=_left(study, made))


def asked(study: Study) -> list[Question]:
    """Return the questions with two to four choices."""
    return [question for question in study.questions if 2 <= len(question.choices) <= MOST]


def answer(question: Question, said: str) -> Question:
    """Return an answer to a question, as a model adds it."""
    return Question(question.text, (), said, question.family, question.id, category=question.category)


def _left(study: Study, made: Sequence[Question]) -> list[str]:
    left = len(study.questions) - len(made)
    return [f"{left} questions without two to {MOST} choices were left unanswered"] if left else []


def answered_blind(study: Study, reader: BlindReader) -> Study:
    """Add what a blind reader answers: from question and options alone."""
    made = [answer(question, question.choices[reader.answer(question)]) for question in asked(study)]
    return study.add(questions=made, made_by=MadeBy("blind", VERSION), notes=_left(study, made))
