"""LunguageScore of single reports, on rows that our own rules structure."""

from __future__ import annotations

from hilum.core.registry import register
from hilum.measure.likeness import Likeness
from hilum.measure.lunguage_score import WHOLE, Parts, Sides, count, scored
from hilum.measure.pairs import ReportPairs, parsed, unanswered
from hilum.measure.scored import Scored
from hilum.text.lunguage import Record
from hilum.text.parse import Parsed
from hilum.text.structure import structure


def rows(pairs: ReportPairs) -> list[Sides]:
    """Return the structured rows of every reference and answer; made once."""

    def made(given: ReportPairs) -> list[Sides]:
        known: dict[int, tuple[Record, ...]] = {}

        def of(report: Parsed) -> tuple[Record, ...]:
            if id(report) not in known:  # parsed reports are kept by the pairs, so that an id stays one report's
                known[id(report)] = tuple(Record("", "", row) for row in structure(report))
            return known[id(report)]

        references, answers = parsed(given)
        return [(of(r), of(a)) for r, a in zip(references, answers, strict=True)]

    return pairs.once("lunguage rows", made)


@register.metric("lunguage-score/hilum", better="higher", takes="report", over="set", range=(0, 1), version=1)
def lunguage_score(pairs: ReportPairs, parts: Parts = WHOLE, likeness: Likeness | None = None) -> Scored:
    """Soft F1 over structured rows matched by meaning and fields: LunguageScore's form on our structure and likeness.

    Args:
        pairs: reports; history takes no part.
        parts: which factors are on; Temp is asked over sequences only (`lunguage_score.score_records`).
        likeness: of phrases; character n-grams by default.
    """
    items = rows(pairs)
    found = count(items, "single", parts, likeness)
    return scored("lunguage-score/hilum", items, found, "single", parts, likeness, unanswered(pairs))
