"""A page to look before you read: how often each label is there, and the reports with their words marked."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from hilum.app.label_explain import by_sentence, marked
from hilum.app.label_rows import Reading
from hilum.app.label_run import Outcome
from hilum.app.markup import Html, element, join
from hilum.app.page_shell import document
from hilum.app.report_files import Source
from hilum.app.report_row import Row
from hilum.app.report_rows import Reader
from hilum.core.errors import HilumError
from hilum.core.vocabulary import label_set
from hilum.text.labels import Labels

SHOWN = 300  # reports on the page: a browser stays quick, and nobody reads more
_LONGEST = 20_000  # characters of a report that are shown
_STATES = {1: "present", -1: "uncertain", 0: "absent"}


def write_page(
    target: Path,
    sources: Iterable[Source],
    outcome: Outcome,
    reading: Reading,
    columns: Mapping[str, str] | None = None,
) -> Path:
    """Write the page of a finished run: counts of all its rows, and its first 300 reports.

    Args:
        target: the .html file.
        sources: what was labelled; read again, as rows do not hold the texts.
        outcome: of the run.
        reading, columns: as the run had them.

    Raises:
        OSError: if it cannot be written.
    """
    rows = _first(sources, reading, columns)
    partial = target.with_name(f".{target.name}.partial-{os.getpid()}")
    try:
        partial.write_text(page(rows, outcome, reading.label_set), encoding="utf-8", errors="replace")
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
    return target


def _first(
    sources: Iterable[Source], reading: Reading, columns: Mapping[str, str] | None
) -> list[tuple[Row, Labels | str]]:
    """The first reports with their labels, or with the reason why they have none."""
    reader, made = Reader(columns or {}), list[tuple[Row, Labels | str]]()
    for source in sources:
        for row in reader.rows(source):
            if len(made) == SHOWN:
                return made
            try:
                made.append((row, row.error or reading.label(row.text)))
            except HilumError as error:
                made.append((row, str(error)))
    return made


def page(rows: Sequence[tuple[Row, Labels | str]], outcome: Outcome, name: str) -> str:
    """Return the page as text.

    Args:
        rows: reports to show, each with its labels or the reason why it has none.
        outcome: whose counts head the page.
        name: the label set.
    """
    total = outcome.done + outcome.failed + outcome.skipped
    shown = f" Below: the first {len(rows):,}." if total > len(rows) else ""
    return document(
        "labels",
        f"Hilum labels: {name}",
        counts=f"{total:,} reports, {outcome.failures:,} failed.{shown}",
        totals=join(_totals(outcome, name, max(total - outcome.failures, 1))),
        rows=join(_report(row, labels) for row, labels in rows),
        label_set=name,
    )


def _totals(outcome: Outcome, name: str, reports: int) -> Iterator[Html]:
    for label in label_set(name).labels:
        counts = {cell: outcome.counts[label, cell] for cell in _STATES}
        if any(counts.values()):
            bars = [
                element("span", class_=f"share {state}", style=f"width: {100 * counts[cell] / reports:.2f}%")
                for cell, state in _STATES.items()
            ]
            cells = [element("td", f"{counts[cell]:,}", class_="count") for cell in _STATES]
            yield element("tr", element("th", label, scope="row"), *cells, element("td", *bars, class_="shares"))


def _report(row: Row, labels: Labels | str) -> Html:
    name = element("th", row.id, scope="row")
    if isinstance(labels, str):
        reason = element("td", element("span", "failed", class_="outcome failed"))
        return element("tr", name, element("td", element("p", labels, class_="sentence")), reason, class_="failed")
    order = sorted(labels.states.items(), key=lambda item: ("present", "uncertain", "absent").index(item[1]))
    chips = [element("span", label, class_=f"chip {state}", title=state) for label, state in order]
    none = element("span", "no label is mentioned", class_="empty") if not chips else None
    return element("tr", name, element("td", *_sections(labels)), element("td", *chips, none))


def _sections(labels: Labels) -> Iterator[Html]:
    """The report by section, each sentence with its findings and cues marked."""
    parsed, now, words = labels.parsed, "", list[object]()
    stated = by_sentence(parsed.facts)
    for start, end, section in parsed.sentences:
        if start > _LONGEST:
            words.append("...")
            break
        if section != now and words:
            yield _paragraph(now, words)
            words = []
        now = section
        facts = [fact for _, fact in stated.get((start, end), ())]
        rules = {(fact.start, fact.end): fact for fact in facts}
        at = start
        for piece in marked(parsed.text, start, end, facts):
            fact = rules.get((at, at + len(piece.text)))
            title = f"{fact.concept}: {fact.state}, {fact.certainty} · {fact.rule}" if fact else piece.style
            words.append(element("mark", piece.text, class_=piece.style, title=title) if piece.style else piece.text)
            at += len(piece.text)
        words.append(" ")
    if words:
        yield _paragraph(now, words)


def _paragraph(section: str, words: Sequence[object]) -> Html:
    head = element("b", f"{section} ", class_="section") if section not in ("", "body") else None
    return element("p", head, *words, class_="said")
