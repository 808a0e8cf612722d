"""Lung opacity on real films that the shipped model was never trained on, by listed labels or by radiologists."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from hilum.core.cohort import Cohort
from hilum.core.errors import InputError
from hilum.core.finding import Finding
from hilum.core.image import MadeBy
from hilum.core.registry import register
from hilum.core.study import Study
from hilum.data import pack as packs
from hilum.measure.task import Task

CONCEPT = "lung opacity"
LISTED = frozenset({"Pneumonia", "Infiltration", "Consolidation", "Edema", "Atelectasis"})
"""Listed labels that a radiologist would call an opacity of the lung."""
TRUTHS = ("listed", "read")
SOURCE = "nih512"


@dataclass(frozen=True)
class _Films:
    """Films of one source, each with the one finding 'lung opacity', present or absent."""

    truth: str

    def __call__(self, root: str | Path) -> Cohort:
        return replace(packs.pack(root), studies=partial(_studies, Path(root), self.truth))


def _studies(root: Path, truth: str) -> Iterator[Study]:
    for row in packs.rows(root, (SOURCE,)):
        there = bool(LISTED & set(row.labels)) if truth == "listed" else row.read_opacity
        if there is not None:
            author = MadeBy("NIH text-mined labels" if truth == "listed" else "RSNA radiologists")
            finding = Finding(CONCEPT, "present" if there else "absent", made_by=author, id="opacity")
            yield replace(packs.study(root, row), findings=(finding,))


@register.task("pack/opacity", version=1)
def pack_opacity(truth: str = "listed") -> Task:
    """Lung opacity on held-out NIH films; truth: 'listed' (text-mined labels) or 'read' (RSNA's radiologists).

    Controls: the same probability for every film (`constant`), and the view alone without the picture (`view-only`):
    sick patients are filmed AP, so a reader of the header has some skill without having seen a lung.
    """
    if truth not in TRUTHS:
        raise InputError(f"truth must be one of {', '.join(TRUTHS)}, got '{truth}'")
    return Task(
        _Films(truth),
        hide=("findings", "report"),
        metrics=("auroc", "average-precision", "ece", "concept-f1"),
        split="test",
        controls=("constant", "view-only"),
        needs_data="the development pack with its manifest.csv",
    )
