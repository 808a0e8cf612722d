"""MLRG's multi-view fusion as a connector: the anchor film asks every other film of its row (see `nets.views`)."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from hilum.core.errors import InputError
from hilum.nets.connector_base import Connector, known_films, mlp, pixel_merge, pixel_split
from hilum.nets.fuse import ROLES, Films
from hilum.nets.views import CURRENT, LATEST, FusionSize, ViewFusion, view_number

_VIEWS = {"cur_front": "PA", "cur_lat": "LL", "cur_other": "unknown", "prior_front": "PA", "lesion_crop": "unknown"}


class ViewConnector(Connector):
    """View and time embeddings, cross-attention from the anchor to all others, and a projection.

    The anchor is the first frontal film of a row, else its first current film. The published projection normalises
    over the batch, which a trainer that compares a network in training with one in evaluation does not survive: here
    it is two plain layers.

    Args:
        vision_width, text_width: D and the language model's width.
        layers: L, hidden states given side by side.
        width, hidden: of the fused tokens and of the projection before; D and twice that by default.
        heads, head_width: of attention; the head's width is such that heads fill `width` by default.
        depth: cross-attention layers.
        other_slots: what stands in the slots of the other films: their 'own' tokens, or a learned 'placeholder'.
        merge: side of the squares of patches that become one token.

    Raises:
        InputError: if `other_slots` is neither.
    """

    fuses = True

    def __init__(
        self, vision_width: int, text_width: int, *, layers: int = 1, width: int | None = None,
        hidden: int | None = None, heads: int = 4, head_width: int | None = None, depth: int = 3,
        other_slots: Literal["own", "placeholder"] = "own", merge: int = 1,
    ) -> None:  # fmt: skip
        """Build; weights are random."""
        super().__init__(merge)
        if other_slots not in ("own", "placeholder"):
            raise InputError(f"other films' slots hold their 'own' tokens or a 'placeholder', got '{other_slots}'")
        inputs = vision_width * layers
        wide = width or vision_width
        size = FusionSize(
            inputs=inputs, width=wide, hidden=hidden or 2 * wide, heads=heads, head_width=head_width or wide // heads,
            mlp=wide, depth=depth,
        )  # fmt: skip
        self.fusion = ViewFusion(size)
        projection = nn.Sequential(nn.Linear(inputs, size.hidden), nn.GELU(), nn.Linear(size.hidden, wide))
        self.fusion.project = projection  # type: ignore[assignment]
        self.project = mlp(wide * merge * merge, text_width, 2)
        self.gone = nn.Parameter(torch.empty(text_width)) if other_slots == "placeholder" else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the embeddings and the placeholder."""
        for each in (self.fusion.places, self.fusion.times, self.gone):
            if each is not None:
                nn.init.normal_(each, std=0.02)

    def fuse(self, tokens: Tensor, films: Films | None) -> Tensor:
        """Map films (M, T, L * D * merge^2) to (M, T, text_width)."""
        films = known_films(films)
        view = torch.tensor([view_number(_VIEWS[role]) for role in ROLES], device=tokens.device)
        when = torch.tensor([LATEST if role == "prior_front" else CURRENT for role in ROLES], device=tokens.device)
        split = pixel_split(tokens, self.merge)
        placed = self.fusion.timed(self.fusion.placed(split, view[films.role]), when[films.role])
        anchors = films.anchors()
        fused = placed.index_copy(0, anchors, self.fusion.fuse(placed, anchors, films.others(anchors)))
        made: Tensor = self.project(pixel_merge(fused, self.merge))
        if self.gone is None:
            return made
        asks = torch.zeros(len(films), dtype=torch.bool, device=tokens.device).index_fill(0, anchors, True)
        return torch.where(asks[:, None, None], made, self.gone.to(made.dtype))
