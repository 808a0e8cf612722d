"""A cohort with everything that a layout can hold: films, boxes, masks, priors, reports, splits, doubts and changes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import numpy as np

from hilum.core.cohort import Cohort
from hilum.core.finding import Finding, Span
from hilum.core.geometry import View
from hilum.core.image import Image, MadeBy
from hilum.core.region import Box, Mask
from hilum.core.report import Report
from hilum.core.study import Study

MADE = MadeBy("made", "1")
DAY = datetime(2021, 3, 4, 5, 6, 7)
SIZE = (40, 48)
SPLITS = {"p-one": "train", "p-two": "val", "p-three": "test"}


def film(name: str, view: View) -> Image:
    """A film whose pixels depend on its name, loaded on use."""

    def pixels() -> np.ndarray:
        rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
        return ((rows * 3 + columns * 2 + sum(name.encode())) % 97 / 96.0).astype(np.float32)

    return Image(pixels, view=view, id=name)  # type: ignore[arg-type]


def mask(name: str, label: str = "") -> Mask:
    """A mask with a hole."""
    drawn = np.zeros(SIZE, dtype=np.bool_)
    drawn[4:20, 8:30] = True
    drawn[9:12, 12:15] = False
    return Mask(drawn, image=name, label=label)


def first_study() -> Study:
    """Of p-one: two views, present, uncertain and absent findings, a box, a mask, a report."""
    text = "There is a mild left pleural effusion. No pneumothorax."
    return Study(
        "s-a", "p-one", DAY, (film("a-pa", "PA"), film("a-ll", "LL")),
        Report("Cough.", technique="PA and lateral.", comparison="None.", findings=text, impression="Effusion."),
        (
            Finding("pleural effusion", "present", sites=("left costophrenic angle",), attributes={"severity": "mild"},
                    regions=(Box(3.5, 4, 20, 22.25, image="a-pa"), mask("a-ll", "left lung")),
                    evidence=Span("findings", 0, 38), made_by=MADE, id="f0"),
            Finding("pneumothorax", "absent", evidence=Span("findings", 39, 55), made_by=MADE, id="f1"),
            Finding("cardiomegaly", "uncertain", sites=("cardiac silhouette",), made_by=MADE, id="f2"),
        ),
    )  # fmt: skip


def studies() -> Iterator[Study]:
    """Yield the studies, made afresh."""
    one = first_study()
    yield one
    yield Study(
        "s-b", "p-one", DAY + timedelta(days=9, microseconds=250_000), (film("b-ap", "AP"),),
        Report(comparison="Earlier film.", findings="The effusion has worsened."),
        (Finding("pleural effusion", "present", sites=("left lung",), change="worsened", made_by=MADE, id="g0"),),
        prior=one,
    )  # fmt: skip
    yield Study(
        "s-c", "p-two", None, (film("c-pa", "PA"),),
        findings=(Finding("no finding", "present", made_by=MADE), Finding("consolidation", "absent", made_by=MADE)),
    )  # fmt: skip
    broken = Finding("rib fracture", "present", made_by=MADE), Finding("scoliosis", "present", made_by=MADE)
    yield Study("s-d", "p-three", DAY, (), Report(impression="Rib fracture."), broken)
    yield Study("s-e", "p-three", DAY + timedelta(days=1), (film("", "unknown"),))


def cohort() -> Cohort:
    """The cohort, with splits, licence and citation."""
    return Cohort("made", studies, SPLITS.__getitem__, "CC0", "Nobody 2026", "chexpert-14")
