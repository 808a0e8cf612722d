"""What a person sees while a batch runs and when it ends."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from hilum import RESEARCH_USE
from hilum.app.steps import Steps
from hilum.core.errors import InputError

if TYPE_CHECKING:
    from hilum.app.batch import Row

SHOWN = 40


class Progress(Steps):
    """The bar of a batch of studies."""

    def __init__(self, *, hidden: bool = False) -> None:
        super().__init__("reading", hidden=hidden)

    def row(self, row: Row, number: int, total: int) -> None:
        """Show that one more study is done."""
        self.step(row.status, number, total)


def summary(rows: Sequence[Row], out: Path) -> str:
    """Return the closing lines: what was read, where it lies and what to do next."""
    lines = [f"{row.status:8} {row.name[:40]:40} {_said(row)}" for row in rows[:SHOWN]]
    if len(rows) > SHOWN:
        lines.append(f"... and {len(rows) - SHOWN} more in {out / 'studies.jsonl'}")
    counts = ", ".join(
        f"{sum(row.status == status for row in rows)} {status}"
        for status in ("read", "kept", "refused", "failed")
        if any(row.status == status for row in rows)
    )
    return "\n".join(
        [
            *lines,
            "",
            f"{counts}. {RESEARCH_USE}",
            f"Wrote {out / 'index.html'} (open it in a browser) and a folder per study.",
        ]
    )


def finish(rows: Sequence[Row], out: Path, *, as_json: bool, quiet: bool) -> None:
    """Print what was read and what went wrong, and end the command as it deserves.

    Raises:
        InputError: if there was no film.
        typer.Exit: with code 1 if a study failed or was refused, 2 if drafts were asked for and none was written.
    """
    if as_json:
        print(json.dumps({"out": str(out), "caution": RESEARCH_USE, "studies": [_row_json(row) for row in rows]}))
    elif not quiet:
        print(summary(rows, out))
    for row in rows:
        if row.status in ("failed", "refused"):
            print(f"{row.status}: {', '.join(row.files) or row.name}: {row.reason}", file=sys.stderr)
    if not rows:
        raise InputError("no film was found in what was given")
    if any(row.status in ("failed", "refused") for row in rows):
        raise typer.Exit(1)
    undrafted(rows)


def _row_json(row: Row) -> dict[str, Any]:
    return {**row.line(), **({"study": row.record} if row.record else {})}


def undrafted(rows: Sequence[Row]) -> None:
    """Tell why drafts that were asked for were not written, each reason once.

    Raises:
        typer.Exit: with code 2 if not one was written.
    """
    reasons = dict.fromkeys(row.undrafted for row in rows if row.undrafted)
    for reason in reasons:
        print(reason, file=sys.stderr)
    if reasons and all(row.undrafted for row in rows):
        raise typer.Exit(2)


def _said(row: Row) -> str:
    if row.status in ("failed", "refused"):
        return row.reason
    if row.status == "kept":
        return "kept from an earlier run"
    said = [
        f"{f.concept} {f.probability:.2f}" for f in row.findings if f.state == "present" and f.probability is not None
    ]
    unsure = [f"{f.concept} uncertain" for f in row.findings if f.state == "uncertain"]
    return f"{'+'.join(row.views)}: {', '.join([*said, *unsure]) or 'no finding among those assessed'}"
