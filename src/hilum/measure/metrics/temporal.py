"""Temporal F1: the words of change that two reports share (Libra), and the changes of findings that they share."""

from __future__ import annotations

import re

import numpy as np

from hilum.core.registry import register
from hilum.measure.facts import stated
from hilum.measure.pairs import ReportPairs, texts, unanswered
from hilum.measure.scored import Scored, averaged, f1, signature, summed

_LISTED = """
    bigger change cleared constant decrease decreased decreasing elevated elevation enlarged enlargement enlarging
    expanded greater growing improved improvement improving increase increased increasing larger new persistence
    persistent persisting progression progressive reduced removal resolution resolved resolving smaller stability stable
    stably unchanged unfolded unaltered worse worsen worsened worsening
"""
LIBRA_WORDS = frozenset(_LISTED.split())
"""Words that Libra's temporal F1 counts (Zhang et al., arXiv 2411.19378)."""
_WORD = re.compile(r"[a-z]+")


@register.metric("temporal-f1/libra", better="higher", takes="report", over="set", range=(0, 1), version=1)
def libra(pairs: ReportPairs) -> Scored:
    """Set F1 of the words of change in both reports (Libra's list), said of whatever; 1 where neither has one."""
    values, unscored = np.full(len(pairs), np.nan), unanswered(pairs)
    notes = []
    for number, pair in enumerate(zip(*texts(pairs), strict=True)):
        reference, answer = (LIBRA_WORDS.intersection(_WORD.findall(text.lower())) for text in pair)
        if number not in unscored:
            shared = len(reference & answer)
            both = len(reference) + len(answer)
            values[number] = 2 * shared / both if both else 1.0
        notes.append({"reference": sorted(reference), "answer": sorted(answer)})
    said = signature("temporal-f1/libra", 1, words=len(LIBRA_WORDS), case="lower", empty="1")
    return averaged("temporal-f1/libra", values, said, unscored=unscored, notes=notes)


def changes(pairs: ReportPairs) -> tuple[list[frozenset[tuple[str, str, str]]], ...]:
    """Return what has changed in each reference and each answer: (concept, side, direction)."""
    return tuple(
        [
            frozenset(
                (each.concept, "+".join(sorted(each.sides)), each.change) for each in report if each.change
            )
            for report in side
        ]
        for side in stated(pairs)
    )  # fmt: skip


@register.metric("temporal-f1/findings", better="higher", takes="report", over="set", range=(0, 1), version=1)
def findings(pairs: ReportPairs) -> Scored:
    """F1 over stated changes: the same finding, side and direction; undefined where neither report has one."""
    references, answers = changes(pairs)
    unscored = unanswered(pairs)
    table = np.array(
        [(len(r & a), len(a - r), len(r - a)) for r, a in zip(references, answers, strict=True)], dtype=float
    )
    table[list(unscored)] = 0.0
    values = f1(table[:, 0], table[:, 1], table[:, 2])
    for number in np.flatnonzero(np.isnan(values)):
        unscored.setdefault(int(number), "neither report states a change")
    notes = [
        {"missed": sorted(map(list, r - a)), "false": sorted(map(list, a - r))}
        for r, a in zip(references, answers, strict=True)
    ]
    said = signature("temporal-f1/findings", 1, facts="hilum", tuple="finding,side,direction", over="changes")
    return summed(
        "temporal-f1/findings", values, table, lambda s: f1(s[:, 0], s[:, 1], s[:, 2]), said, unscored=unscored,
        notes=notes,
    )  # fmt: skip
