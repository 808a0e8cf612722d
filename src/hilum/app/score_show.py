"""What a person sees of scores in the terminal: a bar while they are made, then a table with intervals."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import isnan
from pathlib import Path

from hilum import RESEARCH_USE
from hilum.app.score import Outcome
from hilum.app.score_files import told
from hilum.measure.metric import Metric
from hilum.measure.stats import Interval

ARROWS = {"higher": "↑", "lower": "↓"}


def arrow(each: Metric) -> str:
    """Return which way is good: up, down, or towards a value of the metric's own."""
    return ARROWS[each.better] if each.ideal is None or isnan(each.ideal) else "→"


def interval(found: Interval) -> str:
    """Return 'value [low, high]', or 'undefined' where there is no value."""
    if isnan(found.value):
        return "undefined"
    spread = "[interval undefined]" if isnan(found.low) else f"[{found.low:.3f}, {found.high:.3f}]"
    return f"{found.value:.3f} {spread}"


def table(outcome: Outcome) -> list[str]:
    """Return the table: metric, direction, value with interval, and how many pairs have a value."""
    width = max([len(each.name) for each in outcome.chosen] + [6])
    pairs = {len(scored.values) for scored in outcome.scored.values()}
    lines = [f"{'metric':{width}}   {'value [95 % interval]':24} {'pairs':>6}"]
    for each in outcome.chosen:
        if each.name in outcome.failed:
            lines.append(f"{each.name:{width}}   unscored: {outcome.failed[each.name]}")
        elif each.name in outcome.scored:
            scored = outcome.scored[each.name]
            count = len(scored.values) - len(scored.unscored)
            short = "" if pairs == {count} else f" of {len(scored.values)}"
            said = interval(outcome.intervals[each.name])
            why = f"   {next(iter(scored.unscored.values()))}" if not count and scored.unscored else ""
            lines.append(f"{each.name:{width}} {arrow(each)} {said:24} {count:>6}{short}{why}")
    return lines


def differences(outcome: Outcome, names: tuple[str, str]) -> list[str]:
    """Return the paired differences: first minus second, with p after Holm's correction."""
    if not outcome.compared:
        return []
    width = max(len(each.metric) for each in outcome.compared)
    lines = ["", f"{names[0]} minus {names[1]}, paired over patients; p after Holm's correction"]
    lines.append(f"{'metric':{width}} {'difference [95 % interval]':28} {'p (Holm)':>9}  better")
    for each in outcome.compared:
        better = {"first": names[0], "second": names[1]}.get(each.better, "neither shown")
        if each.items[0] != each.items[1]:
            better += f"   (values of {each.items[0]} and {each.items[1]} pairs)"
        p = "" if isnan(each.p_holm) else f"{each.p_holm:.4f}"
        lines.append(f"{each.metric:{width}} {interval(each.difference):28} {p:>9}  {better}")
    return lines


def summary(outcome: Outcome, written: Sequence[Path], names: tuple[str, str, str]) -> str:
    """Return all that the command prints.

    Args:
        outcome: what scoring came to.
        written: files.
        names: of reference, candidate and the file it was compared with ('' where there is none).
    """
    count = max((len(scored.values) for scored in outcome.scored.values()), default=0)
    lines = [f"{names[1]} against {names[0]}: {count} pairs, part: {outcome.joined.section}", *table(outcome)]
    if outcome.other is not None:
        lines += ["", f"{names[2]} against {names[0]}:", *table(outcome.other), *differences(outcome, names[1:])]
    if outcome.audit is not None:
        lines += ["", "Audit of these metrics on these references:", *outcome.audit.lines()]
    lines += ["", *(f"note: {line}" for line in told(outcome.joined))]
    lines += [
        f"↑ higher, ↓ lower, → nearest to its ideal is better. Labels and graphs are by Hilum's rules. {RESEARCH_USE}",
        f"Wrote {', '.join(str(path) for path in written)}. {_next(outcome, written)}",
    ]
    return "\n".join(lines)


def _next(outcome: Outcome, written: Iterable[Path]) -> str:
    page = next((path for path in written if path.suffix == ".html"), None)
    more = "--audit shows what each metric is blind to" if outcome.audit is None else "--compare OTHER.csv adds a rival"
    return f"Next: open {page} for the worst cases; {more}." if page else f"Next: {more}."
