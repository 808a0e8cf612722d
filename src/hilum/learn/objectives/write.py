"""Writing: the loss of the next word where an answer is, and how likely a reader holds each answer to be.

A label is the token to be written at its own place; IGNORED marks what is given (prompt, pictures, padding). The logits
of place t speak of place t + 1, as causal language models of transformers give them.
"""

from __future__ import annotations

import torch
from torch import Tensor

from hilum.core.errors import InputError

IGNORED = -100
"""Label of a token that is not learned, as transformers has it."""


def token_logp(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Return the log-probability of each label given what stands before it, 0 where it is ignored, and which count.

    Args:
        logits: (B, L, V).
        labels: int64 (B, L), IGNORED where not learned; the first place has nothing before it and never counts.

    Returns:
        float32 (B, L - 1) and bool (B, L - 1), for the labels of places 1 to L - 1.

    Raises:
        InputError: if shapes do not agree, or a label is no word.
    """
    if logits.ndim != 3 or logits.shape[:2] != labels.shape:
        raise InputError(
            f"logits (B, L, V) and labels (B, L) must agree, got {tuple(logits.shape)} and {tuple(labels.shape)}"
        )
    asked = labels[:, 1:]
    counts = asked != IGNORED
    if bool(((asked < 0) & counts).any()) or bool((asked >= logits.shape[-1]).any()):
        raise InputError(f"a label lies outside the {logits.shape[-1]} words the reader knows: check the tokenizer")
    chosen = logits[:, :-1].float().gather(-1, asked.clamp(min=0)[..., None])[..., 0]
    logp = chosen - torch.logsumexp(logits[:, :-1].float(), dim=-1)
    return torch.where(counts, logp, torch.zeros_like(logp)), counts


def answer_logp(logits: Tensor, labels: Tensor, *, mean: bool = False) -> Tensor:
    """Return how likely each sample's answers are: the sum of their log-probabilities, or the mean over their tokens.

    Args:
        logits, labels: as `token_logp` takes them.
        mean: divide by the number of tokens (length-normalised), so that long answers are not held less likely.

    Returns:
        float32 (B,); 0 for a sample with nothing to learn.
    """
    logp, counts = token_logp(logits, labels)
    total = logp.sum(1)
    return total / counts.sum(1).clamp(min=1) if mean else total


def answer_lengths(labels: Tensor) -> Tensor:
    """Return the number of learned tokens of each sample, int64 (B,), the end token counted in."""
    return (labels[:, 1:] != IGNORED).sum(1)


def write_loss(logits: Tensor, labels: Tensor, *, by_sample: bool = False) -> Tensor:
    """Return the mean loss of the next word over all learned tokens, -log p.

    Args:
        logits, labels: as `token_logp` takes them.
        by_sample: average within each sample first, so that a short answer weighs as much as a long one.

    Raises:
        InputError: if nothing is to be learned.
    """
    logp, counts = token_logp(logits, labels)
    if not bool(counts.any()):
        raise InputError("no token of this batch is to be learned: every label is ignored")
    if not by_sample:
        return -logp.sum() / counts.sum()
    some = counts.any(1)
    return -(logp.sum(1)[some] / counts.sum(1)[some]).mean()
