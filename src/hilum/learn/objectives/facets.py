"""Losses of alignment with disease texts: each disease's own vector to its own text, texts to names, places.

Sources: DeViDe (arXiv 2404.03618) names L_bce, L_itc, L_tnc and L_pta without their formulas; `text_name_contrast` and
`projected_alignment` are reconstructions, `film_alignment` is our addition. `location_contrast` is MedKLIP's. L_bce and
L_itc are `classify.binary_cross_entropy` and `contrast.info_nce`.

Shapes: B films, C diseases, E width of the shared space; vectors need not be of unit length.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from hilum.core.errors import InputError
from hilum.learn.objectives.contrast import info_nce

_NEVER = -1e9


def text_name_contrast(fused: Tensor, names: Tensor, *, temperature: float = 0.07) -> Tensor:
    """Return L_tnc: symmetric InfoNCE between fused texts and names of the same diseases, which keeps them apart.

    Args:
        fused: e (C, E).
        names: (C, E), in the same order.
        temperature: above 0.
    """
    scores = functional.normalize(fused, dim=-1) @ functional.normalize(names, dim=-1).T
    return info_nce(scores / temperature)


def cosines(projected: Tensor, texts: Tensor) -> Tensor:
    """Return the cosine of every projected vector with every text.

    Args:
        projected: u (B, C, E), of each film for each disease.
        texts: e (C, E), or (B, C, E) where each film fuses its own.

    Returns:
        (B, C, C): u of disease c (rows) with the text of disease k (columns).
    """
    unit = functional.normalize(texts, dim=-1)
    unit = unit.expand(len(projected), -1, -1) if unit.ndim == 2 else unit
    return torch.einsum("bce,bke->bck", functional.normalize(projected, dim=-1), unit)


def projected_alignment(
    projected: Tensor, texts: Tensor, target: Tensor, known: Tensor, *, temperature: float = 0.07
) -> Tensor:
    """Return L_pta: for each disease that a film shows, -log softmax of its own vector with its own text.

    Rivals are the texts of diseases known to be absent: another that the same film shows is no rival, nor is one of
    which nothing is known (the second is ours: DeViDe's text says nothing of unknown labels).

    Args:
        projected: u (B, C, E).
        texts: e (C, E) or (B, C, E).
        target: (B, C) of 0 and 1; ignored where unknown.
        known: bool (B, C).
        temperature: above 0.

    Returns:
        The mean over films' present diseases; 0 (with a gradient of 0) where there is none.

    Raises:
        InputError: if labels do not belong to the vectors.
    """
    if target.shape != projected.shape[:2] or known.shape != target.shape:
        raise InputError(
            f"labels {tuple(target.shape)}, known {tuple(known.shape)} must be one for each vector "
            f"{tuple(projected.shape[:2])}"
        )
    there, absent = known & (target > 0.5), known & (target <= 0.5)
    scores = cosines(projected, texts) / temperature
    own = torch.eye(target.shape[1], dtype=torch.bool, device=target.device)
    kept = scores.masked_fill(~(absent.unsqueeze(1) | own), _NEVER)
    each = torch.logsumexp(kept, dim=2) - scores.diagonal(dim1=1, dim2=2)
    return (each * there).sum() / there.sum().clamp(min=1)


def film_alignment(
    projected: Tensor, texts: Tensor, target: Tensor, known: Tensor, *, temperature: float = 0.07
) -> Tensor:
    """Return the other way of L_pta: each disease finds the films that show it among those known not to.

    `projected_alignment` never looks at films without the disease. Where a vector is made by asking for a disease, the
    way it was asked can be read off it, and that loss falls to 0 on films that show nothing: only rivals among films
    make the cosine say whether the disease is there. Ours; arguments and result as there.
    """
    there, absent = known & (target > 0.5), known & (target <= 0.5)
    own = functional.cosine_similarity(projected, texts.expand_as(projected), dim=-1) / temperature
    rivals = torch.logsumexp(own.masked_fill(~absent, _NEVER), dim=0, keepdim=True)
    each = torch.logaddexp(own, rivals.expand_as(own)) - own
    return (each * there).sum() / there.sum().clamp(min=1)


def location_contrast(scores: Tensor, known: Tensor) -> Tensor:
    """Return MedKLIP's location loss: cross-entropy of the true place, which stands first, among P places.

    Args:
        scores: (B, C, P) of `nets.facets.LocationHead`.
        known: bool (B, C), a disease that is there and whose place is told.
    """
    each = torch.logsumexp(scores, dim=-1) - scores[..., 0]
    return (each * known).sum() / known.sum().clamp(min=1)
