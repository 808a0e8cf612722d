"""Score reports in memory: references beside answers, every metric with its interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from hilum.measure.metric import metrics, score_all
from hilum.measure.pairs import Pairs, Text
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
    references: Sequence[Text], answers: Sequence[Text], *, names: Sequence[str] = (), ids: Sequence[str] = (),
    patients: Sequence[str] = (), replicates: int = 1000, seed: int = 0,
) -> Scores:  # fmt: skip
    """Score answers against references.

    Args:
        references, answers: one report each, as text, by section, or as a Report.
        names: metrics; all that take reports and need nothing extra where empty.
        ids: of each pair, for messages.
        patients: who each pair belongs to: intervals draw patients, not reports.
        replicates, seed: of the bootstrap.

    Raises:
        InputError: if the lists differ in length or are empty, an id is there twice, or a metric is not known.
    """
    pairs: Pairs[Text] = Pairs(tuple(references), tuple(answers), tuple(ids), tuple(patients))
    wanted = tuple(names) or tuple(each.name for each in metrics("report") if not each.needs)
    scored, failed = score_all(wanted, pairs)
    drawn = {name: s.interval(pairs.patients, replicates=replicates, seed=seed) for name, s in scored.items()}
    return Scores(pairs, scored, drawn, failed)
