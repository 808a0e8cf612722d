"""What a parsed report says, as facts that can be compared: the proof that an edit changed what it meant to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from hilum.text.parse import Fact, Parsed

_GRADES = {"small": "mild", "large": "severe"}
_OWN = frozenset({"side", "zone", "severity", "extent", "change"})


class Said(NamedTuple):
    """One fact without the words and the place in the text that stated it; equal where two texts say the same.

    Args:
        concept, kind, state, certainty: as the parser has them.
        sides, zones: where.
        grade: 'mild', 'moderate', 'severe' ...; small is mild and large is severe.
        change: against an earlier film.
        sizes: (value, unit) of diameters.
        looks: all other attributes.
        history: said of the past.
    """

    concept: str
    kind: str
    state: str
    certainty: str
    sides: frozenset[str]
    zones: frozenset[str]
    grade: frozenset[str]
    change: frozenset[str]
    sizes: tuple[tuple[float, str], ...]
    looks: frozenset[tuple[str, str]]
    history: bool


def said(fact: Fact) -> Said:
    """Return what a fact says."""
    told = fact.attributes
    grade = {_GRADES.get(word, word) for word in (*told.get("severity", ()), *told.get("extent", ()))}
    looks = {(slot, value) for slot, values in told.items() if slot not in _OWN for value in values}
    return Said(
        fact.concept, fact.kind, fact.state, fact.certainty, frozenset(fact.sides), frozenset(fact.zones),
        frozenset(grade), frozenset(told.get("change", ())), fact.sizes, frozenset(looks), fact.history,
    )  # fmt: skip


def all_said(report: Parsed) -> Counter[Said]:
    """Return how often a report says each thing."""
    return Counter(map(said, report.facts))


def difference(before: Parsed, after: Parsed) -> tuple[Counter[Said], Counter[Said]]:
    """Return what is no longer said, and what is said anew."""
    old, new = all_said(before), all_said(after)
    return old - new, new - old


def without(items: Iterable[Said], *slots: str) -> Counter[Said]:
    """Return facts with some slots blanked, so that what differs in those alone compares equal."""
    blank = dict.fromkeys(slots, None)
    return Counter(item._replace(**blank) for item in items)  # type: ignore[arg-type]


def positive(fact: Fact | Said) -> bool:
    """Whether a fact states something that is, or may be, there: a finding, a device or hardware."""
    return fact.state != "absent" and fact.kind != "study"
