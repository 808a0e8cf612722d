"""BPD's schedules against analytic values, frozen weights bit for bit, CutMix by area, and folds by patient."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from hilum.core.errors import InputError  # noqa: E402
from hilum.learn.augment_mix import Mixed, box_of, cutmix, mixed_cross_entropy  # noqa: E402
from hilum.systems._bpd_augment import Vary, varied  # noqa: E402
from hilum.systems._bpd_cross import out_of_fold  # noqa: E402
from hilum.systems._bpd_folds import NEVER, folds  # noqa: E402
from hilum.systems._bpd_learn import How, learn, read  # noqa: E402
from hilum.systems._bpd_net import SiteNet, network, settle_norms, small  # noqa: E402
from hilum.systems._bpd_plan import FULL, MIXED, PLANS, PROBED, PROGRESSIVE, Stage, plan  # noqa: E402
from hilum.systems._bpd_site import Site  # noqa: E402
from hilum.systems._bpd_sites import stage_of, thawed  # noqa: E402

NAMES = tuple(name for name, _ in small(seed=0).named_parameters())

BLOCKS = ("head", "layer4", "layer3", "layer2", "layer1", "encoder")


def learning(stage: Stage, epoch: int) -> set[str]:
    """Which blocks learn during an epoch of a stage, by the schedule's groups and the network's own names."""
    schedule, found = stage.schedule, set()
    for name in NAMES:
        if schedule.learns(schedule.of(name), epoch * 10, stage.epochs * 10):
            found.add(
                next(block for block in ("head", "layer4", "layer3", "layer2", "layer1", "encoder") if block in name)
            )
    return found


@pytest.mark.parametrize(("epochs", "at"), [(20, (2, 6, 12)), (30, (3, 9, 18)), (10, (1, 3, 6)), (12, (1, 3, 7))])
def test_blocks_thaw_at_whole_epochs_and_the_stem_never(epochs: int, at: tuple[int, int, int]) -> None:
    (stage,) = plan(PROGRESSIVE, epochs=epochs)
    for epoch in range(epochs):
        wanted = {"head"} | {
            block for block, first in zip(("layer4", "layer3", "layer2"), at, strict=True) if epoch >= first
        }
        assert learning(stage, epoch) == wanted


def test_the_cycle_is_torchs_own_and_layer3_thaws_at_its_peak() -> None:
    (stage,) = plan(PROGRESSIVE)
    steps = stage.epochs * 5
    peaks = [group.rate for group in stage.schedule.groups[:4]]
    assert peaks == [1e-3, 5e-4, 2.5e-4, 1e-4]
    weights = [nn.Parameter(torch.zeros(1)) for _ in peaks]
    optimizer = torch.optim.AdamW([{"params": [each]} for each in weights])
    theirs = torch.optim.lr_scheduler.OneCycleLR(optimizer, peaks, total_steps=steps, pct_start=0.3)
    shares = []
    for step in range(steps):
        share = stage.schedule.curve.at(step, steps)
        shares.append(share)
        for group, peak in zip(optimizer.param_groups, peaks, strict=True):
            assert peak * share == pytest.approx(group["lr"], rel=1e-6, abs=1e-12)
            assert stage.schedule.curve.momentum_at(step, steps) == pytest.approx(group["betas"][0])
        optimizer.step()
        if step + 1 < steps:
            theirs.step()
    assert int(np.argmax(shares)) == pytest.approx(0.3 * steps, abs=1)
    assert shares[math.floor(0.6 * steps)] < 0.65


def test_a_probe_is_of_the_head_alone_without_cutmix_and_all_arms_are_as_long() -> None:
    for name in PLANS:
        stages = plan(name)
        assert sum(stage.epochs for stage in stages) == 30
        assert [stage.cutmix for stage in stages] == ([0.0, 0.5] if name == MIXED else [0.0] * len(stages))
    probe, thaw = plan(PROBED)
    assert (probe.epochs, thaw.epochs) == (10, 20)
    assert learning(probe, 0) == learning(probe, 9) == {"head"}
    assert [group.decay for group in probe.schedule.groups[:1]] == [1e-4]
    assert {group.decay for group in thaw.schedule.groups[1:4]} == {1e-4}
    assert thaw.schedule.groups[0].decay == 1e-5
    (whole,) = plan(FULL)
    assert [group.rate for group in whole.schedule.groups] == [1e-3, 2.5e-4]
    assert "encoder" in learning(whole, 0)
    assert "layer1" in learning(whole, 0)


def test_plans_that_cannot_be_are_refused() -> None:
    for name, epochs, probe, said in (
        ("all", 30, 10, "no plan"),
        (MIXED, 10, 10, "leave 0"),
        (PROBED, 5, 0, "probe of 0"),
    ):
        with pytest.raises(InputError, match=said):
            plan(name, epochs=epochs, probe=probe)
    with pytest.raises(InputError, match="norms"):
        plan(FULL, norms="frozen")


def made(count: int = 24, size: int = 32) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(0)
    bpd = np.arange(count) % 3 == 0
    films = draw.integers(0, 120, (count, size, size)) + 100 * bpd[:, None, None]
    return films.astype(np.uint8), bpd


@pytest.mark.parametrize("norms", ["kept", "moving"])
def test_what_is_frozen_stays_bit_for_bit_and_its_norms_do_as_stated(norms: str) -> None:
    films, bpd = made()
    net = settle_norms(small(seed=1), torch.from_numpy(films).float()[:, None] / 255)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    learn(net, films, bpd, plan(MIXED, epochs=6, probe=2, norms=norms), seed=0)
    after = net.state_dict()
    frozen = [
        name
        for name, _ in net.named_parameters()
        if "layer1" in name or name.startswith(("encoder.conv1", "encoder.bn1"))
    ]
    assert len(frozen) > 6
    assert all(torch.equal(before[name], after[name]) for name in frozen)
    for block in ("layer4", "layer3", "layer2", "head"):
        assert any(not torch.equal(before[name], after[name]) for name in before if block in name and "weight" in name)
    statistics = [name for name in before if "layer1" in name and "running" in name]
    assert all(torch.equal(before[name], after[name]) for name in statistics) == (norms == "kept")


def test_a_probe_changes_nothing_but_the_head() -> None:
    films, bpd = made()
    net = small(seed=2)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    learn(net, films, bpd, plan(PROBED, epochs=3, probe=2)[:1], seed=0)
    changed = {name for name, value in net.state_dict().items() if not torch.equal(before[name], value)}
    assert changed == {"head.weight", "head.bias"}


def test_the_share_of_a_label_is_the_area_that_is_left() -> None:
    draw = np.random.default_rng(0)
    own, shares = torch.zeros(6, 1, 40, 50), []
    own += torch.arange(6).view(-1, 1, 1, 1)
    for _ in range(60):
        mixed = cutmix(own, draw, probability=1.0)
        for row in range(6):
            kept = float((mixed.film[row] == row).float().mean())
            assert kept == pytest.approx(mixed.share if mixed.other[row] != row else 1.0, abs=1e-6)
            assert set(mixed.film[row].unique().tolist()) <= {float(row), float(mixed.other[row])}
        shares.append(mixed.share)
    assert min(shares) < 0.4
    assert max(shares) > 0.9
    assert torch.equal(own[:, 0, 0, 0], torch.arange(6.0))


def test_a_box_within_the_film_has_the_area_asked_for_and_one_at_the_edge_less() -> None:
    draw = np.random.default_rng(1)
    for share in (0.0, 0.3, 0.75, 1.0):
        areas = []
        for _ in range(200):
            top, bottom, left, right = box_of(60, 60, share, draw)
            assert 0 <= top <= bottom <= 60
            assert 0 <= left <= right <= 60
            areas.append((bottom - top) * (right - left) / 3600)
        assert max(areas) <= 1 - share + 0.03
        assert share in (0.0, 1.0) or max(areas) == pytest.approx(1 - share, abs=0.03)


def test_the_mixed_loss_is_the_weighted_sum_of_both() -> None:
    logits, target = torch.tensor([0.3, -1.0, 2.0]), torch.tensor([1.0, 0.0, 1.0])
    mixed = Mixed(torch.zeros(3, 1, 2, 2), torch.tensor([1, 2, 0]), 0.7)
    p = 1 / (1 + np.exp(-logits.numpy()))

    def cross(y: np.ndarray) -> float:
        return float(-(y * np.log(p) + (1 - y) * np.log(1 - p)).mean())

    wanted = 0.7 * cross(target.numpy()) + 0.3 * cross(target.numpy()[[1, 2, 0]])
    assert float(mixed_cross_entropy(logits, target, mixed)) == pytest.approx(wanted, rel=1e-5)
    none = cutmix(torch.rand(3, 1, 8, 8), np.random.default_rng(0), probability=0.0)
    assert none.share == 1.0
    with pytest.raises(InputError, match="probability"):
        cutmix(torch.rand(3, 1, 8, 8), np.random.default_rng(0), probability=1.5)


@pytest.mark.parametrize("kind", ["balanced", "prevalence"])
def test_folds_part_patients_as_they_say(kind: str) -> None:
    bpd = np.arange(163) < 65
    seen = []
    for run in range(6):
        fold = folds(bpd, run=run, seed=3, kind=kind)
        seen.append(fold)
        for number in range(5):
            test = fold == number
            ill, well = int((test & bpd).sum()), int((test & ~bpd).sum())
            assert ill == 13
            assert well == 13 if kind == "balanced" else well in (19, 20)
        assert int((fold == NEVER).sum()) == (98 - 65 if kind == "balanced" else 0)
        assert (fold[bpd] != NEVER).all()
    assert not np.array_equal(seen[0], seen[1])
    assert np.array_equal(seen[2], folds(bpd, run=2, seed=3, kind=kind))
    with pytest.raises(InputError, match="5 patients of each class"):
        folds(np.arange(20) < 4, run=0, seed=0)


class Watch(nn.Module):
    """A network that notes the brightest pixel of every film that it learns from."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.head = nn.Linear(1, 1), nn.Linear(1, 1)
        self.learned: set[int] = set()

    def forward(self, film: torch.Tensor) -> torch.Tensor:
        shade = film.amax(dim=(1, 2, 3))
        if self.training:
            self.learned |= {round(each * 255) for each in shade.tolist()}
        return self.head(self.encoder(shade[:, None]))[:, 0]


