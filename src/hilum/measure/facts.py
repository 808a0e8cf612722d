"""What a report states, finding by finding, in the form that two reports are compared in.

Facts of one finding are joined, so that it does not matter how often, in which order, or in how many sentences a
report says a thing: 'left effusion and right effusion' is 'bilateral effusions'.
"""

from __future__ import annotations

from functools import cache, lru_cache
from typing import NamedTuple

from hilum.core.vocabulary import ancestors
from hilum.measure.normal_statements import NORMAL, NORMAL_BONES, UNCHANGED, film_statements
from hilum.measure.pairs import ReportPairs, parsed
from hilum.text.families import families
from hilum.text.parse import Fact, Parsed
from hilum.text.sections import REPORTING
from hilum.text.spots import read_table

GRADES = {"borderline": 0.5, "mild": 1.0, "small": 1.0, "moderate": 2.0, "severe": 3.0, "large": 3.0}
"""Severity and extent as one scale: a small effusion is a mild one; 'mild to moderate' is halfway."""
_TO_MM = {"mm": 1.0, "cm": 10.0}
_NOWHERE: frozenset[str] = frozenset()
_UNTOLD = (_NOWHERE, -1.0, "")
_BONES = frozenset({"fracture", "bone lesion", "vertebral compression"})


class Stated(NamedTuple):
    """One finding as a whole report states it.

    Args:
        concept: name in the vocabulary, or one of `normal_statements`.
        state: 'present', 'absent' or 'uncertain'.
        sides: 'right', 'left', both, or none said; empty for what has no side ('cardiomegaly').
        regions: 'upper', 'lower', 'hilum' ..., as the families table groups zones.
        grade: 0.5 borderline, 1 mild or small, 2 moderate, 3 severe or large; None where it is not said.
        change: 'new', 'worsened', 'unchanged', 'improved', 'resolved' or ''.
        size_mm: largest diameter in millimetres, None where there is none.
        spans: characters [start, end) of the parsed text that say so, in order.
        kind: 'finding', 'device', 'hardware' or 'film' (said of the film as a whole).
    """

    concept: str
    state: str
    sides: frozenset[str] = _NOWHERE
    regions: frozenset[str] = _NOWHERE
    grade: float | None = None
    change: str = ""
    size_mm: float | None = None
    spans: tuple[tuple[int, int], ...] = ()
    kind: str = "finding"

    @property
    def told(self) -> tuple[frozenset[str], frozenset[str], float, str, float]:
        """All that is said of it besides concept and state; -1 for no grade and no size."""
        return (self.sides, self.regions, -1.0 if self.grade is None else self.grade, self.change,
                -1.0 if self.size_mm is None else self.size_mm)  # fmt: skip

    @property
    def order(self) -> tuple[int, str, str, tuple[str, ...], tuple[str, ...], float, str, float]:
        """Order that does not depend on where in the text it stands: what says most comes first."""
        sides, regions, grade, change, size = self.told
        said = len(sides) + bool(regions) + (grade >= 0) + bool(change) + (size >= 0)
        return (-said, self.concept, self.state, tuple(sorted(sides)), tuple(sorted(regions)), grade, change, size)


def stated(pairs: ReportPairs) -> tuple[tuple[tuple[Stated, ...], ...], tuple[tuple[Stated, ...], ...]]:
    """Return what each reference and each answer states; made once for all metrics of a set."""

    def both(given: ReportPairs) -> tuple[tuple[tuple[Stated, ...], ...], tuple[tuple[Stated, ...], ...]]:
        known: dict[int, tuple[Stated, ...]] = {}
        references, answers = parsed(given)
        return tuple(_known(p, known) for p in references), tuple(_known(p, known) for p in answers)

    return pairs.once("stated", both)


def _known(report: Parsed, known: dict[int, tuple[Stated, ...]]) -> tuple[Stated, ...]:
    if id(report) not in known:  # parsed reports are kept by the pairs, so that an id stays one report's
        known[id(report)] = stated_in(report)
    return known[id(report)]


def stated_in(report: Parsed) -> tuple[Stated, ...]:
    """Return what one report states, in an order that does not depend on the order of its sentences.

    Left out: what is told as history, shadows explained as a nipple, rib or fold, and remarks on film quality.
    """
    found = [
        _from_fact(fact) for fact in report.facts
        if not fact.history and fact.form != "explained" and fact.kind != "study"
    ]  # fmt: skip
    busy = {fact.sentence for fact in report.facts}
    for start, end, section in report.sentences:
        if section not in REPORTING:
            continue
        for concept, first, last in film_statements(report.text[start:end]):
            if concept == UNCHANGED and (start, end) in busy:
                continue  # it is said of the finding that the sentence names
            state = "present" if concept == UNCHANGED else "absent"
            found.append(Stated(concept, state, spans=((first + start, last + start),), kind="film"))
    return _joined(found)


