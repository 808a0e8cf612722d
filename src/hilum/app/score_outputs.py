"""Scores on disk: scores.json, a row for each pair, and the page; each appears whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from math import isfinite
from pathlib import Path
from typing import Any

from hilum import RESEARCH_USE, __version__
from hilum.app.score import Choices, Outcome
from hilum.app.score_files import Joined
from hilum.app.score_page import Names, page
from hilum.io.save import save_text
from hilum.measure.metric import Metric


def write(outcome: Outcome, out: Path, names: Names, choices: Choices) -> tuple[Path, ...]:
    """Write scores.json, rows.jsonl and report.html.

    Args:
        outcome: what scoring came to.
        out: folder.
        names: of the reference, the candidate and its rival ('' where there is none).
        choices: how.

    Returns:
        The files written.

    Raises:
        InputError: if the folder cannot be written.
    """
    told = json.dumps(record(outcome, names, choices), indent=1, ensure_ascii=False, allow_nan=False)
    rows = "".join(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n" for row in rows_of(outcome))
    shown = page(outcome, names)  # all made before the first is saved: a fault leaves no half of a result
    return (
        save_text(told + "\n", out / "scores.json"),
        save_text(rows, out / "rows.jsonl"),
        save_text(shown, out / "report.html"),
    )


def record(outcome: Outcome, names: Names, choices: Choices) -> dict[str, Any]:
    """Return the run as one JSON object: every metric with its interval, signature and what it is blind to."""
    joined = outcome.joined
    made = {
        "caution": RESEARCH_USE, "hilum": __version__, "reference": names[0], "candidate": names[1],
        "section": joined.section, "seed": choices.seed, "replicates": choices.replicates,
        "pairs": {kind: len(p) for kind, p in (("report", joined.reports), ("study", joined.studies)) if p is not None},
        "only_in_reference": list(joined.only_reference), "only_in_candidate": list(joined.only_candidate),
        "not_used": [{"side": side, "id": name, "reason": reason} for side, name, reason in joined.failed],
        "notes": list(joined.notes), "metrics": measured(outcome), "unscored": dict(outcome.failed),
        "seconds": round(outcome.seconds, 3),
    }  # fmt: skip
    if outcome.other is not None:
        rival = outcome.other
        made["compared_with"] = {
            "candidate": names[2], "metrics": measured(rival), "unscored": dict(rival.failed),
            "only_in_candidate": list(rival.joined.only_candidate),
            "only_in_reference": list(rival.joined.only_reference),
            "not_used": [{"side": side, "id": name, "reason": reason} for side, name, reason in rival.joined.failed],
        }  # fmt: skip
        made["differences"] = [plain(vars(each)) for each in outcome.compared]
    if outcome.audit is not None:
        made["audit"] = plain(outcome.audit.record())
    return made


def measured(outcome: Outcome) -> dict[str, dict[str, Any]]:
    """Return name -> value, interval, direction, range, signature, how many pairs were scored, and known blindness."""
    found = {}
    for each in outcome.chosen:
        if each.name not in outcome.scored:
            continue
        scored, interval = outcome.scored[each.name], outcome.intervals[each.name]
        found[each.name] = {
            "value": plain(interval.value), "low": plain(interval.low), "high": plain(interval.high),
            "scored": len(scored.values) - len(scored.unscored), "unscored": len(scored.unscored),
            **about(each), "signature": scored.signature, "remarks": list(scored.remarks),
        }  # fmt: skip
    return found


def about(each: Metric) -> dict[str, Any]:
    """Return what a reader must know of a metric: direction, unit, range, version, needs, and what it is blind to."""
    from hilum.measure.blind import audited, blindness, drowned

    return {
        "better": each.better, "unit": each.unit, "range": plain(each.range), "version": each.version,
        "needs": each.needs, "blind_to": list(blindness(each.name)), "drowned": list(drowned(each.name)),
        "audited": audited(each.name), "ideal": plain(each.ideal),
    }  # fmt: skip


def rows_of(outcome: Outcome) -> Iterator[dict[str, Any]]:
    """Yield a row for each pair: its value under every metric, why it has none, and the evidence."""
    for kind in ("report", "study"):
        pairs = _pairs(outcome.joined, kind)
        if pairs is None:
            continue
        scored = {
            m.name: outcome.scored[m.name] for m in outcome.chosen if m.takes == kind and m.name in outcome.scored
        }
        for number, name in enumerate(pairs.ids):
            yield {
                "id": name,
                "patient": pairs.patients[number],
                "takes": kind,
                "values": {metric: plain(float(each.values[number])) for metric, each in scored.items()},
                "unscored": {m: each.unscored[number] for m, each in scored.items() if number in each.unscored},
                "notes": {m: plain(each.notes[number]) for m, each in scored.items() if len(each.notes) > number},
            }


def _pairs(joined: Joined, kind: str) -> Any:
    return joined.reports if kind == "report" else joined.studies


def plain(value: Any) -> Any:
    """Return a value as JSON holds it; what is not finite is null."""
    if hasattr(value, "_asdict"):
        value = value._asdict()
    elif hasattr(value, "__dataclass_fields__"):
        value = {name: getattr(value, name) for name in value.__dataclass_fields__}
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(each) for each in value]
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, float):
        return value if isfinite(value) else None
    return value if isinstance(value, (str, int, bool, type(None))) else str(value)
