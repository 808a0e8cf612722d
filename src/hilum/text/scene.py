"""Facts to an anatomy-centred scene: which attribute lies at which site, and what changed since the prior study.

Source: Chest ImaGenome (Wu et al., NeurIPS Datasets and Benchmarks 2021); the table is tables/scene.json.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal, NamedTuple, get_args

from hilum.core.errors import InputError
from hilum.text.parse import Fact, Parsed
from hilum.text.scene_table import SIDES, Attribute, attribute_of, attributes, families, loaded, sided, sites

Places = Literal["said", "default"]
_CACHE = 32_768  # distinct facts remembered, wherever they stand
_KEPT_WHEN_ABSENT = frozenset({"resolved", "unchanged"})
_Said = tuple[tuple[str, ...], tuple[str, ...]]  # sides and zones of one fact
CUES = ("texture", "severity", "temporal", "comparison")
_PLACED = frozenset({"tubesandlines", "device"})


class Phrase(NamedTuple):
    """Characters [start, end) of `Scene.text`: one sentence of one section."""

    start: int
    end: int
    section: str


class Observation(NamedTuple):
    """One statement; every attribute holds at every site.

    Args:
        phrase: number of its phrase in `Scene.phrases`.
        attributes: 'category|yes|name' or 'category|no|name', the one said first, then what it implies.
        sites: objects, the said or default ones first, then those they are a part of.
        placed: 'said', 'elsewhere' (said where the report tells of the same attribute again), 'default', or 'file'.
        texture, severity, temporal, comparison: cues, e.g. 'severity|yes|mild'.
        fact: number of the fact in `Parsed.facts`, -1 where the scene comes from a file.
    """

    phrase: int
    attributes: tuple[str, ...]
    sites: tuple[str, ...]
    placed: str
    texture: tuple[str, ...] = ()
    severity: tuple[str, ...] = ()
    temporal: tuple[str, ...] = ()
    comparison: tuple[str, ...] = ()
    fact: int = -1


class Relation(NamedTuple):
    """An object of this study compared with the same object of the prior study.

    Args:
        site: the object, in both studies.
        change: 'improved', 'worsened' or 'no change'.
        attributes: what changed.
        phrase: number of the phrase that says so.
        told: numbers of the prior scene's observations of that object and attribute; None where no prior report is
            known, () where it does not speak of them.
    """

    site: str
    change: str
    attributes: tuple[str, ...]
    phrase: int
    told: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Scene:
    """An anatomy-centred scene: the report's text, its phrases, what is observed in them, and changes."""

    text: str
    phrases: tuple[Phrase, ...]
    observations: tuple[Observation, ...]
    relations: tuple[Relation, ...] = ()

    @property
    def objects(self) -> Mapping[str, tuple[str, ...]]:
        """Site -> attributes stated of it, in the order of the text, each once."""
        made: dict[str, dict[str, None]] = {}
        for each in self.observations:
            for site in each.sites:
                made.setdefault(site, {}).update(dict.fromkeys(each.attributes))
        return {site: tuple(names) for site, names in made.items()}

    def pairs(self, polarity: Literal["yes", "no"] = "yes") -> frozenset[tuple[str, str]]:
        """Return (site, attribute name) pairs; what is stated both ways counts as 'yes'."""
        found: dict[str, set[tuple[str, str]]] = {"yes": set(), "no": set()}
        for each in self.observations:
            for text in each.attributes:
                _, said, name = text.split("|", 2)
                found[said].update((site, name) for site in each.sites)
        return frozenset(found["yes"] if polarity == "yes" else found["no"] - found["yes"])


class _Reading(NamedTuple):
    """A fact apart from where it stands; `place` is empty where the report did not say it."""

    attribute: Attribute
    yes: bool
    normal: bool
    sides: tuple[str, ...]
    zones: tuple[str, ...]
    cues: tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...], tuple[str, ...]]


def scene(
    parsed: Parsed, prior: Parsed | None = None, *, places: Places = "said", negation: bool = True, parents: bool = True
) -> Scene:
    """Return the scene a report describes.

    A possible or probable finding is 'yes' with the severity cue 'hedge'. A resolved one is 'no' with the comparison
    cue 'improved'; a new one counts as 'worsened'. Only 'yes' is passed on to parents.

    Args:
        parsed: the report's facts.
        prior: the facts of the report before it, so that relations tell whether it spoke of the same object.
        places: 'default' ignores what the report says about where (a control arm).
        negation: False reads denied findings as present (a control arm).
        parents: False leaves out implied attributes and sites.

    Raises:
        InputError: if `places` is unknown.
    """
    if places not in get_args(Places):
        raise InputError(f"places must be one of {get_args(Places)}, got '{places}'")
    read = [_read(fact, negation) for fact in parsed.facts]
    told = _told(read) if places == "said" else {}
    numbers: dict[tuple[int, int], int] = {}
    phrases: list[Phrase] = []
    made = []
    for number, (fact, each) in enumerate(zip(parsed.facts, read, strict=True)):
        if each is None:
            continue
        at = numbers.get(fact.sentence)
        if at is None:
            at = numbers[fact.sentence] = len(phrases)
            phrases.append(Phrase(*fact.sentence, fact.section))
        names, found, placed = _observed(each, told.get((each.attribute.name, each.yes)), places, parents)
        made.append(Observation(at, names, found, placed, *each.cues, number))
    whole = Scene(parsed.text, tuple(phrases), tuple(made))
    return replace(whole, relations=_relations(whole, scene(prior) if prior is not None else None))


