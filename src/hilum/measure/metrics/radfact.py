"""RadFact: the share of single-finding phrases that the other report bears out, in words and in boxes.

Source: Bannur et al., MAIRA-2 (arXiv 2406.04449). Mean over reports, those without a phrase left out; F1 from mean
precision and mean recall, 0 where both are 0 (RadFact itself divides by 0 there). Our judge reads facts, so that the
metrics are named after it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import InputError
from hilum.core.registry import register
from hilum.measure.entailment import Entailed, Judge, RuleJudge
from hilum.measure.pairs import Pairs, ReportPairs, parsed, unanswered
from hilum.measure.scored import Floats, Scored, ratio, signature
from hilum.measure.spatial import ENOUGH, GRID, Grounded, overlap, share_inside
from hilum.text.statements import phrases

_VERSION = 1
_SIDES = ("answer", "reference")
_ROUNDING = 1e-9  # exactly half is not more than half


class Judged(NamedTuple):
    """Verdicts on the answer's phrases (precision) and on the reference's (recall)."""

    answer: tuple[Entailed, ...]
    reference: tuple[Entailed, ...]


def judged(pairs: ReportPairs, judge: Judge | None = None) -> tuple[Judged, ...]:
    """Return the verdicts of every pair; made once for each judge."""
    by = judge or RuleJudge()

    def made(given: ReportPairs) -> tuple[Judged, ...]:
        references, answers = ([phrases(report) for report in side] for side in parsed(given))
        return tuple(Judged(by(a, r), by(r, a)) for r, a in zip(references, answers, strict=True))

    return pairs.once(("radfact", by.name), made)


def _share(verdicts: Sequence[Entailed]) -> float:
    return sum(each.status == "entailed" for each in verdicts) / len(verdicts) if verdicts else float("nan")


def _scored(name: str, pairs: ReportPairs, judge: Judge | None) -> Scored:
    found, unscored = judged(pairs, judge), unanswered(pairs)
    table = np.array([[_share(getattr(each, side)) for side in _SIDES] for each in found])
    table[list(unscored)] = np.nan
    said = signature(name, _VERSION, judge=(judge or RuleJudge()).name, phrases="hilum", mean="over reports")
    notes = [{side: [v._asdict() for v in getattr(each, side)] for side in _SIDES} for each in found]
    return _of_table(name, table, said, unscored, notes)


def _of_table(name: str, table: Floats, said: str, unscored: dict[int, str], notes: Sequence[Any]) -> Scored:
    """A score of (N, 2) shares, precision and recall: one of them, or F1 of their means."""
    part = name.rsplit("/", 1)[1]
    values = {"precision": table[:, 0], "recall": table[:, 1]}.get(part, _f1(table[:, 0], table[:, 1]))
    for number in np.flatnonzero(np.isnan(values)):
        unscored.setdefault(int(number), "a side has no phrase to judge")
    there = np.isfinite(table)
    filled = np.where(there, table, 0.0)

    def at(weights: Floats) -> Floats:
        means = ratio(weights @ filled, weights @ there.astype(np.float64))
        return {"precision": means[:, 0], "recall": means[:, 1]}.get(part, _f1(means[:, 0], means[:, 1]))

    return Scored(name, values, at, said, unscored=unscored, notes=notes)


def _f1(precision: Floats, recall: Floats) -> Floats:
    """F1; 0 where both are 0, NaN where one is undefined."""
    total = precision + recall
    return np.where(total > 0, 2 * precision * recall / np.where(total > 0, total, 1.0), total)


@register.metric("radfact/hilum/precision", better="higher", takes="report", over="set", range=(0, 1), version=_VERSION)
def precision(pairs: ReportPairs, judge: Judge | None = None) -> Scored:
    """Share of the answer's single-finding phrases that the reference bears out: RadFact's form, our rules as judge."""
    return _scored("radfact/hilum/precision", pairs, judge)


@register.metric("radfact/hilum/recall", better="higher", takes="report", over="set", range=(0, 1), version=_VERSION)
def recall(pairs: ReportPairs, judge: Judge | None = None) -> Scored:
    """Share of the reference's single-finding phrases that the answer bears out: RadFact's form, our rules as judge."""
    return _scored("radfact/hilum/recall", pairs, judge)


@register.metric("radfact/hilum/f1", better="higher", takes="report", over="set", range=(0, 1), version=_VERSION)
def radfact_f1(pairs: ReportPairs, judge: Judge | None = None) -> Scored:
    """F1 of mean precision and mean recall of single-finding phrases (RadFact's form, judged by our rules)."""
    return _scored("radfact/hilum/f1", pairs, judge)


GroundedPairs = Pairs[Sequence[Grounded]]


class Spatial(NamedTuple):
    """What the boxes of one report's phrases came to.

    Args:
        phrases, entailed: all of them, and those that the other report bears out.
        boxed, entailed_boxed: those with boxes, and those of them borne out in words.
        spatial: borne out in words with more than half of their boxed area in the evidence's boxes.
        overlap: mean IoU with the evidence's boxes of those borne out in words, NaN without any.
    """

    phrases: int
    entailed: int
    boxed: int
    entailed_boxed: int
    spatial: int
    overlap: float


def ground(
    phrases_: Sequence[Grounded], others: Sequence[Grounded], judge: Judge | None = None, *, pixels: bool = False
) -> Spatial:
    """Judge grounded phrases against another report's, in words and in boxes (see `spatial.share_inside`)."""
    verdicts = (judge or RuleJudge())([each.text for each in phrases_], [each.text for each in others])
    boxed = entailed = both = right = 0
    overlaps = []
    for each, verdict in zip(phrases_, verdicts, strict=True):
        held = verdict.status == "entailed"
        entailed += held
        boxed += bool(each.boxes)
        if held and each.boxes:
            evidence = [box for number in verdict.evidence for box in others[number].boxes]
            both += 1
            right += bool(evidence) and share_inside(each.boxes, evidence, pixels=pixels) > ENOUGH + _ROUNDING
            overlaps.append(overlap(each.boxes, evidence) if evidence else 0.0)
    return Spatial(len(phrases_), entailed, boxed, both, right, float(np.mean(overlaps)) if overlaps else float("nan"))


def radfact_grounded(
    pairs: GroundedPairs, judge: Judge | None = None, *, pixels: bool = False
) -> dict[str, Scored]:  # fmt: skip
    """Return RadFact of grounded reports: logical, grounding and spatial precision and recall, and the box overlap.

    Args:
        pairs: lists of `Grounded` phrases.
        judge: in words; our rules by default.
        pixels: areas inside as RadFact counts them, by pixels of a mask; exact areas by default.

    Raises:
        InputError: if a report is not a list of `Grounded`.
    """
    rows, unscored = [], unanswered(pairs)
    for reference, answer in zip(pairs.references, pairs.answers, strict=True):
        for each in (reference, answer or ()):
            if not all(isinstance(phrase, Grounded) for phrase in each):
                raise InputError("a grounded report must be a list of Grounded(text, boxes)")
        told = answer or ()
        rows.append((ground(told, reference, judge, pixels=pixels), ground(reference, told, judge, pixels=pixels)))
    named, counted = (judge or RuleJudge()).name, f"{GRID}x{GRID} pixels" if pixels else "exact"
    absent = list(unscored)
    return {
        f"{kind}/{part}": _of_table(
            f"radfact/{kind}/{part}", _table(rows, top, under, absent),
            signature(f"radfact/{kind}/{part}", _VERSION, judge=named, inside=f">{ENOUGH:g}", area=counted),
            dict(unscored), [{"answer": a._asdict(), "reference": r._asdict()} for a, r in rows],
        )
        for kind, top, under in (("logical", "entailed", "phrases"), ("grounding", "spatial", "entailed_boxed"),
                                 ("spatial", "spatial", "boxed"), ("overlap", "overlap", ""))
        for part in ("precision", "recall", "f1")
    }  # fmt: skip


def _table(rows: Sequence[tuple[Spatial, Spatial]], top: str, under: str, absent: list[int]) -> NDArray[np.float64]:
    made = np.array([[getattr(side, top) for side in row] for row in rows], dtype=float)
    made[absent] = np.nan
    if not under:
        return made
    return ratio(made, np.array([[getattr(side, under) for side in row] for row in rows], dtype=float))
