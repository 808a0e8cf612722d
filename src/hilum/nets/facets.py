"""Disease-query decoder: embeddings of disease texts ask an image's patches; facets of a text are fused before.

Sources: MedKLIP (Wu et al. 2023), whose decoder is the template: 75 entities as queries of width 256, four layers of
four heads, feed-forward 1024, one classifier shared by all entities, and a location head that picks one of eight
places. DeViDe (arXiv 2404.03618) asks the same way and adds descriptions; its fusion and its multi-label projection are
not published in detail, so `GatedFusion`, `AttentionFusion` and `MultiLabelProjection` are reconstructions.

Shapes: B films, N patches of width I, C diseases, F facets of a disease, T text width, D width of the decoder, E width
of the space in which image and text are compared.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True)
class Asking:
    """Settings of a disease-query decoder.

    Args:
        image, text: widths I of the patches and T of the text embeddings.
        width, layers, heads, feedforward: of the decoder.
        drop: dropout inside it.
        among: queries of one film attend to each other, as published. Without it what one disease is told does not
            depend on which others are asked, so that a list of another length changes nothing.
    """

    image: int = 768
    text: int = 768
    width: int = 256
    layers: int = 4
    heads: int = 4
    feedforward: int = 1024
    drop: float = 0.1
    among: bool = True


MEDKLIP = Asking(image=1024)
"""Stage 3 of a ResNet-50 (14 x 14 x 1024 of a film of 224 px) and ClinicalBERT-like text of width 768."""
MEDKLIP_ENTITIES, MEDKLIP_PLACES = 75, 8
"""Entities that MedKLIP asks for, and places that its location head chooses among: the true one and seven others."""
DEVIDE = Asking(image=768)
"""ViT-B/16 (196 patches of a film of 224 px) and Med-KEBERT, both of width 768."""


class Asked(NamedTuple):
    """What the decoder makes of films.

    Args:
        seen: (B, C, D), one vector u_c of each film for each disease.
        logits: (B, C), of the disease being there; one linear layer is shared by all diseases.
        maps: (B, C, N), where the last layer looked, summing to 1 over the patches.
    """

    seen: Tensor
    logits: Tensor
    maps: Tensor


class _Layer(nn.Module):
    """Queries attend to each other, then to the patches, then a feed-forward; normalised before each."""

    def __init__(self, how: Asking) -> None:
        super().__init__()
        self.own = nn.MultiheadAttention(how.width, how.heads, how.drop, batch_first=True) if how.among else None
        self.cross = nn.MultiheadAttention(how.width, how.heads, how.drop, batch_first=True)
        self.norms = nn.ModuleList(nn.LayerNorm(how.width) for _ in range(3))
        self.feed = nn.Sequential(
            nn.Linear(how.width, how.feedforward), nn.ReLU(), nn.Dropout(how.drop),
            nn.Linear(how.feedforward, how.width),
        )  # fmt: skip
        self.drop = nn.Dropout(how.drop)

    def forward(self, x: Tensor, patches: Tensor) -> tuple[Tensor, Tensor]:
        """Map queries (B, C, D) and patches (B, N, D) to queries alike and the attention (B, C, N)."""
        if self.own is not None:
            y = self.norms[0](x)
            x = x + self.drop(self.own(y, y, y, need_weights=False)[0])
        y, maps = self.cross(self.norms[1](x), patches, patches)
        x = x + self.drop(y)
        return x + self.drop(self.feed(self.norms[2](x))), maps


class DiseaseDecoder(nn.Module):
    """Ask films for diseases by their texts.

    Args:
        how: widths and depth.
    """

    def __init__(self, how: Asking = DEVIDE) -> None:
        """Build with random weights."""
        super().__init__()
        self.how = how
        self.query = nn.Linear(how.text, how.width)
        self.patch = nn.Sequential(nn.Linear(how.image, how.width), nn.LayerNorm(how.width))
        self.layers = nn.ModuleList(_Layer(how) for _ in range(how.layers))
        self.norm = nn.LayerNorm(how.width)
        self.exists = nn.Linear(how.width, 1)

    def forward(self, patches: Tensor, diseases: Tensor) -> Asked:
        """Ask.

        Args:
            patches: (B, N, I), of any grid.
            diseases: (C, T) for all films, or (B, C, T) where each film has texts of its own.
        """
        if diseases.ndim == 2:
            diseases = diseases.expand(len(patches), -1, -1)
        x, keys = self.query(diseases), self.patch(patches)
        maps = x.new_zeros(len(patches), diseases.shape[1], patches.shape[1])
        for layer in self.layers:
            x, maps = layer(x, keys)
        seen = self.norm(x)
        return Asked(seen, self.exists(seen).squeeze(-1), maps)


class LocationHead(nn.Module):
    """Score places for what a film shows of each disease (MedKLIP chooses the true one among eight).

    Args:
        width: D.
        text: T.
    """

    def __init__(self, width: int = 256, text: int = 768) -> None:
        """Build with random weights."""
        super().__init__()
        self.project = nn.Linear(width, text)

    def forward(self, seen: Tensor, places: Tensor) -> Tensor:
        """Map u (B, C, D) and embeddings of places (B, C, P, T) to scores (B, C, P), products as published."""
        return torch.einsum("bct,bcpt->bcp", self.project(seen), places)


def mean_facet(facets: Tensor, there: Tensor) -> Tensor:
    """Return the mean of the facets that are there, 0 where a disease has none: (C, F, T), bool (C, F) -> (C, T)."""
    held = there.unsqueeze(-1).to(facets.dtype)
    return (facets * held).sum(dim=1) / held.sum(dim=1).clamp(min=1)


class GatedFusion(nn.Module):
    """e = g * d + (1 - g) * r, r the mean facet and g a gate of each coordinate; the same for every film.

    Args:
        text: T.
    """

    def __init__(self, text: int) -> None:
        """Build with a gate that is one half everywhere."""
        super().__init__()
        self.gate = nn.Linear(2 * text, text)
        nn.init.zeros_(self.gate.weight)
        nn.init.zeros_(self.gate.bias)

    def forward(self, definition: Tensor, facets: Tensor, there: Tensor) -> Tensor:
        """Fuse.

        Args:
            definition: d (C, T).
            facets: (C, F, T), in any order.
            there: bool (C, F); a disease without facets keeps its definition alone.

        Returns:
            (C, T).
        """
        mean = mean_facet(facets, there)
        gate = torch.sigmoid(self.gate(torch.cat([definition, mean], dim=-1)))
        fused = gate * definition + (1 - gate) * mean
        return torch.where(there.any(dim=1, keepdim=True), fused, definition)


class AttentionFusion(nn.Module):
    """Each film weighs the definition and the facets of each disease by how well they answer it.

    Args:
        image: I, width of a film's pooled vector.
        text: T.
    """

    def __init__(self, image: int, text: int) -> None:
        """Build with random weights."""
        super().__init__()
        self.query, self.key = nn.Linear(image, text, bias=False), nn.Linear(text, text, bias=False)

    def forward(self, pooled: Tensor, definition: Tensor, facets: Tensor, there: Tensor) -> Tensor:
        """Fuse films' pooled vectors (B, I) with texts as in `GatedFusion`: (B, C, T)."""
        texts = torch.cat([definition.unsqueeze(1), facets], dim=1)
        held = torch.cat([torch.ones_like(there[:, :1]), there], dim=1)
        scores = torch.einsum("bt,cft->bcf", self.query(pooled), self.key(texts)) / texts.shape[-1] ** 0.5
        weights = scores.masked_fill(~held, float("-inf")).softmax(dim=-1)
        return torch.einsum("bcf,cft->bct", weights, texts)


