"""A writing reader asked with options: what it is shown, and that both ways of scoring agree once it has learned."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from hilum.core.errors import InputError, RefusedError
from hilum.core.report import Question
from tests.learn.choice.made import CORNERS, corner_study, eyes

pytest.importorskip("torch", reason="readers are torch's (extra 'train')")
pytest.importorskip("transformers", reason="readers are transformers' (extra 'language')")

from hilum.learn.choice.written import Writing, choice_sample, said_of
from hilum.learn.reader.preset import Preset
from hilum.learn.reader.train import Size, small_spec, train_reader

PRESET = Preset("choice", frontal=False, tasks=("choice",), longest=12)


@cache
def trained(steps: int = 60) -> Any:
    """A reader of sixteen films that are all bright in the same corner: it learns to say so, whatever the order."""
    samples = [choice_sample(study, question, PRESET) for study in map(corner_study, range(0, 64, 4))
               for question in study.questions[:2]]  # fmt: skip
    return train_reader(samples, PRESET, features=eyes(), fit_spec=small_spec(steps, rate=1e-2), seed=0,
                        size=Size(width=32, depth=1, heads=2))  # fmt: skip


def test_options_stand_in_the_question_in_their_order() -> None:
    study = corner_study(0)
    one, two = (choice_sample(study, question, PRESET) for question in study.questions[:2])
    assert one.turns[0].question.endswith("(A) lower right (B) lower left (C) upper right (D) upper left")
    assert two.turns[0].question.endswith("(A) upper left (B) lower right (C) lower left (D) upper right")
    assert one.target == two.target == "upper left"
    assert set(one.options) == set(CORNERS)


def test_a_hidden_answer_is_left_open_and_a_blind_sample_shows_nothing() -> None:
    hidden = corner_study(0).hide("questions")
    sample = choice_sample(hidden, hidden.questions[0], PRESET, blind=True)
    assert sample.target == ""
    assert sample.shown == ()
    assert len(choice_sample(hidden, hidden.questions[0], PRESET).shown) == 1


def test_a_question_without_choices_is_refused() -> None:
    study = corner_study(0)
    with pytest.raises(InputError, match="has no choices"):
        choice_sample(study, study.questions[2], PRESET)


def test_a_study_without_the_film_that_the_preset_needs_is_refused() -> None:
    study = corner_study(0, views="LL")
    with pytest.raises(RefusedError, match="frontal"):
        choice_sample(study, study.questions[0], PRESET.changed(frontal=True))


def test_nothing_asked_nothing_said() -> None:
    assert said_of(None, []) == []  # type: ignore[arg-type]


@pytest.mark.slow
def test_writing_and_likelihood_agree_on_what_was_learned() -> None:
    samples = [
        choice_sample(study, each, PRESET) for study in map(corner_study, range(8)) for each in study.questions[:2]
    ]
    said = said_of(trained(), samples)
    wanted = [sample.options.index("upper left") for sample in samples]
    assert [each.likeliest for each in said] == wanted
    assert [each.parsed for each in said] == wanted
    assert {each.text.lower().rstrip(".") for each in said} == {"upper left"}


@pytest.mark.slow
@pytest.mark.parametrize("by", ["writing", "likelihood"])
def test_as_a_model_it_answers_every_question_with_choices(by: str) -> None:
    study = corner_study(1)
    answer = Writing(trained(), by=by)(study.hide("questions"))  # type: ignore[arg-type]
    own = answer.questions[len(study.questions) :]
    assert [each.id for each in own] == ["q0@0", "q0@1"]
    assert all(isinstance(each, Question) and each.answer for each in own)
    if by == "likelihood":
        assert all(each.answer in asked.choices for each, asked in zip(own, study.questions, strict=False))


def test_a_blind_one_needs_no_film() -> None:
    assert Writing(None, blind=True).needs == ()  # type: ignore[arg-type]
    assert Writing(None).needs == ("images",)  # type: ignore[arg-type]
