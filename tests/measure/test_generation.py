"""Precision, recall, density, coverage, inception score and diversity; sets that cannot be compared are refused."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.core.errors import InputError
from hilum.measure.frechet import fid
from hilum.measure.metric import metric, metrics, score_all
from hilum.measure.neighbours import manifold, nearest, radii
from hilum.measure.pairs import Pairs
from hilum.measure.sets import FeatureSets, ImageSets, as_features

FOUR = ("precision", "recall", "density", "coverage")


def test_the_peer_gives_the_same_four(draw, capsys) -> None:
    peer = pytest.importorskip("prdc")
    real, fake = draw.normal(size=(300, 12)), 0.9 * draw.normal(size=(260, 12)) + 0.3
    wanted = peer.compute_prdc(real, fake, 5)
    sets = FeatureSets(real, fake)
    for name in FOUR:
        assert metric(name)(sets).value == pytest.approx(float(wanted[name])), name


def test_blocks_do_not_change_the_result(draw, monkeypatch) -> None:
    real, fake = draw.normal(size=(50, 4)), draw.normal(size=(41, 4))
    whole = manifold(real, fake, k=3)
    monkeypatch.setattr("hilum.measure.neighbours.BLOCK", 8)
    split = manifold(real, fake, k=3)
    for name in FOUR:
        assert getattr(split, name) == pytest.approx(getattr(whole, name))


def test_distances_and_radii_are_those_of_all_pairs(draw) -> None:
    rows, others = draw.normal(size=(30, 5)), draw.normal(size=(20, 5))
    table = np.linalg.norm(rows[:, None] - rows[None], axis=2)
    assert radii(rows, 4) == pytest.approx(np.sort(table, axis=1)[:, 4] ** 2)
    distance, which = nearest(others, rows)
    across = np.linalg.norm(others[:, None] - rows[None], axis=2)
    assert distance == pytest.approx(across.min(1))
    assert list(which) == list(across.argmin(1))
    assert nearest(rows, rows, same=True)[0] == pytest.approx(np.sort(table, axis=1)[:, 1])
    assert not nearest(rows, rows)[0].any()  # exactly 0 for a copy, not 1e-8


def test_far_sets_share_nothing_and_equal_sets_nearly_all(draw) -> None:
    real = draw.normal(size=(200, 6))
    far = FeatureSets(real, real + 100)
    near = FeatureSets(real, draw.normal(size=(200, 6)))
    for name in FOUR:
        assert metric(name)(far).value == 0.0
        assert metric(name)(near).value > 0.75, name


def test_collapse_shows_in_recall_and_coverage_and_not_in_precision(draw) -> None:
    real = draw.normal(size=(300, 6))
    ten = draw.normal(size=(10, 6)) * 0.7
    sets = FeatureSets(real, ten[draw.integers(0, 10, 300)] + draw.normal(0, 1e-3, (300, 6)))
    assert metric("precision")(sets).value > 0.9
    assert metric("recall")(sets).value < 0.05
    assert metric("coverage")(sets).value < 0.3


def test_a_score_resamples_and_says_over_what(draw) -> None:
    sets = FeatureSets(draw.normal(size=(40, 3)), draw.normal(size=(30, 3)), network="net@0")
    precise, recalled = metric("precision")(sets), metric("recall")(sets)
    assert (len(precise.values), len(recalled.values)) == (30, 40)
    assert "over:made" in precise.signature
    assert "over:real" in recalled.signature
    interval = precise.interval([str(n) for n in range(30)], replicates=200)
    assert interval.low <= precise.value <= interval.high


def test_too_few_films_for_k_is_refused() -> None:
    few = FeatureSets(np.eye(5), np.eye(5))
    with pytest.raises(InputError, match="more than 5 real films, got 5"):
        metric("precision")(few)
    assert metric("precision")(few, k=2).value >= 0


def test_the_inception_score_of_sure_and_even_classes_is_their_number() -> None:
    sure = np.eye(4)[np.arange(40) % 4]
    sets = FeatureSets(np.zeros((2, 1)), np.zeros((40, 1)), probabilities=sure)
    scored = metric("inception-score")(sets)
    assert scored.value == pytest.approx(4.0)
    assert scored.at((np.arange(40)[None] % 4 < 2).astype(float))[0] == pytest.approx(2.0)
    flat = FeatureSets(np.zeros((2, 1)), np.zeros((40, 1)), probabilities=np.full((40, 4), 0.25))
    assert metric("inception-score")(flat).value == pytest.approx(1.0)


def test_the_inception_score_is_the_formula(draw) -> None:
    chance = draw.dirichlet(np.ones(5), 50)
    mean = chance.mean(0)
    wanted = np.exp(np.mean(np.sum(chance * (np.log(chance) - np.log(mean)), axis=1)))
    sets = FeatureSets(np.zeros((2, 1)), np.zeros((50, 1)), probabilities=chance)
    assert metric("inception-score")(sets).value == pytest.approx(wanted)


@pytest.mark.parametrize(
    ("chance", "said"),
    [(None, "give 'probabilities'"), (np.ones((3, 2)), "sum to 1"), (np.full((3, 2), -1.0), "not negative")],
)
def test_what_is_no_probability_is_refused(chance, said) -> None:
    with pytest.raises(InputError, match=said):
        metric("inception-score")(FeatureSets(np.zeros((2, 1)), np.zeros((3, 1)), probabilities=chance))


def test_diversity_is_measured_among_films_of_one_prompt(draw) -> None:
    one, other = draw.random((2, 64, 64))
    same = ImageSets([one], [one, one, other, other], prompts=["a", "a", "b", "b"])
    assert metric("ms-ssim-diversity")(same, scales=2).value == pytest.approx(1.0)
    mixed = ImageSets([one], [one, other, one], prompts=["a", "a", "b"])
    scored = metric("ms-ssim-diversity")(mixed, scales=2)
    assert scored.value < 0.5
    assert scored.unscored == {1: "the prompt has one film only"}
    with pytest.raises(InputError, match="two films of one"):
        metric("ms-ssim-diversity")(ImageSets([one], [one, other], prompts=["a", "b"]))
    with pytest.raises(InputError, match="give prompts"):
        metric("ms-ssim-diversity")(ImageSets([one], [one, other]))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: FeatureSets(np.zeros((3, 2)), np.zeros((3, 4))), "one network"),
        (lambda: FeatureSets(np.full((3, 2), np.nan), np.zeros((3, 2))), "'real' has 3 films with NaN"),
        (lambda: FeatureSets(np.zeros(3), np.zeros((3, 2))), "of shape"),
        (lambda: FeatureSets(np.eye(2), np.eye(2), np.eye(2), "", ["a", "b"], ["b", "c"]), "first 'b'"),
        (lambda: FeatureSets(np.eye(2), np.eye(2), real_patients=["a"]), "2 films but 1 patients"),
        (lambda: ImageSets([], [np.zeros((4, 4))]), "no real film"),
        (lambda: ImageSets([np.zeros((4, 4))], [np.zeros((4, 4))], prompts=["a", "b"]), "2 prompts"),
        (lambda: as_features([1, 2]), "not list"),
    ],
)
def test_sets_that_cannot_be_compared_are_refused(make, said) -> None:
    with pytest.raises(InputError, match=said):
        make()


def test_a_metric_of_pairs_refuses_sets_and_the_other_way_round() -> None:
    sets, pairs = ImageSets([np.zeros((4, 4))], [np.zeros((4, 4))]), Pairs((np.zeros((4, 4)),), (np.zeros((4, 4)),))
    for name in ("psnr", "lpips-style", "bsr2"):
        with pytest.raises(InputError, match="scores Pairs"):
            metric(name)(sets)
    for name in ("fid", "copies/pixel", "ms-ssim-diversity", "authenticity"):
        with pytest.raises(InputError, match="not Pairs"):
            metric(name)(pairs)


def test_all_metrics_of_sets_at_once_with_reasons_for_those_left_out(draw) -> None:
    sets = FeatureSets(draw.normal(size=(60, 4)), draw.normal(size=(60, 4)))
    names = [m.name for m in metrics("features")]
    done, failed = score_all(names, sets)
    assert set(done) == {"fid", "kid", *FOUR}
    assert "'train'" in failed["authenticity"]
    assert "'probabilities'" in failed["inception-score"]
    assert all(np.isfinite(scored.value) for scored in done.values())


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10_000), st.floats(0.1, 10.0), st.floats(-5.0, 5.0))
def test_distances_do_not_care_where_or_how_large_a_space_is(seed: int, scale: float, moved: float) -> None:
    """Moving and turning features, and for neighbours stretching them, changes nothing; swapping swaps the roles."""
    rng = np.random.default_rng(seed)
    real, fake = rng.normal(size=(30, 4)), rng.normal(size=(25, 4)) + 0.4
    turn, _ = np.linalg.qr(rng.normal(size=(4, 4)))
    plain = manifold(real, fake, k=3)
    other = manifold(real @ turn * scale + moved, fake @ turn * scale + moved, k=3)
    swapped = manifold(fake, real, k=3)
    for name in FOUR:
        assert getattr(plain, name) == pytest.approx(getattr(other, name))
    assert plain.precision == pytest.approx(swapped.recall)
    assert plain.recall == pytest.approx(swapped.precision)
    assert fid(real @ turn * scale + moved, fake @ turn * scale + moved) == pytest.approx(scale**2 * fid(real, fake))


def test_memory_grows_with_films_and_not_with_their_square(draw) -> None:
    """6,000 x 6,000 distances are 288 MB; a block of rows is 25 MB."""
    real, fake = draw.normal(size=(6_000, 2)), draw.normal(size=(600, 2))
    tracemalloc.start()
    manifold(real, fake, k=5)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 120e6


def test_every_metric_of_sets_and_pictures_says_what_it_takes() -> None:
    assert {m.name for m in metrics("image-set")} >= {"ms-ssim-diversity", "radial-spectrum-slope", "copies/pixel"}
    assert {m.name for m in metrics("features")} >= {"fid", "kid", *FOUR, "inception-score", "authenticity"}
    assert {m.name for m in metrics("bone")} == {
        "bsr/published", "bsr2", "psnr/float", "rib-contrast-residual", "vessel-preservation",
    }  # fmt: skip
    assert {m.name for m in metrics("image")} >= {"psnr", "ssim", "ms-ssim", "pixel-rms", "lpips-style"}
