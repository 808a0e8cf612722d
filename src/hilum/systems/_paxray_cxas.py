"""The published CXAS weights (PAX-Ray++, 159 classes), converted by the user: layout, film in, masks out.

The layout was read from the authors' code and agrees with a second reader of the file, in torchxrayvision 1.5.7. The
file itself has never been opened by us, and both of them load it without checking its names.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hilum.core.errors import InputError
from hilum.measure.adapters.weights import Source, Weights, load
from hilum.nets.cxas import BLOCKS, LAST, WIDTH, CxasNet

SIZE = 512
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
SOURCE = Source(
    folder="cxas",
    model="CXAS UNet_ResNet50_default",
    repository="UNet_ResNet50_default.pth of ConstantinSeibold/ChestXRayAnatomySegmentation (Google Drive; "
    "torchxrayvision's releases hold a repacked copy)",
    licence="CC BY-NC-SA 4.0: no commercial use",
    size="some 350 MB by its count of weights",
    layout="model.safetensors (made by scripts/convert_weights.py)",
    files=(),
    page="docs/paxray.md",
)
_UNSEEN = (
    "; this layout was read from the authors' code and never checked against the file itself, so either the file is "
    "another one or the layout is wrong: please report its first names"
)


@cache
def classes() -> tuple[str, ...]:
    """Return the 159 names of the published maps, in their order."""
    with (Path(__file__).parent / "tables" / "cxas.csv").open(encoding="utf-8") as file:
        return tuple(row["class"] for row in csv.DictReader(file))


@dataclass(frozen=True, eq=False)
class Cxas:
    """The network in evaluation mode, where its weights came from, and names of tensors that have no place in it."""

    net: nn.Module
    weights: Weights
    unused: tuple[str, ...] = ()

    @torch.no_grad()
    def read(self, display: NDArray[np.float32], *, size: int = SIZE) -> NDArray[np.float32]:
        """Return the probability of each class at each pixel of a film.

        Args:
            display: float32 (H, W) in [0, 1], 0 black, as `Image.display` returns it.
            size: side of the square that the film is stretched to; 512 is published.

        Returns:
            float32 (159, H, W), columns as `classes()`; 0.5 is the published threshold.
        """
        grey = torch.from_numpy(np.ascontiguousarray(display, np.float32))[None, None].expand(1, 3, -1, -1)
        mean, deviation = (torch.tensor(each).reshape(1, 3, 1, 1) for each in (MEAN, DEVIATION))
        film = nn.functional.interpolate((grey - mean) / deviation, (size, size))  # nearest, as published
        maps: Tensor = self.net(film).sigmoid()
        found: NDArray[np.float32] = nn.functional.interpolate(maps, display.shape, mode="bilinear")[0].numpy()
        return found


def load_cxas(
    folder: str | Path | None = None, *, blocks: tuple[int, ...] = BLOCKS, width: int = WIDTH, last: int = LAST
) -> Cxas:
    """Load the converted weights.

    Args:
        folder: that holds model.safetensors; 'cxas' in the folder that HILUM_WEIGHTS names by default.
        blocks, width, last: of `CxasNet`; a smaller network of the same layout for tests.

    Raises:
        MissingError: if there are none, or a pickle in their place; the sentence says what to do.
        InputError: if a tensor is missing or of another shape; the first one is named.
    """
    weights = load("paxray", SOURCE, folder)
    net = CxasNet(len(classes()), blocks=blocks, width=width, last=last)
    given = _tensors(weights)
    file = weights.files[0].name
    for name, own in net.state_dict().items():
        if name.endswith("num_batches_tracked"):  # a counter that plays no part in reading
            given[name] = own
            continue
        found = tuple(given[name].shape) if name in given else "missing"
        if found != tuple(own.shape):
            raise InputError(
                f"{file} is not CXAS's U-Net over ResNet-50: '{name}' is {found}, expected {tuple(own.shape)}; its "
                f"first names are {sorted(given)[:3]}{_UNSEEN}"
            )
    unused = tuple(sorted(given.keys() - net.state_dict().keys()))
    net.load_state_dict({name: given[name] for name in net.state_dict()})
    return Cxas(net.eval().requires_grad_(False), weights, unused)


def _tensors(weights: Weights) -> dict[str, Tensor]:
    """The tensors by the names of `CxasNet`: some files come from several GPUs, some leave one 'backbone' out."""
    from safetensors.torch import load_file

    named = {name.removeprefix("module."): tensor for name, tensor in load_file(weights.files[0]).items()}
    if not any(name.startswith("backbone.backbone.") for name in named):
        named = {f"backbone.{name}" if name.startswith("backbone.") else name: tensor for name, tensor in named.items()}
    return named
