"""Facts of coded Open-i reports for questions: present by the coders, absent by the report's own words and no code.

The key is checked by a second way: what the coders say is held against the words, and what the words say against the
codes; items that the two disagree on are left out and counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from hilum.core.finding import Finding
from hilum.core.image import MadeBy
from hilum.core.study import Study
from hilum.data.openi import CodedReport, reports
from hilum.measure.choice.facts import facts_of
from hilum.measure.choice.items import Item
from hilum.measure.choice.reported import described, excluded
from hilum.text.findings import to_findings
from hilum.text.parse import parse

REPORTED = {"presence": described, "negation": excluded}
"""The makers that ask of a report."""
CODERS, READER = MadeBy("Open-i coders"), MadeBy("hilum.text")


def coded_study(each: CodedReport) -> Study:
    """Return a coded report as a study: coded concepts present, what the text denies and no code names absent."""
    coded = tuple(Finding(name, made_by=CODERS, id=name) for name in each.concepts)
    told = stated(each)
    held = facts_of(Study(each.id, findings=coded))
    other = {name: state for name, state in sorted(told.items()) if not state and not held.has(name)}
    said = tuple(
        Finding(name, "absent" if state is False else "uncertain", made_by=READER, id=f"not-{name}")
        for name, state in other.items()
    )
    return Study(each.id, patient=each.group, report=each.report, findings=(*coded, *said))


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
    """Return the items that codes and words agree on, and how the others fared.

    Of presence the coders are the key: the words must state the answer and no other option. Of negation the words are:
    the coders must not have coded the answer.

    Args:
        items: made from `coded_studies` by `REPORTED`.
        root: of the reports.
    """
    named = {item.study for item in items}
    held = {each.id: (_closed(stated(each)), each.concepts) for each in reports(root) if each.id in named}
    kept, contradicted, silent = list[Item](), 0, 0
    for item in items:
        told, coded = held[item.study]
        answer = item.options[item.answer]
        others = [told.get(name) for name in item.options if name != answer]
        if item.task == "negation":
            wrong, right = answer in coded or False in others, told.get(answer) is False
        else:
            wrong, right = told.get(answer) is False or True in others, told.get(answer) is True
        contradicted, silent = contradicted + wrong, silent + (not wrong and not right)
        if right and not wrong:
            kept.append(item)
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
    return [item for item in items if counts[item.group] == len(item.options)]
