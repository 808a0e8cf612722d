"""A plain vision transformer in torch for films of one channel (Dosovitskiy et al. 2021), of any size, untrained.

CXR-LLaVA's second version (Lee et al. 2024) reads films with a ViT-L/16 of one grey channel at 512 px: 1,024 patches of
width 1,024, where published ViTs take three channels.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from hilum.core.errors import InputError
from hilum.nets.towers import Seen


@dataclass(frozen=True)
class Shape:
    """Size of a vision transformer.

    Args:
        size, patch: pixels of a film's and of a patch's side.
        width, layers, heads: of the transformer; the feed-forward is four times as wide.
        channels: of a film.
        drop: dropout.
    """

    size: int = 512
    patch: int = 16
    width: int = 1024
    layers: int = 24
    heads: int = 16
    channels: int = 1
    drop: float = 0.0


VIT_L_16 = Shape()
"""CXR-LLaVA v2: 32 x 32 patches of width 1,024."""


class PlainViT(nn.Module):
    """Films (B, channels, S, S) in [0, 1] to `Seen`; the pooled vector is the class token.

    Args:
        shape: size.

    Raises:
        InputError: if a film is no whole number of patches.
    """

    def __init__(self, shape: Shape = VIT_L_16) -> None:
        """Build; weights are random."""
        super().__init__()
        if shape.size % shape.patch or shape.width % shape.heads:
            raise InputError(
                f"{shape.size} px is no whole number of patches of {shape.patch}, or width {shape.width} none of "
                f"{shape.heads} heads"
            )
        self.shape, self.width = shape, shape.width
        side = shape.size // shape.patch
        self.cut = nn.Conv2d(shape.channels, shape.width, shape.patch, stride=shape.patch)
        self.token = nn.Parameter(torch.zeros(1, 1, shape.width))
        self.places = nn.Parameter(torch.randn(1, side * side + 1, shape.width) * 0.02)
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(
                shape.width, shape.heads, 4 * shape.width, shape.drop, "gelu", batch_first=True, norm_first=True
            )
            for _ in range(shape.layers)
        )
        self.norm = nn.LayerNorm(shape.width)

    def forward(self, film: Tensor) -> Seen:
        """Return the class token, the patches row by row, and their grid.

        Raises:
            InputError: if the films are of another size.
        """
        shape = self.shape
        if film.shape[1:] != (shape.channels, shape.size, shape.size):
            raise InputError(
                f"expected films (B, {shape.channels}, {shape.size}, {shape.size}), got {tuple(film.shape)}"
            )
        cut = self.cut((film - 0.5) / 0.5)
        x = torch.cat([self.token.expand(len(film), -1, -1), cut.flatten(2).transpose(1, 2)], dim=1) + self.places
        for layer in self.layers:
            x = layer(x)
        x = self.norm(x)
        return Seen(x[:, 0], x[:, 1:], (int(cut.shape[2]), int(cut.shape[3])))
