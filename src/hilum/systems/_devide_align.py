"""Align what an encoder saw with texts of diseases, and score films for diseases by text alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hilum.core.seed import generator
from hilum.learn.fit import Fit, fit
from hilum.learn.weak import one_thread
from hilum.learn.wording import Wording
from hilum.nets.facets import Asking
from hilum.nets.towers import Seen, SmallText
from hilum.systems._devide_arms import ARMS
from hilum.systems._devide_knowledge import Entry
from hilum.systems._devide_loss import Weights, devide_loss
from hilum.systems._devide_net import Devide, How
from hilum.systems._devide_texts import coded_texts

Floats = NDArray[np.float64]
WIDTH, BATCH = 64, 24
SMALL = Asking(image=WIDTH, text=WIDTH, width=WIDTH, layers=1, heads=4, feedforward=128, drop=0.0, among=False)
"""Queries do not meet, so that a disease is told alike whether 3 or 30 are asked for."""
PLAIN = Weights()


@dataclass(frozen=True, eq=False)
class Shown:
    """Films to align with texts.

    Args:
        seen: by an encoder that stays as it is.
        target, known: float (N, C) and bool (N, C).
        reports: of the films (N,).
    """

    seen: Seen
    target: Tensor
    known: Tensor
    reports: tuple[str, ...]


class Scores(NamedTuple):
    """Scores (N, C): existence logits, cosines of projected vectors; and maps (N, C, P) of where the decoder looked."""

    logits: Floats
    cosine: Floats
    maps: Floats


@dataclass(frozen=True, eq=False)
class Reader:
    """A network with the words that it knows."""

    net: Devide
    words: Wording

    @torch.no_grad()
    def scores(self, seen: Seen, told: Sequence[Entry], *, batch: int = 128) -> Scores:
        """Ask films for diseases, also ones that were never taught."""
        texts = coded_texts(told, self.words)
        with one_thread():
            parts = [self.net.read(rows_of(seen, torch.arange(at, min(at + batch, len(seen.pooled)))), texts)
                     for at in range(0, len(seen.pooled), batch)]  # fmt: skip
        logits, cosine, maps = (torch.cat(each).double().numpy() for each in zip(
            *((part.logits, part.cosine, part.maps) for part in parts), strict=True))  # fmt: skip
        return Scores(logits, cosine, maps)


def how_of(arm: str) -> How:
    """Return the small network of an arm."""
    told, projection, _ = ARMS[arm]
    return How(told, projection=projection, space=WIDTH, asking=SMALL)


def rows_of(seen: Seen, rows: Tensor) -> Seen:
    """Return some rows of what was seen."""
    return Seen(seen.pooled[rows], seen.patches[rows], seen.grid)


def align(
    shown: Shown, told: Sequence[Entry], how: How, *, steps: int, seed: int, weights: Weights = PLAIN,
    rate: float = 2e-3,
) -> Reader:  # fmt: skip
    """Fit a text tower, the decoder and the projection on what a shared encoder saw.

    Args:
        shown: films with their labels, columns as `told`.
        told: diseases that are taught.
        how: the network; see `how_of`.
        steps: of 24 films.
        seed: of weights and draws; arms of one seed see the same films in the same order.
        weights: of the loss.
        rate: peak learning rate.
    """
    texts = [text for each in told for text in (each.name, each.definition, *each.facets)]
    words = Wording.of([*texts, *shown.reports])
    coded, (ids, mask) = coded_texts(told, words), words.code(shown.reports)
    held = torch.tensor([bool(text) for text in shown.reports])
    torch.manual_seed(seed)
    net = Devide(nn.Identity(), SmallText(len(words), WIDTH, depth=0), how)

    def draw(step: int) -> Tensor:
        return torch.from_numpy(generator(seed, "align", step).integers(0, len(shown.reports), BATCH))

    def minimise(model: nn.Module, rows: Tensor) -> tuple[Tensor, dict[str, float]]:
        assert isinstance(model, Devide)
        answer = model.read(rows_of(shown.seen, rows), coded)
        said = (ids[rows], mask[rows], held[rows])
        return devide_loss(model, answer, shown.target[rows], shown.known[rows], said, weights)

    with one_thread():
        fit(net, draw, minimise, Fit(steps, rate=rate, bf16=False, average=0.98), seed=seed)
    return Reader(net, words)
