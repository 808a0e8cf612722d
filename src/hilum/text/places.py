"""Places of a fact, one by one: which side each zone has, in the order of the words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from hilum.text.parse import Fact
from hilum.text.spots import slots_of


class Place(NamedTuple):
    """One place: a side, a zone, both, or neither."""

    side: str = ""
    zone: str = ""

    def __str__(self) -> str:
        """'left lower lobe', 'left', 'lingula'."""
        return f"{self.side} {self.zone}".strip()


def places(fact: Fact, text: str, siblings: Sequence[Fact] = (), language: str = "en") -> tuple[Place, ...]:
    """Return each place of a fact; sides and zones are paired by the order of their words.

    Args:
        fact: of the report.
        text: the report.
        siblings: other facts whose words may have given the same places (the list it shares them with).
        language: of the report.

    Returns:
        One place or more; a single empty one where nothing is said.
    """
    sides, zones = fact.sides, fact.zones
    if len(sides) < 2 or not zones:
        only = sides or ("",)
        return tuple(Place(side, zone) for zone in (zones or ("",)) for side in only)
    for each in (fact, *siblings):
        if each.sides == sides and each.zones == zones:
            made = _paired(each, text, language)
            if {p.side for p in made} - {""} == set(sides) and {p.zone for p in made} - {""} == set(zones):
                return made
    return tuple(Place(side, zone) for zone in zones for side in sides)


def _paired(fact: Fact, text: str, language: str) -> tuple[Place, ...]:
    """Walk the place words: a zone takes the sides said before it, else those said straight after it."""
    made: list[Place] = []
    held: tuple[str, ...] = ()  # sides said last
    used = True  # whether a zone took them
    waiting: list[str] = []  # zones said before any side
    for start, end in sorted(fact.modifiers):
        told = slots_of(text[start:end].lower(), language)
        here = tuple(value for slot, value in told if slot == "side")
        zones = [value for slot, value in told if slot == "zone"]
        if here and waiting:
            made += [Place(side, zone) for zone in waiting for side in here]
            waiting, held, used = [], here, True
            continue
        if here:
            made += [Place(side) for side in held if not used]
            held, used = here, False
        if zones and held:
            made += [Place(side, zone) for zone in zones for side in held]
            used = True
        else:
            waiting += zones
    made += [Place(side) for side in held if not used]
    made += [Place("", zone) for zone in waiting]
    kept = dict.fromkeys(made)
    return tuple(place for place in kept if place.zone or not any(o.zone and o.side == place.side for o in kept))
