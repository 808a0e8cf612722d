"""MLRG's first stage: fused films against reports (L_G), and films of a study against each other (L_MPC).

Source: Liu et al., CVPR 2025. The image encoder is frozen; view and time embeddings, projections, fusion and the text
encoder learn. Reports are read as entity sequences ("factual serialisation").
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from torch import Tensor, nn
from torch.nn.functional import normalize

from hilum.learn.objectives.contrast import multi_positive, supervised
from hilum.nets.towers import SmallText
from hilum.nets.views import CURRENT, FusionSize, TokenProjection, ViewFusion
from hilum.systems._mlrg_sets import Films
from hilum.systems._stage1 import WIDTH

PUBLISHED: Mapping[str, Any] = MappingProxyType({
    "encoder": "rad-dino", "text": "cxr-bert-specialized", "size": 518, "grid": 0, "batch": 32, "rate": 5e-5,
    "clip": 0.1, "tau": 0.5, "longest": 100, "epochs": 50, "accumulate": 2, "patience": 15, "optimiser": "AdamW",
    "plateau": {"factor": 0.1, "patience": 5}, "text_layers": 6,
})  # fmt: skip
"""Settings of the released first stage (scripts and code of mk-runner/MLRG); those that `Stage1` has can be set."""
SMALL = FusionSize(inputs=WIDTH, width=WIDTH, hidden=2 * WIDTH, heads=4, head_width=WIDTH // 4, mlp=WIDTH)


class Batch(NamedTuple):
    """Films, tokens (M, N, D), view (M,), study of each film (M,), and the coded reports of the anchors."""

    films: Films
    tokens: Tensor
    view: Tensor
    study: Tensor
    ids: Tensor
    mask: Tensor


class Mlrg(nn.Module):
    """The fusion, a text encoder, and the projection of what it tells.

    Args:
        fusion: over the image encoder's tokens.
        text: ids and mask to `Told` of `told` width.
        told: that width.
    """

    def __init__(self, fusion: ViewFusion, text: nn.Module, told: int) -> None:
        """Build; weights are random."""
        super().__init__()
        size = fusion.size
        self.fusion, self.text = fusion, text
        self.say = TokenProjection(told, size.hidden, size.width)

    def fused(self, tokens: Tensor, view: Tensor, films: Films) -> tuple[Tensor, Tensor]:
        """Return fused tokens (A, N, W) of the anchors, and the first projected token (M, W) of every film alone."""
        placed = self.fusion.placed(tokens, view)
        return self.fusion.fuse(self.fusion.timed(placed, films.when), films.anchors, films.others), placed[:, 0]

    def told(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Return reports (B, W) in the space of the films."""
        made: Tensor = self.say(self.text(ids, mask).pooled)
        return made


def small_net(vocabulary: int) -> Mlrg:
    """Return the network over the small encoders, untrained."""
    return Mlrg(ViewFusion(SMALL), SmallText(vocabulary, WIDTH), WIDTH)


def stage1_loss(net: Mlrg, batch: Batch, *, tau: float, mpc: bool) -> tuple[Tensor, dict[str, float]]:
    """L = L_G + L_MPC. Earlier films and studies with one film take no part in L_MPC.

    Args:
        net: the network.
        batch: films, tokens and reports.
        tau: temperature, 0.5 as published.
        mpc: whether L_MPC is added.
    """
    fused, alone = net.fused(batch.tokens, batch.view, batch.films)
    anchor = batch.study[batch.films.anchors]
    scores = normalize(fused[:, 0], dim=-1) @ normalize(net.told(batch.ids, batch.mask), dim=-1).T / tau
    loss = multi_positive(scores, anchor[:, None] == anchor[None, :])
    told = {"l_g": float(loss.detach())}
    if mpc:
        now = batch.films.when == CURRENT
        study, rows = batch.study[now], normalize(alone[now], dim=-1)
        same = study[:, None] == study[None, :]
        many = same.sum(1) > 1
        term = supervised(rows[many] @ rows[many].T / tau, same[many][:, many])
        loss, told = loss + term, {**told, "l_mpc": float(term.detach())}
    return loss, told
