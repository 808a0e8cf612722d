"""MLRG's fusion: any set of films of a patient, told apart by view and time, made into one row of tokens for a study.

Source: Liu et al., Enhanced Contrastive Learning with Multi-view Longitudinal Data for Chest X-ray Report Generation,
CVPR 2025. The anchor film asks; all other films of the study, and the latest earlier one, answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from hilum.core.errors import InputError

VIEWS = ("PA", "AP", "LL", "RL", "unknown")
TIMES = ("current", "latest prior", "older")
CURRENT, LATEST, OLDER = range(3)


@dataclass(frozen=True)
class FusionSize:
    """Sizes of the fusion; the defaults are the published ones over RAD-DINO.

    Args:
        inputs: width of an encoder's tokens.
        width: of the projected tokens.
        hidden: of the projection.
        views: view positions told apart.
        heads, head_width: of attention.
        mlp: hidden width after attention.
        depth: cross-attention layers.
    """

    inputs: int = 768
    width: int = 768
    hidden: int = 1536
    views: int = len(VIEWS)
    heads: int = 8
    head_width: int = 192
    mlp: int = 768
    depth: int = 3


def view_number(view: str) -> int:
    """Return the number of a view position; one that is not listed is 'unknown'."""
    return VIEWS.index(view) if view in VIEWS else VIEWS.index("unknown")


class TokenProjection(nn.Module):
    """Two linear layers with batch normalisation over tokens between them, as MLRG and SEI project films and words.

    Args:
        inputs, hidden, outputs: widths.
        whiten: normalise what comes out too, without scale and shift (SEI).
    """

    def __init__(self, inputs: int, hidden: int, outputs: int, *, whiten: bool = False) -> None:
        """Build; weights are random."""
        super().__init__()
        self.first, self.norm = nn.Linear(inputs, hidden), nn.BatchNorm1d(hidden)
        self.second = nn.Linear(hidden, outputs)
        self.whiten = nn.BatchNorm1d(outputs, affine=False) if whiten else None

    def forward(self, tokens: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return projected tokens (..., outputs).

        Args:
            tokens: (..., inputs).
            mask: bool (...); false is padding, which enters no statistic and comes out as zero. (The released code
                lets padding in.)
        """
        rows = tokens.flatten(0, -2) if mask is None else tokens[mask]
        made: Tensor = self.second(torch.relu(self.norm(self.first(rows))))
        if self.whiten is not None:
            made = self.whiten(made)
        if mask is None:
            return made.reshape(*tokens.shape[:-1], made.shape[-1])
        out = made.new_zeros(*tokens.shape[:-1], made.shape[-1])
        out[mask] = made
        return out


class CrossLayer(nn.Module):
    """One pre-norm layer: the anchor's tokens look at others', then a small network; both are added to what was there.

    Args:
        size: of the fusion.
    """

    def __init__(self, size: FusionSize) -> None:
        """Build; weights are random."""
        super().__init__()
        inner = size.heads * size.head_width
        self.ask_norm, self.answer_norm = nn.LayerNorm(size.width), nn.LayerNorm(size.width)
        self.ask, self.key = nn.Linear(size.width, inner), nn.Linear(size.width, inner)
        self.value, self.out = nn.Linear(size.width, inner), nn.Linear(inner, size.width)
        self.mlp = nn.Sequential(
            nn.LayerNorm(size.width), nn.Linear(size.width, size.mlp), nn.GELU(), nn.Linear(size.mlp, size.width)
        )
        self.heads = size.heads

    def forward(self, anchor: Tensor, others: Tensor, hidden: Tensor) -> Tensor:
        """Return the anchor's tokens (A, N, W), given others' (A, M, W) and bool (A, M), true where there is none."""
        ask, answer = self.ask_norm(anchor), self.answer_norm(others)
        q, k, v = (layer(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
                   for layer, x in ((self.ask, ask), (self.key, answer), (self.value, answer)))  # fmt: skip
        looked = functional.scaled_dot_product_attention(q, k, v, attn_mask=~hidden[:, None, None, :])
        asked: Tensor = anchor + self.out(looked.transpose(1, 2).flatten(2))
        return asked + self.mlp(asked)  # type: ignore[no-any-return]


class ViewFusion(nn.Module):
    """View embedding, projection, time embedding and cross-attention from an anchor to every other film.

    Args:
        size: of it all.
    """

    def __init__(self, size: FusionSize | None = None) -> None:
        """Build; weights are random."""
        super().__init__()
        self.size = size = size or FusionSize()
        self.places = nn.Parameter(torch.randn(size.views, size.inputs) * 0.02)
        self.times = nn.Parameter(torch.randn(len(TIMES), size.width) * 0.02)
        self.place_norm, self.time_norm = nn.LayerNorm(size.inputs), nn.LayerNorm(size.width)
        self.project = TokenProjection(size.inputs, size.hidden, size.width)
        self.layers = nn.ModuleList(CrossLayer(size) for _ in range(size.depth))
        self.norm = nn.LayerNorm(size.width)

    def placed(self, tokens: Tensor, view: Tensor) -> Tensor:
        """Return projected tokens (M, N, W) of films: tokens (M, N, I), view int64 (M,)."""
        made: Tensor = self.project(self.place_norm(tokens + self.places[view][:, None]))
        return made

    def timed(self, tokens: Tensor, when: Tensor) -> Tensor:
        """Return tokens (M, N, W) that know their time: when int64 (M,), an index of `TIMES`."""
        made: Tensor = self.time_norm(tokens + self.times[when][:, None])
        return made

    def fuse(self, tokens: Tensor, anchors: Tensor, others: Tensor) -> Tensor:
        """Return fused tokens (A, N, W) of anchors; an anchor without others comes out as it went in.

        Args:
            tokens: (M, N, W) of all films.
            anchors: int64 (A,), rows of them.
            others: int64 (A, V), rows of the other films of each anchor, -1 for none.

        Raises:
            InputError: if an anchor is among its own others.
        """
        if bool((others == anchors[:, None]).any()):
            raise InputError("an anchor film is among its own others: list only the other films of its study")
        mine, made = tokens[anchors], torch.empty_like(tokens[anchors])
        there = others >= 0
        some = there.any(1)
        made[~some] = mine[~some]
        if bool(some.any()):
            held = others[some].clamp(min=0)
            answers = tokens[held].flatten(1, 2)
            hidden = (~there[some]).repeat_interleave(tokens.shape[1], dim=1)
            asked = mine[some]
            for layer in self.layers:
                asked = layer(asked, answers, hidden)
            made[some] = self.norm(asked).to(made.dtype)
        return made

    def forward(self, tokens: Tensor, view: Tensor, when: Tensor, anchors: Tensor, others: Tensor) -> Tensor:
        """Return fused tokens (A, N, W); see `placed`, `timed` and `fuse`."""
        return self.fuse(self.timed(self.placed(tokens, view), when), anchors, others)


def padded(sets: Sequence[Sequence[int]]) -> Tensor:
    """Return sets of rows as int64 (A, V), -1 where a set is shorter; V is at least 1."""
    width = max((len(each) for each in sets), default=0) or 1
    out = torch.full((len(sets), width), -1, dtype=torch.int64)
    for at, each in enumerate(sets):
        out[at, : len(each)] = torch.as_tensor(list(each), dtype=torch.int64)
    return out
