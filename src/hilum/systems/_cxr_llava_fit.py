"""The two stages of CXR-LLaVA's encoder: labels by masked cross-entropy, then films with their labels in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hilum.core.seed import generator
from hilum.learn.fit import Fit, fit
from hilum.learn.label_trunk import LabelNet, film_batch
from hilum.learn.objectives.classify import binary_cross_entropy
from hilum.learn.objectives.contrast import info_nce, multi_positive
from hilum.learn.pairs import Pairs
from hilum.learn.weak import one_thread
from hilum.learn.wording import Wording
from hilum.systems._cxr_llava_labels import rendered, renderings, vocabulary_texts
from hilum.systems._cxr_llava_net import LabelClip

Batch = tuple[Tensor, Tensor, Tensor, NDArray[np.int64]]
"""Films, ids and mask of texts, and the rows that the texts are of."""
WORDS = 48


@dataclass(frozen=True)
class Stage:
    """How one stage is fitted: optimiser steps, films of a step, peak rate, and where its state goes."""

    steps: int
    batch: int = 32
    rate: float = 1e-3
    folder: Path | None = None
    resume: bool = False
    save_every: int = 100

    @property
    def spec(self) -> Fit:
        """The engine's settings."""
        return Fit(self.steps, rate=self.rate, bf16=False, average=0.98, warmup=0.1, save_every=self.save_every)


def rows_at(pairs: Pairs, batch: int, seed: int, step: int) -> NDArray[np.int64]:
    """Return the films of a step, half of them drawn evenly over the findings that there are."""
    rng = generator(seed, "rows", step)
    rows = rng.integers(0, len(pairs), batch)
    columns = np.flatnonzero(((pairs.target > 0) & pairs.known).any(axis=0))
    for place in range(0, batch, 2):
        if len(columns):
            at = int(rng.choice(columns))
            rows[place] = rng.choice(np.flatnonzero((pairs.target[:, at] > 0) & pairs.known[:, at]))
    return rows


def fit_stage_a(encoder: nn.Module, width: int, pairs: Pairs, stage: Stage, *, seed: int) -> LabelNet:
    """Fit an encoder in place to labels, masked where unknown; return it with its head."""
    target, known = torch.from_numpy(pairs.target), torch.from_numpy(pairs.known)

    def draw(step: int) -> tuple[Tensor, NDArray[np.int64]]:
        rows = rows_at(pairs, stage.batch, seed, step)
        return film_batch(pairs.films[rows], seed=seed, step=step), rows

    def minimise(model: nn.Module, batch: tuple[Tensor, NDArray[np.int64]]) -> tuple[Tensor, dict[str, float]]:
        film, rows = batch
        return binary_cross_entropy(model(film), target[rows], known[rows]), {}

    net = LabelNet(encoder, width, len(pairs.names))
    with one_thread():
        fit(net, draw, minimise, stage.spec, seed=seed, folder=stage.folder, resume=stage.resume)
    return net


def fit_stage_b(
    encoder: nn.Module, width: int, pairs: Pairs, stage: Stage, *, seed: int, same: bool = False,
    owners: NDArray[np.intp] | None = None,
) -> tuple[LabelClip, Wording]:  # fmt: skip
    """Align an encoder in place with labels in words by symmetric InfoNCE; return both towers and the words.

    Args:
        encoder, width: image tower.
        pairs: films with labels.
        stage: how.
        seed: of the text tower and every draw.
        same: films with the same labels are no rivals of each other's texts; False as published.
        owners: the row whose labels each film is given; None for its own. A control gives those of others.
    """
    words = Wording.of(vocabulary_texts(pairs.names))
    meant = np.arange(len(pairs)) if owners is None else owners
    kinds = np.unique(renderings(pairs), return_inverse=True)[1]

    def draw(step: int) -> Batch:
        rows, rng = rows_at(pairs, stage.batch, seed, step), generator(seed, "wording", step)
        texts = [rendered(pairs.names, pairs.target[at], pairs.known[at], rng) for at in meant[rows]]
        return film_batch(pairs.films[rows], seed=seed, step=step), *words.code(texts, longest=WORDS), meant[rows]

    def minimise(
        model: nn.Module, batch: tuple[Tensor, Tensor, Tensor, NDArray[np.int64]]
    ) -> tuple[Tensor, dict[str, float]]:
        scores = model(*batch[:3])
        if not same:
            return info_nce(scores), {}
        kind = torch.from_numpy(kinds[batch[3]])
        return multi_positive(scores, kind[:, None] == kind[None, :]), {}

    torch.manual_seed(seed)
    net = LabelClip(encoder, width, len(words))
    with one_thread():
        fit(net, draw, minimise, stage.spec, seed=seed, folder=stage.folder, resume=stage.resume)
    return net, words


@torch.no_grad()
def scored_texts(net: LabelClip, words: Wording, films: NDArray[np.uint8], texts: Sequence[str]) -> NDArray[np.float64]:
    """Return cosines (N, T) of films with texts."""
    net.eval()
    with one_thread():
        told = net.texts(*words.code(texts, longest=WORDS))
        parts = [net.films(film_batch(films[at : at + 64], seed=0, step=0, vary=None)) @ told.T
                 for at in range(0, len(films), 64)]  # fmt: skip
    return torch.cat(parts).double().numpy()
