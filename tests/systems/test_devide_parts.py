"""DeViDe's network and loss by parts, and the control that must destroy what descriptions give."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hilum.core.errors import InputError  # noqa: E402
from hilum.core.seed import generator  # noqa: E402
from hilum.learn.pairs import gather  # noqa: E402
from hilum.learn.wording import Wording  # noqa: E402
from hilum.nets.facets import Asking  # noqa: E402
from hilum.nets.towers import Seen, SmallImage, SmallText  # noqa: E402
from hilum.phantom.shadows import shadows  # noqa: E402
from hilum.systems._devide_align import WIDTH, Shown, align, how_of  # noqa: E402
from hilum.systems._devide_arms import DESCRIPTIONS, MOVED, NAMES, ONE  # noqa: E402
from hilum.systems._devide_knowledge import Entry, entries, permuted  # noqa: E402
from hilum.systems._devide_loss import Weights, devide_loss  # noqa: E402
from hilum.systems._devide_net import Devide, How  # noqa: E402
from hilum.systems._devide_scores import by_count, crowded, mean_auroc  # noqa: E402
from hilum.systems._devide_texts import coded_texts  # noqa: E402
from hilum.systems._devide_trunk import PatchLabels, fit_places, placed, places_loss  # noqa: E402

TOLD = entries(["lung mass", "pneumothorax", "cardiomegaly"])
WORDS = Wording.of([text for each in TOLD for text in (each.name, each.definition, *each.facets)])
ASKING = Asking(image=16, text=12, width=16, layers=1, heads=2, feedforward=32, drop=0.0, among=False)


def _net(**how: str) -> Devide:
    torch.manual_seed(0)
    return Devide(SmallImage(16), SmallText(len(WORDS), 12), How(space=8, asking=ASKING, **how))  # type: ignore[arg-type]


def _films(count: int = 4) -> torch.Tensor:
    return torch.rand(count, 1, 32, 32, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("told", ["names", "definitions", "descriptions", "both"])
@pytest.mark.parametrize("fusion", ["gate", "attention"])
@pytest.mark.parametrize("projection", ["many", "one"])
def test_every_way_of_telling_gives_logits_and_cosines(told: str, fusion: str, projection: str) -> None:
    answer = _net(told=told, fusion=fusion, projection=projection)(_films(), coded_texts(TOLD, WORDS))
    assert answer.logits.shape == answer.cosine.shape == (4, 3)
    assert answer.cosine.abs().max() <= 1 + 1e-5
    assert answer.maps.shape == (4, 3, 16)


@pytest.mark.parametrize("wrong", [{"told": "all"}, {"fusion": "sum"}, {"projection": "two"}])
def test_a_way_that_is_not_known_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(InputError, match="must be one of"):
        How(**wrong)  # type: ignore[arg-type]


def test_no_disease_is_refused() -> None:
    with pytest.raises(InputError, match="no disease to ask for"):
        coded_texts([], WORDS)


def test_what_is_not_told_does_not_matter() -> None:
    other = [replace(each, facets=tuple(text[::-1] for text in each.facets)) for each in TOLD]
    for told, same in (("names", True), ("definitions", True), ("descriptions", False), ("both", False)):
        net, films = _net(told=told).eval(), _films()
        with torch.no_grad():
            one, two = (net(films, coded_texts(each, WORDS)).logits for each in (TOLD, other))
        assert torch.equal(one, two) is same


def test_a_disease_with_fewer_facets_is_told_by_those_it_has() -> None:
    few = [replace(TOLD[0], facets=TOLD[0].facets[:2]), *TOLD[1:]]
    coded = coded_texts(few, WORDS)
    assert coded.there.tolist() == [[True, True, False, False, False], [True] * 5, [True] * 5]
    net = _net(told="descriptions").eval()
    with torch.no_grad():
        fused, _ = net.fused(torch.zeros(1, 16), coded)
        alone, _ = net.fused(torch.zeros(1, 16), coded_texts([few[0]], WORDS))
    assert torch.allclose(fused[0], alone[0], atol=1e-5)


def _loss(weights: Weights, *, reports: bool = True) -> dict[str, float]:
    net = _net()
    target = torch.tensor([[1.0, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0]])
    ids, mask = WORDS.code(["mass", "pneumothorax", "heart", ""])
    said = (ids, mask, torch.tensor([True, True, True, False])) if reports else None
    known = torch.ones(4, 3, dtype=torch.bool)
    total, parts = devide_loss(net, net(_films(), coded_texts(TOLD, WORDS)), target, known, said, weights)
    assert total.item() == pytest.approx(sum(parts.values()), rel=1e-5)
    return parts


def test_each_part_of_the_loss_has_its_weight() -> None:
    whole = _loss(Weights())
    assert set(whole) == {"bce", "itc", "tnc", "pta", "films"}
    for weight, name in (("bce", "bce"), ("itc", "itc"), ("tnc", "tnc"), ("films", "films")):
        assert set(_loss(replace(Weights(), **{weight: 0.0}))) == set(whole) - {name}
        assert _loss(replace(Weights(), **{weight: 2.0}))[name] == pytest.approx(2 * whole[name], rel=1e-5)
    assert set(_loss(Weights(alpha=0.0))) == set(whole) - {"pta", "films"}
    assert "itc" not in _loss(Weights(), reports=False)


def test_unknown_labels_change_nothing() -> None:
    net, texts = _net().eval(), coded_texts(TOLD, WORDS)
    known = torch.tensor([[True, True, False]] * 4)
    values = []
    for unknown in (0.0, 1.0):
        target = torch.tensor([[1.0, 0, unknown], [0, 1, unknown], [0, 0, unknown], [1, 1, unknown]])
        values.append(devide_loss(net, net(_films(), texts), target, known, None, Weights())[0].item())
    assert values[0] == pytest.approx(values[1])


def test_places_of_findings_follow_their_regions_and_unmarked_ones_are_unknown() -> None:
    pairs = gather(shadows(count=20, size=64, chance=0.5), size=64, names=("lung mass", "cardiomegaly", "lung cyst"))
    places, known = placed(pairs)
    assert places.shape == (20, 3, 8, 8)
    there = pairs.target > 0
    assert not places[~there].any()
    masses = np.flatnonzero(there[:, 0])
    assert len(masses)
    for row in masses:
        centre = np.argwhere(pairs.mask(np.array([row]), 0)[0]).mean(0) // 8
        assert places[row, 0, int(centre[0]), int(centre[1])]
    assert not known[:, 2].any()  # never stated
    hidden = replace(pairs, marked=np.zeros_like(pairs.marked))
    assert (placed(hidden)[1][:, 0] == ~there[:, 0]).all()


@pytest.mark.slow
def test_the_shared_encoder_learns_where_things_are() -> None:
    rng = generator(0, "squares")
    films, places = np.full((64, 32, 32), 60, np.uint8), np.zeros((64, 1, 4, 4), bool)
    for film, place in zip(films, places, strict=True):
        row, column = rng.integers(0, 4, 2)
        film[8 * row : 8 * row + 8, 8 * column : 8 * column + 8] = 200
        place[0, row, column] = True
    known = np.ones((64, 1), bool)
    encoder = fit_places(films, places, known, width=16, steps=40, seed=0)
    with torch.no_grad():
        patches = encoder(torch.from_numpy(films)[:, None].float() / 255).patches
    inside, outside = (patches[torch.from_numpy(mask)] for mask in (places[:, 0].reshape(64, 16),
                                                                    ~places[:, 0].reshape(64, 16)))  # fmt: skip
    apart = (inside.mean(0) - outside.mean(0)).norm() / outside.std(0).norm()
    assert apart > 2
    net = PatchLabels(SmallImage(16), 16, 1)
    first = places_loss(net(_films(2)), torch.zeros(2, 16, 1), torch.ones(2, 16, 1, dtype=torch.bool))
    assert first.item() == pytest.approx(np.log1p(np.exp(-4)), rel=0.5)


def _world(seed: int = 0) -> tuple[Shown, Shown, list[Entry]]:
    """Diseases of two facets (4 x 4 values), 12 taught and 4 not; a film's patch holds what its facets add up to."""
    rng = generator(seed, "world")
    looks = [looks for looks in product(range(4), range(4)) if looks[0] != looks[1]]
    looks += [(value, value) for value in range(4)]  # never taught, though each value is
    axes = rng.normal(size=(8, WIDTH)).astype(np.float32)
    told = [
        Entry(f"name{'x' * at}", "a thing", (f"first{'abcd'[a]}", f"second{'abcd'[b]}"))
        for at, (a, b) in enumerate(looks)
    ]  # fmt: skip  (numbers are read as one word)

    def films(count: int, kinds: list[int]) -> Shown:
        patches = rng.normal(0, 0.3, (count, 6, WIDTH)).astype(np.float32)
        target = np.zeros((count, len(looks)), np.float32)
        for row in range(count):
            for place, at in enumerate(rng.choice(kinds, size=int(rng.integers(1, 3)), replace=False)):
                patches[row, place] += axes[looks[at][0]] + axes[4 + looks[at][1]]
                target[row, at] = 1
        pooled = torch.from_numpy(patches.mean(1))
        labels = torch.from_numpy(target)
        return Shown(Seen(pooled, torch.from_numpy(patches), (2, 3)), labels, torch.ones_like(labels).bool(),
                     ("",) * count)  # fmt: skip

    return films(400, list(range(12))), films(300, list(range(16))), told


