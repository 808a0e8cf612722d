"""Words and patches of a film: what a word looks at, and losses that ask for it back.

SEI (Liu et al., 2024) matches the words of one report with what they look at in their own film; GLoRIA (Huang et al.,
ICCV 2021) scores a film and a text by their words, and contrasts films with texts by that score.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from hilum.core.errors import InputError

_NEVER = -1e9
FOCUS, POOL, SCALE = 4.0, 5.0, 10.0
"""GLoRIA's published temperatures: of the patches a word looks at, of its words, and of the contrast."""


def looked_at(words: Tensor, patches: Tensor) -> tuple[Tensor, Tensor]:
    """Return what each word looks at, c_w = sum_p a_wp v_p with a = softmax_p(t_w . v_p / sqrt D), and a itself.

    Args:
        words: (B, L, D).
        patches: (B, P, D), of the same films.

    Returns:
        (B, L, D) and (B, L, P), rows of which sum to one.

    Raises:
        InputError: if they do not belong together.
    """
    if words.ndim != 3 or patches.ndim != 3 or words.shape[::2] != patches.shape[::2]:
        raise InputError(
            f"words (B, L, D) and patches (B, P, D) must agree in B and D, got {tuple(words.shape)} and "
            f"{tuple(patches.shape)}"
        )
    share = torch.softmax(words @ patches.transpose(1, 2) / math.sqrt(words.shape[-1]), dim=-1)
    return share @ patches, share


def token_matching(patches: Tensor, words: Tensor, mask: Tensor, *, tau: float = 0.5) -> Tensor:
    """SEI's token term: each word finds what it looks at among what its report's words look at, and the other way.

    Cross-entropy both ways over cosine / tau within each sample, averaged over its words, then over samples.

    Args:
        patches: (B, P, D).
        words: (B, L, D).
        mask: bool (B, L), true for words. Samples with fewer than two words have nothing to tell apart and take no
            part.
        tau: temperature; SEI's is 0.5.

    Raises:
        InputError: if shapes do not agree.
    """
    seen, _ = looked_at(words, patches)
    if mask.shape != words.shape[:2]:
        raise InputError(f"a mask of words must be {tuple(words.shape[:2])}, got {tuple(mask.shape)}")
    scores = functional.normalize(words, dim=-1) @ functional.normalize(seen, dim=-1).transpose(1, 2) / tau
    scores = scores.float().masked_fill(~mask[:, None, :], _NEVER).masked_fill(~mask[:, :, None], _NEVER)
    count = mask.sum(1)
    ways = [torch.diagonal(functional.log_softmax(scores, dim=dim), dim1=1, dim2=2) for dim in (1, 2)]
    each = -(0.5 * (ways[0] + ways[1]) * mask).sum(1) / count.clamp(min=1)
    counted = count > 1
    return (each * counted).sum() / counted.sum().clamp(min=1)


def word_patch_scores(
    patches: Tensor, words: Tensor, mask: Tensor, *, focus: float = FOCUS, pool: float = POOL, mean: bool = False
) -> Tensor:
    """GLoRIA's score of every film with every text: words look at patches, and their cosines are pooled by log-sum-exp.

    A patch first shares itself among the words (softmax over words), then a word among patches (softmax of `focus`
    times that share); a film and a text score log sum_w exp(pool cos(c_w, t_w)). Multiply by `SCALE` for the contrast
    that `contrast.info_nce` takes.

    Args:
        patches: (B, P, D) of films.
        words: (M, L, D) of texts.
        mask: bool (M, L); texts without a word score 0.
        focus, pool: temperatures, 4 and 5 as published.
        mean: average the words instead of summing, so that long texts score no higher.

    Returns:
        (B, M) float32.

    Raises:
        InputError: if shapes do not agree.
    """
    if words.shape[-1] != patches.shape[-1] or mask.shape != words.shape[:2]:
        raise InputError(
            f"words {tuple(words.shape)}, their mask {tuple(mask.shape)} and patches {tuple(patches.shape)} do not "
            "agree: (M, L, D), (M, L) and (B, P, D) are expected"
        )
    columns = []
    for told, there in zip(words, mask, strict=True):  # a text at a time: (B, P, L) stays small
        own = told[there]
        if not len(own):
            columns.append(patches.new_zeros(len(patches), dtype=torch.float32))
            continue
        share = torch.softmax(patches @ own.T, dim=-1)
        looks = torch.softmax(focus * share, dim=1)
        seen = looks.transpose(1, 2) @ patches
        cosine = functional.cosine_similarity(seen, own[None], dim=-1, eps=1e-8).float()
        pooled = torch.logsumexp(pool * cosine, dim=-1)
        columns.append(pooled - math.log(len(own)) if mean else pooled)
    return torch.stack(columns, dim=1)
