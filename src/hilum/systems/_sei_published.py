"""The authors' first stage of SEI (MK-runner/SEI on the hub), converted by the user: layout, films in, features out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hilum.measure.adapters.weights import Source, Weights, load
from hilum.nets.cxas import Bottleneck
from hilum.systems._sei_net import Sei, SeiSize
from hilum.systems._stage1_card import fill
from hilum.systems._stage1_published import PROJECTION, BertWords, Tensors, layers_of, part, shape

SIZE, MEAN, DEVIATION = 224, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
SOURCE = Source(
    folder="sei",
    model="SEI stage 1",
    repository="SEI-1-pretrain-model-best.pth of MK-runner/SEI on the Hugging Face hub",
    licence="as its model card states",
    size="some 600 MB by its count of weights",
    layout="model.safetensors (made by scripts/convert_weights.py)",
    files=(),
    page="docs/sei.md",
)
PARTS = {"visual_global.": "film.", "visual_local.": "patch.", "text_global.": "report.", "text_local.": "word."}
USED = ("visual_extractor.", "text_encoder.encoder.", *PARTS)


@dataclass(frozen=True, eq=False)
class Published:
    """The networks in evaluation mode, where the weights came from, and names of tensors that have no place in them."""

    encoder: nn.Module
    net: Sei
    weights: Weights
    unused: tuple[str, ...] = ()

    @torch.no_grad()
    def tokens(self, films: Tensor, *, size: int = SIZE) -> Tensor:
        """Return the mean of the patches and the patches of films (B, 1, H, W) in [0, 1]: (B, 1 + P, D)."""
        mean, deviation = (torch.tensor(each).reshape(1, 3, 1, 1) for each in (MEAN, DEVIATION))
        grey = nn.functional.interpolate(films, (size, size), mode="bilinear", antialias=True)
        maps = self.encoder((grey.expand(-1, 3, -1, -1) - mean) / deviation)
        return torch.cat((maps.mean((2, 3))[:, None], maps.flatten(2).transpose(1, 2)), dim=1)

    @torch.no_grad()
    def features(self, films: Tensor, *, size: int = SIZE) -> NDArray[np.float32]:
        """Return what cases are found by, float32 (B, (1 + P) W): for `learn.retrieve.index_of`."""
        return self.net.features(self.tokens(films, size=size)).numpy()


def resnet(blocks: Mapping[int, int], width: int) -> nn.Sequential:
    """Return torchvision's ResNet without its last two layers, numbered as the authors' Sequential is.

    Args:
        blocks: bottlenecks of stages 4 to 7.
        width: channels of the stem.
    """
    layers: list[nn.Module] = [nn.Conv2d(3, width, 7, stride=2, padding=3, bias=False), nn.BatchNorm2d(width),
                               nn.ReLU(), nn.MaxPool2d(3, stride=2, padding=1)]  # fmt: skip
    inputs = width
    for number, count in enumerate(blocks[at] for at in sorted(blocks)):
        stage = []
        for block in range(count):
            stage.append(Bottleneck(inputs, width * 2**number, 2 if number and not block else 1))
            inputs = 4 * width * 2**number
        layers.append(nn.Sequential(*stage))
    return nn.Sequential(*layers)


def load_published(folder: str | Path | None = None, *, heads: int = 12) -> Published:
    """Load the converted weights; sizes are read from them, so a tiny checkpoint of the same layout loads too.

    Args:
        folder: that holds model.safetensors; 'sei' in the folder that HILUM_WEIGHTS names by default.
        heads: of attention in the text encoder.

    Raises:
        MissingError: if there are none, or a pickle in their place; the sentence says what to do.
        InputError: if a tensor is missing or of another shape; the first one is named.
    """
    from safetensors.torch import load_file

    weights = load("sei", SOURCE, folder)
    given, where = load_file(weights.files[0]), weights.files[0].name
    image, text = part(given, "visual_extractor.model."), part(given, "text_encoder.encoder.")
    blocks = {at: layers_of(image, rf"{at}\.(\d+)\.") for at in range(4, 8)}
    encoder = resnet(blocks, shape(image, "0.weight", where)[0])
    words = BertWords(text, heads=heads, where=where)
    inputs, width = shape(given, "visual_global.head.0.weight", where)[1], shape(given, "visual_global.head.3.weight",
                                                                                  where)[0]  # fmt: skip
    net = Sei(SeiSize(inputs, words.width, width), words)
    fill(encoder, image, where=where)
    own: Tensors = {f"text.model.{name}": value for name, value in text.items()}
    for prefix, mine in PARTS.items():
        own |= {mine + name: value for name, value in part(given, prefix, PROJECTION).items()}
    fill(net, own, where=where)
    unused = tuple(sorted(name for name in given if not name.startswith(USED)))
    return Published(encoder.eval().requires_grad_(False), net.eval().requires_grad_(False), weights, unused)
