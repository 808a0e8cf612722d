"""BPD's statistics, folds, sites and plans by their laws: symmetry, shift, order, and what comes of it by hand."""

from __future__ import annotations

import csv
import io
from itertools import pairwise
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from hilum.core.errors import InputError  # noqa: E402
from hilum.measure.binary import auroc  # noqa: E402
from hilum.systems import _bpd_stats as stats  # noqa: E402
from hilum.systems._bpd_arm import arm as arm_of  # noqa: E402
from hilum.systems._bpd_augment import Vary, varied  # noqa: E402
from hilum.systems._bpd_bodies import KINDS, infants, textures  # noqa: E402
from hilum.systems._bpd_folds import NEVER, folds  # noqa: E402
from hilum.systems._bpd_judge import lines_of, scored  # noqa: E402
from hilum.systems._bpd_net import BIAS, SiteNet, small  # noqa: E402
from hilum.systems._bpd_plan import FULL, PLANS, PROBED, THAWS, plan  # noqa: E402
from hilum.systems._bpd_recipe import resolve  # noqa: E402
from hilum.systems._bpd_site import Site  # noqa: E402
from hilum.systems._bpd_sites import _exposed, stage_of, thawed  # noqa: E402
from hilum.systems._bpd_starts import smaller  # noqa: E402
from hilum.systems._bpd_trials import Trials  # noqa: E402
from hilum.systems.bpd import reproduce  # noqa: E402

SEEDS = st.integers(0, 10_000)
STILL = Vary(rotate_deg=0.0, mirror=0.0, zoom=(1.0, 1.0), blur=0.0, mask=0.0)


