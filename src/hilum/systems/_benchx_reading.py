"""Batches of films with what is said of them, for pre-training; and how large all of it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hilum.core.errors import InputError
from hilum.core.seed import generator
from hilum.learn.label_trunk import film_batch
from hilum.learn.pairs import Pairs
from hilum.learn.wording import Wording
from hilum.systems._benchx_method import Batch


@dataclass(frozen=True)
class Scale:
    """How large and how long; one for all methods.

    Args:
        width, stride, channels: of the image encoder; the text encoder has the same width.
        steps, batch, rate: of pre-training.
        words: most words of a report.
    """

    width: int = 96
    stride: int = 16
    channels: tuple[int, ...] = (8, 16)
    steps: int = 120
    batch: int = 32
    rate: float = 1e-3
    words: int = 48


class Reading:
    """Draws batches of frontal films with their reports, no study twice in one.

    Args:
        pairs: training films of all views.
        wording: words.
        scale: batch and longest report.
        seed: of every draw, with the step.
        views: whether another film of the study is drawn too; else the same one stands in its place.

    Raises:
        InputError: if fewer than two studies have a frontal film and a report.
    """

    def __init__(self, pairs: Pairs, wording: Wording, scale: Scale, *, seed: int = 0, views: bool = True) -> None:
        """Code every report once."""
        told = np.array([bool(text) for text in pairs.report])
        self.rows = np.array([row for row in pairs.frontal if told[row]], np.intp)
        self.studies = np.unique(pairs.study[self.rows])
        if len(self.studies) < 2:
            raise InputError("it takes two studies with a frontal film and a report to align films with texts")
        self.pairs, self.scale, self.seed, self.views = pairs, scale, seed, views
        self.codes = wording.code(pairs.report, longest=scale.words)
        self.own = {study: self.rows[pairs.study[self.rows] == study] for study in self.studies}
        mates = pairs.mates()
        self.mates = {int(row): mates[row] for row in self.rows}
        self.code: Callable[[list[str]], tuple[Tensor, Tensor]] = lambda texts: wording.code(texts, longest=scale.words)

    def __call__(self, step: int) -> Batch:
        """Return the batch of a step."""
        rng, count = generator(self.seed, "read", step), min(self.scale.batch, len(self.studies))
        studies, others = (rng.choice(self.studies, count, replace=False) for _ in range(2))
        rows, other = (np.array([rng.choice(self.own[s]) for s in chosen]) for chosen in (studies, others))
        film, pairs = self._film(rows, 2 * step), self.pairs
        again = film
        if self.views:
            again = self._film(np.array([self._again(int(row), rng) for row in rows]), 2 * step + 1)
        sentences = [list(pairs.sentences[row]) or [pairs.report[row]] for row in rows]
        phrase = self.code([str(rng.choice(each)) for each in sentences])
        target = torch.from_numpy(pairs.target)
        return Batch(
            film, again, *self._told(rows), *phrase,
            *self._told(other), target[rows], torch.from_numpy(pairs.known[rows]),
            torch.from_numpy(pairs.sides[rows]), target[other], pairs.names, tuple(map(str, studies)),
        )  # fmt: skip

    def _again(self, row: int, rng: np.random.Generator) -> int:
        mates = [int(each) for each in self.mates[row] if each != row]
        return int(rng.choice(mates)) if mates else row

    def _film(self, rows: NDArray[np.intp], draw: int) -> Tensor:
        return film_batch(self.pairs.films[rows], seed=self.seed, step=draw)

    def _told(self, rows: NDArray[np.intp]) -> tuple[Tensor, Tensor]:
        ids, mask = self.codes[0][rows], self.codes[1][rows]
        width = max(1, int(mask.sum(1).max()))
        return ids[:, :width], mask[:, :width]
