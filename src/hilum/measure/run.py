"""Run a task: hide, ask, write down, score. Errors are rows; a run that was stopped goes on where it was."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import Any

from hilum import RESEARCH_USE, __version__
from hilum.core.errors import HilumError, InputError, MissingError
from hilum.core.study import Study
from hilum.measure.asking import Model, added, answer_of, check_fits, digest, light, load_model, record_of
from hilum.measure.boards import Board, score
from hilum.measure.log import (
    FACTS,
    ROWS,
    SCORES,
    Row,
    cut_to_whole_lines,
    line_of,
    machine,
    made,
    read_facts,
    read_rows,
    write_json,
)
from hilum.measure.task import Task, find_task, load_files, plugin_file, plugin_files

PROBED = 5
"""Studies after which the time of the rest is estimated."""
_SAME = ("task", "task_version", "hide", "model", "model_source", "seed", "settings")
OnRow = Callable[[Row, int, int], None]
OnEstimate = Callable[[float, int], None]


def _silent(*_: object) -> None:
    """Tell nobody."""


@dataclass(frozen=True)
class Run:
    """A finished run.

    Args:
        folder: where it was written.
        facts: as in run.json.
        rows: one for each study, in the order of the cohort.
        references: the studies with nothing hidden, films not decoded.
        board: the scores.
    """

    folder: Path
    facts: Mapping[str, Any]
    rows: tuple[Row, ...]
    references: tuple[Study, ...]
    board: Board


def read_studies(task: Task, root: str | Path | None = None, *, limit: int = 0) -> tuple[Study, ...]:
    """Return the studies of a task with films not decoded.

    Args:
        task: whose cohort to read.
        root: folder of the data.
        limit: how many, 0 for all.

    Raises:
        InputError: if there is none, or an id stands twice.
        MissingError: if the data are not there.
    """
    found = tuple(map(light, islice(task.open(root), limit or None)))
    if not found:
        raise InputError(f"the cohort of '{task.name}' has no study{f' in {root}' if root else ''}: nothing to run")
    seen: set[str] = set()
    for study in found:
        if study.id in seen:
            raise InputError(f"the study '{study.id}' stands twice in the cohort of '{task.name}': ids must be unique")
        seen.add(study.id)
    return found


def fingerprint(digests: Sequence[str]) -> str:
    """Return the hash of a cohort: of its studies' ids, patients and hidden fields, in order."""
    return blake2b("\n".join(digests).encode(), digest_size=16).hexdigest()


def run(
    task: Task, model: str | Model, out: str | Path, *, root: str | Path | None = None, seed: int = 0, limit: int = 0,
    resume: bool = False, settings: Mapping[str, str] | None = None, on_row: OnRow = _silent,
    on_estimate: OnEstimate = _silent,
) -> Run:  # fmt: skip
    """Run one model on a task and write run.json, studies.jsonl and scores.json.

    Args:
        task: what is hidden from whom, and how it is scored.
        model: registered name, FILE.py:name, or a loaded model.
        out: folder of this run.
        root: folder of the data.
        seed: of the model's draws and of the bootstrap.
        limit: first studies only, 0 for all.
        resume: keep the rows of an earlier run of the same task, model and seed; failed ones are asked again.
        settings: of the task, as they were chosen; written down.
        on_row: called with each row, its number and the number of all.
        on_estimate: called once with the seconds that are left, and the number of studies that are left.

    Raises:
        InputError: if the model does not fit the task, the folder cannot be written, or what is there is another run.
        MissingError: if data, or what the model needs, are not there.
    """
    asked = load_model(model, seed=seed) if isinstance(model, str) else model
    check_fits(task, asked)
    references = read_studies(task, root, limit=limit)
    digests = [digest(study, task.hide) for study in references]
    folder, began = made(Path(out)), time.time()
    facts = {
        "task": task.name, "task_version": task.version, "hide": list(task.hide), "metrics": list(task.metrics),
        "settings": dict(settings or {}), "data": None if root is None else str(Path(root).resolve()), "limit": limit,
        "model": asked.name, "model_source": asked.source, "model_file": plugin_file("model", asked.name),
        "plugins": plugin_files(task), "needs": list(asked.needs), "adds": list(asked.adds),
        "seed": seed, "hilum": __version__,
        "fingerprint": fingerprint(digests), "studies": len(references), "caution": RESEARCH_USE, **machine(),
        "started": datetime.now(UTC).isoformat(timespec="seconds"), "finished": None,
    }  # fmt: skip
    kept = _kept(folder, facts, dict(zip((s.id for s in references), digests, strict=True)), resume)
    earlier = (read_facts(folder) or {}).get("seconds", 0) if resume else 0
    write_json(folder / FACTS, facts)
    rows = _ask_all(task, asked, references, digests, folder / ROWS, kept, on_row, on_estimate)
    answers = answers_of(task, references, rows)
    board = score(task.metrics, references, answers, [row.error for row in rows], seed=seed)
    counts = {status: sum(row.status == status for row in rows) for status in ("done", "unanswered", "failed")}
    facts |= {
        "counts": counts, "made_by": _signers(answers), "seconds": round(earlier + time.time() - began, 2),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
    }  # fmt: skip
    head = {key: facts[key] for key in ("task", "task_version", "model", "seed", "fingerprint", "caution")}
    write_json(folder / SCORES, {**head, **board.record()})
    write_json(folder / FACTS, facts)  # last: what it calls finished is all there
    return Run(folder, facts, rows, references, board)


