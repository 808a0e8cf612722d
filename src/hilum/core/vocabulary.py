"""Concepts, label sets and the mappings between them, kept as tables beside this module."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from math import isnan
from pathlib import Path
from typing import Any, Literal

from hilum.core.errors import InputError

Kind = Literal["finding", "site", "device", "diagnosis", "quality"]
Relation = Literal["exact", "narrower", "broader", "related"]
"""How the target stands to the source, as in SKOS: 'broader' means that the target is the broader term."""

_TABLES = Path(__file__).parent / "tables"
_INVERSE: dict[Relation, Relation] = {
    "exact": "exact",
    "narrower": "broader",
    "broader": "narrower",
    "related": "related",
}


@dataclass(frozen=True)
class Code:
    """A coded concept as DICOM writes it: value, scheme (SCT, DCM, RADLEX) and meaning."""

    value: str
    scheme: str
    meaning: str


@dataclass(frozen=True)
class Concept:
    """One entry of the vocabulary.

    Args:
        name: the name findings and sites are stored under, lower case.
        kind: 'finding', 'site', 'device', 'diagnosis' or 'quality' (a statement about the film or its reading).
        parents: names of the concepts it is a kind of (for sites: a part of).
        synonyms: other names that `concept` accepts; label sets keep their own spelling.
        code: from pydicom's concept dictionary, or None where that has no entry.
    """

    name: str
    kind: Kind
    parents: tuple[str, ...] = ()
    synonyms: tuple[str, ...] = ()
    code: Code | None = None


@dataclass(frozen=True)
class LabelSet:
    """The labels of one data set and how to read its cells.

    Args:
        name: e.g. 'chexpert-14'.
        labels: spelled and ordered as published.
        citation, terms: whom to cite; what the owners ask.
        convention: (cell, state or '', meaning) for every cell value.
        notes: what the labels do not say.
        family: sets of one family share their labels' meaning.
    """

    name: str
    labels: tuple[str, ...]
    citation: str
    terms: str
    convention: tuple[tuple[str, str, str], ...]
    notes: str = ""
    family: str = ""

    def state(self, cell: object) -> Literal["present", "absent", "uncertain"] | None:
        """Return the state a cell states, or None where it states nothing (not mentioned is not absent).

        Args:
            cell: '1', 1, 1.0, '' or None (blank), as read from the data set's own file.

        Raises:
            InputError: if the set's convention has no such value.
        """
        blank = cell is None or (isinstance(cell, float) and isnan(cell))
        text = "" if blank else str(cell).strip()
        text = text[:-2] if text.endswith(".0") else text
        for value, state, _ in self.convention:
            if text == value:
                return state or None  # type: ignore[return-value]
        known = ", ".join(repr(value) for value, _, _ in self.convention)
        raise InputError(f"label set '{self.name}' has no cell value {cell!r}: expected one of {known}")


@dataclass(frozen=True)
class Mapping:
    """One row of a mapping: the target label is `relation` (exact, broader ...) to the source label; `source` cites."""

    source_label: str
    target_label: str
    relation: Relation
    source: str


def _rows(name: str) -> Iterator[dict[str, str]]:
    import csv

    with (_TABLES / name).open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def _split(cell: str) -> tuple[str, ...]:
    return tuple(cell.split(";")) if cell else ()


@cache
def _sets_file() -> dict[str, Any]:
    import json

    loaded: dict[str, Any] = json.loads((_TABLES / "label_sets.json").read_text(encoding="utf-8"))
    return loaded


@cache
def _concepts() -> dict[str, Concept]:
    table = {}
    for row in _rows("concepts.csv"):
        code = Code(row["code"], row["scheme"], row["meaning"]) if row["code"] else None
        kind: Kind = row["kind"]  # type: ignore[assignment]
        table[row["name"]] = Concept(row["name"], kind, _split(row["parents"]), _split(row["synonyms"]), code)
    return table


@cache
def _terms() -> dict[str, str]:
    """Every name and synonym, case folded -> concept name."""
    return {term.casefold(): item.name for item in _concepts().values() for term in (item.name, *item.synonyms)}


@cache
def _children() -> dict[str, tuple[str, ...]]:
    children: dict[str, tuple[str, ...]] = {}
    for item in _concepts().values():
        for parent in item.parents:
            children[parent] = (*children.get(parent, ()), item.name)
    return children


def _unknown(what: str, name: str, known: list[str]) -> InputError:
    import difflib

    near = difflib.get_close_matches(name.casefold(), known, n=4, cutoff=0.55)
    hint = f"did you mean {', '.join(repr(item) for item in near)}?" if near else "no name is close to it."
    return InputError(f"unknown {what} '{name}': {hint}")


def concepts() -> tuple[Concept, ...]:
    """Return every concept, in the order of the table."""
    return tuple(_concepts().values())


def concept(name: str) -> Concept:
    """Return the concept with this name or synonym, whatever its case.

    Raises:
        InputError: if there is none; the sentence names the nearest ones.
    """
    term = " ".join(name.replace("_", " ").casefold().split())
    if term not in _terms():
        raise _unknown("concept", name, list(_terms()))
    return _concepts()[_terms()[term]]


def _closure(start: str, step: Any) -> tuple[Concept, ...]:
    """Walk breadth first: nearest concepts come first."""
    found: dict[str, None] = {}
    queue = list(step(start))
    while queue:
        name = queue.pop(0)
        if name not in found:
            found[name] = None
            queue.extend(step(name))
    return tuple(_concepts()[name] for name in found)


def ancestors(name: str) -> tuple[Concept, ...]:
    """Return the concepts this one is a kind (or part) of, nearest first; raises InputError if unknown."""
    return _closure(concept(name).name, lambda item: _concepts()[item].parents)


def descendants(name: str) -> tuple[Concept, ...]:
    """Return the kinds (or parts) of this concept, nearest first; raises InputError if unknown."""
    return _closure(concept(name).name, lambda item: _children().get(item, ()))


def laterality(site: str) -> Literal["right", "left", "bilateral", ""]:
    """Return the side a site is on, '' for one with no side; raises InputError if the site is unknown."""
    found = concept(site)
    first = found.name.partition(" ")[0]
    sided = first in ("right", "left", "bilateral") and "cardiac silhouette" not in found.parents
    return first if sided else ""  # type: ignore[return-value]


@cache
def _labels() -> dict[str, dict[str, tuple[str, Relation]]]:
    """Label set -> label -> (concept, how the concept stands to the label)."""
    table: dict[str, dict[str, tuple[str, Relation]]] = {}
    for row in _rows("labels.csv"):
        relation: Relation = row["relation"]  # type: ignore[assignment]
        table.setdefault(row["label_set"], {})[row["label"]] = (row["concept"], relation)
    return table


@cache
def _label_sets() -> dict[str, LabelSet]:
    made = {}
    for name, facts in _sets_file()["sets"].items():
        convention = tuple((value, state, words) for value, state, words in facts["convention"])
        made[name] = LabelSet(
            name, tuple(_labels()[name]), facts["citation"], facts["terms"], convention, facts["notes"],
            facts.get("family", name),
        )  # fmt: skip
    return made


def label_sets() -> tuple[LabelSet, ...]:
    """Return every label set."""
    return tuple(_label_sets().values())


def label_set(name: str) -> LabelSet:
    """Return one label set by name, e.g. 'chexpert-14'; raises InputError if unknown."""
    if name not in _label_sets():
        raise _unknown("label set", name, list(_label_sets()))
    return _label_sets()[name]


def _find_label(name: str, label: str) -> str:
    labels = label_set(name).labels
    wanted = " ".join(label.replace("_", " ").casefold().split())
    for known in labels:
        if known.replace("_", " ").casefold() == wanted:
            return known
    folded = {known.casefold(): known for known in labels}
    raise _unknown(f"label of '{name}'", label, list(folded))


def to_concept(label_set: str, label: str) -> Concept:
    """Return the concept behind a data set's label, whatever its case or underscores.

    Raises:
        InputError: if the label set or the label is unknown.
    """
    return _concepts()[_labels()[label_set][_find_label(label_set, label)][0]]


def _chain(*steps: Relation) -> Relation:
    """Compose relations: exact keeps the other, like keeps itself, opposite or related ones are 'related'."""
    kinds = set(steps) - {"exact"}
    return kinds.pop() if len(kinds) == 1 else "related" if kinds else "exact"


def _between(source: str, target: str) -> Relation | None:
    """How concept `target` stands to concept `source`, None where neither is above the other."""
    if source == target:
        return "exact"
    if target in (item.name for item in ancestors(source)):
        return "broader"
    return "narrower" if source in (item.name for item in ancestors(target)) else None


def _derived(label: tuple[str, Relation], targets: dict[str, tuple[str, Relation]]) -> dict[str, Relation]:
    """Relations of one label to the labels of another set, by way of their concepts; the nearest ones only."""
    found: dict[str, Relation] = {}
    for name, (target, spelled) in targets.items():
        step = _between(label[0], target)
        if step is None:
            continue
        relation = _chain(label[1], step, _INVERSE[spelled])
        if step == "exact" or relation != "related":
            found[name] = relation
    if "exact" in found.values():
        return {name: relation for name, relation in found.items() if relation == "exact"}
    reached = {targets[name][0] for name in found}
    between = {"broader": ancestors, "narrower": descendants}
    far = {item.name for base in reached for kind, walk in between.items()
           if kind == _between(label[0], base) for item in walk(base)}  # fmt: skip
    return {name: relation for name, relation in found.items() if targets[name][0] not in far}


def _curated(source: str, target: str) -> dict[tuple[str, str], tuple[Relation, str]]:
    """Rows of mappings.csv between two sets, read in either direction."""
    from_family, to_family = label_set(source).family, label_set(target).family
    rows: dict[tuple[str, str], tuple[Relation, str]] = {}
    for row in _rows("mappings.csv"):
        relation: Relation = row["relation"]  # type: ignore[assignment]
        ends = (row["source"], row["target"])
        families = (row["source_family"], row["target_family"])
        if families == (to_family, from_family):
            ends, families, relation = ends[::-1], families[::-1], _INVERSE[relation]
        held = ends[0] in _labels()[source] and ends[1] in _labels()[target]
        if families == (from_family, to_family) and held:
            rows[ends] = (relation, row["cited"])
    return rows


@cache
def mapping(source: str, target: str) -> tuple[Mapping, ...]:
    """Return how the labels of one set correspond to those of another; a label without a row has no counterpart.

    Rows of the mapping table come with their citation; the rest is read from the concept table and says so.

    Raises:
        InputError: if a label set is unknown.
    """
    curated, cited = _curated(source, target), _sets_file()["sources"]
    made = []
    for label in label_set(source).labels:
        pairs = {end: (relation, how) for (start, end), (relation, how) in curated.items() if start == label}
        for end, relation in _derived(_labels()[source][label], _labels()[target]).items():
            pairs.setdefault(end, (relation, "hilum-derived"))
        made += [Mapping(label, end, relation, cited[how]) for end, (relation, how) in pairs.items()]
    return tuple(made)
