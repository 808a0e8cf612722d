"""A light U-Net decoder over encoder taps (Ronneberger et al. 2015, with depthwise-separable convolutions)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from hilum.nets.vision import TAP_CHANNELS, Lite0


def separable(inputs: int, outputs: int) -> nn.Sequential:
    """Return depthwise 3x3, pointwise 1x1, batch norm and ReLU6: (B, C, H, W) -> (B, D, H, W)."""
    return nn.Sequential(
        nn.Conv2d(inputs, inputs, 3, padding=1, groups=inputs, bias=False),
        nn.Conv2d(inputs, outputs, 1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU6(),
    )


class Decoder(nn.Module):
    """Walk from the deepest tap to the shallowest, doubling the size and joining each tap.

    Args:
        taps: channels of the taps, shallow to deep, each half the size of the one before.
        widths: channels after each join, deep to shallow; one fewer than the taps.
        classes: masks to predict.
    """

    def __init__(self, taps: Sequence[int], widths: Sequence[int], *, classes: int = 1) -> None:
        """Build the joins and the 1x1 prediction."""
        super().__init__()
        skips = list(taps)[-2::-1]
        inputs = [taps[-1], *widths[:-1]]
        self.joins = nn.ModuleList(separable(a + b, c) for a, b, c in zip(inputs, skips, widths, strict=True))
        self.predict = nn.Conv2d(widths[-1], classes, 1)

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Map taps, shallow to deep, to mask logits (B, classes, 2h, 2w) where (h, w) is the shallowest tap."""
        x = maps[-1]
        for join, skip in zip(self.joins, reversed(maps[:-1]), strict=True):
            x = nn.functional.interpolate(x, scale_factor=2.0, mode="nearest")
            x = join(torch.cat((x, skip), dim=1))
        logits: Tensor = self.predict(x)
        return nn.functional.interpolate(logits, scale_factor=2.0, mode="bilinear", align_corners=False)


class LiteUNet(nn.Module):
    """A light decoder over an EfficientNet-Lite0 encoder: one map for each class of a film of mean 0 and deviation 1.

    Args:
        classes: maps, which may overlap.
        widths: channels after each join, deep to shallow.
    """

    def __init__(self, *, classes: int, widths: Sequence[int] = (96, 48, 24, 16)) -> None:
        """Build with random weights; `load_imagenet(net.encoder)` starts the encoder from photographs."""
        super().__init__()
        self.encoder = Lite0()
        self.decoder = Decoder(TAP_CHANNELS, widths, classes=classes)

    def forward(self, film: Tensor) -> Tensor:
        """Map films (B, 1, H, W), sides divisible by 32, to logits (B, classes, H, W)."""
        *taps, _ = self.encoder(film * 0.25 + 0.5)  # the encoder expects grey levels in [0, 1]
        logits: Tensor = self.decoder(taps)
        return logits
