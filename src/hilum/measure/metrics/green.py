"""GREEN's six kinds of errors counted from structured findings, and the arithmetic of GREEN and CRIMSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, get_args

import numpy as np

from hilum.core.errors import InputError
from hilum.core.registry import register
from hilum.measure.disagreements import disagreements
from hilum.measure.fact_match import Compared, Match, compared, unmatched
from hilum.measure.facts import Stated
from hilum.measure.pairs import ReportPairs, unanswered
from hilum.measure.scored import Scored, averaged, signature
from hilum.measure.significant_findings import significant

ERRORS = ("false finding", "omission", "location", "severity", "spurious comparison", "omitted comparison")
"""GREEN's kinds a to f, in order."""
_VERSION = 1
Denials = Literal["matched", "ignored"]
_GRADE = 1.0  # mild for moderate; 'mild to moderate' for moderate is no error


def green(matched: int, significant_errors: Sequence[int]) -> float:
    """Return GREEN: matched findings over matched findings and significant errors; 0 where nothing matches.

    The rule gives 0 to a perfect answer about a film without findings; that is GREEN's, not ours to mend here.

    Args:
        matched: number of matched findings.
        significant_errors: counts a to f.

    Raises:
        InputError: if there are not six counts, or one is negative.

    Source: Ostmeier et al. 2024.
    """
    if len(significant_errors) != len(ERRORS) or min((matched, *significant_errors)) < 0:
        raise InputError(f"GREEN takes {len(ERRORS)} counts of 0 or more (a to f), got {list(significant_errors)}")
    return matched / (matched + sum(significant_errors)) if matched else 0.0


def crimson(
    matches: Sequence[tuple[float, Sequence[float]]], false: Sequence[float] = (), missing: Sequence[float] = ()
) -> float:
    """Return CRIMSON's score (-1, 1] of weighted findings.

    Args:
        matches: of each matched reference finding its weight (urgent 1, actionable 0.5, not actionable 0.25, benign or
            expected 0) and the weights of its attribute errors (significant 0.5, negligible 0).
        false: weights of findings that only the answer has.
        missing: weights of reference findings without a match.

    Returns:
        (earned - false) / reference weight where that is 0 or more; else -x / (1 + x) of the excess x of false weight
        over what was earned. Without reference weight: 1 where nothing is false or missing, else the excess.

    Source: the crimson-score package (MIT), its arithmetic only.
    """
    earned = sum(w * w / (w + sum(errors)) if w > 0 else 0.0 for w, errors in matches)
    wrong, whole = sum(false), sum(w for w, _ in matches) + sum(missing)
    if whole == 0 and wrong == 0:
        return 1.0
    if whole > 0 and earned >= wrong:
        return (earned - wrong) / whole
    excess = max(0.0, wrong - earned)
    return -excess / (1 + excess)


def error_counts(pair: Compared, denials: Denials = "matched") -> tuple[int, list[int], list[int]]:
    """Return matched findings and the counts a to f of significant and of other errors.

    Matched: findings, or denials of the same finding, whose states do not contradict each other; denials only where
    `denials` is 'matched'. What is said of the film as a whole ('no acute findings', 'stable') is no finding.
    Significant: the finding is (`significant_findings`), and the side is wrong (a place alone is not), the severity is
    a grade off or more, or the comparison says more than 'unchanged'.
    """
    matched = 0
    serious, slight = [0] * len(ERRORS), [0] * len(ERRORS)

    def count(kind: int, item: Stated, grave: bool = True) -> None:
        (serious if grave and significant(item) else slight)[kind] += 1

    for match in pair.matches:
        reference, answer = pair.references[match.reference], pair.answers[match.answer]
        if match.state == 0.0:
            count(0 if reference.state == "absent" else 1, answer if reference.state == "absent" else reference)
        elif reference.kind != "film":
            matched += reference.state != "absent" or denials == "matched"
            if reference.state != "absent":
                for kind, grave in _attribute_errors(match, reference, answer):
                    count(kind, reference, grave)
    omitted, made_up = unmatched(pair)
    for kind, items in ((1, omitted), (0, made_up)):
        for item in items:
            if item.state != "absent" and item.kind != "film":
                count(kind, item)
    return matched, serious, slight


def _attribute_errors(match: Match, reference: Stated, answer: Stated) -> list[tuple[int, bool]]:
    """(kind, whether it is grave) of what is wrong about a finding that both reports have."""
    found: list[tuple[int, bool]] = []
    for one, other, grave in (
        (reference.sides, answer.sides, True), (reference.regions, answer.regions, False)
    ):  # fmt: skip
        if one and other and one != other:
            found.append((2, grave))
            break
    if reference.grade is not None and answer.grade is not None and reference.grade != answer.grade:
        found.append((3, abs(reference.grade - answer.grade) >= _GRADE))
    if answer.change and match.parts["change"] < 1.0 and (not reference.change or match.parts["change"] == 0.0):
        found.append((4, answer.change != "unchanged" or bool(reference.change)))
    elif reference.change and not answer.change:
        found.append((5, reference.change != "unchanged"))
    return found


@register.metric("green/hilum", better="higher", takes="report", over="set", range=(0, 1), version=_VERSION)
def green_hilum(pairs: ReportPairs, denials: Denials = "matched") -> Scored:
    """GREEN's arithmetic on errors counted by rule from our own findings; not GREEN, whose judge is a language model.

    By GREEN's own rule a pair without a matched finding scores 0, a perfect normal report that names no finding
    included; its note says so. Where neither report states anything at all it is undefined.

    Args:
        pairs: reports.
        denials: whether a finding that both deny is 'matched', which forgives a stock of denials much, or 'ignored',
            which gives 0 to every right normal report.

    Raises:
        InputError: if the choice is unknown.
    """
    if denials not in get_args(Denials):
        raise InputError(f"denials must be one of {', '.join(get_args(Denials))}, got '{denials}'")
    unscored = unanswered(pairs)
    values, notes = np.full(len(pairs), np.nan), []
    told = disagreements(pairs)
    for number, pair in enumerate(compared(pairs)):
        matched, serious, slight = error_counts(pair, denials)
        if not pair.references and not pair.answers:
            unscored.setdefault(number, "neither report states anything")
        if number not in unscored:
            values[number] = green(matched, serious)
        note: dict[str, Any] = {
            "matched": matched, "significant": dict(zip(ERRORS, serious, strict=True)),
            "not significant": dict(zip(ERRORS, slight, strict=True)), "errors": told[number]["errors"],
        }  # fmt: skip
        if not matched and not sum(serious):
            note["remark"] = "no error and no matched finding: 0 by GREEN's rule, not by any fault of the answer"
        notes.append(note)
    said = signature("green/hilum", _VERSION, judge="hilum-rules", denials=denials, none_matched=0)
    return averaged("green/hilum", values, said, unscored=unscored, notes=notes)
