"""The impression of a study as prose."""

from __future__ import annotations

import numpy as np

from hilum.core.study import Study
from hilum.learn.reader.material import sample_of, target_text
from hilum.learn.reader.preset import Preset
from hilum.learn.reader.sample import Sample, Turn
from hilum.learn.reader.tasks import one_of, task

WORDINGS = (
    "Write the impression.", "Sum up this study in an impression.", "What is the impression of this examination?",
    "Conclude the report.",
)  # fmt: skip


@task("impression")
def impression(study: Study, preset: Preset, rng: np.random.Generator) -> Sample | None:
    """Ask for the impression."""
    text = target_text(study.report.impression, preset) if study.report else ""
    return sample_of("impression", study, preset, [Turn(one_of(WORDINGS, rng), text)]) if text else None
