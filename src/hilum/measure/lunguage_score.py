"""LunguageScore: rows of structured reports matched one to one by what they mean, hold, and when they were.

Source: Moon et al., Lunguage (arXiv 2505.21190), and the weights of the package lunguage-score 1.0.0 (MIT). The
likeness of every two rows is Sem x Struct x Temp; pairs are chosen by the Hungarian method; a pair of likeness s is s
of a hit and 1 - s of both errors. The published score takes cosines of two language models, ours of character n-grams
unless it is given an encoder: figures of the two must never be put beside each other.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

import numpy as np
from scipy.optimize import linear_sum_assignment

from hilum.core.errors import InputError
from hilum.measure.likeness import CharGrams, Likeness
from hilum.measure.scored import Floats, Scored, averaged, signature
from hilum.text.lunguage import Record
from hilum.text.structure import Row

Mode = Literal["single", "sequential"]
WEIGHTS: Mapping[str, float] = MappingProxyType({
    "dx_status": 0.50, "dx_certainty": 0.10, "location": 0.20, "severity": 0.15, "onset": 0.15, "improved": 0.15,
    "worsened": 0.15, "placement": 0.15, "no_change": 0.10, "morphology": 0.05, "distribution": 0.05,
    "measurement": 0.05, "comparison": 0.03, "past_hx": 0.01, "other_source": 0.01, "assessment_limitations": 0.01,
})  # fmt: skip
"""Weight of each field in Struct; they are divided by the sum over the fields that either row fills."""
EXACT = ("dx_status", "dx_certainty")
PHRASE = (
    "ent", "location", "morphology", "distribution", "measurement", "severity", "onset", "improved", "worsened",
    "no_change", "placement",
)  # fmt: skip
"""Fields whose words make the phrase that Sem compares in a single report; over a sequence it is the entity group."""
_TAG = re.compile(r"\b(?:loc|det):\s*")
_MOST = 400_000  # pairs of rows compared at once
_VERSION = 1


@dataclass(frozen=True)
class Parts:
    """Which parts of the score are on; all of them is the published form.

    Args:
        struct: compare fields; else 1.
        temp: over a sequence, compare place and episode; else 1. With neither, Sem is all.
        duplicates: what a row without a partner costs: 'published', 1 minus its best likeness to any row, so that
            saying a thing twice is nearly free; or 'counted', 1.

    Raises:
        InputError: if `duplicates` is neither of its two words.
    """

    struct: bool = True
    temp: bool = True
    duplicates: Literal["published", "counted"] = "published"

    def __post_init__(self) -> None:
        if self.duplicates not in ("published", "counted"):
            raise InputError(f"duplicates must be 'published' or 'counted', got '{self.duplicates}'")

    def __str__(self) -> str:
        """Render for a signature: 'sem*struct*temp,duplicates-published'."""
        named = ["sem", *["struct"] * self.struct, *["temp"] * self.temp]
        return f"{'*'.join(named)},duplicates-{self.duplicates}"


WHOLE = Parts()


class Match(NamedTuple):
    """Rows of reference and answer that were matched, and how alike they are."""

    reference: int
    answer: int
    likeness: float


class Counts(NamedTuple):
    """Soft counts of one study or patient.

    Args:
        tp, fp, fn: of its rows.
        matches: in the order of the reference's rows.
    """

    tp: float
    fp: float
    fn: float
    matches: tuple[Match, ...] = ()

    @property
    def f1(self) -> float:
        """2 PR / (P + R); 0 where only one side has rows, NaN where none has."""
        total = 2 * self.tp + self.fp + self.fn
        return 2 * self.tp / total if total > 0 else float("nan")

    @property
    def precision(self) -> float:
        """Of the answer's rows; NaN without any."""
        return self.tp / (self.tp + self.fp) if self.tp + self.fp > 0 else float("nan")

    @property
    def recall(self) -> float:
        """Of the reference's rows; NaN without any."""
        return self.tp / (self.tp + self.fn) if self.tp + self.fn > 0 else float("nan")


Sides = tuple[Sequence[Record], Sequence[Record]]


