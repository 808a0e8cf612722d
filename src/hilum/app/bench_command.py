"""What `hilum bench` shows while it runs and when it ends."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hilum.app.bench import Asked, Outcome, bench, compare_runs, record, summary
from hilum.app.bench_board import write_boards
from hilum.core.errors import InputError
from hilum.measure.log import plain


class _Watch:
    """Lines and a bar on the error stream; the bar only on a terminal."""

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> _Watch:
        if not self._quiet and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
            self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def say(self, line: str) -> None:
        if self._bar is not None:
            self._bar.console.print(line, markup=False, highlight=False)
        elif not self._quiet:
            print(line, file=sys.stderr)

    def row(self, row: Any, number: int, total: int) -> None:
        if self._bar is None:
            return
        if number == 1 or self._task is None:
            if self._task is not None:
                self._bar.remove_task(self._task)
            self._task = self._bar.add_task("", total=total)
        self._bar.update(self._task, completed=number, description=row.status)


def run(targets: Sequence[str], asked: Asked, *, as_json: bool, quiet: bool) -> bool:
    """Run or compare, and print the outcome.

    Args:
        targets: the task, or two folders where no model is named.
        asked: see `Asked`.
        as_json: print one JSON object and nothing else.
        quiet: print only errors.

    Returns:
        Whether every model answered something, and every difference that was asked for could be made.

    Raises:
        InputError: if what was asked for does not go together.
    """
    if asked.compare and not asked.models:
        if len(targets) != 2:
            raise InputError("--compare needs --model A,B on a task, or the folders of two finished runs")
        _show(compare_runs(Path(targets[0]), Path(targets[1]), data=asked.data, seed=asked.seed), as_json, quiet)
        return True
    if len(targets) != 1:
        raise InputError(f"hilum bench takes one task, got {len(targets)}; see 'hilum list tasks'")
    if asked.compare and len(asked.models) < 2:
        raise InputError("--compare needs two models or more: --model A,B")
    with _Watch(quiet or as_json) as watch:
        outcome = bench(asked, say=watch.say, on_row=watch.row)
        outcome = write_boards(outcome, compare=asked.compare, seed=asked.seed, say=watch.say)
    _show(outcome, as_json, quiet)
    for each in outcome.runs:
        failed = [row for row in each.rows if row.status == "failed"]
        if failed:
            said = f"{each.facts['model']}: {len(failed):,} of {len(each.rows):,} studies failed, the first: "
            print(f"{said}{failed[0].id}: {failed[0].error}", file=sys.stderr)
    for pair in outcome.contrasts:
        if pair.reason:
            print(f"{pair.first} minus {pair.second}: cannot be compared: {pair.reason}", file=sys.stderr)
    answered = all(each.board.answered for each in outcome.runs)
    return answered and not any(pair.reason for pair in outcome.contrasts)


def _show(outcome: Outcome, as_json: bool, quiet: bool) -> None:
    if as_json:
        print(json.dumps(plain(record(outcome)), allow_nan=False))
    elif not quiet:
        print(summary(outcome))
