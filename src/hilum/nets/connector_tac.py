"""Libra's temporal alignment connector: all layers of the encoder, and the current film compared with the prior one.

Source: Zhang et al., Libra: Leveraging Temporal Images for Biomedical Radiology Analysis, ACL Findings 2025. There the
pair of films takes one slot of the prompt. Here each film has its slot, as beams and trainers count them; what stands
in the prior's is one learned vector, so that the language model learns of it through the connector alone.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from hilum.core.errors import InputError
from hilum.nets.connector_base import Attention, Connector, known_films, mlp, pixel_merge, pixel_split
from hilum.nets.fuse import FRONT, PRIOR, Films


class Squeeze(nn.Module):
    """Weighs channels by what their means say (Hu et al. 2018), then mixes them: (M, C, P, D) to (M, K, P, D).

    Args:
        inputs, outputs: C and K.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        """Build; weights are random."""
        super().__init__()
        hidden = max(1, inputs // 2)
        self.weigh = nn.Sequential(nn.Linear(inputs, hidden), nn.GELU(), nn.Linear(hidden, inputs), nn.Sigmoid())
        self.mix = nn.Linear(inputs, outputs, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map channels."""
        weighed = x * self.weigh(x.mean(dim=(2, 3)))[:, :, None, None]
        made: Tensor = self.mix(weighed.transpose(1, 3)).transpose(1, 3)
        return made


class LayerwiseExtractor(nn.Module):
    """All layers of an encoder as one: channels halved step by step, 12, 6, 3, 1 for twelve.

    Args:
        layers: L.
    """

    def __init__(self, layers: int) -> None:
        """Build; weights are random."""
        super().__init__()
        steps = [layers]
        while steps[-1] > 1:
            steps.append(steps[-1] // 2)
        self.steps = nn.Sequential(*(Squeeze(one, two) for one, two in pairwise(steps)))

    def forward(self, x: Tensor) -> Tensor:
        """Map hidden states (M, L, P, D) to (M, P, D)."""
        made: Tensor = self.steps(x)[:, 0]
        return made


class TemporalFusion(nn.Module):
    """The current film asks the prior one; both look at themselves first.

    Args:
        width: of tokens.
        heads: of attention.
        drop: of attention and of the feed-forward, in training.
        bias: whether the prior is shifted by a learned number where both films are alike. (One number for all
            channels: the norms after it remove nearly all of it.)
        self_attention: whether films look at themselves.
        feed: hidden width of the feed-forward.
    """

    def __init__(self, width: int, heads: int, *, drop: float, bias: bool, self_attention: bool, feed: int) -> None:
        """Build; weights are random."""
        super().__init__()
        self.shift = nn.Parameter(torch.empty(1)) if bias else None
        self.looks = nn.ModuleList(Attention(width, heads, drop) for _ in range(2 if self_attention else 0))
        self.look_norms = nn.ModuleList(nn.LayerNorm(width) for _ in self.looks)
        self.cross = Attention(width, heads, drop)
        self.cross_norm, self.norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.feed = nn.Sequential(
            nn.Linear(width, feed), nn.GELU(), nn.Dropout(drop), nn.Linear(feed, width), nn.Dropout(drop)
        )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Begin without a shift."""
        if self.shift is not None:
            nn.init.zeros_(self.shift)

    def forward(self, current: Tensor, prior: Tensor) -> Tensor:
        """Map current films (M, P, W) and their priors to fused tokens (M, P, W)."""
        if self.shift is not None:
            alike = functional.cosine_similarity(current.flatten(1), prior.flatten(1))
            prior = prior + (((alike + 1) / 2) ** 8)[:, None, None] * self.shift
        mine, theirs = current, prior
        if len(self.looks):
            mine, theirs = (
                norm(x + look(x, x))
                for look, norm, x in zip(self.looks, self.look_norms, (current, prior), strict=True)
            )
        asked = self.cross_norm(mine + self.cross(mine, theirs))
        made: Tensor = self.norm(current + self.feed(asked))
        return made


class TemporalConnector(Connector):
    """Layerwise extraction of each film; the current frontal one fused with the prior frontal one; four linear layers.

    A film without a prior is fused with itself: the published way to do without.

    Args:
        vision_width, text_width: D and the language model's width.
        layers: L, hidden states given side by side; the published system takes all twelve.
        heads: of attention.
        drop: of attention and feed-forward in training.
        bias, self_attention: parts that an ablation may leave out, see `TemporalFusion`.
        feed: hidden width of the feed-forward after attention; D by default, as published.
        prior_slot: what stands in the prior's slot: a learned 'placeholder', or its 'own' tokens.
        depth: linear layers after the fusion.
        merge: side of the squares of patches that become one token.

    Raises:
        InputError: if heads do not divide the width, or `prior_slot` is neither.
    """

    fuses = True

    def __init__(
        self, vision_width: int, text_width: int, *, layers: int = 1, heads: int = 4, drop: float = 0.1,
        bias: bool = True, self_attention: bool = True, feed: int | None = None,
        prior_slot: Literal["placeholder", "own"] = "placeholder",
        depth: int = 4, merge: int = 1,
    ) -> None:  # fmt: skip
        """Build; weights are random."""
        super().__init__(merge)
        if prior_slot not in ("placeholder", "own"):
            raise InputError(f"the prior's slot holds a 'placeholder' or its 'own' tokens, got '{prior_slot}'")
        self.layers = layers
        self.extract = LayerwiseExtractor(layers)
        self.fusion = TemporalFusion(
            vision_width, heads, drop=drop, bias=bias, self_attention=self_attention, feed=feed or vision_width
        )
        self.project = mlp(vision_width * merge * merge, text_width, depth)
        self.gone = nn.Parameter(torch.empty(text_width)) if prior_slot == "placeholder" else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the placeholder."""
        if self.gone is not None:
            nn.init.normal_(self.gone, std=0.02)

    def each(self, seen: Tensor) -> Tensor:
        """Map films (M, P, L * D) to (M, T, D * merge^2)."""
        return pixel_merge(self.extract(seen.reshape(*seen.shape[:2], self.layers, -1).transpose(1, 2)), self.merge)

    def fuse(self, tokens: Tensor, films: Films | None) -> Tensor:
        """Map films (M, T, D * merge^2) to (M, T, text_width)."""
        films, split = known_films(films), pixel_split(tokens, self.merge)
        prior = films.first(PRIOR)
        mine = torch.arange(len(films), device=tokens.device)
        mate = torch.where((films.role == FRONT) & (prior >= 0), prior, mine)
        made: Tensor = self.project(pixel_merge(self.fusion(split, split[mate]), self.merge))
        if self.gone is None:
            return made
        return torch.where((films.role == PRIOR)[:, None, None], self.gone.to(made.dtype), made)
