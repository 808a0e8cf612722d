"""What `hilum read --ask` prints, and how it ends."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import typer

from hilum import RESEARCH_USE
from hilum.app.ask import AskedRow, ask_films, summary
from hilum.app.steps import Steps
from hilum.core.errors import InputError


def run(
    paths: Sequence[Path], out: Path, text: str, model: Path | None, unused: Sequence[str], *, keep_identifiers: bool,
    as_json: bool, quiet: bool,
) -> None:  # fmt: skip
    """Ask, print, and end with code 1 where a film could not be read.

    Args:
        paths, out, text, model, keep_identifiers: of `app.ask.ask_films`.
        unused: options that were given and mean nothing here.
        as_json, quiet: how to print.

    Raises:
        InputError: if there is no question, an option does not go with it, or no film was found.
    """
    if not text:
        raise InputError("--model names whom to ask: say what with --ask, e.g. --ask 'left pleural effusion'")
    if unused:
        raise InputError(f"{' and '.join(unused)} cannot go with --ask: it writes a page, maps and JSON of each film")
    with Steps("asking", hidden=quiet or as_json) as progress:

        def step(row: AskedRow, number: int, total: int) -> None:
            progress.step(row.status, number, total)

        rows = ask_films(paths, out, text=text, model=model, keep_identifiers=keep_identifiers, on_row=step)
    if as_json:
        print(json.dumps({"out": str(out), "caution": RESEARCH_USE, "studies": [row.line() for row in rows]}))
    elif not quiet:
        print(summary(rows, out))
    lost = [row for row in rows if row.status != "read"]
    for row in lost:
        print(f"{row.status}: {', '.join(row.files) or row.name}: {row.reason}", file=sys.stderr)
    if not rows:
        raise InputError("no film was found in what was given")
    if lost:
        raise typer.Exit(1)
