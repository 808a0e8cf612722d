"""ReXVQA's five kinds of multiple-choice questions: on made films, on coded reports, and on the published set."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from hilum.core.cohort import Cohort
from hilum.core.errors import InputError
from hilum.core.registry import register
from hilum.core.study import Study
from hilum.data.openi import CITATION, LICENCE
from hilum.measure.choice.ask import ask
from hilum.measure.choice.blind import gated
from hilum.measure.choice.coded import REPORTED, check_key, coded_studies, whole_groups
from hilum.measure.choice.films import film_cohort
from hilum.measure.choice.items import TASKS, Design, make_items
from hilum.measure.task import Task

SEED, SIZE = 7919, 64
"""Other patients than any that readers learn from."""
_FILMS_FOR = 2  # films drawn for each question asked: not every film answers every frame
BY_TASK = tuple(f"choice-accuracy/{name}" for name in TASKS)
ROBUST = ("choice-invalid", "choice-consistency", "choice-all-orders")
FREE = ("answer-exact", "answer-token-f1", "answer-rouge-l")
APART = ("explanation-token-f1",)


@dataclass(frozen=True)
class Films:
    """Made films with gated questions, each film asked one.

    Args:
        per_task: questions of each kind.
        rotations: orders of the options.
        free: asked without choices.
    """

    per_task: int
    rotations: int
    free: bool

    def __call__(self) -> Cohort:
        """Return the cohort; films are drawn once in a run of the program."""
        made = film_questions(self.per_task, self.rotations, self.free)
        return Cohort("rexvqa/phantom", made, licence="CC0-1.0: computed, of nobody", label_set="concepts")


@cache
def film_questions(per_task: int, rotations: int, free: bool) -> tuple[Study, ...]:
    """Return made films of the task's own patients with their questions, answers in place.

    Raises:
        RefusedError: if a blind reader answers them.
    """
    films = tuple(film_cohort(_FILMS_FOR * per_task * len(TASKS), size=SIZE, seed=SEED))
    items = gated(make_items(films, Design(per_task=per_task), seed=SEED), seed=SEED)
    return ask(films, items, rotations=rotations, free=free)


@register.task("rexvqa/phantom", version=1)
def rexvqa_phantom(items: int = 40, rotations: int = 4, free: bool = False, explanations: bool = False) -> Task:
    """Presence, location, negation, differential and geometry on made films; blind readers stay at chance (0.25).

    `items` of each kind, each in `rotations` orders of its options; `free=true` asks without options;
    `explanations=true` scores explanations too. Control: an option at random (`any-order`).
    """
    if items < 4:
        raise InputError(f"items come in quadruples: ask 4 or more of each kind, got {items}")
    metrics = FREE if free else ("choice-accuracy", *BY_TASK, *ROBUST)
    controls = () if free else ("any-order",)
    hide = ("questions", "findings", "report")
    return Task(Films(items, rotations, free), hide=hide, metrics=metrics + APART * explanations, controls=controls)


@dataclass(frozen=True)
class Coded:
    """Coded reports with questions of presence and negation, the key checked."""

    half: str
    per_task: int
    rotations: int

    def __call__(self, root: str | Path) -> Cohort:
        """Return the cohort."""
        made = _coded(str(root), self.half, self.per_task, self.rotations)
        return Cohort("rexvqa/openi", made, licence=LICENCE, citation=CITATION)


@cache
def _coded(root: str, half: str, per_task: int, rotations: int) -> tuple[Study, ...]:
    studies = tuple(coded_studies(root, half))
    design = Design(per_task=per_task, per_study=2)
    made = make_items(studies, design, tasks=tuple(REPORTED), seed=SEED, makers=REPORTED)
    kept, _ = check_key(made, root)
    return ask(studies, gated(whole_groups(kept), seed=SEED), rotations=rotations)


@register.task("rexvqa/openi", version=1)
def rexvqa_openi(half: str = "dev", items: int = 100, rotations: int = 1) -> Task:
    """Presence and negation from the text of coded Open-i reports, the coders' key borne out by the words.

    Control: an option at random (`any-order`).
    """
    if half not in ("dev", "test", "all"):
        raise InputError(f"half must be one of dev, test, all, got '{half}'")
    return Task(
        Coded(half, items, rotations), hide=("questions", "findings"),
        metrics=("choice-accuracy", *BY_TASK[:1], BY_TASK[2], *ROBUST[: 1 if rotations < 2 else 3]),
        controls=("any-order",), needs_data="the Open-i reports, NLMCXR_reports.tgz or gold_findings.csv",
    )  # fmt: skip


@register.task("rexvqa/published", version=1)
def rexvqa_published(split: str = "test", explanations: bool = False) -> Task:
    """The published questions of ReXVQA, where you have them, by letter cascade; `explanations=true` scores those too.

    Control: an option at random (`any-order`). Readers that see no film answer many of them (`blind`).
    """
    return Task(
        "rexvqa", hide=("questions",), metrics=("choice-accuracy", "choice-invalid") + APART * explanations,
        settings={"splits": (split,)}, controls=("any-order",),
        needs_data="ReXVQA's metadata/ and the films of ReXGradient-160K, both gated on Hugging Face",
    )  # fmt: skip
