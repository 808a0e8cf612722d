"""Written sentences with exact graphs: a small grammar kept as data, for learning and testing what rules cannot show.

Source: own sentences (tables/graph_grammar.json) in RadGraph's schema (Jain et al. 2021).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from hilum.core.errors import InputError
from hilum.core.seed import generator

_TABLE = Path(__file__).parent / "tables" / "graph_grammar.json"
_PIECE = re.compile(r"\[([^\[\]]*)\]|<([^<>]*)>|([^\[\]<>]+)")
_LABELS = {"A": "ANAT-DP", "P": "OBS-DP", "N": "OBS-DA", "U": "OBS-U"}
_KINDS = {"m": "modify", "l": "located_at", "s": "suggestive_of"}


class Mark(NamedTuple):
    """Characters [start, end), the label, and relations (kind, number of the target among the marks)."""

    start: int
    end: int
    label: str
    relations: tuple[tuple[str, int], ...]


class Written(NamedTuple):
    """A sentence and its entities in order."""

    text: str
    marks: tuple[Mark, ...]


class _Piece(NamedTuple):
    """One piece of a template: plain text, an entity or a phrase; '' where a part is not given."""

    text: str
    label: str = ""
    name: str = ""
    relations: tuple[tuple[str, str], ...] = ()
    phrase: bool = False


@dataclass
class _Draft:
    """A sentence while it is written; entities are known by the path of the phrase and their name in it."""

    draw: np.random.Generator
    held_words: bool
    text: str = ""
    marks: list[tuple[int, int, str, list[tuple[str, str]]]] = field(default_factory=list)
    named: dict[str, int] = field(default_factory=dict)
    phrases: int = 0


@cache
def _grammar() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(_TABLE.read_text(encoding="utf-8"))
    return loaded


@cache
def _pieces(template: str) -> tuple[_Piece, ...]:
    found = []
    for entity, phrase, plain in _PIECE.findall(template):
        if plain:
            found.append(_Piece(plain))
            continue
        text, label, name, links = (*(entity or phrase).split("|"), "", "", "")[:4]
        relations = tuple((_KINDS[link[0]], link[2:]) for link in links.split(",") if link)
        found.append(_Piece(text, label, name, relations, bool(phrase)))
    return tuple(found)


def write(count: int, *, seed: int, held_templates: bool = False, held_words: bool = False) -> list[Written]:
    """Return sentences with exact graphs.

    Args:
        count: how many; sentences may repeat.
        seed: the same seed gives the same sentences.
        held_templates: use only the sentence templates that training never sees, else only the others.
        held_words: the same for the words of the slots.

    Raises:
        InputError: if the grammar names a slot, a phrase or an entity that it does not have.
    """
    templates = _grammar()["held_out" if held_templates else "sentences"]
    draw = generator(seed, "grammar", int(held_templates), int(held_words))
    return [_sentence(templates[int(draw.integers(len(templates)))], draw, held_words) for _ in range(count)]


def _sentence(template: str, draw: np.random.Generator, held_words: bool) -> Written:
    draft = _Draft(draw, held_words)
    _expand(template, draft, "", "")
    order = sorted(range(len(draft.marks)), key=lambda number: draft.marks[number][0])
    moved = {old: new for new, old in enumerate(order)}
    marks = []
    for old in order:
        start, end, label, links = draft.marks[old]
        if any(target not in draft.named for _, target in links):
            raise InputError(f"the grammar's template '{template}' points to an entity it does not have: {links}")
        linked = {(kind, moved[draft.named[target]]) for kind, target in links}
        marks.append(Mark(start, end, label, tuple(sorted(linked))))
    return Written(draft.text[:1].upper() + draft.text[1:], tuple(marks))


def _expand(template: str, draft: _Draft, path: str, label: str) -> None:
    """Append a template's text and entities; `path` keeps the names of two phrases of one sentence apart."""
    for piece in _pieces(template):
        if not piece.label:
            draft.text += piece.text.lstrip(" ") if draft.text.endswith(" ") or not draft.text else piece.text
            continue
        links = [(kind, f"{path}{target}") for kind, target in piece.relations]
        own = label if piece.label == "*" else piece.label
        if piece.phrase:
            _phrase(piece, draft, path, own, links)
        elif word := _word(piece.text, draft):
            if piece.name:
                draft.named[path + piece.name] = len(draft.marks)
            start = len(draft.text)
            draft.text += word
            draft.marks.append((start, len(draft.text), _LABELS[own], links))


def _phrase(piece: _Piece, draft: _Draft, path: str, label: str, links: list[tuple[str, str]]) -> None:
    draft.phrases += 1
    inner = f"{path}{draft.phrases}."
    choices = _grammar()["phrases"].get(piece.text)
    if choices is None:
        raise InputError(f"the grammar has no phrase '{piece.text}'")
    _expand(choices[int(draft.draw.integers(len(choices)))], draft, inner, label)
    head = draft.named[inner + "h"]
    draft.marks[head][3].extend(links)
    draft.named[path + (piece.name or "h")] = head


def _word(text: str, draft: _Draft) -> str:
    """The word itself, or one of a slot's; '' for an optional slot left out."""
    if not text.startswith("$"):
        return text
    slot = _grammar()["slots"].get(text[1:].rstrip("?"))
    if slot is None:
        raise InputError(f"the grammar has no slot '{text[1:]}'")
    if text.endswith("?") and draft.draw.random() < 0.5:
        return ""
    words = slot["held_out" if draft.held_words else "words"]
    return str(words[int(draft.draw.integers(len(words)))])
