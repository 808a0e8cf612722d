"""What the fact lexicon does not name: symptoms, other examinations, limits of the film, where a tip lies."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import NamedTuple

from hilum.core.errors import InputError
from hilum.text.assertion import assert_all, clauses
from hilum.text.lexicon import Pack, Phrase, expand, pack
from hilum.text.mentions import Mention
from hilum.text.tokens import find, tokenize

_TABLES = Path(__file__).parent / "tables"
_LAYERS = {"entity": 0, "slot": 1, "site": 2, "relation": 3, "placement": 4, "past hx": 5}
_CACHE = 16_384


class Spot(NamedTuple):
    """Characters [start, end) of a sentence that a row of `tables/structure.csv` matched.

    Args:
        start, end: characters of the sentence.
        kind: 'entity', 'slot', 'site' or 'relation'.
        name: the category, the field, the site, or 'det'.
        value: canonical name of an entity, 'device' for a field of devices only; else ''.
        state, certainty: of an entity, as for a fact; else ''.
    """

    start: int
    end: int
    kind: str
    name: str
    value: str = ""
    state: str = ""
    certainty: str = ""


@dataclass(frozen=True)
class Rules:
    """The table apart from its patterns.

    Args:
        category: concept -> category where its vocabulary kind does not decide.
        part: body part of a part and quality -> how the normal structure is called.
        detail: zones that are details of a location.
    """

    category: dict[str, str]
    part: dict[str, str]
    detail: frozenset[str]


def read_table(name: str) -> list[dict[str, str]]:
    """Return the rows (kind, name, patterns, value, source) of one table of this room.

    Raises:
        InputError: if a row has another number of cells.
    """
    with (_TABLES / name).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        if None in row or None in row.values():
            raise InputError(f"{name}: the row '{row.get('kind')},{row.get('name')}' needs five cells")
    return rows


@cache
def rules() -> Rules:
    """Return the table's categories, part names and details."""
    made = Rules({}, {}, frozenset())
    detail: set[str] = set()
    for row in read_table("structure.csv"):
        names = row["patterns"].split(";")
        if row["kind"] == "category":
            made.category.update(dict.fromkeys(names, row["name"]))
        elif row["kind"] == "part":
            made.part[row["name"]] = row["patterns"]
        elif row["kind"] == "detail":
            detail.update(names)
    return Rules(made.category, made.part, frozenset(detail))


@cache
def _patterns() -> Pack:
    """The patterns of the table in one trie."""
    made = Pack("structure", syntax={"skip": pack("en").skip})
    for row in read_table("structure.csv"):
        layer = _LAYERS.get(row["name"], _LAYERS.get(row["kind"]))
        if layer is None:
            continue
        phrase = Phrase(row["kind"], row["name"], {"value": (row["value"],)}, "", layer)
        for written in row["patterns"].split(";"):
            for words in expand(written):
                made.add([word for word in words if word not in made.skip], phrase)
    return made


@lru_cache(maxsize=_CACHE)
def spots(sentence: str, language: str = "en") -> tuple[Spot, ...]:
    """Return what the table finds in a sentence, left to right; nothing for a language without a table."""
    if language != "en":
        return ()
    table = _patterns()
    tokens = tokenize(sentence, table)
    layers = find(tokens, table)
    if not any(layers):
        return ()
    found = [
        Spot(*tokens.span(match.first, match.last), each.kind, each.name, each.sets["value"][0])
        for match in (m for layer in layers[1:] for m in layer)
        for each in match.phrases[:1]
    ]
    if layers[0]:
        chosen = pack(language)
        words = tokenize(sentence, chosen)
        others = find(words, chosen)
        named = [Mention(m.first, m.last, m.first, m.phrase.name, "finding", {}, "") for m in layers[0]]
        said = assert_all(named, words, others, clauses(words, others, chosen))
        found += [
            Spot(*words.span(m.first, m.last), "entity", m.phrase.name, m.phrase.sets["value"][0], each.state,
                 each.certainty)
            for m, each in zip(layers[0], said, strict=True)
            if each.state != "unasserted"
        ]  # fmt: skip
    return tuple(sorted(found))


@lru_cache(maxsize=_CACHE)
def slots_of(words: str, language: str = "en") -> tuple[tuple[str, str], ...]:
    """Return the (slot, value) pairs that a modifier's words give, e.g. 'left base' -> side left, zone base."""
    chosen = pack(language)
    layers = find(tokenize(words, chosen), chosen)
    return tuple((slot, value) for match in layers[2] for slot, values in match.phrase.sets.items() for value in values)
