"""Focal, asymmetric and Tversky losses against sums done by hand and the losses they become."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch")

from hilum.learn.objectives.classify import asymmetric, binary_cross_entropy, focal  # noqa: E402
from hilum.learn.objectives.segment import dice_cross_entropy, focal_tversky  # noqa: E402

LOGITS = torch.tensor([[0.3, -1.2, 2.0], [0.0, 0.7, -0.4]])
TARGET = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
KNOWN = torch.tensor([[True, True, False], [True, True, True]])


def test_focal_is_the_papers_sum() -> None:
    total = 0.0
    for x, y, k in zip(LOGITS.flatten().tolist(), TARGET.flatten().tolist(), KNOWN.flatten().tolist(), strict=True):
        p = 1 / (1 + math.exp(-x))
        truth, weight = (p, 0.25) if y else (1 - p, 0.75)
        total += k * -weight * (1 - truth) ** 2 * math.log(truth)
    assert float(focal(LOGITS, TARGET, KNOWN)) == pytest.approx(total / 5, rel=1e-5)


def test_without_focus_or_weight_it_is_cross_entropy() -> None:
    plain = binary_cross_entropy(LOGITS, TARGET, KNOWN)
    torch.testing.assert_close(focal(LOGITS, TARGET, KNOWN, alpha=-1, gamma=0), plain)
    torch.testing.assert_close(focal(LOGITS, TARGET, KNOWN, alpha=0.5, gamma=0), plain / 2)
    torch.testing.assert_close(asymmetric(LOGITS, TARGET, KNOWN, up=0, down=0), plain)


def test_asymmetric_spares_zeros_below_the_margin() -> None:
    logits = torch.tensor([[-4.0, 3.0]])  # probabilities .018 and .953
    zeros, known = torch.zeros(1, 2), torch.ones(1, 2, dtype=torch.bool)
    p = 1 / (1 + math.exp(-3.0)) - 0.05
    expected = -(p**4) * math.log(1 - p) / 2
    assert float(asymmetric(logits, zeros, known, margin=0.05)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("loss", [focal, asymmetric])
def test_what_is_not_stated_has_no_gradient(loss: object) -> None:
    logits = LOGITS.clone().requires_grad_()
    loss(logits, TARGET, KNOWN).backward()  # type: ignore[operator]
    assert logits.grad is not None
    assert ((logits.grad != 0) == KNOWN).all()
    assert float(loss(LOGITS, TARGET, ~(KNOWN | ~KNOWN))) == 0.0  # type: ignore[operator]


@pytest.mark.parametrize("loss", [focal, asymmetric])
def test_sure_answers_stay_finite(loss: object) -> None:
    logits = torch.tensor([[80.0, -80.0, 80.0]], requires_grad=True)
    value = loss(logits, torch.tensor([[1.0, 0.0, 0.0]]), torch.ones(1, 3, dtype=torch.bool))  # type: ignore[operator]
    value.backward()
    assert torch.isfinite(value)
    assert torch.isfinite(logits.grad).all()


def masks(*numbers: float) -> torch.Tensor:
    return torch.tensor(numbers).reshape(1, 1, 1, -1)


def test_even_tversky_is_dice() -> None:
    logits, target = masks(2.0, -1.0, 0.5, -3.0), masks(1.0, 0.0, 1.0, 0.0)
    p = logits.sigmoid()
    shared = float((p * target).sum())
    expected = 1 - (shared + 1) / (shared + 0.5 * float(((1 - p) * target).sum() + (p * (1 - target)).sum()) + 1)
    found = focal_tversky(logits, target, torch.ones(1), missed=0.5, false=0.5, gamma=1.0)
    assert float(found) == pytest.approx(expected, rel=1e-5)


def test_a_missed_pixel_costs_more_than_a_false_one_and_perfection_nothing() -> None:
    target, even = masks(1.0, 1.0, 0.0, 0.0), torch.ones(1)
    missed = focal_tversky(masks(9.0, -9.0, -9.0, -9.0), target, even)
    false = focal_tversky(masks(9.0, 9.0, 9.0, -9.0), target, even)
    perfect = focal_tversky(masks(30.0, 30.0, -30.0, -30.0), target, even)
    assert float(missed) > float(false) > 0.1
    assert float(perfect) < 1e-4
    both = torch.cat([target, target]), torch.tensor([1.0, 0.0])
    logits = torch.cat([masks(9.0, -9.0, -9.0, -9.0), masks(-9.0, 9.0, 9.0, 9.0)])
    assert float(focal_tversky(logits, *both)) == pytest.approx(float(missed))
    assert torch.isfinite(dice_cross_entropy(logits, *both))
