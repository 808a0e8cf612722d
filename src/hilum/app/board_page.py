"""The page of a benchmark: all models and controls on each metric, and their differences."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

from hilum.app.bench import Outcome, winner
from hilum.app.bench_page import table
from hilum.app.interval_plot import Bar, figure, plot, shown
from hilum.app.markup import Html, element, join
from hilum.app.page_shell import document


def board_page(outcome: Outcome) -> str:
    """Return the page of a task with all its runs, as text."""
    task, first = outcome.task, outcome.runs[0]
    said = (
        f"{len(first.rows):,} studies of {len(set(first.board.patients)):,} patients; hidden from the models: "
        f"{', '.join(task.hide)}."
    )
    body = join((element("p", said, class_="counts"), _models(outcome), *_metrics(outcome), *_differences(outcome)))
    return document("report", task.name, heading=task.name, label=f"version {task.version}", body=body)


def _models(outcome: Outcome) -> Html:
    rows = []
    for run in outcome.runs:
        name, counts = run.facts["model"], run.facts["counts"]
        control = name in outcome.controls
        told = ", ".join(f"{counts[status]:,} {status}" for status in ("done", "unanswered", "failed"))
        cells = (
            element("th", element("a", name, href=f"./{quote(run.folder.name)}/report.html"), scope="row"),
            element("td", "control" if control else "model"),
            element("td", told),
            element("td", f"{run.facts['seconds']:,} s", class_="count"),
        )  # fmt: skip
        rows.append(element("tr", *cells, class_="control" if control else None))
    return table(("Model", "Part", "Studies", "Time"), rows)


def _metrics(outcome: Outcome) -> Iterator[Html]:
    for name in outcome.task.metrics:
        lines = [(run, run.board.lines[name]) for run in outcome.runs if name in run.board.lines]
        missing = [(run, run.board.missing[name]) for run in outcome.runs if name in run.board.missing]
        bars = [
            Bar(run.facts["model"], line.interval, run.facts["model"] in outcome.controls) for run, line in lines
        ]  # fmt: skip
        told = f"{lines[0][1].metric.better} is better" if lines else ""
        yield element(
            "section", element("h2", name, element("small", told)),
            element("p", lines[0][1].metric.summary) if lines else None, plot(bars) if bars else None,
            *(element("p", f"{run.facts['model']}: not scored: {why}") for run, why in missing),
        )  # fmt: skip


def _differences(outcome: Outcome) -> Iterator[Html]:
    for pair in outcome.contrasts:
        said = (
            f"Paired over the patients of the {pair.studies:,} studies that both answered; p by permutation of whole "
            "patients, or by the bootstrap where a metric is no mean of its studies; corrected after Holm."
        )
        rows = []
        for each in pair.compared:
            cells = (
                element("td", figure(each.first), class_="count"), element("td", figure(each.second), class_="count"),
                element("td", shown(each.difference), class_="count"),
                element("td", figure(each.p_holm, 4), class_="count"), element("td", winner(pair, each)),
            )  # fmt: skip
            rows.append(element("tr", element("th", each.metric, scope="row"), *cells))
        bars = [Bar(each.metric, each.difference) for each in pair.compared]
        yield element(
            "section", element("h2", f"{pair.first} minus {pair.second}"), element("p", said), plot(bars, zero=True),
            table(("Metric", pair.first, pair.second, "Difference", "p", "Which is better"), rows),
        )  # fmt: skip
