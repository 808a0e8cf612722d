"""ResNet with bottlenecks in plain torch, by torchvision's names, so that weights published for it fit."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from hilum.nets.cxas import BLOCKS, WIDTH, Bottleneck


class ResNet(nn.Module):
    """Stem and four stages of bottlenecks (He et al. 2016); the stride is on the 3 x 3, as in torchvision.

    Args:
        blocks: of each stage; (3, 4, 6, 3) is ResNet-50.
        width: channels of the stem; stage n ends with 4 * width * 2 ** n.
        channels: of the film.
        classes: logits of `fc`, which `forward` does not use; 0 leaves it out.
    """

    def __init__(
        self, *, blocks: Sequence[int] = BLOCKS, width: int = WIDTH, channels: int = 3, classes: int = 0
    ) -> None:
        """Build with torch's own initialisation."""
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        inputs = width
        self.stages = len(blocks)
        for number, count in enumerate(blocks):
            rows = []
            for block in range(count):
                rows.append(Bottleneck(inputs, width * 2**number, 2 if number and not block else 1))
                inputs = 4 * width * 2**number
            self.add_module(f"layer{number + 1}", nn.Sequential(*rows))
        self.width = inputs
        if classes:
            self.fc = nn.Linear(inputs, classes)

    def forward(self, film: Tensor) -> list[Tensor]:
        """Map films (B, channels, H, W) to the maps of the stages, at strides 4, 8, 16 and 32."""
        x = nn.functional.max_pool2d(torch.relu(self.bn1(self.conv1(film))), 3, stride=2, padding=1)
        maps = []
        for number in range(self.stages):
            x = getattr(self, f"layer{number + 1}")(x)
            maps.append(x)
        return maps
