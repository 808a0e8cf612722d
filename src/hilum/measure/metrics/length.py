"""How long an answer is beside its reference: many scores can be gamed by length alone."""

from __future__ import annotations

import re

import numpy as np

from hilum.core.registry import register
from hilum.measure.pairs import ReportPairs, texts, unanswered
from hilum.measure.scored import Scored, averaged, ratio, signature, summed

_WORD = re.compile(r"\w+")


@register.metric(
    "length-ratio", better="lower", takes="report", over="set", range=(0.0, float("inf")), version=1, ideal=1.0
)
def length_ratio(pairs: ReportPairs) -> Scored:
    """Words of the answers over words of the references; 1 is as long, and far from 1 either way is a warning."""
    references, answers = texts(pairs)
    counts = np.array([[len(_WORD.findall(text)) for text in pair] for pair in zip(answers, references, strict=True)])
    unscored = unanswered(pairs)
    for number in np.flatnonzero(counts[:, 1] == 0):
        unscored.setdefault(int(number), "the reference is empty")
    counts[list(unscored)] = 0
    values = ratio(counts[:, 0].astype(float), counts[:, 1].astype(float))
    said = signature("length-ratio", 1, tok="words")
    return summed(
        "length-ratio", values, counts, lambda sums: ratio(sums[:, 0], sums[:, 1]), said, better="lower",
        unscored=unscored,
    )  # fmt: skip


@register.metric("length-agreement", better="higher", takes="report", over="set", range=(0, 1), version=1)
def length_agreement(pairs: ReportPairs) -> Scored:
    """Words of the shorter of answer and reference over words of the longer: 1 is as long, and both ways from it cost.

    `length-ratio` has no good direction, since a shorter answer is no better one: compare systems by this. Its notes
    hold the words of both.
    """
    references, answers = texts(pairs)
    counts = np.array([[len(_WORD.findall(text)) for text in pair] for pair in zip(answers, references, strict=True)])
    unscored = unanswered(pairs)
    for number in np.flatnonzero(counts[:, 1] == 0):
        unscored.setdefault(int(number), "the reference is empty")
    values = ratio(counts.min(axis=1).astype(float), counts.max(axis=1).astype(float))
    values[list(unscored)] = np.nan
    notes = [{"answer": int(answer), "reference": int(reference)} for answer, reference in counts]
    said = signature("length-agreement", 1, tok="words", mean="over reports")
    return averaged("length-agreement", values, said, unscored=unscored, notes=notes)
