"""Pre-training of BenchX's methods on the same films and reports, with the same encoders, steps and batches."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from hilum.core.errors import InputError
from hilum.learn.fit import Fit, fit
from hilum.learn.pairs import Pairs
from hilum.learn.weak import one_thread
from hilum.learn.wording import Wording
from hilum.nets.towers import SmallImage, SmallText
from hilum.systems._benchx_convirt import ConVIRT
from hilum.systems._benchx_gloria import GLoRIA
from hilum.systems._benchx_medclip import MedCLIP
from hilum.systems._benchx_medklip import PLACES, MedKLIP
from hilum.systems._benchx_method import SPARE, Batch, Method, Parts
from hilum.systems._benchx_mflag import MFlag
from hilum.systems._benchx_mgca import Mgca
from hilum.systems._benchx_mrm import Mrm
from hilum.systems._benchx_ptunifier import PTUnifier
from hilum.systems._benchx_reading import Reading, Scale
from hilum.systems._benchx_refers import Refers

METHODS: Mapping[str, type[Method]] = {
    kind.published.name: kind for kind in (ConVIRT, GLoRIA, Refers, MedCLIP, Mgca, MedKLIP, MFlag, Mrm, PTUnifier)
}
"""Name -> network, by the year of the paper."""


def small_image(scale: Scale) -> SmallImage:
    """Return the image encoder of a scale, random by torch's seed."""
    return SmallImage(scale.width, stride=scale.stride, channels=scale.channels)


def network(name: str, wording: Wording, names: tuple[str, ...], scale: Scale, *, seed: int = 0) -> Method:
    """Return a method's network, random; the image encoder is the same for every method of one seed.

    Args:
        name: of `METHODS`.
        wording: words of the reports.
        names: findings, for MedKLIP's entities.
        scale: sizes.
        seed: of the weights.

    Raises:
        InputError: if there is no such method.
    """
    if name not in METHODS:
        raise InputError(f"no method '{name}': choose from {', '.join(METHODS)}")
    torch.manual_seed(seed)
    image, vocabulary = small_image(scale), len(wording) + SPARE
    text = SmallText(vocabulary, scale.width, longest=max(scale.words, 8))
    more: dict[str, Any] = {}
    if name == "medklip":
        more = {"names": wording.code(names), "places": wording.code(PLACES)}
    elif name == "mrm":
        more = {"stride": scale.stride}
    return METHODS[name](image, text, width=scale.width, vocabulary=vocabulary, **more)


def _loss(net: nn.Module, batch: Batch) -> tuple[Tensor, Parts]:
    made: tuple[Tensor, Parts] = net(batch)
    return made


def pretrain(
    name: str, pairs: Pairs, wording: Wording, scale: Scale, *, seed: int = 0, folder: Path | None = None,
    resume: bool = False, progress: Callable[[int, Mapping[str, float]], None] | None = None,
) -> Method:  # fmt: skip
    """Return a method's network, pre-trained on films and reports.

    Args:
        name: of `METHODS`.
        pairs: training films of all views.
        wording: words of the training reports.
        scale: sizes, steps and batches.
        seed: of the weights and every draw.
        folder, resume, progress: of `fit`.

    Raises:
        InputError: if there is no such method, or too little to align.
    """
    net = network(name, wording, pairs.names, scale, seed=seed)
    batches = Reading(pairs, wording, scale, seed=seed, views=net.views)
    spec = Fit(steps=scale.steps, rate=scale.rate, average=0.98, warmup=0.1, bf16=False, log_every=25)
    with one_thread():
        fit(net, batches, _loss, spec, seed=seed, folder=folder, resume=resume, progress=progress)
    return net
