"""UPerNet over any encoder's taps (Xiao et al., ECCV 2018), as BenchX segments with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Self

import torch
from torch import Tensor, nn
from torch.nn import functional

from hilum.core.errors import InputError
from hilum.nets.encoder_image import ImageEncoder

BINS = (1, 2, 3, 6)
"""Sides of the grids that the deepest map is pooled to (PSPNet)."""
BLOCKS_OF_12 = (3, 5, 7, 11)
"""Blocks of a ViT-B that are tapped, counted from 0 (BenchX)."""


class Drawn(NamedTuple):
    """Logit maps (B, classes, H, W) at the film's size: the decoder's, and the auxiliary head's, None without one."""

    logits: Tensor
    auxiliary: Tensor | None


def _layer(inputs: int, outputs: int, kernel: int) -> nn.Sequential:
    convolution = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU())


def _to(maps: Tensor, size: Sequence[int]) -> Tensor:
    return functional.interpolate(maps, tuple(size), mode="bilinear", align_corners=False)


def tapped_blocks(depth: int) -> tuple[int, ...]:
    """Return the four blocks of a ViT that are tapped: 3, 5, 7 and 11 of twelve, and alike of other depths.

    Raises:
        InputError: if there is no block.
    """
    if depth < 1:
        raise InputError(f"a transformer has at least one block, got {depth}")
    return tuple(max(0, -(-(block + 1) * depth // 12) - 1) for block in BLOCKS_OF_12)


class Pyramid(nn.Module):
    """Four maps of one size to maps of 4, 2, 1 and 1/2 times that size, which a plain ViT does not have by itself.

    Args:
        widths: channels of the four maps, which stay as they are.
    """

    def __init__(self, widths: Sequence[int]) -> None:
        """Build: transposed convolutions upwards, the largest of four pixels downwards."""
        super().__init__()
        first, second, _, _ = widths
        self.four = nn.Sequential(
            nn.ConvTranspose2d(first, first, 2, stride=2), nn.BatchNorm2d(first), nn.GELU(),
            nn.ConvTranspose2d(first, first, 2, stride=2),
        )  # fmt: skip
        self.two = nn.ConvTranspose2d(second, second, 2, stride=2)

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """Map four (B, C_n, h, w), h and w 2 or more, to a pyramid, the largest first."""
        return [self.four(maps[0]), self.two(maps[1]), maps[2], functional.max_pool2d(maps[3], 2)]


class UperHead(nn.Module):
    """Pyramid pooling of the deepest map, a feature pyramid from there, all levels joined.

    Args:
        taps: channels of the maps, shallow to deep.
        classes: logit maps.
        width: channels within.
        drop: dropout before the logits.
    """

    def __init__(self, taps: Sequence[int], *, classes: int, width: int = 512, drop: float = 0.1) -> None:
        """Build with random weights."""
        super().__init__()
        self.bins = nn.ModuleList(_layer(taps[-1], width, 1) for _ in BINS)
        self.deepest = _layer(taps[-1] + len(BINS) * width, width, 3)
        self.sides = nn.ModuleList(_layer(each, width, 1) for each in taps[:-1])
        self.smooth = nn.ModuleList(_layer(width, width, 3) for _ in taps[:-1])
        self.join = _layer(len(taps) * width, width, 3)
        self.predict = nn.Sequential(nn.Dropout2d(drop), nn.Conv2d(width, classes, 1))

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Map taps (B, C_n, h_n, w_n), shallow to deep, to logits (B, classes, h_0, w_0).

        In training the batch norms of the pooled grids need two films or more.
        """
        deep = maps[-1]
        pooled = [
            _to(layer(functional.adaptive_avg_pool2d(deep, side)), deep.shape[2:])
            for side, layer in zip(BINS, self.bins, strict=True)
        ]
        levels = [self.deepest(torch.cat([deep, *pooled], dim=1))]
        for side, tap in zip(reversed(self.sides), reversed(maps[:-1]), strict=True):
            levels.insert(0, side(tap) + _to(levels[0], tap.shape[2:]))
        smoothed = [layer(level) for layer, level in zip(self.smooth, levels[:-1], strict=True)]
        size = maps[0].shape[2:]
        joined = self.join(torch.cat([_to(level, size) for level in (*smoothed, levels[-1])], dim=1))
        logits: Tensor = self.predict(joined)
        return logits


class UperNet(nn.Module):
    """An encoder and UPerNet on its taps, with an auxiliary fully convolutional head on the third.

    Args:
        encoder: of `image_encoder`; patches of one size get a `Pyramid`, stages are taken as they are.
        classes: logit maps, which may overlap.
        width: channels of the decoder; half of them in the auxiliary head.
        at: taps of the encoder, four of them; by default a ViT's blocks by `tapped_blocks`, all stages of others.
        auxiliary: whether there is the second head, whose loss BenchX weighs .4.
        frozen: whether the encoder keeps its weights and its batch norms' statistics, as BenchX's released
            configurations do.

    Raises:
        InputError: if the taps are not four.
    """

    def __init__(
        self, encoder: ImageEncoder, *, classes: int, width: int = 512, at: Sequence[int] | None = None,
        auxiliary: bool = True, frozen: bool = True,
    ) -> None:  # fmt: skip
        """Build the decoder with random weights."""
        super().__init__()
        flat = len(set(encoder.tap_strides)) == 1
        chosen = at if at is not None else tapped_blocks(len(encoder.tap_widths)) if flat else range(4)
        self.at = tuple(chosen)
        if len(self.at) != 4 or max(self.at) >= len(encoder.tap_widths):
            raise InputError(
                f"UPerNet takes four taps of '{encoder.name}', which has {len(encoder.tap_widths)}: got {self.at}"
            )
        widths = [encoder.tap_widths[number] for number in self.at]
        self.encoder, self.frozen = encoder, frozen
        self.pyramid: nn.Module = Pyramid(widths) if flat else nn.Identity()
        self.decoder = UperHead(widths, classes=classes, width=width)
        self.second = (
            nn.Sequential(_layer(widths[2], width // 2, 3), nn.Dropout2d(0.1), nn.Conv2d(width // 2, classes, 1))
            if auxiliary else None
        )  # fmt: skip
        if frozen:
            encoder.requires_grad_(False)
        self.train()

    def train(self, mode: bool = True) -> Self:
        """Set the mode; a frozen encoder stays in evaluation."""
        super().train(mode)
        if self.frozen:
            self.encoder.eval()
        return self

    def both(self, film: Tensor) -> Drawn:
        """Map films (B, channels, H, W) in [0, 1] to both heads' logits at the film's size."""
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.frozen):
            taps = self.encoder.taps(film, self.at)
        maps = self.pyramid(taps)
        size = film.shape[2:]
        second = None if self.second is None else _to(self.second(maps[2]), size)
        return Drawn(_to(self.decoder(maps), size), second)

    def forward(self, film: Tensor) -> Tensor:
        """Map films (B, channels, H, W) in [0, 1] to logits (B, classes, H, W)."""
        return self.both(film).logits
