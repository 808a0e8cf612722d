"""A residual network of basic blocks in plain torch, by torchvision's names (ResNet-18's), as small as wanted."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from hilum.nets.towers import Seen


class BasicBlock(nn.Module):
    """Two 3 x 3 convolutions with batch norms and a way round them (He et al. 2016); the stride is on the first."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        """Build; a shortcut of another shape gets a 1 x 1 convolution."""
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to (B, D, H / stride, W / stride)."""
        inner = torch.relu(self.bn1(self.conv1(x)))
        return torch.relu(self.bn2(self.conv2(inner)) + self.downsample(x))


class BasicResNet(nn.Module):
    """Stem and stages of basic blocks, each after the first half the size of the one before.

    Args:
        widths: channels of the stages.
        blocks: of each stage.
        stem: side of the first convolution, which halves the film as the pooling after it does.

    Attributes:
        width: channels of the last stage.
    """

    def __init__(self, *, widths: Sequence[int] = (8, 16, 24, 32), blocks: int = 1, stem: int = 5) -> None:
        """Build with torch's own initialisation."""
        super().__init__()
        self.conv1 = nn.Conv2d(1, widths[0], stem, stride=2, padding=stem // 2, bias=False)
        self.bn1 = nn.BatchNorm2d(widths[0])
        inputs = widths[0]
        self.stages = len(widths)
        for number, outputs in enumerate(widths):
            rows = [BasicBlock(outputs if block else inputs, outputs, 2 if number and not block else 1)
                    for block in range(blocks)]  # fmt: skip
            inputs = outputs
            self.add_module(f"layer{number + 1}", nn.Sequential(*rows))
        self.width = inputs

    def forward(self, film: Tensor) -> Seen:
        """Map films (B, 1, S, S) in [0, 1] to `Seen` of the last stage, at stride 32 with four stages."""
        x = torch.relu(self.bn1(self.conv1((film - 0.5) * 4.0)))
        x = nn.functional.max_pool2d(x, 3, stride=2, padding=1)
        for number in range(self.stages):
            x = getattr(self, f"layer{number + 1}")(x)
        return Seen(x.mean(dim=(2, 3)), x.flatten(2).transpose(1, 2), (int(x.shape[2]), int(x.shape[3])))
