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
from hilum.measure.pairs import parsed
from hilum.measure.scored import Scored
from hilum.measure.stats import Interval

Names = tuple[str, str, str]
SHOWN = 60  # pairs on the page
FIRST = ("finding-f1", "graph-f1/partial", "rouge-l", "bleu-4")  # what worst cases are sorted by: the first there is
_ERRORS = 12  # of a pair that are listed
_STYLES = {"false finding": "uncertain", "omission": "absent"}
_LONGEST = 6_000  # characters of a report that are shown
_ARROWS = {"higher": "↑", "lower": "↓"}


def page(outcome: Outcome, names: Names) -> str:
    """Return the page as text.

    Args:
        outcome: what scoring came to.
        names: of the reference, the candidate and its rival ('' where there is none).
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
        protocols=_protocols(outcome),
        rivals=_rivals(outcome, names),
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
    for each in outcome.chosen:
        name = element("th", each.name, scope="row", title=each.summary)
        if each.name in outcome.failed:
            yield element(
                "tr", name, element("td", f"unscored: {outcome.failed[each.name]}", colspan="6"), class_="failed"
            )
        elif each.name in outcome.scored:
            scored, found = outcome.scored[each.name], outcome.intervals[each.name]
            blind = _blind(each.name)
            cells = [element("td", text, class_="count") for text in (_arrow(each), *_numbers(found))]
            count = element("td", f"{len(scored.values) - len(scored.unscored):,}", class_="count")
            bar = element("td", _bar(each, found), class_="shares")
            said = element("p", "; ".join(scored.remarks), class_="empty") if scored.remarks else None
            yield element("tr", name, *cells, count, bar, element("td", blind, said, class_="blind"))


def _blind(name: str) -> str:
    from hilum.measure.blind import audited, blindness, drowned

    if not audited(name):
        return "not audited"
    parts = [
        ", ".join(blindness(name)),
        f"drowned by a paraphrase: {', '.join(drowned(name))}" if drowned(name) else "",
    ]
    return "; ".join(part for part in parts if part) or "–"


def _arrow(each: Metric) -> str:
    return _ARROWS[each.better] if each.ideal is None or isnan(each.ideal) else f"→ {each.ideal:g}"


def _protocols(outcome: Outcome) -> Html:
    """The signature of every number, folded away."""
    lines = [element("li", element("code", scored.signature)) for scored in outcome.scored.values()]
    title = element("summary", "Protocol of each number: only numbers of one signature may be compared")
    return element("details", title, element("ul", *lines), class_="signature")


def _numbers(found: Interval) -> tuple[str, str]:
    if isnan(found.value):
        return "undefined", "–"
    return _three(found.value), "–" if isnan(found.low) else f"{found.low:.3f} – {found.high:.3f}"


def _bar(each: Metric, found: Interval) -> Html | None:
    """A line from low to high with a mark at the value, on the metric's own range."""
    low, high = each.range
    if isnan(found.value) or not (np.isfinite(low) and np.isfinite(high)) or high <= low:
        return None
    ends = [found.low, found.high] if not isnan(found.low) else [found.value, found.value]
    at = [100 * (min(max(value, low), high) - low) / (high - low) for value in (*ends, found.value)]
    line = element("span", class_="range", style=f"left: {at[0]:.2f}%; width: {max(at[1] - at[0], 0.5):.2f}%")
    return element("span", line, element("span", class_="point", style=f"left: {at[2]:.2f}%"), class_="scale")


def _rivals(outcome: Outcome, names: Names) -> Html:
    if not outcome.compared or outcome.other is None:
        return Html("")
    rows = []
    for each in outcome.compared:
        better = {"first": names[1], "second": names[2]}.get(each.better, "not shown")
        p = "–" if isnan(each.p_holm) else f"{each.p_holm:.4f}"
        counts = "" if each.items[0] == each.items[1] else f" (pairs with a value: {each.items[0]}, {each.items[1]})"
        better += counts
        texts = (_three(each.first), _three(each.second), *_numbers(each.difference), p, better)
        cells = [element("td", text, class_="count") for text in texts]
        rows.append(element("tr", element("th", each.metric, scope="row"), *cells))
    titles = ("Metric", names[1], names[2], "Difference", "95 % interval", "p (Holm)", "Better")
    heads = [element("th", head, scope="col") for head in titles]
    title = element("h2", f"{names[1]} against {names[2]}, paired over patients")
    table = element("table", element("thead", element("tr", *heads)), element("tbody", *rows, class_="sums"))
    return join([title, table])


def _three(value: float) -> str:
    return "undefined" if isnan(value) else f"{value:.3f}"


def _audit(outcome: Outcome) -> Html:
    if outcome.audit is None:
        return Html("")
    return join([element("h2", "What these metrics see: the audit"), Html(outcome.audit.html())])


def _pair(outcome: Outcome, number: int) -> Html:
    pairs = outcome.joined.reports
    if pairs is None:
        return Html("")
    found, both = _errors(outcome, number), parsed(pairs)
    texts = [
        element("td", element("p", *_marked(side[number].text, found, role), class_="said"))
        for role, side in (("reference", both[0]), ("answer", both[1]))
    ]
    listed = element("ul", *(element("li", *_told(error)) for error in found[:_ERRORS]), class_="errors")
    more = element("p", f"and {len(found) - _ERRORS} more", class_="empty") if len(found) > _ERRORS else None
    values = [
        element("span", f"{name} {scored.values[number]:.2f} ", class_="value")
        for name, scored in outcome.scored.items()
        if _shown(outcome, name, scored, number)
    ]
    return element(
        "tr", element("th", pairs.ids[number], scope="row"), *texts, element("td", listed, more, element("p", *values))
    )  # fmt: skip


def _shown(outcome: Outcome, name: str, scored: Scored, number: int) -> bool:
    takes = next(each.takes for each in outcome.chosen if each.name == name)
    return takes == "report" and name in FIRST and bool(np.isfinite(scored.values[number]))


def _errors(outcome: Outcome, number: int) -> Sequence[Mapping[str, Any]]:
    """The disagreements that finding-f1 found in a pair."""
    scored = outcome.scored.get("finding-f1")
    note = scored.notes[number] if scored is not None and len(scored.notes) > number else None
    return tuple(note.get("errors", ())) if isinstance(note, Mapping) else ()


def _told(error: Mapping[str, Any]) -> Iterator[object]:
    """'wrong side: pleural effusion, right → left', each half as it was said."""
    yield element("span", str(error["kind"]), class_="chip uncertain")
    said = [str(side["said"]) for side in (error["reference"], error["answer"]) if side]
    yield f" {error['concept']}: {' → '.join(said)}"


def _marked(said: str, errors: Sequence[Mapping[str, Any]], role: str) -> Iterator[object]:
    """The text with the words that disagree marked; those of another fault under the first one found."""
    shown = said[:_LONGEST]
    kinds = [""] * len(shown)
    for error in errors:
        for start, end in (error[role] or {}).get("spans", ()):
            for at in range(max(0, start), min(end, len(shown))):
                kinds[at] = kinds[at] or str(error["kind"])
    last = 0
    for at in range(1, len(shown) + 1):
        if at == len(shown) or kinds[at] != kinds[last]:
            words = shown[last:at]
            style = _STYLES.get(kinds[last], "present")
            yield element("mark", words, class_=style, title=kinds[last]) if kinds[last] else words
            last = at
    if len(said) > _LONGEST:
        yield "..."
    if not said:
        yield element("span", "empty", class_="empty")
