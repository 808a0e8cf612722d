"""F1 of the CheXpert labels that Hilum's own labeler reads from both reports; never to be called CheXbert-F1."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import InputError
from hilum.core.registry import register
from hilum.core.vocabulary import label_set
from hilum.measure.pairs import ReportPairs, labels, unanswered
from hilum.measure.scored import Floats, Resample, Scored, f1, ratio, signature, summed

Uncertain = Literal["present", "absent", "exclude"]
Undefined = Literal["left-out", "zero"]
FIVE = ("Cardiomegaly", "Edema", "Consolidation", "Atelectasis", "Pleural Effusion")
"""The five labels that report generation is often judged by (CheXpert's competition labels)."""
_SET = "chexpert-14"
_VERSION = 1
_CODES = {"present": 1, "absent": 2, "uncertain": 3}
_NOTHING = "neither report has any of these labels"
Counts = NDArray[np.float64]


class LabelRow(NamedTuple):
    """One label over a set: hits, false alarms, misses, and what they come to; NaN where there is nothing to count."""

    label: str
    tp: int
    fp: int
    fn: int
    precision: float
    recall: float
    f1: float


def label_counts(references: NDArray[np.int8], answers: NDArray[np.int8], uncertain: Uncertain = "present") -> Counts:
    """Return hits, false alarms and misses of each item and label.

    Args:
        references, answers: (N, L): 0 not mentioned, 1 present, 2 absent, 3 uncertain.
        uncertain: 'present' (pos and unc are 1, the usual reading of report generation), 'absent', or 'exclude' (a
            cell that is uncertain on either side is left out).

    Returns:
        (N, L, 3).

    Raises:
        InputError: if the reading is unknown.
    """
    if uncertain not in get_args(Uncertain):
        raise InputError(f"uncertain must be one of {', '.join(get_args(Uncertain))}, got '{uncertain}'")
    truth, said = (table == 1 for table in (references, answers))
    if uncertain == "present":
        truth, said = truth | (references == 3), said | (answers == 3)
    counts = np.stack([truth & said, ~truth & said, truth & ~said], axis=2).astype(np.float64)
    if uncertain == "exclude":
        counts[(references == 3) | (answers == 3)] = 0.0
    return counts


def _states(pairs: ReportPairs, name: str) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
    def both(given: ReportPairs) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
        references, answers = labels(given, name)
        return _table(references, name), _table(answers, name)

    return pairs.once(("label table", name), both)


def _table(reports: Sequence[Mapping[str, str]], name: str) -> NDArray[np.int8]:
    names = label_set(name).labels
    return np.array([[_CODES.get(states.get(label, ""), 0) for label in names] for states in reports], dtype=np.int8)


def _counted(pairs: ReportPairs, uncertain: Uncertain, only: Sequence[str] = ()) -> Counts:
    counts = label_counts(*_states(pairs, _SET), uncertain)
    counts[list(unanswered(pairs))] = 0.0
    return counts[:, [label_set(_SET).labels.index(name) for name in only]] if only else counts


def label_table(pairs: ReportPairs, uncertain: Uncertain = "present") -> tuple[LabelRow, ...]:
    """Return one row for each CheXpert label, in its published order."""
    sums = _counted(pairs, uncertain).sum(axis=0)
    tp, fp, fn = sums.T
    columns = ratio(tp, tp + fp), ratio(tp, tp + fn), f1(tp, fp, fn)
    return tuple(
        LabelRow(name, *map(int, sums[number]), *(float(column[number]) for column in columns))
        for number, name in enumerate(label_set(_SET).labels)
    )


def _notes(pairs: ReportPairs) -> tuple[dict[str, list[str]], ...]:
    """Label -> [reference, answer] where the two differ; '' is not mentioned."""

    def made(given: ReportPairs) -> tuple[dict[str, list[str]], ...]:
        names = label_set(_SET).labels
        rows = []
        for one, other in zip(*labels(given, _SET), strict=True):
            differ = one != other
            rows.append({n: [one.get(n, ""), other.get(n, "")] for n in names if one.get(n) != other.get(n)}
                        if differ else {})  # fmt: skip
        return tuple(rows)

    return pairs.once(("label notes", _SET), made)


def _scored(
    name: str, pairs: ReportPairs, counts: Counts, combine: Resample, said: Mapping[str, object],
    values: Floats | None = None, remarks: tuple[str, ...] = (),
) -> Scored:  # fmt: skip
    each = f1(*counts.sum(axis=1).T) if values is None else values
    unscored = unanswered(pairs)
    unscored.update({int(n): _NOTHING for n in np.flatnonzero(np.isnan(each)) if n not in unscored})
    line = signature(name, _VERSION, labels="hilum", set=_SET, **said)
    table = counts.reshape(len(counts), -1)
    return summed(name, each, table, combine, line, unscored=unscored, notes=_notes(pairs), remarks=remarks)


def _micro(name: str, pairs: ReportPairs, uncertain: Uncertain, only: Sequence[str]) -> Scored:
    def combine(sums: Floats) -> Floats:
        return f1(*sums.reshape(len(sums), -1, 3).sum(axis=1).T)

    return _scored(name, pairs, _counted(pairs, uncertain, only), combine, {"uncertain": uncertain})


def _macro(name: str, pairs: ReportPairs, uncertain: Uncertain, undefined: Undefined, only: Sequence[str]) -> Scored:
    if undefined not in get_args(Undefined):
        raise InputError(f"undefined must be one of {', '.join(get_args(Undefined))}, got '{undefined}'")
    counts = _counted(pairs, uncertain, only)
    count = counts.shape[1]

    def combine(sums: Floats) -> Floats:
        tp, fp, fn = np.moveaxis(sums.reshape(len(sums), count, 3), 2, 0)
        each = f1(tp, fp, fn)
        there = np.isfinite(each)
        total = there.sum(axis=1) if undefined == "left-out" else np.where(there.any(axis=1), count, 0)
        return ratio(np.where(there, each, 0.0).sum(axis=1), total.astype(np.float64))

    empty = int((counts.sum(axis=(0, 2)) == 0).sum())
    said = {"uncertain": uncertain, "undefined": undefined}
    return _scored(name, pairs, counts, combine, said, remarks=_remark(empty, count, "labels", undefined))


def _remark(empty: int, count: int, what: str, undefined: Undefined) -> tuple[str, ...]:
    how = "left out of the mean" if undefined == "left-out" else "counted as 0"
    return (f"{empty} of {count} {what} have nothing on either side and were {how}",) if empty else ()


@register.metric("label-f1/hilum/micro-14", better="higher", takes="report", over="set", range=(0, 1), version=_VERSION)
def micro_14(pairs: ReportPairs, uncertain: Uncertain = "present") -> Scored:
    """F1 over all cells of the 14 CheXpert labels that our own labeler reads.

    Args:
        pairs: reports.
        uncertain: see `label_counts`.
    """
    return _micro("label-f1/hilum/micro-14", pairs, uncertain, ())


@register.metric("label-f1/hilum/macro-14", better="higher", takes="report", over="set", range=(0, 1), version=_VERSION)
def macro_14(pairs: ReportPairs, uncertain: Uncertain = "present", undefined: Undefined = "left-out") -> Scored:
    """Mean F1 of the 14 CheXpert labels that our own labeler reads.

    Args:
        pairs: reports; the value of one is its micro F1.
        uncertain: see `label_counts`.
        undefined: a label that neither side holds is 'left-out' of the mean (how many is in the remarks), or 'zero',
            the field's convention, under which even a perfect answer scores below 1.
    """
    return _macro("label-f1/hilum/macro-14", pairs, uncertain, undefined, ())


@register.metric("label-f1/hilum/micro-5", better="higher", takes="report", over="set", range=(0, 1), version=_VERSION)
def micro_5(pairs: ReportPairs, uncertain: Uncertain = "present") -> Scored:
    """F1 over all cells of five CheXpert labels that our own labeler reads (`FIVE`)."""
    return _micro("label-f1/hilum/micro-5", pairs, uncertain, FIVE)


@register.metric("label-f1/hilum/macro-5", better="higher", takes="report", over="set", range=(0, 1), version=_VERSION)
def macro_5(pairs: ReportPairs, uncertain: Uncertain = "present", undefined: Undefined = "left-out") -> Scored:
    """Mean F1 of five CheXpert labels that our own labeler reads (`FIVE`); options as for 'macro-14'."""
    return _macro("label-f1/hilum/macro-5", pairs, uncertain, undefined, FIVE)


@register.metric("label-f1/hilum/example", better="higher", takes="report", over="set", range=(0, 1), version=_VERSION)
def example(pairs: ReportPairs, uncertain: Uncertain = "present", undefined: Undefined = "left-out") -> Scored:
    """Mean over reports of the F1 of each one's 14 CheXpert labels that our own labeler reads (R2Gen papers' CE).

    Args:
        pairs: reports.
        uncertain: see `label_counts`.
        undefined: a pair without any label on both sides is 'left-out', or 'zero' as scikit-learn counts it.
    """
    if undefined not in get_args(Undefined):
        raise InputError(f"undefined must be one of {', '.join(get_args(Undefined))}, got '{undefined}'")
    counts = _counted(pairs, uncertain)
    values = f1(*counts.sum(axis=1).T)
    answered = np.ones(len(values), dtype=bool)
    answered[list(unanswered(pairs))] = False
    empty = int((np.isnan(values) & answered).sum())
    if undefined == "zero":
        values = np.where(np.isnan(values) & answered, 0.0, values)
    there = np.isfinite(values)
    table = np.stack([np.where(there, values, 0.0), there.astype(np.float64)], axis=1)[:, :, None]
    said, remarks = {"uncertain": uncertain, "undefined": undefined}, _remark(empty, len(values), "pairs", undefined)
    return _scored(
        "label-f1/hilum/example", pairs, table, lambda sums: ratio(sums[:, 0], sums[:, 1]), said, values, remarks
    )
