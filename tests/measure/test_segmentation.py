"""Instances and the registered metrics of masks: counted by hand, resampled by repeating rows, honest about nothing."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.core.errors import InputError
from hilum.core.region import Mask
from hilum.measure.instances import components, dice_table, match
from hilum.measure.metric import metric, metrics, score_all
from hilum.measure.pairs import Pairs

NAMES = ("dice", "global-dice", "iou", "hit", "hd95", "nsd", "instance-f1", "instance-precision", "instance-recall")


def drawn(seed: int, count: int = 8, shape: tuple[int, ...] = (12, 12)) -> Pairs:
    draw = np.random.default_rng(seed)
    true = [draw.random(shape) < 0.15 for _ in range(count)]
    said = [mask ^ (draw.random(shape) < 0.05) for mask in true]
    return Pairs(tuple(true), tuple(said), patients=tuple("abcdefgh"[:count]))


def test_corners_join_an_instance_in_pictures_and_volumes() -> None:
    flat, deep = np.eye(3, dtype=bool), np.zeros((3, 3, 3), bool)
    deep[(0, 1, 2), (0, 1, 2), (0, 1, 2)] = True
    assert components(flat)[1] == components(deep)[1] == 1
    deep[1, 1, 1] = False
    assert components(Mask(deep))[1] == 2


@given(st.integers(0, 10_000))
@settings(max_examples=30, deadline=None)
def test_the_table_is_the_dice_of_each_pair_and_matching_finds_the_most(seed: int) -> None:
    draw = np.random.default_rng(seed)
    one, two = draw.random((7, 7)) < 0.2, draw.random((7, 7)) < 0.2
    table = dice_table(one, two)
    (ours, rows), (theirs, columns) = components(one), components(two)
    for row in range(rows):
        for column in range(columns):
            a, b = ours == row + 1, theirs == column + 1
            assert table[row, column] == pytest.approx(2 * (a & b).sum() / (a.sum() + b.sum()))
    found = match(one, two)
    assert (found.right + found.missed, found.right + found.invented) == (rows, columns)
    assert found.right >= match(one, two, how="greedy").right
    if min(rows, columns) > 0 and max(rows, columns) <= 6:
        small = table if rows <= columns else table.T
        best = max(
            sum(small[r, c] >= 0.2 for r, c in enumerate(order))
            for order in permutations(range(small.shape[1]), len(small))
        )
        assert found.right == best


def test_matching_the_most_gives_up_the_best_dice_where_greed_loses_one() -> None:
    reference, answer = np.zeros((1, 40), bool), np.zeros((1, 40), bool)
    reference[0, 0:10] = reference[0, 11:16] = True
    answer[0, 3:16] = True  # best with the first; the second has only this one
    answer[0, 0:2] = True
    assert match(reference, answer).right == 2
    assert match(reference, answer, how="greedy").right == 1


def test_counts_by_hand() -> None:
    reference, answer = np.zeros((20, 20), bool), np.zeros((20, 20), bool)
    reference[1:5, 1:5] = reference[10:14, 10:14] = True
    answer[1:5, 2:6] = answer[17:19, 1:3] = True
    assert match(reference, answer)[:3] == (1, 1, 1)
    assert match(reference, answer).pairs == ((1, 1, pytest.approx(0.75)),)
    found = metric("instance-f1")(Pairs((reference,), (answer,)))
    assert found.value == 0.5
    assert found.notes == [{"right": 1, "invented": 1, "missed": 1}]
    assert "connectivity:8|dice:0.2|match:most" in found.signature
    assert "connectivity:26" in metric("instance-f1")(drawn(0, 2, (5, 5, 5))).signature


def test_all_are_registered_and_scored_together() -> None:
    assert set(NAMES) <= {each.name for each in metrics("mask")}
    done, failed = score_all(NAMES, drawn(1))
    assert not failed
    for name, scored in done.items():
        low, high = metric(name).range
        assert low <= scored.value <= high
        assert scored.interval(tuple("abcdefgh"), replicates=50).low <= scored.value


@pytest.mark.parametrize("name", NAMES)
def test_a_resampled_set_is_scored_as_that_set(name: str) -> None:
    pairs, rows = drawn(2), np.array([0, 0, 3, 5, 5, 5, 7, 1])
    weights = np.bincount(rows, minlength=8).astype(float)[None, :]
    again = Pairs(tuple(pairs.references[r] for r in rows), tuple(pairs.answers[r] for r in rows))
    assert metric(name)(pairs).at(weights)[0] == pytest.approx(metric(name)(again).value)


def test_nothing_and_nothing_is_undefined_missing_is_worst_and_no_answer_is_said_so() -> None:
    none, some = np.zeros((6, 8), bool), np.zeros((6, 8), bool)
    some[1:3, 1:3] = True
    pairs = Pairs((none, some, some, some), (none, none, some, None))
    dice, far = metric("dice")(pairs), metric("hd95")(pairs, spacing_mm=(0.5, 0.5))
    assert dice.unscored == far.unscored == {0: "undefined: both masks are empty", 3: "there is no answer"}
    assert dice.value == 0.5
    assert far.values[1] == pytest.approx(5.0)  # the diagonal of 3 x 4 mm
    assert metric("nsd")(pairs).value == metric("hit")(pairs).value == 0.5
    assert metric("instance-precision")(pairs).unscored[1] == "undefined: the answer is empty"
    assert metric("instance-recall")(pairs).value == 0.5


def test_millimetres_and_pixels_are_two_protocols_and_each_pair_may_have_its_own() -> None:
    pairs = drawn(3)
    pixels, mm = metric("hd95")(pairs), metric("hd95")(pairs, spacing_mm=(2.0, 2.0))
    assert mm.value == pytest.approx(2 * pixels.value)
    assert pixels.signature.replace("unit:pixels", "unit:mm") == mm.signature != pixels.signature
    each = metric("hd95")(pairs, spacing_mm=[(1.0 + n, 1.0 + n) for n in range(8)])
    assert each.values == pytest.approx(pixels.values * np.arange(1, 9))
    with pytest.raises(InputError, match="8 pairs but 2 spacings"):
        metric("hd95")(pairs, spacing_mm=[(1.0, 1.0)] * 2)


def test_a_hit_is_a_dice_of_a_tenth() -> None:
    some = np.zeros((1, 40), bool)
    some[0, :19] = True
    one = np.zeros((1, 40), bool)
    one[0, 0] = True  # 2 / 20
    assert metric("hit")(Pairs((some,), (one,))).value == 1
    some[0, 19] = True
    assert metric("hit")(Pairs((some,), (one,))).value == 0


def test_malformed_options_are_refused() -> None:
    with pytest.raises(InputError, match="tolerance"):
        metric("nsd")(drawn(4), tolerance=-1.0)
    with pytest.raises(InputError, match="level"):
        match(np.ones((2, 2)), np.ones((2, 2)), level=0)


@pytest.mark.parametrize("shape", [(12, 12), (6, 7, 8)])
def test_dice_and_iou_are_torchmetrics(shape: tuple[int, ...]) -> None:
    torch = pytest.importorskip("torch")
    functional = pytest.importorskip("torchmetrics.functional.segmentation")
    pairs = drawn(5, shape=shape)
    true, said = (torch.tensor(np.stack(side)[:, None].astype(np.int64)) for side in (pairs.references, pairs.answers))
    expected = functional.dice_score(said, true, num_classes=1, input_format="one-hot", average="micro")
    assert metric("dice")(pairs).value == pytest.approx(float(expected.mean()), abs=1e-6)
    expected = functional.mean_iou(said, true, num_classes=1, input_format="one-hot")
    assert metric("iou")(pairs).value == pytest.approx(float(expected.mean()), abs=1e-6)


def test_global_dice_is_the_mean_over_findings_of_cases_under_its_own_name() -> None:
    pairs = drawn(6)
    one, two = metric("global-dice")(pairs), metric("dice")(pairs)
    assert one.value == two.value == pytest.approx(one.values.mean())
    assert one.signature.startswith("global-dice|average:pairs|empty:undefined|pair:finding-of-case|")
