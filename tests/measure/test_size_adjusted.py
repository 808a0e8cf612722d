"""Size taken out of a feature: against statsmodels and scikit-learn, and on draws whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from hilum.core.errors import InputError
from hilum.measure.size_adjusted import matched_auroc, raw_auroc, slope, weighted_logistic


def draws(count: int, *, by_size: float, own: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Outcome, feature and size; the malignant are twice the size, the feature follows size and the outcome itself."""
    rng = np.random.default_rng(seed)
    outcome = rng.random(count) < 0.5
    size = np.exp(0.4 * rng.normal(size=count)) * np.where(outcome, 2.0, 1.0)
    feature = by_size * np.log(size) + own * outcome + rng.normal(size=count)
    return outcome, feature, size


def test_the_raw_auroc_is_scikit_learns() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    outcome, feature, size = draws(300, by_size=1.0, own=0.3)
    assert raw_auroc(outcome, feature, size).value == pytest.approx(metrics.roc_auc_score(outcome, feature))


@pytest.mark.parametrize("adjusted", [True, False])
def test_the_slope_is_statsmodels(adjusted: bool) -> None:
    api = pytest.importorskip("statsmodels.api")
    outcome, feature, size = draws(300, by_size=1.0, own=0.5)
    scaled = (feature - feature.mean()) / feature.std()
    columns = [np.ones(300), scaled, np.log(size)] if adjusted else [np.ones(300), scaled]
    fit = api.Logit(outcome.astype(float), np.column_stack(columns)).fit(disp=0)
    assert slope(outcome, feature, size, adjusted=adjusted).value == pytest.approx(fit.params[1], rel=1e-3)


def test_a_weight_is_how_often_a_row_stands() -> None:
    outcome, feature, size = draws(80, by_size=1.0, own=0.5)
    design = np.column_stack([np.ones(80), feature, np.log(size)])
    times = np.random.default_rng(3).integers(0, 3, 80)
    rows = np.repeat(np.arange(80), times)
    once = weighted_logistic(design[rows], outcome[rows], np.ones((1, len(rows))))
    assert weighted_logistic(design, outcome, times[None].astype(float)) == pytest.approx(once, abs=1e-6)
    one_class = weighted_logistic(design, outcome, outcome[None].astype(float))
    assert np.isnan(one_class).all()


def test_size_alone_fools_the_raw_figure_but_not_those_without_size() -> None:
    outcome, feature, size = draws(4000, by_size=2.0, own=0.0)
    assert raw_auroc(outcome, feature, size).value > 0.75
    assert slope(outcome, feature, size, adjusted=False).value > 0.8
    assert matched_auroc(outcome, feature, size).value == pytest.approx(0.5, abs=0.04)
    assert slope(outcome, feature, size).value == pytest.approx(0.0, abs=0.15)


def test_what_is_more_than_size_survives() -> None:
    outcome, feature, size = draws(4000, by_size=2.0, own=1.0)
    assert matched_auroc(outcome, feature, size).value == pytest.approx(0.76, abs=0.04)  # of two normals one SD apart
    assert slope(outcome, feature, size).value > 0.8


def test_the_interval_of_a_true_null_covers_it() -> None:
    """Patients with several rows: of 40 draws with nothing but size, nearly all intervals hold 0.5 and 0."""
    held = []
    for seed in range(40):
        outcome, feature, size = draws(240, by_size=1.0, own=0.0, seed=seed)
        patients = [f"p{n // 2}" for n in range(240)]
        matched, adjusted = (
            made.interval(patients, replicates=200)
            for made in (matched_auroc(outcome, feature, size), slope(outcome, feature, size))
        )
        held.append((matched.low <= 0.5 <= matched.high, adjusted.low <= 0 <= adjusted.high))
    assert np.mean(held, axis=0).min() >= 0.85


def test_a_caliper_leaves_no_pair_undefined() -> None:
    assert np.isnan(matched_auroc([1, 0], [1.0, 2.0], [1.0, 2.0]).value)
    assert matched_auroc([1, 0, 0], [1.0, 1.0, 2.0], [1.0, 1.0, 1.01]).value == pytest.approx(0.25)


def test_a_constant_feature_has_no_slope_and_perfect_separation_stays_finite() -> None:
    assert np.isnan(slope([1, 0, 1, 0], [1, 1, 1, 1], [1, 2, 3, 4]).value)
    assert np.isfinite(slope([1, 1, 0, 0], [2, 3, 0, 1], [1, 2, 1, 2]).value)


@pytest.mark.parametrize(
    ("outcome", "feature", "size", "said"),
    [
        ([1, 2], [1.0, 2.0], [1.0, 2.0], "0 or 1"),
        ([1, 0], [1.0, np.nan], [1.0, 2.0], "finite"),
        ([1, 0], [1.0, 2.0], [1.0, 0.0], "above 0"),
        ([1, 0], [1.0], [1.0, 2.0], "one length"),
    ],
)
def test_malformed_rows_are_refused(outcome: list[int], feature: list[float], size: list[float], said: str) -> None:
    with pytest.raises(InputError, match=said):
        raw_auroc(outcome, feature, size)
