"""Made films that the first stages of MLRG and SEI are tested on: noise with a bright corner for a finding."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import numpy as np

from hilum.core.cohort import Cohort
from hilum.core.finding import Finding
from hilum.core.image import Image
from hilum.core.registry import register
from hilum.core.report import Report
from hilum.core.study import Study
from hilum.learn.pairs import Pairs

EFFUSION = "Right pleural effusion is present. No pneumothorax."
NORMAL = "No pleural effusion. Left pacemaker."


def pairs(patients: int = 6, visits: int = 2, size: int = 32, name: str = "p") -> Pairs:
    """Every visit has a PA and a lateral film; pleural effusion comes and goes, pacemakers stay."""
    draw = np.random.default_rng(0)
    who = [(p, v, view) for p in range(patients) for v in range(visits) for view in ("PA", "LL")]
    count = len(who)
    ill = np.array([[(p + v) % 2, 1 - (p + v) % 2] for p, v, _ in who], np.float32)
    films = draw.integers(0, 120, (count, size, size), dtype=np.uint8)
    films[ill[:, 0] > 0, : size // 3, : size // 3] += 130
    return Pairs(
        films=films, view=np.array([view for _, _, view in who]),
        study=np.array([f"{name}s{p}-{v}" for p, v, _ in who]),
        patient=np.array([f"{name}{p}" for p, _, _ in who]), group=np.full(count, "made"),
        split=np.full(count, "train"), visit=np.array([v for _, v, _ in who], np.int32),
        report=tuple(EFFUSION if row[0] else NORMAL for row in ill), indication=("",) * count,
        sentences=((),) * count, names=("pleural effusion", "pacemaker"), target=ill,
        known=np.ones((count, 2), np.bool_), marked=np.zeros((count, 2), np.bool_),
        bits=np.zeros((count, 2, size, size // 8), np.uint8),
        sides=np.stack((ill[:, 0], np.zeros(count)), 1).astype(np.int8),
    )  # fmt: skip


def studies() -> Iterator[Study]:
    """The same as studies with dates, the later ones first by identifier and in order."""
    draw = np.random.default_rng(1)
    for patient in range(10):
        for visit in (1, 0):
            ill = (patient + visit) % 2 == 1
            name = f"m{patient}-{5 - visit}"
            films = []
            for view in ("PA", "LL"):
                pixels = draw.random((40, 40), dtype=np.float32) * 0.5
                pixels[:12, :12] += 0.5 * ill
                films.append(Image(pixels, view=view, id=f"{name}.{view}"))  # type: ignore[arg-type]
            state = "present" if ill else "absent"
            yield Study(name, f"m{patient}", datetime(2020 + visit, 1, 1), tuple(films),
                        Report(findings=EFFUSION if ill else NORMAL),
                        (Finding("pleural effusion", state),))  # type: ignore[arg-type]  # fmt: skip


def made_dataset() -> str:
    """Register the studies as a data set for one test and return what `--data` calls it."""

    @register.dataset("made-studies", licence="none")
    def made(root: str | Path) -> Cohort:
        return Cohort("made-studies", studies, lambda patient: "test" if patient in ("m8", "m9") else "train")

    return "made-studies:."
