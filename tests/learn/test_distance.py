"""Distances from training films: against scipy, sklearn and chi-square, and what must not change them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from scipy.special import logsumexp
from scipy.stats import chi2
from sklearn.covariance import ledoit_wolf_shrinkage
from sklearn.neighbors import NearestNeighbors

from hilum.core.errors import InputError
from hilum.learn.distance import DISTANCES, Energy, Gaussians, Neighbours, Relative, checked, energy, ledoit_wolf


def cloud(draw: np.random.Generator, count: int = 400, width: int = 6) -> np.ndarray:
    """Return correlated Gaussian features with a mean of their own."""
    mix = draw.normal(size=(width, width)) + 2 * np.eye(width)
    return draw.normal(size=(count, width)) @ mix + draw.normal(size=width)


def exact(features: np.ndarray, classes: np.ndarray | None = None) -> Gaussians:
    return Gaussians.fit(features, classes, directions=features.shape[1], shrinkage=0.0)


def test_without_shrinkage_it_is_scipys_mahalanobis_distance(draw) -> None:
    films, new = cloud(draw), draw.normal(size=(50, 6)) * 4
    inverse = np.linalg.inv(np.cov(films.T, bias=True))
    theirs = cdist(new, films.mean(0, keepdims=True), "mahalanobis", VI=inverse)[:, 0] ** 2
    assert exact(films).scores(new) == pytest.approx(theirs, rel=1e-9)


def test_with_classes_it_is_the_distance_from_the_nearest_with_one_covariance(draw) -> None:
    classes = np.repeat(["PA", "AP", "lateral"], 120)
    films = cloud(draw, 360) + np.repeat(draw.normal(size=(3, 6)) * 9, 120, axis=0)
    centers = np.stack([films[classes == name].mean(0) for name in ("AP", "PA", "lateral")])
    within = films - np.stack([films[classes == name].mean(0) for name in classes])
    inverse = np.linalg.inv(within.T @ within / len(films))
    new = draw.normal(size=(40, 6)) * 9
    theirs = cdist(new, centers, "mahalanobis", VI=inverse).min(axis=1) ** 2
    assert exact(films, classes).scores(new) == pytest.approx(theirs, rel=1e-9)


def test_gaussian_films_lie_as_chi_square_says(draw) -> None:
    films, new = cloud(draw, 20_000, 8), None
    distance = exact(films[:10_000])
    new = distance.scores(films[10_000:])
    for level in (0.5, 0.9, 0.98):
        assert np.mean(new > chi2.ppf(level, 8)) == pytest.approx(1 - level, abs=4 * np.sqrt(level * (1 - level) / 1e4))


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000))
def test_no_affine_change_of_the_features_changes_the_distance(seed: int) -> None:
    draw = np.random.default_rng(seed)
    films, new = cloud(draw, 80, 4), draw.normal(size=(10, 4)) * 3
    mix = np.linalg.qr(draw.normal(size=(4, 4)))[0] * draw.uniform(0.1, 10, 4)
    shift = draw.normal(size=4) * 50
    there = exact(films @ mix + shift).scores(new @ mix + shift)
    assert there == pytest.approx(exact(films).scores(new), rel=1e-6)


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000), shrinkage=st.floats(0, 1), directions=st.integers(1, 5))
def test_with_shrinkage_turning_and_shifting_change_nothing(seed: int, shrinkage: float, directions: int) -> None:
    draw = np.random.default_rng(seed)
    films, new = cloud(draw, 80, 5), draw.normal(size=(10, 5)) * 3
    turn, shift = np.linalg.qr(draw.normal(size=(5, 5)))[0], draw.normal(size=5)
    plain = Gaussians.fit(films, directions=directions, shrinkage=shrinkage)
    other = Gaussians.fit(films @ turn + shift, directions=directions, shrinkage=shrinkage)
    assert other.scores(new @ turn + shift) == pytest.approx(plain.scores(new), rel=1e-6)


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000), near=st.floats(0.1, 5), factor=st.floats(1.1, 10))
def test_farther_along_a_ray_is_never_nearer(seed: int, near: float, factor: float) -> None:
    draw = np.random.default_rng(seed)
    films, ray = cloud(draw, 60, 5), draw.normal(size=5)
    distance = Gaussians.fit(films, directions=3)
    inside, outside = (distance.scores(distance.centers + reach * ray) for reach in (near, near * factor))
    assert outside[0] > inside[0]


def test_shrinkage_is_ledoit_and_wolfs_as_sklearn_has_it(draw) -> None:
    for count, width in ((30, 80), (300, 20), (50, 50)):
        films = draw.normal(size=(count, width)) * draw.uniform(0.2, 4, width)
        centred = films - films.mean(0)
        assert ledoit_wolf(centred) == pytest.approx(ledoit_wolf_shrinkage(centred, assume_centered=True), rel=1e-9)


def test_a_sphere_is_shrunk_wholly() -> None:
    corners = np.concatenate((np.eye(3), -np.eye(3)))
    assert ledoit_wolf(corners) == 1.0


def test_directions_left_out_share_their_mean_variance(draw) -> None:
    films = draw.normal(size=(5000, 4)) * [10, 3, 1, 1]
    few = Gaussians.fit(films, directions=2, shrinkage=0.0)
    assert few.axes.shape == (2, 4)
    assert few.rest == pytest.approx(1.0, rel=0.1)
    new = draw.normal(size=(30, 4)) * 5
    assert few.scores(new) == pytest.approx(exact(films).scores(new), rel=0.1)  # the last two are alike anyway


def test_fewer_films_than_features_still_see_what_no_film_spans(draw) -> None:
    films = np.zeros((12, 40))
    films[:, :5] = draw.normal(size=(12, 5))
    distance = Gaussians.fit(films)
    inside, outside = np.zeros((1, 40)), np.zeros((1, 40))
    inside[0, 0], outside[0, 20] = 1.0, 1.0
    assert distance.scores(outside)[0] > 5 * distance.scores(inside)[0]


def test_relative_is_the_difference_of_two_distances(draw) -> None:
    classes = np.repeat(["PA", "AP"], 100)
    films = cloud(draw, 200) + np.repeat([[0.0], [8.0]], 100, axis=0)
    new = draw.normal(size=(20, 6)) * 5
    expected = Gaussians.fit(films, classes).scores(new) - Gaussians.fit(films).scores(new)
    assert Relative.fit(films, classes).scores(new) == pytest.approx(expected)
    assert Relative.fit(films).scores(new) == pytest.approx(0.0, abs=1e-9)  # one class says nothing of its own


def test_neighbours_are_sklearns(draw) -> None:
    films, new = draw.normal(size=(90, 7)), draw.normal(size=(15, 7))
    unit = [each / np.linalg.norm(each, axis=1, keepdims=True) for each in (films, new)]
    theirs = NearestNeighbors(n_neighbors=4).fit(unit[0]).kneighbors(unit[1])[0][:, -1] ** 2
    assert Neighbours.fit(films, nearest=4).scores(new) == pytest.approx(theirs, abs=1e-9)


def test_neighbours_keep_a_bank_no_larger_than_asked_and_mind_no_brightness(draw) -> None:
    films, new = draw.normal(size=(90, 7)), draw.normal(size=(15, 7))
    few = Neighbours.fit(films, bank=20)
    assert few.bank.shape == (20, 7)
    assert few.scores(new * 3) == pytest.approx(few.scores(new))
    assert Neighbours.fit(films[:3]).nearest == 3


def test_energy_is_minus_the_log_of_the_sum_and_survives_great_logits(draw) -> None:
    logits = draw.normal(size=(9, 5)) * 4
    assert energy(logits) == pytest.approx(-logsumexp(logits, axis=1))
    assert energy(logits, exclusive=False) == pytest.approx(-np.log1p(np.exp(logits)).sum(axis=1))
    assert np.isfinite(energy([[900.0, -900.0]])).all()
    assert Energy.fit(logits).scores(logits) == pytest.approx(energy(logits))


@pytest.mark.parametrize("name", list(DISTANCES))
def test_what_is_kept_is_what_was(name: str, draw) -> None:
    films, new = cloud(draw, 60), cloud(draw, 10)
    classes = np.repeat(["a", "b"], 30)
    first = DISTANCES[name].fit(films, classes)
    again = DISTANCES[name].of(first.arrays("far"), "far")
    assert again.scores(new) == pytest.approx(first.scores(new), rel=1e-3, abs=1e-3)


@pytest.mark.parametrize(
    "features, said",
    [
        (np.zeros((3, 4, 5)), r"shape \(3, 4, 5\)"),
        (np.zeros((3, 0)), r"shape \(3, 0\)"),
        (np.array([[0.0, 1.0], [np.nan, 1.0]]), "the first is number 1"),
    ],
)
def test_wrong_features_are_named(features: np.ndarray, said: str) -> None:
    with pytest.raises(InputError, match=said):
        checked(features)


def test_the_width_is_held_to() -> None:
    assert checked([1.0, 2.0], 2).shape == (1, 2)
    with pytest.raises(InputError, match=r"must be \(N, 3\)"):
        checked([[1.0, 2.0]], 3)


def test_films_that_cannot_give_a_distance_are_refused() -> None:
    with pytest.raises(InputError, match="at least 3 films for 1 classes, got 2"):
        Gaussians.fit(np.zeros((2, 4)))
    with pytest.raises(InputError, match="all 9 films have the same features"):
        Gaussians.fit(np.ones((9, 4)))
