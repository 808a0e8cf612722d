"""A report as minimal sentences: one fact each, in three fixed wordings, each proved by the parser.

Source: the text preparation of RadZero (arXiv 2504.07416), without its language model.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from hilum.core.errors import InputError
from hilum.core.vocabulary import concept
from hilum.text.bank import bank
from hilum.text.parse import Fact, Parsed, sentence_facts
from hilum.text.places import Place, places
from hilum.text.sites import home

_LUNG = frozenset({"lung", "pleural space", "pleura"})
_TABLE = Path(__file__).parent / "tables" / "statements.json"
_CACHE = 16_384


@cache
def wording() -> dict[str, Any]:
    """Return the wordings: openings by state, zones, prepositions."""
    loaded: dict[str, Any] = json.loads(_TABLE.read_text(encoding="utf-8"))
    return loaded


def minimal_sentences(parsed: Parsed) -> tuple[str, ...]:
    """Return 'There is / There may be / There is no [finding] of [location]' for each fact and place, once each.

    Grades, comparisons and what is told of the past are left out; a likely finding 'may be' there.
    Every sentence is proved when it is first made: read by the parser it gives one fact, of the same concept, state,
    side and zone; where no zone was said, the one that the finding's own name holds (the aorta of an elongated aorta)
    may come back. A place that no wording can prove is left out of the sentence, then the fact.
    """
    made: dict[str, None] = {}
    for number, fact in enumerate(parsed.facts):
        if fact.history or fact.form == "explained":
            continue
        siblings = _siblings(parsed, number)
        for place in places(fact, parsed.text, siblings, parsed.language):
            made[minimal_sentence(fact.concept, hedged(fact), place.side, place.zone)] = None
    made.pop("", None)
    return tuple(made)


def hedged(fact: Fact) -> str:
    """Return the state that a minimal sentence states: 'uncertain' for what is likely or possible."""
    return "uncertain" if fact.state == "present" and fact.certainty != "definite" else fact.state


def _siblings(parsed: Parsed, number: int) -> list[Fact]:
    """Facts of the same sentence, and the one it explains, whose words may have given its places."""
    fact, found = parsed.facts[number], []
    for step in (-1, 1):
        at = number + step
        while 0 <= at < len(parsed.facts) and parsed.facts[at].sentence == fact.sentence:
            found.append(parsed.facts[at])
            at += step
    if fact.because_of >= 0:
        found.append(parsed.facts[fact.because_of])
    return found


@lru_cache(maxsize=_CACHE)
def minimal_sentence(name: str, state: str, side: str = "", zone: str = "") -> str:
    """Return the minimal sentence of one finding at one place; '' where the parser cannot read any back.

    Args:
        name: concept of the vocabulary.
        state: 'present', 'absent' or 'uncertain'.
        side: 'right', 'left' or ''.
        zone: as the lexicon calls it, e.g. 'base', 'upper lobe', or ''.

    Raises:
        InputError: if there is no such state.
    """
    if state not in wording()["openings"]:
        raise InputError(f"state must be one of {', '.join(wording()['openings'])}, got '{state}'")
    for place in dict.fromkeys((Place(side, zone), Place(side), Place())):
        for sentence in _wordings(name, state, place):
            if _reads_back(sentence, name, state, place):
                return sentence
    return ""


def _wordings(name: str, state: str, place: Place) -> Iterator[str]:
    words = wording()
    for noun, count in _nouns(name):
        opening = words["openings"][state]["many" if count == "many" else "one"]
        article = "an " if noun[:1] in "aeiou" else "a "
        if count != "one" or state == "absent":
            article = ""
        if not any(place):
            yield f"{opening} {article}{noun}."
            continue
        patterns = words["zones"].get(place.zone, [f"{{side}} {place.zone}"])
        for pattern in patterns if place.zone or home(name) in _LUNG else ():  # no catheter is 'of the right lung'
            where = pattern.format(side=place.side).strip()
            for preposition in words["wheres"]:
                yield f"{opening} {article}{noun}{preposition.format(where=' '.join(where.split()))}."
        article = article and ("an " if str(place)[:1] in "aeiou" else "a ")
        yield f"{opening} {article}{place} {noun}."


@lru_cache(maxsize=1024)
def _nouns(name: str) -> tuple[tuple[str, str], ...]:
    """(noun, count) a finding may be called by: the sentence bank's noun, its name, its synonyms."""
    entry = bank()["concepts"].get(name, {})
    try:
        synonyms: tuple[str, ...] = tuple(concept(name).synonyms)
    except InputError:
        synonyms = ()
    count = entry.get("count", "mass")
    named = [(entry["noun"], count)] if "noun" in entry else []
    named += [(noun, many) for noun, many in wording()["nouns"].get(name, ())]
    return tuple(dict.fromkeys([*named, (name, count), *((other, "mass") for other in synonyms)]))


def _reads_back(sentence: str, name: str, state: str, place: Place) -> bool:
    facts = sentence_facts(sentence)
    if len(facts) != 1:
        return False
    (fact,) = facts
    told = (fact.concept, fact.state, fact.sides, fact.history)
    zones = (place.zone,) * bool(place.zone)
    same = told == (name, state, (place.side,) * bool(place.side), False)
    return same and (fact.zones == zones or (not zones and set(fact.zones) <= _own_zones(name)))


@lru_cache(maxsize=1024)
def _own_zones(name: str) -> frozenset[str]:
    """Zones that a finding's own name holds, e.g. the aorta of 'aortic elongation'."""
    zones = {zone for noun, _ in _nouns(name) for fact in sentence_facts(f"There is {noun}.") for zone in fact.zones}
    return frozenset(zones)
