"""Noun phrases: a finding with its number, grade, side, place and size, in the words of the sentence bank."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hilum.text.bank import Statement, bank
from hilum.text.sites import SIDES
from hilum.text.sites import parts as parted


def _site_noun(site: str) -> str:
    """A site with its article: 'the right hilum', 'both lower lung zones'."""
    given: str | None = bank()["site_nouns"].get(site)
    if given:
        return given
    return f"both {site[10:]}" if site.startswith("bilateral ") else f"the {site}"


def _prepositions(sites: Sequence[str], entry: dict[str, Any], device: bool) -> list[str]:
    """One preposition for each site; 'of' only for findings whose sites all take it."""
    chosen = []
    for site in sites:
        words = parted(site)[1]
        told = (word for word, ends in bank()["prepositions"].items() if words.endswith(tuple(ends)))
        over = entry.get("over") and words.endswith(("lung zone", "lung", "lobe"))
        chosen.append("over" if over else next(told, "at"))
    whole = not device and set(chosen) == {"of"}
    return chosen if whole else ["at" if word == "of" else word for word in chosen]


def _zones_joined(sites: Sequence[str]) -> list[tuple[str, str]]:
    """(first site, noun phrase) with neighbouring zones of one side told together."""
    grouped: list[list[str]] = []
    for site in sites:
        side, rest = parted(site)
        last = parted(grouped[-1][-1]) if grouped else ("", "")
        same = side in SIDES and side == last[0]
        if same and rest.endswith(" lung zone") and last[1].endswith(" lung zone"):
            grouped[-1].append(site)
        else:
            grouped.append([site])
    nouns = []
    for group in grouped:
        thirds = [parted(site)[1].removesuffix(" lung zone") for site in group]
        many = f"the {parted(group[0])[0]} {join(thirds, 'and')} lung zones"
        nouns.append((group[0], many if len(group) > 1 else _site_noun(group[0])))
    return nouns


def _where(sites: Sequence[str], entry: dict[str, Any], device: bool) -> str:
    """' in the right lower lung zone and at the left hilum', or ''."""
    nouns = _zones_joined(sorted(sites, key=lambda site: bool(parted(site)[0])))  # a side holds for what follows it
    said: list[str] = []
    last = ""
    for (_, noun), preposition in zip(nouns, _prepositions([first for first, _ in nouns], entry, device), strict=True):
        said.append(noun if preposition == last else f"{preposition} {noun}")
        last = preposition
    return f" {join(said, 'and')}" if said else ""


def join(parts: Sequence[str], word: str) -> str:
    """Return 'a, b and c'."""
    return f" {word} ".join(filter(None, (", ".join(parts[:-1]), *parts[-1:])))


def _severity(fact: Statement) -> str:
    """Severity as an adjective: sized concepts say 'small' and 'large' for 'mild' and 'severe'."""
    sizes = bank()["severity"]["sizes"] if fact.entry.get("sized") else {}
    return str(sizes.get(fact.severity, fact.severity))


@dataclass(frozen=True)
class _Noun:
    """A noun with the sides before it, the parts after it ('of the right hilum') and where it is seen.

    Args:
        before: sides, as adjectives.
        noun: singular or plural, as `number` says.
        number: 'one', 'many' or 'mass'.
        after: ' of ...', which belongs to the noun.
        where: ' in ...', which a verb may part from it.
    """

    before: str
    noun: str
    number: str
    after: str = ""
    where: str = ""


def _noun(fact: Statement) -> _Noun:
    entry, sites = fact.entry, fact.sites
    noun, number = entry.get("noun", fact.name), entry.get("count", "mass")
    bases = [parted(site) for site in sites]
    sided, own = entry.get("sided", ()), entry.get("of", {"sites": ()})
    short = not fact.detailed or len(sites) == 1  # a reader looks for adjectives within a few words of the noun
    alike = len({rest == "apical zone" for _, rest in bases}) == 1  # 'left and right apical' would be both apices
    if sites and short and alike and all(side and rest in sided for side, rest in bases):
        high = "" if "apical" in noun else " apical"
        adjective = join([side + (high if rest == "apical zone" else "") for side, rest in bases], "and")
        if number == "one" and (len(bases) > 1 or bases[0][0] == "bilateral"):
            return _Noun(adjective, entry.get("plural", f"{noun}s"), "many")
        return _Noun(adjective, noun, number)
    if sites and all(rest in own["sites"] for _, rest in bases):
        return _Noun("", own["noun"], number, f" of {join([_site_noun(site) for site in sites], 'and')}")
    where = _where(sites, entry, fact.kind == "device")
    if where.startswith(" of "):  # 'a fracture of the sternum is seen'
        return _Noun("", noun, number, where)
    return _Noun("", noun, number, "", where)


def _counted(fact: Statement, made: _Noun) -> tuple[str, str, str]:
    """(number word, noun, number): 'two nodules', 'multiple areas of consolidation'."""
    if not fact.count:
        return "", made.noun, made.number
    words = bank()["count"]
    number = "one" if fact.count == "one" else "many"
    word = words["words"].get(fact.count, fact.count)
    if made.number == "mass":
        return f"{word} {words['areas'][number]}", made.noun, number
    if made.number == "one" and number == "many":
        return word, str(fact.entry.get("plural", f"{made.noun}s")), number
    return word, made.noun, made.number


def parts(fact: Statement) -> dict[str, str]:
    """Return the words for every token of the templates, for one finding."""
    made = _noun(fact)
    count, noun, number = _counted(fact, made)
    words = (count, _severity(fact), *fact.looks, made.before, noun)
    size = f" measuring {fact.measured}" if fact.measured else ""
    bare = " ".join(filter(None, words)) + made.after
    article = {"one": "an " if bare[:1] in "aeiou" else "a "}.get(number, "")
    return {
        "bare": bare,
        "np": article + bare,
        "where": made.where + size,
        "adverb": bank()["severity"]["adverbs"].get(fact.severity, ""),
        "be": "are" if number == "many" else "is",
        "have": "have" if number == "many" else "has",
        "tail": made.after + made.where + size,
    }
