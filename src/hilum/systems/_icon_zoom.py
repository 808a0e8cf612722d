"""The Zoomer: which findings a study has, by its films, and for each the part of the frontal film that says so most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hilum.core.image import Image
from hilum.core.region import Box
from hilum.core.seed import generator
from hilum.core.study import Study
from hilum.learn.fit import Fit, fit
from hilum.learn.reader.features import Features
from hilum.learn.reader.roles import Shown, frontal_of
from hilum.learn.running import unbudgeted
from hilum.learn.weak import one_thread
from hilum.phantom.scenes_facts import CONCEPTS

WINDOW, STRIDE = 40, 16
"""Pixels of a window and between windows, on films of 80 x 72; 384 and 128 in the published system."""
STEPS, BATCH = 400, 64
_AT_ONCE = 64


def pooled(states: Tensor) -> Tensor:
    """Return the mean and the maximum over patches of the last state: (N, L, P, D) to (N, 2 D)."""
    last = states[:, -1]
    return torch.cat((last.mean(1), last.amax(1)), dim=1)


@dataclass(frozen=True, eq=False)
class Zoomed:
    """What the Zoomer says of one study.

    Args:
        logits: of each of `CONCEPTS`, averaged over the study's films.
        crops: of each finding looked for, the window of the frontal film with the largest logit.
    """

    logits: NDArray[np.float32]
    crops: Mapping[str, Shown]

    @property
    def found(self) -> list[str]:
        """Findings with a logit above 0, the surest first."""
        return [CONCEPTS[number] for number in np.argsort(-self.logits, kind="stable") if self.logits[number] > 0]


class Zoomer:
    """A linear layer on what a frozen encoder sees of films.

    Args:
        features: of the encoder.
        studies: to learn from; every finding of a study, whatever its film.
        seed: of weights and draws.
        steps: of training.
    """

    def __init__(self, features: Features, studies: Sequence[Study], *, seed: int, steps: int = STEPS) -> None:
        """Fit the layer."""
        self.features = features
        seen = self.views(studies)
        target = torch.tensor([[_there(study, concept) for concept in CONCEPTS] for study in studies])
        rare = ((1 - target).sum(0) / target.sum(0).clamp(min=1)).clamp(max=5.0)
        torch.manual_seed(seed)
        self.head = nn.Linear(seen.shape[-1], len(CONCEPTS))

        def draw(step: int) -> tuple[Tensor, Tensor]:
            rows = torch.from_numpy(generator(seed, "zoomer", step).integers(0, len(studies), BATCH))
            return seen[rows], target[rows]

        def loss(net: nn.Module, batch: tuple[Tensor, Tensor]) -> tuple[Tensor, dict[str, float]]:
            logits = net(batch[0]).mean(1)
            weight = rare.to(logits.device)
            return nn.functional.binary_cross_entropy_with_logits(logits, batch[1], pos_weight=weight), {}

        spec = Fit(steps=steps, rate=1e-2, bf16=False, average=0.98, warmup=0.1, log_every=steps)
        with one_thread(), unbudgeted():
            fit(self.head, draw, loss, spec, seed=seed)
        self.head.eval()

    def views(self, studies: Sequence[Study]) -> Tensor:
        """Return what is seen of the frontal and the lateral of each study (N, 2, 2 D), twice the frontal alone."""
        films = [_two(study) for study in studies]
        self.features.see(image for pair in films for image in pair)
        front, other = (pooled(self.features.of([pair[side] for pair in films])) for side in (0, 1))
        return torch.stack((front, other), dim=1)

    @torch.no_grad()
    def zoom(self, studies: Sequence[Study], *, wanted: Sequence[Sequence[str]] | None = None) -> list[Zoomed]:
        """Look at studies and cut out what was found.

        Args:
            studies: with a frontal film.
            wanted: findings to cut out of each (the true ones in training); those found if None.
        """
        with one_thread():
            logits = self.head(self.views(studies)).mean(1).numpy().astype(np.float32)
            made = [Zoomed(each, {}) for each in logits]
            names = [each.found for each in made] if wanted is None else wanted
            for start in range(0, len(studies), _AT_ONCE):
                part = range(start, min(start + _AT_ONCE, len(studies)))
                for number, crops in zip(part, self._crops([studies[n] for n in part], [names[n] for n in part]),
                                         strict=True):  # fmt: skip
                    made[number] = Zoomed(logits[number], crops)
        return made

    def _crops(self, studies: Sequence[Study], names: Sequence[Sequence[str]]) -> list[dict[str, Shown]]:
        """The best window of each finding; windows are looked at once and forgotten."""
        asked = [
            (number, shown)
            for number, study in enumerate(studies)
            if names[number]
            for shown in windows(_two(study)[0])
        ]
        if not asked:
            return [{} for _ in studies]
        passing = Features(self.features.encoder, fit=self.features.fit)
        logits = self.head(pooled(passing.of([shown.film for _, shown in asked]))).numpy()
        owner = np.array([number for number, _ in asked])
        made: list[dict[str, Shown]] = []
        for number, some in enumerate(names):
            rows = np.flatnonzero(owner == number)
            best = {concept: rows[int(logits[rows, CONCEPTS.index(concept)].argmax())] for concept in some}
            made.append({concept: asked[row][1] for concept, row in best.items()})
        return made


def windows(film: Image, *, side: int = WINDOW, stride: int = STRIDE) -> list[Shown]:
    """Return the windows of a film, row by row; the last of a row or column ends at the film's edge."""
    rows, columns = film.pixels.shape
    side = min(side, rows, columns)
    tops, lefts = (sorted({*range(0, length - side, stride), length - side}) for length in (rows, columns))
    return [Shown("lesion_crop", film, Box(x, y, x + side, y + side, film.id)) for y in tops for x in lefts]


def _two(study: Study) -> tuple[Image, Image]:
    front = frontal_of(study) or study.films[0]
    return front, next((film for film in study.films if film is not front), front)


def _there(study: Study, concept: str) -> float:
    return float(any(each.concept == concept and each.state == "present" for each in study.findings))
