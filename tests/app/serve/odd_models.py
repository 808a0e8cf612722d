"""A plug-in model for tests: notes what it reads, and ends the process where the patient's id says so."""

from __future__ import annotations

import os
import time

from hilum.core.finding import Finding
from hilum.core.image import MadeBy
from hilum.core.registry import register
from hilum.core.report import Report
from hilum.core.study import Study

MAKER = MadeBy("odd", "1")


@register.model("odd", needs=("images",), adds=("findings", "report"))
def odd(study: Study) -> Study:
    """Find an effusion on every film."""
    with open(os.environ["HILUM_ODD_NOTES"], "a") as notes:
        notes.write(f"{study.id}\n")
    if study.patient.startswith("POISON"):
        os._exit(7)
    if study.patient.startswith("SLOW"):
        time.sleep(0.3)
    if study.patient.startswith("HANGS"):
        time.sleep(600)
    found = Finding("pleural effusion", "present", 0.9, made_by=MAKER, id="f-1")
    number = len(study.films)
    report = Report(impression=f"Pleural effusion on {number} films.", status="draft", made_by=MAKER)
    return study.add(findings=(found,), report=None if study.report else report, made_by=MAKER)
