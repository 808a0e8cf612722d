"""Two reports held against each other, finding by finding: what matches, how well, and what only one of them says."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.optimize import linear_sum_assignment

from hilum.measure.facts import Stated, above, likeness, stated
from hilum.measure.normal_statements import NORMAL, NORMAL_BONES
from hilum.measure.pairs import ReportPairs
from hilum.measure.significant_findings import significant

COSTS = {"side": 0.5, "severity": 0.3, "change": 0.3, "place": 0.2, "size": 0.2}
"""Share of a finding's credit that a wholly wrong attribute takes; several multiply."""
UNSAID = 0.5
"""Agreement of an attribute that only one report states."""
WEIGHTS = {"present": 1.0, "uncertain": 1.0, "absent": 0.25}
"""Weight of a statement: a denial, and a remark on the film as a whole, count a quarter of a finding."""
DENIALS_OF_NORMAL = 3
"""So many findings denied, and none that is there, are as much as 'no acute findings'."""
_STATES = {("present", "uncertain"): 0.5, ("uncertain", "present"): 0.5}
_SURE = 1e-3  # pairs a finding with its own contradiction rather than with nothing


class Match(NamedTuple):
    """A finding of the reference and the one of the answer that it was matched with.

    Args:
        reference, answer: their numbers.
        likeness: of the two concepts.
        state: agreement of the two states: 1, 0.5 (present and uncertain), or 0.
        parts: agreement [0, 1] of each attribute that either states: side, severity, change, place, size.
    """

    reference: int
    answer: int
    likeness: float
    state: float
    parts: dict[str, float]

    @property
    def presence(self) -> float:
        """Credit for concept and state alone."""
        return self.likeness * self.state

    @property
    def credit(self) -> float:
        """Credit [0, 1] with attributes."""
        credit = self.likeness * self.state
        for name, agreement in self.parts.items():
            credit *= 1.0 - COSTS[name] * (1.0 - agreement)
        return credit


@dataclass(frozen=True)
class Compared:
    """One pair of reports held against each other.

    Args:
        references, answers: what each states.
        matches: one to one.
        covered: (whether of the reference, number, credit) of denials without a match which the other report implies:
            'lungs are clear' covers 'no consolidation', 'no acute findings' covers every denial.
    """

    references: tuple[Stated, ...]
    answers: tuple[Stated, ...]
    matches: tuple[Match, ...]
    covered: tuple[tuple[bool, int, float], ...]


def weight(item: Stated) -> float:
    """Return what a statement weighs: see `WEIGHTS`."""
    return WEIGHTS["absent"] if item.kind == "film" else WEIGHTS[item.state]


def compared(pairs: ReportPairs) -> tuple[Compared, ...]:
    """Return every pair of a set held against each other; made once for all metrics."""

    def all_of(given: ReportPairs) -> tuple[Compared, ...]:
        return tuple(compare(r, a) for r, a in zip(*stated(given), strict=True))

    return pairs.once("compared", all_of)


def compare(references: tuple[Stated, ...], answers: tuple[Stated, ...]) -> Compared:
    """Match findings one to one for the greatest sum of credit (Hungarian method), then see which denials are implied.

    Concepts match by `facts.likeness`. States that contradict each other are matched too, at no credit, so that they
    are told as a wrong state; a denied kind is no contradiction to a broader finding ('opacity, no consolidation').
    """
    options: dict[tuple[int, int], Match] = {}
    for row, reference in enumerate(references):
        for column, answer in enumerate(answers):
            alike = likeness(reference.concept, answer.concept)
            if alike > 0 and (found := _match(row, column, reference, answer, alike)):
                options[row, column] = found
    matches = _best(options)
    met = {(True, match.reference) for match in matches} | {(False, match.answer) for match in matches}
    covered = [(True, n, c) for n, c in _implied(references, answers) if (True, n) not in met]
    covered += [(False, n, c) for n, c in _implied(answers, references) if (False, n) not in met]
    return Compared(references, answers, matches, tuple(covered))


