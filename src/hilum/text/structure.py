"""Lunguage's structure of one report: a row for each entity at each place, with eighteen fields.

Source: Moon et al., Lunguage, arXiv 2505.21190, and the definitions in the package lunguage-score 1.0.0 (MIT).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from hilum.core.errors import InputError
from hilum.core.vocabulary import concept
from hilum.text.parse import Fact, Parsed, sentence_facts
from hilum.text.places import Place, places
from hilum.text.spots import Spot, rules, slots_of, spots

SECTIONS = {
    "indication": "hist", "findings": "find", "body": "find", "addendum": "find", "impression": "impr",
}  # fmt: skip
"""Sections that are structured, and Lunguage's names for them."""
_MIDDLE = {"new": "onset", "worsened": "worsened", "improved": "improved", "resolved": "improved"}
_FIELDS = {
    "severity": "severity", "low": "", "extent": "measurement", "count": "measurement", "morphology": "morphology",
    "distribution": "distribution", "onset": "onset",
}  # fmt: skip
_REMOVED = ("remov", "withdraw")
_REACH = 80  # characters between a finding and what the table says of it
_DISTANCE = re.compile(
    r"(?<![\d.,])(\d{1,3}(?:[.,]\d{1,2})?(?:-\d{1,3}(?:[.,]\d{1,2})?)?)[ -]?(mm|cm|millimeters?|centimeters?) ?$"
)
_LONGEST = 24  # characters that a distance may fill before its relation
_IMPLYING = ("improved", "worsened", "unchanged")


class Row(NamedTuple):
    """One entity at one place. Cells hold the report's words in lower case, '' where nothing is said.

    Args:
        idx: number of the row in its report, from 1; `associate` and `evidence` point to it.
        section: 'hist', 'find' or 'impr'.
        sent: the sentence.
        ent: the entity as named.
        cat: 'PF', 'CF', 'OTH', 'COF', 'NCD' or 'PATIENT INFO.'.
        dx_status: 'positive' or 'negative': is it there.
        dx_certainty: 'definitive' or 'tentative': how surely.
        location: 'loc: left lower lobe, det: posterior'.
        placement: of a device.
        associate, evidence: idx of the rows it goes with, and that a diagnosis rests on.
        morphology ... assessment_limitations: Lunguage's fields of these names.
        concept: name in the vocabulary; for what it does not have, the name in `tables/structure.csv`.
        side, zone: of this row.
        event: 'new', 'resolved' or 'removed' where said; these open or end an episode.
        start, end: characters of the mention in the report; -1 in rows read from a file without them.
    """

    idx: int
    section: str
    sent: str
    ent: str
    cat: str
    dx_status: str
    dx_certainty: str
    location: str = ""
    placement: str = ""
    associate: tuple[int, ...] = ()
    evidence: tuple[int, ...] = ()
    morphology: str = ""
    distribution: str = ""
    measurement: str = ""
    severity: str = ""
    comparison: str = ""
    onset: str = ""
    no_change: str = ""
    improved: str = ""
    worsened: str = ""
    past_hx: str = ""
    other_source: str = ""
    assessment_limitations: str = ""
    concept: str = ""
    side: str = ""
    zone: str = ""
    event: str = ""
    start: int = -1
    end: int = -1


@dataclass
class _Entity:
    """An entity before it is cut into rows."""

    section: str
    sent: tuple[int, int]
    start: int
    end: int
    ent: str
    cat: str
    positive: bool
    definitive: bool
    concept: str
    because: tuple[int, ...] = ()
    places: tuple[Place, ...] = (Place(),)
    event: str = ""
    cells: dict[str, list[str]] = field(default_factory=dict)
    site: str = ""
    detail: list[str] = field(default_factory=list)
    linked: list[int] = field(default_factory=list)

    def say(self, name: str, words: str) -> None:
        """Add words to a cell, once."""
        held = self.cells.setdefault(name, [])
        if words not in held:
            held.append(words)


