"""The page of a benchmark run: scores with intervals, best and worst cases, failures, and what to try next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hilum.app.interval_plot import Bar, plot, shown
from hilum.app.markup import Html, element, join
from hilum.app.page_shell import document
from hilum.core.record import from_json
from hilum.core.study import Study
from hilum.measure.boards import Line
from hilum.measure.run import Run

CASES = 5
_TOLD = ("findings", "report", "questions")
_LONGEST = 400  # characters of a text that a case shows


def run_page(run: Run) -> str:
    """Return the page of one run as text."""
    facts, board = run.facts, run.board
    counts = facts["counts"]
    head = (
        f"{len(run.rows):,} studies of {len(set(board.patients)):,} patients; hidden: {', '.join(facts['hide'])}. "
        f"{counts['done']:,} answered, {counts['unanswered']:,} unanswered, {counts['failed']:,} failed."
    )
    body = join((
        element("p", head, class_="counts"),
        _table(run),
        *_plots(run),
        *(part for line in board.lines.values() for part in _cases(run, line)),
        _failures(run),
        _next(run),
        _made(run),
    ))  # fmt: skip
    return document(
        "report", f"{facts['task']}: {facts['model']}", heading=facts["model"],
        label=f"on {facts['task']}, version {facts['task_version']}", body=body,
    )  # fmt: skip


def _table(run: Run) -> Html:
    heads = ("Metric", "Value [95 % interval over patients]", "Good is", "Studies scored", "Protocol")
    rows = []
    for name, line in run.board.lines.items():
        cells = (
            element("td", shown(line.interval), class_="count"), element("td", line.metric.better),
            element("td", f"{line.count:,} of {len(run.rows):,}", class_="count"),
            element("td", element("code", line.scored.signature)),
        )  # fmt: skip
        rows.append(element("tr", element("th", name, scope="row", title=line.metric.summary), *cells))
    for name, why in run.board.missing.items():
        rows.append(element("tr", element("th", name, scope="row"), element("td", f"not scored: {why}", colspan=4)))
    return table(heads, rows)


def table(heads: Sequence[str], rows: Sequence[Html]) -> Html:
    """Return a table of ready rows under its heads."""
    top = element("tr", *(element("th", head, scope="col") for head in heads))
    return element("table", element("thead", top), element("tbody", *rows))


def _plots(run: Run) -> Iterator[Html]:
    bars = [Bar(name, line.interval) for name, line in run.board.lines.items()]
    if bars:
        yield element("section", plot(bars))


def _cases(run: Run, line: Line) -> Iterator[Html]:
    """The worst and the best studies of one metric that has a value for each study."""
    values = np.asarray(line.scored.values)
    there = np.flatnonzero(np.isfinite(values))
    if not len(there):
        return
    sign = 1.0 if line.scored.better == "higher" else -1.0
    order = there[np.argsort(sign * values[there], kind="stable")]
    worst, best = list(order[:CASES]), list(order[::-1][: min(CASES, max(0, len(order) - CASES))])
    for title, numbers in (("Worst", worst), ("Best", best)):
        if numbers:
            heads = ("Study", line.metric.name, "Hidden from the model", "What the model added", "Evidence")
            rows = [_case(run, line, int(number)) for number in numbers]
            yield element("section", element("h2", f"{title} cases by {line.metric.name}"), table(heads, rows))


def _case(run: Run, line: Line, number: int) -> Html:
    row, notes = run.rows[number], line.scored.notes
    note = notes[number] if number < len(notes) else None
    answer = from_json(row.answer) if row.answer else None
    shown_to = told(run.references[number], [name for name in _TOLD if name not in run.facts["hide"]])
    seen = element("p", f"It saw: {shown_to}", class_="fine") if shown_to != "none" else None
    return element(
        "tr", element("th", row.id, scope="row"), element("td", f"{line.scored.values[number]:.3f}", class_="count"),
        element("td", told(run.references[number], run.facts["hide"]), seen),
        element("td", told(answer, _TOLD) if answer else "nothing"),
        element("td", _said(note)),
    )  # fmt: skip


def told(study: Study, fields: Sequence[str]) -> str:
    """Return the findings, report and questions of a study in one short text."""
    parts = []
    if "findings" in fields and study.findings:
        named = (
            f"{f.concept} {f.state}{'' if f.probability is None else f' {f.probability:.2f}'}" for f in study.findings
        )
        parts.append(", ".join(named))
    if "report" in fields and study.report is not None:
        parts.append(" ".join(filter(None, (study.report.findings, study.report.impression))))
    if "questions" in fields:
        parts += [f"{question.text}: {question.answer}" for question in study.questions]
    text = " | ".join(filter(None, parts)) or "none"
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}\u2026"


def _said(note: Any) -> str:
    if isinstance(note, dict):
        told = {key: ", ".join(map(str, v)) if isinstance(v, (list, tuple)) else v for key, v in note.items()}
        return "; ".join(f"{key}: {value}" for key, value in told.items() if value not in ("", None))
    return "" if note is None else str(note)[:_LONGEST]


def _failures(run: Run) -> Html | None:
    lost = [row for row in run.rows if row.status != "done"]
    if not lost:
        return None
    kinds = Counter((row.status, row.error) for row in lost)
    first = {(row.status, row.error): row.id for row in reversed(lost)}
    rows = []
    for (status, error), count in kinds.most_common(20):
        cells = (element("td", f"{count:,}", class_="count"), element("td", error), element("td", first[status, error]))
        rows.append(element("tr", element("th", status, scope="row"), *cells))
    heads = ("Status", "Studies", "Why", "The first")
    return element("section", element("h2", "Studies without an answer"), table(heads, rows))


def advice(run: Run) -> tuple[str, ...]:
    """Return what to try next, as sentences."""
    facts, lines = run.facts, []
    counts = facts["counts"]
    if counts["failed"]:
        lines.append(
            f"{counts['failed']:,} studies failed: mend the model and give the same command with --resume; only they "
            "are asked again."
        )
    if counts["unanswered"]:
        lines.append("Unanswered studies: a model that finds nothing should say so with study.add(findings=[]).")
    if run.board.answered < len(run.rows):
        lines.append("The scores are of answered studies only: compare models on the same ones with --compare.")
    if facts["limit"]:
        lines.append(f"Only the first {facts['limit']:,} studies were run: leave --limit out for all of them.")
    for name, line in run.board.lines.items():
        if not np.isfinite(line.interval.value):
            why = next(iter(line.scored.unscored.values()), "nothing could be counted")
            lines.append(f"{name} is undefined here ({why}): more studies, or another cohort, are needed.")
        elif not np.isfinite(line.interval.low):
            lines.append(f"{name} has no interval: too few patients have a value; more patients are needed.")
    lines.append("Read the worst cases first, then set the model against another: --model A,B --compare.")
    return tuple(lines)


def _next(run: Run) -> Html:
    return element("section", element("h2", "What to try next"), *(element("p", line) for line in advice(run)))


def _made(run: Run) -> Html:
    facts = run.facts
    signed = "; ".join(" ".join(filter(None, (m["name"], m["version"], m["sha256"][:12]))) for m in facts["made_by"])
    lines = (
        f"Data fingerprint {facts['fingerprint']}, seed {facts['seed']}, {facts['seconds']:,} s on {facts['cpus']} "
        f"processors, hilum {facts['hilum']}.",
        f"Answers signed by: {signed or 'nobody'}.",
        "Intervals: 95 %, bootstrap over patients. Values of each study: scores.json; answers: studies.jsonl.",
    )
    return element("section", *(element("p", line, class_="fine") for line in lines))


def write_page(path: Path, page: str) -> Path:
    """Write a page whole; the folder was found writable when the run began."""
    part = path.with_name(f".{path.name}.partial")
    part.write_text(page, encoding="utf-8", errors="replace")
    part.replace(path)
    return path
