"""What a generated report says of a scene, by the text reader, and what is true of it in the same form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hilum.core.study import Study
from hilum.measure.metrics.comparison import refers_to_prior
from hilum.measure.normal_statements import film_statements
from hilum.phantom.tips import read_tips
from hilum.text.findings import to_findings
from hilum.text.loop import Stated, stated
from hilum.text.parse import Parsed, parse, to_report

Key = tuple[str, str]
"""Concept and side: 'right', 'left' or ''."""


@dataclass(frozen=True)
class Said:
    """What one text says.

    Args:
        facts: grade and zone of each present finding, by concept and side; the tip's height in mm of a tube.
        changes: of each concept that it mentions at all.
        sentences: all of them, lower case.
        unread: those in which the text reader finds nothing.
        compares: words that refer to an earlier film.
    """

    facts: Mapping[Key, Mapping[str, str]]
    changes: Mapping[str, frozenset[str]]
    sentences: tuple[str, ...]
    unread: tuple[str, ...]
    compares: tuple[str, ...]


def said(text: str) -> Said:
    """Return what a generated findings section says, by the project's text reader."""
    parsed = parse({"findings": text})
    findings = to_findings(parsed)
    tips = {name: tip for name, tip in read_tips(to_report(parsed)).items() if tip.above_carina_mm is not None}
    changes: dict[str, set[str]] = {}
    for finding in findings:
        changes.setdefault(finding.concept, set()).add(finding.change or "none")
    facts: dict[Key, dict[str, str]] = {}
    for each in (stated(finding) for finding in findings if finding.state == "present"):
        for key, told in keyed(each):
            height = {"tip": str(tips[each.concept].above_carina_mm)} if each.concept in tips else {}
            facts.setdefault(key, {}).update(told | height)
    spans = [parsed.text[start:end].strip().lower() for start, end, _ in parsed.sentences]
    return Said(facts, {name: frozenset(told - {"none"} or told) for name, told in changes.items()}, tuple(spans),
                _unread(parsed), tuple(refers_to_prior(parsed)))  # fmt: skip


def true_facts(study: Study) -> dict[Key, dict[str, str]]:
    """Return the present facts of a scene in the form of `Said.facts`."""
    made: dict[Key, dict[str, str]] = {}
    for finding in study.findings:
        if finding.state == "present":
            heights = [f"{each.value:.0f}" for each in finding.measurements if each.name == "tip above carina"]
            tip = {"tip": heights[0]} if heights else {}
            made |= {key: told | tip for key, told in keyed(stated(finding))}
    return made


def keyed(each: Stated) -> list[tuple[Key, dict[str, str]]]:
    """Return what a finding states as facts: one for each side, with its grade and, of the lung, its zone."""
    told = {"size": each.grade} if each.grade else {}
    if not each.sites:
        return [((each.concept, ""), told)]
    zoned = each.concept in ("consolidation", "lung nodule")
    return [
        ((each.concept, side), told | ({"zone": place} if zoned and place else {}))
        for side, place in sorted(each.sites)
    ]


def _unread(parsed: Parsed) -> tuple[str, ...]:
    known = {fact.sentence for fact in parsed.facts}
    texts = [(parsed.text[a:b], (a, b) in known) for a, b, _ in parsed.sentences]
    return tuple(text for text, read in texts if not read and not film_statements(text))
