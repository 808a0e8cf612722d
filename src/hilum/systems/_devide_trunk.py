"""The encoder that all arms of an experiment share, taught where findings lie, so that arms differ in texts alone."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hilum.core.errors import InputError
from hilum.core.seed import generator
from hilum.learn.fit import Fit, fit
from hilum.learn.label_trunk import film_batch
from hilum.learn.objectives.classify import binary_cross_entropy
from hilum.learn.pairs import Pairs
from hilum.learn.weak import one_thread
from hilum.nets.towers import SmallImage

Bools = NDArray[np.bool_]
PATCH, BATCH, COVERED = 8, 32, 0.1
"""Pixels of a patch's side, films of a step, and the share of a patch that a finding covers to lie in it."""


class PatchLabels(nn.Module):
    """An encoder and a small head on each patch: (B, 1, S, S) to logits (B, N, K).

    Args:
        encoder: gives patches of some width.
        width: of its patches.
        findings: K.
    """

    def __init__(self, encoder: nn.Module, width: int, findings: int) -> None:
        """Build; a finding starts as rare as it is, at the logit of 2 %."""
        super().__init__()
        self.encoder = encoder
        self.head = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, findings))
        nn.init.constant_(self.head[-1].bias, -4.0)  # type: ignore[arg-type]

    def forward(self, film: Tensor) -> Tensor:
        """Return logits of each patch."""
        return self.head(self.encoder(film).patches)  # type: ignore[no-any-return]


def patches_of(masks: Bools) -> Bools:
    """Return the patches that masks (..., S, S) cover by a tenth or more: (..., S / 8, S / 8).

    Raises:
        InputError: if films do not measure a multiple of 8 pixels.
    """
    *front, rows, columns = masks.shape
    if rows % PATCH or columns % PATCH:
        raise InputError(f"films must measure a multiple of {PATCH} pixels, got {rows} x {columns}")
    cut = masks.reshape(*front, rows // PATCH, PATCH, columns // PATCH, PATCH)
    return np.asarray(cut.mean(axis=(-3, -1)) >= COVERED)


def placed(pairs: Pairs) -> tuple[Bools, Bools]:
    """Return where findings lie and whether that is known: bool (N, K, S / 8, S / 8) and (N, K).

    A finding that is there but has no region is unknown, as is one of which nothing is known.
    """
    rows, there = np.arange(len(pairs)), pairs.target > 0
    places = np.stack([patches_of(pairs.mask(rows, at)) for at in range(len(pairs.names))], axis=1)
    return places & there[:, :, None, None], pairs.known & (pairs.marked | ~there)


def fit_places(
    films: NDArray[np.uint8], places: Bools, known: Bools, *, width: int, steps: int, seed: int, rate: float = 3e-3
) -> SmallImage:
    """Return an encoder fitted to where findings lie.

    Args:
        films: uint8 (N, S, S).
        places: (N, K, S / 8, S / 8), of taught findings only.
        known: (N, K).
        width: of the patches.
        steps: of 32 films.
        seed: of weights and draws.
        rate: peak learning rate.
    """
    target = torch.from_numpy(places).flatten(2).transpose(1, 2)
    counted = torch.from_numpy(known)[:, None, :].expand(-1, target.shape[1], -1)

    def draw(step: int) -> tuple[Tensor, NDArray[np.int64]]:
        rows = generator(seed, "places", step).integers(0, len(films), BATCH)
        return film_batch(films[rows], seed=seed, step=step, vary=None), rows

    def minimise(model: nn.Module, batch: tuple[Tensor, NDArray[np.int64]]) -> tuple[Tensor, dict[str, float]]:
        film, rows = batch
        return places_loss(model(film), target[rows].float(), counted[rows]), {}

    torch.manual_seed(seed)
    net = PatchLabels(SmallImage(width, stride=PATCH), width, places.shape[1])
    with one_thread():
        fit(net, draw, minimise, Fit(steps, rate=rate, bf16=False, average=0.98), seed=seed)
    encoder = net.encoder
    assert isinstance(encoder, SmallImage)
    return encoder


def places_loss(logits: Tensor, target: Tensor, known: Tensor) -> Tensor:
    """Return the cross-entropy of patches, summed over findings: all (B, N, K)."""
    return binary_cross_entropy(logits, target, known) * logits.shape[-1]
