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


def focal(logits: Tensor, target: Tensor, known: Tensor, *, alpha: float = 0.25, gamma: float = 2.0) -> Tensor:
    """Return the focal loss of known labels (Lin et al. 2017): cross-entropy times (1 - p of the truth) ** gamma.

    Args:
        logits, target, known: as of `binary_cross_entropy`.
        alpha: weight of ones, 1 - alpha that of zeros; below 0 neither is weighed.
        gamma: 0 leaves weighted cross-entropy.
    """
    return asymmetric(logits, target, known, up=gamma, down=gamma, alpha=alpha)


def asymmetric(
    logits: Tensor, target: Tensor, known: Tensor, *, up: float = 0.0, down: float = 4.0, margin: float = 0.0,
    alpha: float = -1.0,
) -> Tensor:  # fmt: skip
    """Return the asymmetric loss of known labels (Ridnik et al. 2021), whose focus differs for ones and zeros.

    Args:
        logits, target, known: as of `binary_cross_entropy`.
        up, down: exponents of ones and of zeros.
        margin: probability that zeros are spared: p becomes max(p - margin, 0); .05 in the paper.
        alpha: weight of ones, 1 - alpha that of zeros; below 0 neither is weighed.
    """
    ones = target.to(logits.dtype)
    missed = torch.sigmoid(-logits)  # of ones
    if margin > 0:
        said = (torch.sigmoid(logits) - margin).clamp(min=0)
        zero = -torch.log1p(-said)
    else:
        said, zero = torch.sigmoid(logits), functional.softplus(logits)
    each = ones * missed**up * functional.softplus(-logits) + (1 - ones) * said**down * zero
    if alpha >= 0:
        each = each * (alpha * ones + (1 - alpha) * (1 - ones))
    return (each * known).sum() / known.sum().clamp(min=1)
