"""How much of an answer our reader understands: metrics that stand on it say nothing of the rest."""

from __future__ import annotations

import re

import numpy as np

from hilum.core.registry import register
from hilum.measure.normal_statements import film_statements
from hilum.measure.pairs import ReportPairs, parsed, unanswered
from hilum.measure.scored import Scored, ratio, signature, summed
from hilum.text.sections import REPORTING

_WORD = re.compile(r"[^\W\d_]{2}")  # a sentence has a word; '1.' is a number in a list


@register.metric("unparsed-sentences", better="lower", takes="report", over="set", range=(0, 1), version=1)
def unparsed_sentences(pairs: ReportPairs) -> Scored:
    """Share of an answer's sentences in which our reader finds neither a finding nor a statement of normality."""
    unscored, table, notes = unanswered(pairs), np.zeros((len(pairs), 2)), []
    for number, report in enumerate(parsed(pairs)[1]):
        known = {fact.sentence for fact in report.facts}
        told = [(a, b) for a, b, part in report.sentences if part in REPORTING and _WORD.search(report.text, a, b)]
        lost = [report.text[a:b] for a, b in told if (a, b) not in known and not film_statements(report.text[a:b])]
        notes.append({"sentences": lost})
        if number not in unscored:
            table[number] = len(lost), len(told)
            if not told:
                unscored[number] = "the answer has no sentence"
    values = ratio(table[:, 0], table[:, 1])
    said = signature("unparsed-sentences", 1, reader="hilum")
    return summed("unparsed-sentences", values, table, lambda s: ratio(s[:, 0], s[:, 1]), said, better="lower",
                  unscored=unscored, notes=notes)  # fmt: skip
