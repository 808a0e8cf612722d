"""Seeded augmentation of film batches in torch: geometry for frame and mask alike, then intensity.

Laterality. Mirroring is allowed for whole-film finding labels, which carry no side; nothing that states a
side is trained here. Turned and negative films are made on purpose, as examples for the gate.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True)
class Augment:
    """How much to vary; probabilities unless a unit is given."""

    rotate_deg: float = 12.0
    zoom: float = 0.25
    stretch: float = 0.15
    shift: float = 0.08
    mirror: float = 0.3
    turned: float = 0.15
    negative: float = 0.12
    coarse: float = 0.35
    blur_to: int = 48
    gamma: float = 0.45
    contrast: float = 0.2
    curve: float = 0.5
    noise: float = 0.04
    marker: float = 0.35
    cutout: float = 0.3
    border: float = 0.2


@dataclass(frozen=True)
class Varied:
    """An augmented batch: film (B, 1, S, S), mask alike, quarter turns (B,) and negative (B,)."""

    film: Tensor
    mask: Tensor
    turns: Tensor
    negative: Tensor


def _uniform(count: int, low: float, high: float, rng: torch.Generator) -> Tensor:
    return torch.rand(count, generator=rng) * (high - low) + low


def _grid(count: int, size: int, how: Augment, turns: Tensor, rng: torch.Generator) -> Tensor:
    """Return a sampling grid (B, size, size, 2): rotation, zoom, stretch, shift, mirror and quarter turns."""
    angle = torch.deg2rad(_uniform(count, -how.rotate_deg, how.rotate_deg, rng) + 90.0 * turns)
    zoom = torch.exp(_uniform(count, -how.zoom, how.zoom * 0.6, rng))
    ratio = torch.exp(_uniform(count, -how.stretch, how.stretch, rng))
    mirror = 1.0 - 2.0 * (torch.rand(count, generator=rng) < how.mirror)
    theta = torch.zeros(count, 2, 3)
    # turn first in frame axes, then stretch and mirror the upright film
    theta[:, 0, 0], theta[:, 0, 1] = torch.cos(angle) * zoom * ratio * mirror, -torch.sin(angle) * zoom * ratio * mirror
    theta[:, 1, 0], theta[:, 1, 1] = torch.sin(angle) * zoom / ratio, torch.cos(angle) * zoom / ratio
    theta[:, :, 2] = torch.stack([_uniform(count, -how.shift, how.shift, rng) * 2 for _ in range(2)], dim=1)
    return functional.affine_grid(theta, [count, 1, size, size], align_corners=False)


def _tone(film: Tensor, how: Augment, rng: torch.Generator) -> Tensor:
    """Vary gamma, contrast and brightness of films (B, 1, S, S)."""
    count = len(film)
    gamma = torch.exp(_uniform(count, -how.gamma, how.gamma, rng)).view(-1, 1, 1, 1)
    gain = torch.exp(_uniform(count, -how.contrast, how.contrast, rng)).view(-1, 1, 1, 1)
    lift = _uniform(count, -0.06, 0.06, rng).view(-1, 1, 1, 1)
    return (((film.clamp(0, 1) ** gamma) - 0.5) * gain + 0.5 + lift).clamp(0, 1)


def _curved(film: Tensor, how: Augment, rng: torch.Generator) -> Tensor:
    """Send some films through a random rising tone curve: film plates and detectors differ in theirs."""
    for index in (torch.rand(len(film), generator=rng) < how.curve).nonzero().flatten().tolist():
        steps = torch.rand(6, generator=rng) ** 1.5 + 0.15
        knots = torch.cat((torch.zeros(1), steps.cumsum(0) / steps.sum()))
        place = film[index].clamp(0, 1) * 6
        low = place.floor().long().clamp(0, 5)
        film[index] = knots[low] + (knots[low + 1] - knots[low]) * (place - low)
    return film


def _coarsen(film: Tensor, how: Augment, rng: torch.Generator) -> Tensor:
    """Shrink some films and enlarge them again, as small thumbnails are."""
    size = film.shape[-1]
    for index in (torch.rand(len(film), generator=rng) < how.coarse).nonzero().flatten().tolist():
        small = int(torch.randint(how.blur_to, max(how.blur_to + 1, size * 3 // 4), (1,), generator=rng))
        less = functional.interpolate(film[index : index + 1], size=(small, small), mode="area")
        film[index] = functional.interpolate(less, size=(size, size), mode="bilinear", align_corners=False)[0]
    return film


def _paint(film: Tensor, how: Augment, rng: torch.Generator) -> Tensor:
    """Burn in small bright markers, grey cut-outs and black or white borders."""
    size = film.shape[-1]

    def pick(low: int, high: int) -> int:
        return int(torch.randint(low, max(high, low + 1), (1,), generator=rng))

    for index in range(len(film)):
        marker, cutout, border = torch.rand(3, generator=rng).tolist()
        if marker < how.marker:
            top, left, side = pick(0, size), pick(0, size), pick(size // 40, size // 9)
            film[index, :, top : top + side, left : left + side // 2 + 1] = float(pick(0, 4) > 0)
        if cutout < how.cutout:
            top, left, rows, columns = (
                pick(0, size),
                pick(0, size),
                pick(size // 16, size // 4),
                pick(size // 16, size // 4),
            )
            film[index, :, top : top + rows, left : left + columns] = torch.rand(1, generator=rng)
        if border < how.border:
            edge, shade = pick(1, size // 10), float(pick(0, 3) == 0)
            if pick(0, 2):
                film[index, :, :edge], film[index, :, -edge:] = shade, shade
            else:
                film[index, :, :, :edge], film[index, :, :, -edge:] = shade, shade
    return film


def augment(film: Tensor, mask: Tensor, *, size: int, how: Augment, rng: torch.Generator) -> Varied:
    """Vary a batch.

    Args:
        film, mask: float (B, 1, F, F) in [0, 1].
        size: side of the result.
        how: amounts.
        rng: the only source of randomness.

    Returns:
        Films and masks (B, 1, size, size) with the quarter turns and polarity each film was given.
    """
    count = len(film)
    turned = torch.rand(count, generator=rng) < how.turned
    turns = torch.where(turned, torch.randint(1, 4, (count,), generator=rng), torch.zeros(count, dtype=torch.long))
    negative = torch.rand(count, generator=rng) < how.negative
    grid = _grid(count, size, how, turns, rng)
    filled = ((film > 0).any(dim=2, keepdim=True) & (film > 0).any(dim=3, keepdim=True)).to(film.dtype)
    both = functional.grid_sample(torch.cat((film, mask, filled), dim=1), grid, mode="bilinear", align_corners=False)
    varied = _tone(_curved(_coarsen(both[:, :1].clone(), how, rng), how, rng), how, rng)
    varied = torch.where(negative.view(-1, 1, 1, 1), (1.0 - varied) * both[:, 2:], varied)
    noise = torch.randn(varied.shape, generator=rng) * (_uniform(count, 0, 1, rng) ** 2 * how.noise).view(-1, 1, 1, 1)
    return Varied(_paint((varied + noise).clamp(0, 1), how, rng), both[:, 1:2], turns, negative)
