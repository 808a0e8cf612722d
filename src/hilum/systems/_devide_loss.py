"""DeViDe's loss: L = L_bce + L_itc + L_tnc + alpha L_pta, each with a weight of its own."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from hilum.learn.objectives.classify import binary_cross_entropy
from hilum.learn.objectives.contrast import info_nce
from hilum.learn.objectives.facets import film_alignment, projected_alignment, text_name_contrast
from hilum.systems._devide_net import Answer, Devide


@dataclass(frozen=True)
class Weights:
    """Weights of L = bce L_bce + itc L_itc + tnc L_tnc + alpha (L_pta + films L_films); the published are not known.

    Args:
        bce: existence, per disease; unknown labels are masked.
        itc: films with their reports.
        tnc: fused texts with names.
        alpha: projected vectors with texts.
        films: the other way of the last (ours); 0 leaves L_pta as reconstructed.
        temperature: of all contrasts.
    """

    bce: float = 1.0
    itc: float = 1.0
    tnc: float = 1.0
    alpha: float = 1.0
    films: float = 1.0
    temperature: float = 0.07


def devide_loss(
    net: Devide, answer: Answer, target: Tensor, known: Tensor, reports: tuple[Tensor, Tensor, Tensor] | None,
    weights: Weights,
) -> tuple[Tensor, dict[str, float]]:  # fmt: skip
    """Return L and its parts.

    Args:
        net: for the text tower.
        answer: of the films.
        target, known: (B, C); unknown labels take no part.
        reports: ids and mask (B, L) of the films' reports, and which films have one (B,); None where none has.
        weights: of the parts; one of 0 is not computed.
    """
    parts: dict[str, Tensor] = {}
    hot = weights.temperature
    if weights.bce:
        parts["bce"] = weights.bce * binary_cross_entropy(answer.logits, target, known)
    if weights.itc and reports is not None and int(reports[2].sum()) > 1:
        ids, mask, held = reports
        said = functional.normalize(net.words(net.text(ids[held], mask[held]).pooled), dim=-1)
        parts["itc"] = weights.itc * info_nce(functional.normalize(answer.film[held], dim=-1) @ said.T / hot)
    if weights.tnc and net.how.told != "names":
        fused = answer.texts if answer.texts.ndim == 2 else answer.texts.mean(0)
        parts["tnc"] = weights.tnc * text_name_contrast(fused, answer.names, temperature=hot)
    if weights.alpha:
        parts["pta"] = weights.alpha * projected_alignment(
            answer.projected, answer.texts, target, known, temperature=hot
        )
        if weights.films:
            parts["films"] = weights.alpha * weights.films * film_alignment(
                answer.projected, answer.texts, target, known, temperature=hot
            )  # fmt: skip
    total = torch.stack(list(parts.values())).sum()
    return total, {name: float(value.detach()) for name, value in parts.items()}
