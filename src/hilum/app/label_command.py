"""What `hilum label` does with what it is given: files go to a file, texts and standard input are shown."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

from hilum import RESEARCH_USE
from hilum.app.label import check_label_set, label_files
from hilum.app.label_rows import Reading, as_row, label_row
from hilum.app.label_run import Outcome
from hilum.app.label_show import LabelProgress, complaints, show, summary
from hilum.app.report_files import KINDS, Source, kind_of
from hilum.app.report_row import choose, near
from hilum.app.report_rows import Reader
from hilum.core.errors import HilumError, InputError

_MOST = 64 * 1024 * 1024  # bytes of standard input


@dataclass(frozen=True)
class Asked:
    """The options of the command, as given."""

    paths: Sequence[str]
    out: Path | None = None
    page: Path | None = None
    reading: Reading = field(default_factory=Reading)
    columns: Sequence[str] = ()
    timeline: bool = False
    resume: bool = False
    example: bool = False
    as_json: bool = False
    quiet: bool = False


def run(asked: Asked) -> bool:
    """Do what was asked; return whether every report could be labelled.

    Raises:
        HilumError: if nothing could be done.
    """
    check_label_set(asked.reading.label_set)
    given = [_source(each, number, asked.reading.explain) for number, each in enumerate(asked.paths, 1)]
    if asked.example or not given:
        if not (asked.example or asked.quiet or asked.as_json):
            print("No report given: labelling the bundled examples (the same as --example).", file=sys.stderr)
        given.append(example())
    said = [each for each in given if isinstance(each, Source) and not each.path]
    if len(said) == len(given) and asked.out is None and asked.page is None:
        return _texts(said, asked)
    return _files(given, asked)


def example() -> Path:
    """Return the bundled table of invented reports."""
    return Path(str(files("hilum").joinpath("app/static/example-reports.csv")))


def _source(given: str, number: int, explain: bool) -> Path | Source:
    """A path; or a text, where there is no such path and it reads like one; or standard input for '-'."""
    if given == "-":
        return standard_input(sys.stdin.buffer.read(_MOST))
    if not given.strip():
        raise InputError("an empty text or path was given: name a file or a folder, or write a sentence")
    path = Path(given)
    if reads_like_text(given, explain) and not _there(path):
        return Source(f"text {number}", data=given.encode("utf-8", "surrogatepass"), kind=".txt")
    return path


def reads_like_text(given: str, explain: bool) -> bool:
    """Whether an argument is a sentence rather than a path: it has words, or is to be explained, and no file suffix."""
    if kind_of(Path(given.strip())) in KINDS:
        return False
    return len(given.split()) > 1 or (explain and bool(given) and os.sep not in given)


def _there(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # too long for a file name, or a NUL in it
        return False


def _like(path: Path) -> str:
    try:
        names = sorted(each.name for each in path.parent.iterdir())
    except (OSError, ValueError):
        return ""
    return near(path.name, names)


def _as_text(given: str) -> str:
    if not reads_like_text(given, explain=True):
        return ""
    return ". To see how a word or sentence is labelled, add --explain"


def standard_input(data: bytes) -> Source:
    """Return standard input as a source: JSON lines, a table with a header, or else one report."""
    head = data[:65536].decode("utf-8", "replace").lstrip("\ufeff").lstrip()
    first = head.partition("\n")[0].rstrip("\r")
    if head.startswith("{"):
        return Source("standard input", data=data, kind=".jsonl")
    for delimiter in ",\t;|":
        names = [name.strip('" ') for name in first.split(delimiter)]
        if len(names) > 1:
            try:
                choose(names, "standard input")
            except InputError:
                continue
            return Source("standard input", data=data, kind=".csv")
    return Source("standard input", data=data, kind=".txt")


def _columns(said: Sequence[str]) -> dict[str, str]:
    for each in said:
        if "=" not in each:
            raise InputError(f"--column needs role=name, e.g. report=\"Report Text\", got '{each}'")
    return dict(each.split("=", 1) for each in said)


def _texts(said: Sequence[Source], asked: Asked) -> bool:
    """Show texts explained, or as JSON."""
    reader, made, good = Reader(_columns(asked.columns)), list[dict[str, Any]](), True
    for source in said:
        for row in reader.rows(source):
            name = row.id if len(said) > 1 or source.kind != ".txt" else ""
            try:
                if row.error:
                    raise InputError(row.error)
                labels = asked.reading.label(row.text)
            except HilumError as error:
                good = False
                made.append(label_row(row, asked.reading))
                print(f"failed: {row.id}: {error}", file=sys.stderr)
                continue
            if asked.as_json:
                made.append(as_row(row.id, labels, asked.reading))
            elif not asked.quiet:
                show(name, labels)
    if asked.as_json:
        print(json.dumps({"caution": RESEARCH_USE, "reports": made}, ensure_ascii=False))
    return good


def _files(given: Sequence[Path | Source], asked: Asked) -> bool:
    """Label files into a file, with a bar, and say what came of it."""
    for path in given:
        if isinstance(path, Path) and not _there(path):
            raise InputError(f"there is no file or folder '{path}'{_like(path)}{_as_text(str(path))}")
    began = time.perf_counter()
    out = asked.out or Path("labels.jsonl")
    with LabelProgress(hidden=asked.quiet or asked.as_json) as progress:
        outcome = label_files(
            given, out, page=asked.page, reading=asked.reading, columns=_columns(asked.columns), resume=asked.resume,
            timeline=asked.timeline, on_row=progress.row, on_bytes=progress.bytes,
        )  # fmt: skip
    if asked.as_json:
        print(json.dumps(_told(outcome, asked.reading.label_set), ensure_ascii=False))
    elif not asked.quiet:
        print(summary(outcome, asked.reading.label_set, time.perf_counter() - began))
    worse = complaints(outcome)
    if worse:
        print(worse, file=sys.stderr)
    return not outcome.failures


def _told(outcome: Outcome, name: str) -> dict[str, Any]:
    counts: dict[str, dict[str, int]] = {}
    for (label, cell), count in sorted(outcome.counts.items()):
        counts.setdefault(label, {})[str(cell)] = count
    return {
        "caution": RESEARCH_USE,
        "label_set": name,
        "written": [str(path) for path in outcome.written],
        "labelled": outcome.done,
        "failed": outcome.failed,
        "taken_over": outcome.skipped,
        "repeated": outcome.repeated,
        "patients": outcome.patients,
        "counts": counts,
        "failures": [{"id": name, "error": reason} for name, reason in outcome.reasons],
        "notes": outcome.notes,
    }
