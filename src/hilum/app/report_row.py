"""One report as read, and which columns of a table its parts are in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from math import isnan
from typing import Any

from hilum.core.errors import InputError
from hilum.core.report import SECTIONS

NAMES = {
    "id": ("id", "report_id", "study_id", "uid", "study_uid", "studyinstanceuid", "accession", "accession_number",
           "dicom_id"),
    "report": ("report", "text", "report_text", "full_report", "note"),
    "patient": ("patient", "patient_id", "patientid", "subject_id", "subject", "mrn"),
    "date": ("date", "study_date", "studydate", "studydate_dicom", "report_date", "datetime", "study_datetime"),
}  # fmt: skip
ROLES = (*NAMES, *SECTIONS)
_READ = ("report", "findings", "impression")  # the parts that say what is seen
_BESIDES = frozenset(("id", "patient", "date"))


class NoReportError(InputError):
    """The file holds something else than reports; in a folder it is left alone."""


@dataclass(frozen=True)
class Row:
    """One report as read.

    Args:
        id: its own id, or where it stands.
        text: whole or by section.
        error: why it could not be read, else ''.
        patient, date: as the file has them, '' where it does not.
        empty: it could be read and holds no text.
        numbered: its id is only where it stands, as it has none of its own.
    """

    id: str
    text: str | Mapping[str, str] = ""
    error: str = ""
    patient: str = ""
    date: str = ""
    empty: bool = False
    numbered: bool = False


def choose(names: list[str], where: str, columns: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return role -> column: 'id', 'patient' and 'date' where there is one, and 'report', or the sections there are.

    Raises:
        NoReportError: if no column holds text, or a named one is not there; the sentence names the nearest one.
    """
    folded = {" ".join(name.replace("_", " ").casefold().split()).replace(" ", "_"): name for name in names}
    chosen: dict[str, str] = {}
    for role, wanted in (columns or {}).items():
        if wanted not in names:
            raise NoReportError(f"{where} has no column '{wanted}'{near(wanted, names)}; it has {_listed(names)}")
        chosen[role] = wanted
    for role, candidates in NAMES.items():
        found = next((folded[name] for name in candidates if name in folded), None)
        if found and role not in chosen and (role in _BESIDES or not set(chosen) - _BESIDES):
            chosen[role] = found
    if not set(chosen) & set(_READ):
        chosen.update({name: folded[name] for name in SECTIONS if name in folded})
    if not set(chosen) & set(_READ):
        close = next((near(word, list(folded)) for word in ("report", "findings", "impression", "text")
                     if near(word, list(folded))), "")  # fmt: skip
        raise NoReportError(
            f"{where} has no column 'report', 'findings' or 'impression'{close}; it has {_listed(names)}"
        )
    return chosen


def _listed(names: list[str]) -> str:
    return ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")


def near(wanted: str, names: list[str]) -> str:
    """Return the bracket that names the nearest, or nothing where no name is close."""
    found = get_close_matches(wanted.casefold(), [name.casefold() for name in names], n=1, cutoff=0.6)
    return f" (the nearest is '{found[0]}')" if found else ""


def row_from(record: Mapping[str, Any], where: str, chosen: Mapping[str, str]) -> Row:
    """Return the report in one record; its id is that of its column, or `where` it stands."""
    own, patient, date = (
        _said(record.get(chosen[role])) if role in chosen else "" for role in ("id", "patient", "date")
    )
    name = own or where
    texts = {}
    for role, column in chosen.items():
        value = record.get(column)
        if role not in _BESIDES and value is not None and not (isinstance(value, float) and isnan(value)):
            if not isinstance(value, str):
                error = f"{where}: column '{column}' holds {type(value).__name__}, expected text"
                return Row(name, error=error, patient=patient, date=date, numbered=not own)
            texts[role] = value
    if not any(texts.get(part, "").strip() for part in _READ):
        error = f"{where} holds no text"
        text = texts.get("report", texts) or ""
        return Row(name, text, error=error, patient=patient, date=date, empty=True, numbered=not own)
    return Row(name, texts.get("report", texts), patient=patient, date=date, numbered=not own)


def _said(value: Any) -> str:
    return "" if value is None or (isinstance(value, float) and isnan(value)) else str(value).strip()
