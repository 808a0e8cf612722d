"""BenchX's tasks on what is in a film: which findings, where, and in which words."""

from __future__ import annotations

from hilum.core.registry import register
from hilum.measure.task import Task
from hilum.measure.tasks._benchx_films import VIRTUAL, Films

NEEDS = "a registered data set, named with --set data=NAME"


@register.task("benchx/classification", version=1)
def benchx_classification(data: str = VIRTUAL, patients: int = 32, family: str = "warped") -> Task:
    """Findings of frontal films: of virtual patients drawn on the spot, or of a registered set (data=NAME, --data).

    Control: the same even chance for every finding (`even-chance`).
    """
    return Task(
        Films(data, patients, family), hide=("findings", "report"), metrics=("auroc", "average-precision", "ece"),
        controls=("even-chance",), needs_data=NEEDS,
    )  # fmt: skip


@register.task("benchx/segmentation", version=1)
def benchx_segmentation(data: str = VIRTUAL, patients: int = 32, family: str = "warped") -> Task:
    """Regions of findings on frontal films, as Dice of each finding that has one.

    Control: no region at all (`silent`).
    """
    return Task(
        Films(data, patients, family), hide=("findings", "report"), metrics=("finding-dice",), controls=("silent",),
        needs_data=NEEDS,
    )  # fmt: skip


@register.task("benchx/report", version=1)
def benchx_report(data: str = VIRTUAL, patients: int = 32, family: str = "warped") -> Task:
    """The report from the frontal films, by the labels it states and by its words.

    Control: one normal report for every study (`constant-report`), the floor of every lexical score.
    """
    return Task(
        Films(data, patients, family), hide=("report", "findings"),
        metrics=("label-f1/hilum/micro-14", "label-f1/hilum/macro-14", "finding-f1", "bleu-1", "bleu-4", "rouge-l"),
        controls=("constant-report",), needs_data=NEEDS,
    )  # fmt: skip
