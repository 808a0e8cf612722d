"""The board of a benchmark's folder: every model whose finished run lies there, and the differences of those asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from hilum.app.bench import Outcome, folder_name, record
from hilum.app.bench_page import write_page
from hilum.app.board_page import board_page
from hilum.core.errors import InputError
from hilum.measure.contrast import attempt
from hilum.measure.log import read_facts, write_json
from hilum.measure.run import Run, written

_SAME = {
    "task": "another task",
    "task_version": "another version of the task",
    "hide": "other hidden fields",
    "fingerprint": "other data",
}


def write_boards(outcome: Outcome, *, compare: bool, seed: int = 0, say: Callable[[str], None]) -> Outcome:
    """Write board.json and report.html of all runs in the folder; the differences are added when they are known.

    Args:
        outcome: what this command ran.
        compare: every model of it against the first.
        seed: of the comparison.
        say: told which folder the board leaves out, and why.

    Returns:
        The outcome with its differences; one that could not be made holds its reason.
    """
    board = whole(outcome, say)
    _write(board)
    asked = [run for run in outcome.runs if run.facts["model"] not in outcome.controls]
    if not compare or len(asked) < 2:
        return outcome
    pairs = tuple(attempt(outcome.task, each, asked[0], seed=seed) for each in asked[1:])
    _write(replace(board, contrasts=pairs))
    return replace(outcome, contrasts=pairs)


def whole(outcome: Outcome, say: Callable[[str], None] = lambda line: None) -> Outcome:
    """Return the outcome with earlier runs beside it: of the same task, version, hidden fields and data."""
    mine = {run.folder.resolve() for run in outcome.runs}
    others: list[Run] = []
    for folder in sorted(path for path in outcome.folder.iterdir() if path.is_dir() and path.resolve() not in mine):
        try:
            facts = read_facts(folder)
            if facts is None:
                continue
            differs = [said for name, said in _SAME.items() if facts.get(name) != _plain(outcome.runs[0].facts[name])]
            if differs:
                raise InputError(f"it is of {differs[0]}")
            if folder.name != folder_name(str(facts.get("model"))):
                raise InputError("it does not bear the name of its model")
            others.append(_checked(written(folder, outcome.runs[0].references), outcome.runs))
        except InputError as error:
            say(f"the board leaves out {folder.name}: {error}")
    named = {run.facts["model"] for run in outcome.runs} - outcome.controls
    controls = outcome.controls | ({run.facts["model"] for run in others} & set(outcome.task.controls) - named)
    runs = [*outcome.runs, *others]
    ordered = sorted(runs, key=lambda run: run.facts["model"] in controls)  # stable: models first, then controls
    return replace(outcome, runs=tuple(ordered), controls=frozenset(controls))


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def _checked(other: Run, runs: tuple[Run, ...]) -> Run:
    """The run without the scores that were made by another definition of a metric than those of this command."""
    ours = {name: line.scored.signature for run in runs for name, line in run.board.lines.items()}
    lines, missing = dict(other.board.lines), dict(other.board.missing)
    for name, line in other.board.lines.items():
        if ours.get(name, line.scored.signature) != line.scored.signature:
            del lines[name]
            missing[name] = f"scored by another definition, '{line.scored.signature}': score it anew with --resume"
    return replace(other, board=replace(other.board, lines=lines, missing=missing))


def _write(board: Outcome) -> None:
    write_json(board.folder / "board.json", record(board))
    write_page(board.folder / "report.html", board_page(board))
