"""The structured findings list of a page and the prose that follows from it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from hilum.app.markup import Html, element, join
from hilum.core.finding import UNCALIBRATED, Finding
from hilum.core.report import SECTIONS, Report
from hilum.core.study import Study

_UCUM_REMARK = re.compile(r"^1$|\{[^}]*\}")
STATES = ("present", "uncertain", "absent")
Clean = Callable[[str], str]
Numbered = tuple[int, Finding]


@dataclass(frozen=True)
class Skill:
    """What the model card says of one finding; empty parts are unknown."""

    thresholds: tuple[float, ...] = ()
    sentence: str = ""


def numbered(study: Study) -> list[Numbered]:
    """Return findings with their numbers on the page: present, uncertain, absent; most probable first."""

    def order(finding: Finding) -> tuple[int, float]:
        return STATES.index(finding.state), -(finding.probability or 0.0)

    return list(zip(count(1), sorted(study.findings, key=order)))


def percent(probability: float) -> str:
    """Return a probability as a percentage that never rounds to certainty."""
    if 0 < probability < 0.01:
        return "< 1 %"
    if 0.99 < probability < 1:
        return "> 99 %"
    return f"{100 * probability:.0f} %"


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _numbers(value: Any) -> list[float]:
    values = value.values() if isinstance(value, Mapping) else value if isinstance(value, (list, tuple)) else [value]
    return [number for item in values if (number := _number(item)) is not None]


def _skill(facts: Mapping[str, Any]) -> str:
    """Return how well the model did on this finding, and on its weakest control where one is told; '' if unknown."""
    control = facts.get("control")
    against = _figure(control) if isinstance(control, Mapping) else ""
    return "; control: ".join(part for part in (_figure(facts), against) if part)


def _figure(facts: Mapping[str, Any]) -> str:
    """Return AUROC, its interval, how many films and which; '' if unknown."""
    auroc, interval = _number(facts.get("auroc")), _numbers(facts.get("interval"))
    if auroc is None:
        return ""
    cases, positives, source = _number(facts.get("n")), _number(facts.get("positives")), facts.get("source")
    inner = [f"95\u00a0% interval {interval[0]:.2f}–{interval[1]:.2f}"] if len(interval) == 2 else []
    inner += [f"n\u00a0=\u00a0{cases:.0f}"] if cases is not None else []
    inner += [f"{positives:.0f}\u00a0positive"] if positives is not None else []
    inner += [source] if isinstance(source, str) and source else []
    return f"AUROC {auroc:.2f}" + (f" ({', '.join(inner)})" if inner else "")


def skills(card: Mapping[str, Any]) -> dict[str, Skill]:
    """Read per-finding facts of a model card; whatever is missing is left out.

    Args:
        card: `card["findings"]` maps a concept to `threshold` (a number or several), `auroc`,
            `interval` (low, high), `n`, `positives` and `source`.
    """
    found: dict[str, Skill] = {}
    per_finding = card.get("findings")
    for concept, facts in per_finding.items() if isinstance(per_finding, Mapping) else ():
        if not isinstance(facts, Mapping):
            continue
        thresholds = tuple(value for value in _numbers(facts.get("threshold")) if 0 <= value <= 1)
        found[str(concept)] = Skill(thresholds, _skill(facts))
    return found


def _bar(finding: Finding, skill: Skill) -> Html | None:
    """Return the probability as a number and a bar with a tick at each threshold."""
    if finding.probability is None:
        return None
    shown = percent(finding.probability)
    marks = " and ".join(percent(value) for value in skill.thresholds)
    spoken = f"probability {shown}" + (f", threshold {marks}" if marks else "")
    ticks = [element("i", class_="tick", style=f"left:{100 * value:.1f}%") for value in skill.thresholds]
    fill = element("i", class_="fill", style=f"width:{100 * finding.probability:.1f}%")
    bar = element("span", fill, *ticks, class_="bar", role="img", aria_label=spoken, title=spoken)
    return join([element("span", shown, class_="percent"), bar])


def before(finding: Finding, prior: Study | None) -> str:
    """Return what the prior study said of the same concept at the same sites, or '' where it is not clear."""
    earlier = [other for other in prior.findings if other.concept == finding.concept] if prior else []
    same = [other for other in earlier if other.sites == finding.sites]
    earlier = same or [other for other in earlier if not (other.sites and finding.sites)]
    if len(earlier) != 1:
        return ""
    chance = f", {percent(earlier[0].probability)}" if earlier[0].probability is not None else ""
    return f"before: {earlier[0].state}{chance}"


def _facts(finding: Finding, skill: Skill, prior: Study | None, adrift: bool, clean: Clean) -> Html:
    """Return sites, attributes, change, measurements and the model's skill as short phrases."""
    change = element("b", finding.change, class_=f"change {finding.change}") if finding.change else None
    earlier = before(finding, prior)
    phrases: list[object] = [clean(site) for site in finding.sites]
    phrases += [clean(f"{name}: {value}") for name, value in sorted(finding.attributes.items())]
    # UCUM writes a plain number as '1' and puts remarks in braces; neither is for readers.
    phrases += [
        f"{item.name} {item.value:.4g} {_UCUM_REMARK.sub('', item.unit)}".rstrip() for item in finding.measurements
    ]
    phrases += [part for part in (change, earlier) if part]
    phrases += ["score not calibrated"] if finding.calibration == UNCALIBRATED else []
    phrases += ["has a region that names no film shown here"] if adrift else []
    notes = element("span", skill.sentence, class_="skill") if skill.sentence and finding.state != "absent" else None
    return element("span", *[element("span", phrase, class_="fact") for phrase in phrases], notes, class_="facts")