def scores_of(seed: int, runs: int, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels and the logits of two arms that tested the same patients, each run leaving out a few."""
    draw = np.random.default_rng(seed)
    bpd = np.arange(count) % 2 == 0
    left = draw.random((runs, count)) < 0.2
    left[:, :8] = False
    one, two = (np.where(left, np.nan, draw.normal(0, 1, (runs, count)) + bpd) for _ in range(2))
    return bpd, one, two


@settings(max_examples=15, deadline=None)
@given(seed=SEEDS, runs=st.integers(1, 4))
def test_the_gain_of_one_arm_is_the_loss_of_the_other(seed: int, runs: int) -> None:
    bpd, one, two = scores_of(seed, runs, 30)
    names = tuple(f"{n:02d}" for n in range(30))
    more, less = (
        stats.beaten(bpd, *pair, patients=names, seed=1, replicates=50, permutations=60)
        for pair in ((one, two), (two, one))
    )
    assert more.delong.value == pytest.approx(-less.delong.value)
    assert (more.bootstrap.low, more.bootstrap.high) == pytest.approx((-less.bootstrap.high, -less.bootstrap.low))
    assert more.p_delong == pytest.approx(less.p_delong)
    assert (more.p_permutation, more.agreeing) == (less.p_permutation, less.agreeing)
    tested = np.isfinite(one).any(axis=0)
    areas = [auroc(bpd[tested], np.nanmean(each[:, tested], axis=0)) for each in (one, two)]
    assert more.bootstrap.value == pytest.approx(areas[0] - areas[1])
    assert more.floor <= more.p_permutation <= 1.0


@settings(max_examples=15, deadline=None)
@given(seed=SEEDS)
def test_a_permutation_knows_ranks_alone(seed: int) -> None:
    draw = np.random.default_rng(seed)
    bpd = draw.permutation(np.arange(20) < 8)
    one, two = draw.normal(0, 1, 20), draw.normal(0, 1, 20)
    p = stats.permuted(bpd, one, two, permutations=80, seed=3)
    assert p == stats.permuted(bpd, np.exp(one), 5.0 * two - 7.0, permutations=80, seed=3)
    assert p == stats.permuted(bpd, two, one, permutations=80, seed=3)


@pytest.mark.parametrize("runs", [2, 3, 5, 6, 10])
def test_the_floor_of_runs_is_the_share_of_sign_patterns_that_all_agree(runs: int) -> None:
    patterns = sum(comb(runs, up) for up in range(runs + 1))
    assert stats.runs_floor(runs) == pytest.approx(2 / patterns)


@settings(max_examples=15, deadline=None)
@given(seed=SEEDS, runs=st.integers(1, 3))
def test_an_arms_table_is_that_of_counts_by_hand(seed: int, runs: int) -> None:
    bpd, logits, _ = scores_of(seed, runs, 24)
    told = arm_of(bpd, logits, patients=tuple(f"{n:02d}" for n in range(24)), replicates=20)
    balanced, f1 = [], []
    for row in logits:
        there = np.isfinite(row)
        said, ill = row[there] >= 0, bpd[there]
        hit, miss, false = (said & ill).sum(), (~said & ill).sum(), (said & ~ill).sum()
        balanced.append(((said & ill).sum() / ill.sum() + (~said & ~ill).sum() / (~ill).sum()) / 2)
        f1.append(2 * hit / (2 * hit + miss + false))
    assert told.folds["balanced accuracy"] == pytest.approx((np.mean(balanced), np.std(balanced)))
    assert told.folds["F1"] == pytest.approx((np.mean(f1), np.std(f1)))
    there = np.isfinite(logits).any(axis=0)
    chance = 1 / (1 + np.exp(-np.nanmean(logits[:, there], axis=0)))
    assert told.brier == pytest.approx(np.mean((chance - bpd[there]) ** 2))
    assert f"{there.sum()} of 24 patients tested" in str(told)


@settings(max_examples=40, deadline=None)
@given(ill=st.integers(5, 30), well=st.integers(5, 30), count=st.integers(2, 5), seed=SEEDS, run=st.integers(0, 9))
def test_folds_of_any_cohort_hold_what_they_say(ill: int, well: int, count: int, seed: int, run: int) -> None:
    bpd = np.random.default_rng(seed).permutation(np.arange(ill + well) < ill)
    even = folds(bpd, run=run, seed=seed, count=count)
    for number in range(count):
        assert ((even == number) & bpd).sum() == ((even == number) & ~bpd).sum() >= min(ill, well) // count
    assert (even == NEVER).sum() == abs(ill - well)
    whole = folds(bpd, run=run, seed=seed, count=count, kind="prevalence")
    for each in (bpd, ~bpd):
        sizes = np.bincount(whole[each], minlength=count)
        assert sizes.max() - sizes.min() <= 1
    assert np.ptp(np.bincount(whole, minlength=count)) <= 1


def test_folds_that_cannot_be_are_told_with_both_counts() -> None:
    with pytest.raises(InputError, match=r"5 folds take 5 patients .* 3 with and 7 without"):
        folds(np.arange(10) < 3, run=0, seed=0)
    with pytest.raises(InputError, match=r"no folds 'even': choose from balanced, prevalence"):
        folds(np.arange(20) < 10, run=0, seed=0, kind="even")  # type: ignore[arg-type]


@settings(max_examples=30, deadline=None)
@given(owner=st.lists(st.integers(0, 4), min_size=1, max_size=12), seed=SEEDS)
def test_a_sites_rows_are_those_of_the_patients_asked_for(owner: list[int], seed: int) -> None:
    names = sorted(set(owner))
    held = np.array([names.index(each) for each in owner])
    site = Site(np.zeros((len(owner), 2, 2), np.uint8), held, np.zeros(len(names), bool), tuple(map(str, names)))
    asked = np.random.default_rng(seed).permutation(len(names))[: 1 + seed % len(names)]
    assert site.films_of(asked).tolist() == [at for at, who in enumerate(held) if who in asked.tolist()]
    assert site.first(asked).tolist() == [held.tolist().index(who) for who in asked]


def test_a_table_of_scores_reads_back_whatever_patients_are_called() -> None:
    site = Site(np.zeros((3, 2, 2), np.uint8), np.arange(3), np.array([True, False, True]), ("7", "a,b", 'c"d'))
    scores = np.array([[0.25, np.nan, -1.0], [np.nan, 2.0, 1.5]])
    lines = list(csv.reader(io.StringIO(site.table(scores))))
    assert lines[0] == ["patient", "bpd", "logit_run_1", "logit_run_2"]
    assert [line[0] for line in lines[1:]] == list(site.patients)
    assert [line[1] for line in lines[1:]] == ["1", "0", "1"]
    back = np.array([[float(cell or "nan") for cell in line[2:]] for line in lines[1:]]).T
    np.testing.assert_allclose(back, scores)


@pytest.mark.parametrize(
    ("changes", "said"),
    [({"rate": "nan"}, "rate above 0"), ({"rate": "inf"}, "rate above 0"), ({"epochs": None}, "epochs must be"),
     ({"size": float("inf")}, "size must be a number"), ({"mirror": 2}, "mirror 0 or 1"), ({"batch": 1}, "batch 2"),
     ({"norms": "still"}, "norms must be one of kept, moving"), ({"kind": "all"}, "kind must be one of")],
)  # fmt: skip
def test_settings_out_of_range_are_told_by_their_range(changes: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        resolve(changes)


@settings(max_examples=30, deadline=None)
@given(epochs=st.integers(1, 60), probe=st.integers(1, 59), rate=st.floats(0.01, 100.0))
def test_plans_come_to_their_epochs_and_thaw_in_order(epochs: int, probe: int, rate: float) -> None:
    for name in PLANS:
        if name.startswith(PROBED) and probe >= epochs:
            with pytest.raises(InputError, match=f"leave {epochs - probe}"):
                plan(name, epochs=epochs, probe=probe)
            continue
        stages = plan(name, epochs=epochs, probe=probe, rate=rate)
        assert sum(stage.epochs for stage in stages) == epochs
        if name == FULL:
            continue
        thaws = [group.thaw for group in stages[-1].schedule.groups[1:4]]
        left = stages[-1].epochs
        assert all(a <= b for a, b in pairwise(thaws))
        for thaw, share in zip(thaws, THAWS.values(), strict=True):
            assert round(thaw * left) == pytest.approx(thaw * left)  # whole epochs, never later than the share
            assert share - 1 / left - 1e-9 <= thaw <= share + 1e-9
        assert stages[-1].schedule.groups[0].rate == pytest.approx(1e-3 * rate)


@settings(max_examples=20, deadline=None)
@given(rounds=st.integers(1, 20), local=st.integers(1, 4))
def test_rounds_only_ever_thaw_more(rounds: int, local: int) -> None:
    given_away = [set(thawed(at, rounds)) for at in range(rounds)]
    assert all(a <= b for a, b in pairwise(given_away))
    assert all("head.*" in each for each in given_away)
    assert [stage_of(at, rounds=rounds, local=local).epochs for at in range(rounds)] == [local] * rounds


def test_a_detectors_tone_keeps_the_order_of_greys_and_lifts_black() -> None:
    ramp = np.arange(256, dtype=np.uint8)[None]
    for tone, lift in ((0.6, 0.0), (1.0, 0.1), (1.6, 0.15)):
        shown = _exposed(ramp, tone, lift)[0].astype(int)
        assert (np.diff(shown) >= 0).all()
        assert (shown[0], shown[255]) == (round(255 * lift), 255)
    assert np.array_equal(_exposed(ramp, 1.0, 0.0), ramp)


@settings(max_examples=10, deadline=None)
@given(seed=SEEDS, factor=st.sampled_from([2, 3, 4]))
def test_a_smaller_film_is_the_mean_of_its_boxes(seed: int, factor: int) -> None:
    films = np.random.default_rng(seed).integers(0, 256, (2, 12, 12)).astype(np.uint8)
    side = 12 // factor
    want = films.reshape(2, side, factor, side, factor).mean(axis=(2, 4))
    assert np.abs(smaller(films, side) - want).max() <= 1.0
    assert smaller(films, 12) is films


def test_infants_come_in_the_share_that_is_asked_for_and_textures_in_every_kind() -> None:
    body = np.full((1, 32, 32), 120, np.uint8)
    for share, ill in ((0.25, 5), (0.5, 10), (0.95, 19)):
        assert int(infants(body, 20, size=32, seed=0, prevalence=share).bpd.sum()) == ill
    with pytest.raises(InputError, match=r"0 bodies and 8 of 20 ill"):
        infants(body[:0], 20, size=32, seed=0)
    films, kind = textures(30, size=32, seed=2)
    assert films.dtype == np.uint8
    assert kind.min() >= 0
    assert kind.max() < KINDS


def test_films_are_varied_each_by_its_own_draw_and_two_mirrors_are_none() -> None:
    film = torch.rand(1, 1, 32, 32, generator=torch.Generator().manual_seed(0)).expand(6, -1, -1, -1).contiguous()
    half = varied(film, np.random.default_rng(4), Vary(0.0, 0.5, (1.0, 1.0), 0.0, mask=0.0))
    turned = [bool(torch.allclose(each, film[0].flip(-1), atol=1e-4)) for each in half]
    assert 0 < sum(turned) < 6
    assert all(same or torch.allclose(each, film[0], atol=1e-4) for each, same in zip(half, turned, strict=True))
    mirror = Vary(0.0, 1.0, (1.0, 1.0), 0.0, mask=0.0)
    twice = varied(varied(film, np.random.default_rng(0), mirror), np.random.default_rng(1), mirror)
    torch.testing.assert_close(twice, film, rtol=0, atol=1e-4)
    flat = torch.full((2, 1, 256, 256), 0.3)  # a blur of what is flat is flat, to its edges
    blurred = varied(flat, np.random.default_rng(0), Vary(0.0, 0.0, (1.0, 1.0), 1.0, mask=0.0))
    torch.testing.assert_close(blurred, flat, rtol=0, atol=1e-5)


def test_a_zoom_of_two_shows_the_middle_half_at_twice_the_size() -> None:
    ramp = torch.linspace(0.0, 1.0, 33)[:-1].expand(2, 1, 32, 32).contiguous()
    seen = varied(ramp, np.random.default_rng(0), Vary(0.0, 0.0, (2.0, 2.0), 0.0, mask=0.0))
    middle = seen[0, 0, 16]
    steps = torch.diff(middle[1:-1])
    torch.testing.assert_close(steps, torch.full_like(steps, 0.5 / 32), rtol=0, atol=1e-5)
    assert float(middle.mean()) == pytest.approx(float(ramp[0, 0, 16].mean()), abs=1e-4)
    torch.testing.assert_close(varied(ramp, np.random.default_rng(0), STILL), ramp, rtol=0, atol=1e-5)


def test_the_head_begins_as_xavier_has_it_and_its_logit_is_linear_in_what_is_pooled() -> None:
    net = small(seed=3).eval()
    assert isinstance(net, SiteNet)
    width = net.head.in_features
    bound = (6 / (width + 1)) ** 0.5
    assert float(net.head.bias.detach()) == pytest.approx(BIAS)
    assert 0.5 * bound < float(net.head.weight.detach().abs().max()) <= bound
    film = torch.rand(3, 1, 32, 32)
    with torch.no_grad():
        want = net.encoder(film).pooled @ net.head.weight[0] + BIAS
        torch.testing.assert_close(net(film), want)


def trials_of(gap: float) -> Trials:
    """Scores of every arm that a claim names; AUROCs by hand are those of pairs of children."""
    from hilum.systems._bpd_claims import CLAIMED

    draw = np.random.default_rng(0)
    bpd = np.stack([np.arange(12) < 5] * 6)
    logits = {name: draw.normal(0, 1, bpd.shape) + gap * bpd for name in CLAIMED}
    return Trials(logits, bpd, 1.0 * bpd, np.repeat(np.arange(3), 2))


def test_the_table_of_arms_holds_aurocs_counted_over_pairs_of_children() -> None:
    trials = trials_of(1.0)
    name = next(iter(trials.logits))
    counted = []
    for truth, row in zip(trials.bpd, trials.logits[name], strict=True):
        pairs = [(ill > well) + 0.5 * (ill == well) for ill in row[truth] for well in row[~truth]]
        counted.append(float(np.mean(pairs)))
    assert trials.aurocs(name) == pytest.approx(counted)
    assert trials.aurocs("oracle").tolist() == [1.0] * 6
    lines = lines_of(trials)
    assert "6 cohorts" in lines[0]
    assert "AUROC 1.000" in lines[0]
    assert f"{np.mean(counted):.3f}" in next(line for line in lines if line.startswith(name.split(",")[0]))
    assert [each.value for each in scored(trials, name)] == pytest.approx(np.reshape(counted, (3, 2)).mean(axis=1))


@pytest.mark.parametrize(
    ("choices", "said"),
    [({"children": 19}, "20 children at least"), ({"tested": 10}, "20 children at least"), ({"epochs": 2}, "3 epochs"),
     ({"parts": "drawn,other"}, "drawn, sites, real; got 'drawn,other'"), ({"cohorts": "0"}, "whole number")],
)  # fmt: skip
def test_sizes_too_small_to_judge_are_told_before_anything_is_drawn(choices: dict[str, str], said: str) -> None:
    with pytest.raises(InputError, match=said):
        reproduce(**choices)