def count(
    items: Sequence[Sides], mode: Mode = "single", parts: Parts = WHOLE, likeness: Likeness | None = None
) -> list[Counts]:
    """Return the soft counts of every item, a (reference rows, answer rows) pair; history rows take no part.

    Args:
        items: of one study each ('single'), or of all studies of one patient each ('sequential').
        mode: what Sem compares, and whether Temp is asked.
        parts: which factors are on.
        likeness: of phrases; character n-grams by default.

    Raises:
        InputError: if there is no such mode.
    """
    if mode not in ("single", "sequential"):
        raise InputError(f"the mode must be 'single' or 'sequential', got '{mode}'")
    by = likeness or CharGrams()
    kept = [tuple([each for each in side if each.row.section != "hist"] for side in item) for item in items]
    made: list[Counts] = []
    batch: list[tuple[list[Record], ...]] = []
    cells = 0
    for item in kept:
        size = len(item[0]) * len(item[1])
        if batch and cells + size > _MOST:
            made += _counted(batch, mode, parts, by)
            batch, cells = [], 0
        batch.append(item)
        cells += size
    return made + (_counted(batch, mode, parts, by) if batch else [])


def _counted(items: Sequence[tuple[list[Record], ...]], mode: Mode, parts: Parts, by: Likeness) -> list[Counts]:
    rows = ([each for item in items for each in item[0]], [each for item in items for each in item[1]])
    ones, others = _cells(items)
    alike = _cosines([_phrase(each, mode) for side in rows for each in side], ones, others + len(rows[0]), by)
    if parts.struct:
        alike = alike * _struct([each.row for side in rows for each in side], ones, others + len(rows[0]), by)
    if parts.temp and mode == "sequential":
        alike = alike * _temp(rows, ones, others)
    made, start = [], 0
    for reference, answer in items:
        stop = start + len(reference) * len(answer)
        made.append(_matched(alike[start:stop].reshape(len(reference), len(answer)), parts))
        start = stop
    return made


def _cells(items: Sequence[tuple[list[Record], ...]]) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of the reference row and of the answer row of every pair of rows, item after item."""
    ones, others, first, second = [], [], 0, 0
    for reference, answer in items:
        ones.append(np.repeat(np.arange(first, first + len(reference)), len(answer)))
        others.append(np.tile(np.arange(second, second + len(answer)), len(reference)))
        first, second = first + len(reference), second + len(answer)
    return np.concatenate(ones).astype(np.intp), np.concatenate(others).astype(np.intp)


def _phrase(record: Record, mode: Mode) -> str:
    if mode == "sequential" and record.entity_group:
        return record.entity_group
    return " ".join(_bare(getattr(record.row, name)) for name in PHRASE).strip()


def _bare(cell: str) -> str:
    """Words of a cell without Lunguage's tags 'loc:' and 'det:'."""
    return _TAG.sub("", cell).strip() if ":" in cell else cell


