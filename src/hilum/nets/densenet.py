"""DenseNet for grey films in plain torch (Huang et al., CVPR 2017); the 121-layer one is what DRR-RATE trained."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

DENSENET_121 = (6, 12, 24, 16)
"""Layers of the four dense blocks."""


class DenseLayer(nn.Module):
    """BN-ReLU-1x1 to four times the growth, BN-ReLU-3x3 to the growth; the result is put beside the input."""

    def __init__(self, inputs: int, growth: int, *, narrow: int = 4) -> None:
        """Build for `inputs` channels; the 1 x 1 convolution has `narrow` times the growth."""
        super().__init__()
        self.body = nn.Sequential(
            nn.BatchNorm2d(inputs), nn.ReLU(), nn.Conv2d(inputs, narrow * growth, 1, bias=False),
            nn.BatchNorm2d(narrow * growth), nn.ReLU(), nn.Conv2d(narrow * growth, growth, 3, padding=1, bias=False),
        )  # fmt: skip

    def forward(self, maps: Tensor) -> Tensor:
        """Map (B, C, H, W) to (B, C + growth, H, W)."""
        return torch.cat((maps, self.body(maps)), dim=1)


class DenseNet(nn.Module):
    """Stem, dense blocks with halving transitions between them, a mean over the map and one linear layer.

    Args:
        classes: logits.
        blocks: layers of each dense block.
        growth: channels that a layer adds.
        stem: channels of the first 7 x 7 convolution, which with its pooling takes a quarter of the size.
        channels: of the film.
    """

    def __init__(
        self, classes: int, *, blocks: Sequence[int] = DENSENET_121, growth: int = 32, stem: int = 64, channels: int = 1
    ) -> None:
        """Build with He's initialisation, as published."""
        super().__init__()
        layers: list[nn.Module] = [
            nn.Conv2d(channels, stem, 7, stride=2, padding=3, bias=False), nn.BatchNorm2d(stem), nn.ReLU(),
            nn.MaxPool2d(3, stride=2, padding=1),
        ]  # fmt: skip
        wide, ends, widths = stem, [], []
        for number, count in enumerate(blocks):
            for _ in range(count):
                layers.append(DenseLayer(wide, growth))
                wide += growth
            ends.append(len(layers))
            widths.append(wide)
            if number + 1 < len(blocks):
                layers += [nn.BatchNorm2d(wide), nn.ReLU(), nn.Conv2d(wide, wide // 2, 1, bias=False), nn.AvgPool2d(2)]
                wide //= 2
        self.trunk = nn.Sequential(*layers, nn.BatchNorm2d(wide), nn.ReLU())
        self.ends, self.tap_widths = tuple(ends), tuple(widths)
        self.predict = nn.Linear(wide, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight)
        nn.init.zeros_(self.predict.bias)

    def maps(self, film: Tensor) -> list[Tensor]:
        """Map films to the maps that end the blocks, at strides 4, 8, 16 and 32; the last after its norm and ReLU."""
        x, found = film, []
        for place, layer in enumerate(self.trunk, 1):
            x = layer(x)
            if place in self.ends[:-1]:
                found.append(x)
        return [*found, x]

    def forward(self, film: Tensor) -> Tensor:
        """Map films (B, channels, H, W), sides of 32 or more, to logits (B, classes)."""
        return cast(Tensor, self.predict(self.trunk(film).mean(dim=(2, 3))))


def published_names(blocks: Sequence[int] = DENSENET_121) -> dict[str, str]:
    """Return the names of torchvision's DenseNet, which torchxrayvision and CheXNet share, to those of `DenseNet`.

    Names stand without the tensor's own ('weight', 'running_mean', ...): 'features.conv0' -> 'trunk.0'.
    """
    names = {"features.conv0": "trunk.0", "features.norm0": "trunk.1", "classifier": "predict"}
    at = 4
    for block, count in enumerate(blocks, 1):
        for layer in range(1, count + 1):
            theirs = f"features.denseblock{block}.denselayer{layer}"
            for part, place in (("norm1", 0), ("conv1", 2), ("norm2", 3), ("conv2", 5)):
                names[f"{theirs}.{part}"] = f"trunk.{at}.body.{place}"
            at += 1
        if block < len(blocks):
            names |= {
                f"features.transition{block}.norm": f"trunk.{at}",
                f"features.transition{block}.conv": f"trunk.{at + 2}",
            }
            at += 4
    return names | {"features.norm5": f"trunk.{at}"}


def from_published(name: str, *, blocks: Sequence[int] = DENSENET_121) -> str | None:
    """Return our name of a tensor of torchvision, torchxrayvision or CheXNet; None for what has no place here.

    CheXNet's have 'densenet121.' in front, 'norm.1' for 'norm1' (torch before 0.4) and 'classifier.0' for 'classifier'.
    """
    theirs, _, kind = re.sub(r"\.(norm|conv)\.([12])\.", r".\1\2.", name.removeprefix("densenet121.")).rpartition(".")
    ours = published_names(blocks).get("classifier" if theirs == "classifier.0" else theirs)
    return f"{ours}.{kind}" if ours else None
