"""Every disagreement of two reports as a row: its kind, the words, and the characters in both texts."""

from __future__ import annotations

from typing import Any, Literal

from hilum.measure.fact_match import Compared, compared, unmatched
from hilum.measure.facts import Stated
from hilum.measure.pairs import ReportPairs, parsed

Kind = Literal[
    "false finding", "omission", "wrong state", "wrong side", "wrong severity", "wrong change", "wrong place",
    "wrong size", "near finding",
]  # fmt: skip
_NAMES = {"side": "wrong side", "severity": "wrong severity", "change": "wrong change", "place": "wrong place",
          "size": "wrong size"}  # fmt: skip


def disagreements(pairs: ReportPairs) -> tuple[dict[str, Any], ...]:
    """Return for each pair its errors as JSON-ready rows, in the order of the texts; made once for all metrics.

    A row holds `kind` (see `Kind`), `concept`, and for `reference` and `answer` either None or `concept`, `state`,
    `said` (the value of the attribute in question, 'not said' where it is not), `words` and `spans` (characters
    [start, end) of the report as parsed). Beside the errors stand the matched findings with their credit.
    """

    def all_of(given: ReportPairs) -> tuple[dict[str, Any], ...]:
        texts = zip(*parsed(given), strict=True)
        return tuple(_told(c, r.text, a.text) for c, (r, a) in zip(compared(given), texts, strict=True))

    return pairs.once("disagreements", all_of)


def _told(pair: Compared, reference: str, answer: str) -> dict[str, Any]:
    errors: list[dict[str, Any]] = []
    alone = unmatched(pair)
    matched: list[dict[str, Any]] = []

    def row(kind: str, one: Stated | None, other: Stated | None, part: str = "") -> None:
        first, second = _side(one, reference, part), _side(other, answer, part)
        errors.append({"kind": kind, "concept": (one or other or pair.references[0]).concept, "reference": first,
                       "answer": second})  # fmt: skip

    for match in pair.matches:
        one, other = pair.references[match.reference], pair.answers[match.answer]
        matched.append({"reference": one.concept, "answer": other.concept, "credit": match.credit})
        if match.state < 1.0:
            row("wrong state", one, other, "state")
        if match.likeness < 1.0 and match.state > 0.0:
            row("near finding", one, other, "concept")
        for part, agreement in match.parts.items():
            if agreement < 1.0:
                row(_NAMES[part], one, other, part)
    for item in alone[0]:
        row("omission", item, None, "state")
    for item in alone[1]:
        row("false finding", None, item, "state")
    errors.sort(key=_place)
    return {"errors": errors, "matches": matched}


def _side(item: Stated | None, text: str, part: str) -> dict[str, Any] | None:
    if item is None:
        return None
    return {
        "concept": item.concept,
        "state": item.state,
        "said": _said(item, part),
        "words": " ... ".join([text[start:end] for start, end in item.spans]),
        "spans": [list(s) for s in item.spans],
    }


def _said(item: Stated, part: str) -> str:
    if part in ("state", "concept"):
        return item.state if part == "state" else item.concept
    said = {
        "side": " and ".join(sorted(item.sides, reverse=True)), "change": item.change,
        "severity": "" if item.grade is None else grade_name(item.grade),
        "place": " and ".join(sorted(item.regions)), "size": "" if item.size_mm is None else f"{item.size_mm:g} mm",
    }  # fmt: skip
    return said[part] or "not said"


def grade_name(grade: float) -> str:
    """Return a grade in words: 'mild', 'mild to moderate' ..."""
    names = {0.5: "borderline", 1.0: "mild", 1.5: "mild to moderate", 2.0: "moderate", 2.5: "moderate to severe",
             3.0: "severe"}  # fmt: skip
    return names.get(grade, f"{grade:g}")


def _place(error: dict[str, Any]) -> tuple[int, int, str]:
    first = [error[side]["spans"][0][0] if error[side] else 1_000_000 for side in ("reference", "answer")]
    return first[0], first[1], error["kind"]
