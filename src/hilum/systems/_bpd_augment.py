"""How BPD's films are varied in training: turned, mirrored, zoomed, blurred, and with pixels masked.

Source: the public training script of arXiv 2507.12269. Traps: mirroring hides situs, so that it can be left out; masked
pixels become 0 in torchxrayvision's range, which is mid-grey and not black; the blur's 9 pixels are of films of 512.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

KERNEL_AT, KERNEL = 512, 9


@dataclass(frozen=True)
class Vary:
    """How much; probabilities unless a unit is given.

    Args:
        rotate_deg: most degrees, either way.
        mirror: left and right exchanged.
        zoom: least and most scale.
        blur: a Gaussian of 9 pixels at films of 512, of a deviation up to `sigma` pixels there.
        mask: that a quarter (`masked`) of the pixels become mid-grey.
    """

    rotate_deg: float = 5.0
    mirror: float = 0.5
    zoom: tuple[float, float] = (0.95, 1.05)
    blur: float = 0.5
    sigma: tuple[float, float] = (0.1, 2.0)
    mask: float = 0.1
    masked: float = 0.25


def varied(film: Tensor, rng: np.random.Generator, how: Vary) -> Tensor:
    """Return films (B, 1, S, S) in [0, 1], each varied by draws of its own."""
    count, size = len(film), film.shape[-1]
    angle = np.deg2rad(rng.uniform(-how.rotate_deg, how.rotate_deg, count))
    scale = 1.0 / rng.uniform(*how.zoom, count)
    side = np.where(rng.random(count) < how.mirror, -1.0, 1.0)
    grid = np.zeros((count, 2, 3), np.float32)
    grid[:, 0, 0], grid[:, 0, 1] = np.cos(angle) * scale * side, -np.sin(angle) * scale * side
    grid[:, 1, 0], grid[:, 1, 1] = np.sin(angle) * scale, np.cos(angle) * scale
    at = functional.affine_grid(torch.from_numpy(grid), [count, 1, size, size], align_corners=False)
    made = functional.grid_sample(film, at, mode="bilinear", align_corners=False)
    blurs = np.flatnonzero(rng.random(count) < how.blur)
    sigmas = rng.uniform(*how.sigma, len(blurs)) * size / KERNEL_AT
    for place, sigma in zip(blurs, sigmas, strict=True):
        made[place] = _blurred(made[place], float(sigma), size)
    for place in np.flatnonzero(rng.random(count) < how.mask):
        made[place][torch.from_numpy(rng.random((1, size, size)) < how.masked)] = 0.5
    return made


def _blurred(film: Tensor, sigma: float, size: int) -> Tensor:
    """One film (1, S, S) after a Gaussian whose window is 9 pixels where the film has 512."""
    half = round(KERNEL * size / KERNEL_AT) // 2
    if half < 1:
        return film
    place = torch.arange(-half, half + 1, dtype=torch.float32)
    weight = torch.exp(-0.5 * (place / max(sigma, 1e-3)) ** 2)
    weight = weight / weight.sum()
    padded = functional.pad(film[None], (half, half, half, half), mode="reflect")
    down = functional.conv2d(padded, weight.view(1, 1, -1, 1))
    return functional.conv2d(down, weight.view(1, 1, 1, -1))[0]
