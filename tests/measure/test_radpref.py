"""The agreement figures of benchmarks/radpref.py: against scipy, by hand, and on the data where it is."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kendalltau, spearmanr

from hilum.measure.metric import metric

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def bench():
    spec = importlib.util.spec_from_file_location("radpref", ROOT / "benchmarks" / "radpref.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["radpref"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    yield module
    del sys.modules["radpref"]


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), ties=st.booleans())
def test_weighted_rank_correlations_are_scipys_of_the_repeated_rows(bench, seed, ties):
    draw = np.random.default_rng(seed)
    one, other = draw.normal(size=(2, 14))
    if ties:
        one, other = np.round(one), np.round(other)
    weights = draw.integers(0, 3, size=(4, 14)).astype(float)
    for drawn, tau, rho in zip(
        weights, bench.kendall(one, other, weights), bench.spearman(one, other, weights), strict=True
    ):
        rows = np.repeat(np.arange(14), drawn.astype(int))
        expected = kendalltau(one[rows], other[rows]).statistic
        assert tau == pytest.approx(expected, nan_ok=True)
        if np.ptp(one[rows]) and np.ptp(other[rows]):
            assert rho == pytest.approx(spearmanr(one[rows], other[rows]).statistic)


def test_what_has_no_value_takes_no_part(bench):
    one, other = np.array([1.0, 2.0, np.nan, 3.0]), np.array([1.0, 3.0, -9.0, 2.0])
    every = np.ones((1, 4))
    there = [0, 1, 3]
    assert bench.kendall(one, other, every)[0] == pytest.approx(kendalltau(one[there], other[there]).statistic)
    assert bench.spearman(one, other, every)[0] == pytest.approx(spearmanr(one[there], other[there]).statistic)


def test_a_constant_has_no_rank_correlation(bench):
    every = np.ones((1, 3))
    assert np.isnan(bench.kendall(np.ones(3), np.arange(3.0), every)[0])
    assert np.isnan(bench.spearman(np.ones(3), np.arange(3.0), every)[0])


def test_preference_by_hand(bench):
    rating = np.array([5.0, 1.0, 3.0, 2.0, 1.0, 5.0, 3.0, 4.0])  # cases: first, second, tie, second
    value = np.array([0.9, 0.2, 0.1, 0.5, 0.1, 0.1, 0.9, 0.5])  # right, wrong, not asked, tie
    every = np.ones((1, 8))
    assert bench.preference(value, rating, every)[0] == pytest.approx((1 + 0 + 0.5) / 3)
    twice = np.tile([[2.0, 0.0, 1.0, 1.0]], (1, 2))
    assert bench.preference(value, rating, twice)[0] == pytest.approx((2 * 1 + 0.5) / 3)


def test_paired_is_scipys_tau_of_the_differences(bench):
    value, rating = np.random.default_rng(3).normal(size=(2, 20))
    expected = kendalltau(value[:10] - value[10:], rating[:10] - rating[10:]).statistic
    assert bench.paired(value, rating, np.ones((1, 20)))[0] == pytest.approx(expected)


def test_significant_errors_are_those_that_call_for_action(bench):
    mark = {
        "finding_errors": {
            "0": {"error_type": "false", "clinical_significance": "urgent"},
            "1": {"error_type": "false", "clinical_significance": "benign_expected"},
            "2": {"error_type": "attribute", "attributes": {"location": "significant"}},
            "3": {"error_type": "attribute", "attributes": {"severity": "negligible"}},
        },
        "missing_findings": {"0": {"clinical_significance": "actionable_not_urgent"}},
    }
    assert bench._significant(mark) == 3


def made(folder: Path, cases: int = 12) -> None:
    """Files like the data's, in which the rating is the share of words kept."""
    draw = np.random.default_rng(0)
    told, marks = [], [{"annotations": {}} for _ in range(3)]
    for number in range(cases):
        kept = draw.permutation([2, 8])
        report = " ".join(f"word{n}" for n in range(10))
        answers = [" ".join(report.split()[:share]) for share in kept]
        told.append({"id": str(number), "ground_truth_report": report, "C1_report": answers[0], "C2_report": answers[1],
                     "C1_source": "gpt", "C2_source": "medgemma"})  # fmt: skip
        for reader in marks:
            reader["annotations"][str(number)] = {
                which: {"rating": 1 if share == 2 else 5, "finding_errors": {},
                        "missing_findings": {str(n): {"clinical_significance": "urgent"} for n in range(10 - share)}}
                for which, share in zip(("C1", "C2"), kept, strict=True)
            }  # fmt: skip
    (folder / "radpref.json").write_text(json.dumps(told), encoding="utf-8")
    for number, reader in enumerate(marks, 1):
        (folder / f"radpref_user_{number}.json").write_text(json.dumps(reader), encoding="utf-8")


def test_the_whole_outcome_on_made_data(bench, tmp_path):
    made(tmp_path)
    data = bench.load(tmp_path)
    outcome = bench.measure(data, [metric("length-ratio")], replicates=40)
    rows = {row["name"]: row for row in outcome["rows"]}
    assert rows["ceiling: a reader against the two others"]["kendall"][0] == pytest.approx(1.0)
    assert rows["length-ratio"]["kendall"] == [-1.0, -1.0, -1.0], "lower is better there, and longer is rated better"
    assert rows["floor: nearness of length"]["preference"][0] == 1.0
    assert rows["floor: brevity"]["errors"][0] == pytest.approx(-1.0)
    assert rows["floor: written by the GPT model"]["over_source"] == [0.0, 0.0, 0.0]
    low, high = rows["floor: chance"]["kendall"][1:]
    assert low < 0 < high
    assert outcome["cases"] == 12
    page = bench.page(outcome)
    assert "`length-ratio`" in page
    assert "word1" not in page
    assert len(bench.lines(outcome)) == 1 + len(outcome["rows"])


def test_the_readers_agree_on_the_data_and_length_does_not(bench, pack):
    if not (pack / "text" / "radpref.json").is_file():
        pytest.skip("RadPref is not in the development data")
    data = bench.load(pack / "text")
    assert data.ratings.shape == (3, 120)
    assert set(np.unique(data.ratings)) == {1.0, 2.0, 3.0, 4.0, 5.0}
    assert int(data.by_gpt.sum()) == 60
    outcome = bench.measure(data, [metric("length-ratio")], replicates=60)
    rows = {row["name"]: row for row in outcome["rows"]}
    assert rows["ceiling: a reader against the two others"]["kendall"][1] > rows["length-ratio"]["kendall"][2]
    page = (ROOT / "docs" / "metrics-radpref.md").read_text(encoding="utf-8")
    value = f"{rows['ceiling: a reader against the two others']['kendall'][0]:.2f}"
    assert f"| {value} [" in page
