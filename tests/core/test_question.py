"""A question: its answer among its choices, what hiding takes, and its JSON form, old and new."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from hilum.core.errors import InputError
from hilum.core.image import MadeBy
from hilum.core.record import from_json, to_json
from hilum.core.report import Question
from hilum.core.study import Study

CHOICES = ("A. left", "B. right")
ASKED = Question("Where?", CHOICES, CHOICES[0], "location", "q0@1", MadeBy("me"), "side", "It is bright on the left.")


@pytest.mark.parametrize(
    "question",
    [
        ASKED,
        Question("Where?"),
        Question("Where?", CHOICES),
        Question("What is seen?", (), "a nodule", explanation="It is round."),
        replace(ASKED, answer=None, explanation=""),
        replace(ASKED, text="\u00bfD\u00f3nde?", category="lado"),
    ],
)
def test_it_is_written_and_read_back_equal(question: Question) -> None:
    assert from_json(json.dumps(to_json(question))) == question
    study = Study("s", questions=(question,))
    assert from_json(json.dumps(to_json(study))).questions == (question,)


def test_what_was_written_before_there_were_explanations_is_still_read() -> None:
    old = {name: value for name, value in to_json(ASKED).items() if name not in ("category", "explanation")}
    read = from_json(json.dumps(old))
    assert read == replace(ASKED, category="", explanation="")


@pytest.mark.parametrize("answer", ["left", "C. both", "", "a. left"])
def test_an_answer_that_is_no_choice_is_refused(answer: str) -> None:
    with pytest.raises(InputError, match="not one of the choices"):
        Question("Where?", CHOICES, answer)


@pytest.mark.parametrize("answer", ["anything", "", None])
def test_without_choices_any_answer_will_do(answer: str | None) -> None:
    assert Question("Where?", (), answer).answer == answer


def test_choices_become_a_tuple() -> None:
    assert Question("Where?", ["A. left", "B. right"]).choices == CHOICES  # type: ignore[arg-type]


@pytest.mark.parametrize("hidden", [("questions",), ("questions", "findings"), ("questions", "images", "report")])
def test_hiding_takes_the_answer_and_what_explains_it_and_leaves_what_is_asked(hidden: tuple[str, ...]) -> None:
    (left,) = Study("s", questions=(ASKED,)).hide(*hidden).questions
    assert (left.answer, left.explanation) == (None, "")
    for name in ("text", "choices", "family", "id", "made_by", "category"):
        assert getattr(left, name) == getattr(ASKED, name)


def test_hiding_something_else_leaves_the_answer() -> None:
    assert Study("s", questions=(ASKED,)).hide("report").questions == (ASKED,)
