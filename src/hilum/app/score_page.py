"""The page of a scoring run: metrics with intervals, then the worst pairs with their disagreements marked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import isnan
from typing import Any

import numpy as np

from hilum.app.markup import Html, element, join
from hilum.app.page_shell import document
from hilum.app.score import Outcome
from hilum.app.score_files import told
from hilum.measure.metric import Metric
from hilum.measure.pairs import plain
from hilum.measure.scored import Scored
from hilum.measure.stats import Interval

SHOWN = 60  # pairs on the page
FIRST = ("finding-f1", "graph-f1/partial", "rouge-l", "bleu-4")  # what worst cases are sorted by: the first there is
_LONGEST = 6_000  # characters of a report that are shown
_ARROWS = {"higher": "↑", "lower": "↓"}


def page(outcome: Outcome, names: tuple[str, str]) -> str:
    """Return the page as text.

    Args:
        outcome: what scoring came to.
        names: of the reference and the candidate.
    """
    order, by = worst(outcome)
    reports = outcome.joined.reports
    count = len(reports) if reports is not None else max((len(s.values) for s in outcome.scored.values()), default=0)
    said = f" Below: the {len(order)} worst by {by}." if order else ""
    return document(
        "scores",
        f"Hilum scores: {names[1]}",
        counts=f"{names[1]} against {names[0]}: {count:,} pairs, part: {outcome.joined.section}.{said}",
        notes=join(element("li", line) for line in told(outcome.joined)),
        metrics=join(_metric_rows(outcome)),
        rivals=_rivals(outcome),
        audit=_audit(outcome),
        rows=join(_pair(outcome, number) for number in order),
    )


def worst(outcome: Outcome) -> tuple[list[int], str]:
    """Return the numbers of the worst report pairs, worst first, and the metric they are sorted by."""
    able = {each.name: each for each in outcome.chosen if each.takes == "report" and each.name in outcome.scored}
    name = next((each for each in (*FIRST, *able) if each in able), "")
    if not name:
        return [], ""
    values = outcome.scored[name].values
    there = np.flatnonzero(np.isfinite(values))
    sign = 1.0 if able[name].better == "higher" else -1.0
    return [int(row) for row in there[np.argsort(sign * values[there], kind="stable")][:SHOWN]], name


def _metric_rows(outcome: Outcome) -> Iterator[Html]:
    from hilum.measure.blind import blindness

    for each in outcome.chosen:
        name = element("th", each.name, scope="row", title=each.summary)
        if each.name in outcome.failed:
            yield element(
                "tr", name, element("td", f"unscored: {outcome.failed[each.name]}", colspan="5"), class_="failed"
            )
        elif each.name in outcome.scored:
            scored, found = outcome.scored[each.name], outcome.intervals[each.name]
            blind = ", ".join(blindness(each.name)) or "–"
            cells = [element("td", text, class_="count") for text in (_ARROWS[each.better], *_numbers(found))]
            count = element("td", f"{len(scored.values) - len(scored.unscored):,}", class_="count")
            bar = element("td", _bar(each, found), class_="shares")
            yield element(
                "tr", name, *cells, count, bar, element("td", blind, class_="blind"),
                element("td", element("code", scored.signature), class_="signature"),
            )  # fmt: skip


def _numbers(found: Interval) -> tuple[str, str]:
    if isnan(found.value):
        return "undefined", "–"
    return f"{found.value:.3f}", "–" if isnan(found.low) else f"{found.low:.3f} – {found.high:.3f}"


def _bar(each: Metric, found: Interval) -> Html | None:
    """A line from low to high with a mark at the value, on the metric's own range."""
    low, high = each.range
    if isnan(found.value) or not (np.isfinite(low) and np.isfinite(high)) or high <= low:
        return None
    ends = [found.low, found.high] if not isnan(found.low) else [found.value, found.value]
    at = [100 * (min(max(value, low), high) - low) / (high - low) for value in (*ends, found.value)]
    line = element("span", class_="range", style=f"left: {at[0]:.2f}%; width: {max(at[1] - at[0], 0.5):.2f}%")
    return element("span", line, element("span", class_="point", style=f"left: {at[2]:.2f}%"), class_="scale")


def _rivals(outcome: Outcome) -> Html:
    if not outcome.compared:
        return Html("")
    rows = []
    for each in outcome.compared:
        better = {"first": "this", "second": "the other"}.get(each.better, "not shown")
        p = "–" if isnan(each.p_holm) else f"{each.p_holm:.4f}"
        cells = [element("td", text, class_="count") for text in (*_numbers(each.difference), p, better)]
        rows.append(element("tr", element("th", each.metric, scope="row"), *cells))
    heads = [
        element("th", head, scope="col") for head in ("Metric", "Difference", "95 % interval", "p (Holm)", "Better")
    ]
    title = element("h2", "Against the other candidate, paired over patients")
    table = element("table", element("thead", element("tr", *heads)), element("tbody", *rows, class_="sums"))
    return join([title, table])


def _audit(outcome: Outcome) -> Html:
    if outcome.audit is None:
        return Html("")
    return join([element("h2", "What these metrics see: the audit"), Html(outcome.audit.html())])


def _pair(outcome: Outcome, number: int) -> Html:
    pairs = outcome.joined.reports
    if pairs is None:
        return Html("")
    found = _errors(outcome, number)
    texts = [
        element("td", element("p", *_marked(plain(said), found, side), class_="said"))
        for side, said in (("reference", pairs.references[number]), ("answer", pairs.answers[number]))
    ]
    chips = [element("span", _told(error), class_="chip uncertain") for error in found[:12]]
    values = [
        element("span", f"{name} {scored.values[number]:.2f} ", class_="value")
        for name, scored in outcome.scored.items()
        if _shown(outcome, name, scored, number)
    ]
    return element(
        "tr", element("th", pairs.ids[number], scope="row"), *texts, element("td", *chips, element("p", *values))
    )


def _shown(outcome: Outcome, name: str, scored: Scored, number: int) -> bool:
    takes = next(each.takes for each in outcome.chosen if each.name == name)
    return takes == "report" and name in FIRST and np.isfinite(scored.values[number])


def _errors(outcome: Outcome, number: int) -> Sequence[Mapping[str, Any]]:
    """The disagreements that finding-f1 found in a pair."""
    scored = outcome.scored.get("finding-f1")
    if scored is None or len(scored.notes) <= number:
        return ()
    note = scored.notes[number]
    errors = note.get("errors", ()) if isinstance(note, Mapping) else note
    return tuple(each for each in errors or () if isinstance(each, Mapping))


def _told(error: Mapping[str, Any]) -> str:
    return f"{error.get('kind', 'differs')}: {error.get('concept', '')}"


def _marked(said: str, errors: Sequence[Mapping[str, Any]], side: str) -> Iterator[object]:
    """The text with the words that disagree marked."""
    shown = said[:_LONGEST]
    styles = [""] * len(shown)
    for error in errors:
        span = error.get(f"{side}_span")
        if span:
            for at in range(max(0, span[0]), min(span[1], len(shown))):
                styles[at] = str(error.get("kind", "differs"))
    last = 0
    for at in range(1, len(shown) + 1):
        if at == len(shown) or styles[at] != styles[last]:
            words = shown[last:at]
            yield element("mark", words, class_="present", title=styles[last]) if styles[last] else words
            last = at
    if len(said) > _LONGEST:
        yield "..."
    if not said:
        yield element("span", "empty", class_="empty")