def structure(parsed: Parsed) -> tuple[Row, ...]:
    """Return the rows of one report in the order of its sentences.

    Conventions: a change word means that the entity is there, so 'resolved' is positive with Improved 'resolved';
    'removed' and plain denials are negative. 'Stable' and 'unchanged' are No Change only. A hedge changes
    dx_certainty, never dx_status. Findings in the history are read too; technique, comparison and notices are not.
    """
    entities = _entities(parsed)
    rows: list[Row] = []
    numbers: list[tuple[int, ...]] = []
    for entity in entities:
        first = len(rows) + 1
        rows += _rows(entity, first, parsed.text)
        numbers.append(tuple(range(first, len(rows) + 1)))
    return tuple(_linked(rows, entities, numbers))


def _linked(rows: list[Row], entities: list[_Entity], numbers: list[tuple[int, ...]]) -> list[Row]:
    """Fill in evidence (diagnosis to finding) and associate (its reverse, and plain links both ways)."""
    evidence: dict[int, tuple[int, ...]] = {}
    associate: dict[int, tuple[int, ...]] = {}
    for number, entity in enumerate(entities):
        for source in entity.because:
            evidence[number] = (*evidence.get(number, ()), *numbers[source])
            associate[source] = (*associate.get(source, ()), *numbers[number])
        for other in entity.linked:
            associate[number] = (*associate.get(number, ()), *numbers[other])
    for number, mine in enumerate(numbers):
        if number in evidence or number in associate:
            for idx in mine:
                rows[idx - 1] = rows[idx - 1]._replace(
                    evidence=evidence.get(number, ()), associate=tuple(dict.fromkeys(associate.get(number, ())))
                )
    return rows


def _rows(entity: _Entity, first: int, text: str) -> Iterator[Row]:
    cells = {name: ", ".join(words) for name, words in entity.cells.items()}
    sent = " ".join(text[entity.sent[0] : entity.sent[1]].split())
    for number, place in enumerate(entity.places):
        where, details = str(place), []
        if entity.site:
            where, details = entity.site, [str(place)] * any(place)
        details += entity.detail
        parts = [f"loc: {where}"] * bool(where) + [f"det: {word}" for word in details]
        yield Row(
            first + number, entity.section, sent, entity.ent, entity.cat,
            "positive" if entity.positive else "negative", "definitive" if entity.definitive else "tentative",
            location=", ".join(parts), concept=entity.concept, side=place.side, zone=place.zone,
            event=entity.event, start=entity.start, end=entity.end, **cells,  # type: ignore[arg-type]
        )  # fmt: skip


def _entities(parsed: Parsed) -> list[_Entity]:
    """Every entity in the order of the report, each sentence's facts joined with what the table finds in it."""
    by_sentence: dict[tuple[int, int], list[int]] = {}
    for number, fact in enumerate(parsed.facts):
        by_sentence.setdefault(fact.sentence, []).append(number)
    made: list[_Entity] = []
    moved: dict[int, int] = {}  # number of a fact -> number of its entity
    for start, end, name in parsed.sentences:
        section = SECTIONS.get(name)
        if section is None:
            continue
        sentence = parsed.text[start:end]
        own = by_sentence.get((start, end), ())
        facts = [parsed.facts[number] for number in own]
        keys: list[int] = list(own)
        if section == "hist":
            facts = [_shifted(fact, start) for fact in sentence_facts(sentence, parsed.language)]
            keys = [-1 - number for number in range(len(facts))]
            moved = {key: value for key, value in moved.items() if key >= 0}
        first = len(made)
        for key, fact in zip(keys, facts, strict=True):
            if len(made) > first and made[-1].cat == "OTH" and parsed.text[fact.start :][:3].lower() == "tip":
                moved[key] = len(made) - 1  # 'its tip is in the stomach' is said of the tube before
                continue
            moved[key] = len(made)
            made.append(_from_fact(fact, facts, section, (start, end), parsed))
        for key, fact in zip(keys, facts, strict=True):
            because = -1 - fact.because_of if section == "hist" and fact.because_of >= 0 else fact.because_of
            if fact.because_of >= 0 and moved.get(because, -1) != moved[key]:
                made[moved[key]].because = _alike(made, moved.get(because, -1))
        found = spots(sentence, parsed.language)
        if found:
            _attach(made, first, found, section, (start, end), sentence)
    return made


