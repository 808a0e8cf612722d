"""Facts of coded Open-i reports for questions: present by the coders, absent by the report's own words and no code.

The key is checked by a second way: what the report itself states, read by the text reader, must agree with the coders
on every option of an item, and what the two disagree on is left out and counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hilum.core.finding import Finding
from hilum.core.image import MadeBy
from hilum.core.study import Study
from hilum.data.openi import CodedReport, reports
from hilum.measure.choice.facts import facts_of
from hilum.measure.choice.items import Item
from hilum.text.findings import to_findings
from hilum.text.parse import parse

CODERS, READER = MadeBy("Open-i coders"), MadeBy("hilum.text")


def coded_study(each: CodedReport) -> Study:
    """Return a coded report as a study: coded concepts present, what the text denies and no code names absent."""
    coded = tuple(Finding(name, made_by=CODERS, id=name) for name in each.concepts)
    told = stated(each)
    held = facts_of(Study(each.id, findings=coded))
    denied = sorted(name for name, state in told.items() if state is False and not held.has(name))
    absent = tuple(Finding(name, "absent", made_by=READER, id=f"no-{name}") for name in denied)
    return Study(each.id, patient=each.group, report=each.report, findings=(*coded, *absent))


def stated(each: CodedReport) -> dict[str, bool | None]:
    """Return what the report's own words say of each concept: present, absent, or None where they are not sure."""
    facts: dict[str, set[str]] = {}
    for finding in to_findings(parse(each.text)):
        facts.setdefault(finding.concept, set()).add(finding.state)
    return {name: True if "present" in states else None if "uncertain" in states else False
            for name, states in facts.items()}  # fmt: skip


def coded_studies(root: str | Path, half: str) -> Iterator[Study]:
    """Yield the coded reports of a collection as studies, one half of it ('dev', 'test') or 'all'."""
    for each in reports(root):
        if each.scorable and half in ("all", each.half):
            yield coded_study(each)


@dataclass(frozen=True)
class Key:
    """How many items both ways agree on, how many the words contradict, and of how many the words do not say."""

    agreed: int
    contradicted: int
    silent: int


def check_key(items: Sequence[Item], root: str | Path) -> tuple[list[Item], Key]:
    """Return the items whose answer the report's own words bear out on every option, and how the others fared.

    Args:
        items: of presence or negation, made from `coded_studies`.
        root: of the reports.
    """
    named = {item.study for item in items}
    told = {each.id: _closed(stated(each)) for each in reports(root) if each.id in named}
    kept, contradicted, silent = list[Item](), 0, 0
    for item in items:
        concepts = [option.removeprefix("no ") for option in item.options]
        odd = item.category == "absent finding"
        wanted = [(at == item.answer) != odd for at in range(len(concepts))]
        found = [told[item.study].get(name) for name in concepts]
        if found == wanted:
            kept.append(item)
        elif any(said is not None and said != want for said, want in zip(found, wanted, strict=True)):
            contradicted += 1
        else:
            silent += 1
    return kept, Key(len(kept), contradicted, silent)


def _closed(told: dict[str, bool | None]) -> dict[str, bool | None]:
    """What is said, wider concepts of what is present being present too."""
    there = Study("told", findings=tuple(Finding(name) for name, state in told.items() if state))
    return {**told, **dict.fromkeys(facts_of(there).implied, True)}


def whole_groups(items: Sequence[Item]) -> list[Item]:
    """Return the items of quadruples that are still whole, so that words alone stay at chance."""
    counts: dict[int, int] = {}
    for item in items:
        counts[item.group] = counts.get(item.group, 0) + 1
    return [replace(item) for item in items if counts[item.group] == len(item.options)]
