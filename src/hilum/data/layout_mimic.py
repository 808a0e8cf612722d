"""A cohort in the layout of MIMIC-CXR-JPG 2.1.0: files/p10/..., reports, metadata, splits and labels.

Not written, since they would not be true: DICOM files and the list of them. Films are what a viewer shows, 8 bit, and
not histogram equalised as MIMIC-CXR-JPG's are. Both label tables hold the cohort's own findings.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from hilum.core.cohort import Cohort
from hilum.core.finding import State
from hilum.core.report import SECTIONS, Report
from hilum.core.study import Study
from hilum.core.vocabulary import label_set
from hilum.data.cells import normal, states_of
from hilum.data.layout_ids import MimicIds, folder
from hilum.data.layout_output import Extras, Table, Written, note, save_film, size_of, split_of
from hilum.io.save import save_text

METADATA = (
    "dicom_id", "subject_id", "study_id", "PerformedProcedureStepDescription", "ViewPosition", "Rows", "Columns",
    "StudyDate", "StudyTime", "ProcedureCodeSequence_CodeMeaning", "ViewCodeSequence_CodeMeaning",
    "PatientOrientationCodeSequence_CodeMeaning",
)  # fmt: skip
_VIEWS: Mapping[str, tuple[str, str]] = {
    "PA": ("PA", "postero-anterior"), "AP": ("AP", "antero-posterior"), "LL": ("LATERAL", "lateral"),
    "RL": ("RL", "lateral"), "LLD": ("AP LLD", "antero-posterior"), "RLD": ("AP RLD", "antero-posterior"),
    "LAO": ("LAO", "left anterior oblique"), "RAO": ("RAO", "right anterior oblique"),
}  # fmt: skip
_CELLS: Mapping[State | None, str] = {"present": "1.0", "absent": "0.0", "uncertain": "-1.0", None: ""}
_SPLITS: Mapping[str, str] = {"valid": "validate"}
_LABELERS = ("chexpert", "negbio")
_MARGIN = 79  # characters of a line of a report


def write(cohort: Cohort, out: Path, extras: Extras) -> Written:
    """Write the layout; see `hilum.data.layouts.write_layout`."""
    done, ids = Written(out), MimicIds()
    labels = sorted(label_set("chexpert-14").labels)
    with ExitStack() as stack:

        def table(name: str, *header: str) -> Table:
            return stack.enter_context(Table(out / name, header))

        places = table("IMAGE_FILENAMES")
        metadata = table("mimic-cxr-2.0.0-metadata.csv.gz", *METADATA)
        split = table("mimic-cxr-2.0.0-split.csv.gz", "dicom_id", "study_id", "subject_id", "split")
        stated = [table(f"mimic-cxr-2.0.0-{name}.csv.gz", "subject_id", "study_id", *labels) for name in _LABELERS]
        listed = table("cxr-study-list.csv.gz", "subject_id", "study_id", "path")
        numbered = table("ids.csv", "kind", "name", "written")
        for study in cohort:
            patient, number = ids.patient(study.patient or study.id), ids.study(study.id)
            where = f"files/{folder(patient)}/s{number}"
            done.studies += bool(study.films)
            if not study.films:
                done.left_out.append(
                    (study.id, "the metadata list films, and it has none; its report and labels are written")
                )
            numbered.add("patient", study.patient or study.id, f"p{patient}")
            numbered.add("study", study.id, f"s{number}")
            listed.add(patient, number, f"{where}.txt")
            if study.report is not None:
                save_text(report_text(study.report), out / f"{where}.txt")
            states = label_states(study)
            for each in stated if states else ():
                each.add(patient, number, *(_CELLS[states.get(label)] for label in labels))
            part = split_of(cohort, study)
            for at, film in enumerate(study.films):
                name = ids.film(study.id, film.id, at)
                size = save_film(film, out / f"{where}/{name}.jpg") if extras.films else size_of(film)
                metadata.add(*_metadata(study, at, (name, patient, number), size))
                split.add(name, number, patient, _SPLITS.get(part, part))
                places.add(f"{where}/{name}.jpg")
                numbered.add("film", film.id or f"{study.id} film {at}", name)
                done.films += 1
    note(cohort, "MIMIC-CXR-JPG", done)
    return done


def report_text(report: Report) -> str:
    """Return a report as MIMIC-CXR writes it: headed sections, indented by one, wrapped, paragraphs apart."""
    lines = [f"{'FINAL REPORT':>44}"]
    for name in SECTIONS:
        text: str = getattr(report, name)
        if text:
            lines.append(f" {name.upper()}:")
            for part in text.split("\n\n"):
                wrapped = textwrap.wrap(" ".join(part.split()), _MARGIN, break_on_hyphens=False, break_long_words=False)
                lines += [" ", *(f" {line}" for line in wrapped)]
            lines.append(" ")
    return "\n".join(lines) + "\n"


def label_states(study: Study) -> dict[str, State]:
    """Return the states of CheXpert's 14 labels; 'No Finding' is present where findings say so or none is wrong."""
    states = states_of(study.findings, "chexpert-14")
    if normal(study.findings):
        states["No Finding"] = "present"
    return states


def _metadata(study: Study, at: int, names: tuple[str, str, str], size: tuple[int, int]) -> tuple[str | int, ...]:
    views = {film.view for film in study.films}
    step = "CHEST (PORTABLE AP)" if "AP" in views else "CHEST (PA AND LAT)" if {"PA", "LL"} <= views else ""
    position, meaning = _VIEWS.get(study.films[at].view, ("", ""))
    day = study.time.strftime("%Y%m%d") if study.time else ""
    clock = study.time.strftime("%H%M%S.%f").rstrip("0") if study.time else ""
    clock = f"{clock}0" if clock.endswith(".") else clock
    return (*names, step, position, *size, day, clock, step, meaning, "")
