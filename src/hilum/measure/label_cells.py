"""F1 over a table of report labels, whoever read them: micro, macro and example, for fourteen labels or five."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import InputError
from hilum.measure.scored import Floats, Resample, Scored, f1, ratio, signature, summed

Uncertain = Literal["present", "absent", "exclude"]
Undefined = Literal["left-out", "zero"]
FIVE = ("Cardiomegaly", "Edema", "Consolidation", "Atelectasis", "Pleural Effusion")
"""The five labels that report generation is often judged by (CheXpert's competition labels)."""
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


@dataclass(frozen=True, eq=False)
class Cells:
    """The labels of a set of pairs.

    Args:
        labels: L names, in the order of the columns.
        references, answers: (N, L): 0 not mentioned, 1 present, 2 absent, 3 uncertain.
        unscored: number -> reason of pairs that take no part.
        said: who read the labels, for the signature.
        version: of the reading.
        notes: evidence of each pair.
        remarks: what a reader of any score of these labels must know, see `Scored`.
    """

    labels: tuple[str, ...]
    references: NDArray[np.int8]
    answers: NDArray[np.int8]
    unscored: Mapping[int, str]
    said: Mapping[str, object]
    version: int
    notes: Sequence[Any] = field(default=())
    remarks: tuple[str, ...] = ()

    def counts(self, uncertain: Uncertain, only: Sequence[str] = ()) -> Counts:
        """Return (N, L, 3) of hits, false alarms and misses; zeros for pairs that take no part."""
        counts = label_counts(self.references, self.answers, uncertain)
        counts[list(self.unscored)] = 0.0
        return counts[:, [self.labels.index(name) for name in only]] if only else counts


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


def rows(cells: Cells, uncertain: Uncertain = "present") -> tuple[LabelRow, ...]:
    """Return one row for each label."""
    sums = cells.counts(uncertain).sum(axis=0)
    tp, fp, fn = sums.T
    columns = ratio(tp, tp + fp), ratio(tp, tp + fn), f1(tp, fp, fn)
    return tuple(
        LabelRow(name, *map(int, sums[number]), *(float(column[number]) for column in columns))
        for number, name in enumerate(cells.labels)
    )


def _scored(
    name: str, cells: Cells, counts: Counts, combine: Resample, choices: Mapping[str, object],
    values: Floats | None = None, remarks: tuple[str, ...] = (),
) -> Scored:  # fmt: skip
    each = f1(*counts.sum(axis=1).T) if values is None else values
    unscored = dict(cells.unscored)
    unscored.update({int(n): _NOTHING for n in np.flatnonzero(np.isnan(each)) if n not in unscored})
    line = signature(name, cells.version, **cells.said, **choices)
    table = counts.reshape(len(counts), -1)
    return summed(
        name, each, table, combine, line, unscored=unscored, notes=cells.notes, remarks=remarks + cells.remarks
    )


def micro(name: str, cells: Cells, uncertain: Uncertain, only: Sequence[str] = ()) -> Scored:
    """Score a set by F1 over all its cells.

    Args:
        name: of the metric.
        cells: labels of both sides.
        uncertain: see `label_counts`.
        only: labels that count; all where none are named.
    """

    def combine(sums: Floats) -> Floats:
        return f1(*sums.reshape(len(sums), -1, 3).sum(axis=1).T)

    return _scored(name, cells, cells.counts(uncertain, only), combine, {"uncertain": uncertain})


def macro(name: str, cells: Cells, uncertain: Uncertain, undefined: Undefined, only: Sequence[str] = ()) -> Scored:
    """Score a set by the mean F1 of its labels; the value of one pair is its micro F1.

    Args:
        name, cells, uncertain, only: see `micro`.
        undefined: a label that neither side holds is 'left-out' of the mean, or 'zero', the field's convention.
    """
    _known(undefined)
    counts = cells.counts(uncertain, only)
    count = counts.shape[1]

    def combine(sums: Floats) -> Floats:
        tp, fp, fn = np.moveaxis(sums.reshape(len(sums), count, 3), 2, 0)
        each = f1(tp, fp, fn)
        there = np.isfinite(each)
        total = there.sum(axis=1) if undefined == "left-out" else np.where(there.any(axis=1), count, 0)
        return ratio(np.where(there, each, 0.0).sum(axis=1), total.astype(np.float64))

    empty = int((counts.sum(axis=(0, 2)) == 0).sum())
    choices = {"uncertain": uncertain, "undefined": undefined}
    return _scored(name, cells, counts, combine, choices, remarks=_remark(empty, count, "labels", undefined))


def example(name: str, cells: Cells, uncertain: Uncertain, undefined: Undefined) -> Scored:
    """Score a set by the mean over its pairs of each one's F1; arguments as for `macro`, 'undefined' is of pairs."""
    _known(undefined)
    counts = cells.counts(uncertain)
    values = f1(*counts.sum(axis=1).T)
    answered = np.ones(len(values), dtype=bool)
    answered[list(cells.unscored)] = False
    empty = int((np.isnan(values) & answered).sum())
    if undefined == "zero":
        values = np.where(np.isnan(values) & answered, 0.0, values)
    there = np.isfinite(values)
    table = np.stack([np.where(there, values, 0.0), there.astype(np.float64)], axis=1)[:, :, None]
    choices, remarks = {"uncertain": uncertain, "undefined": undefined}, _remark(empty, len(values), "pairs", undefined)
    return _scored(name, cells, table, lambda sums: ratio(sums[:, 0], sums[:, 1]), choices, values, remarks)


def _known(undefined: str) -> None:
    if undefined not in get_args(Undefined):
        raise InputError(f"undefined must be one of {', '.join(get_args(Undefined))}, got '{undefined}'")


def _remark(empty: int, count: int, what: str, undefined: Undefined) -> tuple[str, ...]:
    how = "left out of the mean" if undefined == "left-out" else "counted as 0"
    return (f"{empty} of {count} {what} have nothing on either side and were {how}",) if empty else ()
