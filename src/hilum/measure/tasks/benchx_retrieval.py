"""BenchX's retrieval: which of many reports was written of a film, and which of many films a report was written of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from hilum.core.cohort import Cohort
from hilum.core.errors import InputError
from hilum.core.image import Image
from hilum.core.registry import register
from hilum.core.report import Question, Report
from hilum.core.seed import generator
from hilum.core.study import Study
from hilum.measure.metrics.retrieval import FILM_TO_TEXT, TEXT_TO_FILM
from hilum.measure.pairs import plain
from hilum.measure.task import Task
from hilum.measure.tasks._benchx_films import VIRTUAL, Films
from hilum.measure.tasks.benchx_findings import NEEDS


@dataclass(frozen=True)
class Queries:
    """Two studies for each study of a cohort: its film with many reports, and its report with many films.

    Args:
        films: the cohort.
        gallery: choices of each question, the right one among them; fewer where the cohort is smaller.

    Raises:
        InputError: if there is nothing to choose from.
    """

    films: Films
    gallery: int

    def __post_init__(self) -> None:
        """Refuse a gallery without a choice."""
        if self.gallery < 2:
            raise InputError(f"a gallery holds two or more, got {self.gallery}")

    def __call__(self, root: str | Path | None = None) -> Cohort:
        """Return the questions as studies, answers in place."""
        cohort = self.films(root)
        return replace(cohort, studies=partial(_queries, cohort, self.gallery))


def _queries(cohort: Cohort, gallery: int) -> Iterator[Study]:
    studies = [study for study in cohort if study.report is not None and plain(study.report) and study.films]
    if len(studies) < 2:
        raise InputError(f"'{cohort.name}' has {len(studies)} studies with a film and a report: two are needed")
    texts = [plain(study.report) for study in studies]
    for at, study in enumerate(studies):
        order = generator(0, "gallery", study.id).permutation(len(studies))
        yield _film_asks(study, texts, at, order, gallery)
        yield _text_asks(studies, texts, at, order, gallery)


def _film_asks(study: Study, texts: Sequence[str], at: int, order: np.ndarray, gallery: int) -> Study:
    """Equal texts are one choice, so that no right answer counts as wrong."""
    others = list(dict.fromkeys(texts[i] for i in order if texts[i] != texts[at]))[: gallery - 1]
    choices = tuple(sorted([texts[at], *others]))
    question = Question("Which report was written of this film?", choices, texts[at], FILM_TO_TEXT, f"{study.id}/film")
    return Study(f"{study.id}/film", study.patient, study.time, study.images[:1], questions=(question,))


def _text_asks(studies: Sequence[Study], texts: Sequence[str], at: int, order: np.ndarray, gallery: int) -> Study:
    """Films whose report says the same are left out but for the right one."""
    study, others = studies[at], [i for i in order if texts[i] != texts[at]][: gallery - 1]
    rows = sorted([at, *others], key=lambda i: studies[i].id)
    films = tuple(_named(studies[i]) for i in rows)
    question = Question(
        "Which film was this report written of?", tuple(studies[i].id for i in rows), study.id, TEXT_TO_FILM,
        f"{study.id}/text",
    )  # fmt: skip
    return Study(f"{study.id}/text", study.patient, images=films, report=Report(findings=texts[at]),
                 questions=(question,))  # fmt: skip


def _named(study: Study) -> Image:
    """A study's first film under the study's own id, so that answers name it."""
    return replace(study.films[0], id=study.id)


@register.task("benchx/retrieval", version=1)
def benchx_retrieval(data: str = VIRTUAL, patients: int = 32, family: str = "warped", gallery: int = 50) -> Task:
    """Film to report and report to film among `gallery` choices; recall at 1, 5 and 10.

    A model answers by further questions of the same id, the likeliest first. Control: choices in a random order
    (`any-order`).
    """
    return Task(
        Queries(Films(data, patients, family), gallery), hide=("questions",),
        metrics=tuple(f"{way}/recall@{first}" for way in (FILM_TO_TEXT, TEXT_TO_FILM) for first in (1, 5, 10)),
        controls=("any-order",), needs_data=NEEDS,
    )  # fmt: skip
