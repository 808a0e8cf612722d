"""Fine-tuning's parts beside other ways to work them out: shares, AUROC, Dice, settings, batches of inputs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

torch = pytest.importorskip("torch")

from hilum.core.errors import InputError  # noqa: E402
from hilum.learn.pairs import Pairs  # noqa: E402
from hilum.learn.transfer import (  # noqa: E402
    Chosen,
    Classifier,
    Head,
    Labelled,
    Tuning,
    as_input,
    kept_patients,
    mean_auroc,
    predicted,
    tunings,
)
from hilum.learn.transfer_masks import Drawer, Marked, drawn, mean_dice, stages  # noqa: E402
from hilum.nets.towers import SmallImage  # noqa: E402


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 30), min_size=1, max_size=60), st.floats(0.001, 1.0), st.floats(0.001, 1.0),
       st.integers(0, 5))  # fmt: skip
def test_shares_of_patients_nest_and_hold_as_many_as_they_say(
    numbers: list[int], one: float, two: float, seed: int
) -> None:
    patients = np.array([f"p{number}" for number in numbers])
    small, large = (kept_patients(patients, share, seed=seed) for share in sorted((one, two)))
    assert not (small & ~large).any()
    every = len(set(numbers))
    for share, rows in zip(sorted((one, two)), (small, large), strict=True):
        assert len(set(patients[rows])) == max(1, round(share * every))
        assert not set(patients[rows]) & set(patients[~rows])


def test_nobody_is_no_share() -> None:
    with pytest.raises(InputError, match=r"got 0\.5 of 0"):
        kept_patients(np.array([], dtype=str), 0.5)


def auroc_by_pairs(truth: NDArray[np.bool_], score: NDArray[np.float64]) -> float:
    above = score[truth][:, None] - score[~truth][None]
    return float(np.mean((above > 0) + 0.5 * (above == 0)))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_the_mean_auroc_counts_pairs_of_known_films_and_no_scale_changes_it(seed: int) -> None:
    rng = np.random.default_rng(seed)
    target, known = (rng.random((12, 3)) < 0.4).astype(np.float32), rng.random((12, 3)) < 0.8
    logits = rng.integers(-3, 4, (12, 3)).astype(np.float64)  # with ties
    data, each = Labelled(logits, target, known), []
    for at in range(3):
        truth = target[known[:, at], at] > 0
        if truth.any() and not truth.all():
            each.append(auroc_by_pairs(truth, logits[known[:, at], at]))
    found = mean_auroc(data, logits)
    assert found == pytest.approx(np.mean(each)) if each else np.isnan(found)
    if each:
        assert mean_auroc(data, 3 * logits + 7) == pytest.approx(found)
        assert mean_auroc(data, -logits) == pytest.approx(1 - found)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_the_mean_dice_is_that_of_sets_of_pixels(seed: int) -> None:
    rng = np.random.default_rng(seed)
    masks, logits = rng.random((3, 2, 4, 4)) < 0.3, rng.normal(size=(3, 2, 4, 4))
    masks[0, 1] = False
    marked, each = Marked(np.zeros((3, 4, 4), np.uint8), masks, np.ones((3, 2), bool)), []
    for row in range(3):
        for column in range(2):
            truth, answer = (set(map(tuple, np.argwhere(m))) for m in (masks[row, column], logits[row, column] > 0))
            if truth:
                each.append(2 * len(truth & answer) / (len(truth) + len(answer)))
    assert mean_dice(logits, marked) == pytest.approx(np.mean(each))
    assert mean_dice(np.zeros_like(logits), marked) == 0.0  # a logit of 0 draws nothing


def test_settings_out_of_range_are_refused_and_the_refusal_shows_them() -> None:
    for changes in ({"batch": 0}, {"check_every": 0}, {"patience": -1}, {"rate": 0.0}, {"slow": -1.0}):
        (name, value), *_ = changes.items()
        with pytest.raises(InputError, match=rf"rates above 0: got Tuning\(.*{name}={value}"):
            Tuning(**changes)
    with pytest.raises(InputError, match="share of the steps, from 0 to 1"):
        Tuning(warmup=1.5).fit("encoder.")


def test_combinations_are_all_there_once_and_the_last_varies_fastest() -> None:
    base = Tuning(steps=9)
    assert tunings(base) == (base,)
    assert tunings(base, norm=()) == ()
    made = tunings(base, slow=(1.0, 0.1), rate=(1e-3, 1e-2), norm=(False, True))
    assert len(set(made)) == 8
    assert [each.norm for each in made] == [False, True] * 4
    assert [each.slow for each in made] == [1.0] * 4 + [0.1] * 4


def test_the_spread_is_of_settings_that_came_to_a_number() -> None:
    head, how = Head(2, 1), Tuning()

    def chosen(*values: float) -> Chosen:
        return Chosen(how, head, tuple((how, value) for value in values), (head,) * len(values))

    assert chosen(0.5, 0.9, float("-inf")).spread == pytest.approx(0.4)
    assert chosen(0.7).spread == 0.0
    assert np.isnan(chosen(float("-inf")).spread)


def test_predictions_do_not_hang_on_how_many_are_made_at_once() -> None:
    torch.manual_seed(0)
    head, rows = Head(4, 2, norm=True), np.random.default_rng(0).normal(size=(7, 4)).astype(np.float32)
    whole = predicted(head.train(), rows)
    assert not head.training
    np.testing.assert_allclose(predicted(head, rows, batch=3), whole, rtol=1e-5, atol=1e-6)
    weight, bias = (each.detach().double().numpy() for each in (head.linear.weight, head.linear.bias))
    normal = (rows - rows.mean(1, keepdims=True)) / np.sqrt(rows.var(1, keepdims=True) + 1e-6)
    np.testing.assert_allclose(whole, normal @ weight.T + bias, rtol=1e-4, atol=1e-5)
    assert predicted(head, rows[:0]).shape == (0, 0)


def test_a_classifier_is_its_head_on_what_its_encoder_pools() -> None:
    torch.manual_seed(0)
    encoder, head = SmallImage(16, stride=16, channels=(4, 8)).eval(), Head(16, 3).eval()
    films = np.random.default_rng(0).integers(0, 256, (3, 32, 32)).astype(np.uint8)
    found = predicted(Classifier(encoder, head), films)
    with torch.no_grad():
        wanted = head(encoder(torch.from_numpy(films)[:, None] / 255.0).pooled)
    np.testing.assert_allclose(found, wanted.numpy(), rtol=1e-5, atol=1e-6)


def test_features_stay_as_they_are_whatever_is_asked() -> None:
    rows = np.arange(12, dtype=np.float32).reshape(3, 4)[:, ::2]
    for vary in (False, True):
        assert as_input(rows, seed=3, step=1, vary=vary).tolist() == rows.tolist()


def test_some_rows_of_what_is_labelled_are_those_rows() -> None:
    data = Labelled(np.arange(5)[:, None], np.eye(5, dtype=np.float32), np.eye(5) > 0)
    for rows in (np.array([3, 0, 3]), np.array([True, False, False, True, False])):
        some = data.take(rows)
        assert some.inputs[:, 0].tolist() == np.arange(5)[rows].tolist()
        assert some.target.argmax(1).tolist() == some.known.argmax(1).tolist() == some.inputs[:, 0].tolist()


def test_a_drawer_gives_its_own_encoder_slopes_only_where_it_is_not_frozen() -> None:
    torch.manual_seed(0)
    start = SmallImage(16, stride=16, channels=(4, 8))
    for frozen in (True, False):
        net = Drawer(start, 1, width=8, frozen=frozen)
        net(torch.rand(2, 1, 64, 64)).sum().backward()
        reached = [p.grad is not None for tap in (net.encoder.stem, net.encoder.stages) for p in tap.parameters()]
        assert reached == [not frozen] * len(reached)
        assert any(p.grad is not None for p in net.decoder.parameters())
    assert all(p.grad is None and p.requires_grad for p in start.parameters())


def test_what_is_drawn_has_the_films_size_and_each_film_its_own() -> None:
    torch.manual_seed(0)
    net = Drawer(SmallImage(16, stride=16, channels=(4, 8)), 2, width=8)
    films = np.random.default_rng(0).integers(0, 256, (3, 64, 64)).astype(np.uint8)
    found = drawn(net, films)
    assert found.shape == (3, 2, 64, 64)
    np.testing.assert_allclose(drawn(net, films, batch=1), found, rtol=1e-4, atol=1e-5)
    sides = [maps.shape[-1] for maps in stages(net.encoder, torch.zeros(1, 1, 64, 64))]
    assert sides == sorted(sides, reverse=True)
    assert sides[-1] == 4  # one sixteenth


def test_a_finding_whose_region_nobody_drew_is_known_only_where_it_is_absent() -> None:
    text, count = np.array(["a", "b", "c"]), 3
    target = np.array([[1.0, 1.0], [1.0, 0.0], [0.0, 1.0]], np.float32)
    known = np.array([[True, True], [True, True], [True, False]])
    marked = np.array([[True, False], [True, False], [False, True]])
    regions = np.zeros((count, 2, 8, 8), bool)
    regions[marked, 2:5, 1:4] = True
    pairs = Pairs(
        np.zeros((count, 8, 8), np.uint8), text, text, text, text, text, np.zeros(count, np.int32), ("",) * 3,
        ("",) * 3, ((),) * 3, ("mass", "nodule"), target, known, marked, np.packbits(regions, axis=-1),
        np.zeros((count, 2), np.int8),
    )  # fmt: skip
    both = Marked.of(pairs, ("nodule", "mass"))
    assert both.masks[:, 0].any((1, 2)).tolist() == [False, False, True]
    assert both.masks[:, 1].sum((1, 2)).tolist() == [9, 9, 0]
    assert both.known.tolist() == [[False, True], [True, True], [True, True]]
    assert len(Marked.of(pairs, ("nodule",)).films) == 1
