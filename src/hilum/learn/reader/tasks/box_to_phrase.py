"""A box on the current frontal film and what lies in it."""

from __future__ import annotations

import numpy as np

from hilum.core.study import Study
from hilum.learn.reader.material import noun_of, placed, present, sample_of
from hilum.learn.reader.preset import Preset
from hilum.learn.reader.sample import Located, Sample, Turn
from hilum.learn.reader.tasks import one_of, task

WORDINGS = ("What lies at", "Name the finding at", "What is seen at", "Which finding is at")


@task("box_to_phrase")
def box_to_phrase(study: Study, preset: Preset, rng: np.random.Generator) -> Sample | None:
    """Ask what the boxes of one finding show; the answer names it with its place.

    Raises:
        InputError: if the preset writes no boxes.
    """
    _ = preset.boxes
    found = placed(study, present(study))
    if not found:
        return None
    finding, boxes = found[int(rng.integers(len(found)))]
    question = (f"{one_of(WORDINGS, rng)}", Located("", boxes), "?")
    return sample_of("box_to_phrase", study, preset, [Turn(question, noun_of(finding))])
