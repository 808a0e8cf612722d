"""Accuracy, invalid answers, rotations, free answers and explanations: against counts made by hand."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.core.report import Question
from hilum.core.study import Study
from hilum.measure.calibration import wilson
from hilum.measure.choice.answers import answered, by_item, stated, subsequence, table, token_f1, words
from hilum.measure.metric import metric
from hilum.measure.pairs import Pairs

CHOICES = ("A. left", "B. right", "C. both", "D. neither")
FAMILIES = ("presence", "location", "negation", "differential", "geometry")


def asked(name: str, *questions: Question, patient: str = "") -> Study:
    return Study(name, patient or name, questions=questions)


def ask(id: str, answer: str = "A", family: str = "location", category: str = "side") -> Question:
    return Question("Where?", CHOICES, CHOICES["ABCD".index(answer)], family, id, category=category)


def said(study: Study, answers: Mapping[str, str], why: Mapping[str, str] | None = None) -> Study:
    """The study as a model gives it back: answers hidden, its own after them."""
    own = [
        Question("Where?", (), text, id=name, explanation=(why or {}).get(name, "")) for name, text in answers.items()
    ]
    return study.hide("questions").add(questions=own)


def value(name: str, *pairs: tuple[Study, Study | None]) -> float:
    return metric(name)(Pairs(tuple(one for one, _ in pairs), tuple(two for _, two in pairs))).value


ONE = asked("s1", ask("a", "A"), ask("b", "B"), ask("c", "C"), ask("d", "D"))


@pytest.mark.parametrize(
    ("answers", "right", "invalid"),
    [
        ({"a": "A", "b": "B", "c": "C", "d": "D"}, 1.0, 0.0),
        ({"a": "left", "b": "The answer is B", "c": "(C)", "d": "D. neither"}, 1.0, 0.0),
        ({"a": "A", "b": "A", "c": "A", "d": "A"}, 0.25, 0.0),
        ({"a": "A"}, 0.25, 0.75),
        ({}, 0.0, 1.0),
        ({"a": "who knows", "b": "left or right", "c": "E", "d": "D"}, 0.25, 0.75),
        ({"zz": "A"}, 0.0, 1.0),
    ],
)
def test_silence_and_what_cannot_be_read_are_wrong_and_counted(
    answers: dict[str, str], right: float, invalid: float
) -> None:
    pair = ONE, said(ONE, answers)
    assert value("choice-accuracy", pair) == right
    assert value("choice-invalid", pair) == invalid


def test_the_first_answer_to_a_question_counts() -> None:
    twice = said(ONE, {"a": "B"}).add(questions=[Question("Where?", (), "A", id="a")])
    assert answered(ONE, twice)[0].said == "B"


def test_questions_weigh_the_same_whatever_study_they_are_of() -> None:
    two = asked("s2", ask("a", "A"))
    pairs = (ONE, said(ONE, {"a": "A"})), (two, said(two, {"a": "A"}))
    assert value("choice-accuracy", *pairs) == 2 / 5
    found = metric("choice-accuracy")(Pairs(*(tuple(each) for each in zip(*pairs, strict=True))))
    assert found.values.tolist() == [0.25, 1.0]


def test_a_study_without_an_answer_or_a_question_is_unscored() -> None:
    silent, nothing = (ONE, None), (Study("n"), Study("n"))
    found = metric("choice-accuracy")(
        Pairs((ONE, ONE, Study("n")), (said(ONE, {"a": "A"}), *(p[1] for p in (silent, nothing))))
    )
    assert set(found.unscored) == {1, 2}
    assert found.value == 0.25


@pytest.mark.parametrize("family", FAMILIES)
def test_each_kind_has_its_own_accuracy(family: str) -> None:
    study = asked("s", *(ask(name, "A", name) for name in FAMILIES))
    answer = said(study, {family: "A"})
    assert value(f"choice-accuracy/{family}", (study, answer)) == 1.0
    assert [value(f"choice-accuracy/{other}", (study, answer)) for other in FAMILIES if other != family] == [0.0] * 4
    assert value("choice-accuracy", (study, answer)) == 0.2


def test_remarks_tell_wilson_by_kind_and_category_and_the_rules_that_read() -> None:
    found = metric("choice-accuracy")(Pairs((ONE,), (said(ONE, {"a": "A", "b": "right", "c": "??"}),)))
    about = wilson(2, 4)
    assert f"all {about} of 4, 2 invalid" in found.remarks[0]
    assert any("location / side" in line for line in found.remarks)
    assert "read by letter: 1" in found.remarks
    assert "read by option text: 1" in found.remarks
    assert "read by invalid: 2" in found.remarks


def test_intervals_are_over_patients_so_that_questions_of_one_do_not_vouch_for_each_other() -> None:
    studies = [asked(f"s{at}", *(ask(f"q{n}", "A") for n in range(4)), patient=f"p{at}") for at in range(12)]
    answers = [said(each, {f"q{n}": "A" if at % 2 else "B" for n in range(4)}) for at, each in enumerate(studies)]
    found = metric("choice-accuracy")(Pairs(tuple(studies), tuple(answers)))
    clustered = found.interval([each.patient for each in studies])
    alone = wilson(24, 48)
    assert clustered.value == 0.5
    assert clustered.high - clustered.low > 1.5 * (alone.high - alone.low)


# ---- rotations


def turned(answers: tuple[str, str, str, str]) -> tuple[Study, Study]:
    """One item in four orders, its right option 'left' at A, B, C and D in turn, and letters that were answered."""
    bare = ["left", "right", "both", "neither"]
    questions = []
    for places in range(4):
        order = bare[-places:] + bare[:-places] if places else bare
        choices = tuple(f"{letter}. {text}" for letter, text in zip("ABCD", order, strict=True))
        questions.append(Question("Where?", choices, choices[places], "location", f"q0@{places}"))
    study = asked("s", *questions)
    return study, said(study, {f"q0@{places}": text for places, text in enumerate(answers)})


@pytest.mark.parametrize(
    ("answers", "accuracy", "consistent", "always"),
    [
        (("A", "B", "C", "D"), 1.0, 1.0, 1.0),
        (("B", "C", "D", "A"), 0.0, 1.0, 0.0),
        (("A", "A", "A", "A"), 0.25, 0.0, 0.0),
        (("A", "B", "C", "C"), 0.75, 0.0, 0.0),
        (("?", "?", "?", "?"), 0.0, 0.0, 0.0),
        (("left", "left", "left", "left"), 1.0, 1.0, 1.0),
        (("right", "right", "right", "right"), 0.0, 1.0, 0.0),
    ],
)
def test_another_order_must_not_change_the_answer(
    answers: tuple[str, str, str, str], accuracy: float, consistent: float, always: float
) -> None:
    pair = turned(answers)
    assert value("choice-accuracy", pair) == accuracy
    assert value("choice-consistency", pair) == consistent
    assert value("choice-all-orders", pair) == always


def test_items_asked_in_one_order_say_nothing_of_rotations() -> None:
    assert np.isnan(value("choice-consistency", (ONE, said(ONE, {"a": "A"}))))
    assert np.isnan(value("choice-all-orders", (ONE, said(ONE, {"a": "A"}))))


def test_rotations_of_an_item_stand_together() -> None:
    found = answered(*turned(("A", "B", "C", "D")))
    assert [len(each) for each in by_item(found)] == [4]
    assert [len(each) for each in by_item(answered(ONE, ONE))] == [1, 1, 1, 1]


def test_the_table_counts_all_kinds_and_categories() -> None:
    study = asked("s", ask("a", "A", "presence", "x"), ask("b", "A", "presence", "y"), ask("c", "A", "location", "x"))
    rows = table(answered(study, said(study, {"a": "A", "b": "B"})))
    assert [(row.name, row.right, row.asked, row.invalid) for row in rows] == [
        ("all", 1, 3, 1), ("presence", 1, 2, 0), ("presence / x", 1, 1, 0), ("presence / y", 0, 1, 0),
        ("location", 0, 1, 1), ("location / x", 0, 1, 1),
    ]  # fmt: skip


# ---- free answers


@pytest.mark.parametrize(
    ("reference", "answer", "exact", "f1", "rouge"),
    [
        ("left lung", "left lung", 1, 1, 1),
        ("left lung", "The left lung.", 1, 1, 1),
        ("left lung", "LEFT, LUNG", 1, 1, 1),
        ("left lung", "right lung", 0, 0.5, 0.5),
        ("left lung", "lung left", 0, 1, 0.5),
        ("left lung", "in the left lung", 0, 0.8, 0.8),
        ("left lung", "", 0, 0, 0),
        ("3.5 cm", "3.5 cm", 1, 1, 1),
        ("3.5 cm", "3 5 cm", 0, 2 / 5, 2 / 5),
        ("a b b c", "b b b", 0, 4 / 6, 4 / 6),
        ("yes", "no", 0, 0, 0),
    ],
)
def test_words_are_compared(reference: str, answer: str, exact: float, f1: float, rouge: float) -> None:
    assert stated(reference, answer) == exact
    assert token_f1(reference, answer) == pytest.approx(f1)
    assert subsequence(reference, answer) == pytest.approx(rouge)
    study = Study("s", questions=(Question("Where?", (), reference, id="q"),))
    pair = study, said(study, {"q": answer} if answer else {})
    assert value("answer-exact", pair) == exact
    assert value("answer-token-f1", pair) == pytest.approx(f1)
    assert value("answer-rouge-l", pair) == pytest.approx(rouge)


@given(st.text(max_size=30), st.text(max_size=30))
def test_free_scores_are_symmetric_and_between_0_and_1(one: str, two: str) -> None:
    for compared in (token_f1, subsequence, stated):
        assert compared(one, two) == pytest.approx(compared(two, one))
        assert 0 <= compared(one, two) <= 1
        assert compared(one, one) == 1
    assert subsequence(one, two) <= token_f1(one, two) + 1e-12


def test_articles_and_punctuation_are_no_words() -> None:
    assert words("The lung, a 2.5 cm nodule (an opacity).") == ["lung", "2.5", "cm", "nodule", "opacity"]


def test_closed_questions_take_no_part_in_free_scores() -> None:
    assert np.isnan(value("answer-exact", (ONE, said(ONE, {"a": "A"}))))
    mixed = asked("m", ask("a", "A"), Question("What?", (), "left lung", id="f"))
    answer = said(mixed, {"a": "B", "f": "left lung"})
    assert value("answer-exact", (mixed, answer)) == 1.0
    assert value("choice-accuracy", (mixed, answer)) == 0.0


# ---- explanations


@pytest.mark.parametrize(
    ("given_why", "score"),
    [("it is bright on the left", 1.0), ("bright", 2 / 6), ("nothing of it", 2 / 8), ("", float("nan"))],
)
def test_explanations_are_scored_apart_where_both_explain(given_why: str, score: float) -> None:
    told = Question("Where?", CHOICES, CHOICES[0], id="a", explanation="It is bright on the left.")
    study = Study("s", questions=(told,))
    answer = said(study, {"a": "B"}, {"a": given_why})
    assert value("explanation-token-f1", (study, answer)) == pytest.approx(score, nan_ok=True)
    assert value("choice-accuracy", (study, answer)) == 0.0


def test_hiding_questions_hides_answers_and_explanations() -> None:
    told = Question("Where?", CHOICES, CHOICES[0], id="a", category="side", explanation="It is bright on the left.")
    (hidden,) = Study("s", questions=(told,)).hide("questions").questions
    assert hidden.answer is None
    assert hidden.explanation == ""
    assert (hidden.text, hidden.choices, hidden.category) == (told.text, told.choices, told.category)
