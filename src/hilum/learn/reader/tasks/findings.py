"""The findings of a study as prose."""

from __future__ import annotations

import numpy as np

from hilum.core.study import Study
from hilum.learn.reader.material import sample_of, target_text
from hilum.learn.reader.preset import Preset
from hilum.learn.reader.sample import Sample, Turn
from hilum.learn.reader.tasks import one_of, task

PLAIN = (
    "Describe the findings.", "Write the findings of this study.", "What do the films show?",
    "Report the findings of this examination.",
)  # fmt: skip
COMPARED = (
    "Describe the findings in comparison with the prior film.",
    "Write the findings and compare them with the prior film.",
    "What do the films show, and what has changed since the prior film?",
    "Report the findings of this examination beside the prior film.",
)


@task("findings")
def findings(study: Study, preset: Preset, rng: np.random.Generator) -> Sample | None:
    """Ask for the findings; a preset that takes a prior always asks to compare, prior or not, as MAIRA-2 does."""
    text = target_text(study.report.findings, preset) if study.report else ""
    if not text:
        return None
    asked = COMPARED if "prior_front" in preset.roles and not preset.clean else PLAIN
    return sample_of("findings", study, preset, [Turn(one_of(asked, rng), text)])