def _read(fact: Fact, negation: bool) -> _Reading | None:
    if fact.history or fact.form == "explained":
        return None
    said = (*fact.attributes.items(), ("form", (fact.form,))) if fact.form else tuple(fact.attributes.items())
    return _reading(fact.concept, fact.state, fact.certainty, fact.rule, said, negation)


@lru_cache(maxsize=_CACHE)
def _reading(
    concept: str, state: str, certainty: str, rule: str, said: tuple[tuple[str, tuple[str, ...]], ...], negation: bool
) -> _Reading | None:
    own = dict(said)
    attribute = attribute_of(concept, own, rule)
    if attribute is None:
        return None
    absent = state == "absent"
    changes = tuple(word for word in own.get("change", ()) if not absent or word in _KEPT_WHEN_ABSENT)
    yes = not negation or not (absent or "resolved" in changes)
    values = {**own, "change": changes, "certainty": (certainty,) if yes and not absent else ()}
    if absent:  # 'the heart is top normal' has no grade of a finding
        values |= {"severity": (), "extent": ()}
    if attribute.category in _PLACED:  # put in or taken out, which is neither better nor worse
        values["change"] = tuple(word for word in changes if word not in ("new", "resolved"))
    cues = (_cue("texture", values), _cue("severity", values), _cue("temporal", values), _cue("comparison", values))
    normal = absent and negation and rule.endswith("+normal")
    return _Reading(attribute, yes, normal, own.get("side", ()), own.get("zone", ()), cues)


def _cue(kind: str, values: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Cues of one kind, e.g. ('severity|yes|mild',)."""
    slots = loaded()["cues"][kind].items()
    found = [words[value] for slot, words in slots for value in values.get(slot, ()) if value in words]
    return tuple(dict.fromkeys(f"{kind}|yes|{name}" for name in found))


def _told(read: Iterable[_Reading | None]) -> dict[tuple[str, bool], dict[_Said, None]]:
    """(attribute, yes) -> the places the report gives it anywhere, each zone with its own side."""
    found: dict[tuple[str, bool], dict[_Said, None]] = {}
    for each in read:
        if each is not None and each.yes and each.sides:
            found.setdefault((each.attribute.name, True), {})[each.sides, each.zones] = None
    return found


def _once(words: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(words))


def _observed(
    each: _Reading, told: Iterable[_Said] | None, places: Places, parents: bool
) -> tuple[tuple[str, ...], tuple[str, ...], str]:
    """Attributes, sites, and how they were placed."""
    name = each.attribute.name
    if places == "default":
        return _spread(name, each.yes, each.normal, (), (), parents)
    names, found, placed = _spread(name, each.yes, each.normal, each.sides, each.zones, parents)
    if told is None or each.sides:
        return names, found, placed
    elsewhere = [_spread(name, each.yes, each.normal, s, each.zones or z, parents) for s, z in told]
    placed = placed if placed == "said" or all(again == "default" for _, _, again in elsewhere) else "elsewhere"
    return names, _once(tuple(site for _, own, _ in elsewhere for site in own)), placed


@lru_cache(maxsize=_CACHE)
def _spread(
    name: str, yes: bool, normal: bool, sides: tuple[str, ...], zones: tuple[str, ...], parents: bool
) -> tuple[tuple[str, ...], tuple[str, ...], str]:
    """Attribute strings and sites of one attribute at the places said, with what they imply."""
    attribute = attributes()[name]
    own, placed = _places(attribute, sides, zones)
    names = [attribute.text(yes)]
    if parents and yes:
        names += [attributes()[above].text(True) for above in attribute.above]
        allowed = {sided(family, side) for family in attribute.permitted for side in SIDES}
        own = _once(own + tuple(above for site in own for above in sites()[site].above if above in allowed))
    if yes and attribute.category in ("anatomicalfinding", "disease"):
        names.append("nlp|yes|abnormal")
    if normal:
        names.append("nlp|yes|normal")
    return tuple(names), own, placed


def _places(attribute: Attribute, sides: tuple[str, ...], zones: tuple[str, ...]) -> tuple[tuple[str, ...], str]:
    """The objects said, where the attribute may lie there; else its default ones on the side said."""
    known = loaded()["places"]
    found: list[str] = []
    for zone in zones:
        place = known.get(zone)
        if place is not None and place["site"] in attribute.permitted:
            own = (place["side"],) if "side" in place else sides or SIDES  # the lingula is left, whatever else is right
            found += [sided(place["site"], side) for side in own]
    if found:
        return _once(tuple(found)), "said"
    default = [sided(family, side) for side in sides or SIDES for family in attribute.default]
    held = bool(sides) and any(families()[family] for family in attribute.default)
    return _once(tuple(default)), "said" if held else "default"


def _relations(now: Scene, prior: Scene | None) -> tuple[Relation, ...]:
    """Change words make relations between an object and itself in the prior study."""
    made = []
    before = None if prior is None else _index(prior)
    spoken: dict[tuple[str, tuple[str, ...]], tuple[int, ...]] = {}
    for each in now.observations:
        for cue in each.comparison:
            for site in each.sites:
                key = (site, each.attributes)
                if before is not None and key not in spoken:
                    names = (text.split("|", 2)[2] for text in each.attributes if not text.startswith("nlp|"))
                    spoken[key] = tuple(dict.fromkeys(n for name in names for n in before.get((site, name), ())))
                made.append(Relation(site, cue.rsplit("|", 1)[1], each.attributes, each.phrase, spoken.get(key)))
    return tuple(made)


def _index(prior: Scene) -> dict[tuple[str, str], list[int]]:
    found: dict[tuple[str, str], list[int]] = {}
    for number, each in enumerate(prior.observations):
        for text in each.attributes:
            for site in each.sites:
                found.setdefault((site, text.split("|", 2)[2]), []).append(number)
    return found
