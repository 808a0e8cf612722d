"""Sentences that the reader does not understand, and how long an answer is."""

from __future__ import annotations

import math

import pytest

from hilum.measure.invented import invented_reports
from hilum.measure.metric import metric
from hilum.measure.pairs import ReportPairs


def scored_of(*answers: str | None):
    return metric("unparsed-sentences")(ReportPairs(("No effusion.",) * len(answers), answers))


def test_shares_by_hand() -> None:
    scored = scored_of(
        "No effusion. The quick brown fox jumps.", "1. No effusion. 2. Normal chest.", "Lorem ipsum dolor.", "", None
    )
    assert scored.values[:3].tolist() == [0.5, 0.0, 1.0]
    assert scored.unscored == {3: "the answer has no sentence", 4: "there is no answer"}
    assert scored.value == pytest.approx(2 / 5)  # over sentences
    assert scored.notes[0]["sentences"] == ["The quick brown fox jumps."]
    assert scored.better == "lower"


def test_reports_of_our_own_bank_are_read_nearly_whole() -> None:
    assert scored_of(*invented_reports(50, seed=1)).value < 0.1


def test_a_technique_section_is_not_counted() -> None:
    told = {"technique": "Two views of the chest were obtained.", "findings": "No effusion."}
    assert scored_of(told).value == 0.0  # type: ignore[arg-type]


def length(*pairs: tuple[str, str | None]):
    return metric("length-ratio")(ReportPairs(tuple(r for r, _ in pairs), tuple(a for _, a in pairs)))


def test_lengths_by_hand() -> None:
    scored = length(("No effusion.", "There is no effusion."), ("a b", "a b"), ("", "a"), ("a b", ""), ("a b", None))
    assert scored.values[:2].tolist() == [2.0, 1.0]
    assert scored.values[3] == 0.0
    assert math.isnan(scored.values[2])
    assert math.isnan(scored.values[4])
    assert set(scored.unscored) == {2, 4}
    assert scored.value == pytest.approx((4 + 2) / (2 + 2 + 2))  # words over words; no reference, no part


def test_being_as_long_is_the_ideal_and_both_ways_from_it_are_told() -> None:
    from hilum.core.registry import register

    assert register.find("metric", "length-ratio").facts["ideal"] == 1.0
    assert length(("a b", "a b c d")).value == 1 / length(("a b c d", "a b")).value


def test_agreement_of_lengths_costs_both_ways() -> None:
    told = ReportPairs(("a b", "a b c d", "a b", "", "a b", "a"), ("a b c d", "a b", "", "a", None, "b"))
    scored = metric("length-agreement")(told)
    assert scored.values[[0, 1, 2, 5]].tolist() == [0.5, 0.5, 0.0, 1.0]
    assert scored.unscored == {3: "the reference is empty", 4: "there is no answer"}
    assert scored.value == 0.5
    assert scored.notes[0] == {"answer": 4, "reference": 2}
