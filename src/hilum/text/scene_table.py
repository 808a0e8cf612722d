"""The scene graph's table: sites, attributes, places and cues of Chest ImaGenome in our concepts."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from hilum.core.errors import InputError
from hilum.core.vocabulary import concept, descendants

SIDES = ("right", "left")
_TABLE = Path(__file__).parent / "tables" / "scene.json"


@dataclass(frozen=True)
class Site:
    """One object of the scene.

    Args:
        name: e.g. 'right lower lung zone'.
        boxed: whether Chest ImaGenome draws a box for it.
        concept: its name in the vocabulary.
        above: the sites it is a part of, nearest first.
    """

    name: str
    boxed: bool
    concept: str
    above: tuple[str, ...] = ()


@dataclass(frozen=True)
class Condition:
    """What a fact must be for an attribute: each slot holds one of its values; `rule` is a piece of the phrase."""

    slots: tuple[tuple[str, frozenset[str]], ...] = ()
    rule: tuple[str, ...] = ()

    def holds(self, attributes: Mapping[str, tuple[str, ...]], rule: str) -> bool:
        """Whether a fact with these attributes, named by this rule, meets it."""
        if self.rule and not any(piece in rule for piece in self.rule):
            return False
        return all(not values.isdisjoint(attributes.get(slot, ())) for slot, values in self.slots)


@dataclass(frozen=True)
class Attribute:
    """One attribute.

    Args:
        name: as Chest ImaGenome spells it.
        category: e.g. 'anatomicalfinding'.
        concepts: of our vocabulary, first the one it is read back as.
        default: where it lies unless said, as site families without side.
        permitted: where it may lie, as families.
        above: attributes it implies, nearest first.
    """

    name: str
    category: str
    concepts: tuple[str, ...]
    default: tuple[str, ...]
    permitted: frozenset[str]
    above: tuple[str, ...]

    def text(self, yes: bool) -> str:
        """The string of the files, 'category|yes|name'."""
        return f"{self.category}|{'yes' if yes else 'no'}|{self.name}"


@cache
def loaded() -> Mapping[str, Any]:
    """Return tables/scene.json."""
    table: Mapping[str, Any] = json.loads(_TABLE.read_text(encoding="utf-8"))
    return table


@cache
def families() -> Mapping[str, bool]:
    """Return site family -> whether it exists right and left."""
    return {row["name"]: row["sided"] for row in loaded()["sites"]}


@cache
def sites() -> Mapping[str, Site]:
    """Return every object of the scene by name."""
    rows = {row["name"]: row for row in loaded()["sites"]}
    made = {}
    for name, row in rows.items():
        above, at = [], row
        while "parent" in at:
            at = rows[at["parent"]]
            above.append(at["name"])
        for side in SIDES if row["sided"] else ("",):
            own = f"{side} {row['concept']}".strip()
            made[sided(name, side)] = Site(
                sided(name, side), row["boxed"], _known(own, row["concept"]), tuple(sided(up, side) for up in above)
            )
    return made


def _known(name: str, plain: str) -> str:
    """The sided concept where the vocabulary has one, else the plain one."""
    try:
        return concept(name).name
    except InputError:
        return concept(plain).name


def sided(family: str, side: str) -> str:
    """Return the object of a family on one side; families without sides ignore it."""
    return f"{side} {family}" if side and families()[family] else family


@cache
def attributes() -> Mapping[str, Attribute]:
    """Return every attribute by name."""
    rows, groups = loaded()["attributes"], loaded()["groups"]
    made = {}
    for name, row in rows.items():
        permitted = groups[row["permitted"]] if isinstance(row["permitted"], str) else row["permitted"]
        named = row["concepts"] or [when["concept"] for when in row["when"]]
        made[name] = Attribute(
            name, row["category"], tuple(named), tuple(row["default"]),
            frozenset(permitted), tuple(dict.fromkeys(_above(name, rows))),
        )  # fmt: skip
    return made


def _above(name: str, rows: Mapping[str, Any]) -> Iterator[str]:
    for parent in rows[name].get("parents", ()):
        yield parent
        yield from _above(parent, rows)


@cache
def _plain() -> Mapping[str, str]:
    """Concept -> attribute: the concepts of the table with the kinds below them, the nearest ancestor first."""
    own = {each: name for name, row in loaded()["attributes"].items() for each in row["concepts"]}
    made: dict[str, tuple[int, str]] = {}
    for each, name in own.items():
        for below in descendants(each):
            depth = len(descendants(each))
            if below.name not in own and (below.name not in made or depth < made[below.name][0]):
                made[below.name] = (depth, name)
    return {**{each: name for each, (_, name) in made.items()}, **own}


@cache
def _conditional() -> Mapping[str, tuple[tuple[Condition, str], ...]]:
    made: dict[str, list[tuple[Condition, str]]] = {}
    for name, row in loaded()["attributes"].items():
        for when in row.get("when", ()):
            slots = tuple((k, frozenset(v)) for k, v in when.items() if k not in ("concept", "rule"))
            for each in (when["concept"], *(below.name for below in descendants(when["concept"]))):
                made.setdefault(each, []).append((Condition(slots, tuple(when.get("rule", ()))), name))
    return {each: tuple(ways) for each, ways in made.items()}


def attribute_of(name: str, said: Mapping[str, tuple[str, ...]], rule: str) -> Attribute | None:
    """Return the attribute a fact means, or None where Chest ImaGenome has none.

    Args:
        name: concept of the vocabulary.
        said: the fact's attributes, slot -> values.
        rule: the phrase that named it.
    """
    for condition, found in _conditional().get(name, ()):
        if condition.holds(said, rule):
            return attributes()[found]
    plain = _plain().get(name)
    return attributes()[plain] if plain else None


def concept_of(name: str) -> str:
    """Return the concept an attribute or site of the files is read back as, its own name where we have none."""
    if name in sites():
        return sites()[name].concept
    held = attributes().get(name)
    return concept(held.concepts[0]).name if held else name
