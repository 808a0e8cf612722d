"""How long an answer is beside its reference: many scores can be gamed by length alone."""

from __future__ import annotations

import re

import numpy as np

from hilum.core.registry import register
from hilum.measure.pairs import ReportPairs, texts, unanswered
from hilum.measure.scored import Scored, ratio, signature, summed

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
