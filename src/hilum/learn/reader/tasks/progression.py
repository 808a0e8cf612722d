"""The findings beside a prior film: asked only where there is one, and where the target says what changed."""

from __future__ import annotations

import numpy as np

from hilum.core.study import Study
from hilum.learn.reader.material import sample_of
from hilum.learn.reader.preset import Preset
from hilum.learn.reader.roles import checked_prior, frontal_of
from hilum.learn.reader.sample import Sample, Turn
from hilum.learn.reader.sections import compares
from hilum.learn.reader.tasks import one_of, task
from hilum.learn.reader.tasks.findings import COMPARED


@task("progression")
def progression(study: Study, preset: Preset, rng: np.random.Generator) -> Sample | None:
    """Ask for the findings and their change; targets without a word of change are not taken (as CheXagent keeps them).

    Raises:
        RefusedError: if the prior may not be compared with.
    """
    prior = checked_prior(study) if "prior_front" in preset.roles else None
    if prior is None or frontal_of(prior) is None or study.report is None or not compares(study.report.findings):
        return None
    text = " ".join(study.report.findings.split())
    return sample_of("progression", study, preset, [Turn(one_of(COMPARED, rng), text)], compares=True)
