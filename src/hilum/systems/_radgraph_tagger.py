"""The trained tagger at work: report in, graph out; from a folder with an ONNX file, or from a network in memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from hilum.learn.onnx import Session, read_facts
from hilum.learn.spans import Tagged, attach, decode
from hilum.learn.words import Coded, Vocabulary
from hilum.systems._radgraph_corpus import SCHEMA, Line, lines_of
from hilum.text.graph import Entity, Graph
from hilum.text.parse import Parsed

if TYPE_CHECKING:
    from hilum.nets.spans import SpanTagger

Scores = Callable[[Coded], Mapping[str, NDArray[Any]]]
"""Sentences as numbers -> 'entities', 'kept' and 'relations', see `hilum.nets.spans.SpanOutput`."""
Read = Callable[[Sequence[Sequence[str]]], list[Tagged]]
"""Sentences of words -> the same with entities and relations."""
CELLS = 2_000
"""Words of one pass at most, padding included; a longer sentence is a pass of its own."""


def reader(scores: Scores, vocabulary: Vocabulary) -> Read:
    """Return a function that tags sentences; those of like length share a pass, and padding changes nothing."""

    def read(sentences: Sequence[Sequence[str]]) -> list[Tagged]:
        found: dict[int, Tagged] = {number: Tagged(()) for number, words in enumerate(sentences) if not words}
        order = sorted((n for n in range(len(sentences)) if n not in found), key=lambda n: len(sentences[n]))
        while order:
            size = max(1, min(64, CELLS // len(sentences[order[-1]])))
            part, order = order[-size:], order[:-size]
            out = scores(vocabulary.code([sentences[number] for number in part]))
            for row, number in enumerate(part):
                entities, kept, relations = (out[name][row] for name in ("entities", "kept", "relations"))
                found[number] = decode(sentences[number], entities, kept, relations, SCHEMA)
        return [found[number] for number in range(len(sentences))]

    return read


def net_reader(net: SpanTagger, vocabulary: Vocabulary) -> Read:
    """Return the same for a network in memory; needs torch."""
    import torch

    def scores(coded: Coded) -> Mapping[str, NDArray[Any]]:
        with torch.inference_mode():
            out = net.eval()(*(torch.from_numpy(part) for part in coded))
        return {name: value.numpy() for name, value in out._asdict().items()}

    return reader(scores, vocabulary)


def cooccurring(read: Read, *, nearest: bool) -> Read:
    """Return a reader whose relations are co-occurrence alone: the ablation of the relation head."""
    return lambda sentences: [attach(each, nearest=nearest) for each in read(sentences)]


def to_graph(parsed: Parsed, lines: Sequence[Line], tagged: Sequence[Tagged], *, made_by: str) -> Graph:
    """Return the graph of a report from its tagged lines; offsets are characters of `parsed.text`."""
    entities: list[Entity] = []
    for line, each in zip(lines, tagged, strict=True):
        first = len(entities)
        links: dict[int, list[tuple[str, int]]] = {}
        for one, two, kind in each.relations:
            links.setdefault(one, []).append((kind, first + two))
        entities += [
            Entity(line.spans[e.first][0], line.spans[e.last][1], e.label, tuple(links.get(number, ())))
            for number, e in enumerate(each.entities)
        ]
    return Graph(parsed.text, tuple(entities), made_by)


def graphs(read: Read, reports: Sequence[Parsed], *, unit: str, made_by: str) -> list[Graph]:
    """Return the graph of every report, all their lines read together."""
    lines = [lines_of(parsed, unit=unit) for parsed in reports]
    tagged = iter(read([line.words for own in lines for line in own]))
    return [
        to_graph(parsed, own, [next(tagged) for _ in own], made_by=made_by)
        for parsed, own in zip(reports, lines, strict=True)
    ]


class Tagger:
    """A trained tagger in a folder: model.onnx and vocabulary.json; opened on first use, needs no torch.

    Args:
        folder: where `hilum train radgraph -o` wrote them.
        threads: CPU threads, 0 for the runtime's choice.
    """

    def __init__(self, folder: Path, *, threads: int = 1) -> None:
        """Remember where the files are."""
        self.folder, self.threads = Path(folder), threads

    @cached_property
    def facts(self) -> Mapping[str, Any]:
        """Words, unit and the hash of the model file.

        Raises:
            MissingError: if the folder has no vocabulary.json.
        """
        return read_facts(self.folder / "vocabulary.json")

    @cached_property
    def read(self) -> Read:
        """Sentences to tagged sentences."""
        session = Session(self.folder / "model.onnx", sha256=self.facts["sha256"], threads=self.threads)
        found = reader(lambda coded: session.run(coded._asdict()), Vocabulary(tuple(self.facts["words"])))
        return found if self.facts["pairs"] else cooccurring(found, nearest=True)

    def __call__(self, parsed: Parsed) -> Graph:
        """Return the graph of one report, as `hilum.text.graph.graph` does by rules."""
        made_by = f"hilum tagger {self.facts['sha256'][:12]}"
        return graphs(self.read, [parsed], unit=self.facts["unit"], made_by=made_by)[0]
