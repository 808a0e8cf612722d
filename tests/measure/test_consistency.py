"""CON and R-CON against a loop over all pairs, and by hand."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from hilum.measure.facts import stated_in
from hilum.measure.invented import invented_reports
from hilum.measure.metric import metric
from hilum.measure.metrics.consistency import SHARED_ATTRIBUTES, SHARED_FINDINGS, attributes
from hilum.measure.pairs import ReportPairs
from hilum.text.parse import parse

Sets = list[frozenset[tuple[str, str]]]


def of(text: str) -> frozenset[tuple[str, str]]:
    return attributes(stated_in(parse(text)))


def overlap(a: frozenset[object], b: frozenset[object]) -> float:
    return len(a & b) / min(len(a), len(b)) if a and b else 0.0


def jaccard(a: frozenset[object], b: frozenset[object]) -> float:
    return len(a & b) / len(a | b) if a and b else 0.0


def by_loop(references: Sets, answers: Sets, like: Callable[..., float]) -> tuple[list[float], list[float]]:
    con, r_con = [], []
    for i, one in enumerate(references):
        heads = frozenset(c for c, word in one if not word)
        likes = [
            like(answers[i], answers[j])
            for j, other in enumerate(references)
            if j != i
            and overlap(heads, frozenset(c for c, word in other if not word)) >= SHARED_FINDINGS
            and overlap(one, other) >= SHARED_ATTRIBUTES
        ]
        con.append(float(np.mean(likes)) if likes else math.nan)
        r_con.append(con[-1] * like(one, answers[i]))
    return con, r_con


@pytest.mark.parametrize(("suffix", "like"), [("", overlap), ("/jaccard", jaccard)])
def test_the_matrices_equal_a_loop_over_all_pairs(suffix: str, like: Callable[..., float]) -> None:
    references = invented_reports(60, seed=3) * 2
    answers = invented_reports(120, seed=4)
    pairs = ReportPairs(references, answers)
    con, r_con = by_loop([of(t) for t in references], [of(t) for t in answers], like)
    np.testing.assert_allclose(metric(f"consistency/con{suffix}")(pairs).values, con, atol=1e-9)
    np.testing.assert_allclose(metric(f"consistency/r-con{suffix}")(pairs).values, r_con, atol=1e-9)
    assert np.isfinite(con).sum() > 60


def test_attributes_by_hand() -> None:
    assert of("Small left pleural effusion, increased. No pneumothorax.") == {
        ("pleural effusion", ""), ("pleural effusion", "left"), ("pleural effusion", "grade 1"),
        ("pleural effusion", "worsened"),
    }  # fmt: skip
    assert of("No pneumothorax. The heart is normal.") == frozenset()


def test_short_answers_are_favoured_by_overlap_and_not_by_jaccard() -> None:
    reference = "Small left pleural effusion. Mild cardiomegaly. Mild pulmonary edema."
    short, long = "Pleural effusion.", "Small left pleural effusion. Mild cardiomegaly."
    pairs = ReportPairs((reference, reference), (short, long))
    assert metric("consistency/con")(pairs).value == 1.0
    assert metric("consistency/r-con")(pairs).value == 1.0
    assert metric("consistency/con/jaccard")(pairs).value == pytest.approx(1 / 5)


def test_same_answers_are_consistent_and_only_right_ones_count_in_r_con() -> None:
    references = ("Small left effusion.", "Small left effusion.", "Large right mass.")
    pairs = ReportPairs(references, ("Cardiomegaly.", "Cardiomegaly.", "Cardiomegaly."))
    con, weighed = metric("consistency/con")(pairs), metric("consistency/r-con")(pairs)
    assert con.values[:2].tolist() == [1.0, 1.0]
    assert weighed.values[:2].tolist() == [0.0, 0.0]
    assert con.unscored == {2: "no other reference is equivalent"}
    assert [note["equivalents"] for note in con.notes] == [1, 1, 0]


def test_missing_answers_are_no_partners() -> None:
    pairs = ReportPairs(("Left effusion.",) * 3, ("Left effusion.", None, "Left effusion."))
    scored = metric("consistency/con")(pairs)
    assert scored.values[0] == scored.values[2] == 1.0
    assert scored.unscored == {1: "there is no answer"}


def test_normal_references_have_no_equivalent_and_an_empty_set_of_answers_is_undefined() -> None:
    pairs = ReportPairs(("No effusion.", "No effusion."), ("", "Effusion. " * 3_000))
    assert math.isnan(metric("consistency/con")(pairs).value)


def test_the_value_under_weights_is_the_weighted_mean() -> None:
    references = invented_reports(30, seed=3) * 2
    scored = metric("consistency/con/jaccard")(ReportPairs(references, invented_reports(60, seed=9)))
    weights = np.random.default_rng(0).integers(0, 3, (5, 60)).astype(float)
    there = np.isfinite(scored.values)
    expected = [np.average(scored.values[there], weights=row[there]) for row in weights]
    np.testing.assert_allclose(scored.at(weights), expected)
