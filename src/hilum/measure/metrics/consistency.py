"""Consistency between reports of like patients: CON and R-CON of ICON (Hou et al., EMNLP 2024), and Jaccard beside.

Two references are equivalents where they share at least 3/4 of the findings of the one with fewer, and half of the
attributes; a report without a finding has none. CON of a report is how much its attributes overlap those of its
equivalents' answers (those there are); R-CON weighs that by how far the answer is right. The overlap coefficient, what
both share over the smaller of both, favours short answers: the metrics ending in /jaccard do not.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from hilum.core.registry import register
from hilum.measure.facts import Stated, stated
from hilum.measure.pairs import ReportPairs, unanswered
from hilum.measure.scored import Scored, averaged, signature

SHARED_FINDINGS, SHARED_ATTRIBUTES = 0.75, 0.5
_BLOCK = 1024
Likeness = Literal["overlap", "jaccard"]


def attributes(report: Iterable[Stated]) -> frozenset[tuple[str, str]]:
    """Return what a report affirms: (concept, '') for each finding, (concept, word) for its sides, grade and change."""
    made = set()
    for each in report:
        if each.state != "absent":
            words = {"", *each.sides, *each.regions, each.change, f"grade {each.grade:g}" if each.grade else ""}
            made |= {(each.concept, word) for word in words}
    return frozenset(made)


def _sparse(sets: list[frozenset[tuple[str, str]]]) -> csr_array:
    columns = {item: n for n, item in enumerate(sorted({item for each in sets for item in each}))}
    rows = [n for n, each in enumerate(sets) for _ in each]
    cells = [columns[item] for each in sets for item in sorted(each)]
    shape = (len(sets), max(1, len(columns)))
    return csr_array((np.ones(len(cells), np.float32), (rows, cells)), shape=shape)


def _alike(sets: csr_array, rows: slice, how: Likeness) -> NDArray[np.float64]:
    """Likeness of some sets (rows) to all of them; 0 with an empty set."""
    sizes = np.asarray(sets.sum(axis=1)).ravel()
    shared = (sets[rows] @ sets.T).toarray().astype(np.float64)
    one, other = sizes[rows][:, None], sizes[None, :]
    under = np.minimum(one, other) if how == "overlap" else one + other - shared
    return np.asarray(np.where(under > 0, shared / np.where(under > 0, under, 1.0), 0.0))


def _con(pairs: ReportPairs, how: Likeness) -> tuple[NDArray[np.float64], NDArray[np.float64], list[int]]:
    """CON and R-CON of each answer, NaN without an equivalent, and how many equivalents each has."""

    def made(given: ReportPairs) -> tuple[NDArray[np.float64], NDArray[np.float64], list[int]]:
        references, answers = ([attributes(report) for report in side] for side in stated(given))
        heads = [frozenset((concept, "") for concept, _ in each) for each in references]
        found, told, said = _sparse(heads), _sparse(references), _sparse(answers)
        count, answered = len(given), np.array([answer is not None for answer in given.answers])
        con, right, partners = np.full(count, np.nan), np.zeros(count), np.zeros(count, dtype=int)
        for start in range(0, count, _BLOCK):
            rows = slice(start, min(start + _BLOCK, count))
            equal = (_alike(found, rows, "overlap") >= SHARED_FINDINGS) & (
                _alike(told, rows, "overlap") >= SHARED_ATTRIBUTES
            )
            equal[np.arange(rows.stop - start), np.arange(start, rows.stop)] = False
            equal &= answered
            partners[rows] = equal.sum(axis=1)
            sums = np.where(equal, _alike(said, rows, how), 0.0).sum(axis=1)
            con[rows] = np.where(partners[rows] > 0, sums / np.maximum(partners[rows], 1), np.nan)
        for number, (reference, answer) in enumerate(zip(references, answers, strict=True)):
            under = min(len(reference), len(answer)) if how == "overlap" else len(reference | answer)
            right[number] = len(reference & answer) / under if under else 0.0
        return con, con * right, partners.tolist()

    return pairs.once(("consistency", how), made)


def _scored(name: str, pairs: ReportPairs, how: Likeness, which: int) -> Scored:
    con, weighed, partners = _con(pairs, how)
    values = (con, weighed)[which].copy()
    unscored = unanswered(pairs)
    values[list(unscored)] = np.nan
    unscored.update(
        {n: "no other reference is equivalent" for n, k in enumerate(partners) if not k and n not in unscored}
    )
    said = signature(name, 1, equivalents=f"{SHARED_FINDINGS:g}/{SHARED_ATTRIBUTES:g}", likeness=how, facts="hilum")
    return averaged(name, values, said, unscored=unscored, notes=[{"equivalents": each} for each in partners])


@register.metric(
    "consistency/con", better="higher", takes="report", over="set", range=(0, 1), version=1, ideal=float("nan")
)
def con(pairs: ReportPairs) -> Scored:
    """Overlap of an answer's attributes with those of the answers for equivalent references (ICON's CON)."""
    return _scored("consistency/con", pairs, "overlap", 0)


@register.metric(
    "consistency/r-con", better="higher", takes="report", over="set", range=(0, 1), version=1, ideal=float("nan")
)
def r_con(pairs: ReportPairs) -> Scored:
    """CON of each answer times its own overlap with its reference (ICON's R-CON)."""
    return _scored("consistency/r-con", pairs, "overlap", 1)


@register.metric(
    "consistency/con/jaccard", better="higher", takes="report", over="set", range=(0, 1), version=1, ideal=float("nan")
)
def con_jaccard(pairs: ReportPairs) -> Scored:
    """CON with Jaccard's index in place of the overlap coefficient, which short answers cannot game."""
    return _scored("consistency/con/jaccard", pairs, "jaccard", 0)


@register.metric(
    "consistency/r-con/jaccard",
    better="higher",
    takes="report",
    over="set",
    range=(0, 1),
    version=1,
    ideal=float("nan"),
)
def r_con_jaccard(pairs: ReportPairs) -> Scored:
    """R-CON with Jaccard's index in place of the overlap coefficient."""
    return _scored("consistency/r-con/jaccard", pairs, "jaccard", 1)
