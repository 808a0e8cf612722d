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
