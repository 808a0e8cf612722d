"""Lunguage: dated reports to its CSV, one row an entity, with entity and temporal groups; and its score judged.

Source: Moon et al., arXiv 2505.21190: by language models there, by rules here. The gold (PhysioNet) is credentialed.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, time
from difflib import get_close_matches
from pathlib import Path
from typing import NamedTuple

from hilum.core.errors import InputError
from hilum.core.registry import register
from hilum.io.save import save_text
from hilum.systems._lunguage_judge import CLAIMS, reproduce
from hilum.text.lunguage import Record, dumps
from hilum.text.parse import parse
from hilum.text.structure import structure
from hilum.text.timeline import GAP_MONTHS, Visit, timeline

COLUMNS = {  # names that are looked for; `columns` gives others
    "patient": ("subject_id", "patient_id", "patient", "patientid"),
    "study": ("study_id", "id", "report_id", "uid"),
    "date": ("study_date", "studydate", "date", "datetime", "study_datetime", "time"),
    "time": ("study_time", "studytime", "time_of_day"),
}
Failed = list[tuple[str, str]]
TEXTS = ("report", "text", "indication", "history", "findings", "impression")


class Done(NamedTuple):
    """What was written: rows, reports and patients, and (where, why) of all that could not be used."""

    rows: int
    reports: int
    patients: int
    failed: tuple[tuple[str, str], ...]


def structure_reports(
    source: str | Path, out: str | Path, *, columns: Mapping[str, str] | None = None, gap_months: float = GAP_MONTHS
) -> Done:
    """Structure a CSV of reports, or every CSV of a folder, into one Lunguage CSV.

    What cannot be read is named in `failed`, and so is a patient whose visits have no certain order (a date is missing,
    two times are equal): its rows are written without groups.

    Args:
        source: with columns for patient, study and date, and `report`, or `findings` and `impression` ...
        out: the CSV to write; it appears when it is complete.
        columns: other names, e.g. {'patient': 'pid', 'date': 'taken'}.
        gap_months: see `hilum.text.timeline.timeline`.

    Raises:
        InputError: if there is no CSV, or a file lacks a needed column.
    """
    failed: Failed = []
    patients: dict[str, dict[str, Visit]] = {}
    if not set(columns or {}) <= set(COLUMNS):
        raise InputError(f"columns can name {', '.join(COLUMNS)}, got {', '.join(columns or {})}")
    for where, cells in _cells(Path(source), columns or {}):
        _add(patients, cells, where, failed)
    told = [_records(name, list(patients[name].values()), gap_months, failed) for name in sorted(patients)]
    save_text(dumps(record for records in told for record in records), out)
    return Done(sum(map(len, told)), sum(map(len, patients.values())), len(patients), tuple(failed))


def _add(patients: dict[str, dict[str, Visit]], cells: dict[str, str], where: str, failed: Failed) -> None:
    try:
        patient, visit = _visit(cells)
        if visit.study_id in patients.setdefault(patient, {}):
            raise InputError(f"study '{visit.study_id}' of patient '{patient}' was given before")
        patients[patient][visit.study_id] = visit
    except InputError as error:
        failed.append((where, str(error)))


def _records(patient: str, visits: list[Visit], gap_months: float, failed: Failed) -> tuple[Record, ...]:
    try:
        return timeline(visits, gap_months=gap_months).records(patient)
    except InputError as error:
        failed.append((f"patient {patient}", str(error)))
    return tuple(Record(patient, visit.study_id, row) for visit in visits for row in structure(visit.parsed))


def _cells(source: Path, columns: Mapping[str, str]) -> Iterator[tuple[str, dict[str, str]]]:
    """(file:line, {patient, study, date, time and text columns}) of every row."""
    files = sorted(source.rglob("*.csv")) if source.is_dir() else [source]
    if not files or not all(file.is_file() for file in files):
        raise InputError(f"there is no CSV at '{source}'")
    csv.field_size_limit(16 * 1024 * 1024)
    for path in files:
        with path.open(encoding="utf-8-sig", newline="") as file:
            try:
                reader = csv.DictReader(file)
                names = _named(reader.fieldnames or (), columns, path.name)
                for row in reader:
                    yield f"{path.name}:{reader.line_num}", {key: row.get(name) or "" for key, name in names.items()}
            except (UnicodeDecodeError, csv.Error) as error:
                raise InputError(f"'{path.name}' is not a CSV in UTF-8: {error}") from error


def _named(found: Iterable[str], columns: Mapping[str, str], file: str) -> dict[str, str]:
    """Which column holds what; a needed one that is missing is an error that names the nearest."""
    present = {name.strip().lower(): name for name in found}
    names: dict[str, str] = {}
    for key, usual in COLUMNS.items():
        wanted = (columns[key].lower(),) if key in columns else usual
        name = next((each for each in wanted if each in present), "")
        if not name and (key != "time" or key in columns):
            near = " or ".join(get_close_matches(wanted[0], present, n=2)) or "none"
            raise InputError(f"'{file}' has no column for the {key} ({', '.join(wanted)}); the nearest: {near}")
        names |= {key: present[name]} if name else {}
    if not any(name in present for name in TEXTS):
        raise InputError(f"'{file}' has no column with text ({', '.join(TEXTS)})")
    return names | {name: present[name] for name in TEXTS if name in present}


def _visit(cells: dict[str, str]) -> tuple[str, Visit]:
    patient, study = cells["patient"].strip(), cells["study"].strip()
    whole = (cells.get("report") or cells.get("text") or "").strip()
    parts = {name: cells.get(name, "").strip() for name in ("indication", "findings", "impression")}
    parts["indication"] = parts["indication"] or cells.get("history", "").strip()
    if not patient or not study:
        raise InputError("the row names no patient or no study")
    if not whole and not any(parts.values()):
        raise InputError(f"the report of study '{study}' is empty")
    when = _when(cells["date"].strip(), cells.get("time", "").strip()) if cells["date"].strip() else None
    return patient, Visit(study, when, parse(whole or parts))  # type: ignore[arg-type]


def _when(day: str, clock: str) -> datetime:
    """'2020-01-31', '20200131', '2020-01-31 08:15' and a time such as '081500.250'."""
    try:
        stamp = datetime.fromisoformat(f"{day[:4]}-{day[4:6]}-{day[6:]}" if len(day) == 8 and day.isdigit() else day)
        whole = clock.partition(".")[0].replace(":", "").zfill(6)
        return datetime.combine(stamp, time.fromisoformat(f"{whole[:2]}:{whole[2:4]}:{whole[4:]}")) if clock else stamp
    except ValueError:
        raise InputError(f"'{day}' '{clock}' is no date such as 2020-01-31") from None


@register.system("lunguage", summary="Lunguage CSV from dated reports, and its score", source="arXiv 2505.21190")
class LunguageSystem:
    """How reports are structured, and how the claim for LunguageScore is judged."""

    claims, minutes = CLAIMS, 1.0
    structure_reports, reproduce = staticmethod(structure_reports), staticmethod(reproduce)
