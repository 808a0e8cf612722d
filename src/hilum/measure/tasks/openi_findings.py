"""Findings from the report: do the concepts that a labeler reads match what two coders gave each Open-i report?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from hilum.core.cohort import Cohort
from hilum.core.errors import InputError
from hilum.core.finding import Finding
from hilum.core.image import MadeBy
from hilum.core.registry import register
from hilum.core.study import Study
from hilum.data.openi import CITATION, LICENCE, reports
from hilum.measure.task import Task

CODERS = MadeBy("Open-i coders")
HALVES = ("dev", "test", "all")


@dataclass(frozen=True)
class _Coded:
    """The reports of one half that were coded, as studies; the patient is the text, since Open-i names none."""

    half: str

    def __call__(self, root: str | Path) -> Cohort:
        return Cohort("openi", partial(_studies, Path(root), self.half), licence=LICENCE, citation=CITATION)


def _studies(root: Path, half: str) -> Iterator[Study]:
    for each in reports(root):
        if each.scorable and half in ("all", each.half):
            found = tuple(Finding(name, made_by=CODERS, id=f"{each.id}-{n}") for n, name in enumerate(each.concepts))
            yield Study(each.id, patient=each.group, report=each.report, findings=found)


@register.task("openi/findings", version=1)
def openi_findings(half: str = "dev") -> Task:
    """Findings read from Open-i reports against the coders' MeSH codes; half: dev, test or all (by hash of the text).

    Controls: every mention counts, whatever is said of it (`labeler-mentions`), and nothing is ever found (`silent`).
    """
    if half not in HALVES:
        raise InputError(f"half must be one of {', '.join(HALVES)}, got '{half}'")
    return Task(
        _Coded(half),
        hide=("findings",),
        metrics=("concept-f1", "concept-precision", "concept-recall"),
        controls=("labeler-mentions", "silent"),
        needs_data="the Open-i reports, NLMCXR_reports.tgz",
    )
