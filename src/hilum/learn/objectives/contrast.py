"""Contrast of films and texts: pairs that belong together come near, others apart.

All take scores already divided by the temperature. Rows are films (or anchors), columns texts. `belongs` says which
columns belong to a row; what it leaves out is a rival, unless `spare` takes it out of the sum.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from hilum.core.errors import InputError

_NEVER = -1e9


def _checked(scores: Tensor, belongs: Tensor) -> Tensor:
    if scores.shape != belongs.shape or scores.ndim != 2:
        raise InputError(
            f"scores {tuple(scores.shape)} and belongs {tuple(belongs.shape)} must be one matrix each, alike"
        )
    return belongs.to(torch.bool)


def info_nce(scores: Tensor, *, share: float = 0.5) -> Tensor:
    """Symmetric InfoNCE of N films and their N texts (CLIP, Radford et al. 2021; ConVIRT with `share` of films 0.75).

    Args:
        scores: (N, N); the text of film i is column i.
        share: weight of film to text; the rest is text to film.
    """
    if scores.ndim != 2 or scores.shape[0] != scores.shape[1]:
        raise InputError(f"scores of N films and their N texts must be (N, N), got {tuple(scores.shape)}")
    own = torch.arange(len(scores), device=scores.device)
    return share * functional.cross_entropy(scores, own) + (1 - share) * functional.cross_entropy(scores.T, own)


def soft_targets(belongs: Tensor) -> Tensor:
    """Return rows that sum to one over what belongs; a row with nothing is zero."""
    mask = belongs.to(torch.float32)
    return mask / mask.sum(1, keepdim=True).clamp(min=1.0)


def multi_positive(scores: Tensor, belongs: Tensor) -> Tensor:
    """Cross-entropy both ways against row-normalised positives (MLRG's L_G; SEI's with the identity).

    Args:
        scores: (N, M).
        belongs: (N, M); rows and columns that have nothing take no part.
    """
    mask = _checked(scores, belongs)
    ways = []
    for values, own in ((scores, mask), (scores.T, mask.T)):
        loss = -(soft_targets(own) * functional.log_softmax(values, dim=1)).sum(1)
        ways.append(_mean(loss, own.any(1)))
    return 0.5 * (ways[0] + ways[1])


def supervised(scores: Tensor, belongs: Tensor) -> Tensor:
    """Supervised contrast among N anchors (Khosla et al. 2020; MLRG's L_MPC): the mean over positives of log p.

    Args:
        scores: (N, N) of anchors with each other; the diagonal is left out of the sum.
        belongs: (N, N); anchors without a positive besides themselves take no part.
    """
    mask = _checked(scores, belongs)
    if scores.shape[0] != scores.shape[1]:
        raise InputError(f"anchors are contrasted with each other: expected (N, N), got {tuple(scores.shape)}")
    self_ = torch.eye(len(scores), dtype=torch.bool, device=scores.device)
    own = mask & ~self_
    chances = functional.log_softmax(scores.masked_fill(self_, _NEVER), dim=1)
    loss = -(chances.masked_fill(~own, 0.0)).sum(1) / own.sum(1).clamp(min=1)
    return _mean(loss, own.any(1))


def mp_nce(scores: Tensor, owner: Tensor, *, same: Tensor | None = None) -> Tensor:
    """RadZero's MP-NCE of B films and M sentences, each of which one film owns (arXiv 2504.07416).

    Text to film: each sentence finds its film among all. Film to text: each of a film's sentences against those that
    other films own; its other own sentences are left out.

    Args:
        scores: (B, M) of films with sentences.
        owner: int64 (M,), the film that owns each sentence.
        same: bool (M, M), sentences that say the same; those of other films are then no rivals, and the films that
            own them no rivals either. None keeps them, as published.

    Raises:
        InputError: if owners are not films.
    """
    films, sentences = scores.shape
    if owner.shape != (sentences,) or (sentences and not 0 <= int(owner.min()) <= int(owner.max()) < films):
        raise InputError(f"each of {sentences} sentences needs an owner among {films} films")
    number = torch.arange(sentences, device=scores.device)
    own = functional.one_hot(owner, films).T.to(torch.bool)
    spare = torch.zeros_like(own)
    if same is not None:
        spare = (functional.one_hot(owner, films).T.to(scores.dtype) @ same.to(scores.dtype)) > 0
    towards = scores.masked_fill(spare & ~own, _NEVER).T
    text_to_film = functional.cross_entropy(towards, owner)
    mine = scores[owner]  # (M, M): the owner's scores with every sentence
    rivals = owner[:, None] != owner[None, :]
    if same is not None:
        rivals = rivals & ~same
    keep = rivals | torch.eye(sentences, dtype=torch.bool, device=scores.device)
    film_to_text = functional.cross_entropy(mine.masked_fill(~keep, _NEVER), number)
    return 0.5 * (text_to_film + film_to_text)


def siglip(scores: Tensor, belongs: Tensor, *, bias: Tensor | float = 0.0) -> Tensor:
    """Pairwise sigmoid loss (SigLIP, Zhai et al. 2023): each pair is right or wrong by itself, summed over columns.

    Args:
        scores: (N, M).
        belongs: (N, M).
        bias: added to every score.
    """
    mask = _checked(scores, belongs)
    sign = torch.where(mask, 1.0, -1.0).to(scores.dtype)
    return -functional.logsigmoid(sign * (scores + bias)).sum(1).mean()


def _mean(loss: Tensor, counted: Tensor) -> Tensor:
    return (loss * counted).sum() / counted.sum().clamp(min=1)