def _alike(made: list[_Entity], number: int) -> tuple[int, ...]:
    """An entity and the others of its mention: 'opacity in the right base and left apex' is one for each place."""
    if number < 0:
        return ()
    first = made[number]
    same = (n for n in range(number, len(made)) if (made[n].start, made[n].concept) == (first.start, first.concept))
    return tuple(same)


def _shifted(fact: Fact, by: int) -> Fact:
    spans = tuple([(start + by, end + by) for start, end in fact.modifiers])
    cues = tuple([cue._replace(start=cue.start + by, end=cue.end + by) for cue in fact.cues])
    return fact._replace(start=fact.start + by, end=fact.end + by, modifiers=spans, cues=cues)


@lru_cache(maxsize=2048)
def _category(name: str, kind: str) -> str:
    """Lunguage's category of a concept: devices and procedures OTH, diagnoses CF, what is seen PF."""
    told = rules().category.get(name)
    if told or kind != "finding":
        return told or "OTH"
    try:
        return "CF" if concept(name).kind == "diagnosis" else "PF"
    except InputError:
        return "PF"


def _from_fact(fact: Fact, facts: list[Fact], section: str, sent: tuple[int, int], parsed: Parsed) -> _Entity:
    text, change, event = parsed.text, fact.attributes.get("change", ()), _event(fact, parsed.text)
    denied = any(cue.rule.startswith("cue:neg.pre") for cue in fact.cues)
    implied = event == "resolved" or (not denied and any(each in _IMPLYING for each in change))
    told = places(fact, text, [other for other in facts if other is not fact], parsed.language)
    details = [place.zone for place in told if place.zone in rules().detail]
    sites = [place for place in told if place.zone not in rules().detail]
    made = _Entity(
        section, sent, fact.start, fact.end, _named(fact, text), _category(fact.concept, fact.kind),
        fact.state != "absent" or implied, fact.certainty == "definite", fact.concept, event=event,
        places=tuple(sites) or tuple(dict.fromkeys(Place(place.side) for place in told)),
        detail=list(dict.fromkeys(details)),
    )  # fmt: skip
    _describe(made, fact, text, parsed.language)
    if fact.history:
        made.say("past_hx", next((text[c.start : c.end].lower() for c in fact.cues), "history"))
    if made.concept == "suboptimal study":
        made.say("assessment_limitations", made.ent)
    return made


def _named(fact: Fact, text: str) -> str:
    """The words of the mention; of a part and its quality, the part where it is normal, else the concept."""
    if fact.rule.startswith("pair:"):
        part = fact.rule[5:].partition("+")[0]
        return rules().part.get(part, part) if fact.state == "absent" else fact.concept
    words = text[fact.start : fact.end].lower().split()
    return " ".join(words) if len(words) < 6 else fact.concept


def _event(fact: Fact, text: str) -> str:
    """What opens or ends an episode; a device does not resolve, it is removed."""
    said = fact.attributes.get("change", ())
    cues = [text[cue.start : cue.end].lower() for cue in fact.cues]
    gone = fact.state == "absent" and any(stem in cue for cue in cues for stem in _REMOVED)
    if gone or "resolved" in said:
        return "removed" if gone and fact.kind != "finding" else "resolved"
    return "new" if "new" in said and fact.state != "absent" else ""


def _describe(made: _Entity, fact: Fact, text: str, language: str) -> None:
    """Fill the cells from the words that gave the attributes, and from values that no words of its own gave."""
    told: set[tuple[str, str]] = set()
    for start, end in sorted(fact.modifiers):
        words = " ".join(text[start:end].lower().split())
        given = slots_of(words, language)
        told.update(given)
        for slot, value in given:
            _cell(made, slot, value, words)
    for size, unit in fact.sizes:
        made.say("measurement", f"{size:g} {unit}")
    for slot, values in fact.attributes.items():
        for value in values:
            if (slot, value) not in told:
                _cell(made, slot, value, value)


