"""What the findings may come from: textbook causes of what is there, from a small table."""

from __future__ import annotations

from types import MappingProxyType

import numpy as np

from hilum.core.study import Study
from hilum.learn.reader.material import noun_of, present, sample_of
from hilum.learn.reader.preset import Preset
from hilum.learn.reader.sample import Sample, Turn
from hilum.learn.reader.tasks import one_of, task

WORDINGS = (
    "What is the differential diagnosis?", "What may these findings come from?", "Name possible causes.",
    "Which diagnoses should be considered?",
)  # fmt: skip
CAUSES = MappingProxyType({
    "pleural effusion": ("heart failure", "infection", "malignancy"),
    "consolidation": ("pneumonia", "aspiration", "haemorrhage"),
    "atelectasis": ("mucus plugging", "low lung volumes", "an obstructing lesion"),
    "cardiomegaly": ("cardiomyopathy", "valve disease", "pericardial effusion"),
    "pneumothorax": ("trauma", "a ruptured bleb", "a procedure"),
    "lung nodule": ("granuloma", "primary tumour", "metastasis"),
    "pulmonary edema": ("heart failure", "fluid overload", "acute respiratory distress syndrome"),
})  # fmt: skip
"""Common causes as textbooks list them; for teaching a way of answering, never advice about a patient."""


@task("differential")
def differential(study: Study, preset: Preset, rng: np.random.Generator) -> Sample | None:
    """Ask for causes of the findings that are there and in the table; None without any."""
    told = {finding.concept: noun_of(finding) for finding in present(study) if finding.concept in CAUSES}
    if not told:
        return None
    text = " ".join(f"{noun[0].upper()}{noun[1:]}: {', '.join(CAUSES[name])}." for name, noun in told.items())
    return sample_of("differential", study, preset, [Turn(one_of(WORDINGS, rng), text)])
