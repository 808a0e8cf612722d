"""The image encoders of BioViL and BioViL-T: ResNet-50, and attention over the patches of this film and an earlier one.

Structure and names as published: Boecking et al., ECCV 2022 (arXiv 2204.09817); Bannur et al., CVPR 2023 (arXiv
2301.04558); microsoft/hi-ml, hi-ml-multimodal (MIT), read for its layers and their names so that its weights fit:
`encoder.encoder.conv1.weight`, `encoder.vit_pooler.blocks.0.attn.proj_q.weight`, `projector.model.0.weight` ...
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from hilum.core.errors import InputError
from hilum.nets.encoder_image import Trunk, seen_map
from hilum.nets.resnet import ResNet
from hilum.nets.towers import Seen

WIDTH, HEADS, BLOCKS, JOINT = 256, 8, 3, 128
"""Channels of each half of BioViL-T's patches, heads and blocks of its attention, width of the shared space."""


def sine_positions(grid: tuple[int, int], width: int) -> Tensor:
    """Return fixed positions (1, h * w, width): sines and cosines of row and column, as DETR has them.

    Rows and columns count from 1 and are scaled so that the last is 2 pi; temperature 10,000; first half rows.
    """
    half = width // 2
    rates = 10000.0 ** (2 * torch.div(torch.arange(half), 2, rounding_mode="floor") / half)
    parts = []
    for axis in (0, 1):
        count = torch.arange(1, grid[axis] + 1, dtype=torch.float32)
        angle = (count / (grid[axis] + 1e-6) * 2 * math.pi)[:, None] / rates
        each = torch.stack((angle[:, 0::2].sin(), angle[:, 1::2].cos()), dim=2).flatten(1)
        parts.append(each[:, None].expand(-1, grid[1], -1) if axis == 0 else each[None].expand(grid[0], -1, -1))
    return torch.cat(parts, dim=-1).reshape(1, grid[0] * grid[1], width)


class Attention(nn.Module):
    """Self-attention over the patches of both films; projections without bias, the last with."""

    def __init__(self, width: int, heads: int) -> None:
        """Build."""
        super().__init__()
        self.heads = heads
        self.proj_q, self.proj_k, self.proj_v = (nn.Linear(width, width, bias=False) for _ in range(3))
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, L, D) to the same shape."""
        q, k, v = (
            each(x).unflatten(-1, (self.heads, -1)).transpose(1, 2) for each in (self.proj_q, self.proj_k, self.proj_v)
        )
        drop = 0.1 if self.training else 0.0
        mixed = nn.functional.scaled_dot_product_attention(q, k, v, dropout_p=drop)
        found: Tensor = nn.functional.dropout(self.proj(mixed.transpose(1, 2).flatten(2)), 0.1, self.training)
        return found


class Block(nn.Module):
    """Norm, positions added, attention, shortcut; norm, two layers, shortcut; each branch is skipped 1 time in 4."""

    def __init__(self, width: int, heads: int) -> None:
        """Build."""
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width, eps=1e-6), nn.LayerNorm(width, eps=1e-6)
        self.attn = Attention(width, heads)
        self.mlp = nn.ModuleDict({"fc1": nn.Linear(width, width), "fc2": nn.Linear(width, width)})

    def _kept(self, branch: Tensor) -> Tensor:
        if not self.training:
            return branch
        keep = torch.rand(len(branch), 1, 1, device=branch.device) >= 0.25
        return branch * keep / 0.75

    def forward(self, x: Tensor, positions: Tensor) -> Tensor:
        """Map (B, L, D) to the same shape; positions (1, L, D)."""
        x = x + self._kept(self.attn(self.norm1(x) + positions))
        hidden = nn.functional.dropout(nn.functional.gelu(self.mlp["fc1"](self.norm2(x))), 0.1, self.training)
        return x + self._kept(nn.functional.dropout(self.mlp["fc2"](hidden), 0.1, self.training))


class Pooler(nn.Module):
    """What changed: attention over the patches of this film and the earlier one; this film's patches come out."""

    def __init__(self, width: int, heads: int, blocks: int) -> None:
        """Build."""
        super().__init__()
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(blocks))
        self.norm_post = nn.LayerNorm(width, eps=1e-6)
        self.type_embed = nn.Parameter(nn.init.trunc_normal_(torch.zeros(2, 1, width), std=0.02))

    def forward(self, now: Tensor, before: Tensor) -> Tensor:
        """Map the maps of two films (B, D, h, w) to one of the same shape."""
        count, width, *grid = now.shape
        place = sine_positions((grid[0], grid[1]), width).to(now)
        positions = torch.cat([place + self.type_embed[0], place + self.type_embed[1]], dim=1)
        x = torch.cat([each.flatten(2).transpose(1, 2) for each in (now, before)], dim=1)
        x = nn.functional.dropout(x, 0.1, self.training)
        for block in self.blocks:
            x = block(x, positions)
        kept: Tensor = self.norm_post(x)[:, : grid[0] * grid[1]]
        return kept.transpose(1, 2).reshape(count, width, *grid)