def _cell(made: _Entity, slot: str, value: str, words: str) -> None:
    name = _MIDDLE.get(value, "no_change") if slot == "change" else _FIELDS.get(slot, "")
    if name and not (slot == "change" and made.event == "removed"):  # a tube that is out has not improved
        made.say(name, words)


def _attach(
    made: list[_Entity], first: int, found: tuple[Spot, ...], section: str, sent: tuple[int, int], sentence: str
) -> None:
    """Add the entities that the table names; give each of its other words to the nearest entity."""
    for spot in found:
        if spot.kind == "entity" and (section == "hist" or spot.name in ("NCD", "OTH")):
            start, end = spot.start + sent[0], spot.end + sent[0]
            if not any(each.start < end and start < each.end for each in made[first:]):
                said = spot.state != "absent", spot.certainty == "definite"
                made.append(
                    _Entity(section, sent, start, end, sentence[spot.start : spot.end].lower(), spot.name, *said,
                            spot.value)
                )  # fmt: skip
    if len(made) == first:
        made += [_limit(spot, section, sent, sentence) for spot in found if spot.name == "assessment limitations"][:1]
    here = range(first, len(made))
    for spot in found:
        if spot.kind == "slot" and spot.name == "associate":
            _associate(made, here, spot, sent[0])
        elif spot.kind == "slot":
            near = _nearest(made, here, spot, sent[0], spot.value == "device")
            if near >= 0:
                made[near].say(spot.name.replace(" ", "_"), sentence[spot.start : spot.end].lower())
        elif spot.kind == "site":
            _site(made, here, spot, found, sent[0], sentence)


def _limit(spot: Spot, section: str, sent: tuple[int, int], sentence: str) -> _Entity:
    """A sentence that tells nothing but a limit of the film is a row of its own."""
    words = sentence[spot.start : spot.end].lower()
    start, end = spot.start + sent[0], spot.end + sent[0]
    return _Entity(section, sent, start, end, words, "PF", True, True, "suboptimal study")


def _nearest(made: list[_Entity], here: range, spot: Spot, offset: int, device: bool) -> int:
    """Number of the entity whose mention is nearest, -1 where none is within reach."""
    best, gap = -1, _REACH
    for number in here:
        entity = made[number]
        if device and entity.cat != "OTH":
            continue
        between = max(entity.start - (spot.end + offset), spot.start + offset - entity.end, 0)
        if between < gap:
            best, gap = number, between
    return best


def _associate(made: list[_Entity], here: range, spot: Spot, offset: int) -> None:
    """'A with associated B' links the last entity before with the first after, both ways."""
    before = [number for number in here if made[number].end <= spot.start + offset]
    after = [number for number in here if made[number].start >= spot.end + offset]
    if before and after and made[before[-1]].positive and made[after[0]].positive:
        made[before[-1]].linked.append(after[0])
        made[after[0]].linked.append(before[-1])


def _site(made: list[_Entity], here: range, spot: Spot, found: tuple[Spot, ...], offset: int, sentence: str) -> None:
    """Where a device ends: 'tip 4 cm above the carina' gives loc carina and det '4 cm above'."""
    devices = [n for n in here if made[n].cat == "OTH" and made[n].end <= spot.start + offset]
    if not devices:
        return
    device = made[devices[-1]]
    words = sentence[spot.start : spot.end].lower()
    device.site = device.site or spot.name
    near = [each for each in found if each.kind == "relation" and 0 <= spot.start - each.end <= 6]
    if near:
        size = _DISTANCE.search(sentence[max(0, near[0].start - _LONGEST) : near[0].start].lower())
        told = [f"{size[1]} {size[2]}"] if size else []
        device.detail.append(" ".join((*told, sentence[near[0].start : near[0].end].lower(), "the", words)))
