"""Facts of a parsed report as core Findings, with sites by the vocabulary's names."""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from hilum.core.finding import Finding, Measurement, Span
from hilum.core.image import MadeBy
from hilum.text.lexicon import pack
from hilum.text.sites import both, home, place, site
from hilum.text.tokens import find, tokenize

if TYPE_CHECKING:
    from hilum.text.parse import Fact, Parsed

_LISTED = re.compile(r"[\s,/]*(?:and|or|y|o|e|u|greater than|more than)?[\s,/]*", re.IGNORECASE)
_REMEMBERED = 4_096
_AGAINST = frozenset({"new", "worsened", "improved"})


class _Said(NamedTuple):
    """The sides and zones that one modifier gave, and its characters."""

    start: int
    end: int
    sides: tuple[str, ...]
    zones: tuple[str, ...]


def to_findings(parsed: Parsed, made_by: MadeBy | None = None) -> tuple[Finding, ...]:
    """Return the facts as core Findings; the id is 'f' and the number of the fact, as in `to_report`.

    Facts of one mention that differ in their place only ('the right base and left apex') are one finding with all
    the sites and the id of the first of them.

    Sites carry the names of the vocabulary: 'base' with a side is 'right lower lung zone', a bare side is the
    concept's own place ('right pleural space' for an effusion, 'right lung' for an opacity), a right and a left
    one together are 'bilateral ...' where the vocabulary has that name. Each zone goes with the side it was said
    with. A side or zone without a site of the vocabulary ('posterior', a catheter's side) stays an attribute.

    Args:
        parsed: the report; spans count from the start of their section.
        made_by: the author to sign each finding with.
    """
    starts = [(part.start, part.end) for part in parsed.sections]
    owners = owner_of_each(parsed.facts)
    groups: dict[int, list[Fact]] = {}
    for number, owner in enumerate(owners):
        groups.setdefault(owner, []).append(parsed.facts[number])
    return tuple(_finding(group, number, parsed, starts, owners, made_by) for number, group in groups.items())


def owner_of_each(facts: Sequence[Fact]) -> list[int]:
    """Return for each fact the number of the fact whose finding it belongs to: the first of its mention alike."""
    first: dict[Hashable, int] = {}
    return [first.setdefault(_besides_place(fact), number) for number, fact in enumerate(facts)]


def _besides_place(fact: Fact) -> Hashable:
    """All that a fact says but where, and its mention."""
    told = frozenset((slot, values) for slot, values in fact.attributes.items() if slot not in ("side", "zone"))
    return fact.start, fact.end, fact.concept, fact.state, fact.certainty, fact.sizes, told


def _finding(
    group: list[Fact], number: int, parsed: Parsed, starts: list[tuple[int, int]], owners: list[int],
    made_by: MadeBy | None,
) -> Finding:  # fmt: skip
    fact = group[0]
    origin = next((start for start, end in starts if start <= fact.start < end), 0)
    sites, left_over = _sites(group, parsed)
    told = {k: v[0] for k, v in fact.attributes.items() if k not in ("side", "zone", "change") and v}
    return Finding(
        fact.concept,
        fact.state,  # type: ignore[arg-type]
        sites=sites,
        attributes=told | left_over | {"certainty": fact.certainty},
        change=_change(fact),  # type: ignore[arg-type]
        measurements=tuple(Measurement("diameter", value, unit) for value, unit in fact.sizes),
        evidence=Span(fact.section, fact.start - origin, fact.end - origin),
        because_of=(f"f{owners[fact.because_of]}",) if fact.because_of >= 0 else (),
        made_by=made_by,
        id=f"f{number}",
    )


def _change(fact: Fact) -> str | None:
    said = fact.attributes.get("change", ())
    return said[0] if said and not (fact.state == "absent" and said[0] in _AGAINST) else None


def _sites(group: list[Fact], parsed: Parsed) -> tuple[tuple[str, ...], dict[str, str]]:
    """Sites of the facts of one mention, and the side and zone that have no site of the vocabulary."""
    at_home = home(group[0].concept)
    made: list[str] = []
    left_over: dict[str, str] = {}
    for side, zone in [pair for fact in group if fact.sides or fact.zones for pair in _pairs(fact, parsed)]:
        name = site(side, place(zone) if zone else at_home, at_home)
        if name:
            made.append(name)
        if zone and not site("", place(zone), ""):
            left_over.setdefault("zone", zone)
        if side and not name:
            left_over.setdefault("side", side)
    return both(made), left_over


def _pairs(fact: Fact, parsed: Parsed) -> list[tuple[str, str]]:
    """(side, zone) of each place; every side with every zone unless the words pair them otherwise."""
    sides, zones = fact.sides, fact.zones
    if max(len(sides), len(zones)) > 1 and sides and zones and len(fact.modifiers) > 1:
        paired = _paired([_said(parsed, start, end) for start, end in sorted(set(fact.modifiers))], parsed.text)
        if {side for side, _ in paired} - {""} == set(sides) and {zone for _, zone in paired} - {""} == set(zones):
            return paired
    return [(side, zone) for zone in zones or ("",) for side in sides or ("",)]


def _paired(said: list[_Said], text: str) -> list[tuple[str, str]]:
    """Read sides and zones in order: a zone goes with the sides before it, listed sides stand together.

    'right base and left apex' -> right base, left apex; 'right and left bases' -> both; 'right lung and left base'
    -> right, left base; 'lingula and right base' -> lingula, right base.
    """
    paired: list[tuple[str, str]] = []
    sides: tuple[str, ...] = ()
    used, last = True, 0
    for start, end, found_sides, found_zones in said:
        if found_sides:
            if not used and _LISTED.fullmatch(text, last, start):
                sides += found_sides
            else:
                paired += [] if used else [(side, "") for side in sides]
                sides = found_sides
            used, last = False, end
        if found_zones:
            paired += [(side, zone) for zone in found_zones for side in sides or ("",)]
            used = True
    if used:
        return paired
    if any(side for side, _ in paired):
        return paired + [(side, "") for side in sides]
    return [(side, zone) for _, zone in paired for side in sides]  # 'basilar and apical opacities on the right'


def _said(parsed: Parsed, start: int, end: int) -> _Said:
    return _Said(start, end, *_read(parsed.text[start:end].lower(), parsed.language))


@lru_cache(maxsize=_REMEMBERED)
def _read(words: str, language: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Sides and zones that the words of a modifier give."""
    known = pack(language)
    sides: dict[str, None] = {}
    zones: dict[str, None] = {}
    for match in find(tokenize(words, known), known)[2]:
        sides.update(dict.fromkeys(match.phrase.sets.get("side", ())))
        zones.update(dict.fromkeys(match.phrase.sets.get("zone", ())))
    return tuple(sides), tuple(zones)