def _untaught(arm: str, told: list[Entry]) -> tuple[float, float]:
    known, judged, _ = _world()
    shown = Shown(known.seen, known.target[:, :12], known.known[:, :12], known.reports)
    reader = align(shown, told[:12], how_of(arm), steps=120, seed=0, rate=4e-3)
    scores = reader.scores(judged.seen, told)
    truth = judged.target.numpy() > 0.5
    everything = np.ones((300, 4), bool)
    assert scores.maps.shape == (300, 16, 6)
    return tuple(mean_auroc("auroc", values[:, 12:], truth[:, 12:], everything).value  # type: ignore[return-value]
                 for values in (scores.logits, scores.cosine))  # fmt: skip


@pytest.mark.slow
def test_descriptions_tell_untaught_diseases_and_names_or_descriptions_of_others_do_not() -> None:
    *_, told = _world()
    own = max(_untaught(DESCRIPTIONS, told))
    assert own > 0.8
    assert abs(_untaught(NAMES, told)[0] - 0.5) < 0.15
    moved = [*permuted(told[:12], generator(1, "test")), *permuted(told[12:], generator(1, "test"))]
    assert _untaught(MOVED, moved)[0] < own - 0.15


@pytest.mark.slow
def test_one_vector_for_all_is_nearer_chance_by_cosine() -> None:
    *_, told = _world()
    assert _untaught(DESCRIPTIONS, told)[1] > _untaught(ONE, told)[1]


