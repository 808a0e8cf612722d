"""A linear layer on features: against sklearn's logistic regression, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")
from sklearn.linear_model import LogisticRegression

from hilum.core.errors import InputError
from hilum.learn.probe import features, probe
from hilum.nets.vision import Lite0


def data(count: int = 80) -> tuple[np.ndarray, np.ndarray]:
    """Return features of which one tells, and the truth."""
    rng = np.random.default_rng(0)
    found = rng.normal(3, 2, (count, 6))
    return found, found[:, 2] + rng.normal(0, 1, count) > 3


def test_it_is_logistic_regression_with_a_penalty() -> None:
    found, truth = data()
    weight = 0.02
    scaled = (found - found.mean(axis=0)) / (found.std(axis=0) + 1e-3) / np.sqrt(6)
    # sklearn minimises C * sum of losses + w^2 / 2; ours is their mean + weight * w^2
    other = LogisticRegression(C=1 / (2 * weight * len(found)), tol=1e-10, max_iter=1000).fit(scaled, truth)
    assert probe(found, truth, weight=weight)(found) == pytest.approx(other.decision_function(scaled), abs=1e-3)


def test_a_heavier_penalty_draws_scores_together() -> None:
    found, truth = data()
    spread = [float(np.std(probe(found, truth, weight=weight)(found))) for weight in (1e-4, 1e-2, 1.0)]
    assert spread[0] > spread[1] > spread[2] > 0


def test_films_of_one_kind_teach_nothing() -> None:
    found, truth = data(10)
    for wrong in (np.zeros(10), np.ones(10), truth[:5]):
        with pytest.raises(InputError, match="both kinds"):
            probe(found, wrong, weight=0.1)


def test_features_are_means_that_do_not_hang_on_the_batch() -> None:
    films = np.random.default_rng(1).random((5, 64, 64)).astype(np.float32)
    whole = features(Lite0(), films)
    assert whole.shape == (5, 112 + 320 + 1280)
    net = Lite0()
    assert features(net, films, batch=2) == pytest.approx(features(net, films, batch=5), abs=1e-4)
    assert features(net, films * 0.5 + 0.2) == pytest.approx(features(net, films), abs=1e-3)  # tone's scale is nothing
