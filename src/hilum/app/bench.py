"""`hilum bench`: run models and their controls on a task, show the scores, compare them."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hilum import RESEARCH_USE
from hilum.app.bench_page import advice, run_page, write_page
from hilum.app.interval_plot import shown
from hilum.core.errors import InputError
from hilum.measure.asking import check_fits, load_model
from hilum.measure.log import Row, made
from hilum.measure.run import Run, reopen, run
from hilum.measure.task import Task, find_task

if TYPE_CHECKING:
    from hilum.measure.contrast import Contrast
    from hilum.measure.significance import Compared

ROOTS = ("HILUM_DATA", "HILUM_PACK")
"""Environment variables that name the folder of data, the first that is set counts."""


@dataclass(frozen=True)
class Asked:
    """What was asked for.

    Args:
        task: registered name, or FILE.py:name.
        models: the same, in the order to show.
        out: folder that takes a folder for the task.
        data: root of the data.
        limit: first studies only, 0 for all.
        resume: go on where an earlier run stopped.
        settings: choices of the task.
        seed: of models and bootstrap.
        controls: run the task's controls beside.
        compare: every model against the first.
    """

    task: str
    models: tuple[str, ...]
    out: Path
    data: Path | None = None
    limit: int = 0
    resume: bool = False
    settings: Mapping[str, str] = field(default_factory=dict)
    seed: int = 0
    controls: bool = True
    compare: bool = False


@dataclass(frozen=True)
class Outcome:
    """What came of it: the runs, which of them are controls, the differences, and whether the folder was written."""

    task: Task
    folder: Path
    runs: tuple[Run, ...]
    controls: frozenset[str] = frozenset()
    contrasts: tuple[Contrast, ...] = ()
    written: bool = True


def data_root(given: Path | None) -> Path | None:
    """Return the folder of data: as given, else as the environment names it."""
    if given is not None:
        return given
    named = next((os.environ[name] for name in ROOTS if os.environ.get(name)), None)
    return Path(named) if named else None


def folder_name(name: str) -> str:
    """Return a name as a folder can have it: 'openi/findings' becomes 'openi-findings'."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip(".-") or "unnamed"


def bench(
    asked: Asked, *, say: Callable[[str], None] = lambda line: None,
    on_row: Callable[[Row, int, int], None] = lambda row, number, total: None,
) -> Outcome:  # fmt: skip
    """Run a benchmark and write one folder for each model, with its page; the board is `bench_board`'s.

    Args:
        asked: see `Asked`.
        say: told what begins, and how long it will take.
        on_row: called with each study that is done.

    Raises:
        InputError: if a name is unknown, a model does not fit, or a run cannot go on.
        MissingError: if data, or what a model needs, are missing.
    """
    task = find_task(asked.task, asked.settings)
    models = [load_model(name, seed=asked.seed) for name in asked.models]
    if not models:
        raise InputError(f"name the models to run on '{task.name}' with --model A,B; see 'hilum list models'")
    twice = {model.name for model in models if sum(other.name == model.name for other in models) > 1}
    if twice:
        raise InputError(f"the model '{min(twice)}' was named twice")
    names = {model.name for model in models}
    beside = [load_model(c, seed=asked.seed) for c in task.controls if asked.controls and c not in names]
    for model in (*models, *beside):
        check_fits(task, model)
    folder, root = made(asked.out / folder_name(task.name)), data_root(asked.data)
    runs = []
    for model in (*models, *beside):
        say(f"{task.name}: {model.name}{' (control)' if model in beside else ''}")

        def estimate(seconds: float, left: int) -> None:
            say(f"about {duration(seconds)} for the other {left:,} studies")

        runs.append(
            run(
                task, model, folder / folder_name(model.name), root=root, seed=asked.seed, limit=asked.limit,
                resume=asked.resume, settings=asked.settings, on_row=on_row, on_estimate=estimate,
            )
        )  # fmt: skip
        write_page(runs[-1].folder / "report.html", run_page(runs[-1]))
    return Outcome(task, folder, tuple(runs), frozenset(model.name for model in beside))