def test_mean_auroc_is_the_mean_of_those_that_can_be_judged() -> None:
    score = np.array(
        [[0.1, 0.9, 0.0], [0.2, 0.1, 0.0], [0.3, 0.8, 0.0], [0.4, 0.2, 0.0], [0.5, 0.7, 0.0], [0.6, 0.3, 0]]
    )
    target = np.array([[0, 0, 1], [0, 1, 0], [0, 0, 0], [1, 1, 0], [1, 0, 0], [1, 1, 0]], bool)
    made = mean_auroc("auroc", score, target, np.ones_like(target))
    assert made.value == pytest.approx((1.0 + 0.0) / 2)  # the third disease is on one film only
    rows = np.array([True] * 5 + [False])
    assert np.isnan(mean_auroc("auroc", score, target, np.ones_like(target), rows=rows).value)


def test_crowded_films_are_compared_with_those_of_few_diseases() -> None:
    rng = generator(0, "crowded")
    target = np.zeros((200, 6), bool)
    for row in target:
        row[rng.choice(6, size=int(rng.integers(1, 6)), replace=False)] = True
    count = target.sum(1, keepdims=True)
    score = target + rng.normal(0, 0.05 + (count >= 4) * 50.0, target.shape)
    assert crowded(score, target).value == pytest.approx(-0.5, abs=0.1)
    assert by_count(score, target)[0] > 0.95
    assert len(by_count(score, target)) == 5
