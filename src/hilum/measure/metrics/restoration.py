"""Metrics of one picture against its reference: what a denoised, translated or rebuilt film lost."""

from __future__ import annotations

from typing import Any

import numpy as np

from hilum.core.errors import InputError
from hilum.core.registry import register
from hilum.measure import pictures
from hilum.measure.features import LOCAL, OnnxNetwork, find_network
from hilum.measure.metric import UnscoredError, by_item
from hilum.measure.pairs import Pairs
from hilum.measure.pictures import Floats
from hilum.measure.scored import Scored, averaged, signature


@register.metric("psnr", better="higher", unit="dB", takes="image", range=(0.0, float("inf")))
@by_item
def psnr(reference: Any, answer: Any, data_range: float | None = None) -> float:
    """Peak signal-to-noise ratio in floating point; equal pictures have none and are unscored."""
    value = pictures.psnr(reference, answer, data_range)
    if value == float("inf"):
        raise UnscoredError("the pictures are equal: their PSNR is infinite")
    return value


@register.metric("ssim", better="higher", takes="image", range=(-1.0, 1.0))
@by_item
def ssim(reference: Any, answer: Any, data_range: float | None = None) -> float:
    """Structural similarity (Wang et al. 2004): 11 x 11 Gaussian window, over whole windows only."""
    return pictures.ssim(reference, answer, data_range)


@register.metric("ms-ssim", better="higher", takes="image", range=(0.0, 1.0))
@by_item
def ms_ssim(reference: Any, answer: Any, data_range: float | None = None, scales: int = 5) -> float:
    """Multi-scale structural similarity (Wang et al. 2003) over 5 scales."""
    return pictures.ms_ssim(reference, answer, data_range, scales=scales)


@register.metric("pixel-rms", better="lower", takes="image", range=(0.0, float("inf")))
@by_item
def pixel_rms(reference: Any, answer: Any, data_range: float | None = None) -> float:
    """Root mean squared difference in parts of the data range; 0 where the pictures are equal."""
    return pictures.rms(reference, answer, data_range)


@register.metric("lpips-style", better="lower", takes="image", over="set", range=(0.0, float("inf")))
def lpips_style(pairs: Pairs[Any], network: Any = LOCAL, data_range: float | None = None) -> Scored:
    """Distance of unit-length layer features, summed over layers (LPIPS without its learned weights, other network).

    Args:
        pairs: pictures.
        network: 'fid-local' or an ONNX file that gives layer maps (N, C, H, W) among its outputs.
        data_range: see `pictures.unit`.

    Raises:
        InputError: if the network gives no layer maps.
    """
    found = find_network(network)
    if not isinstance(found, OnnxNetwork):
        raise InputError("lpips-style needs an ONNX network that gives layer maps (N, C, H, W)")
    values, unscored = np.full(len(pairs), np.nan), {}
    for number, (reference, answer) in enumerate(zip(pairs.references, pairs.answers, strict=True)):
        try:
            if answer is None:
                raise InputError("there is no answer")
            shown = list(pictures.both(reference, answer, data_range))
        except InputError as error:
            unscored[number] = str(error)
            continue
        values[number] = layer_distance(next(iter(found.run(shown, 1.0))), found.name)
    said = signature("lpips-style", 1, network=found.label, weights="none", data_range=data_range or "by type")
    return averaged("lpips-style", values, said, better="lower", unscored=unscored)


def layer_distance(outputs: dict[str, Any], name: str) -> float:
    """Return the distance of the first two films of a batch of outputs, over those that are maps (N, C, H, W).

    Raises:
        InputError: if none is.
    """
    layers: list[Floats] = [maps.astype(np.float64) for maps in outputs.values() if maps.ndim == 4]
    if not layers:
        raise InputError(f"'{name}' gives no layer maps (N, C, H, W) to compare")
    total = 0.0
    for maps in layers:
        lengths = np.sqrt(np.sum(maps**2, axis=1, keepdims=True))
        one, other = maps / np.maximum(lengths, 1e-10)
        total += float(np.mean(np.sum((one - other) ** 2, axis=0)))
    return total
