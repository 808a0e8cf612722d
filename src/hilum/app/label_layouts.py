"""CSV files in the layout of the data sets' own label files, so that what reads those reads ours."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from hilum.core.vocabulary import label_set
from hilum.text.labels import cell

STATES = {1: "present", 0: "absent", -1: "uncertain"}
Line = Callable[[Mapping[str, Any]], list[str]]


def layout(name: str) -> tuple[list[str], Line]:
    """Return the header of a label set's own CSV file, and what makes a line of a labelled row.

    chexpert-14: MIMIC-CXR's file (subject_id, study_id, the labels by alphabet; 1.0, 0.0, -1.0 or blank).
    nih-14, nih-15, chestx-ray8: Data_Entry_2017 (Image Index, Finding Labels joined by '|', Patient ID).
    padchest: StudyID, PatientID, Labels as a Python list, 'normal' where nothing is present or uncertain.
    vindr: image_id and a column of 0 or 1 per label.
    Others: id and one column per label, written by the convention of the set.
    """
    known = label_set(name)
    if name == "chexpert-14":
        labels = sorted(known.labels)
        return ["subject_id", "study_id", *labels], lambda row: [
            row.get("patient", ""), row["id"], *(_decimal(row["labels"].get(label)) for label in labels)
        ]  # fmt: skip
    if known.family == "nih":
        return ["Image Index", "Finding Labels", "Patient ID"], lambda row: [
            row["id"], "|".join(_present(row, known.labels)) or "No Finding", row.get("patient", "")
        ]  # fmt: skip
    if name == "padchest":
        return ["StudyID", "PatientID", "Labels"], lambda row: [
            row["id"], row.get("patient", ""), str(_present(row, known.labels) or _normal(row))
        ]  # fmt: skip
    first = "image_id" if name == "vindr" else "id"
    return [first, *known.labels], lambda row: [
        row["id"], *(cell(name, _state(row["labels"].get(label))) for label in known.labels)
    ]  # fmt: skip


def _state(value: int | None) -> str | None:
    return None if value is None else STATES[value]


def _decimal(value: int | None) -> str:
    return "" if value is None else f"{value}.0"


def _normal(row: Mapping[str, Any]) -> list[str]:
    """PadChest's word for a report without a finding; none where one is possible."""
    return [] if -1 in row["labels"].values() else ["normal"]


def _present(row: Mapping[str, Any], labels: tuple[str, ...]) -> list[str]:
    """The labels that such a file lists: those present. It has no way to write an uncertain one."""
    return [label for label in labels if row["labels"].get(label) == 1]
