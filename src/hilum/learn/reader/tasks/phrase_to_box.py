"""A phrase and where it lies on the current frontal film."""

from __future__ import annotations

import numpy as np

from hilum.core.study import Study
from hilum.learn.reader.material import noun_of, placed, present, sample_of
from hilum.learn.reader.preset import Preset
from hilum.learn.reader.sample import Located, Sample, Turn
from hilum.learn.reader.tasks import one_of, task

WORDINGS = (
    "Where is the {noun}?", "Give the box of the {noun}.", "Mark the {noun} on the film.",
    "Locate the {noun} on the frontal film.",
)  # fmt: skip


@task("phrase_to_box")
def phrase_to_box(study: Study, preset: Preset, rng: np.random.Generator) -> Sample | None:
    """Ask for the boxes of one finding that has some; its place is part of the phrase.

    Raises:
        InputError: if the preset writes no boxes.
    """
    _ = preset.boxes
    found = placed(study, present(study))
    if not found:
        return None
    finding, boxes = found[int(rng.integers(len(found)))]
    question = one_of(WORDINGS, rng).format(noun=noun_of(finding))
    return sample_of("phrase_to_box", study, preset, [Turn(question, (Located("", boxes),))])
