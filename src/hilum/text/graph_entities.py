"""Words of a sentence that are nodes of its report graph, and what stands between them."""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from hilum.core.errors import InputError
from hilum.text.tokens import Match, Tokens

_TABLES = Path(__file__).parent / "tables"
PLACES = frozenset({"site", "sided", "tissue", "region", "side", "place"})
ANATOMY = PLACES | {"organ", "property"}
NOUNS = frozenset({"organ", "property", "finding"})
OBSERVATIONS = frozenset({"finding", "quality", "degree", "size"})
_GAPS = ("and", "or", "comma", "slash", "of", "in", "verb", "with", "without", "break", "link", "word", "redacted", "hidden", "hedge")
AND, OR, COMMA, SLASH, OF, IN, VERB, WITH, WITHOUT, BREAK, LINK, WORD, REDACTED, HIDDEN, HEDGE = (1 << n for n in range(len(_GAPS)))
BIT = dict(zip(_GAPS, (1 << n for n in range(len(_GAPS))), strict=True))
LISTS = AND | OR | COMMA | SLASH
_UNITS = frozenset({"mm", "cm", "millimeter", "millimeters", "centimeter", "centimeters"})
_ORDINALS = frozenset({"st", "nd", "rd", "th"})
_LEVELS = frozenset("ctls")
_END = ""


class Node(NamedTuple):
    """One candidate entity of a sentence.

    Args:
        first, last: its tokens, both included.
        role: its row in the table, e.g. 'organ', 'site', 'finding', 'quality'; or 'size' for a measurement.
        word: lower-case words.
        gap: bits of what stands between the node before it and this one.
    """

    first: int
    last: int
    role: str
    word: str
    gap: int


GROUPS = frozenset({"at-lungs", "elsewhere", "sure", "change-of", "gone", "unshared", "lungs", "shadow", "age"})


@cache
def group(name: str, language: str = "en") -> frozenset[str]:
    """Return the words of one group of findings, e.g. those that lie elsewhere than in the lung."""
    with (_TABLES / f"graph_{language}.csv").open(encoding="utf-8", newline="") as file:
        rows = [row["words"].split(";") for row in csv.DictReader(file) if row["role"] == name]
    return frozenset(word for words in rows for word in words)


@cache
def roles(language: str = "en") -> dict[str, Any]:
    """Return the word trie of a language: nested {word: node}, node[''] is the role.

    Raises:
        InputError: if there is no table for the language or a row of it is malformed.
    """
    path = _TABLES / f"graph_{language}.csv"
    if not path.exists():
        there = ", ".join(sorted(each.stem[6:] for each in _TABLES.glob("graph_*.csv")))
        raise InputError(f"report graphs are made for: {there}; there is no table {path.name} for '{language}'")
    known = ANATOMY | OBSERVATIONS | set(_GAPS) | {"extent", "none", "quality+finding"}
    made: dict[str, Any] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row.get("role") in GROUPS:
                continue
            if row.get("role") not in known or not row.get("words") or not row.get("source"):
                raise InputError(f"{path.name}: a row needs role,words,source with a known role; found {row}")
            for phrase in row["words"].split(";"):
                node = made
                for word in phrase.split():
                    node = node.setdefault(word, {})
                if _END in node:
                    raise InputError(f"{path.name}: '{phrase}' is both {node[_END]} and {row['role']}")
                node[_END] = row["role"]
    return made


def nodes(tokens: Tokens, layers: list[list[Match]], language: str = "en") -> list[Node]:
    """Return the candidate entities of a sentence, left to right.

    Args:
        tokens: the sentence.
        layers: what `tokens.find` returned for it.
        language: of the table to use.
    """
    trie, words = roles(language), tokens.words
    links = {m.first: m.last for m in layers[3]}
    found: list[Node] = []
    gap, at, count = 0, 0, len(words)
    while at < count:
        role, last = _read(trie, words, at, tokens)
        if role == "quality+finding":
            found.append(Node(at, at, "quality", words[at], gap))
            found.append(Node(last, last, "finding", words[last], 0))
            gap = 0
        elif role in ANATOMY or role in OBSERVATIONS:
            if found and not gap and role == "quality" and found[-1].word in ("borderline", "interval"):
                found[-1] = found[-1]._replace(role="degree")
            found.append(Node(at, last, role, " ".join(words[at : last + 1]), gap))
            gap = 0
        elif role == "extent":
            if words[at] == "xxxx":
                gap |= HIDDEN if gap & REDACTED else REDACTED
            if last + 1 < count and words[last + 1] == "of" and words[at] != "xxxx":
                last += 1
        elif at in links:
            gap |= LINK
        elif role == "link":
            gap |= LINK | HIDDEN if words[last] == "xxxx" else LINK
        elif words[at] == "to" and _between_alike(trie, words, at, found):
            pass  # 'small to moderate', 'mid to lower'
        elif role:
            gap |= BIT.get(role, WORD)
        elif words[at] not in _ARTICLES:
            gap |= BREAK if words[at] == ";" else WORD
        at = last + 1
    return found


def _between_alike(trie: dict[str, Any], words: list[str], at: int, found: list[Node]) -> bool:
    role = trie.get(words[at + 1], {}).get(_END) if at + 1 < len(words) else None
    return bool(found) and found[-1].last == at - 1 and role == found[-1].role and role in ("side", "quality")


_ARTICLES = frozenset({"the", "a", "an"})


def _read(trie: dict[str, Any], words: list[str], at: int, tokens: Tokens) -> tuple[str, int]:
    """Role and last token of the longest phrase of the table that starts at a token; '' for none."""
    word = words[at]
    if word[0].isdigit():
        return _number(words, at, tokens)
    node, role, last = trie.get(word), "", at
    step = at
    while node is not None:
        if _END in node:
            role, last = node[_END], step
        step += 1
        node = node.get(words[step]) if step < len(words) else None
    joined = at + 1 < len(words) and words[at + 1].isdigit() and tokens.starts[at + 1] == tokens.ends[at]
    if not role and word in _LEVELS and joined:
        return "organ", at + 1
    return role, last


def _number(words: list[str], at: int, tokens: Tokens) -> tuple[str, int]:
    """'7th' is a level, '4.6 cm x 3.7 cm' a size, 'T12' read elsewhere; other numbers are nothing."""
    after = words[at + 1] if at + 1 < len(words) else ""
    if after in _ORDINALS and tokens.starts[at + 1] == tokens.ends[at]:
        return "side", at + 1
    last, step = -1, at
    while step < len(words) and words[step][0].isdigit():
        unit = step + 1 < len(words) and words[step + 1] in _UNITS
        last = step + 1 if unit else last
        step += 2 if unit else 1
        if step < len(words) and words[step] in ("x", "by"):
            step += 1
    return ("size", last) if last >= 0 else ("", at)
