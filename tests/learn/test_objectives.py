"""Losses against sums done by hand."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch")

from hilum.learn.objectives.classify import binary_cross_entropy, partial_cross_entropy, weighted_cross_entropy  # noqa: E402
from hilum.learn.objectives.segment import dice_cross_entropy  # noqa: E402

ALL = torch.ones(2, 3, dtype=torch.bool)


def test_weighted_cross_entropy_is_the_papers_sum_over_the_label_matrix() -> None:
    logits = torch.tensor([[0.3, -1.2, 2.0], [0.0, 0.7, -0.4]])
    target = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    ones, zeros = 2, 4
    beta_p, beta_n = (ones + zeros) / ones, (ones + zeros) / zeros
    by_hand = 0.0
    for x, y in zip(logits.flatten().tolist(), target.flatten().tolist(), strict=True):
        f = 1 / (1 + math.exp(-x))
        by_hand += beta_p * -math.log(f) if y else beta_n * -math.log(1 - f)
    assert float(weighted_cross_entropy(logits, target, ALL)) == pytest.approx(by_hand / (ones + zeros), rel=1e-6)


def test_unknown_labels_change_nothing() -> None:
    logits, target = torch.randn(2, 3), torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    known = torch.tensor([[True, True, False], [True, True, False]])
    other, flipped = logits.clone(), target.clone()
    other[:, 2] += 9.0
    flipped[:, 2] = 1.0
    assert weighted_cross_entropy(logits, target, known) == weighted_cross_entropy(other, flipped, known)
    assert binary_cross_entropy(logits, target, known) == binary_cross_entropy(other, flipped, known)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_a_batch_of_one_kind_is_finite(value: float) -> None:
    loss = weighted_cross_entropy(torch.zeros(2, 3), torch.full((2, 3), value), ALL)
    assert float(loss) == pytest.approx(math.log(2))


def test_nothing_known_gives_zero_loss_and_zero_gradient() -> None:
    logits = torch.randn(2, 3, requires_grad=True)
    loss = weighted_cross_entropy(logits, torch.ones(2, 3), ~ALL)
    loss.backward()
    assert float(loss.detach()) == 0.0
    assert torch.count_nonzero(logits.grad) == 0


def test_extreme_logits_do_not_overflow() -> None:
    assert torch.isfinite(weighted_cross_entropy(torch.tensor([[1e4, -1e4]]), torch.tensor([[0.0, 1.0]]), ALL[:1, :2]))


def test_partial_entropy_of_one_allowed_class_is_cross_entropy() -> None:
    logits, label = torch.randn(4, 3), torch.tensor([0, 2, 1, 1])
    allowed = torch.nn.functional.one_hot(label, 3).bool()
    expected = torch.nn.functional.cross_entropy(logits, label)
    assert float(partial_cross_entropy(logits, allowed)) == pytest.approx(float(expected), rel=1e-5)


def test_partial_entropy_of_two_allowed_classes_is_the_log_of_their_sum() -> None:
    logits = torch.randn(1, 3)
    chance = logits.softmax(dim=1)[0]
    loss = partial_cross_entropy(logits, torch.tensor([[True, True, False]]))
    assert float(loss) == pytest.approx(-math.log(float(chance[0] + chance[1])), rel=1e-5)


def test_partial_entropy_leaves_out_samples_that_rule_nothing_out() -> None:
    logits = torch.randn(2, 3)
    allowed = torch.tensor([[True, False, False], [True, True, True]])
    alone = partial_cross_entropy(logits[:1], allowed[:1])
    assert torch.allclose(partial_cross_entropy(logits, allowed), alone)
    assert float(partial_cross_entropy(logits, torch.ones(2, 3, dtype=torch.bool))) == 0.0


def test_mask_loss_is_small_for_a_right_and_large_for_a_wrong_mask() -> None:
    mask = torch.zeros(1, 1, 8, 8)
    mask[..., :4] = 1.0
    sure = (mask * 2 - 1) * 20
    assert float(dice_cross_entropy(sure, mask, torch.ones(1))) < 0.02
    assert float(dice_cross_entropy(-sure, mask, torch.ones(1))) > 10


def test_mask_loss_ignores_films_without_a_mask() -> None:
    logits, mask = torch.randn(2, 1, 8, 8), torch.rand(2, 1, 8, 8).round()
    both = dice_cross_entropy(logits, mask, torch.tensor([1.0, 0.0]))
    assert torch.allclose(both, dice_cross_entropy(logits[:1], mask[:1], torch.ones(1)))
    assert float(dice_cross_entropy(logits, mask, torch.zeros(2))) == 0.0
