"""Whether a finding is there: yes or no, as often the one as the other where a study allows it."""

from __future__ import annotations

import numpy as np

from hilum.core.finding import Finding
from hilum.core.study import Study
from hilum.learn.reader.material import denied, noun_of, present, sample_of
from hilum.learn.reader.preset import Preset
from hilum.learn.reader.sample import Sample, Turn
from hilum.learn.reader.tasks import one_of, task

WORDINGS = (
    "Is there evidence of {noun}?", "Does the film show {noun}?", "Can {noun} be seen?", "Is {noun} present?",
)  # fmt: skip
ANSWERS = ("yes", "no")


@task("presence")
def presence(study: Study, preset: Preset, rng: np.random.Generator) -> Sample | None:
    """Ask about one finding; only what is said to be absent is asked with the answer no."""
    here, gone = list(dict.fromkeys(finding.concept for finding in present(study))), denied(study)
    pools = [(answer, pool) for answer, pool in zip(ANSWERS, (here, gone), strict=True) if pool]
    if not pools:
        return None
    answer, pool = pools[int(rng.integers(len(pools)))]
    noun = noun_of(Finding(one_of(pool, rng)), placed=False)
    return sample_of(
        "presence", study, preset, [Turn(one_of(WORDINGS, rng).format(noun=noun), answer)], options=ANSWERS
    )
