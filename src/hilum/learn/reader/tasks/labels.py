"""The names of all findings that are there, as a list."""

from __future__ import annotations

import numpy as np

from hilum.core.study import Study
from hilum.learn.reader.material import present, sample_of
from hilum.learn.reader.preset import Preset
from hilum.learn.reader.sample import Sample, Turn
from hilum.learn.reader.tasks import one_of, task

WORDINGS = (
    "Name all abnormalities.", "Which findings are there?", "List the abnormal findings of this film.",
    "Give the labels of this film.",
)  # fmt: skip
NONE = "none"


@task("labels")
def labels(study: Study, preset: Preset, rng: np.random.Generator) -> Sample | None:
    """Ask for the concepts that are there in alphabetical order; 'none' only where others are said to be absent."""
    told = sorted({finding.concept for finding in present(study)})
    if not told and not any(finding.state == "absent" for finding in study.findings):
        return None
    return sample_of("labels", study, preset, [Turn(one_of(WORDINGS, rng), ", ".join(told) or NONE)])


def read_labels(answer: str) -> tuple[str, ...]:
    """Return the concepts that an answer of this task names, in order."""
    named = (name.strip(" .") for name in answer.lower().replace(" and ", ", ").split(","))
    return tuple(dict.fromkeys(name for name in named if name and name != NONE))
