"""From what a person asks for, 'moderate left pleural effusion, cardiomegaly', to plans that can be drawn."""

from __future__ import annotations

import re
from collections.abc import Sequence
from zlib import crc32

from hilum.core.errors import InputError
from hilum.core.finding import Finding
from hilum.phantom.illness import catalogue
from hilum.phantom.illness_registry import Pathology
from hilum.phantom.illness_together import base_rates
from hilum.phantom.patient import Plan, Side
from hilum.phantom.quantities import quantity_table, severity_for
from hilum.text.loop import loop_domain
from hilum.text.parse import Parsed, parse, to_findings
from hilum.text.sites import each_side

_WORD = re.compile(r"[a-z0-9][a-z0-9'-]*", re.IGNORECASE)
_ZONES = {
    "upper lobe": "upper", "upper lung zone": "upper", "apical zone": "upper", "middle lobe": "middle",
    "mid lung zone": "middle", "lower lobe": "lower", "lower lung zone": "lower", "lingula": "lingula",
    "retrocardiac region": "retrocardiac",
}  # fmt: skip
_COUNTS = {"two": 2, "three": 3, "multiple": 4}
_SURE = ("present", "absent")


def plans_from_text(text: str) -> tuple[Plan, ...]:
    """Return the plans a sentence asks for; '' and denied findings ask for none.

    Args:
        text: findings with grade, side, lobe, number and size in mm or cm, as a report says them.

    Raises:
        InputError: if a word was not understood, a finding cannot be drawn or is only possible, or it cannot lie where
            the text has it.
    """
    parsed = parse(text)
    findings = to_findings(parsed)
    unread = _unread(parsed)
    if unread or (not findings and text.strip()):
        said = ", ".join(f"'{word}'" for word in unread) or f"'{text.strip()}'"
        raise InputError(
            f"not understood: {said}. Say findings as a report does, for example "
            f"'moderate left pleural effusion, cardiomegaly'; can be drawn: {', '.join(catalogue())}"
        )
    plans: list[Plan] = []
    for finding in findings:
        if finding.state not in _SURE:
            raise InputError(f"'{finding.concept}' is said to be possible: say that it is there, or leave it out")
        if finding.state == "present":
            plans += _plans(finding, _least(parsed), len(plans))
    return tuple(plans)


def _unread(parsed: Parsed) -> list[str]:
    """Words that no fact was read from, in order."""
    covered: list[tuple[int, int]] = []
    for fact in parsed.facts:
        covered += [(fact.start, fact.end), *fact.modifiers, *((cue.start, cue.end) for cue in fact.cues)]
    sized = any(fact.sizes for fact in parsed.facts)
    left = []
    for match in _WORD.finditer(parsed.text):
        word = match.group().lower()
        inside = any(start <= match.start() < end for start, end in covered)
        if not inside and word not in quantity_table()["small talk"] and not (sized and word[0].isdigit()):
            left.append(match.group())
    return list(dict.fromkeys(left))


def _least(parsed: Parsed) -> set[str]:
    """Ids of findings that are called 'tiny' or 'trace', which a parser reads as small."""
    words = quantity_table()["least words"]
    return {f"f{number}" for number, fact in enumerate(parsed.facts)
            if any(parsed.text[start:end].lower() in words for start, end in fact.modifiers)}  # fmt: skip


def _plans(finding: Finding, least: set[str], first: int) -> list[Plan]:
    concept = quantity_table()["stands for"].get(finding.concept, finding.concept)
    if concept == "rib fracture" and finding.attributes.get("onset") in ("healed", "chronic"):
        concept = "healed rib fracture"
    if concept == "pleural thickening" and any(site.endswith("apical zone") for site in finding.sites):
        concept = "apical pleural thickening"
    if concept not in catalogue():
        raise InputError(f"'{finding.concept}' cannot be drawn; can be drawn: {', '.join(catalogue())}")
    entry = catalogue()[concept]
    places = _places(entry, finding)
    told = finding.attributes
    word = told.get("severity") or told.get("extent") or told.get("size") or ""
    word = "minimal" if finding.id in least else loop_domain()["grades"].get(word, word)
    sizes = [m.value * (10.0 if m.unit == "cm" else 1.0) for m in finding.measurements if m.name == "diameter"]
    severity = severity_for(concept, word, max(sizes) if sizes else None)
    severity = 1.0 if not entry.measure else severity
    many = _COUNTS.get(told.get("count", ""), 1)
    made: list[Plan] = []
    for side, site in places:
        for _ in range(many if len(places) == 1 else 1):
            number = first + len(made) + 1
            key = f"{concept.replace(' ', '-')}-{number}"
            made.append(Plan(key, concept, severity, side, site, "", crc32(key.encode()) % 2**31))
    return made


def _places(entry: Pathology, finding: Finding) -> list[tuple[Side, str]]:
    """(side, lobe) of each plan; one on both sides where no lobe is named."""
    asked: dict[tuple[Side, str], None] = {}
    for site in finding.sites:
        for side, place in each_side(site):
            asked[side or "", _lobe(entry, place, finding)] = None  # type: ignore[index]
    sided = finding.attributes.get("side", "")
    if not asked:
        usual = next((each.side for each in base_rates() if each.concept == entry.concept), "")
        chosen = sided if sided in entry.sides else "both" if usual == "both" and "both" in entry.sides else ""
        return [(chosen, "")]  # type: ignore[list-item]
    if {("right", ""), ("left", "")} <= set(asked) and "both" in entry.sides:
        return [("both", "")]
    places = [(side if side in entry.sides else "", site) for side, site in asked]
    return _settled(places)


def _settled(places: Sequence[tuple[str, str]]) -> list[tuple[Side, str]]:
    sides = {"lingula": "left", "retrocardiac": "left"}
    return [(side or sides.get(site, ""), site) for side, site in places]  # type: ignore[misc]


def _lobe(entry: Pathology, place: str, finding: Finding) -> str:
    lobe = _ZONES.get(place, "")
    if lobe and entry.sites and lobe not in entry.sites:
        raise InputError(f"{entry.concept} cannot be drawn in the {place}; places: {', '.join(entry.sites)}")
    return lobe if entry.sites else ""
