"""CutMix: a box of another film of the batch in each film, and the share of its label that follows from the area.

Source: Yun et al., CutMix, ICCV 2019 (arXiv 1905.04899).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from hilum.core.errors import InputError


class Mixed(NamedTuple):
    """A batch with boxes exchanged.

    Args:
        film: (B, C, H, W).
        other: int64 (B,), whose box each film has.
        share: of a film's own label: 1 minus the box's true share of the area; 1 where nothing was mixed.
    """

    film: Tensor
    other: Tensor
    share: float


def box_of(height: int, width: int, share: float, rng: np.random.Generator) -> tuple[int, int, int, int]:
    """Return a box (top, bottom, left, right), half-open, of sides sqrt(1 - share) about a point of the film.

    It is cut at the film's edges, so that its area may be less than asked for.

    Args:
        height, width: of the film in pixels.
        share: of the film that is to stay, 0 to 1.
        rng: of the middle.
    """
    rows, columns = (round(side * float(np.sqrt(1.0 - share))) for side in (height, width))
    y, x = int(rng.integers(height)), int(rng.integers(width))
    top, left = y - rows // 2, x - columns // 2
    return max(0, top), min(height, top + rows), max(0, left), min(width, left + columns)


def cutmix(
    film: Tensor, rng: np.random.Generator, *, probability: float = 0.5, concentration: float = 1.0
) -> Mixed:  # fmt: skip
    """Return a batch in which each film has a box of another, one box for all, or the batch as it is.

    Args:
        film: (B, C, H, W).
        rng: of every draw.
        probability: that the batch is mixed.
        concentration: both parameters of the Beta distribution of the share that is to stay; 1 is uniform.

    Raises:
        InputError: if the probability lies outside 0 to 1, or the concentration is not above 0.
    """
    if not 0.0 <= probability <= 1.0 or concentration <= 0.0:
        raise InputError(f"a probability of 0 to 1 and a concentration above 0, got {probability}, {concentration}")
    same = torch.arange(len(film))
    if rng.random() >= probability:
        return Mixed(film, same, 1.0)
    height, width = film.shape[-2:]
    top, bottom, left, right = box_of(height, width, float(rng.beta(concentration, concentration)), rng)
    other = torch.from_numpy(rng.permutation(len(film)))
    made = film.clone()
    made[..., top:bottom, left:right] = film[other][..., top:bottom, left:right]
    return Mixed(made, other, 1.0 - (bottom - top) * (right - left) / (height * width))


def mixed_cross_entropy(logits: Tensor, target: Tensor, mixed: Mixed) -> Tensor:
    """Return share * BCE(own label) + (1 - share) * BCE(label of the other), mean over the batch.

    Args:
        logits, target: (B,) or (B, K), targets before they were mixed.
        mixed: of the same batch.
    """
    own = functional.binary_cross_entropy_with_logits(logits, target)
    if mixed.share == 1.0:
        return own
    theirs = functional.binary_cross_entropy_with_logits(logits, target[mixed.other])
    return mixed.share * own + (1.0 - mixed.share) * theirs
