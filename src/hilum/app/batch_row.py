"""One row of a batch: what became of a study or file, how it is told, and how a finished one is known again."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hilum.core.errors import HilumError
from hilum.core.finding import Finding
from hilum.core.record import SCHEMA, from_json

if TYPE_CHECKING:
    from hilum.app.page_index import IndexRow, Outcome

MARK = ".made-from"


@dataclass(frozen=True)
class Row:
    """What became of one study or file: read, kept, refused or failed, with the sentence why.

    A kept one, read by an earlier run, also holds in `first` the status and sentence that it had then; `undrafted` is
    why no draft was written where one was asked for.
    """

    name: str
    status: str
    files: tuple[str, ...] = ()
    reason: str = ""
    views: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    folder: str = ""
    seconds: float = 0.0
    record: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)
    thumbnail: str = field(default="", compare=False, repr=False)
    first: tuple[str, str] = field(default=("", ""), compare=False, repr=False)
    undrafted: str = field(default="", compare=False, repr=False)

    def line(self) -> dict[str, Any]:
        """Return the row's JSON form as `--json` prints it."""
        return {**self._plain(), "seconds": round(self.seconds, 3)}

    def lasting(self) -> dict[str, Any]:
        """Return the row's JSON form for `studies.jsonl`: the same from every run that reads the same films."""
        return self.as_first()._plain()

    def as_first(self) -> Row:
        """Return the row as it was when the study was read."""
        return replace(self, status=self.first[0], reason=self.first[1]) if self.status == "kept" else self

    def _plain(self) -> dict[str, Any]:
        findings = [{"concept": f.concept, "state": f.state, "probability": f.probability} for f in self.findings]
        plain = {name: getattr(self, name) for name in ("name", "status", "files", "reason", "views", "folder")}
        return {**plain, "findings": findings}


def mark(folder: Path, row: Row, fingerprint: str) -> None:
    """Sign a study's finished folder with what it was made from, and what else its row needs."""
    told = {"fingerprint": fingerprint, "status": row.status, "reason": row.reason, "thumbnail": row.thumbnail}
    replace_text(folder / MARK, json.dumps(told, ensure_ascii=False))


def kept(row: Row, folder: Path, fingerprint: str, *, records: bool = False) -> Row | None:
    """Return the row of a study that an earlier run finished, None where it must be read.

    Args:
        row: the study's row so far: name, files, folder.
        folder: the study's own folder.
        fingerprint: of what it would be made from now; a folder that a reader edited is kept whatever it is.
        records: keep the study's record in the row.
    """
    record = _json(folder / "study.json")
    told = _json(folder / MARK)
    if record is None or (told or {}).get("fingerprint") != fingerprint:
        if record is None or told is not None or not record.get("revision"):
            return None
        told = {"reason": ""}  # a reader's edits are never read over by --resume
    try:
        findings = tuple(from_json({"schema": SCHEMA, **finding}) for finding in record["findings"])
        views = tuple(film["view"] for film in record["files"])
        first = (str(record["status"]), str(told["reason"])) if told else ("read", "")
    except (ValueError, KeyError, TypeError, HilumError):
        return None
    return replace(
        row, status="kept", reason="read before", findings=findings, views=views, first=first,
        record=record if records else {}, thumbnail=str((told or {}).get("thumbnail", "")),
    )  # fmt: skip


def _json(path: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def index_row(row: Row, out: Path) -> IndexRow:
    """Return the row as the index page shows it."""
    from hilum.app.page_index import IndexRow

    first = row.as_first()
    outcome: Outcome = "failed" if first.status == "failed" else "refused" if first.status == "refused" else "read"
    page = f"{row.folder}/page.html" if row.folder and (out / row.folder / "page.html").is_file() else ""
    return IndexRow(", ".join(row.files) or row.name, outcome, page, row.thumbnail, row.findings, first.reason)


def replace_text(path: Path, text: str) -> None:
    """Write a text file whole or not at all."""
    partial = path.with_name(f".{path.name}.partial-{os.getpid()}")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)
