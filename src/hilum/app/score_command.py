"""What `hilum score` does: score, write, and tell a person or a program."""

from __future__ import annotations

import json
import os
from importlib.resources import files
from pathlib import Path

from hilum.app.score import Choices, rivals, score_files
from hilum.app.score_outputs import record, write
from hilum.app.score_show import summary
from hilum.app.steps import Steps
from hilum.core.errors import InputError


def examples() -> tuple[Path, Path]:
    """Return the bundled invented reports, and a candidate with faults written into it."""
    folder = Path(str(files("hilum").joinpath("app/static")))
    return folder / "example-reports.csv", folder / "example-candidate.csv"


def run(
    reference: Path, candidate: Path, compare: Path | None, out: Path, choices: Choices, *, as_json: bool, quiet: bool
) -> None:
    """Score, write scores.json, rows.jsonl and report.html, and print a table or one JSON object.

    Raises:
        HilumError: if nothing could be scored or written.
    """
    writable(out)
    names = (reference.name, *(rivals(candidate, compare) if compare else (candidate.name, "")))
    with Steps("scoring", hidden=quiet or as_json) as steps:
        outcome = score_files(reference, candidate, compare=compare, choices=choices, on_step=steps.step)
    written = write(outcome, out, names, choices)
    if as_json:
        told = record(outcome, names, choices)
        print(json.dumps({**told, "written": [str(path) for path in written]}, ensure_ascii=False, allow_nan=False))
    elif not quiet:
        print(summary(outcome, written, names))


def writable(out: Path) -> None:
    """Raise InputError where results could not be written: better now than after minutes of work."""
    if out.exists() and not out.is_dir():
        raise InputError(f"'{out}' is a file: name a folder for the results with -o")
    place = next((each for each in (out, *out.absolute().parents) if each.exists()), Path())
    if not place.is_dir() or not os.access(place, os.W_OK):
        raise InputError(f"cannot write in '{place}': choose another folder with -o")