def compare_runs(first: Path, second: Path, *, data: Path | None = None, seed: int = 0) -> Outcome:
    """Compare two finished runs of one task.

    Raises:
        InputError: if they are not of the same task, version, data and metric definitions.
        MissingError: if their data are not there.
    """
    for folder in (first, second):
        if not folder.is_dir():
            raise InputError(f"there is no run in '{folder}': --compare without --model takes the folders of two runs")
    task, one = reopen(first, root=data)
    _, other = reopen(second, root=data)
    from hilum.measure.contrast import contrast

    made = contrast(task, other, one, seed=seed)
    return Outcome(task, second.parent, (one, other), frozenset(), (made,), written=False)


def record(outcome: Outcome) -> dict[str, Any]:
    """Return the outcome as `--json` prints it; values of single studies stay in the folders."""
    runs = [
        {
            "model": r.facts["model"], "control": r.facts["model"] in outcome.controls, "folder": str(r.folder),
            "counts": r.facts["counts"], "seconds": r.facts["seconds"],
            "metrics": {
                name: {k: v for k, v in line.record(r.board.ids).items() if k not in ("values", "notes", "unscored")}
                for name, line in r.board.lines.items()
            },
            "not_scored": dict(r.board.missing),
        }
        for r in outcome.runs
    ]  # fmt: skip
    first = outcome.runs[0]
    return {
        "task": outcome.task.name, "version": outcome.task.version, "out": str(outcome.folder),
        "studies": len(first.rows), "patients": len(set(first.board.patients)), "hidden": list(outcome.task.hide),
        "fingerprint": first.facts["fingerprint"], "runs": runs, "compared": list(outcome.contrasts),
        "caution": RESEARCH_USE,
    }  # fmt: skip


def summary(outcome: Outcome) -> str:
    """Return the closing lines: scores, differences, where it lies and what to do next."""
    task, first = outcome.task, outcome.runs[0]
    lines = [
        f"{task.name}, version {task.version}: {len(first.rows):,} studies of {len(set(first.board.patients)):,} "
        f"patients, hidden: {', '.join(task.hide)}"
    ]
    for each in outcome.runs:
        control = " (control)" if each.facts["model"] in outcome.controls else ""
        lines.append(f"\n{each.facts['model']}{control}: {each.board.answered:,} of {len(each.rows):,} answered")
        lines += [
            f"    {name:24} {shown(line.interval):26} {line.metric.better} is better, n = {line.count:,}"
            for name, line in each.board.lines.items()
        ]
        lines += [f"    {name:24} not scored: {why}" for name, why in each.board.missing.items()]
    lines += contrast_lines(outcome)
    lines += ["", f"Intervals are 95 %, over patients. {RESEARCH_USE}", f"Next: {advice(first)[0]}"]
    wrote = f"Wrote {outcome.folder / 'report.html'} and a folder for each model."
    return "\n".join([*lines, *([wrote] if outcome.written else [])])


def contrast_lines(outcome: Outcome) -> list[str]:
    """Return the differences, a line for each metric."""
    lines = []
    for pair in outcome.contrasts:
        if pair.reason:
            lines.append(f"\n{pair.first} minus {pair.second}: cannot be compared: {pair.reason}")
            continue
        lines.append(f"\n{pair.first} minus {pair.second}, on {pair.studies:,} studies that both answered:")
        for each in pair.compared:
            p = f"{each.p_holm:.4f}" if isfinite(each.p_holm) else "undefined"
            told = f"{shown(each.difference):26} p = {p} after Holm: {winner(pair, each)}"
            lines.append(f"    {each.metric:24} {told}")
    return lines


def winner(pair: Contrast, each: Compared) -> str:
    """Return which model is better by one metric, in words."""
    if pair.reason:
        return f"cannot be compared: {pair.reason}"
    if not isfinite(each.difference.value):
        return "undefined on these studies"
    if not isfinite(each.difference.low):
        return "too few patients to tell"
    if each.better == "neither":
        return "no difference shown"
    return f"{pair.first if each.better == 'first' else pair.second} is better"


def duration(seconds: float) -> str:
    """Return 'a second', '40 seconds', '12 minutes' or '3.5 hours', for an estimate."""
    if seconds < 90:
        return f"{round(seconds)} seconds" if seconds >= 1.5 else "a second"
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"
