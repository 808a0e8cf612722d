"""Masks by networks taught on one set: its own films read by the one that has not seen them, others by all."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from hilum.learn.segment import Bools, Floats, Tone, fit_masks, read_masks
from hilum.nets.resunet import ResUNet


def folded_masks(
    films: Floats, masks: Bools, fold: NDArray[np.intp], others: Floats, *, steps: int, seed: int = 0,
    tone: Tone | None = None,
) -> tuple[Floats, Floats]:  # fmt: skip
    """Return the probability of each class on films (N, C, H, W), and on others (M, C, H, W) as the networks' mean.

    Args:
        films: (N, H, W); a film with an empty mask is read but not learnt from.
        masks: (N, C, H, W).
        fold: (N,) of each film, 0 to folds - 1; the films of a patient must share one.
        others: (M, H, W), read by every network.
        steps: of each network's training.
        seed: of networks and training.
        tone: change of grey levels for every film that is learnt from.

    Raises:
        InputError: if a fold leaves no film to learn from.
    """
    folds = int(fold.max()) + 1
    usable = np.all(masks.any(axis=(2, 3)), axis=1)
    own = np.zeros(masks.shape, np.float32)
    rest = np.zeros((len(others), *masks.shape[1:]), np.float32)
    for number in range(folds):
        rows, out = (fold != number) & usable, fold == number
        torch.manual_seed(seed)
        net = ResUNet(classes=masks.shape[1])
        fit_masks(net, films[rows], masks[rows], steps=steps, seed=seed + number, tone=tone)
        own[out] = read_masks(net, films[out])
        if len(others):
            rest += read_masks(net, others) / folds
    return own, rest
