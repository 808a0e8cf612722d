"""Which findings an answer calls present, beside the reference's: precision, recall and F1 by concept."""

from __future__ import annotations

from typing import Any

import numpy as np

from hilum.core.registry import register
from hilum.core.study import Study
from hilum.measure.pairs import Pairs
from hilum.measure.scored import Floats, Resample, Scored, f1, ratio, signature, summed

StudyPairs = Pairs[Study]
_UNIT = (0.0, 1.0)


def present(study: Study | None) -> frozenset[str]:
    """Return the concepts that a study's findings call present."""
    return frozenset(f.concept for f in study.findings if f.state == "present") if study else frozenset()


def _counted(pairs: StudyPairs) -> tuple[Floats, list[dict[str, Any]]]:
    """(N, 3) of found, invented and missed concepts, and which; what no reference of the set names is not counted."""
    known = frozenset().union(*(frozenset(f.concept for f in study.findings) for study in pairs.references))
    counts, notes = np.zeros((len(pairs), 3)), []
    for number, (reference, answer) in enumerate(zip(pairs.references, pairs.answers, strict=True)):
        there, said = present(reference), present(answer) & known
        counts[number] = len(there & said), len(said - there), len(there - said)
        notes.append({"invented": sorted(said - there), "missed": sorted(there - said)})
    return counts, notes


def _scored(name: str, pairs: StudyPairs, combine: Resample, reason: str) -> Scored:
    counts, notes = pairs.once("concepts", _counted)
    values = combine(counts)
    unscored = {int(number): reason for number in np.flatnonzero(np.isnan(values))}
    said = signature(name, 1, average="micro", state="present", concepts="of-references")
    return summed(name, values, counts, combine, said, unscored=unscored, notes=notes)


@register.metric("concept-f1", better="higher", takes="study", over="set", range=_UNIT, version=1)
def concept_f1(pairs: StudyPairs) -> Scored:
    """F1 of the concepts called present, over all studies; concepts that no reference names are not counted."""
    return _scored(
        "concept-f1", pairs, lambda sums: f1(sums[:, 0], sums[:, 1], sums[:, 2]),
        "undefined: nothing is there to find and nothing was said",
    )  # fmt: skip


@register.metric("concept-precision", better="higher", takes="study", over="set", range=_UNIT, version=1)
def concept_precision(pairs: StudyPairs) -> Scored:
    """Share of the concepts called present that the reference has too; undefined where nothing is called."""
    return _scored(
        "concept-precision", pairs, lambda sums: ratio(sums[:, 0], sums[:, 0] + sums[:, 1]),
        "undefined: nothing was said",
    )  # fmt: skip


@register.metric("concept-recall", better="higher", takes="study", over="set", range=_UNIT, version=1)
def concept_recall(pairs: StudyPairs) -> Scored:
    """Share of the reference's present concepts that the answer calls present; undefined where there is none."""
    return _scored(
        "concept-recall", pairs, lambda sums: ratio(sums[:, 0], sums[:, 0] + sums[:, 2]),
        "undefined: nothing is there to find",
    )  # fmt: skip
