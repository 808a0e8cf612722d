"""The medical entities of a report by class, as RaTEScore sorts them, from our own graph and facts."""

from __future__ import annotations

from collections import Counter
from functools import cache, lru_cache
from math import fsum, log, sqrt
from typing import NamedTuple

from hilum.core.vocabulary import concept, concepts
from hilum.measure.pairs import ReportPairs, graphs, parsed
from hilum.text.graph_schema import Graph
from hilum.text.parse import Parsed

CLASSES = ("anatomy", "abnormality", "non-abnormality", "disease", "non-disease")
"""RaTEScore's five classes of entities (Zhao et al. 2024)."""
POSITIVE = frozenset({"abnormality", "disease"})
NEGATIVE = frozenset({"non-abnormality", "non-disease"})
_NORMAL = frozenset({
    "normal", "clear", "unremarkable", "intact", "sharp", "negative", "preserved", "maintained", "patent",
    "well expanded", "free", "normally",
})  # fmt: skip
_GRAMS = (3, 4)
_GAP = 1


class Found(NamedTuple):
    """One entity: its words in lower case and its class."""

    words: str
    kind: str


Side = tuple[tuple[Found, ...], ...]


def entities(pairs: ReportPairs) -> tuple[Side, Side]:
    """Return the entities of references and answers, each once for a report."""

    def both(given: ReportPairs) -> tuple[Side, Side]:
        known: dict[int, tuple[Found, ...]] = {}

        def of(graph: Graph, report: Parsed) -> tuple[Found, ...]:
            if id(graph) not in known:
                known[id(graph)] = entities_of(graph, report)
            return known[id(graph)]

        made = [tuple(map(of, g, p)) for g, p in zip(graphs(given), parsed(given), strict=True)]
        return made[0], made[1]

    return pairs.once("entities", both)


def entities_of(graph: Graph, report: Parsed) -> tuple[Found, ...]:
    """Return the distinct entities of one report.

    An entity is a node that modifies nothing, with its modifiers before it and, for an observation, the anatomy that
    stands right before these ('small left pleural effusion'). Anatomy is an entity of its own too. An observation is a
    disease where a fact at its place is a diagnosis; it is a 'non-' one where it is denied, or says that something is
    normal.
    """
    ill = {fact.end for fact in report.facts if _is_disease(fact.concept)}
    modifiers: dict[int, list[int]] = {}
    heads: list[int] = []
    for number, entity in enumerate(graph.entities):
        to = [target for kind, target in entity.relations if kind == "modify"]
        heads += [] if to else [number]
        for target in to:
            modifiers.setdefault(target, []).append(number)
    found: dict[Found, None] = {}
    for number in heads:
        entity = graph.entities[number]
        if entity.label == "ANAT-DP":
            start = _start(graph, number, modifiers.get(number, []))
            found[Found(_words(graph.text[start : entity.end]), "anatomy")] = None
            continue
        near = list(modifiers.get(number, ()))
        for kind, target in entity.relations:
            if kind == "located_at":
                near += [target, *modifiers.get(target, ())]
        start = _start(graph, number, near)
        words = _words(graph.text[start : entity.end])
        name = "disease" if entity.end in ill else "abnormality"
        denied = entity.label == "OBS-DA" or graph.words(number).lower() in _NORMAL
        found[Found(words, f"non-{name}" if denied else name)] = None
    return tuple(found)


def _start(graph: Graph, number: int, near: list[int]) -> int:
    """Where the phrase of a head begins: at the first of its modifiers and places that stand with it, in a row."""
    start = graph.entities[number].start
    for other in sorted(near, reverse=True):
        if 0 <= start - graph.entities[other].end <= _GAP:
            start = graph.entities[other].start
    return start


def _words(text: str) -> str:
    return " ".join(text.lower().split())


@lru_cache(maxsize=4_096)
def _is_disease(name: str) -> bool:
    return concept(name).kind == "diagnosis"


def _grams(words: str) -> list[str]:
    """Runs of 3 and 4 characters, with a space before and after every word."""
    padded = f" {words} "
    return [padded[at : at + size] for size in _GRAMS for at in range(len(padded) - size + 1)]


@cache
def _rarity() -> tuple[dict[str, float], float]:
    """Gram -> how few names of the vocabulary hold it, and the value of an unknown gram.

    Fixed by the vocabulary, so that a score does not depend on what else is scored with it.
    """
    names = {term.lower() for item in concepts() for term in (item.name, *item.synonyms)}
    held = Counter(gram for name in names for gram in set(_grams(name)))
    return {gram: log((1 + len(names)) / (1 + n)) + 1 for gram, n in held.items()}, log(1 + len(names)) + 1


@lru_cache(maxsize=65_536)
def _vector(words: str) -> dict[str, float]:
    rarity, unknown = _rarity()
    weights = {gram: n * rarity.get(gram, unknown) for gram, n in Counter(_grams(words)).items()}
    size = sqrt(sum(value * value for value in weights.values()))
    return {gram: value / size for gram, value in weights.items()} if size else {}


@lru_cache(maxsize=1_048_576)
def spelled_alike(one: str, other: str) -> float:
    """Return the cosine [0, 1] of the TF-IDF vectors of two phrases' runs of 3 and 4 characters.

    A stand-in for an encoder of medical terms: it knows inflections and shared stems, not synonyms.
    """
    if one == other:
        return 1.0
    first, second = _vector(one), _vector(other)
    return fsum([first[gram] * second[gram] for gram in first.keys() & second.keys()])  # the same in any order
