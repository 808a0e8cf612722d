"""Networks that virtual patients teach: the reader of every mask, a small one to compare films with, and tuned ones."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import numpy as np

from hilum.systems._virtual_films import FULL, MASKS, Bools, Films, Floats, toned

if TYPE_CHECKING:
    from torch import nn

    from hilum.nets.unet import LiteUNet

RATE, TUNED_RATE = 2e-3, 1e-3


def reader(made: Films, *, steps: int, seed: int) -> LiteUNet:
    """Train the reader on films of full physics: an encoder that knows photographs, and no real radiograph.

    Raises:
        MissingError: if the package with the weights from photographs is missing.
    """
    return _fitted(_started(len(MASKS), seed), made.films[FULL], made.masks, steps=steps, seed=seed, rate=RATE)


def small(films: Floats, masks: Bools, *, steps: int, seed: int, tone: bool) -> nn.Module:
    """Train a small network that knows nothing; arms of one seed start from the same weights."""
    import torch

    from hilum.learn.segment import fit_masks
    from hilum.nets.resunet import ResUNet

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = ResUNet(classes=masks.shape[1])
        return fit_masks(net, films, masks, steps=steps, seed=seed, tone=toned if tone else None)


def tuned(start: LiteUNet | None, films: Floats, masks: Bools, *, row: int, steps: int, seed: int) -> LiteUNet:
    """Train one class on real films, from a reader's own map `row`, or from photographs alone (None)."""
    from torch import nn

    net = _started(1, seed) if start is None else copy.deepcopy(start)
    if start is not None:
        old = net.decoder.predict
        net.decoder.predict = nn.Conv2d(old.in_channels, 1, 1)
        net.decoder.predict.load_state_dict({key: value[[row]].clone() for key, value in old.state_dict().items()})
    rate = RATE if start is None else TUNED_RATE
    return _fitted(net, films, np.asarray(masks)[:, None], steps=steps, seed=seed, rate=rate)


def _started(classes: int, seed: int) -> LiteUNet:
    import torch

    from hilum.nets.unet import LiteUNet
    from hilum.nets.vision import load_imagenet

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = LiteUNet(classes=classes)
    load_imagenet(net.encoder)
    return net.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def _fitted(net: LiteUNet, films: Floats, masks: Bools, *, steps: int, seed: int, rate: float) -> LiteUNet:
    import torch

    from hilum.learn.segment import fit_masks

    with torch.random.fork_rng():
        fit_masks(net, films, masks, steps=steps, rate=rate, seed=seed, tone=toned)
    return net
