"""Fréchet and kernel distances against closed forms, scipy's matrix root and torchmetrics."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import sqrtm

from hilum.core.errors import InputError
from hilum.measure.frechet import fid, frechet_distance, from_moments, gaussian, weighted_distances
from hilum.measure.kernel import kid, mmd
from hilum.measure.metric import metric
from hilum.measure.sets import FeatureSets


def test_gaussians_with_diagonal_covariances_have_a_closed_form() -> None:
    first, second = np.array([1.0, 4.0, 9.0]), np.array([4.0, 4.0, 0.25])
    gap = np.array([0.5, -1.0, 2.0])
    found = frechet_distance(from_moments(np.zeros(3), np.diag(first)), from_moments(gap, np.diag(second)))
    assert found == pytest.approx(np.sum(gap**2) + np.sum((np.sqrt(first) - np.sqrt(second)) ** 2))


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 500), st.integers(2, 12))
def test_it_is_what_the_matrix_root_gives(seed: int, size: int) -> None:
    rng = np.random.default_rng(seed)
    real, fake = rng.normal(size=(40, size)) @ rng.normal(size=(size, size)), rng.normal(size=(30, size)) + 0.5
    one, other = np.cov(real.T), np.cov(fake.T)
    root = np.trace(sqrtm(one @ other).real)
    wanted = np.sum((real.mean(0) - fake.mean(0)) ** 2) + np.trace(one) + np.trace(other) - 2 * root
    assert fid(real, fake) == pytest.approx(wanted, rel=1e-6, abs=1e-6)
    assert fid(real, fake) == pytest.approx(fid(fake, real), rel=1e-9, abs=1e-9)


def test_moved_gaussians_are_as_far_as_they_were_moved(draw) -> None:
    rows = draw.normal(size=(50, 8))
    assert fid(rows, rows + 3.0) == pytest.approx(8 * 9.0)
    assert fid(rows, rows) == pytest.approx(0.0, abs=1e-9)


def test_fewer_films_than_features_stays_real_and_is_flagged(draw) -> None:
    real, fake = draw.normal(size=(20, 64)), draw.normal(size=(15, 64))
    scored = metric("fid")(FeatureSets(real, fake, network="net@12345678"))
    assert np.isfinite(scored.value)
    assert scored.value > 0
    assert scored.metric == "fid@net"
    for part in ("network:net@12345678", "real:20", "made:15", "features:64", "rank:deficient"):
        assert part in scored.signature
    assert fid(real, real.copy()) == pytest.approx(0.0, abs=1e-9)
    assert "rank:full" in metric("fid")(FeatureSets(draw.normal(size=(90, 8)), draw.normal(size=(90, 8)))).signature


def test_the_peer_gives_the_same_fid(draw) -> None:
    torch = pytest.importorskip("torch")
    peer = pytest.importorskip("torchmetrics.image.fid")
    real, fake = draw.normal(size=(200, 16)), 1.2 * draw.normal(size=(180, 16)) + 0.3
    moments = [(torch.from_numpy(x).mean(0), torch.cov(torch.from_numpy(x).T)) for x in (real, fake)]
    wanted = float(peer._compute_fid(moments[0][0], moments[0][1], moments[1][0], moments[1][1]))
    assert fid(real, fake) == pytest.approx(wanted, rel=1e-6)


def test_weights_are_films_drawn_more_than_once(draw) -> None:
    real, fake = draw.normal(size=(60, 5)), draw.normal(size=(40, 5)) + 0.4
    drawn = draw.integers(0, 40, (7, 40))
    weights = np.stack([np.bincount(row, minlength=40) for row in drawn]).astype(float)
    wanted = [fid(real, fake[row]) for row in drawn]
    assert weighted_distances(gaussian(real), fake, weights) == pytest.approx(np.array(wanted), rel=1e-6)
    assert gaussian(fake, weights[0]).covariance == pytest.approx(np.cov(fake[drawn[0]].T))
    assert np.isnan(weighted_distances(gaussian(real), fake, np.eye(40)[:1])[0])


def test_blocks_do_not_change_weighted_distances(draw, monkeypatch) -> None:
    real, fake, weights = draw.normal(size=(30, 6)), draw.normal(size=(20, 6)), draw.integers(0, 3, (9, 20)) * 1.0
    whole = weighted_distances(gaussian(real), fake, weights)
    monkeypatch.setattr("hilum.measure.frechet.STORED", 21 * 4)
    assert weighted_distances(gaussian(real), fake, weights) == pytest.approx(whole)


def test_an_interval_lies_about_its_value_although_resampling_adds_distance(draw) -> None:
    real, fake = draw.normal(size=(300, 16)), draw.normal(size=(300, 16)) + 0.15
    scored = metric("fid")(FeatureSets(real, fake))
    assert scored.value == pytest.approx(fid(real, fake), abs=1e-9)
    weights = draw.multinomial(300, np.full(300, 1 / 300), size=200).astype(float)
    raw, corrected = weighted_distances(gaussian(real), fake, weights), scored.at(weights)
    assert np.percentile(raw, 2.5) > scored.value  # the naive interval does not even hold the value
    assert np.percentile(corrected, 2.5) < scored.value < np.percentile(corrected, 97.5)


def brute_mmd(real: np.ndarray, fake: np.ndarray) -> float:
    def k(x: np.ndarray, y: np.ndarray) -> float:
        return (x @ y / len(x) + 1) ** 3

    n, m = len(real), len(fake)
    inside = sum(k(real[i], real[j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
    inside += sum(k(fake[i], fake[j]) for i in range(m) for j in range(m) if i != j) / (m * (m - 1))
    return inside - 2 * sum(k(x, y) for x in real for y in fake) / (n * m)


def test_kid_is_the_sum_over_pairs_written_out(draw) -> None:
    real, fake = draw.normal(size=(12, 6)), draw.normal(size=(9, 6)) + 0.5
    assert mmd(real, fake)[0] == pytest.approx(brute_mmd(real, fake))
    assert metric("kid")(FeatureSets(real, fake)).value == pytest.approx(brute_mmd(real, fake))


def test_kid_is_the_peers_on_the_same_films(draw) -> None:
    torch = pytest.importorskip("torch")
    peer = pytest.importorskip("torchmetrics.image.kid")
    real, fake = draw.normal(size=(50, 10)), draw.normal(size=(50, 10)) * 1.4
    wanted = float(peer.poly_mmd(torch.from_numpy(real), torch.from_numpy(fake)))
    assert mmd(real, fake)[0] == pytest.approx(wanted, rel=1e-6)


def test_kid_of_one_distribution_is_zero_on_average_and_fid_is_not(draw) -> None:
    values, distances = [], []
    for _ in range(150):
        one, other = draw.normal(size=(2, 40, 8))
        values.append(float(mmd(one, other)[0]))
        distances.append(fid(one, other))
    error = np.std(values) / np.sqrt(len(values))
    assert abs(np.mean(values)) < 3.5 * error
    assert np.min(values) < 0  # unbiased, so below 0 half of the time
    assert np.min(distances) > 0.3  # the bias that KID does not have


def test_the_weighted_kid_does_not_take_a_film_drawn_twice_for_a_collapse(draw) -> None:
    real, fake = draw.normal(size=(2, 80, 6))
    weights = np.stack([np.bincount(draw.integers(0, 80, 80), minlength=80) for _ in range(300)]).astype(float)
    drawn = mmd(real, fake, weights)
    assert drawn.mean() == pytest.approx(mmd(real, fake)[0], abs=4 * drawn.std() / np.sqrt(300) + 1e-3)
    assert np.isnan(mmd(real, fake, np.eye(80)[:1])[0])


def test_subsets_have_a_spread_and_never_are_the_whole_set(draw) -> None:
    real, fake = draw.normal(size=(60, 6)), draw.normal(size=(50, 6)) + 1
    found = kid(real, fake, subsets=60)
    assert found.size == 25
    assert found.spread > 0
    assert found.value == pytest.approx(mmd(real, fake)[0], abs=4 * found.spread / np.sqrt(10))
    assert found == kid(real, fake, subsets=60)
    with pytest.raises(InputError, match="smaller than both sets"):
        kid(real, fake, size=50)


def test_blocks_do_not_change_the_result(draw, monkeypatch) -> None:
    real, fake = draw.normal(size=(33, 5)), draw.normal(size=(29, 5))
    whole = mmd(real, fake)
    monkeypatch.setattr("hilum.measure.kernel.BLOCK", 7)
    assert mmd(real, fake) == pytest.approx(whole)


@pytest.mark.parametrize("name", ["fid", "kid"])
def test_one_film_is_refused_in_a_sentence(name) -> None:
    with pytest.raises(InputError, match="two films"):
        metric(name)(FeatureSets(np.zeros((5, 3)), np.zeros((1, 3))))
    with pytest.raises(InputError, match="two films"):
        metric(name)(FeatureSets(np.zeros((1, 3)), np.zeros((5, 3))))


def test_constant_features_are_no_trouble() -> None:
    same = np.ones((6, 4))
    assert metric("fid")(FeatureSets(same, same)).value == 0.0
    assert metric("kid")(FeatureSets(same, same)).value == pytest.approx(0.0)


def test_moments_that_are_none_are_refused() -> None:
    with pytest.raises(InputError, match="square"):
        from_moments(np.zeros(2), np.zeros((2, 3)))
    with pytest.raises(InputError, match="eigenvalue"):
        from_moments(np.zeros(2), np.diag([1.0, -1.0]))
    with pytest.raises(InputError, match="one network"):
        frechet_distance(from_moments(np.zeros(2), np.eye(2)), from_moments(np.zeros(3), np.eye(3)))
    with pytest.raises(InputError, match="finite"):
        gaussian(np.full((3, 2), np.nan))
