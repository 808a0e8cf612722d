"""First studies of made patients for the review's writers: reports, and what a frozen encoder sees of both films."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hilum.core.errors import InputError
from hilum.core.image import Image
from hilum.core.study import Study
from hilum.systems._reader_tasks import Bench

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Material:
    """First studies of patients: to learn from, to stop by and to judge on.

    Args:
        studies: by part, 'train', 'val' and 'test'; no patient is in two.
        texts: their findings sections.
        patches: what the frozen encoder sees of both films, (N, 2 P, D).
        bench: the encoder and all studies.
    """

    studies: dict[str, tuple[Study, ...]]
    texts: dict[str, tuple[str, ...]]
    patches: dict[str, Tensor]
    bench: Bench

    @property
    def patients(self) -> list[str]:
        """Of the test studies."""
        return [study.patient for study in self.studies["test"]]


def material(bench: Bench) -> Material:
    """Return the studies without a prior; every seventh of the training part is kept to stop by.

    Raises:
        InputError: if a part is empty.
    """
    first = [[study for study in part if study.prior is None] for part in (bench.train, bench.test)]
    studies = {"train": tuple(each for at, each in enumerate(first[0]) if at % 7), "val": tuple(first[0][::7]),
               "test": tuple(first[1])}  # fmt: skip
    if not all(studies.values()):
        raise InputError(
            "there are too few first studies to learn from, to stop by and to judge on: give more patients"
        )
    texts = {part: tuple(told_by(study) for study in held) for part, held in studies.items()}
    return Material(studies, texts, {part: seen(bench, held) for part, held in studies.items()}, bench)


def told_by(study: Study) -> str:
    """Return a study's findings section, '' without a report."""
    return study.report.findings if study.report else ""


def seen(bench: Bench, studies: Sequence[Study], *, blank: bool = False) -> Tensor:
    """Return the patches of the films of studies, frontal and lateral one after the other: (N, 2 P, D)."""
    views = []
    for place in (0, 1):
        films = [study.films[place] for study in studies]
        if blank:
            films = [
                Image(np.full(film.display().shape, 0.5, np.float32), view=film.view, id=film.id) for film in films
            ]
        views.append(bench.features.of(films)[:, -1])
    return torch.cat(views, dim=1)


def pooled(patches: Tensor) -> Floats:
    """Return the mean and the maximum over patches: (N, 2 D)."""
    out: Floats = torch.cat((patches.mean(1), patches.amax(1)), dim=1).double().numpy()
    return out
