"""What a person asks for becomes plans, or a sentence that says what was not understood."""

from __future__ import annotations

from itertools import product

import pytest

from hilum.core.errors import InputError
from hilum.phantom.illness import catalogue
from hilum.phantom.quantities import severity_for, word_for
from hilum.phantom.visits import plans_from_text

from .stories import placed


def told(text: str) -> list[tuple[str, str, str]]:
    return [(plan.concept, plan.side, plan.site) for plan in plans_from_text(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("moderate left pleural effusion, cardiomegaly", [("pleural effusion", "left", ""), ("cardiomegaly", "", "")]),
        ("right upper lobe consolidation", [("consolidation", "right", "upper")]),
        ("pneumonia in the lingula", [("consolidation", "left", "lingula")]),
        ("retrocardiac consolidation", [("consolidation", "left", "retrocardiac")]),
        ("bilateral pleural effusions", [("pleural effusion", "both", "")]),
        ("pulmonary edema", [("pulmonary edema", "both", "")]),
        ("small right pneumothorax with chest tube", [("pneumothorax", "right", ""), ("chest tube", "", "")]),
        ("PICC and pacemaker", [("peripherally inserted central catheter", "", ""), ("pacemaker", "", "")]),
        ("old healed rib fracture on the left", [("healed rib fracture", "left", "")]),
        ("No pneumothorax. Hiatal hernia.", [("hiatal hernia", "", "")]),
        ("two nodules in the left lung", [("lung nodule", "left", "")] * 2),
        ("no effusion", []),
        ("", []),
        ("  ", []),
    ],
)
def test_a_sentence_becomes_plans(text: str, expected: list[tuple[str, str, str]]) -> None:
    assert told(text) == expected


def test_every_plan_can_be_placed_and_has_its_own_key() -> None:
    for name, side in product(catalogue(), ("right", "left")):
        if name in ("foreign body", "sternotomy"):
            continue
        text = f"{side} {name}" if "right" in catalogue()[name].sides else name
        plans = plans_from_text(f"{text}, pacemaker")
        assert {plan.concept for plan in plans} == {name, "pacemaker"}, text
        assert len({plan.key for plan in plans}) == len(plans)
        for plan in plans:
            catalogue()[plan.concept].check(plan)
        if "right" in catalogue()[name].sides:
            assert next(plan.side for plan in plans if plan.concept == name) == side


@pytest.mark.parametrize("name", ["pleural effusion", "pneumothorax", "cardiomegaly"])
@pytest.mark.parametrize("word", ["mild", "moderate", "severe"])
def test_a_grade_that_is_asked_for_is_the_grade_that_is_measured(name: str, word: str) -> None:
    (plan,) = plans_from_text(f"{word} {name}")
    assert word_for(placed(plan)) == word


@pytest.mark.parametrize(
    ("word", "grade"), [("small", "mild"), ("large", "severe"), ("tiny", "minimal"), ("trace", "minimal")]
)
def test_words_of_size_are_grades(word: str, grade: str) -> None:
    assert plans_from_text(f"{word} left effusion")[0].severity == severity_for("pleural effusion", grade)


@pytest.mark.parametrize(("text", "millimetres"), [("8 mm nodule", 8.0), ("2 cm nodule", 20.0), ("30 mm nodule", 30.0)])
def test_a_size_is_the_size(text: str, millimetres: float) -> None:
    (plan,) = plans_from_text(f"{text} in the right upper lobe")
    assert 4.0 + 26.0 * plan.severity == pytest.approx(millimetres)
    assert (plan.side, plan.site) == ("right", "upper")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("mild flurb effusion", "'flurb'"),
        ("effusion and gobbledygook", "'gobbledygook'"),
        ("hello", "'hello'"),
        ("scoliosis", "'scoliosis' cannot be drawn"),
        ("possible pneumothorax", "said to be possible"),
        ("effusion, unicorn, dragon", "'unicorn', 'dragon'"),
    ],
)
def test_what_is_not_understood_is_named(text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        plans_from_text(text)


def test_a_refusal_says_what_can_be_drawn() -> None:
    with pytest.raises(InputError, match="pneumothorax"):
        plans_from_text("hello")


def test_the_same_words_give_the_same_plans() -> None:
    text = "large right effusion, 12 mm nodule in the left upper lobe"
    assert plans_from_text(text) == plans_from_text(text)
