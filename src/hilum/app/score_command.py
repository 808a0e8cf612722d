"""What `hilum score` does: score, write, and tell a person or a program."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

from hilum.app.score import Choices, score_files
from hilum.app.score_outputs import record, write
from hilum.app.score_show import Steps, summary


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
    with Steps("scoring", hidden=quiet or as_json) as steps:
        outcome = score_files(reference, candidate, compare=compare, choices=choices, on_step=steps.step)
    written = write(outcome, out, reference=reference, candidate=candidate, choices=choices)
    if as_json:
        told = record(outcome, (reference.name, candidate.name), choices)
        print(json.dumps({**told, "written": [str(path) for path in written]}, ensure_ascii=False, allow_nan=False))
    elif not quiet:
        names = (reference.name, candidate.name, compare.name if compare else "")
        print(summary(outcome, written, names))
