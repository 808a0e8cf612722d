"""Losses for labels that are present, absent or not known."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def weighted_cross_entropy(logits: Tensor, target: Tensor, known: Tensor) -> Tensor:
    """Return W-CEL of ChestX-ray8 (Wang et al. 2017), divided by the number of known labels.

    beta_P = (|P| + |N|) / |P| and beta_N = (|P| + |N|) / |N| count all known ones and zeros of the batch's
    label matrix, not one class; a batch without ones (or zeros) gives that side no weight.

    Args:
        logits: (B, K).
        target: (B, K) of 0 and 1; ignored where unknown.
        known: bool (B, K); not mentioned is not 0.

    Returns:
        A scalar; 0 (with a gradient of 0) where nothing is known.
    """
    ones, zeros = known & (target > 0.5), known & (target <= 0.5)
    positive = (functional.softplus(-logits) * ones).sum() / ones.sum().clamp(min=1)
    negative = (functional.softplus(logits) * zeros).sum() / zeros.sum().clamp(min=1)
    return positive + negative


def binary_cross_entropy(logits: Tensor, target: Tensor, known: Tensor) -> Tensor:
    """Return the mean cross-entropy over known labels: logits, target (B, ...), known bool (B, ...)."""
    each = functional.binary_cross_entropy_with_logits(logits, target.to(logits.dtype), reduction="none")
    return (each * known).sum() / known.sum().clamp(min=1)


def partial_cross_entropy(logits: Tensor, allowed: Tensor) -> Tensor:
    """Return -log of the probability given to the allowed classes, over samples that rule any out.

    One allowed class is ordinary cross-entropy; two say "one of these"; all of them say nothing.

    Args:
        logits: (B, K).
        allowed: bool (B, K), at least one per sample.
    """
    informed = ~allowed.all(dim=1)
    inside = logits.masked_fill(~allowed, -1e4).logsumexp(dim=1)
    each = torch.logsumexp(logits, dim=1) - inside
    return (each * informed).sum() / informed.sum().clamp(min=1)
