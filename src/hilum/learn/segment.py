"""Fit a network to masks that may overlap, from films in memory, and read its masks back."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hilum.core.errors import InputError
from hilum.core.seed import generator
from hilum.learn.fit import Fit, fit
from hilum.learn.objectives.segment import dice_cross_entropy
from hilum.learn.weak import one_thread

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]
Tone = Callable[[Floats, np.random.Generator], Floats]
"""A change of a film (H, W) that leaves its geometry as it is."""


def centred(films: NDArray[np.generic]) -> Tensor:
    """Return films (N, H, W) as float32 (N, 1, H, W), each with mean 0 and deviation 1."""
    values = torch.from_numpy(np.ascontiguousarray(films, dtype=np.float32))[:, None]
    mean, deviation = values.mean(dim=(2, 3), keepdim=True), values.std(dim=(2, 3), keepdim=True)
    return (values - mean) / deviation.clamp(min=1e-5)


def _moved(film: Tensor, mask: Tensor, rng: np.random.Generator, turn_deg: float, zoom: float) -> tuple[Tensor, Tensor]:
    """Scale, turn and shift films and masks alike; what comes from outside repeats the border, masks end there."""
    count = len(film)
    angle = np.radians(rng.uniform(-turn_deg, turn_deg, count))
    scale_x, scale_y = np.exp(rng.uniform(-zoom, zoom, (2, count)))
    shift = rng.uniform(-0.08, 0.08, (2, count))
    rows = np.stack([
        np.stack([np.cos(angle) * scale_x, -np.sin(angle) * scale_y, shift[0]], -1),
        np.stack([np.sin(angle) * scale_x, np.cos(angle) * scale_y, shift[1]], -1),
    ], axis=1)  # fmt: skip
    grid = nn.functional.affine_grid(torch.from_numpy(rows).float(), list(film.shape), align_corners=False)
    sample = nn.functional.grid_sample
    return (
        sample(film, grid, mode="bilinear", padding_mode="border", align_corners=False),
        sample(mask, grid, mode="bilinear", padding_mode="zeros", align_corners=False).round(),
    )


def fit_masks(
    net: nn.Module, films: Floats, masks: Bools, *, steps: int, batch: int = 12, rate: float = 3e-3, seed: int = 0,
    tone: Tone | None = None, turn_deg: float = 6.0, zoom: float = 0.15,
    progress: Callable[[int], None] | None = None,
) -> nn.Module:  # fmt: skip
    """Train a network on films and masks by cross-entropy plus Dice of each class; left in evaluation mode.

    Args:
        net: (B, 1, H, W) to logits (B, C, H, W).
        films: (N, H, W).
        masks: (N, C, H, W).
        steps, batch, rate: optimiser steps, films of a step, peak learning rate.
        seed: of the draws; two arms of one seed see the same bodies in the same order.
        tone: change of grey levels drawn for every film.
        turn_deg, zoom: largest turn, and logarithm of the largest scale.
        progress: called with each logged step.

    Raises:
        InputError: if films and masks do not belong together.
    """
    if not len(films) or len(films) != len(masks) or films.shape[1:] != masks.shape[2:]:
        raise InputError(f"films {films.shape} and masks {masks.shape} do not belong together: "
                         "expected (N, H, W) and (N, C, H, W)")  # fmt: skip

    def draw(step: int) -> tuple[Tensor, Tensor]:
        rng = generator(seed, "segment", step)
        rows = rng.integers(0, len(films), batch)
        shown = np.stack([tone(films[row], rng) if tone else films[row] for row in rows])
        moves = generator(seed, "moves", step)
        return _moved(centred(shown), torch.from_numpy(masks[rows]).float(), moves, turn_deg, zoom)

    def minimise(model: nn.Module, given: tuple[Tensor, Tensor]) -> tuple[Tensor, dict[str, float]]:
        film, target = given
        logits = model(film)
        flat = (-1, 1, *target.shape[2:])
        return dice_cross_entropy(
            logits.reshape(flat), target.reshape(flat), torch.ones(target[:, :, 0, 0].numel())
        ), {}

    spec = Fit(steps=steps, rate=rate, bf16=False, average=0.97, warmup=0.05, log_every=25)
    with one_thread():
        return fit(net, draw, minimise, spec, seed=seed, progress=(lambda n, row: progress(n)) if progress else None)


@torch.no_grad()
def read_masks(net: nn.Module, films: NDArray[np.generic], *, batch: int = 32) -> Floats:
    """Return the probability of each class at each pixel of films (N, H, W): float32 (N, C, H, W)."""
    with one_thread():
        parts = [net(centred(films[start : start + batch])).sigmoid() for start in range(0, len(films), batch)]
    return torch.cat(parts).numpy()