@cache
def _places() -> tuple[dict[str, str], dict[str, str], frozenset[str], frozenset[str]]:
    """Zone -> region, zone -> side of its own, concepts without a place, concepts with a side only."""
    region: dict[str, str] = {}
    side: dict[str, str] = {}
    whole: set[str] = set()
    sided: set[str] = set()
    for row in read_table("families.csv"):
        names = row["patterns"].split(";")
        if row["kind"] == "region":
            region.update(dict.fromkeys(names, row["name"]))
        elif row["kind"] == "leftward":
            side.update(dict.fromkeys(names, row["value"]))
        elif row["kind"] == "midline":
            whole.update(names)
        elif row["kind"] == "sided":
            sided.update(names)
    return region, side, frozenset(whole), frozenset(sided)


def _from_fact(fact: Fact) -> Stated:
    region, own_side, whole, sided = _places()
    told = fact.attributes
    sides = regions = _NOWHERE
    if fact.concept not in whole:
        sides = frozenset(fact.sides) or frozenset(own_side[zone] for zone in fact.zones if zone in own_side)
        if fact.concept not in sided:
            regions = frozenset(region.get(zone, zone) for zone in fact.zones)
    spans = ((fact.start, fact.end), *fact.modifiers, *[(cue.start, cue.end) for cue in fact.cues])
    change = (told.get("change") or ("",))[0]
    if fact.state == "absent":  # 'no large effusion' denies all effusions, in RRG as in the clinic
        change = "resolved" if change == "resolved" else ""
        sides = sides if len(sides) == 1 else _NOWHERE  # denied on both sides is denied
        return Stated(fact.concept, "absent", sides, change=change, spans=spans, kind=fact.kind)
    sizes = [value * _TO_MM.get(unit, 1.0) for value, unit in fact.sizes]
    return Stated(
        fact.concept, fact.state, sides, regions, _grade(told.get("severity") or told.get("extent"), told.get("low")),
        change, max(sizes, default=None), spans, fact.kind,
    )  # fmt: skip


def _grade(high: tuple[str, ...] | None, low: tuple[str, ...] | None) -> float | None:
    grades = [GRADES[word] for words in (high, low) for word in (words or ())[:1] if word in GRADES]
    return sum(grades) / len(grades) if grades else None


def _joined(found: list[Stated]) -> tuple[Stated, ...]:
    """Join what is said of one finding: 'small left effusion ... the effusion is new' is a new small left effusion."""
    made: list[Stated] = []
    for each in sorted(found, key=lambda item: (*item.order, item.spans)):
        for number, other in enumerate(made):
            if other.state == each.state and _one(other, each):
                made[number] = _join(other, each)
                break
        else:
            made.append(each)
    return tuple(sorted([item._replace(spans=_tidy(item.spans)) for item in made], key=lambda item: item.order))


def _one(other: Stated, each: Stated) -> bool:
    """Whether two statements can be of one finding: none contradicts the other, or they differ in one place only.

    A device may be named by its kind the second time: 'PICC ... the catheter ends in the SVC'.
    """
    same = other.concept == each.concept
    if not same and not (each.kind == other.kind == "device" and _kin(other.concept, each.concept)):
        return False
    told = list(zip(other.told, each.told, strict=True))
    apart = [n for n, (a, b) in enumerate(told) if a != b and a not in _UNTOLD and b not in _UNTOLD]
    if not apart:
        return True
    alike = all(a == b for n, (a, b) in enumerate(told) if n != apart[0])
    return same and len(apart) == 1 and apart[0] < 2 and alike


def _kin(one: str, other: str) -> bool:
    return one in above(other) or other in above(one)


def _join(other: Stated, each: Stated) -> Stated:
    return other._replace(
        concept=each.concept if other.concept in above(each.concept) else other.concept,
        sides=other.sides | each.sides,
        regions=other.regions | each.regions,
        grade=each.grade if other.grade is None else other.grade,
        change=other.change or each.change,
        size_mm=each.size_mm if other.size_mm is None else other.size_mm,
        spans=other.spans + each.spans,
    )


def _tidy(spans: tuple[tuple[int, int], ...]) -> tuple[tuple[int, int], ...]:
    """Spans in order, overlapping ones as one."""
    if len(spans) == 1:
        return spans
    made: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if made and start < made[-1][1]:
            made[-1] = (made[-1][0], max(end, made[-1][1]))
        else:
            made.append((start, end))
    return tuple(made)


@lru_cache(maxsize=4_096)
def above(concept: str) -> frozenset[str]:
    """Return the concepts that a concept is a kind of; every finding is a kind of `NORMAL`'s abnormality."""
    if concept in (NORMAL, UNCHANGED):
        return _NOWHERE
    if concept == NORMAL_BONES:
        return frozenset({NORMAL})
    names = frozenset(item.name for item in ancestors(concept))
    return names | ({NORMAL, NORMAL_BONES} if _BONES & {concept, *names} else {NORMAL})


@lru_cache(maxsize=16_384)
def likeness(one: str, other: str) -> float:
    """Return how far two concepts are one finding.

    1 for the same; 0.75 for two of one family (consolidation and infiltration); 0.5 where one is a kind of the other
    (atelectasis and lung opacity); 0 otherwise. 'No acute findings' is like nothing but itself.
    """
    if one == other:
        return 1.0
    if NORMAL in (one, other) or NORMAL_BONES in (one, other):
        return 0.0
    family = families()
    if family.get(one, one) == family.get(other, other):
        return 0.75
    return 0.5 if _kin(one, other) else 0.0
