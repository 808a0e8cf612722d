"""Score reports in memory: references beside answers, every metric with its interval."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Integral
from typing import Any

from hilum.core.errors import HilumError, InputError
from hilum.core.report import Report
from hilum.measure.metric import metric, metrics, score_all
from hilum.measure.pairs import Pairs, Text, unreadable
from hilum.measure.scored import Scored
from hilum.measure.stats import Interval


@dataclass(frozen=True)
class Scores:
    """What scoring came to.

    Args:
        pairs: what was scored.
        scored: name -> score, with the value of each pair in `values`.
        intervals: name -> value with its 95 % interval over patients.
        failed: name -> why the metric could not be computed.
    """

    pairs: Pairs[Text]
    scored: Mapping[str, Scored]
    intervals: Mapping[str, Interval]
    failed: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        """Render as a table, a metric a line."""
        lines = [f"{name:28} {found}" for name, found in self.intervals.items()]
        return "\n".join([*lines, *(f"{name:28} unscored: {reason}" for name, reason in self.failed.items())])


def score(
    references: Sequence[Text | None], answers: Sequence[Text | None], *, names: str | Sequence[str] = (),
    ids: Sequence[str] = (), patients: Sequence[str] = (), replicates: int = 1000, seed: int = 0,
) -> Scores:  # fmt: skip
    """Score answers against references.

    Args:
        references, answers: one report each, as text, by section, or as a Report; None or NaN where there is none.
        names: metrics, or one; all that take reports and need nothing extra where empty.
        ids: of each pair, for messages.
        patients: who each pair belongs to: intervals draw patients, not reports.
        replicates, seed: of the bootstrap.

    Raises:
        InputError: if the lists differ in length or are empty, an id is there twice, something is no report, or a
            metric is not known or scores no reports.
    """
    sides = _list(references, "references"), _list(answers, "answers")
    named = (_named(ids, "ids"), _named(patients, "patients"))
    pairs: Pairs[Any] = Pairs(*sides, *named)
    unreadable(pairs)
    asked = _named([names] if isinstance(names, str) and names else names, "names")
    for name in asked:
        if metric(name).takes != "report":
            raise InputError(
                f"'{name}' takes {metric(name).takes} pairs, and these are reports; see 'hilum list metrics'"
            )
    wanted = asked or tuple(each.name for each in metrics("report") if not each.needs)
    scored, failed = score_all(wanted, pairs)
    drawn: dict[str, Interval] = {}
    for name, found in list(scored.items()):
        try:
            drawn[name] = found.interval(pairs.patients, replicates=replicates, seed=seed)
        except HilumError as error:
            failed[name] = str(error)
            del scored[name]
    return Scores(pairs, scored, drawn, failed)


def _named(given: Any, what: str) -> tuple[str, ...]:
    """Ids, patients or names as strings; numbers are read as they are written, an empty cell is refused."""
    if (isinstance(given, str) and given) or not isinstance(given, Iterable):
        raise InputError(f"{what} must be a list, got {type(given).__name__}: put it in []")
    found = tuple(given)
    for number, each in enumerate(found):
        if isinstance(each, bool) or not isinstance(each, str | Integral):
            raise InputError(f"{what}: number {number} must be text, got {type(each).__name__} ({each})")
    return tuple(map(str, found))


def _list(given: Any, name: str) -> tuple[Any, ...]:
    """The reports of one side; one report alone is no list."""
    if isinstance(given, str | bytes | Mapping | Report) or not isinstance(given, Iterable):
        raise InputError(
            f"{name} must be a list of reports, one for each pair, got {type(given).__name__}: put it in []"
        )
    return tuple(given)
