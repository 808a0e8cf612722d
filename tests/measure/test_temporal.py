"""Temporal F1: Libra's set of words, and changes of findings."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.measure.metric import metric
from hilum.measure.metrics.temporal import LIBRA_WORDS, changes
from hilum.measure.pairs import ReportPairs


def value(name: str, reference: str, answer: str | None) -> float:
    return float(metric(name)(ReportPairs((reference,), (answer,))).values[0])


@pytest.mark.parametrize(
    ("reference", "answer", "expected"),
    [
        ("The effusion is unchanged.", "Unchanged effusion.", 1.0),
        ("No effusion.", "The lungs are clear.", 1.0),  # Libra's convention: nothing on both sides agrees
        ("No effusion.", "Increased effusion.", 0.0),
        ("Increased effusion.", "Effusion.", 0.0),
        ("Increased effusion, stable heart.", "Stable heart.", 2 / 3),
        ("improved improved improved", "improved worse", 2 / 3),  # a set: how often does not count
        ("Renewed", "new", 0.0),  # whole words
    ],
)
def test_word_sets_score_by_hand(reference: str, answer: str, expected: float) -> None:
    assert value("temporal-f1/libra", reference, answer) == pytest.approx(expected)


def test_the_list_is_that_of_the_paper() -> None:
    assert len(LIBRA_WORDS) == 44
    assert {"unfolded", "stably", "removal", "elevation"} <= LIBRA_WORDS
    assert not {"stabilized", "again", "prior"} & LIBRA_WORDS


def test_words_cannot_tell_what_they_are_said_of_but_findings_can() -> None:
    reference = "Increased left effusion. Improved edema."
    turned = "Improved left effusion. Increased edema."
    assert value("temporal-f1/libra", reference, turned) == 1.0
    assert value("temporal-f1/findings", reference, turned) == 0.0
    assert value("temporal-f1/findings", reference, reference) == 1.0


def test_findings_changes_by_hand() -> None:
    pairs = ReportPairs(
        ("Increased left effusion. Improved edema.", "Clear lungs.", "Increased left effusion."),
        ("Increased left effusion.", "Clear lungs.", "Increased right effusion."),
    )
    references, answers = changes(pairs)
    assert references[0] == {("pleural effusion", "left", "worsened"), ("pulmonary edema", "", "improved")}
    assert answers[2] == {("pleural effusion", "right", "worsened")}
    scored = metric("temporal-f1/findings")(pairs)
    assert scored.values[0] == pytest.approx(2 / 3)
    assert math.isnan(scored.values[1])
    assert scored.unscored == {1: "neither report states a change"}
    assert scored.values[2] == 0.0
    assert scored.value == pytest.approx(2 / (2 + 1 + 2))  # over changes: 1 right, 1 false, 2 missed
    assert scored.notes[0]["missed"] == [["pulmonary edema", "", "improved"]]


@pytest.mark.parametrize("name", ["temporal-f1/libra", "temporal-f1/findings"])
def test_no_answer_is_unscored_and_odd_texts_break_nothing(name: str) -> None:
    odd = (None, "", "Stable. " * 5_000, "\x00", "Increased effusion.")
    scored = metric(name)(ReportPairs(("Increased effusion.",) * 5, odd))
    assert scored.unscored[0] == "there is no answer"
    assert scored.values[4] == 1.0
    assert scored.value == pytest.approx(float(scored.at([[1.0] * 5])[0]))


@given(st.lists(st.sampled_from(sorted(LIBRA_WORDS)), max_size=6), st.lists(st.sampled_from(sorted(LIBRA_WORDS))))
def test_the_word_f1_is_symmetric_and_ignores_order(one: list[str], other: list[str]) -> None:
    forward = value("temporal-f1/libra", " ".join(one), " ".join(other))
    assert forward == value("temporal-f1/libra", " ".join(other), " ".join(reversed(one)))
    a, b = set(one), set(other)
    assert forward == pytest.approx(2 * len(a & b) / (len(a) + len(b)) if a | b else 1.0)
