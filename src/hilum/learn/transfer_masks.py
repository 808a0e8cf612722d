"""How well an encoder's maps can be drawn from: UPerNet on its stages, with the encoder frozen or tuned (BenchX)."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from hilum.core.errors import InputError
from hilum.core.seed import generator
from hilum.learn.label_trunk import film_batch
from hilum.learn.objectives.segment import dice_cross_entropy
from hilum.learn.pairs import Pairs
from hilum.learn.transfer import Tuning, fit_until_enough
from hilum.learn.weak import one_thread
from hilum.nets.decoders import UperHead
from hilum.nets.towers import SmallImage


def stages(encoder: SmallImage, film: Tensor) -> list[Tensor]:
    """Return the maps of a small encoder's stages, shallow to deep, of films (B, 1, S, S): each (B, C_n, h_n, w_n)."""
    x = torch.relu(encoder.stem((film - 0.5) * 4.0))
    maps = []
    for stage in encoder.stages:
        x = stage(x)
        maps.append(x)
    return maps


class Drawer(nn.Module):
    """An encoder's stages and a decoder on them: films (B, 1, S, S) to logits (B, K, S, S).

    Args:
        encoder: small; its stages are the taps.
        findings: K maps, which may overlap.
        width: channels of the decoder.
        frozen: keep the encoder as it is.
    """

    def __init__(self, encoder: SmallImage, findings: int, *, width: int = 32, frozen: bool = True) -> None:
        """Copy the encoder and build the decoder, random."""
        super().__init__()
        self.encoder: SmallImage = deepcopy(encoder).requires_grad_(not frozen)
        with torch.no_grad():
            taps = [maps.shape[1] for maps in stages(encoder, torch.zeros(1, 1, 64, 64))]
        self.decoder, self.frozen = UperHead(taps, classes=findings, width=width, drop=0.0), frozen

    def forward(self, film: Tensor) -> Tensor:
        """Return logits at the film's size."""
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.frozen):
            maps = stages(self.encoder, film)
        return functional.interpolate(self.decoder(maps), film.shape[2:], mode="bilinear", align_corners=False)


@dataclass(frozen=True, eq=False)
class Marked:
    """Films with the regions of some findings.

    Args:
        films: uint8 (N, S, S).
        masks: bool (N, K, S, S).
        known: bool (N, K): the finding's region is drawn, or the finding is known not to be there.
    """

    films: NDArray[np.uint8]
    masks: NDArray[np.bool_]
    known: NDArray[np.bool_]

    @classmethod
    def of(cls, pairs: Pairs, names: tuple[str, ...]) -> Marked:
        """Return the films on which one of the findings is drawn, or all of them where none is.

        Raises:
            InputError: if no film has a region of any of them.
        """
        columns = [pairs.column(name) for name in names]
        marked = pairs.marked[:, columns]
        if not marked.any():
            raise InputError(f"no film has a region of {', '.join(names)}: there is nothing to draw")
        rows = np.flatnonzero(marked.any(1))
        masks = np.stack([pairs.mask(rows, column) for column in columns], axis=1)
        absent = (pairs.target[rows][:, columns] == 0) & pairs.known[rows][:, columns]
        return cls(pairs.films[rows], masks, marked[rows] | absent)


def mean_dice(logits: NDArray[Any], marked: Marked) -> float:
    """Return the mean Dice over regions that are there, above a logit of 0; NaN if there is none."""
    found = []
    for row, column in zip(*np.nonzero(marked.masks.any((2, 3))), strict=True):
        truth, answer = marked.masks[row, column], logits[row, column] > 0
        found.append(2 * float((truth & answer).sum()) / float(truth.sum() + answer.sum()))
    return float(np.mean(found)) if found else float("nan")


@torch.no_grad()
def drawn(net: nn.Module, films: NDArray[np.uint8], *, batch: int = 32) -> NDArray[np.float32]:
    """Return logits (N, K, S, S) of films (N, S, S), in evaluation mode."""
    net.eval()
    parts = [net(film_batch(films[at : at + batch], seed=0, step=0, vary=None)).numpy()
             for at in range(0, len(films), batch)]  # fmt: skip
    return np.concatenate(parts)


def learn_to_draw(
    encoder: SmallImage, train: Marked, val: Marked, how: Tuning, *, width: int = 32, seed: int = 0
) -> tuple[Drawer, float]:
    """Fit the decoder, with the encoder unless `how.frozen`, by Dice and cross-entropy; stop by the validation Dice.

    Args:
        encoder: copied.
        train, val: what to learn from, and what to stop by.
        how: settings; `norm` and `truncated` are of no effect.
        width: channels of the decoder.
        seed: of the decoder's start and of the batches.

    Returns:
        The network in evaluation mode, and its validation Dice.
    """
    torch.manual_seed(seed)
    net = Drawer(encoder, train.masks.shape[1], width=width, frozen=how.frozen)
    masks, known = torch.from_numpy(train.masks), torch.from_numpy(train.known)

    def draw(step: int) -> NDArray[np.intp]:
        return generator(seed, "draw", step).choice(len(train.films), min(how.batch, len(train.films)), replace=False)

    def minimise(model: nn.Module, rows: NDArray[np.intp]) -> tuple[Tensor, dict[str, float]]:
        logits = model(film_batch(train.films[rows], seed=seed, step=0, vary=None))
        flat = (logits.flatten(0, 1)[:, None], masks[rows].float().flatten(0, 1)[:, None])
        return dice_cross_entropy(*flat, known[rows].float().flatten()), {}

    with one_thread():
        best = fit_until_enough(net, draw, minimise, how, seed=seed,
                                score=lambda model: mean_dice(drawn(model, val.films), val))  # fmt: skip
    return net, best
