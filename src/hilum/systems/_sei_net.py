"""SEI's first stage: a film against its report's entities, and each entity word against what it looks at.

Source: Liu et al., Structural Entities Extraction and Patient Indications Incorporation for Chest X-ray Report
Generation, MICCAI 2024. The released code trains ResNet-101 with it; at the small scale the encoder is frozen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from hilum.learn.objectives.contrast import info_nce
from hilum.learn.objectives.tokens import token_matching
from hilum.nets.towers import SmallText
from hilum.nets.views import TokenProjection
from hilum.systems._stage1 import WIDTH

PUBLISHED: Mapping[str, Any] = MappingProxyType({
    "image": "ResNet-101 of ImageNet, trained", "language": "SciBERT", "size": 224, "grid": 7, "batch": 32,
    "rate": 5e-5, "tau": 0.5, "longest": 100, "unit": 1, "epochs": 100, "optimiser": "AdamW", "text_layers": 6,
    "width": 2048,
})  # fmt: skip
"""Settings of the released first stage (scripts and code of mk-runner/SEI); a preset takes those that a recipe has."""


@dataclass(frozen=True)
class SeiSize:
    """Widths: of the image encoder's tokens, of the text encoder's words, and of what both become."""

    inputs: int = 2048
    told: int = 768
    width: int = 2048


SMALL = SeiSize(WIDTH, WIDTH, WIDTH)


class Batch(NamedTuple):
    """Tokens (B, 1 + P, D) of films, the pooled one first, and their coded texts (B, L)."""

    tokens: Tensor
    ids: Tensor
    mask: Tensor


class Sei(nn.Module):
    """Projections of a film's pooled token and patches, a text encoder, and projections of its text and words.

    Args:
        size: widths.
        text: ids and mask to `Told`.
    """

    def __init__(self, size: SeiSize, text: nn.Module) -> None:
        """Build; weights are random."""
        super().__init__()
        self.size, self.text = size, text
        self.film, self.patch = (TokenProjection(size.inputs, size.inputs, size.width, whiten=True) for _ in range(2))
        self.report, self.word = (TokenProjection(size.told, size.told, size.width, whiten=True) for _ in range(2))

    def seen(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Return films (B, W) and their patches (B, P, W)."""
        return self.film(tokens[:, 0]), self.patch(tokens[:, 1:])

    def told(self, ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return texts (B, W) and their words (B, L, W), zero where there is none."""
        found = self.text(ids, mask)
        return self.report(found.pooled), self.word(found.words, found.mask)

    def features(self, tokens: Tensor) -> Tensor:
        """Return what cases are found by, (B, (1 + P) W): film and patches, each of length 1, one after another."""
        film, patches = self.seen(tokens)
        return normalize(torch.cat((film[:, None], patches), dim=1), dim=-1).flatten(1)


def small_net(vocabulary: int) -> Sei:
    """Return the network over the small encoders, untrained."""
    return Sei(SMALL, SmallText(vocabulary, WIDTH))


def stage1_loss(
    net: Sei, batch: Batch, *, tau: float, words: bool = True, unit: bool = False
) -> tuple[Tensor, dict[str, float]]:
    """Instance InfoNCE both ways, and SEI's token term within each sample.

    Args:
        net, batch: the network, films and texts.
        tau: of both, 0.5 as published.
        words: whether the token term is added.
        unit: words and patches of length 1 before attention, as the released code has them: attention is then flat.
    """
    film, patches = net.seen(batch.tokens)
    text, told = net.told(batch.ids, batch.mask)
    loss = info_nce(normalize(film, dim=-1) @ normalize(text, dim=-1).T / tau)
    parts = {"instance": float(loss.detach())}
    if words:
        if unit:
            patches, told = normalize(patches, dim=-1), normalize(told, dim=-1)
        term = token_matching(patches, told, batch.mask, tau=tau)
        loss, parts = loss + term, {**parts, "token": float(term.detach())}
    return loss, parts
