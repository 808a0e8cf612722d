"""Sections of a report: where the headings are, in the layouts that data sets and dictation use."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from hilum.text.lexicon import Pack

REPORTING = frozenset({"body", "findings", "impression", "addendum"})
"""Sections that state what this film shows; the others give history, technique or notices."""
_STOPS = "\n.!?:]"
_LONGEST = 48  # characters of a heading
_CAPITALS = re.compile(r"[A-ZÁÉÍÓÚÑ/&]{2,48}(?: [A-ZÁÉÍÓÚÑ/&]{2,48}){0,7} ?\Z")
_WORD = re.compile(r"[^ ]+")
_TEXT = re.compile(r"\S")
_BLANK = re.compile(r"\n[ \t\r]{0,80}\n")
_BARE = re.compile(r"\n[ \t]{0,20}([A-ZÁÉÍÓÚÑ][A-ZÁÉÍÓÚÑ ]{3,40})[ \t\r]*(?=\n)")


@dataclass(frozen=True)
class Section:
    """Characters [start, end) of one section, without its heading; `name` 'body' where none is named."""

    name: str
    start: int
    end: int


def sections(text: str, pack: Pack) -> tuple[Section, ...]:
    """Return the sections in order; text before the first heading, or without any, is 'body'."""
    marks = [(0, 0, "body")]
    marks += sorted((*_with_colon(text, pack), *_bare(text, pack)))
    found = []
    for number, (_, start, name) in enumerate(marks):
        end = marks[number + 1][0] if number + 1 < len(marks) else len(text)
        if start < end and not text[start:end].isspace():
            found.append(Section(name, start, end))
    if "\n" in text and not any(part.name == "findings" for part in found):
        found = [each for part in found for each in _unheaded(text, part)]
    return tuple(found)


def _unheaded(text: str, part: Section) -> list[Section]:
    """Findings without a heading of their own: the paragraphs after the one that tells the comparison or technique."""
    if part.name not in ("comparison", "technique", "indication"):
        return [part]
    opening = _TEXT.search(text, part.start, part.end)
    blank = _BLANK.search(text, opening.start(), part.end) if opening else None
    if not blank or not text[blank.end() : part.end].strip():
        return [part]
    return [Section(part.name, part.start, blank.start()), Section("body", blank.end(), part.end)]


def _with_colon(text: str, pack: Pack) -> list[tuple[int, int, str]]:
    """(start of heading, start of content, section) of every known heading that ends in a colon."""
    found = []
    colon = text.find(":")
    while colon >= 0:
        start = 1 + max([text.rfind(stop, max(0, colon - _LONGEST - 1), colon) for stop in _STOPS])
        if 0 < colon - start <= _LONGEST:
            name, at = _heading(text[start:colon], pack)
            if name:
                found.append((start + at, colon + 1, name))
        colon = text.find(":", colon + 1)
    return found


@lru_cache(maxsize=4_096)
def _heading(run: str, pack: Pack) -> tuple[str, int]:
    """Section that the words before a colon head, and where among them the heading begins; ('', 0) for none."""
    name = _named(" ".join(run.lower().split()).strip("*#_ -").partition("(")[0].strip(), pack)
    if name:
        return name, 0
    capitals = _CAPITALS.search(run)
    name, at = _last_words(capitals.group(), pack) if capitals else ("", 0)
    return (name, capitals.start() + at) if capitals and name else ("", 0)


def _last_words(capitals: str, pack: Pack) -> tuple[str, int]:
    """'FINAL REPORT INDICATION' -> ('indication', 13): a heading that ends a run of capitals in one long line."""
    starts = [match.start() for match in _WORD.finditer(capitals)]
    for at in starts[-4:]:
        name = _named(" ".join(capitals[at:].lower().split()), pack)
        if name:
            return name, at
    return "", 0


def _named(words: str, pack: Pack) -> str:
    return pack.sections.get(words) or _by_parts(words, pack)


def _bare(text: str, pack: Pack) -> list[tuple[int, int, str]]:
    """The same for headings in capitals alone on a line."""
    if "\n" not in text:
        return []
    lines = [(match, " ".join(match.group(1).lower().split())) for match in _BARE.finditer("\n" + text)]
    return [(m.start(1) - 1, m.end() - 1, pack.sections[words]) for m, words in lines if words in pack.sections]


def _by_parts(words: str, pack: Pack) -> str:
    """'findings and impression' -> 'findings'; 'final addendum' -> 'addendum'; '' where no part is a heading."""
    parts = re.split(r" and |[/&,]| ", words)
    names = [pack.sections[part.strip()] for part in parts if part.strip() in pack.sections]
    if not names or len(parts) > 4:
        return ""
    return names[0] if len(names) == len(parts) or len(parts) <= 2 else ""
