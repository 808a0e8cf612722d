"""F1 of the CheXpert labels that Hilum's own labeler reads from both reports; never to be called CheXbert-F1.

As in CheXpert's own labeler, any text without a finding counts as 'No Finding', also one in which nothing was
understood: 'asdf' agrees with 'Heart size is normal.'. The remarks of a score tell how many texts of its set are like
that, and `unparsed-sentences` tells which sentences.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from hilum.core.registry import register
from hilum.core.vocabulary import label_set
from hilum.measure import label_cells
from hilum.measure.label_cells import FIVE, Cells, LabelRow, Uncertain, Undefined, label_counts
from hilum.measure.normal_statements import film_statements
from hilum.measure.pairs import ReportPairs, labels, parsed, unanswered
from hilum.measure.scored import Scored
from hilum.text.parse import Parsed

__all__ = ["FIVE", "LabelRow", "label_counts", "label_table"]
_SET = "chexpert-14"
_VERSION = 1
_CODES = {"present": 1, "absent": 2, "uncertain": 3}


def _cells(pairs: ReportPairs) -> Cells:
    def read(given: ReportPairs) -> Cells:
        references, answers = labels(given, _SET)
        return Cells(
            label_set(_SET).labels, _table(references), _table(answers), unanswered(given),
            {"labels": "hilum", "set": _SET}, _VERSION, _notes(given),
            _not_understood(given),
        )  # fmt: skip

    return pairs.once(("label cells", _SET), read)


def _table(reports: Sequence[Mapping[str, str]]) -> NDArray[np.int8]:
    names = label_set(_SET).labels
    return np.array([[_CODES.get(states.get(label, ""), 0) for label in names] for states in reports], dtype=np.int8)


def _notes(pairs: ReportPairs) -> tuple[dict[str, list[str]], ...]:
    """Label -> [reference, answer] where the two differ; '' is not mentioned."""
    names = label_set(_SET).labels
    rows = []
    for one, other in zip(*labels(pairs, _SET), strict=True):
        differ = one != other
        rows.append({n: [one.get(n, ""), other.get(n, "")] for n in names if one.get(n) != other.get(n)}
                    if differ else {})  # fmt: skip
    return tuple(rows)


def _not_understood(pairs: ReportPairs) -> tuple[str, ...]:
    """Say how many texts count as No Finding though nothing in them was understood."""
    counts = []
    for reports, states in zip(parsed(pairs), labels(pairs, _SET), strict=True):
        called = (report for report, each in zip(reports, states, strict=True) if each.get("No Finding") == "present")
        counts.append(sum(not _understood(report) for report in called))
    if not any(counts):
        return ()
    return (
        f"{counts[0]} references and {counts[1]} answers count as No Finding though nothing in them was understood",
    )


def _understood(report: Parsed) -> bool:
    return bool(report.facts) or any(film_statements(report.text[a:b]) for a, b, _ in report.sentences)


def label_table(pairs: ReportPairs, uncertain: Uncertain = "present") -> tuple[LabelRow, ...]:
    """Return one row for each CheXpert label, in its published order."""
    return label_cells.rows(_cells(pairs), uncertain)


@register.metric("label-f1/hilum/micro-14", better="higher", takes="report", over="set", range=(0, 1), version=_VERSION)
def micro_14(pairs: ReportPairs, uncertain: Uncertain = "present") -> Scored:
    """F1 over all cells of the 14 CheXpert labels that our own labeler reads.

    Args:
        pairs: reports.
        uncertain: see `label_counts`.
    """
    return label_cells.micro("label-f1/hilum/micro-14", _cells(pairs), uncertain)


@register.metric("label-f1/hilum/macro-14", better="higher", takes="report", over="set", range=(0, 1), version=_VERSION)
def macro_14(pairs: ReportPairs, uncertain: Uncertain = "present", undefined: Undefined = "left-out") -> Scored:
    """Mean F1 of the 14 CheXpert labels that our own labeler reads.

    Args:
        pairs: reports; the value of one is its micro F1.
        uncertain: see `label_counts`.
        undefined: a label that neither side holds is 'left-out' of the mean (how many is in the remarks), or 'zero',
            the field's convention, under which even a perfect answer scores below 1.
    """
    return label_cells.macro("label-f1/hilum/macro-14", _cells(pairs), uncertain, undefined)


@register.metric("label-f1/hilum/micro-5", better="higher", takes="report", over="set", range=(0, 1), version=_VERSION)
def micro_5(pairs: ReportPairs, uncertain: Uncertain = "present") -> Scored:
    """F1 over all cells of five CheXpert labels that our own labeler reads (`FIVE`)."""
    return label_cells.micro("label-f1/hilum/micro-5", _cells(pairs), uncertain, FIVE)


@register.metric("label-f1/hilum/macro-5", better="higher", takes="report", over="set", range=(0, 1), version=_VERSION)
def macro_5(pairs: ReportPairs, uncertain: Uncertain = "present", undefined: Undefined = "left-out") -> Scored:
    """Mean F1 of five CheXpert labels that our own labeler reads (`FIVE`); options as for 'macro-14'."""
    return label_cells.macro("label-f1/hilum/macro-5", _cells(pairs), uncertain, undefined, FIVE)


@register.metric("label-f1/hilum/example", better="higher", takes="report", over="set", range=(0, 1), version=_VERSION)
def example(pairs: ReportPairs, uncertain: Uncertain = "present", undefined: Undefined = "left-out") -> Scored:
    """Mean over reports of the F1 of each one's 14 CheXpert labels that our own labeler reads (R2Gen papers' CE).

    Args:
        pairs: reports.
        uncertain: see `label_counts`.
        undefined: a pair without any label on both sides is 'left-out', or 'zero' as scikit-learn counts it.
    """
    return label_cells.example("label-f1/hilum/example", _cells(pairs), uncertain, undefined)
