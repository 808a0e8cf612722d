"""Losses for masks."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional


def dice_cross_entropy(logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Return soft Dice loss plus cross-entropy, averaged over samples by weight.

    Args:
        logits: (B, 1, H, W).
        target: (B, 1, H, W) in [0, 1].
        weight: (B,); 0 leaves a sample without a mask out.
    """
    probability = logits.sigmoid()
    shared = (probability * target).sum(dim=(1, 2, 3))
    dice = 1.0 - (2.0 * shared + 1.0) / (probability.sum(dim=(1, 2, 3)) + target.sum(dim=(1, 2, 3)) + 1.0)
    entropy = functional.binary_cross_entropy_with_logits(logits, target, reduction="none").mean(dim=(1, 2, 3))
    return ((dice + entropy) * weight).sum() / weight.sum().clamp(min=1e-6)


def focal_tversky(
    logits: Tensor, target: Tensor, weight: Tensor, *, missed: float = 0.7, false: float = 0.3, gamma: float = 0.75
) -> Tensor:
    """Return the focal Tversky loss (Abraham and Khan 2019), averaged over samples by weight.

    Args:
        logits, target, weight: as of `dice_cross_entropy`.
        missed, false: weights of pixels missed and of pixels claimed falsely; 1/2 each is Dice.
        gamma: exponent; below 1 small masks count more, as in the paper's 3/4.
    """
    probability = logits.sigmoid()
    shared, lost, more = (
        (one * two).sum(dim=(1, 2, 3))
        for one, two in ((probability, target), (1 - probability, target), (probability, 1 - target))
    )
    index = (shared + 1.0) / (shared + missed * lost + false * more + 1.0)
    return ((1.0 - index).clamp(min=1e-7) ** gamma * weight).sum() / weight.sum().clamp(min=1e-6)
