"""What encoders of films and of text give, and small ones of each that learn within minutes on a processor.

Adapters of published encoders (`nets.encoders`) give the same tuples, so that heads and losses take either.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn


class Seen(NamedTuple):
    """What is seen of B films: pooled (B, D), patches (B, N, D) row by row, and their grid (rows, columns)."""

    pooled: Tensor
    patches: Tensor
    grid: tuple[int, int]


class Told(NamedTuple):
    """What is told by B texts: pooled (B, D), words (B, L, D), and mask bool (B, L), true where there is a word."""

    pooled: Tensor
    words: Tensor
    mask: Tensor


def masked_mean(words: Tensor, mask: Tensor) -> Tensor:
    """Return the mean over words (B, L, D) where the mask (B, L) is true: (B, D), zero for an empty text."""
    weight = mask.unsqueeze(-1).to(words.dtype)
    return (words * weight).sum(1) / weight.sum(1).clamp(min=1.0)


class _Block(nn.Module):
    """Two 3 x 3 convolutions and a way round them (He et al. 2016), normalised by groups of a film's own channels."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.second = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.norms = nn.ModuleList(nn.GroupNorm(min(8, outputs // 4), outputs) for _ in range(2))
        same = stride == 1 and inputs == outputs
        self.round = nn.Identity() if same else nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        inner = torch.relu(self.norms[0](self.first(x)))
        return torch.relu(self.norms[1](self.second(inner)) + self.round(x))


class SmallImage(nn.Module):
    """A small residual encoder: (B, 1, S, S) in [0, 1] to `Seen` at stride 8 or 16.

    Args:
        width: D of what it gives.
        stride: 8 or 16 pixels a patch.
        channels: of the stages before the last.
        place: give patches a learned-free sine code of where they are (Vaswani et al. 2017, over two axes).
    """

    def __init__(
        self, width: int = 128, *, stride: int = 8, channels: tuple[int, ...] = (16, 32), place: bool = True
    ) -> None:
        """Build; weights are random."""
        super().__init__()
        if stride not in (8, 16):
            raise ValueError(f"a small encoder has a stride of 8 or 16 pixels, got {stride}")
        widths = (*channels, *((channels[-1] * 2,) if stride == 16 else ()), width)
        self.stem = nn.Conv2d(1, widths[0], 5, stride=2, padding=2, bias=False)
        steps = pairwise(widths)
        self.stages = nn.Sequential(*(_Block(inputs, outputs, 2) for inputs, outputs in steps))
        self.width, self.stride, self.place = width, stride, place

    def forward(self, film: Tensor) -> Seen:
        """Return pooled (mean of the patches), patches and grid."""
        maps = self.stages(torch.relu(self.stem((film - 0.5) * 4.0)))
        grid = (int(maps.shape[2]), int(maps.shape[3]))
        patches = maps.flatten(2).transpose(1, 2)
        pooled = patches.mean(1)
        return Seen(pooled, patches + sine_places(grid, self.width).to(patches) if self.place else patches, grid)


def sine_places(grid: tuple[int, int], width: int) -> Tensor:
    """Return the sine code of each place of a grid: (rows * columns, width), half of it for each axis."""
    half, codes = width // 2, []
    rows, columns = torch.meshgrid(torch.arange(grid[0]), torch.arange(grid[1]), indexing="ij")
    for at, side in ((rows, grid[0]), (columns, grid[1])):
        place = (at.flatten().float() + 0.5) / side
        pitch = torch.pi * torch.arange(1, half // 2 + 1)
        codes += [torch.sin(place[:, None] * pitch), torch.cos(place[:, None] * pitch)]
    code = torch.cat(codes, dim=1)
    return nn.functional.pad(code, (0, width - code.shape[1])) * 0.3


class SmallText(nn.Module):
    """A small transformer over words: ids (B, L) and mask (B, L) to `Told`, pooled by the mean of the words.

    Args:
        vocabulary: size, with padding as 0.
        width: D.
        depth: transformer layers; 0 leaves a bag of words.
        longest: most words of a text.
    """

    def __init__(self, vocabulary: int, width: int = 128, *, depth: int = 1, longest: int = 256) -> None:
        """Build; weights are random."""
        super().__init__()
        self.embed = nn.Embedding(vocabulary, width, padding_idx=0)
        self.order = nn.Parameter(torch.zeros(longest, width))
        nn.init.normal_(self.order, std=0.02)
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(width, 4, 2 * width, 0.0, batch_first=True, norm_first=True)
            for _ in range(depth)
        )  # fmt: skip
        self.width = width

    def forward(self, ids: Tensor, mask: Tensor) -> Told:
        """Return pooled, words and the mask."""
        words = self.embed(ids) + self.order[: ids.shape[1]]
        hidden = ~mask
        hidden = hidden & ~hidden.all(1, keepdim=True)  # a text of nothing attends to its padding, and is masked after
        for layer in self.layers:
            words = layer(words, src_key_padding_mask=hidden)
        return Told(masked_mean(words, mask), words, mask)
