"""Platt scaling against scikit-learn and against made probabilities."""

from __future__ import annotations

import numpy as np
import pytest

from hilum.learn.calibrate import Platt, fit_platt


def drawn(count: int, slope: float, offset: float) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    logit = rng.normal(size=count) * 2
    return logit, rng.random(count) < 1 / (1 + np.exp(-(slope * logit + offset)))


def test_known_parameters_are_recovered() -> None:
    logit, target = drawn(20000, 0.6, -1.0)
    platt = fit_platt(logit, target, fitted_on="made")
    assert platt.slope == pytest.approx(0.6, abs=0.05)
    assert platt.offset == pytest.approx(-1.0, abs=0.06)


def test_agrees_with_logistic_regression() -> None:
    linear = pytest.importorskip("sklearn.linear_model")
    logit, target = drawn(4000, 1.7, 0.4)
    expected = linear.LogisticRegression(C=1e6).fit(logit[:, None], target)
    platt = fit_platt(logit, target, fitted_on="made")
    assert platt.slope == pytest.approx(float(expected.coef_[0, 0]), rel=0.02)
    assert platt.offset == pytest.approx(float(expected.intercept_[0]), abs=0.02)


def test_mean_probability_is_the_prevalence() -> None:
    logit, target = drawn(500, 1.0, 2.0)
    platt = fit_platt(logit, target, fitted_on="made")
    assert float(platt(logit).mean()) == pytest.approx(float(target.mean()), abs=0.01)


def test_order_is_never_reversed_even_for_a_misleading_logit() -> None:
    logit, target = drawn(500, 1.0, 0.0)
    platt = fit_platt(-logit, target, fitted_on="made")
    assert platt.slope > 0


def test_separable_films_do_not_reach_certainty() -> None:
    logit = np.array([-3.0, -2.0, 2.0, 3.0])
    probability = fit_platt(logit, logit > 0, fitted_on="made")(logit)
    assert probability.min() > 0
    assert probability.max() < 1


def test_one_class_is_refused() -> None:
    with pytest.raises(ValueError, match="with and without"):
        fit_platt(np.zeros(3), np.zeros(3), fitted_on="made")


def test_the_id_names_the_fit() -> None:
    first = Platt(1.0, 0.0, "here", 10, 5)
    assert first.id == Platt(1.0, 0.0, "here", 10, 5).id
    assert first.id != Platt(1.0, 0.1, "here", 10, 5).id
    assert first.id.startswith("platt-")


def test_extreme_logits_are_finite() -> None:
    assert np.isfinite(Platt(2.0, 0.0)(np.array([-1e9, 1e9]))).all()
