"""Lunguage's CSV: the table that its gold, its structurers and its score exchange.

Source: column names of Lunguage 1.0.0 and lunguage-score 1.0.0; its metric reads `ent`, the fields, `sequence`,
`entity_group`, and the episode from a column `episode`, which is therefore written beside `temporal_group`.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable
from typing import NamedTuple

from hilum.core.errors import InputError
from hilum.text.structure import Row

FIELDS = (
    "cat", "dx_status", "dx_certainty", "location", "placement", "associate", "evidence", "morphology", "distribution",
    "measurement", "severity", "comparison", "onset", "no change", "improved", "worsened", "past hx", "other source",
    "assessment limitations",
)  # fmt: skip
"""Lunguage's fields, as its CSV names them."""
OWN = ("concept", "side", "zone", "event", "start", "end")
"""Our columns after Lunguage's; a file may lack them."""
COLUMNS = (
    "idx", "subject_id", "study_id", "section", "sent", "ent", *FIELDS, "report", "sequence", "entity_group",
    "temporal_group", "episode", *OWN,
)  # fmt: skip
_NEEDED = ("idx", "study_id", "ent", "dx_status", "dx_certainty")
_LINKS = ("associate", "evidence")
_IDX = re.compile(r"\bidx(\d{1,9})\b")


class Record(NamedTuple):
    """One line of the CSV.

    Args:
        subject_id, study_id: whose row it is.
        row: the entity.
        sequence: place of the study among the patient's, from 1; 0 where it is not known.
        entity_group, temporal_group: from the timeline; '' and 0 where there is none.
        report: text of the report, or ''.
    """

    subject_id: str
    study_id: str
    row: Row
    sequence: int = 0
    entity_group: str = ""
    temporal_group: int = 0
    report: str = ""


def dumps(records: Iterable[Record], *, heading: bool = True) -> str:
    """Return the records as CSV text, with a heading line or without; links read 'lung opacity, idx3'."""
    held = list(records)
    named = {(record.subject_id, record.study_id, record.row.idx): record.row.ent for record in held}
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    if heading:
        writer.writeheader()
    writer.writerows(_line(record, named) for record in held)
    return out.getvalue()


def _line(record: Record, named: dict[tuple[str, str, int], str]) -> dict[str, object]:
    row = record.row._asdict()
    cells = {name: row[name.replace(" ", "_")] for name in ("idx", "section", "sent", "ent", *FIELDS, *OWN)}
    for name in _LINKS:
        links = [(named.get((record.subject_id, record.study_id, idx), ""), idx) for idx in row[name]]
        cells[name] = ", ".join(f"{ent}, idx{idx}" for ent, idx in links)
    episode = record.temporal_group or ""
    return cells | {
        "subject_id": record.subject_id, "study_id": record.study_id, "report": record.report,
        "sequence": record.sequence or "", "entity_group": record.entity_group, "temporal_group": episode,
        "episode": episode,
    }  # fmt: skip


def loads(text: str) -> tuple[Record, ...]:
    """Return the records of CSV text.

    Raises:
        InputError: if a needed column is missing, or a cell that must be a whole number is none.
    """
    reader = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")))
    columns = reader.fieldnames or ()
    missing = [name for name in _NEEDED if name not in columns]
    if missing:
        raise InputError(
            f"a Lunguage CSV needs the column {' and '.join(missing)}; this one has: {', '.join(columns) or 'none'}"
        )
    return tuple(_record({k: v or "" for k, v in line.items() if k}, number) for number, line in enumerate(reader, 2))


def _record(line: dict[str, str], number: int) -> Record:
    told = {name.replace(" ", "_"): line.get(name, "") for name in ("section", "sent", "ent", *FIELDS, *OWN[:4])}
    links = {name: tuple(int(idx) for idx in _IDX.findall(told.pop(name))) for name in _LINKS}
    spans = {name: _whole(line, name, number, -1) for name in OWN[4:]}
    row = Row(idx=_whole(line, "idx", number, 0), **told, **links, **spans)  # type: ignore[arg-type]
    episode = "temporal_group" if line.get("temporal_group") else "episode"
    return Record(
        line.get("subject_id", ""), line["study_id"], row, _whole(line, "sequence", number, 0),
        line.get("entity_group", ""), _whole(line, episode, number, 0), line.get("report", ""),
    )  # fmt: skip


def _whole(line: dict[str, str], name: str, number: int, default: int) -> int:
    """A whole number ('3' or '3.0', as pandas writes it beside empty cells)."""
    cell = line.get(name, "").strip()
    if not cell:
        return default
    try:
        return int(cell.removesuffix(".0"))
    except ValueError:
        raise InputError(f"line {number}: '{name}' must be a whole number, got '{cell[:40]}'") from None
