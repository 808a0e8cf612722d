"""The findings as a list, each with its boxes on the current frontal film or none."""

from __future__ import annotations

import numpy as np

from hilum.core.finding import Finding
from hilum.core.study import Study
from hilum.learn.reader.material import boxes_on, sample_of
from hilum.learn.reader.preset import Preset
from hilum.learn.reader.roles import frontal_of
from hilum.learn.reader.sample import Located, Sample, Turn
from hilum.learn.reader.sections import compares
from hilum.learn.reader.tasks import one_of, task

WORDINGS = (
    "List the findings with their boxes.", "Describe the findings and mark each on the frontal film.",
    "Write the findings, each with where it lies.", "Report the findings with their places on the film.",
)  # fmt: skip


@task("grounded")
def grounded(study: Study, preset: Preset, rng: np.random.Generator) -> Sample | None:
    """Ask for the findings section sentence by sentence, each with the boxes of the present findings it states.

    Raises:
        InputError: if the preset writes no boxes.
    """
    _ = preset.boxes
    report, film = study.report, frontal_of(study)
    if report is None or film is None or not report.findings:
        return None
    by_id: dict[str, Finding] = {finding.id: finding for finding in study.findings if finding.state == "present"}
    told: list[str | Located] = []
    for sentence in (each for each in report.sentences if each.section == "findings"):
        text = report.text(sentence)
        if preset.clean and compares(text):
            continue
        boxes = [box for key in sentence.findings if key in by_id for box in boxes_on(by_id[key], film)]
        told.append(Located(text, tuple(dict.fromkeys(boxes))))
    return sample_of("grounded", study, preset, [Turn(one_of(WORDINGS, rng), tuple(told))]) if told else None