class BioViL(Trunk):
    """Both encoders; with `temporal` the second, which may be given the latest earlier film of the patient.

    Args:
        temporal: BioViL-T.
        project: return patches in the space that films and texts share (128 wide), and their mean as pooled.
        width, heads, depth, joint: of the parts; smaller ones for tests.
        blocks, stem: of the ResNet.
    """

    def __init__(
        self, *, temporal: bool = True, project: bool = False, width: int = WIDTH, heads: int = HEADS,
        depth: int = BLOCKS, joint: int = JOINT, blocks: Sequence[int] = (3, 4, 6, 3), stem: int = 64,
    ) -> None:  # fmt: skip
        """Build with random weights."""
        super().__init__()
        self.temporal, self.project = temporal, project
        self.encoder = nn.Module()
        body = ResNet(blocks=blocks, width=stem)
        self.encoder.encoder = body
        deep = 2 * width if temporal else body.width
        if temporal:
            self.encoder.backbone_to_vit = nn.Conv2d(body.width, width, 1, bias=False)
            self.encoder.vit_pooler = Pooler(width, heads, depth)
            missing = nn.init.trunc_normal_(torch.zeros(1, width, 1, 1), std=0.02)
            self.encoder.missing_previous_emb = nn.Parameter(missing)
        self.projector = nn.Module()
        self.projector.model = nn.Sequential(
            nn.Conv2d(deep, joint, 1, bias=False), nn.BatchNorm2d(joint), nn.ReLU(), nn.Conv2d(joint, joint, 1)
        )
        self.width, self.multiple = joint if project else deep, 1
        self.tap_widths = tuple(body.width // 2 ** (body.stages - 1 - n) for n in range(body.stages))
        self.tap_strides = tuple(4 * 2**n for n in range(body.stages))

    def forward(self, film: Tensor, prior: Tensor | None = None, has_prior: Tensor | None = None) -> Seen:
        """Map prepared films (B, 3, S, S) to what is seen.

        Args:
            film: of today.
            prior: the patient's latest earlier films, prepared alike; None where there is none at all.
            has_prior: bool (B,), which of them are one; all if None. Others get the embedding learnt for 'none'.

        Raises:
            InputError: if BioViL, which sees one film, is given a prior.
        """
        if not self.temporal and prior is not None:
            raise InputError("BioViL sees one film: choose 'biovil-t' for one that is given an earlier film too")
        maps = self.encoder.encoder(film)[-1]  # type: ignore[operator]
        if self.temporal:
            now = self.encoder.backbone_to_vit(maps)  # type: ignore[operator]
            change = self.encoder.missing_previous_emb.expand(len(now), -1, *now.shape[2:])  # type: ignore[operator]
            if prior is not None:
                before = self.encoder.backbone_to_vit(self.encoder.encoder(prior)[-1])  # type: ignore[operator]
                found = self.encoder.vit_pooler(now, before)  # type: ignore[operator]
                change = found if has_prior is None else torch.where(has_prior[:, None, None, None], found, change)
            maps = torch.cat([now, change], dim=1)
        return seen_map(self.projector.model(maps) if self.project else maps)  # type: ignore[operator]

    def taps(self, film: Tensor, at: Sequence[int]) -> list[Tensor]:
        """Map prepared films to the outputs of the ResNet's stages `at`, counted from 0."""
        maps = self.encoder.encoder(film)  # type: ignore[operator]
        return [maps[stage] for stage in at]
