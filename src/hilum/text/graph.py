"""Report text to a graph of clinical entities and relations in RadGraph's schema."""

from __future__ import annotations

from functools import lru_cache

from hilum.text.graph_entities import nodes, roles
from hilum.text.graph_labels import labels
from hilum.text.graph_phrases import MODIFY
from hilum.text.graph_relations import relate
from hilum.text.graph_schema import KINDS, LABELS, MADE_BY, Entity, Graph
from hilum.text.lexicon import pack
from hilum.text.parse import Parsed
from hilum.text.radgraph import from_file, from_radgraph, to_dygie, to_file, to_radgraph
from hilum.text.sections import REPORTING
from hilum.text.tokens import find, tokenize

__all__ = [
    "KINDS", "LABELS", "MADE_BY", "Entity", "Graph", "from_file", "from_radgraph", "graph", "sentence_graph",
    "to_dygie", "to_file", "to_radgraph",
]  # fmt: skip
_CACHE = 16_384  # sentences remembered, as in parse


def graph(parsed: Parsed) -> Graph:
    """Return the report graph of a parsed report; sections that state nothing of this film give no entities.

    Args:
        parsed: what `hilum.text.parse.parse` returned.

    Raises:
        InputError: if there is no graph table for the report's language.

    Source: RadGraph, Jain et al. 2021 (schema), and the conventions of tests/text/gold/openi_graph.json.
    """
    made: list[Entity] = []
    before = -1
    for start, end, section in parsed.sentences:
        if section not in REPORTING:
            continue
        first = len(made)
        own = sentence_graph(parsed.text[start:end], parsed.language)
        made += [
            Entity(e.start + start, e.end + start, e.label, tuple([(kind, to + first) for kind, to in e.relations]))
            for e in own
        ]
        if len(own) == 1 and before >= 0 and own[0].start == 0 and end - start - own[0].end <= 1:
            _carry_on(made, before, first, parsed)
        before = first if own else -1
    return Graph(parsed.text, tuple(made))


def _carry_on(made: list[Entity], before: int, fragment: int, parsed: Parsed) -> None:
    """'Small effusion. Unchanged.': a quality that is a sentence of its own modifies the finding before it."""
    word = made[fragment]
    known = roles(parsed.language).get(parsed.text[word.start : word.end].lower(), {})
    if known.get("") != "quality":
        return
    for number in range(before, fragment):
        entity = made[number]
        if entity.label in ("OBS-DP", "OBS-U") and all(kind != MODIFY for kind, _ in entity.relations):
            made[fragment] = word._replace(label=entity.label, relations=((MODIFY, number),))
            return


@lru_cache(maxsize=_CACHE)
def sentence_graph(sentence: str, language: str = "en") -> tuple[Entity, ...]:
    """Return the entities of one sentence; offsets and relation targets count inside it.

    Args:
        sentence: its characters, as `parsed.sentences` cuts them.
        language: of the tables to use.
    """
    chosen = pack(language)
    tokens = tokenize(sentence, chosen)
    layers = find(tokens, chosen)
    found = nodes(tokens, layers, language)
    if not found:
        return ()
    relations = relate(found, language)
    said = labels(found, relations, tokens, layers, chosen)
    place = {n: number for number, n in enumerate([n for n, label in enumerate(said) if label])}
    return tuple([
        Entity(*tokens.span(found[n].first, found[n].last), said[n],
               tuple([(kind, place[to]) for kind, to in relations.of[n] if to in place]))
        for n in place
    ])  # fmt: skip
