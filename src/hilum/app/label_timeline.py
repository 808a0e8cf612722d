"""The second pass of a run: one line per patient, with the reports in order of time.

While reports are labelled, those that can be read are copied to a file beside the output; of each only the place in
that file and a hash of its patient are kept in memory. At the end the patients are read from there one by one, and
the file is removed, whatever happened.
"""

from __future__ import annotations

import json
import re
from array import array
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from hilum.app.label_ids import key_of
from hilum.app.label_rows import filled
from hilum.app.report_row import Row
from hilum.core.errors import HilumError, InputError
from hilum.text.language import language_of
from hilum.text.parse import parse

if TYPE_CHECKING:
    from hilum.text.timeline import Timeline

_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})(?:[ T]?(\d{1,6})(\.\d+)?)?")
_ALONE = datetime(2000, 1, 1)


class Visits:
    """The reports of a run, kept on disk until their patients are put together; use it as a context manager."""

    def __init__(self, target: Path) -> None:
        self.path, self._spool = self.files(target)
        self._file: IO[bytes] | None = None
        self._patients, self._places = array("Q"), array("Q")
        self._alone = 0
        self.patients, self.notes = 0, list[str]()

    @staticmethod
    def files(target: Path) -> tuple[Path, Path]:
        """Return the timeline file of an output, and the file of reports that is there during the run."""
        stem = target.name.removesuffix(target.suffix)
        return target.with_name(f"{stem}.timeline.jsonl"), target.with_name(f"{target.name}.visits.part")

    def __enter__(self) -> Visits:
        """Open the file of reports."""
        self._file = self._spool.open("w+b")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove the file of reports."""
        if self._file:
            self._file.close()
        self._spool.unlink(missing_ok=True)

    def add(self, row: Row) -> None:
        """Keep one report for the second pass; one without a patient is its own."""
        file = self._opened()
        self._patients.append(key_of(f"p{row.patient}" if row.patient else f"r{row.id}"))
        self._places.append(file.tell())
        self._alone += not row.patient
        text = row.text if isinstance(row.text, str) else dict(row.text)
        file.write(json.dumps([row.id, row.patient, row.date, text]).encode("ascii") + b"\n")

    def _opened(self) -> IO[bytes]:
        if self._file is None:
            raise InputError("the reports of a timeline were not opened: use Visits in a with statement")
        return self._file

    def write(self, language: str = "auto") -> Path:
        """Write one JSON line per patient, in the order in which patients were met, and return the file."""
        partial, failed = self.path.with_name(f".{self.path.name}.partial"), 0
        try:
            with partial.open("w", encoding="utf-8", errors="backslashreplace", newline="\n") as out:
                for reports in self._by_patient():
                    line = patient_row(reports, language)
                    failed += "error" in line
                    self.patients += 1
                    out.write(json.dumps(line, ensure_ascii=False) + "\n")
            partial.replace(self.path)
        finally:
            partial.unlink(missing_ok=True)
        if self._alone:
            self.notes.append(f"timeline: {self._alone:,} reports name no patient; each is taken as its own patient")
        if failed:
            self.notes.append(f"timeline: {failed:,} patients have no timeline; their lines say why")
        return self.path

    def _by_patient(self) -> Iterator[list[Row]]:
        file = self._opened()
        if not self._places:
            return
        _, first, inverse = np.unique(np.frombuffer(self._patients, np.uint64), return_index=True, return_inverse=True)
        order = np.argsort(first[inverse], kind="stable")
        ends = np.flatnonzero(np.diff(first[inverse][order])) + 1
        for group in np.split(order, ends):
            rows = []
            for number in group:
                file.seek(self._places[int(number)])
                name, patient, date, text = json.loads(file.readline())
                rows.append(Row(name, text, patient=patient, date=date))
            yield rows


def patient_row(reports: list[Row], language: str = "auto") -> dict[str, Any]:
    """Return the timeline of one patient's reports as JSON values, or the patient and 'error'."""
    from hilum.text.timeline import Visit, timeline

    patient = reports[0].patient
    try:
        visits = []
        for row in reports:
            text = row.text if isinstance(row.text, str) else " ".join(row.text.values())
            spoken = (language_of(text) or "en") if language == "auto" else language
            time = moment(row.date, row.id) if len(reports) > 1 or row.date else _ALONE
            visits.append(Visit(row.id, time, parse(row.text, language=spoken)))
        return {"patient": patient, **_values(timeline(visits), dated=bool(reports[0].date))}
    except HilumError as error:
        return {"patient": patient, "studies": [row.id for row in reports], "error": str(error)}


def _values(made: Timeline, *, dated: bool) -> dict[str, Any]:
    return {
        "visits": [
            {"sequence": number, "study_id": visit.study_id, "time": visit.time.isoformat() if dated else None}
            for number, visit in enumerate(made.visits, 1)
        ],
        "groups": [
            {"name": group.name, "cat": group.cat, "course": [list(step) for step in group.course]}
            for group in made.groups
        ],
        "rows": [
            {"study_id": each.study_id, "sequence": each.sequence, **filled(each.row), "group": each.group,
             "episode": each.episode}
            for each in made.rows
        ],
    }  # fmt: skip


def _clock(digits: str, fraction: bool) -> str:
    """DICOM's HH, HHMM or HHMMSS as six digits; an odd number of them, or one with a fraction, has lost zeros."""
    if fraction:
        return digits.rjust(6, "0")
    even = digits.rjust(len(digits) + len(digits) % 2, "0")
    return even.ljust(6, "0")


def moment(said: str, name: str) -> datetime:
    """Return the time a date column tells: ISO 8601, or DICOM's 20240131 with 235959 behind it.

    Raises:
        InputError: if it tells none; 01/02/2024 is refused, as nobody knows which is the month.
    """
    found = _COMPACT.fullmatch(said.strip())
    try:
        if found:
            clock = _clock(found[4] or "", bool(found[5]))
            return datetime.strptime("".join(found.group(1, 2, 3)) + clock, "%Y%m%d%H%M%S")
        made = datetime.fromisoformat(said.strip().replace("Z", "+00:00"))
        return made.astimezone(UTC).replace(tzinfo=None) if made.tzinfo else made
    except (ValueError, OverflowError):
        what = f"the date '{said[:40]}'" if said else "no date"
        raise InputError(
            f"report '{name[:80]}' has {what}, so its place among the patient's reports is not known: give dates as "
            "2024-01-31, 2024-01-31T23:59:59 or 20240131, in the column that --column date=NAME names"
        ) from None
