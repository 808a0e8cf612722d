"""A linear softmax: against sklearn, its symmetries, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from hilum.core.errors import InputError
from hilum.learn.softmax import Softmax


def examples(draw: np.random.Generator, *, each: tuple[int, ...] = (60, 60, 60)) -> tuple[np.ndarray, np.ndarray]:
    """Return features of kinds with centres of their own, and the kinds."""
    target = np.repeat(np.arange(len(each)), each)
    centers = draw.normal(size=(len(each), 5)) * 2
    return centers[target] + draw.normal(size=(len(target), 5)) * [1, 2, 3, 1, 0.5], target


def test_it_is_sklearns_multinomial_regression(draw) -> None:
    features, target = examples(draw)
    penalty = 0.01
    ours = Softmax.fit(features, target, penalty=penalty)
    scaled = (features - features.mean(0)) / (features.std(0) + 1e-3) / np.sqrt(5)
    # sklearn minimises C * sum of losses + w^2 / 2; ours is their mean + penalty * w^2
    theirs = LogisticRegression(C=1 / (2 * penalty * len(features)), tol=1e-9, max_iter=2000).fit(scaled, target)
    assert np.exp(ours(features)) == pytest.approx(theirs.predict_proba(scaled), abs=2e-3)


def test_probabilities_add_up_and_great_features_do_no_harm(draw) -> None:
    features, target = examples(draw)
    told = Softmax.fit(features, target, penalty=1e-3)
    assert np.exp(told(features * 1e4)).sum(axis=1) == pytest.approx(1.0)


def test_each_kind_counts_alike_however_many_examples_it_has(draw) -> None:
    features, target = examples(draw, each=(50, 50))
    once = Softmax.fit(features, target, penalty=0.01)
    many = np.concatenate((np.repeat(features[:50], 8, axis=0), features[50:]))
    heavy = Softmax.fit(many, np.repeat([0, 1], [400, 50]), penalty=0.01)
    middle = 0.5 * (features[:50].mean(0) + features[50:].mean(0))[None]
    assert np.exp(once(middle))[0, 0] == pytest.approx(0.5, abs=0.1)
    assert np.exp(heavy(middle))[0, 0] == pytest.approx(0.5, abs=0.1)


def test_the_same_examples_give_the_same_weights_and_keep(draw) -> None:
    features, target = examples(draw)
    first, second = (Softmax.fit(features, target, penalty=0.01) for _ in range(2))
    assert np.array_equal(first.weight, second.weight)
    kept = Softmax.of(first.arrays("heads"), "heads")
    assert kept(features) == pytest.approx(first(features), abs=1e-4)


def test_a_kind_without_examples_is_refused(draw) -> None:
    features, _ = examples(draw)
    for target in (np.zeros(180, int), np.repeat([0, 2], 90)):
        with pytest.raises(InputError, match="each of at least two kinds needs examples"):
            Softmax.fit(features, target, penalty=0.01)
