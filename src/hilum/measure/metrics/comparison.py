"""Comparisons without a film to compare with, and hints of the indication that a report repeats as findings."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from hilum.core.registry import register
from hilum.core.report import Report
from hilum.measure.facts import above, stated, stated_in
from hilum.measure.normal_statements import UNCHANGED
from hilum.measure.pairs import ReportPairs, Text, parsed, texts, unanswered
from hilum.measure.scored import Scored, ratio, signature, summed
from hilum.text.parse import Parsed, parse
from hilum.text.sections import REPORTING

_NO_PRIOR = re.compile(
    r"(?:none|(?:there (?:is|are|were) )?no (?:priors?|previous|comparisons?|earlier|relevant)\b|nil|n/?a"
    r"|(?:not|un)[ -]?(?:available|applicable))\b.*",
    re.IGNORECASE | re.DOTALL,
)
_DATE = re.compile(r"\b(?:19|20)\d\d\b|\b\d{1,2}[/.-]\d{1,2}[/.-]\d{2,4}\b")
_PRIOR = re.compile(
    r"\b(?:compar(?:ed|ison|ing)|prior|previous(?:ly)?|earlier|preceding|last) (?:\w+ ){0,2}?"
    r"(?:stud(?:y|ies)|exam(?:ination)?s?|films?|radiographs?|x-?rays?|cts?|images?|imaging|chest|report)\b"
    r"|\b(?:as )?compar(?:ed|ison) (?:to|with)\b|\b(?:interval|unchanged|stable|again (?:seen|noted|demonstrated))\b"
    r"|\bsince (?:the )?(?:prior|previous|last|earlier)\b",
    re.IGNORECASE,
)
_NONE_THERE = re.compile(
    r"\b(?:no|without|lack of|absence of)(?: \w+)? (?:"
    r"(?:prior|previous|comparison|earlier)(?: \w+){0,2}? (?:stud(?:y|ies)|exam(?:ination)?s?|films?|radiographs?"
    r"|x-?rays?|cts?|images?|imaging)|priors|comparisons?(?= (?:is|are|was|were)? ?available))\b"
    r"(?: (?:(?:is|are|was|were) )?available)?(?: (?:for|as)(?: \w+)? compar(?:ison|ing))?"
    r"|\b(?:prior|previous|comparison|earlier) (?:\w+ ){0,3}?(?:is|are|was|were) (?:not |un)available"
    r"(?: for(?: \w+)? comparison)?",
    re.IGNORECASE,
)
"""'No prior films for comparison' says that there is none, and compares with nothing."""
_ADVICE = re.compile(
    r"\b(?:recommend|advise|please)\w*\b.*\b(?:compar|prior|previous)"
    r"|\b(?:compar|prior|previous)\w*\b.*\b(?:recommended|advised|if (?:\w+ )*(?:available|obtainable))",
    re.IGNORECASE | re.DOTALL,
)

_ASKED = re.compile(
    r"\b(?:rule out|r/o|(?:evaluat\w+|eval|assess\w*|check\w*|look\w*|concern\w*|suspicio\w+) (?:for|of)"
    r"|query|questions?(?: of)?|suspect\w*)\s+|\?\s*",
    re.IGNORECASE,
)
"""How an indication asks for a finding; the parser, rightly, takes none of these as a statement."""


def has_prior(reference: Text | None) -> bool | None:
    """Return whether a reference had an earlier film, as its comparison section tells.

    True where the section names something, False where it says that there is none ('None', 'No prior films'), None
    where the section is empty, says both ('None recent. CT of 2012'), or the report has no sections.
    """
    if reference is None or isinstance(reference, str):
        return None
    said = reference.comparison if isinstance(reference, Report) else reference.get("comparison")
    told = (said or "").strip(" \t\r\n.,:;()[]-_")
    denied = bool(_NO_PRIOR.fullmatch(told))
    return None if not told or (denied and _DATE.search(told)) else not denied


def refers_to_prior(report: Parsed) -> list[str]:
    """Return the words of findings and impression that compare with an earlier film: phrases, and stated changes.

    That there is no earlier film, and advice to compare with one, are no comparison.
    """
    words = []
    for start, end, section in report.sentences:
        if section in REPORTING:
            said = _NONE_THERE.sub(" ", report.text[start:end])
            if not _ADVICE.search(said):
                words += [match.group() for match in _PRIOR.finditer(said)]
    for each in stated_in(report):
        if each.change or each.concept == UNCHANGED:
            words.append(f"{each.concept}: {each.change or UNCHANGED}")
    return words


def _rate(
    name: str, pairs: ReportPairs, asked: list[str], hits: list[bool], notes: list[dict[str, Any]], **said: object
) -> Scored:
    """Share of hits among pairs that can be asked; `asked` is why a pair cannot be, '' where it can."""
    unscored = unanswered(pairs)
    silent = {n: "the answer is empty" for n, text in enumerate(texts(pairs)[1]) if not text.strip()}
    unscored = {**silent, **unscored}
    unscored.update({n: why for n, why in enumerate(asked) if why and n not in unscored})
    counted = np.array([n not in unscored for n in range(len(pairs))], dtype=float)
    table = np.stack([np.array(hits, dtype=float) * counted, counted], axis=1)
    values = np.where(counted > 0, table[:, 0], np.nan)
    line = signature(name, 1, **said)
    return summed(name, values, table, lambda sums: ratio(sums[:, 0], sums[:, 1]), line, better="lower",
                  unscored=unscored, notes=notes)  # fmt: skip


@register.metric("false-comparison-rate", better="lower", takes="report", over="set", range=(0, 1), version=1)
def false_comparison_rate(pairs: ReportPairs) -> Scored:
    """Share of answers that state a change or refer to an earlier film although there was none to compare with.

    Only references by section tell whether there was one: see `has_prior`.
    """
    priors = [has_prior(reference) for reference in pairs.references]
    why = {False: "", True: "there is a prior", None: "the reference has no comparison section that tells"}
    asked = [why[had] for had in priors]
    words = [refers_to_prior(answer) for answer in parsed(pairs)[1]]
    notes = [{"words": each} for each in words]
    return _rate("false-comparison-rate", pairs, asked, [bool(w) for w in words], notes, prior="comparison section")


@register.metric("hallucinated-prior-rate", better="lower", takes="report", over="set", range=(0, 1), version=1)
def hallucinated_prior_rate(pairs: ReportPairs) -> Scored:
    """Share of answers that refer to an earlier film or state a change where the reference does neither."""
    references, answers = ([refers_to_prior(report) for report in side] for side in parsed(pairs))
    asked = ["the reference itself refers to an earlier film" if words else "" for words in references]
    notes = [{"words": each} for each in answers]
    return _rate("hallucinated-prior-rate", pairs, asked, [bool(w) for w in answers], notes, prior="reference text")


@register.metric("echo-rate", better="lower", takes="report", over="set", range=(0, 1), version=1)
def echo_rate(pairs: ReportPairs) -> Scored:
    """Share of answers that repeat, as a finding, a hint of the indication which the reference does not hold.

    Asked where the reference has an indication that names a finding which it does not then state.
    """
    references, answers = stated(pairs)
    asked, hits, notes = [], [], []
    for given, reference, answer in zip(pairs.references, references, answers, strict=True):
        hints = _hints(given)
        held, told = ({each.concept for each in side if each.state != "absent"} for side in (reference, answer))
        held |= {up for concept in held for up in above(concept)}
        misleading = sorted(hint for hint in hints if hint not in held)
        echoed = [hint for hint in misleading if any(hint == c or hint in above(c) for c in told)]
        asked.append("" if misleading else "no misleading hint" if hints else "the indication names no finding")
        hits.append(bool(echoed))
        notes.append({"misleading": misleading, "echoed": echoed})
    return _rate("echo-rate", pairs, asked, hits, notes, hints="indication section")


def _hints(reference: Text | None) -> frozenset[str]:
    """Findings that the indication names: 'rule out pneumonia' is a hint at pneumonia."""
    if reference is None or isinstance(reference, str):
        return frozenset()
    said = reference.indication if isinstance(reference, Report) else reference.get("indication")
    facts = parse(_ASKED.sub("possible ", said or "")).facts
    return frozenset(fact.concept for fact in facts if fact.kind == "finding" and fact.state != "absent")