def test_no_film_of_a_tested_patient_is_ever_learned_from() -> None:
    """Each film is painted with its patient's number, so that what is learned from can be read off the films."""
    owner = np.repeat(np.arange(20), 2)
    films = np.broadcast_to(owner[:, None, None], (40, 32, 32)).astype(np.uint8)
    site = Site(films, owner, np.arange(20) % 2 == 0, tuple(f"p{n}" for n in range(20)))
    nets: list[Watch] = []

    def start(seed: int) -> nn.Module:
        nets.append(Watch())
        return nets[-1]

    still = How(8, Vary(0.0, 0.0, (1.0, 1.0), 0.0, mask=0.0))
    scores = out_of_fold(site, start, plan(FULL, epochs=6), seed=0, runs=2, kind="prevalence", how=still)
    assert len(nets) == 10
    for run in range(2):
        fold = folds(site.bpd, run=run, seed=0, kind="prevalence")
        for number in range(5):
            tested = set(np.flatnonzero(fold == number).tolist())
            learned = nets[5 * run + number].learned
            assert len(learned) > 10
            assert not learned & tested
    assert np.isfinite(scores).all()


def test_the_same_seed_gives_the_same_network_and_labels_are_learned() -> None:
    films, bpd = made()
    first, again = (learn(small(seed=1), films, bpd, plan(FULL, epochs=12, rate=4.0), seed=0) for _ in range(2))
    scores = read(first, films)
    assert np.array_equal(scores, read(again, films))
    assert scores[bpd].mean() > scores[~bpd].mean()
    with pytest.raises(InputError, match="one label only"):
        learn(small(seed=0), films[:2], np.array([True, True]), plan(FULL), seed=0)


