"""DeLong's variance against its definition over all pairs, scikit-learn's area and the bootstrap."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.core.errors import InputError
from hilum.measure.delong import auroc_delong, covariance, paired
from hilum.measure.stats import auroc_interval


def cases(seed: int, count: int = 60) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Truth and two scores with many ties."""
    draw = np.random.default_rng(seed)
    truth = np.arange(count) % 3 == 0
    return truth, np.round(truth + draw.normal(0, 1, count)), np.round(0.5 * truth + draw.normal(0, 1, count))


def naive(truth: np.ndarray, scores: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Structural components over every pair of a positive and a negative."""
    tables = [(s[truth][:, None] > s[~truth]) + 0.5 * (s[truth][:, None] == s[~truth]) for s in scores]
    ones, zeros = np.stack([t.mean(axis=1) for t in tables]), np.stack([t.mean(axis=0) for t in tables])
    areas = np.array([t.mean() for t in tables])
    return areas, np.cov(ones) / truth.sum() + np.cov(zeros) / (~truth).sum()


@given(st.integers(0, 10_000))
@settings(max_examples=30, deadline=None)
def test_midranks_give_what_all_pairs_give(seed: int) -> None:
    sklearn = pytest.importorskip("sklearn.metrics")
    truth, one, two = cases(seed)
    areas, table = covariance(truth, one, two)
    expected, variance = naive(truth, [one, two])
    assert areas == pytest.approx(expected)
    assert table == pytest.approx(variance)
    assert areas[0] == pytest.approx(sklearn.roc_auc_score(truth, one))


def test_the_paired_test_by_its_definition_and_its_direction() -> None:
    truth, one, two = cases(1, 300)
    found = paired(truth, one, two)
    _, table = naive(truth, [one, two])
    assert found.error == pytest.approx(np.sqrt(table[0, 0] + table[1, 1] - 2 * table[0, 1]))
    assert found.z == pytest.approx(found.difference / found.error)
    back = paired(truth, two, one)
    assert back.difference == -found.difference
    assert back.p == pytest.approx(found.p)
    assert 0 < found.p < 0.05


def test_the_same_score_twice_has_no_p() -> None:
    truth, one, _ = cases(2)
    assert np.isnan(paired(truth, one, 2 * one + 1).p)


def test_the_interval_is_the_bootstraps_where_patients_are_cases() -> None:
    truth, one, _ = cases(3, 900)
    closed = auroc_delong(truth, one)
    drawn = auroc_interval(truth, one, [str(n) for n in range(900)], replicates=1000)
    assert (closed.value, closed.low, closed.high) == pytest.approx((drawn.value, drawn.low, drawn.high), abs=0.006)


def test_a_perfect_score_has_no_variance() -> None:
    found = auroc_delong([0, 0, 1, 1], np.array([0.1, 0.2, 0.8, 0.9]))
    assert (found.value, found.low, found.high) == (1, 1, 1)


@pytest.mark.parametrize(
    ("truth", "score", "said"),
    [
        ([0, 1, 1], [0.1, 0.2, 0.3], "2 cases of each class, got 2 and 1"),
        ([0, 1], [0.1], "one length"),
        ([0, 0, 1, 1], [0.1, float("nan"), 0.3, 0.4], "1 scores are NaN"),
        ([], [], "2 cases"),
        ([0, float("nan"), 1, 1], [0.1, 0.2, 0.3, 0.4], "a target is 0 or 1, got nan"),
        ([0, 0, 2, 1], [0.1, 0.2, 0.3, 0.4], "a target is 0 or 1, got 2"),
    ],
)
def test_what_has_no_variance_is_refused(truth: list[int], score: list[float], said: str) -> None:
    with pytest.raises(InputError, match=said):
        covariance(np.array(truth), np.array(score))


def test_two_scores_of_different_length_are_refused_in_a_sentence() -> None:
    with pytest.raises(InputError, match="one length"):
        paired(np.array([0, 0, 1, 1]), np.arange(4.0), np.arange(3.0))


def test_scores_that_do_not_differ_at_all_rarely_come_out_significant() -> None:
    draw = np.random.default_rng(5)
    truth = np.arange(200) % 2 == 0
    p = [paired(truth, truth + draw.normal(0, 2, 200), truth + draw.normal(0, 2, 200)).p for _ in range(400)]
    assert np.mean(np.array(p) < 0.05) == pytest.approx(0.05, abs=0.03)
