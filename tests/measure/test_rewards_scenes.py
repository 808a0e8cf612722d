"""Judges on the reports that readers learn to write: right is best, and every slip costs what it should."""

from __future__ import annotations

import numpy as np
import pytest

from hilum.core.study import Study
from hilum.measure.metric import metric
from hilum.measure.pairs import ReportPairs
from hilum.measure.rewards import J1, J2, J3, fact_f1, matched_share, repeats, reward, words
from hilum.phantom.scenes import facts_of, scenes, scenes_of


@pytest.fixture(scope="module")
def told() -> list[tuple[Study, str]]:
    made = [(study, study.report.findings if study.report else "") for study in scenes(30, seed=4, size=40)]
    return [each for each in made if each[1]]


def test_a_report_is_right_about_itself_and_reads_as_a_whole(told: list[tuple[Study, str]]) -> None:
    texts = [text for _, text in told]
    assert len(texts) > 40
    for name in (J1, J2, J3):
        assert reward(name)(texts, texts).min() == 1.0
    assert metric("unparsed-sentences")(ReportPairs(tuple(texts), tuple(texts))).value == 0.0
    assert not any(map(repeats, texts))


def test_other_words_for_the_same_facts_are_as_right(told: list[tuple[Study, str]]) -> None:
    """The same facts told of six patients in other wordings: what is there is the same for the exact judge."""
    ill = [study for study, text in told if fact_f1("No acute findings.", text) == 0.0][:4]
    assert len(ill) == 4
    for study in ill:
        texts = [each.report.findings for each in scenes_of(facts_of(study), 6, seed=1, size=40) if each.report]
        values = reward(J1)([texts[0]] * len(texts), texts)
        assert values.min() == 1.0, texts


def test_a_report_of_another_patient_is_worth_less(told: list[tuple[Study, str]]) -> None:
    texts = [text for _, text in told]
    turned = texts[7:] + texts[:7]
    for name in (J1, J2, J3, "green/hilum"):
        own, other = (float(np.nanmean(reward(name)(texts, given))) for given in (texts, turned))
        assert own > other + 0.2, name


def test_an_empty_report_earns_normal_films_only_and_never_by_the_second_judge_more_than_the_truth(
    told: list[tuple[Study, str]],
) -> None:
    texts = [text for _, text in told]
    empty = [""] * len(texts)
    facts, shares = reward(J1)(texts, empty), reward(J2)(texts, empty)
    assert set(facts.tolist()) == {0.0, 1.0}
    assert ((facts == 1.0) == (shares == 1.0)).all()  # nothing is there, and nothing is missed


def test_a_wrong_side_costs_a_finding_of_the_exact_judge(told: list[tuple[Study, str]]) -> None:
    flipped = 0
    for _, text in told:
        if " left " in text and " right " not in text and "resol" not in text.lower():  # a denial has no side
            other = text.replace(" left ", " right ")
            assert fact_f1(text, other) < 1.0
            assert matched_share(text, other) < 1.0
            flipped += 1
    assert flipped >= 3


def test_a_report_said_twice_is_worth_as_much_to_the_exact_judge_and_half_to_the_controlled_one(
    told: list[tuple[Study, str]],
) -> None:
    texts = [text for _, text in told]
    twice = [f"{text} {text}" for text in texts]
    assert reward(J1)(texts, twice).min() == 1.0
    assert reward(J2)(texts, twice).min() == 1.0
    assert reward(J3)(texts, twice) == pytest.approx(np.full(len(texts), 0.5))
    assert [repeats(text) for text in twice] == [len(set(text.split(". "))) for text in texts]
    assert [words(text) for text in twice] == [2 * words(text) for text in texts]


def test_an_error_hidden_among_repeats_still_counts_but_weighs_less(told: list[tuple[Study, str]]) -> None:
    for _, text in told[:20]:
        wrong = "There is a large hiatal hernia."
        values = [matched_share(text, " ".join([text] * times + [wrong])) for times in (1, 2, 4, 8)]
        assert values == sorted(values)
        assert values[0] < 1.0
        assert fact_f1(text, f"{text} {wrong}") < 1.0
