"""What a study states, as the makers of questions read it: present, absent, where, how large; never a guess.

What a study does not mention is neither present nor absent, and what it calls uncertain is neither: no option is built
on it. A finding that is present makes its wider concepts present too (a consolidation is an opacity), so that none of
them is ever offered as a wrong answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from hilum.core.errors import InputError
from hilum.core.finding import Finding
from hilum.core.image import Image
from hilum.core.region import Box, Mask
from hilum.core.study import Study
from hilum.core.vocabulary import ancestors, concept, laterality
from hilum.core.zones import HEART_CONCEPTS

SIDES = ("right", "left")
_ZONES = {"upper": "upper", "apical": "upper", "apex": "upper", "mid": "mid", "middle": "mid", "lower": "lower",
          "base": "lower", "basal": "lower"}  # fmt: skip
_THIRDS = ("upper", "mid", "lower")
_MIDDLE = 0.05  # a box whose centre lies closer to the midline than this share of the width has no side
EXTENT = "extent"
"""Name of what is measured of a finding's box: its longer side in mm."""


class Measured(NamedTuple):
    """A value with its unit, and the step it can be told to: a pixel for what is read off a film, 0 if unknown."""

    value: float
    unit: str
    step: float = 0.0


@dataclass(frozen=True)
class Facts:
    """One study as facts.

    Args:
        study, patient: ids.
        present: concept -> its findings.
        implied: wider concepts of those that are present.
        absent: concepts that are stated to be absent.
        unsure: concepts that are stated to be uncertain.
        places: concept -> where its findings are, e.g. {'right upper lung zone'}; empty where one cannot be told.
        sides: concept -> 'right', 'left' or both.
        measures: (concept, name) -> what was measured.
    """

    study: str
    patient: str
    present: Mapping[str, tuple[Finding, ...]]
    implied: frozenset[str]
    absent: frozenset[str]
    unsure: frozenset[str]
    places: Mapping[str, frozenset[str]]
    sides: Mapping[str, frozenset[str]]
    measures: Mapping[tuple[str, str], Measured]

    def has(self, name: str) -> bool | None:
        """Return whether a concept is present, None where the study does not say or is not sure."""
        if name in self.present or name in self.implied:
            return True
        return False if name in self.absent else None

    def only(self, names: Iterable[str]) -> str | None:
        """Return the one of some concepts that is present while all others are known to be absent, else None."""
        known = [(name, self.has(name)) for name in names]
        there = [name for name, state in known if state]
        return there[0] if len(there) == 1 and all(state is not None for _, state in known) else None


def facts_of(study: Study) -> Facts:
    """Read a study's findings.

    Args:
        study: with findings; films are not decoded unless a box without a site has to be placed.
    """
    present: dict[str, list[Finding]] = {}
    denied, unsure, measures = set[str](), set[str](), dict[tuple[str, str], Measured]()
    for each in study.findings:
        if each.state == "present":
            present.setdefault(each.concept, []).append(each)
        else:
            (denied if each.state == "absent" else unsure).add(each.concept)
        for item in each.measurements:
            measures[each.concept, item.name] = Measured(item.value, item.unit)
    implied = frozenset(wide for name in present for wide in _wider(name)) - set(present)
    for name, found in present.items():
        extent = _extent(found, study)
        if extent is not None:
            measures[name, EXTENT] = extent
    return Facts(
        study.id, study.patient or study.id, {name: tuple(found) for name, found in present.items()}, implied,
        frozenset(denied) - set(present) - implied - unsure, frozenset(unsure),
        {name: frozenset(filter(None, (_place(each, study) for each in found))) for name, found in present.items()},
        {name: frozenset(side for each in found for side in _sides(each, study)) for name, found in present.items()},
        measures,
    )  # fmt: skip


@cache
def _wider(name: str) -> tuple[str, ...]:
    try:
        return tuple(each.name for each in ancestors(name))
    except InputError:
        return ()  # a concept of a user's own, which the vocabulary lacks


@cache
def related(first: str, second: str) -> bool:
    """Return whether two concepts are one, or one is a kind of the other: such two are no right and wrong answer."""
    return first == second or first in _wider(second) or second in _wider(first)


@cache
def kind_of(name: str) -> str:
    """Return what kind of thing a concept is: 'finding', 'diagnosis' or 'device'; 'finding' where it is unknown."""
    try:
        return concept(name).kind
    except InputError:
        return "finding"


def _sides(finding: Finding, study: Study) -> tuple[str, ...]:
    """Sides of a finding: as its sites say, else as its box lies; none where neither tells."""
    named: set[str] = set()
    for site in finding.sites:
        side = _side_of(site)
        named |= set(SIDES) if side == "bilateral" else {side} if side else set()
    if not named and not finding.sites:
        box = _box(finding)
        side = _box_side(box, study) if box else ""
        named = {side} if side else set()
    return tuple(sorted(named))


@cache
def _side_of(site: str) -> str:
    try:
        return laterality(site)
    except InputError:
        first = site.partition(" ")[0]
        return first if first in (*SIDES, "bilateral") else ""


def _place(finding: Finding, study: Study) -> str:
    """The one zone a finding lies in, '' where it has several or none can be told."""
    sides = _sides(finding, study)
    zones = {_ZONES[word] for site in finding.sites for word in site.split() if word in _ZONES}
    if not zones:
        box, film = _box(finding), _film(finding, study)
        if box is None or film is None:
            return ""
        share = (box.y0 + box.y1) / 2 / film.pixels.shape[0]
        zones = {_THIRDS[min(2, max(0, int(share * 3)))]}
    if len(sides) != 1 or len(zones) != 1:
        return ""
    return f"{sides[0]} {zones.pop()} lung zone" if finding.sites else f"{sides[0]} side, {zones.pop()} third of film"


def _box(finding: Finding) -> Box | None:
    boxes = [each if isinstance(each, Box) else each.box() for each in finding.regions
             if isinstance(each, Box) or (isinstance(each, Mask) and each.pixels.ndim == 2)]  # fmt: skip
    return next((each for each in boxes if each is not None), None)


def _film(finding: Finding, study: Study) -> Image | None:
    name = next((each.image for each in finding.regions if each.image), "")
    return next((film for film in study.films if not name or film.id == name), None)


def _box_side(box: Box, study: Study) -> str:
    film = next((each for each in study.films if not box.image or each.id == box.image), None)
    if film is None or film.view not in ("PA", "AP"):
        return ""
    offset = (box.x0 + box.x1) / 2 / film.pixels.shape[1] - 0.5
    left_on_right = film.orientation is None or film.orientation[0][:1] == "L"
    return "" if abs(offset) < _MIDDLE else ("left" if (offset > 0) == left_on_right else "right")


def _extent(found: list[Finding], study: Study) -> Measured | None:
    """Longer side of the box of the only finding of its concept, where the film's spacing is known."""
    box = _box(found[0]) if len(found) == 1 and found[0].concept not in HEART_CONCEPTS else None
    film = _film(found[0], study) if box is not None else None
    if box is None or film is None or film.spacing_mm is None:
        return None
    sides = (box.y1 - box.y0) * film.spacing_mm[0], (box.x1 - box.x0) * film.spacing_mm[1]
    return Measured(max(sides), "mm", max(film.spacing_mm))
