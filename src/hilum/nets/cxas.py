"""The network of the published CXAS weights: ResNet-50, and a U-Net's way up with plain convolutions.

Source: the code of ConstantinSeibold/ChestXRayAnatomySegmentation (PAX-Ray++, arXiv 2306.03934), read for its layers
and their names, so that its weights fit: `backbone.backbone.layer0.0.weight` ... `head.out.conv.bias`.
"""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn

BLOCKS, WIDTH, LAST = (3, 4, 6, 3), 64, 128
"""Of ResNet-50: blocks of each stage, channels of the stem; and channels before the maps."""


class Bottleneck(nn.Module):
    """1x1 - 3x3 - 1x1 with a shortcut (He et al. 2016), the stride on the 3x3; four times `width` channels come out."""

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        """Build; a shortcut of another shape gets a 1x1 convolution."""
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(inputs, width, 1, bias=False), nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3, self.bn3 = nn.Conv2d(width, 4 * width, 1, bias=False), nn.BatchNorm2d(4 * width)
        self.downsample: nn.Module = nn.Identity()
        if stride != 1 or inputs != 4 * width:
            shortcut = nn.Conv2d(inputs, 4 * width, 1, stride=stride, bias=False)
            self.downsample = nn.Sequential(shortcut, nn.BatchNorm2d(4 * width))

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to (B, 4 width, H / stride, W / stride)."""
        y = torch.relu(self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x))))))
        return torch.relu(self.bn3(self.conv3(y)) + self.downsample(x))


def _twice(inputs: int, middle: int, outputs: int) -> nn.Sequential:
    parts = [nn.Conv2d(inputs, middle, 3, padding=1), nn.BatchNorm2d(middle), nn.ReLU()]
    return nn.Sequential(*parts, nn.Conv2d(middle, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU())


class Up(nn.Module):
    """Enlarge, put the encoder's map in front, and convolve twice; the deepest one is halved in channels first."""

    def __init__(self, inputs: int, outputs: int, *, first: int = 0) -> None:
        """Build for `inputs` channels after the join; `first` halves the deep map to that many."""
        super().__init__()
        joined = nn.Module()
        joined.double_conv = _twice(inputs, inputs // 2, outputs)
        if first:
            self.conv1 = nn.Module()
            self.conv1.conv = nn.Sequential(nn.Conv2d(inputs, first, 3, padding=1), nn.BatchNorm2d(first), nn.ReLU())
            self.conv2 = joined
        else:
            self.conv = joined
        self.first = bool(first)

    def forward(self, deep: Tensor, beside: Tensor) -> Tensor:
        """Map a deep map and the encoder's at twice its size to one of the latter's size."""
        if self.first:
            deep = self.conv1.conv(deep)  # type: ignore[operator]
        deep = nn.functional.interpolate(deep, beside.shape[2:], mode="bilinear")
        joined = self.conv2 if self.first else self.conv
        made: Tensor = joined.double_conv(torch.cat([beside, deep], dim=1))  # type: ignore[operator]
        return made


class CxasNet(nn.Module):
    """Films of three channels to one logit map for each class, at the films' own size.

    Args:
        classes: maps; 159 are published.
        blocks, width, last: as of ResNet-50 and the published head; smaller ones for tests.
    """

    def __init__(self, classes: int, *, blocks: tuple[int, ...] = BLOCKS, width: int = WIDTH, last: int = LAST) -> None:
        """Build with random weights."""
        super().__init__()
        stem = nn.Sequential(nn.Conv2d(3, width, 7, stride=2, padding=3, bias=False), nn.BatchNorm2d(width), nn.ReLU(),
                             nn.MaxPool2d(3, stride=2, padding=1))  # fmt: skip
        stages: OrderedDict[str, nn.Module] = OrderedDict(layer0=stem)
        inputs = width
        for number, count in enumerate(blocks):
            wide = width * 2**number
            rows = []
            for block in range(count):
                rows.append(Bottleneck(inputs, wide, 2 if number and not block else 1))
                inputs = 4 * wide
            stages[f"layer{number + 1}"] = nn.Sequential(*rows)
        self.backbone = nn.Module()
        self.backbone.backbone = nn.Sequential(stages)
        deep = inputs  # 2048 in ResNet-50; the joins have as many channels as the authors' code gives them
        self.head = nn.Module()
        self.head.up1 = Up(deep, deep // 4, first=deep // 2)
        self.head.up2, self.head.up3 = Up(deep // 2, deep // 8), Up(deep // 4, deep // 32)
        self.head.up4, self.head.out = Up(deep // 16, last), nn.Module()
        self.head.out.conv = nn.Conv2d(last, classes, 1)

    def forward(self, film: Tensor) -> Tensor:
        """Map (B, 3, H, W) to logits (B, classes, H, W)."""
        maps = [film]
        for stage in self.backbone.backbone:  # type: ignore[union-attr]
            maps.append(stage(maps[-1]))
        up = maps[-1]
        for join, beside in zip(("up1", "up2", "up3", "up4"), maps[-2:0:-1], strict=True):
            up = getattr(self.head, join)(up, beside)
        up = nn.functional.interpolate(up, film.shape[2:], mode="bilinear")
        logits: Tensor = self.head.out.conv(up)  # type: ignore[operator, union-attr]
        return logits