def test_films_are_varied_within_their_limits() -> None:
    film = torch.linspace(0.1, 0.9, 64).expand(40, 1, 64, 64).contiguous()
    still = Vary(rotate_deg=0.0, mirror=0.0, zoom=(1.0, 1.0), blur=0.0, mask=0.0)
    assert torch.allclose(varied(film, np.random.default_rng(0), still), film, atol=1e-4)
    turned = varied(film, np.random.default_rng(0), Vary(0.0, 1.0, (1.0, 1.0), 0.0, mask=0.0))
    assert torch.allclose(turned, film.flip(-1), atol=1e-4)
    masked = varied(film, np.random.default_rng(0), Vary(0.0, 0.0, (1.0, 1.0), 0.0, mask=1.0))
    assert float((masked == 0.5).float().mean()) == pytest.approx(0.25, abs=0.01)
    sharp = torch.rand(8, 1, 512, 512)
    soft = varied(sharp, np.random.default_rng(0), Vary(0.0, 0.0, (1.0, 1.0), 1.0, (2.0, 2.0), 0.0))
    assert float(soft.std()) < 0.3 * float(sharp.std())
    assert float(soft.mean()) == pytest.approx(float(sharp.mean()), abs=0.01)


def test_a_network_from_nothing_settles_its_norms_on_what_it_is_shown() -> None:
    film = torch.rand(16, 1, 64, 64) * 0.2 + 0.6
    net = settle_norms(small(seed=0), film)
    x = net.encoder.conv1((film - 0.5) * 4.0)
    assert torch.allclose(net.encoder.bn1.running_mean, x.mean(dim=(0, 2, 3)), atol=1e-4)
    assert net.encoder.bn1.momentum == 0.1


