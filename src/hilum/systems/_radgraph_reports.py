"""The reports that the span-relation tagger learns from and is scored on, by half."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from hilum.core.errors import MissingError
from hilum.text.grammar import Mark
from hilum.text.parse import Parsed, parse


class Case(NamedTuple):
    """A report with its hand-made graph; `marks` count characters of `parsed.text`."""

    id: str
    parsed: Parsed
    marks: tuple[Mark, ...]


def is_tuning(report: str) -> bool:
    """Whether a report of the hand-made graphs may be learnt from; the others are for scoring alone."""
    return int(hashlib.blake2b(report.encode(), digest_size=8).hexdigest(), 16) % 2 == 0


def rows_of(root: Path) -> list[dict[str, str]]:
    """Return the reports of Open-i that the pack lists.

    Raises:
        MissingError: if the pack has no Open-i reports.
    """
    path = root / "openi" / "gold_findings.csv"
    if not path.is_file():
        raise MissingError(f"{path.name} was not found under {root / 'openi'}: give the root folder of the pack")
    with path.open(encoding="utf-8", newline="") as stream:
        return [row for row in csv.DictReader(stream) if row["gold_status"] == "ok"]


def read_row(row: dict[str, str]) -> Parsed:
    """Return a report parsed; its sections are stripped, as the hand-made graphs count their characters."""
    return parse({"findings": row["findings"].strip(), "impression": row["impression"].strip()})


def cases(root: Path, gold: Path) -> list[Case]:
    """Return the reports with hand-made graphs, in the order of the file."""
    if not gold.is_file():
        raise MissingError(f"the hand-made graphs {gold.name} were not found: give their place with --set gold=PATH")
    rows = {row["report_id"]: row for row in rows_of(root)}
    made: list[dict[str, Any]] = json.loads(gold.read_text(encoding="utf-8"))["reports"]
    return [_case(graph, read_row(rows[graph["id"]])) for graph in made]


def _case(graph: dict[str, Any], parsed: Parsed) -> Case:
    origins = {part.name: part.start for part in parsed.sections}
    places = {item["id"]: number for number, item in enumerate(graph["entities"])}
    marks = tuple(
        Mark(
            origins[item["section"]] + item["start"], origins[item["section"]] + item["end"], item["label"],
            tuple((kind, places[target]) for kind, target in item["relations"]),
        )
        for item in graph["entities"]
    )  # fmt: skip
    return Case(graph["id"], parsed, marks)


def dev_reports(root: Path, leave_out: Iterable[str], *, limit: int = 0) -> list[Parsed]:
    """Return the reports of the dev half, one of each text, without those named; `limit` 0 means all."""
    closed, seen, kept = set(leave_out), set(), []
    for row in rows_of(root):
        if int(row["text_hash"], 16) % 2 or row["report_id"] in closed or row["text_hash"] in seen:
            continue
        seen.add(row["text_hash"])
        kept.append(row)
    return [read_row(row) for row in (kept[:limit] if limit else kept)]