def _row(row: Numbered, skill: Skill, prior: Study | None, adrift: bool, clean: Clean) -> Html:
    number, finding = row
    parts = [
        element("span", number, class_="number"),
        element("span", finding.concept, class_="concept"),
        element("span", finding.state, class_="state"),
        element("span", _bar(finding, skill), class_="chance"),
        _facts(finding, skill, prior, adrift, clean),
    ]
    link = element("a", *parts, href=f"#finding={number}")
    return element("li", link, id=f"finding={number}", class_=f"finding {finding.state}", data_f=number)


def findings_list(
    study: Study, rows: Sequence[Numbered], *, known: Mapping[str, Skill], shown: frozenset[str], clean: Clean
) -> Html:
    """Return the list by state: present, uncertain, absent, then what was not assessed.

    Args:
        study: the study, for its prior and its provenance.
        rows: findings with their numbers.
        known: what the model card says of each concept.
        shown: ids of the films on the page.
        clean: removes identifiers from free text.
    """
    blocks = []
    for state in STATES:
        items = []
        for row in rows:
            if row[1].state == state:
                adrift = any(region.image not in shown for region in row[1].regions)
                items.append(_row(row, known.get(row[1].concept, Skill()), study.prior, adrift, clean))
        if items:
            blocks += [element("h3", f"{state.capitalize()} ({len(items)})"), element("ol", *items, class_=state)]
    if not rows:
        blocks.append(element("p", "No findings: none was stated for this study.", class_="empty"))
    return join([*blocks, _not_assessed(study, clean)])


def _not_assessed(study: Study, clean: Clean) -> Html:
    """Return the concepts nobody judged, by reason; not listed is never the same as absent."""
    stated = {finding.concept for finding in study.findings}
    reasons: dict[str, list[str]] = {}
    for concept, reason in dict.fromkeys(pair for signed in study.provenance for pair in signed.not_assessed):
        if concept not in stated:
            reasons.setdefault(reason, []).append(concept)
    total = sum(map(len, reasons.values()))
    if not total and not stated:
        return element("p", "Nothing was assessed; that is not the same as normal.", class_="empty")
    rest = element(
        "p", "A finding in none of these lists was not looked for; that is not the same as absent.", class_="empty"
    )
    items = [
        element("li", element("b", ", ".join(map(clean, concepts))), f" – {clean(reason)}")
        for reason, concepts in reasons.items()
    ]
    listed = element("ul", *items) if items else None
    return element("details", element("summary", f"Not assessed ({total})"), listed, rest, class_="unassessed")


def _links(report: Report, rows: Sequence[Numbered]) -> list[tuple[str, int, int, tuple[int, ...]]]:
    """Return (section, start, end, finding numbers) of each sentence, from its own links and from evidence spans."""
    found = []
    for sentence in report.sentences:
        numbers = [
            number
            for number, finding in rows
            if (finding.id and finding.id in sentence.findings)
            or (
                finding.evidence
                and finding.evidence.section == sentence.section
                and finding.evidence.start < sentence.end
                and finding.evidence.end > sentence.start
            )
        ]
        found.append((sentence.section, sentence.start, sentence.end, tuple(numbers)))
    if not report.sentences:
        spans = {finding.evidence for _, finding in rows if finding.evidence}
        for span in spans:
            numbers = [number for number, finding in rows if finding.evidence == span]
            found.append((span.section, span.start, span.end, tuple(numbers)))
    return sorted(found)


def prose(report: Report, rows: Sequence[Numbered], clean: Clean) -> Html:
    """Return the report by section, each sentence that states findings linked to them."""
    links = _links(report, rows)
    blocks = []
    for section in SECTIONS:
        words: str = getattr(report, section)
        if not words:
            continue
        parts: list[object] = []
        reached = 0
        for _, start, end, numbers in (link for link in links if link[0] == section):
            if start < reached or end > len(words) or not numbers:
                continue
            parts.append(clean(words[reached:start]))
            address = f"#finding={numbers[0]}"
            parts.append(
                element("a", clean(words[start:end]), href=address, class_="stated", data_f=" ".join(map(str, numbers)))
            )
            reached = end
        parts.append(clean(words[reached:]))
        blocks += [element("h3", section.capitalize()), element("p", *parts, class_="prose")]
    return join(blocks)
