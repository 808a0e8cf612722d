"""A U-Net over a residual encoder: PAXRay's network at its published depth, or small enough for two cores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from hilum.core.errors import InputError


@dataclass(frozen=True)
class Shape:
    """How deep and wide a network is.

    Args:
        stem: channels at half size.
        widths: channels of each stage (before the bottleneck's factor of 4), each half the size of the one before.
        blocks: residual blocks of each stage.
        bottleneck: 1x1 - 3x3 - 1x1 blocks (ResNet-50) in place of 3x3 - 3x3 ones.
        decoder: channels after each join, deep to shallow, one for each stage.
    """

    stem: int
    widths: tuple[int, ...]
    blocks: tuple[int, ...]
    decoder: tuple[int, ...]
    bottleneck: bool = False


RESNET50 = Shape(64, (64, 128, 256, 512), (3, 4, 6, 3), (256, 128, 64, 32), bottleneck=True)
"""The encoder PAXRay published (ImageNet weights are the user's to load)."""
SMALL = Shape(12, (16, 24, 32, 48), (1, 1, 1, 1), (32, 24, 16, 12))
"""About 130,000 weights."""


def _conv(inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride=stride, padding=kernel // 2, bias=False), nn.BatchNorm2d(outputs)
    )


class Residual(nn.Module):
    """A residual block (He et al. 2016): two 3x3 convolutions, or a bottleneck whose 3x3 carries the stride."""

    def __init__(self, inputs: int, width: int, *, stride: int, bottleneck: bool) -> None:
        """Build; the output has `width` channels, four times as many in a bottleneck."""
        super().__init__()
        outputs = width * 4 if bottleneck else width
        if bottleneck:
            layers = [_conv(inputs, width, 1), _conv(width, width, 3, stride), _conv(width, outputs, 1)]
        else:
            layers = [_conv(inputs, width, 3, stride), _conv(width, outputs)]
        self.layers = nn.ModuleList(layers)
        same = stride == 1 and inputs == outputs
        self.skip: nn.Module = nn.Identity() if same else _conv(inputs, outputs, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to (B, D, H / stride, W / stride)."""
        y = x
        for number, layer in enumerate(self.layers):
            y = layer(y) if number + 1 == len(self.layers) else torch.relu(layer(y))
        return torch.relu(y + self.skip(x))


class ResUNet(nn.Module):
    """Encoder stages, then joins back up to the film's own size; one sigmoid map for each class.

    Args:
        classes: maps, which may overlap.
        shape: `SMALL`, `RESNET50` or your own.
        channels: of the film.

    Raises:
        InputError: if the lists of the shape differ in length.
    """

    def __init__(self, *, classes: int, shape: Shape = SMALL, channels: int = 1) -> None:
        """Build with random weights."""
        super().__init__()
        if not len(shape.widths) == len(shape.blocks) == len(shape.decoder):
            raise InputError("a network's widths, blocks and decoder need one entry for each stage")
        self.stem = nn.Sequential(_conv(channels, shape.stem, 7, 2), nn.ReLU())
        taps, stages, inputs = [shape.stem], [], shape.stem
        for width, count in zip(shape.widths, shape.blocks, strict=True):
            outputs = width * 4 if shape.bottleneck else width
            rows = [
                Residual(outputs if n else inputs, width, stride=1 if n else 2, bottleneck=shape.bottleneck)
                for n in range(count)
            ]
            stages.append(nn.Sequential(*rows))
            inputs = outputs
            taps.append(outputs)
        self.stages = nn.ModuleList(stages)
        joins, deep = [], taps[-1]
        for skip, out in zip(taps[-2::-1], shape.decoder, strict=True):
            joins.append(nn.Sequential(_conv(deep + skip, out), nn.ReLU(), _conv(out, out), nn.ReLU()))
            deep = out
        self.joins = nn.ModuleList(joins)
        self.predict = nn.Conv2d(deep, classes, 1)

    def forward(self, film: Tensor) -> Tensor:
        """Map films (B, channels, H, W) to logits (B, classes, H, W); sides are best multiples of 32."""
        maps: list[Tensor] = [self.stem(film)]
        for stage in self.stages:
            maps.append(stage(maps[-1]))
        x = maps[-1]
        for join, skip in zip(self.joins, reversed(maps[:-1]), strict=True):
            x = join(torch.cat([_to(x, skip.shape[-2:]), skip], dim=1))
        logits: Tensor = self.predict(x)
        return _to(logits, film.shape[-2:])


def _to(x: Tensor, size: Sequence[int]) -> Tensor:
    return nn.functional.interpolate(x, size=list(size), mode="bilinear", align_corners=False)