def answers_of(task: Task, references: Sequence[Study], rows: Sequence[Row]) -> tuple[Study | None, ...]:
    """Return the whole answers, from what the model saw and what it added; None where there is none."""
    return tuple(
        answer_of(reference.hide(*task.hide), row.answer) if row.answer is not None else None
        for reference, row in zip(references, rows, strict=True)
    )


def reopen(folder: str | Path, *, root: str | Path | None = None) -> tuple[Task, Run]:
    """Return a finished run with its task, its studies read anew and its answers scored anew.

    Args:
        folder: of the run.
        root: folder of the data where they have moved.

    Raises:
        InputError: if there is no finished run, its task has another version now, or its data or the plug-in file of
            its task have changed since or are gone.
        MissingError: if the data are not there.
    """
    place = Path(folder)
    facts = read_facts(place)
    if facts is None or not facts.get("finished"):
        what = "a run that did not finish: go on with --resume" if facts else "no run.json: give the folder of a run"
        raise InputError(f"{place} holds {what}")
    load_files(facts.get("plugins") or {}, place)
    task = find_task(facts["task"], {key: str(value) for key, value in facts["settings"].items()})
    if task.version != facts["task_version"]:
        raise InputError(
            f"{place} was run with version {facts['task_version']} of '{task.name}', which has version {task.version} "
            "now: run it anew"
        )
    references = read_studies(task, root or facts["data"], limit=facts["limit"])
    if fingerprint([digest(study, task.hide) for study in references]) != facts["fingerprint"]:
        raise InputError(f"the data of {place} have changed since it was run: run it anew")
    found = read_rows(place / ROWS)
    lost = [study.id for study in references if study.id not in found]
    if lost:
        raise InputError(f"{place / ROWS} has no row for the study '{lost[0]}': go on with --resume")
    rows = tuple(found[study.id] for study in references)
    answers = answers_of(task, references, rows)
    board = score(task.metrics, references, answers, [row.error for row in rows], seed=facts["seed"])
    return task, Run(place, facts, rows, references, board)


def written(folder: str | Path, references: Sequence[Study]) -> Run:
    """Return a finished run as it was written, nothing scored anew: to be shown beside others, not to be compared.

    Args:
        folder: of the run.
        references: the studies that it was run on, as `read_studies` gives them.

    Raises:
        InputError: if there is no finished run of these studies, or a file of it is damaged.
    """
    place = Path(folder)
    facts, scores = read_facts(place), read_facts(place, SCORES)
    if facts is None or scores is None or not facts.get("finished"):
        raise InputError("it holds a run that did not finish: go on with --resume")
    board, found = Board.read(scores), read_rows(place / ROWS)
    if board.ids != tuple(study.id for study in references) or not all(name in found for name in board.ids):
        raise InputError("its files are of different studies: run it anew")
    return Run(place, facts, tuple(found[name] for name in board.ids), tuple(references), board)


