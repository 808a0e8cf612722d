"""References beside answers, in one order, with what metrics have made of them kept for the next metric."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from math import isnan
from typing import Any, Generic, TypeVar

from hilum.core.errors import InputError
from hilum.core.report import SECTIONS, Report
from hilum.text.graph import Graph, graph
from hilum.text.labels import label_parsed
from hilum.text.parse import LONGEST_REPORT, Parsed, parse

T = TypeVar("T")
Made = TypeVar("Made")
Text = str | Mapping[str, str] | Report


@dataclass(frozen=True, eq=False)
class Pairs(Generic[T]):
    """References and answers to score.

    Args:
        references: what is right.
        answers: what was said, one for each reference; None where there is none (NaN is read as None on both sides).
        ids: of each pair; numbers where none are given.
        patients: who each belongs to; each pair its own patient where none are given.

    Raises:
        InputError: if the lists differ in length, are empty, or an id repeats.
    """

    references: tuple[T, ...]
    answers: tuple[T | None, ...]
    ids: tuple[str, ...] = ()
    patients: tuple[str, ...] = ()
    _made: dict[Hashable, Any] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        count = len(self.references)
        for name in ("references", "answers"):
            object.__setattr__(self, name, tuple(_given(each) for each in getattr(self, name)))
        ids = tuple(self.ids) or tuple(str(number) for number in range(count))
        for name, given in (("ids", ids), ("patients", tuple(self.patients) or ids)):
            object.__setattr__(self, name, given)
        for name in ("answers", "ids", "patients"):
            if len(getattr(self, name)) != count:
                raise InputError(f"{count} references but {len(getattr(self, name))} {name}: give one for each")
        if not count:
            raise InputError("there is nothing to score: no pair of a reference and an answer was given")
        twice = [name for name, times in Counter(self.ids).items() if times > 1]
        if twice:
            raise InputError(f"{len(twice)} ids stand more than once, the first is '{twice[0]}': ids must be unique")

    def __len__(self) -> int:
        """Number of pairs."""
        return len(self.references)

    def once(self, key: Hashable, make: Callable[[Pairs[T]], Made]) -> Made:
        """Return what `make` makes of these pairs, made once for each key: tokens, parses, labels, graphs."""
        if key not in self._made:
            self._made[key] = make(self)
        return self._made[key]  # type: ignore[no-any-return]


def _given(thing: Any) -> Any:
    """What was given; None for a table's empty cell (NaN, NA, NaT), also where a section is one."""
    if isinstance(thing, Mapping) and any(map(_empty, thing.values())):
        return {name: None if _empty(value) else value for name, value in thing.items()}
    return None if _empty(thing) else thing


def _empty(thing: Any) -> bool:
    return (isinstance(thing, float) and isnan(thing)) or type(thing).__name__ in ("NAType", "NaTType")


ReportPairs = Pairs[Text]


def plain(text: Text | None) -> str:
    """Return a report as one string: as it is, or its findings and impression (all sections where both lack)."""
    if text is None or isinstance(text, str):
        return text or ""
    parts = {name: getattr(text, name) for name in SECTIONS} if isinstance(text, Report) else dict(text)
    seen = [parts.get(name) or "" for name in ("findings", "impression")]
    kept = [part.strip() for part in (seen if any(seen) else list(parts.values())) if part and part.strip()]
    return " ".join(kept)


def unanswered(pairs: Pairs[Any]) -> dict[int, str]:
    """Return item number -> reason for pairs without an answer, to start `Scored.unscored` with."""
    return {number: "there is no answer" for number, answer in enumerate(pairs.answers) if answer is None}


def unreadable(pairs: ReportPairs) -> Mapping[int, str]:
    """Return item number -> reason for pairs of reports that no metric can score: no reference, or a text too long.

    Raises:
        InputError: if something is no report at all; the sentence names the pair and the type.
    """

    def find(given: ReportPairs) -> dict[int, str]:
        found: dict[int, str] = {}
        for side, reports in (("answer", given.answers), ("reference", given.references)):
            for number, report in enumerate(reports):
                size = _size(report, f"the {side} of pair '{given.ids[number]}'")
                if size > LONGEST_REPORT:
                    found[number] = f"the {side} has {size:,} characters, and at most {LONGEST_REPORT:,} can be read"
                elif report is None and side == "reference":
                    found[number] = "there is no reference"
        return found

    return pairs.once("unreadable", find)


