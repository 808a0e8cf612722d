"""Fit a network to masks that may overlap, from films in memory, and read its masks back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

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
ZOOMS = (0.92, 0.84, 0.76)
"""Middles of a film that `read_zoomed` reads too."""


class Rows(Protocol):
    """Films or masks by row, in memory or on disk."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows first."""

    def __len__(self) -> int:
        """How many rows."""

    def __getitem__(self, rows: NDArray[np.int64], /) -> NDArray[np.generic]:
        """Return some rows as an array."""


class PackedMasks:
    """Masks bool (N, C, H, W) as bits in a file, an eighth of their size, of which only the rows asked for are read.

    Args:
        path: a .npy file of uint8 (N, C, H, ceil(W / 8)).
        width: W.
    """

    def __init__(self, path: Path, width: int) -> None:
        """Open the file for reading."""
        self.bits = np.load(path, mmap_mode="r")
        self.shape: tuple[int, ...] = (*self.bits.shape[:-1], width)

    def __len__(self) -> int:
        """How many films."""
        return self.shape[0]

    def __getitem__(self, rows: NDArray[np.int64], /) -> Bools:
        """Return the masks of some films."""
        return np.unpackbits(np.asarray(self.bits[rows]), axis=-1, count=self.shape[-1]).astype(np.bool_)


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
    net: nn.Module, films: Rows, masks: Rows, *, steps: int, batch: int = 12, rate: float = 3e-3, seed: int = 0,
    tone: Tone | None = None, turn_deg: float = 6.0, zoom: float = 0.15, known: Bools | None = None,
    folder: Path | None = None, resume: bool = False, save_every: int = 100,
    progress: Callable[[int], None] | None = None,
) -> nn.Module:  # fmt: skip
    """Train a network on films and masks by cross-entropy plus Dice of each class; left in evaluation mode.

    Args:
        net: (B, 1, H, W) to logits (B, C, H, W); it is trained on the device it lies on.
        films: (N, H, W).
        masks: (N, C, H, W).
        steps, batch, rate: optimiser steps, films of a step, peak learning rate.
        seed: of the draws; two arms of one seed see the same bodies in the same order.
        tone: change of grey levels drawn for every film.
        turn_deg, zoom: largest turn, and logarithm of the largest scale.
        known: (N, C) which classes were drawn on a film; the others teach nothing there. All if None.
        folder: where log and state go; None writes nothing.
        resume: go on from the folder's state.
        save_every: steps between states.
        progress: called with each logged step.

    Raises:
        InputError: if films and masks do not belong together.
    """
    if not len(films) or len(films) != len(masks) or films.shape[1:] != masks.shape[2:]:
        raise InputError(f"films {films.shape} and masks {masks.shape} do not belong together: "
                         "expected (N, H, W) and (N, C, H, W)")  # fmt: skip

    device = next(net.parameters()).device
    drawn = np.ones((len(films), masks.shape[1]), np.bool_) if known is None else known

    def draw(step: int) -> tuple[Tensor, Tensor, Tensor]:
        rng = generator(seed, "segment", step)
        rows = rng.integers(0, len(films), batch)
        chosen = np.asarray(films[rows], np.float32)
        shown = np.stack([tone(each, rng) for each in chosen]) if tone else chosen
        moves = generator(seed, "moves", step)
        moved = _moved(centred(shown), torch.from_numpy(masks[rows]).float(), moves, turn_deg, zoom)
        return *moved, torch.from_numpy(drawn[rows]).float()

    def minimise(model: nn.Module, given: tuple[Tensor, Tensor, Tensor]) -> tuple[Tensor, dict[str, float]]:
        film, target, weight = (each.to(device) for each in given)
        logits = model(film)
        flat = (-1, 1, *target.shape[2:])
        return dice_cross_entropy(logits.reshape(flat), target.reshape(flat), weight.reshape(-1)), {}

    spec = Fit(steps=steps, rate=rate, bf16=False, average=0.97, warmup=0.05, log_every=25, save_every=save_every)
    with one_thread():
        told = (lambda n, row: progress(n)) if progress else None
        return fit(net, draw, minimise, spec, seed=seed, folder=folder, resume=resume, progress=told)


@torch.no_grad()
def read_masks(net: nn.Module, films: NDArray[np.generic], *, batch: int = 32) -> Floats:
    """Return the probability of each class at each pixel of films (N, H, W): float32 (N, C, H, W)."""
    device = next(net.parameters()).device
    with one_thread():
        parts = [
            net(centred(films[start : start + batch]).to(device)).sigmoid().cpu()
            for start in range(0, len(films), batch)
        ]
    return torch.cat(parts).numpy()


def read_zoomed(net: nn.Module, films: NDArray[np.generic], *, zooms: Sequence[float] = ZOOMS) -> Floats:
    """Return the mean of what a network reads on whole films (N, H, W) and on their middles: float32 (N, C, H, W).

    Args:
        net: (B, 1, H, W) to logits (B, C, H, W).
        films: that may hold black bars or more of the body than the films learned from.
        zooms: share of the sides of each middle; round it, what the whole film gave counts again.
    """
    whole = read_masks(net, films)
    total, (rows, columns) = whole.copy(), films.shape[1:]
    for zoom in zooms:
        away = [np.abs((np.arange(side) + 0.5) / side * 2 - 1) > zoom for side in (rows, columns)]
        middle = _scaled(np.asarray(films, np.float32)[:, None], zoom)[:, 0]
        total += np.where(away[0][:, None] | away[1], whole, _scaled(read_masks(net, middle), 1 / zoom))
    return total / np.float32(1 + len(zooms))


def _scaled(maps: Floats, zoom: float) -> Floats:
    theta = torch.tensor([[zoom, 0.0, 0.0], [0.0, zoom, 0.0]]).expand(len(maps), 2, 3)
    grid = nn.functional.affine_grid(theta, list(maps.shape), align_corners=False)
    found = nn.functional.grid_sample(torch.from_numpy(maps), grid, padding_mode="border", align_corners=False)
    return np.asarray(found.numpy())
