"""Sites: from a side and a place to the vocabulary's name, and back."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from hilum.core.errors import InputError
from hilum.core.vocabulary import ancestors, concept, concepts, laterality

_TABLES = Path(__file__).parent / "tables"
_ONE = {"hila": "hilum", "lungs": "lung"}
SIDES = ("right", "left")


@cache
def _table() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((_TABLES / "sites.json").read_text(encoding="utf-8"))
    return loaded


@cache
def _bank() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((_TABLES / "phrases.json").read_text(encoding="utf-8"))["concepts"]
    return loaded


@cache
def parts(site: str) -> tuple[str, str]:
    """Return (side, place in the singular) of a site, e.g. ('bilateral', 'hilum'); side '' where it has none."""
    try:
        site = concept(site).name
        side: str = laterality(site)
    except InputError:
        first = site.partition(" ")[0]
        side = first if first in (*SIDES, "bilateral") else ""
    rest = site[len(side) :].strip()
    return side, _ONE.get(rest, rest[:-1] if side == "bilateral" and rest[-1:] == "s" else rest)


@cache
def _names() -> dict[tuple[str, str], str]:
    """(side, place) -> name, for every site of the vocabulary."""
    return {parts(item.name): item.name for item in concepts() if item.kind == "site"}


@cache
def home(name: str) -> str:
    """Return the place that a bare side means for a concept: 'right effusion' is in the right pleural space.

    Returns:
        The place without a side; '' for concepts, such as catheters, whose side is no place of the vocabulary.
    """
    entry = _bank().get(name, {})
    own = entry.get("sided") or entry.get("of", {}).get("sites")
    if own:
        return str(own[0])
    known = next((item for item in concepts() if item.name == name), None)
    group = entry.get("group", "lungs" if known is None or known.kind in ("finding", "diagnosis") else "")
    return str(_table()["homes"].get(group, ""))


def place(zone: str) -> str:
    """Return the vocabulary's word for a zone as the language packs name it: 'base' -> 'lower lung zone'."""
    return str(_table()["places"].get(zone, zone))


@cache
def site(side: str, where: str, at_home: str = "lung") -> str:
    """Return the name of a site: ('left', 'hilum') -> 'left hilum'.

    A side that the vocabulary does not part a place by is left out ('right', 'mediastinum' -> 'mediastinum'); one
    that contradicts the place ('left', 'middle lobe') wins, and the place is left out.

    Args:
        side: 'right', 'left', 'bilateral' or ''.
        where: a place, singular and without side.
        at_home: the place that the bare side means.

    Returns:
        The name, or '' where the vocabulary has none.
    """
    names = _names()
    if (side, where) in names:
        return names[side, where]
    plain = names.get(("", where)) or _only(where)
    if plain:
        own = _side_of(plain)
        if side in ("", own) or not own:
            return plain
    return names.get((side, at_home), "") if side else ""


def _only(where: str) -> str:
    """The middle lobe: a place of one side only."""
    found = [name for (_, rest), name in _names().items() if rest == where]
    return found[0] if len(found) == 1 else ""


def _side_of(name: str) -> str:
    """The side that a site is on by its name or by what it is part of: the lingula is left."""
    above = (parts(each.name)[0] for each in (concept(name), *ancestors(name)))
    return next((side for side in above if side), "")


def both(names: Iterable[str]) -> tuple[str, ...]:
    """Return sites with a right and a left one told as one, where the vocabulary has a name for the two."""
    given = list(dict.fromkeys(names))
    made: list[str] = []
    for name in given:
        side, where = parts(name)
        pair = {_names().get((each, where), "") for each in SIDES}
        joined = _names().get(("bilateral", where), "") if side in SIDES and pair <= set(given) else ""
        made.append(joined or name)
    return tuple(dict.fromkeys(made))


def each_side(name: str) -> tuple[tuple[str, str], ...]:
    """Return (side, place) of a site, once for each side of a bilateral one."""
    side, where = parts(name)
    return tuple((one, where) for one in SIDES) if side == "bilateral" else ((side, where),)