def _size(report: Any, what: str) -> int:
    """Characters of a report as it is parsed."""
    if report is None or isinstance(report, str):
        return len(report or "")
    if not isinstance(report, Mapping | Report):
        raise InputError(f"{what} must be text, sections or a Report, got {type(report).__name__}")
    parts = {name: getattr(report, name) for name in SECTIONS} if isinstance(report, Report) else report
    for name, value in parts.items():
        if not isinstance(name, str):
            raise InputError(f"{what}: the names of its sections must be text, got {type(name).__name__}")
        if value is not None and not isinstance(value, str):
            raise InputError(f"{what}: its section '{name}' must be text, got {type(value).__name__}")
    return sum(len(name) + len(value) + 4 for name, value in parts.items() if value)


def readable(pairs: ReportPairs) -> ReportPairs:
    """Return the pairs with nothing in place of what `unreadable` names; the same pairs where it names nothing."""

    def cut(given: ReportPairs) -> ReportPairs:
        lost = unreadable(given)
        references = tuple("" if number in lost else each for number, each in enumerate(given.references))
        answers = tuple(None if number in lost else each for number, each in enumerate(given.answers))
        return Pairs(references, answers, given.ids, given.patients) if lost else given

    return pairs.once("readable", cut)


def texts(pairs: ReportPairs) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return references and answers as strings; '' for a pair that `unreadable` names."""

    def both(given: ReportPairs) -> tuple[tuple[str, ...], tuple[str, ...]]:
        clean = readable(given)
        return tuple(map(plain, clean.references)), tuple(map(plain, clean.answers))

    return pairs.once("texts", both)


def parsed(pairs: ReportPairs) -> tuple[tuple[Parsed, ...], tuple[Parsed, ...]]:
    """Return references and answers as parsed reports, sections kept as given; empty where a pair is `unreadable`."""

    def both(given: ReportPairs) -> tuple[tuple[Parsed, ...], tuple[Parsed, ...]]:
        known: dict[str, Parsed] = {}
        clean = readable(given)
        return tuple(_parse(each, known) for each in clean.references), tuple(_parse(a, known) for a in clean.answers)

    return pairs.once("parsed", both)


def _parse(text: Text | None, known: dict[str, Parsed]) -> Parsed:
    if text is None or isinstance(text, str):
        if (text or "") not in known:
            known[text or ""] = parse(text or "")
        return known[text or ""]
    return parse(text)


def graphs(pairs: ReportPairs) -> tuple[tuple[Graph, ...], tuple[Graph, ...]]:
    """Return references and answers as report graphs (RadGraph's schema)."""

    def both(given: ReportPairs) -> tuple[tuple[Graph, ...], tuple[Graph, ...]]:
        known: dict[int, Graph] = {}
        references, answers = parsed(given)
        return tuple(_graph(p, known) for p in references), tuple(_graph(p, known) for p in answers)

    return pairs.once("graphs", both)


def _graph(report: Parsed, known: dict[int, Graph]) -> Graph:
    if id(report) not in known:  # parsed reports are kept by the pairs, so that an id stays one report's
        known[id(report)] = graph(report)
    return known[id(report)]


def labels(pairs: ReportPairs, label_set: str) -> tuple[tuple[Mapping[str, str], ...], tuple[Mapping[str, str], ...]]:
    """Return references and answers as label -> state; what is not mentioned is left out."""

    def both(given: ReportPairs) -> tuple[tuple[Mapping[str, str], ...], tuple[Mapping[str, str], ...]]:
        references, answers = parsed(given)
        return tuple(_states(p, label_set) for p in references), tuple(_states(p, label_set) for p in answers)

    return pairs.once(("labels", label_set), both)


def _states(report: Parsed, label_set: str) -> Mapping[str, str]:
    return label_parsed(report, label_set).states
