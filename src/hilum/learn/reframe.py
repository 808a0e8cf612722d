"""Chests framed as real films frame them: other crops and proportions, more belly or less, black bars around."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Reframe:
    """How far framing varies.

    Args:
        turn_deg: deviation of the turn.
        side: least and largest share of the film that its longer side shows.
        aspect: least and largest width over height; what a square film lacks of it is black.
        upright: share of films left square.
        stretch: deviation of the logarithm of width over height of the chest itself.
        shift: largest shift each way, as a share of the film.
        low, lower: share of films that show more of the belly, and at most how far down they go.
    """

    turn_deg: float = 5.0
    side: tuple[float, float] = (0.6, 1.15)
    aspect: tuple[float, float] = (0.8, 1.4)
    upright: float = 0.3
    stretch: float = 0.08
    shift: float = 0.1
    low: float = 0.4
    lower: float = 0.35

    def __call__(self, film: Tensor, mask: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Frame films (B, 1, S, S) in [0, 1] and masks (B, C, S, S) alike; the outermost rows go on beyond the film.

        Grey levels are stretched over what is shown, as `learn.frame.frame` does; masks end where the film ends.
        """
        count, size = len(film), film.shape[-1]
        aspect = np.exp(rng.uniform(*np.log(self.aspect), count))
        aspect[rng.random(count) < self.upright] = 1.0
        side = rng.uniform(*self.side, count)
        wider = np.exp(rng.normal(0, self.stretch, count))
        angle = np.radians(rng.normal(0, self.turn_deg, count))
        shift = rng.uniform(-2 * self.shift, 2 * self.shift, (2, count))
        shift[1] += (rng.random(count) < self.low) * rng.uniform(0, 2 * self.lower, count)
        across, down = side * wider, side / wider
        rows = np.stack([
            np.stack([np.cos(angle) * across, -np.sin(angle) * down, shift[0]], -1),
            np.stack([np.sin(angle) * across, np.cos(angle) * down, shift[1]], -1),
        ], axis=1)  # fmt: skip
        grid = nn.functional.affine_grid(torch.from_numpy(rows).float(), list(film.shape), align_corners=False)
        sample = nn.functional.grid_sample
        shown = sample(film, grid, mode="bilinear", padding_mode="border", align_corners=False)
        moved = sample(mask, grid, mode="bilinear", padding_mode="zeros", align_corners=False).round()
        inside = _inside(aspect, size)
        return _stretched(shown, inside), moved * inside


def _inside(aspect: np.ndarray, size: int) -> Tensor:
    """Return where a letterboxed film of each aspect lies in its square: (B, 1, S, S), 1 or 0."""
    at = np.abs((np.arange(size) + 0.5) / size * 2 - 1)
    columns = at[None] <= np.minimum(aspect, 1)[:, None]
    rows = at[None] <= np.minimum(1 / aspect, 1)[:, None]
    return torch.from_numpy(rows[:, None, :, None] & columns[:, None, None, :]).float()


def _stretched(film: Tensor, inside: Tensor) -> Tensor:
    made = []
    for one, part in zip(film, inside, strict=True):
        low, high = torch.quantile(one[part > 0][::3], torch.tensor([0.005, 0.995]))
        made.append(((one - low) / (high - low).clamp(min=1e-3)).clamp(0, 1) * part)
    return torch.stack(made)
