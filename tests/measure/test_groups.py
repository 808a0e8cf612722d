"""Odds ratios, tests and regressions against hand-made tables, scipy and statsmodels; inputs that cannot be fitted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from hilum.core.errors import InputError
from hilum.measure import groups
from hilum.measure.delong import auroc_delong
from hilum.measure.groups import Table
from hilum.measure.stats import clustered_interval

counts = st.integers(1, 200)


def test_a_table_by_hand() -> None:
    table = groups.two_by_two([1, 1, 1, 0, 0, 0], [1, 1, 0, 1, 0, 0])
    assert table == Table(2, 1, 1, 2)
    found = groups.odds_ratio(table)
    assert found.ratio.value == 4
    assert not found.haldane
    reach = 1.959964 * np.sqrt(0.5 + 1 + 1 + 0.5)
    assert (found.ratio.low, found.ratio.high) == pytest.approx((4 * np.exp(-reach), 4 * np.exp(reach)), rel=1e-6)
    assert groups.chi_squared(table).statistic == pytest.approx(6 * 9 / 81)


@given(counts, counts, counts, counts)
def test_tests_are_scipys(a: int, b: int, c: int, d: int) -> None:
    cells, table = [[a, b], [c, d]], Table(a, b, c, d)
    for yates in (False, True):
        expected = stats.chi2_contingency(cells, correction=yates)
        assert groups.chi_squared(table, yates=yates) == pytest.approx((expected.statistic, expected.pvalue), abs=1e-9)
    interval = stats.contingency.odds_ratio(cells, kind="sample").confidence_interval(0.95)
    found = groups.odds_ratio(table).ratio
    assert (found.value, found.low, found.high) == pytest.approx((a * d / (b * c), interval.low, interval.high))
    assert groups.fisher(table).p == pytest.approx(stats.fisher_exact(cells)[1])


def test_a_cell_of_zero_is_corrected_and_flagged() -> None:
    found = groups.odds_ratio(Table(5, 0, 3, 7))
    assert found.haldane
    assert found.ratio.value == pytest.approx(5.5 * 7.5 / (0.5 * 3.5))


def several(seed: int = 0, patients: int = 150) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[str]]:
    """Size drives the outcome, distance only follows size; patients give 1 to 4 rows with an effect of their own."""
    draw = np.random.default_rng(seed)
    owner = np.repeat(np.arange(patients), draw.integers(1, 5, patients))
    size = draw.normal(8, 2, len(owner))
    distance = 20 - size + draw.normal(0, 2, len(owner))
    logit = 0.8 * (size - 8) + draw.normal(0, 1, patients)[owner]
    return size, distance, draw.random(len(owner)) < 1 / (1 + np.exp(-logit)), [f"p{n}" for n in owner]


def test_a_regression_is_statsmodels_with_errors_by_patient() -> None:
    sm = pytest.importorskip("statsmodels.api")
    size, distance, outcome, patients = several()
    found = groups.logistic({"size": size, "distance": distance}, outcome, patients)
    codes = np.unique(patients, return_inverse=True)[1]
    fit = sm.GLM(
        outcome.astype(float), sm.add_constant(np.column_stack([size, distance])), family=sm.families.Binomial()
    ).fit(cov_type="cluster", cov_kwds={"groups": codes})
    bounds = np.exp(fit.conf_int())
    for number, effect in enumerate(found, 1):
        assert effect.odds.value == pytest.approx(np.exp(fit.params[number]), rel=1e-5)
        assert (effect.odds.low, effect.odds.high) == pytest.approx(tuple(bounds[number]), rel=2e-3)
        assert effect.p == pytest.approx(fit.pvalues[number], rel=0.05, abs=1e-6)


def test_adjusting_takes_away_what_a_confounder_lent() -> None:
    pytest.importorskip("statsmodels")
    size, distance, outcome, patients = several(1)
    alone = groups.logistic({"distance": distance}, outcome, patients)[0]
    beside = groups.logistic({"distance": distance, "size": size}, outcome, patients)[0]
    assert alone.odds.high < 1
    assert alone.p < 0.01
    assert beside.odds.low < 1 < beside.odds.high


def test_the_univariate_odds_of_a_binary_feature_are_those_of_its_table() -> None:
    pytest.importorskip("statsmodels")
    draw = np.random.default_rng(3)
    exposed = draw.random(400) < 0.4
    outcome = draw.random(400) < np.where(exposed, 0.6, 0.3)
    effect = groups.logistic({"exposed": exposed}, outcome, [str(n) for n in range(400)])[0]
    table = groups.odds_ratio(groups.two_by_two(exposed, outcome)).ratio
    assert effect.odds.value == pytest.approx(table.value, rel=1e-5)
    assert effect.odds.low == pytest.approx(table.low, rel=0.01)


def test_ranks_and_roc_agree() -> None:
    size, _, outcome, patients = several(2)
    found = groups.mann_whitney(size, outcome)
    expected = stats.mannwhitneyu(size[outcome], size[~outcome])
    assert found == pytest.approx((expected.statistic, expected.pvalue))
    area = groups.roc(size, outcome, patients, replicates=200)
    assert area.value == pytest.approx(found.statistic / (outcome.sum() * (~outcome).sum()))
    assert area.low < area.value < area.high


def test_a_clustered_mean_is_least_squares_with_errors_by_patient() -> None:
    sm = pytest.importorskip("statsmodels.api")
    size, _, _, patients = several(4)
    codes = np.unique(patients, return_inverse=True)[1]
    fit = sm.OLS(size, np.ones(len(size))).fit(
        cov_type="cluster", cov_kwds={"groups": codes, "df_correction": True}, use_t=True
    )
    found = clustered_interval(size, patients)
    assert found.value == pytest.approx(size.mean())
    assert (found.low, found.high) == pytest.approx(tuple(fit.conf_int()[0]), rel=1e-3)
    assert np.isnan(clustered_interval(size[:2], ["a", "a"]).low)
    with pytest.raises(InputError, match="finite"):
        clustered_interval(np.array([np.nan]), ["a"])


HALF = np.array([0, 1] * 20)
ROW = np.arange(40.0)
MANY = [str(n) for n in range(40)]


@pytest.mark.parametrize(
    ("features", "outcome", "patients", "said"),
    [
        ({}, HALF, MANY, "at least one feature"),
        ({"size": np.full(40, 3.0)}, HALF, MANY, "'size' is 3 in all 40 rows"),
        ({"size": np.where(ROW == 7, np.nan, ROW)}, HALF, MANY, "'size' has 1 of 40 values that are NaN"),
        ({"size": ROW[:5]}, HALF, MANY, "give one value for each"),
        ({"size": ROW, "twice": 2 * ROW + 1}, HALF, MANY, "made of the others"),
        ({"size": ROW}, ROW > 19, MANY, "separate the outcome perfectly"),
        ({"size": ROW, "side": ROW % 3}, HALF, ["a", "b"] * 20, "more than 3 patients"),
        ({"size": ROW}, np.ones(40), MANY, "one class"),
        ({"size": ROW}, HALF * 2, MANY, "only 0 and 1"),
        ({"size": ROW}, HALF, MANY[:3], "40 outcomes but 3 patients"),
    ],
)
def test_what_cannot_be_fitted_is_refused(features, outcome, patients, said) -> None:
    with pytest.raises(InputError, match=said):
        groups.logistic(features, outcome, patients)


def test_two_features_that_separate_only_together_are_seen() -> None:
    draw = np.random.default_rng(5)
    one, two = draw.normal(size=60), draw.normal(size=60)
    with pytest.raises(InputError, match="separate"):
        groups.logistic({"one": one, "two": two}, one + two > 0, [str(n) for n in range(60)])


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (Table(0, 0, 3, 4), "no row is exposed"), (Table(3, 0, 4, 0), "no row is without the outcome"),
        (Table(0, 0, 0, 0), "not all 0"), (Table(-1, 2, 3, 4), "0 or more"),
    ],
)  # fmt: skip
def test_tables_without_two_groups_are_refused(table: Table, said: str) -> None:
    with pytest.raises(InputError, match=said):
        groups.chi_squared(table)
    with pytest.raises(InputError, match=said):
        groups.odds_ratio(table)


def test_lists_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InputError, match="one for each row"):
        groups.two_by_two([1, 0], [1])
    with pytest.raises(InputError, match="at least one value"):
        groups.two_by_two([], [])
    with pytest.raises(InputError, match="one class"):
        groups.mann_whitney([1.0, 2.0], [1, 1])
    with pytest.raises(InputError, match="must hold numbers"):
        groups.two_by_two(["yes", "no"], [1, 0])
    with pytest.raises(InputError, match="must hold numbers"):
        groups.mann_whitney(["far", "near"], [1, 0])
    with pytest.raises(InputError, match="whole counts"):
        groups.fisher((2.5, 1, 1, 1))


def test_where_each_row_is_its_own_patient_the_interval_is_delongs() -> None:
    size, _, outcome, _ = several(6)
    found = groups.roc(size, outcome)
    assert found == auroc_delong(outcome, size)
    drawn = groups.roc(size, outcome, [str(n) for n in range(len(size))])
    assert (found.low, found.high) == pytest.approx((drawn.low, drawn.high), abs=0.015)