def _match(row: int, column: int, reference: Stated, answer: Stated, alike: float) -> Match | None:
    if reference.state == answer.state:
        return Match(row, column, alike, 1.0, _parts(reference, answer))
    state = _STATES.get((reference.state, answer.state), 0.0)
    if state == 0.0 and alike < 1.0:
        denied, held = (reference, answer) if reference.state == "absent" else (answer, reference)
        if denied.concept not in above(held.concept):
            return None
    return Match(row, column, alike, state, _parts(reference, answer) if state else {})


def _parts(reference: Stated, answer: Stated) -> dict[str, float]:
    parts: dict[str, float] = {}
    if reference.sides or answer.sides:
        parts["side"] = _shared(reference.sides, answer.sides)
    if reference.grade is not None or answer.grade is not None:
        both = reference.grade is not None and answer.grade is not None
        gap = abs((reference.grade or 0.0) - (answer.grade or 0.0))
        parts["severity"] = max(0.0, 1.0 - gap / 2) if both else UNSAID
    if reference.change or answer.change:
        parts["change"] = _changed(reference.change, answer.change)
    if reference.regions or answer.regions:
        parts["place"] = _shared(reference.regions, answer.regions)
    if reference.size_mm is not None or answer.size_mm is not None:
        one, other = reference.size_mm or 0.0, answer.size_mm or 0.0
        parts["size"] = max(0.0, 1.0 - 2 * abs(one - other) / max(one, other)) if one and other else UNSAID
    return parts


def _shared(one: frozenset[str], other: frozenset[str]) -> float:
    """Shared places over all places."""
    return len(one & other) / len(one | other) if one and other else UNSAID


def _changed(one: str, other: str) -> float:
    if not one or not other:
        return UNSAID
    return 1.0 if one == other else 0.5 if {one, other} in ({"new", "worsened"}, {"improved", "resolved"}) else 0.0


def _best(options: dict[tuple[int, int], Match]) -> tuple[Match, ...]:
    rows: dict[int, list[int]] = {}
    columns: dict[int, list[int]] = {}
    for row, column in options:
        rows.setdefault(row, []).append(column)
        columns.setdefault(column, []).append(row)
    clear = {key for key in options if len(rows[key[0]]) == len(columns[key[1]]) == 1}
    chosen = [options[key] for key in clear]
    if len(clear) < len(options):
        left = sorted({row for row, _ in options.keys() - clear})
        right = sorted({column for _, column in options.keys() - clear})
        gains = np.zeros((len(left), len(right)))
        for number, row in enumerate(left):
            for place, column in enumerate(right):
                if (row, column) in options:
                    found = options[row, column]
                    gains[number, place] = found.credit + _SURE * found.likeness
        for number, place in zip(*linear_sum_assignment(gains, maximize=True), strict=True):
            if gains[number, place] > 0:
                chosen.append(options[left[number], right[place]])
    return tuple(sorted(chosen, key=lambda match: match.reference))


def _implied(items: Sequence[Stated], others: Sequence[Stated]) -> Iterable[tuple[int, float]]:
    """Denials that the other report implies, and how far."""
    denied = {other.concept for other in others if other.state == "absent"}
    ill = any(other.state != "absent" and significant(other) for other in others)
    for number, item in enumerate(items):
        if item.state != "absent":
            continue
        if not denied.isdisjoint(above(item.concept)):
            yield number, 1.0
        elif item.concept == NORMAL and denied and not ill:
            yield number, min(1.0, len(denied) / DENIALS_OF_NORMAL)
        elif item.concept == NORMAL_BONES and any(NORMAL_BONES in above(concept) for concept in denied):
            yield number, 1.0


def _alone(pair: Compared, of_reference: bool) -> list[Stated]:
    """Statements of one side with neither a match nor an implication."""
    met = {n for side, n, credit in pair.covered if side == of_reference and credit >= 1.0}
    met |= {match.reference if of_reference else match.answer for match in pair.matches}
    items = pair.references if of_reference else pair.answers
    return [item for number, item in enumerate(items) if number not in met]


def unmatched(pair: Compared) -> tuple[list[Stated], list[Stated]]:
    """Return what only the reference and what only the answer states."""
    return _alone(pair, True), _alone(pair, False)
