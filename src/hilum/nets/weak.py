"""Small networks for findings without boxes: the ChestX-ray8 head over any trunk, and one for slices of a film."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, cast, get_args

import torch
from torch import Tensor, nn

from hilum.core.errors import InputError
from hilum.nets.heads import lse_pool

Pooling = Literal["lse", "mean", "max"]


def block(inputs: int, outputs: int, *, stride: int = 1, pool: bool = False) -> nn.Sequential:
    """Return a 3 x 3 convolution, batch normalisation, ReLU and, if wanted, a 2 x 2 maximum."""
    parts: list[nn.Module] = [
        nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(),
    ]  # fmt: skip
    return nn.Sequential(*parts, *([nn.MaxPool2d(2)] if pool else []))


def small_trunk(widths: Sequence[int] = (16, 24, 32, 48)) -> nn.Sequential:
    """Return a small trunk: (B, 1, H, W) to (B, widths[-1], H/4, W/4)."""
    first, second, *rest = widths
    layers = [block(1, first, stride=2), block(first, second, pool=True)]
    for inputs, outputs in zip([second, *rest], rest, strict=False):
        layers.append(block(inputs, outputs))
    return nn.Sequential(*layers)


class WeakNet(nn.Module):
    """ChestX-ray8's network (Wang et al. 2017): trunk, transition layer, one global pooling, one linear layer.

    Args:
        trunk: (B, 1, H, W) to (B, channels, S, S); a pretrained network without its classifier, or `small_trunk`.
        channels: of the trunk.
        classes: findings.
        width: D of the transition layer.
        pooling: 'lse' (log-sum-exp), 'mean' or 'max'.
        r: sharpness of 'lse'; the paper's best is 10.

    Raises:
        InputError: if the pooling is none of the three.
    """

    def __init__(
        self, trunk: nn.Module, *, channels: int = 48, classes: int, width: int = 48, pooling: Pooling = "lse",
        r: float = 10.0,
    ) -> None:  # fmt: skip
        """Build the transition and prediction layers anew, as the paper does."""
        super().__init__()
        if pooling not in get_args(Pooling):
            raise InputError(f"pooling must be one of {', '.join(get_args(Pooling))}, got '{pooling}'")
        self.trunk, self.pooling, self.r = trunk, pooling, r
        self.transition = nn.Sequential(nn.Conv2d(channels, width, 3, padding=1, bias=False), nn.BatchNorm2d(width),
                                        nn.ReLU())  # fmt: skip
        self.predict = nn.Linear(width, classes)

    def activations(self, film: Tensor) -> Tensor:
        """Map films (B, 1, H, W) to the transition layer's maps (B, D, S, S)."""
        return cast(Tensor, self.transition(self.trunk(film)))

    def forward(self, film: Tensor) -> Tensor:
        """Map films (B, 1, H, W) to logits (B, C)."""
        maps = self.activations(film)
        if self.pooling == "lse":
            pooled = lse_pool(maps, r=self.r)
        else:
            pooled = maps.mean(dim=(2, 3)) if self.pooling == "mean" else maps.amax(dim=(2, 3))
        return cast(Tensor, self.predict(pooled))

    def class_maps(self, film: Tensor) -> Tensor:
        """Map films (B, 1, H, W) to one map for each class (B, C, S, S): the prediction's weights over the maps."""
        return torch.einsum("bdhw,cd->bchw", self.activations(film), self.predict.weight)


class SliceNet(nn.Module):
    """One small network over slices of a film; a film's logit is the largest of its slices (arXiv 2310.05969).

    Args:
        spans: first and last row (half-open) of each slice it sees; slices are padded to the tallest.
        classes: logits.
        widths: of the four convolutions; the first halves the size, so that two cores are enough.

    Raises:
        InputError: if no slice has 32 rows, which five halvings take.
    """

    def __init__(
        self, spans: Sequence[tuple[int, int]], *, classes: int = 1, widths: Sequence[int] = (16, 32, 64, 128)
    ) -> None:
        """Build conv - BN - ReLU - pool four times, then a mean over the map and a linear layer."""
        super().__init__()
        self.spans, self.tall = tuple(spans), max(stop - start for start, stop in spans)
        if self.tall < 32:
            raise InputError(f"slices need 32 rows or more, got {self.tall}: give films of 96 rows or more")
        joined = [1, *widths]
        self.body = nn.Sequential(*(
            block(a, b, stride=2 if number == 0 else 1, pool=True)
            for number, (a, b) in enumerate(zip(joined, widths, strict=False))
        ))  # fmt: skip
        self.predict = nn.Linear(widths[-1], classes)

    def forward(self, film: Tensor) -> Tensor:
        """Map films (B, 1, H, W) to logits (B, classes)."""
        slices = [
            nn.functional.pad(film[:, :, start:stop], (0, 0, 0, self.tall - (stop - start)))
            for start, stop in self.spans
        ]
        seen = self.body(torch.cat(slices)).mean(dim=(2, 3))
        each: Tensor = self.predict(seen)
        return each.reshape(len(slices), len(film), -1).amax(dim=0)
