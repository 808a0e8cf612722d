"""What the span-relation tagger learns from: rule graphs, written sentences with exact graphs, hand-made graphs."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from hilum.core.errors import InputError, MissingError
from hilum.learn.spans import WIDEST, Entity, Schema, Tagged
from hilum.text.grammar import write
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
    def start(self) -> int: ...
    @property
    def end(self) -> int: ...
    @property
    def label(self) -> str: ...
    @property
    def relations(self) -> tuple[tuple[str, int], ...]: ...


class Mark(NamedTuple):
    """An entity of the hand-made graphs, see `Marked`."""

    start: int
    end: int
    label: str
    relations: tuple[tuple[str, int], ...]


class Line(NamedTuple):
    """Words that are read together, and the characters [start, end) of each in the report."""

    words: tuple[str, ...]
    spans: tuple[tuple[int, int], ...]


class Case(NamedTuple):
    """A report with its hand-made graph; `marks` count characters of `parsed.text`."""

    id: str
    parsed: Parsed
    marks: tuple[Mark, ...]


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


def is_tuning(report: str) -> bool:
    """Whether a report of the hand-made graphs may be learnt from; the others are for scoring alone."""
    return int(hashlib.blake2b(report.encode(), digest_size=8).hexdigest(), 16) % 2 == 0


def rows_of(root: Path) -> list[dict[str, str]]:
    """Return the reports of Open-i that the pack lists.

    Raises:
        MissingError: if the pack has no Open-i reports.
    """
    path = root / "openi" / "gold_findings.csv"
    if not path.is_file():
        raise MissingError(f"{path.name} was not found under {root / 'openi'}: give the root folder of the pack")
    with path.open(encoding="utf-8", newline="") as stream:
        return [row for row in csv.DictReader(stream) if row["gold_status"] == "ok"]


def read_row(row: dict[str, str]) -> Parsed:
    """Return a report parsed; its sections are stripped, as the hand-made graphs count their characters."""
    return parse({"findings": row["findings"].strip(), "impression": row["impression"].strip()})


def cases(root: Path, gold: Path) -> list[Case]:
    """Return the reports with hand-made graphs, in the order of the file."""
    if not gold.is_file():
        raise MissingError(f"the hand-made graphs {gold.name} were not found: give their place with --set gold=PATH")
    rows = {row["report_id"]: row for row in rows_of(root)}
    made: list[dict[str, Any]] = json.loads(gold.read_text(encoding="utf-8"))["reports"]
    return [_case(graph, read_row(rows[graph["id"]])) for graph in made]


def _case(graph: dict[str, Any], parsed: Parsed) -> Case:
    origins = {part.name: part.start for part in parsed.sections}
    places = {item["id"]: number for number, item in enumerate(graph["entities"])}
    marks = tuple(
        Mark(
            origins[item["section"]] + item["start"], origins[item["section"]] + item["end"], item["label"],
            tuple((kind, places[target]) for kind, target in item["relations"]),
        )
        for item in graph["entities"]
    )  # fmt: skip
    return Case(graph["id"], parsed, marks)


def written(count: int, *, seed: int, held_templates: bool = False, held_words: bool = False) -> list[Tagged]:
    """Return sentences of the grammar, see `hilum.text.grammar.write`."""
    made = write(count, seed=seed, held_templates=held_templates, held_words=held_words)
    return [tag(lines[0], each.marks) for each in made if (lines := lines_of(parse(each.text)))]


def dev_reports(root: Path, leave_out: Iterable[str], *, limit: int = 0) -> list[Parsed]:
    """Return the reports of the dev half, one of each text, without those named; `limit` 0 means all."""
    closed, seen, kept = set(leave_out), set(), []
    for row in rows_of(root):
        if int(row["text_hash"], 16) % 2 or row["report_id"] in closed or row["text_hash"] in seen:
            continue
        seen.add(row["text_hash"])
        kept.append(row)
    return [read_row(row) for row in (kept[:limit] if limit else kept)]
