"""Reports and graphs as the tagger reads them: lines of words with labelled spans and relations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from hilum.core.errors import InputError
from hilum.learn.spans import WIDEST, Entity, Schema, Tagged
from hilum.text.grammar import Mark, write
from hilum.text.lexicon import pack
from hilum.text.parse import Parsed, parse
from hilum.text.sections import REPORTING
from hilum.text.tokens import tokenize

SCHEMA = Schema(
    labels=("ANAT-DP", "OBS-DP", "OBS-DA", "OBS-U"),
    kinds=("modify", "located_at", "suggestive_of"),
    allowed={
        "modify": (("OBS", "OBS"), ("ANAT", "ANAT")),
        "located_at": (("OBS", "ANAT"),),
        "suggestive_of": (("OBS", "OBS"),),
    },
)
STOP = "."
"""Stands between the sentences of a section that is read as a whole."""


class Marked(Protocol):
    """An entity by its characters: `hilum.text.graph.Entity` and `hilum.text.grammar.Mark` are such."""

    @property
    def start(self) -> int:
        """First character."""
        ...

    @property
    def end(self) -> int:
        """One past the last character."""
        ...

    @property
    def label(self) -> str:
        """Label of the schema."""
        ...

    @property
    def relations(self) -> tuple[tuple[str, int], ...]:
        """(Kind, number of the target among the marks)."""
        ...


class Line(NamedTuple):
    """Words that are read together, and the characters [start, end) of each in the report."""

    words: tuple[str, ...]
    spans: tuple[tuple[int, int], ...]


def lines_of(parsed: Parsed, *, unit: str = "sentence") -> list[Line]:
    """Return what the tagger reads of a report: its sentences, or whole sections as RadGraph does.

    Raises:
        InputError: if the unit is neither 'sentence' nor 'section'.
    """
    if unit not in ("sentence", "section"):
        raise InputError(f"unknown unit '{unit}': 'sentence' or 'section' is expected")
    lines, homes = [], []
    for start, end, section in parsed.sentences:
        if section not in REPORTING:
            continue
        tokens = tokenize(parsed.text[start:end], pack(parsed.language))
        spans = tuple((start + a, start + b) for a, b in zip(tokens.starts, tokens.ends, strict=True))
        lines += [Line(tuple(tokens.words), spans)] * bool(spans)
        homes += [next(n for n, part in enumerate(parsed.sections) if part.start <= start < part.end)] * bool(spans)
    if unit == "sentence":
        return lines
    joined: dict[int, Line] = {}
    for home, line in zip(homes, lines, strict=True):
        before = joined.get(home, Line((), ()))
        end = line.spans[-1][1]
        joined[home] = Line((*before.words, *line.words, STOP), (*before.spans, *line.spans, (end, end)))
    return list(joined.values())


def tag(line: Line, marks: Sequence[Marked]) -> Tagged:
    """Return a line with those entities that lie on its words, and the relations between them."""
    starts = {start: number for number, (start, end) in enumerate(line.spans) if start < end}
    ends = {end: number for number, (start, end) in enumerate(line.spans) if start < end}
    found: dict[int, Entity] = {}
    for number, mark in enumerate(marks):
        first, last = starts.get(mark.start), ends.get(mark.end)
        if first is not None and last is not None and 0 <= last - first < WIDEST:
            found[number] = Entity(first, last, mark.label)
    order = sorted(found, key=lambda number: found[number])
    places = {number: place for place, number in enumerate(order)}
    links = [
        (places[number], places[target], kind)
        for number in order
        for kind, target in marks[number].relations
        if target in places
    ]
    return Tagged(line.words, tuple(found[number] for number in order), tuple(sorted(links)))


def marks_of(sentence: Tagged) -> list[Mark]:
    """Return a tagged sentence as marks; numbers of words take the place of characters."""
    links: dict[int, list[tuple[str, int]]] = {}
    for one, two, kind in sentence.relations:
        links.setdefault(one, []).append((kind, two))
    return [Mark(e.first, e.last + 1, e.label, tuple(links.get(n, ()))) for n, e in enumerate(sentence.entities)]


def written(count: int, *, seed: int, held_templates: bool = False, held_words: bool = False) -> list[Tagged]:
    """Return sentences of the grammar, see `hilum.text.grammar.write`."""
    made = write(count, seed=seed, held_templates=held_templates, held_words=held_words)
    return [tag(lines[0], each.marks) for each in made if (lines := lines_of(parse(each.text)))]