def _cosines(texts: Sequence[str], ones: np.ndarray, others: np.ndarray, by: Likeness) -> Floats:
    """Cosine of every pair of texts, each distinct pair computed once; 1 for the same words, 0 with an empty text."""
    known: dict[str, int] = {"": 0}
    ids = np.array([known.setdefault(text.lower(), len(known)) for text in texts], dtype=np.intp)
    a, b = np.minimum(ids[ones], ids[others]), np.maximum(ids[ones], ids[others])
    made = np.where((a == b) & (a > 0), 1.0, 0.0)
    asked = np.flatnonzero((a != b) & (a > 0))
    if asked.size:
        codes, back = np.unique(a[asked] * len(known) + b[asked], return_inverse=True)
        made[asked] = by(tuple(known), codes // len(known), codes % len(known))[back]
    return made


def _struct(rows: Sequence[Row], ones: np.ndarray, others: np.ndarray, by: Likeness) -> Floats:
    total, under = np.zeros(len(ones)), np.zeros(len(ones))
    for name, weight in WEIGHTS.items():
        cells = [_bare(getattr(row, name)) for row in rows]
        there = np.array([bool(cell) for cell in cells])
        if there.any():
            if name in EXACT:
                known: dict[str, int] = {}
                ids = np.array([known.setdefault(cell, len(known)) for cell in cells])
                alike = ((ids[ones] == ids[others]) & there[ones]).astype(np.float64)
            else:
                alike = _cosines(cells, ones, others, by)
            total += weight * alike
            under += weight * (there[ones] | there[others])
    return np.where(under > 0, total / np.where(under > 0, under, 1.0), 1.0)


def _temp(rows: tuple[list[Record], list[Record]], ones: np.ndarray, others: np.ndarray) -> Floats:
    """Half for the same study of the sequence, half for the same episode."""
    made = np.zeros(len(ones))
    for name in ("sequence", "temporal_group"):
        first, second = (np.array([getattr(each, name) for each in side], dtype=np.intp) for side in rows)
        made += 0.5 * (first[ones] == second[others])
    return made


def _matched(alike: Floats, parts: Parts) -> Counts:
    reference, answer = alike.shape
    if not reference or not answer:
        return Counts(0.0, float(answer), float(reference))
    chosen, partners = linear_sum_assignment(1.0 - alike)
    hits = alike[chosen, partners]
    left = [np.setdiff1d(np.arange(size), taken) for size, taken in ((reference, chosen), (answer, partners))]
    costs = [
        float(len(rest)) if parts.duplicates == "counted" else float((1.0 - best[rest]).sum())
        for rest, best in zip(left, (alike.max(axis=1), alike.max(axis=0)), strict=True)
    ]
    half = float((1.0 - hits).sum())
    matches = tuple(Match(int(a), int(b), float(s)) for a, b, s in zip(chosen, partners, hits, strict=True))
    return Counts(float(hits.sum()), half + costs[1], half + costs[0], matches)


def score_records(
    references: Iterable[Record], answers: Iterable[Record], mode: Mode = "single", parts: Parts = WHOLE,
    likeness: Likeness | None = None,
) -> tuple[tuple[tuple[str, str], ...], Scored]:  # fmt: skip
    """Score rows as Lunguage's CSVs hold them (`hilum.text.lunguage.loads`), or as `Timeline.records` gives them.

    Args:
        references, answers: rows of any number of patients and studies.
        mode: 'single', the mean over studies; 'sequential', the mean over patients, whose rows need the columns
            sequence and entity_group.
        parts, likeness: see `count`.

    Returns:
        The (patient, study) of each item, study '' in a sequence, in order; and their F1s. What one side lacks is 0.

    Raises:
        InputError: if there is no row, or a sequence lacks its columns.
    """
    held = [_grouped(side, mode) for side in (references, answers)]
    names = tuple(sorted({*held[0], *held[1]}))
    if not names:
        raise InputError("there is no row to score on either side")
    items: list[Sides] = [(held[0].get(name, []), held[1].get(name, [])) for name in names]
    found = count(items, mode, parts, likeness)
    return names, scored(f"lunguage-score/{mode}", items, found, mode, parts, likeness)


def _grouped(records: Iterable[Record], mode: Mode) -> dict[tuple[str, str], list[Record]]:
    def name(each: Record) -> tuple[str, str]:
        return each.subject_id, each.study_id if mode == "single" else ""

    held = {key: list(rows) for key, rows in groupby(sorted(records, key=name), key=name)}
    for (patient, _), rows in held.items():
        told = [each for each in rows if each.row.section != "hist"]
        if mode == "sequential" and not all(each.sequence and each.entity_group for each in told):
            raise InputError(f"rows of patient '{patient}' lack 'sequence' or 'entity_group': a sequence needs both")
    return held


def scored(
    metric: str, items: Sequence[Sides], found: Sequence[Counts], mode: Mode, parts: Parts,
    likeness: Likeness | None, unscored: Mapping[int, str] | None = None,
) -> Scored:  # fmt: skip
    """Return the mean F1 of items, with what was matched as evidence."""
    missing = dict(unscored or {})
    values = np.array([each.f1 for each in found])
    values[list(missing)] = np.nan
    for number in np.flatnonzero(np.isnan(values)):
        missing.setdefault(int(number), "neither side has a row")
    by, asked = (likeness or CharGrams()).name, replace(parts, temp=parts.temp and mode == "sequential")
    said = signature(metric, _VERSION, parts=asked, mode=mode, likeness=by, history="left-out")
    notes = [_note(item, each) for item, each in zip(items, found, strict=True)]
    return averaged(metric, values, said, unscored=missing, notes=notes)


def _note(item: Sides, found: Counts) -> dict[str, Any]:
    reference, answer = ([each.row for each in side if each.row.section != "hist"] for side in item)
    taken = {each.reference for each in found.matches}, {each.answer for each in found.matches}
    return {
        "matches": [[_named(reference[a]), _named(answer[b]), round(s, 4)] for a, b, s in found.matches],
        "missed": [_named(row) for number, row in enumerate(reference) if number not in taken[0]],
        "false": [_named(row) for number, row in enumerate(answer) if number not in taken[1]],
        "tp": round(found.tp, 4), "fp": round(found.fp, 4), "fn": round(found.fn, 4),
    }  # fmt: skip


def _named(row: Row) -> str:
    return " ".join(filter(None, (row.ent, _bare(row.location))))