def test_the_published_network_is_torchxrayvisions_and_its_blocks_are_found() -> None:
    net = network("random", size=64, seed=0)
    assert isinstance(net, SiteNet)
    assert net.head.in_features == 2048
    assert float(net.head.bias.detach()) == pytest.approx(0.01)
    names = [name for name, _ in net.named_parameters()]
    for name in PLANS:
        for stage in plan(name):
            stage.schedule.assign(names)  # every group of every plan finds its block here too
    assert net(torch.rand(2, 1, 64, 64)).shape == (2,)
    with pytest.raises(InputError, match="no start"):
        network("photographs")


def test_rounds_over_sites_thaw_what_the_plan_thaws() -> None:
    assert [len(thawed(at)) for at in range(10)] == [1, 2, 2, 3, 3, 3, 4, 4, 4, 4]
    for at in (0, 1, 3, 6, 9):
        stage = stage_of(at)
        assert stage.epochs == 2
        moving = learning(stage, 0)
        assert moving == {each.strip("*.") for each in thawed(at)}
    rates = [stage_of(at).schedule.groups[0].rate for at in range(10)]
    assert max(rates) == pytest.approx(1e-3)
    assert int(np.argmax(rates)) == 2


def test_a_site_needs_labels_films_and_patients_of_one_length() -> None:
    films, bpd = made()
    site = Site.of(films, bpd)
    assert site.first(np.array([3, 0])).tolist() == [3, 0]
    cases: tuple[Callable[[], Site], ...] = (
        lambda: Site(films, np.arange(23), bpd, site.patients),
        lambda: Site(films, np.zeros(24, int), bpd, site.patients),
    )  # fmt: skip
    for case in cases:
        with pytest.raises(InputError):
            case()
    assert How().batch == 8
