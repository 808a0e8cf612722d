"""A report as short statements: RadZero's minimal sentences, RadFact's phrases, SEI's entity sequence.

Source of the entity sequence: SEI (Liu et al., structural entities extraction), readers' sheet §7.
"""

from __future__ import annotations

from bisect import bisect_right

from hilum.text.graph import graph
from hilum.text.graph_schema import Graph
from hilum.text.minimal import minimal_sentence, minimal_sentences
from hilum.text.parse import Parsed
from hilum.text.sentences import sentences
from hilum.text.single_findings import phrases

__all__ = ["SEPARATOR", "entity_sequence", "minimal_sentence", "minimal_sentences", "phrases"]
SEPARATOR = "[SEP]"


def entity_sequence(told: Graph | Parsed) -> str:
    """Return the entity words of each sentence in the order of the report, sentences parted by [SEP].

    A sentence begins with 'no' if any of its entities is definitely absent, else with 'maybe' if any is uncertain;
    sentences without entities are dropped.

    Args:
        told: a graph, or a parsed report, of which the graph is made.
    """
    made = told if isinstance(told, Graph) else graph(told)
    spans = sentences(made.text) if isinstance(told, Graph) else [(start, end) for start, end, _ in told.sentences]
    starts = [start for start, _ in spans]
    words: list[list[str]] = [[] for _ in spans]
    labels: list[set[str]] = [set() for _ in spans]
    for entity in sorted(made.entities, key=lambda entity: (entity.start, entity.end)):
        number = max(bisect_right(starts, entity.start) - 1, 0)
        words[number] += made.text[entity.start : entity.end].lower().split()
        labels[number].add(entity.label)
    prefixes = ["no" if "OBS-DA" in held else "maybe" if "OBS-U" in held else "" for held in labels]
    told_all = [" ".join(filter(None, (prefix, *said))) for prefix, said in zip(prefixes, words, strict=True) if said]
    return f" {SEPARATOR} ".join(told_all)