def _kept(folder: Path, facts: Mapping[str, Any], digests: Mapping[str, str], resume: bool) -> dict[str, Row]:
    """Rows of an earlier run that stand.

    Raises:
        InputError: if it was another run, or its data have changed since, or it waits to be resumed.
    """
    earlier, rows = read_facts(folder), folder / ROWS
    if not resume:
        if earlier is not None and not earlier.get("finished") and rows.is_file() and rows.stat().st_size:
            raise InputError(
                f"{folder} holds a run that did not finish: go on with --resume, or remove the folder to start anew"
            )
        rows.unlink(missing_ok=True)
        return {}
    if earlier is None:
        return {}
    for name in _SAME:
        if earlier.get(name) != facts[name]:
            raise InputError(
                f"cannot resume {folder}: it was run with {name.replace('_', ' ')} {_shown(earlier.get(name))}, this "
                f"is {_shown(facts[name])}; choose another folder with -o, or leave --resume out"
            )
    found = read_rows(rows)
    for row in found.values():
        if row.id in digests and row.reference != digests[row.id]:
            raise InputError(
                f"cannot resume {folder}: what is hidden of the study '{row.id}' has changed since; run the task anew"
            )
    cut_to_whole_lines(rows)
    return {row.id: row for row in found.values() if row.status != "failed" and row.id in digests}


def _shown(value: object) -> str:
    text = str(value)
    return f"{text[:12]}..." if len(text) == 64 else f"'{text}'"


def _ask_all(
    task: Task, model: Model, references: Sequence[Study], digests: Sequence[str], path: Path,
    kept: Mapping[str, Row], on_row: OnRow, on_estimate: OnEstimate,
) -> tuple[Row, ...]:  # fmt: skip
    rows: list[Row] = []
    spent, asked, left = 0.0, 0, len(references) - len(kept)
    with path.open("a", encoding="utf-8") as log:
        for reference, known in zip(references, digests, strict=True):
            row = kept.get(reference.id)
            if row is None:
                row = _ask(task, model, reference, known, first=not asked)
                log.write(line_of(row))
                log.flush()
                asked += 1
                spent += row.seconds if asked > 1 else 0.0  # the first one opens weights and tables
                if asked == PROBED and left > asked:
                    on_estimate(spent / (asked - 1) * (left - asked), left - asked)
            rows.append(row)
            on_row(row, len(rows), len(references))
    return tuple(rows)


def _ask(task: Task, model: Model, reference: Study, known: str, *, first: bool) -> Row:
    """Ask for one study; whatever goes wrong is its row, unless the very first tells that something is missing."""
    began = time.perf_counter()
    fresh = light(reference)  # pixels that the model decodes go when the row is done
    given = fresh.hide(*task.hide)
    error = ""
    record = None
    try:
        answer = model.call(given)
        record = None if answer is None else record_of(added(given, answer, fresh))
        error = "" if record is not None else "the model added nothing, not even its signature"
        status = "done" if record is not None else "unanswered"
    except MissingError as missing:
        if first:
            raise
        status, error = "failed", str(missing)
    except HilumError as foreseen:
        status, error = "failed", str(foreseen)
    except Exception as unforeseen:
        status, error = "failed", f"something unexpected went wrong ({type(unforeseen).__name__}: {unforeseen})"
    seconds = round(time.perf_counter() - began, 4)
    return Row(reference.id, reference.patient, status, seconds, known, record, error)  # type: ignore[arg-type]


def _signers(answers: Sequence[Study | None]) -> list[dict[str, str]]:
    """Who signed the answers, with versions and weight hashes where they told them."""
    seen = {
        signature.made_by for answer in answers if answer is not None for signature in answer.provenance[-1:]
    }  # fmt: skip
    return [
        {"name": by.name, "version": by.version, "sha256": by.sha256}
        for by in sorted(seen, key=lambda by: (by.name, by.version, by.sha256))
    ]