class SingleProjection(nn.Module):
    """One vector of a film for all diseases: what one can be near to is limited by what else the film shows.

    Args:
        image, out: I and E.
    """

    def __init__(self, image: int, out: int) -> None:
        """Build with random weights."""
        super().__init__()
        self.project = nn.Linear(image, out)

    def forward(self, pooled: Tensor, patches: Tensor, diseases: Tensor) -> Tensor:
        """Map a film's pooled vector (B, I) to unit vectors (B, C, E), the same for each of C diseases (.., C, E)."""
        del patches
        one = functional.normalize(self.project(pooled), dim=-1)
        return one.unsqueeze(1).expand(-1, diseases.shape[-2], -1)


class MultiLabelProjection(nn.Module):
    """One vector of a film for each disease: the disease's text weighs the patches, whose values are pooled.

    The text only weighs; none of it is added to the result. With a residual of the query, as in the decoder, a vector
    could be near to its own text whatever the film shows, and aligning the two would teach nothing.

    Args:
        image, out: I and E.
    """

    def __init__(self, image: int, out: int) -> None:
        """Build with random weights and a sharpness of 10."""
        super().__init__()
        self.key, self.value = nn.Linear(image, out), nn.Linear(image, out)
        self.sharp = nn.Parameter(torch.tensor(10.0).log())

    def forward(self, pooled: Tensor, patches: Tensor, diseases: Tensor) -> Tensor:
        """Map patches (B, N, I) and texts (C, E), or (B, C, E) of each film, to unit vectors (B, C, E)."""
        del pooled
        keys = functional.normalize(self.key(patches), dim=-1)
        asked = functional.normalize(diseases, dim=-1).expand(len(patches), -1, -1)
        weights = (self.sharp.exp() * torch.einsum("bne,bce->bcn", keys, asked)).softmax(dim=-1)
        return functional.normalize(torch.einsum("bcn,bne->bce", weights, self.value(patches)), dim=-1)
