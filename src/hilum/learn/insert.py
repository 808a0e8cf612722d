"""Opacities drawn into the lungs of real films: the same film with and without, so that only the opacity tells.

Text-mined labels let a network learn how a film was taken instead of what it shows. A made opacity changes
nothing but a part of the lung, on films of either kind. It is a shadow, not a disease: soft-edged, mottled
tissue added to the lung's own grey values, from a single focus to both lower zones.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True)
class Insert:
    """How often and how much.

    Args:
        chance: of a film to be drawn into.
        foci: at most this many.
        radius: of a focus, share of the frame's side.
        density: share of the way from lung to soft tissue.
        basal: chance of a lower-zone shadow instead of foci.
        visible: share of the frame that must brighten by 0.04 or more, or the film counts as unchanged.
    """

    chance: float = 0.45
    foci: int = 3
    radius: tuple[float, float] = (0.035, 0.16)
    density: tuple[float, float] = (0.35, 0.9)
    visible: float = 0.004
    basal: float = 0.2


def mottle(size: int, rng: torch.Generator) -> Tensor:
    """Return smooth noise (size, size) of zero mean and unit variance with detail at several scales."""
    total = torch.zeros(1, 1, size, size)
    for cells, weight in ((6, 1.0), (14, 0.8), (32, 0.6), (64, 0.35)):
        grain = torch.randn(1, 1, cells, cells, generator=rng)
        total += weight * functional.interpolate(grain, size=(size, size), mode="bicubic", align_corners=False)
    total = total[0, 0]
    return (total - total.mean()) / total.std().clamp(min=1e-6)


def _uniform(low: float, high: float, rng: torch.Generator) -> float:
    return float(torch.rand(1, generator=rng)) * (high - low) + low


def shadow(lung: Tensor, how: Insert, rng: torch.Generator) -> Tensor:
    """Return the opacity's weight (S, S) in [0, 1], zero outside the lung field (S, S) in [0, 1]."""
    size = lung.shape[-1]
    inside = (lung > 0.5).nonzero()
    if len(inside) < 50:
        return torch.zeros_like(lung)
    line = torch.arange(size, dtype=torch.float32)
    weight = torch.zeros_like(lung)
    if _uniform(0, 1, rng) < how.basal:
        top, bottom = float(inside[:, 0].min()), float(inside[:, 0].max())
        middle = bottom - _uniform(0.15, 0.5, rng) * (bottom - top)
        weight = torch.sigmoid((line[:, None] - middle) / (0.05 * size)).expand(size, size).clone()
        if _uniform(0, 1, rng) < 0.5:
            left = (line[None, :] < inside[:, 1].float().mean()).float()
            weight = weight * (left if _uniform(0, 1, rng) < 0.5 else 1 - left)
    else:
        for _ in range(1 + int(torch.randint(0, how.foci, (1,), generator=rng))):
            row, column = inside[int(torch.randint(0, len(inside), (1,), generator=rng))].float()
            down, across = (_uniform(*how.radius, rng) * size for _ in range(2))
            far = ((line[:, None] - row) / down) ** 2 + ((line[None, :] - column) / across) ** 2
            weight = torch.maximum(weight, torch.exp(-0.5 * far**1.4))
    ragged = (weight + 0.25 * weight.sqrt() * mottle(size, rng)).clamp(0, 1)
    soft = functional.avg_pool2d(lung[None, None], 5, stride=1, padding=2)[0, 0]
    return ragged * soft * _uniform(*how.density, rng)


def insert(film: Tensor, lung: Tensor, *, how: Insert, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """Draw opacities into some films.

    Args:
        film: float (B, 1, S, S) in [0, 1].
        lung: lung fields alike; a film without one is left as it is.
        how: amounts.
        rng: the only source of randomness.

    Returns:
        Films, and bool (B,): which were changed by a visible amount.
    """
    changed = torch.zeros(len(film), dtype=torch.bool)
    film = film.clone()
    for index in (torch.rand(len(film), generator=rng) < how.chance).nonzero().flatten().tolist():
        weight = shadow(lung[index, 0], how, rng)
        picture = film[index, 0]
        around = picture[(lung[index, 0] < 0.3) & (picture > 0.02)]
        if not weight.any() or len(around) < 50:
            continue
        tissue = float(around.quantile(0.65))
        # Vessels and ribs stay visible through the shadow, fainter: grey values move towards soft tissue.
        painted = picture + weight * (tissue - picture).clamp(min=0.0) * (1 + 0.12 * mottle(picture.shape[-1], rng))
        if float((painted - picture > 0.04).float().mean()) < how.visible:
            continue
        film[index, 0], changed[index] = painted.clamp(0, 1), True
    return film, changed
