"""Finding by finding: presence, side, severity and change of what a report states, with every disagreement named."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from hilum.core.registry import register
from hilum.measure.disagreements import disagreements
from hilum.measure.fact_match import Compared, Match, compared, weight
from hilum.measure.facts import Stated
from hilum.measure.pairs import ReportPairs, unanswered
from hilum.measure.scored import Floats, Scored, ratio, signature, summed

_VERSION = 1
_NOTHING = "neither report states a finding"


def _scored(
    name: str, pairs: ReportPairs, counts: Callable[[Compared], tuple[float, float]], nothing: str = _NOTHING,
    notes: bool = True,
) -> Scored:  # fmt: skip
    """Score by 2 hits over all statements of both sides, summed over the set."""
    unscored = unanswered(pairs)
    table = np.array([counts(pair) for pair in compared(pairs)], dtype=np.float64)
    table[list(unscored)] = 0.0
    values = _ratio(table)
    unscored.update({int(n): nothing for n in np.flatnonzero(np.isnan(values)) if n not in unscored})
    said = signature(name, _VERSION, facts="hilum", over="findings", absent="0.25", undefined="left-out")
    told = disagreements(pairs) if notes else ()
    return summed(name, values, table, _ratio, said, unscored=unscored, notes=told)


def _ratio(sums: Floats) -> Floats:
    return ratio(sums[:, 0], sums[:, 1])


def _graded(pair: Compared, credit: Callable[[Match], float]) -> tuple[float, float]:
    total = sum(map(weight, pair.references)) + sum(map(weight, pair.answers))
    gained = 0.0
    for match in pair.matches:
        both = weight(pair.references[match.reference]) + weight(pair.answers[match.answer])
        gained += credit(match) * both
    for of_reference, number, share in pair.covered:
        gained += share * weight((pair.references if of_reference else pair.answers)[number])
    return gained, total


def _exact(item: Stated) -> tuple[object, ...]:
    return (item.concept, item.state, *item.told)


def _strict(pair: Compared) -> tuple[float, float]:
    references = {_exact(item): weight(item) for item in pair.references}
    answers = {_exact(item): weight(item) for item in pair.answers}
    shared = sum(2 * references[key] for key in references.keys() & answers.keys())
    return shared, sum(references.values()) + sum(answers.values())


def _held(pair: Compared) -> list[tuple[Match, Stated, Stated]]:
    """Matched findings that both reports say are there."""
    made = [(match, pair.references[match.reference], pair.answers[match.answer]) for match in pair.matches]
    return [each for each in made if each[0].state > 0 and each[1].state != "absent"]


def _side(pair: Compared) -> tuple[float, float]:
    held = [(one.sides, other.sides) for _, one, other in _held(pair)]
    return 2.0 * sum(len(a & b) for a, b in held), float(sum(len(a) + len(b) for a, b in held))


def _attribute(pair: Compared, part: str, told: Callable[[Stated], bool]) -> tuple[float, float]:
    hits = total = 0.0
    for match, one, other in _held(pair):
        said = told(one), told(other)
        total += sum(said)
        hits += 2 * match.parts[part] if all(said) else 0.0
    return hits, total


@register.metric("finding-f1", better="higher", takes="report", over="set", range=(0, 1), version=_VERSION)
def finding_f1(pairs: ReportPairs) -> Scored:
    """F1 over findings with graded credit for state, side, severity, change, place and size, and every error named.

    Findings are matched one to one (`fact_match.compare`); a match earns the product of what `fact_match.COSTS` leaves.
    Denials weigh a quarter. Notes: `disagreements.disagreements`.
    """
    return _scored("finding-f1", pairs, lambda pair: _graded(pair, lambda match: match.credit))


@register.metric("finding-f1/strict", better="higher", takes="report", over="set", range=(0, 1), version=_VERSION)
def strict(pairs: ReportPairs) -> Scored:
    """F1 over findings that agree in everything: concept, state, side, place, severity, change and size."""
    return _scored("finding-f1/strict", pairs, _strict)


@register.metric("finding-f1/presence", better="higher", takes="report", over="set", range=(0, 1), version=_VERSION)
def presence(pairs: ReportPairs) -> Scored:
    """F1 over findings by concept and state alone, whatever is said of side, severity or change."""
    return _scored("finding-f1/presence", pairs, lambda pair: _graded(pair, lambda match: match.presence))


@register.metric("finding-f1/side", better="higher", takes="report", over="set", range=(0, 1), version=_VERSION)
def side(pairs: ReportPairs) -> Scored:
    """F1 over the sides of findings that both reports state."""
    return _scored("finding-f1/side", pairs, _side, "no matched finding has a side", notes=False)


@register.metric("finding-f1/severity", better="higher", takes="report", over="set", range=(0, 1), version=_VERSION)
def severity(pairs: ReportPairs) -> Scored:
    """F1 over the severity (or extent) of findings that both reports state; one grade off earns half."""

    def counts(pair: Compared) -> tuple[float, float]:
        return _attribute(pair, "severity", lambda item: item.grade is not None)

    return _scored("finding-f1/severity", pairs, counts, "no matched finding has a severity", notes=False)


@register.metric("finding-f1/change", better="higher", takes="report", over="set", range=(0, 1), version=_VERSION)
def change(pairs: ReportPairs) -> Scored:
    """F1 over the change of findings that both reports state; new and worsened, or improved and resolved, earn half."""

    def counts(pair: Compared) -> tuple[float, float]:
        return _attribute(pair, "change", lambda item: bool(item.change))

    return _scored("finding-f1/change", pairs, counts, "no matched finding has a change", notes=False)


def errors_of(scored: Scored, kinds: Sequence[str] = ()) -> list[tuple[int, dict[str, object]]]:
    """Return (item number, error) of a scored set, of some kinds or all; see `disagreements.disagreements`."""
    return [
        (number, error)
        for number, note in enumerate(scored.notes)
        for error in note["errors"]
        if not kinds or error["kind"] in kinds
    ]
