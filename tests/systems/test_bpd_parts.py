"""BPD's parts: published weights by name, real children's statistics, sites with detectors, runs of the experiment."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from safetensors.torch import save_file  # noqa: E402

from hilum.core.errors import InputError, MissingError  # noqa: E402
from hilum.learn.schedule import Schedule  # noqa: E402
from hilum.measure.binary import auroc  # noqa: E402
from hilum.nets.resnet import ResNet  # noqa: E402
from hilum.systems import _bpd_real as real  # noqa: E402
from hilum.systems._bpd_claims import ARMS, REAL_ARMS, REAL_CLAIMS, arm_name  # noqa: E402
from hilum.systems._bpd_compared import compared  # noqa: E402
from hilum.systems._bpd_folds import folds  # noqa: E402
from hilum.systems._bpd_learn import as_film, read  # noqa: E402
from hilum.systems._bpd_net import network, settle_norms, small  # noqa: E402
from hilum.systems._bpd_plan import NORMS, PLANS, plan  # noqa: E402
from hilum.systems._bpd_site import Site  # noqa: E402
from hilum.systems._bpd_sites import POOLED, SITES, WAYS, Sites, sites, stage_of, starting_from, thawed  # noqa: E402
from hilum.systems._bpd_starts import GENERIC, IN_DOMAIN, RANDOM, starting  # noqa: E402
from hilum.systems._bpd_trials import Effort, run  # noqa: E402


@pytest.fixture(scope="module")
def flat() -> np.ndarray:
    """Films of a bright body with one wide dark lung."""
    film = np.zeros((48, 48), np.uint8)
    film[4:, 3:45] = 190
    film[10:40, 8:40] = 60
    return np.stack([film, film[:, ::-1]])


@pytest.mark.slow
def test_torchxrayvisions_file_fills_the_network_by_its_names(tmp_path: Path) -> None:
    torch.manual_seed(5)
    given = ResNet(channels=1, classes=18)
    save_file(
        {f"model.{name}": value.contiguous() for name, value in given.state_dict().items()},
        tmp_path / "resnet50-res512-all.safetensors",
    )
    net = network("in-domain", weights=tmp_path / "resnet50-res512-all.safetensors", size=64)
    held = net.encoder.state_dict()
    for name, value in given.state_dict().items():
        if not name.startswith("fc."):
            assert torch.equal(held[next(each for each in held if each.endswith(f"model.{name}"))], value)
    film, grey = torch.rand(1, 1, 64, 64), given.eval()
    want = grey(film * 2048.0 - 1024.0)[-1].mean(dim=(2, 3))  # its range is -1024 to 1024
    torch.testing.assert_close(net.eval().encoder(film).pooled, want, rtol=1e-3, atol=1e-3)


def test_weights_that_are_not_there_or_do_not_fit_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HILUM_WEIGHTS", raising=False)
    for start, name in (("in-domain", "resnet50-res512-all"), ("imagenet", "resnet50")):
        with pytest.raises(MissingError, match=name):
            network(start, size=64, weights=tmp_path / "nothing.safetensors")
    save_file({"conv1.weight": torch.zeros(1, 1, 3, 3)}, tmp_path / "other.safetensors")
    with pytest.raises(InputError, match="does not fit"):
        network(net="small", weights=tmp_path / "other.safetensors")


def test_a_small_network_starts_from_weights_of_its_own_kind(tmp_path: Path) -> None:
    taught = small(seed=9).encoder
    save_file(dict(taught.state_dict()), tmp_path / "small.safetensors")
    net = network(net="small", weights=tmp_path / "small.safetensors", seed=1)
    assert all(torch.equal(value, net.encoder.state_dict()[name]) for name, value in taught.state_dict().items())
    assert torch.equal(net.head.weight, small(seed=1).head.weight)


def test_making_a_network_leaves_everyone_elses_draws_alone() -> None:
    torch.manual_seed(3)
    want = torch.rand(4)
    torch.manual_seed(3)
    small(seed=1)
    network("random", net="small", seed=2)
    assert torch.equal(torch.rand(4), want)
    assert torch.equal(small(seed=1).head.weight, small(seed=1).head.weight)
    assert not torch.equal(small(seed=1).head.weight, small(seed=2).head.weight)


def test_settled_norms_make_each_channel_have_mean_0_and_deviation_1() -> None:
    film = torch.rand(32, 1, 48, 48)
    net = settle_norms(small(seed=0), film).eval()
    encoder = net.encoder
    with torch.no_grad():
        seen = encoder.bn1(encoder.conv1((film - 0.5) * 4.0))
    assert float(seen.mean().abs()) < 0.02
    assert float(seen.std()) == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize("name", PLANS)
@pytest.mark.parametrize("norms", NORMS)
def test_plans_are_data_that_come_back_as_they_were_written(name: str, norms: str) -> None:
    for stage in plan(name, norms=norms, rate=2.0):
        again = Schedule.from_json(json.loads(json.dumps(stage.schedule.to_json())))
        assert again == stage.schedule
        assert stage.schedule.norms == norms


def test_a_factor_moves_every_rate_alike() -> None:
    for name in PLANS:
        for one, four in zip(plan(name), plan(name, rate=4.0), strict=True):
            rates = [(a.rate, b.rate) for a, b in zip(one.schedule.groups, four.schedule.groups, strict=True)]
            assert all(b is None if a is None else b == pytest.approx(4 * a) for a, b in rates)
            assert one.epochs == four.epochs


@pytest.mark.parametrize(("ill", "count"), [(10, 30), (15, 30), (20, 30), (5, 163)])
def test_folds_are_balanced_whichever_class_is_the_rarer(ill: int, count: int) -> None:
    bpd = np.arange(count) < ill
    fold = folds(bpd, run=0, seed=0)
    fewer = min(ill, count - ill)
    assert int((fold[bpd] >= 0).sum()) == int((fold[~bpd] >= 0).sum()) == fewer
    for number in range(5):
        assert (fold[bpd] == number).sum() == (fold[~bpd] == number).sum() >= fewer // 5
    whole = folds(bpd, run=0, seed=0, kind="prevalence")
    sizes = np.bincount(whole, minlength=5)
    assert sizes.sum() == count
    assert sizes.max() - sizes.min() <= 1


def test_every_negative_is_tested_in_some_run_of_many() -> None:
    bpd = np.arange(60) < 20
    tested = np.stack([folds(bpd, run=number, seed=1) >= 0 for number in range(20)])
    assert tested[:, bpd].all()
    assert tested[:, ~bpd].any(axis=0).all()
    assert not tested[:, ~bpd].all(axis=0).any()


def test_logits_do_not_depend_on_how_many_films_are_read_at_a_time() -> None:
    films = np.random.default_rng(0).integers(0, 256, (11, 32, 32)).astype(np.uint8)
    net = settle_norms(small(seed=0), as_film(films))
    assert read(net, films, batch=3) == pytest.approx(read(net, films, batch=11), abs=1e-5)
    assert read(net, films[:0]).shape == (0,)
    assert float(as_film(films).max()) <= 1.0


def table_of(site: Site, gain: float) -> dict[str, np.ndarray]:
    """Scores of every real arm over three runs; in-domain ones know more by a gain."""
    draw, table = np.random.default_rng(2), {}
    fold = np.stack([folds(site.bpd, run=0, seed=number) for number in range(3)])
    for origin, schedule in REAL_ARMS:
        logits = draw.normal(0, 1, (3, len(site.bpd))) + site.bpd * (0.4 + gain * (origin == IN_DOMAIN))
        table[arm_name(origin, schedule)] = np.where(fold >= 0, logits, np.nan)
    return table


def test_real_children_are_judged_by_patient_with_both_kinds_of_test() -> None:
    bpd = np.arange(163) < 65
    site = Site.of(np.zeros((163, 4, 4), np.uint8), bpd)
    parts, lines = real._judged(site, table_of(site, 2.0), seed=0)
    assert [part.claim for part in parts] == list(REAL_CLAIMS)
    assert [part.outcome for part in parts] == ["holds", "holds"]
    assert [part.seeds for part in parts] == [3, 3]
    text = "\n".join(lines)
    assert "163 children, 65 with a bacterial cause" in lines[0]
    assert "Wilcoxon over runs cannot be below 0.25" in text
    assert "floor 0.0005" in text
    assert all(f"{arm_name(*each)}: AUROC" in text for each in REAL_ARMS)
    none, _ = real._judged(site, table_of(site, 0.0), seed=0)
    assert [part.outcome for part in none] == ["fails", "fails"]


def test_a_runs_score_counts_only_those_whom_it_tested() -> None:
    bpd = np.array([True, False, True, False, True])
    row = np.array([2.0, 1.0, np.nan, np.nan, 0.0])
    scored = real._scored(Site.of(np.zeros((5, 4, 4), np.uint8), bpd), row)
    assert scored.value == pytest.approx(auroc(np.array([1, 0, 1]), np.array([2.0, 1.0, 0.0])))
    assert scored.at(np.array([[1.0, 1.0, 9.0, 9.0, 0.0]]))[0] == 1.0


def test_each_site_has_its_own_detector_and_children_of_its_own(flat: np.ndarray) -> None:
    found = sites(flat, size=32, seed=4, tested=20)
    assert tuple(len(each) for each in found.known) == SITES
    assert {len(each) for each in found.judged} == {20}
    darkest = [float(np.percentile(np.concatenate([a.films, b.films]), 2)) for a, b in
               zip(found.known, found.judged, strict=True)]  # fmt: skip
    assert len({round(each) for each in darkest}) > 1
    for one, two in zip(found.known, found.judged, strict=True):
        assert not any(np.array_equal(a, b) for a in one.films[:5] for b in two.films)
        assert abs(float(np.percentile(one.films, 2)) - float(np.percentile(two.films, 2))) < 8
    again = sites(flat, size=32, seed=4, tested=20)
    assert all(np.array_equal(a.films, b.films) for a, b in zip(found.known, again.known, strict=True))


def test_a_round_trains_just_what_it_exchanges() -> None:
    names = [name for name, _ in small(seed=0).named_parameters()]
    from hilum.learn.federated import exchanged

    for at in range(10):
        schedule = stage_of(at, rate=3.0).schedule
        learns = {name for name in names if schedule.learns(schedule.of(name), 0, 10)}
        assert learns == set(exchanged(small(seed=0), thawed(at)))
        assert schedule.curve.at(0, 10) == schedule.curve.at(9, 10) == 1.0


def test_all_sites_begin_with_the_same_network() -> None:
    start = starting_from(small(seed=7).encoder, 3)
    first, again = start(), start()
    assert all(torch.equal(value, again.state_dict()[name]) for name, value in first.state_dict().items())
    assert first is not again


def test_ways_are_compared_within_sites_and_federation_by_federation(flat: np.ndarray) -> None:
    found = sites(flat, size=32, seed=0, tested=20, counts=(20, 20))
    perfect = tuple(each.bpd.astype(float) for each in found.judged)
    wrong = tuple(-row for row in perfect)
    flatter = tuple(row + 100.0 * number for number, row in enumerate(perfect))  # sites on scales of their own
    trials: list[tuple[Sites, dict[str, tuple[np.ndarray, ...]]]] = [
        (found, {"local": wrong, "pooled": flatter, "federated": perfect})
    ] * 4
    table = compared(trials)
    assert [table[way].value for way in WAYS] == [0.0, 1.0, 1.0]
    assert table["federated over local"].low == 1.0
    assert table["pooled over federated"].value == 0.0
    assert POOLED in table


def test_the_experiment_trains_each_arm_on_each_cohort(flat: np.ndarray) -> None:
    effort = Effort(seeds=2, cohorts=1, children=20, tested=20, size=32, epochs=3, probe=1, batch=8, arms=ARMS[:2])
    held = [{IN_DOMAIN: small(seed=number).encoder, GENERIC: None, RANDOM: None} for number in range(2)]
    said: list[str] = []
    trials = run(held, flat, effort, seed=0, say=said.append)
    assert set(trials.logits) == set(ARMS[:2])
    assert all(rows.shape == (2, 20) for rows in trials.logits.values())
    assert trials.seed.tolist() == [0, 1]
    assert len(said) == 2
    assert trials.aurocs("oracle").shape == (2,)
    again = run(held, flat, effort, seed=0)
    assert all(np.array_equal(rows, again.logits[name]) for name, rows in trials.logits.items())
    other = run(held, flat, effort, seed=1)
    assert not np.array_equal(other.bpd, trials.bpd)


def test_a_start_from_nothing_has_norms_of_the_sites_films(flat: np.ndarray) -> None:
    made = starting(None, flat)(0)
    fresh = small(seed=0)
    assert torch.equal(made.encoder.conv1.weight, fresh.encoder.conv1.weight)
    assert not torch.equal(made.encoder.bn1.running_mean, fresh.encoder.bn1.running_mean)
