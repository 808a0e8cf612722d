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
AND, OR, COMMA, SLASH, OF, IN, VERB, WITH, WITHOUT, BREAK, LINK, HEDGE = (1 << n for n in range(12))
WORD, REDACTED, HIDDEN = 1 << 12, 1 << 13, 1 << 14  # another word; one removed word; two, or one where a hedge stands
LISTS = AND | OR | COMMA | SLASH
_BITS = {
    "and": AND, "or": OR, "comma": COMMA, "slash": SLASH, "of": OF, "in": IN, "verb": VERB, "with": WITH,
    "without": WITHOUT, "break": BREAK, "link": LINK, "hedge": HEDGE,
}  # fmt: skip
GROUPS = frozenset(
    {"limit", "at-lungs", "elsewhere", "sure", "change-of", "gone", "unshared", "lungs", "shadow", "age", "of-lungs",
     "end", "change"}
)  # fmt: skip
"""Rows that name words with a common habit; the words have their role in other rows."""
_BOTH = "quality+finding"
_REDACTED = "xxxx"
_ARTICLES = frozenset({"the", "a", "an"})
_UNITS = frozenset({"mm", "cm", "millimeter", "millimeters", "centimeter", "centimeters"})
_ORDINALS = frozenset({"st", "nd", "rd", "th"})
_VERTEBRAE = frozenset("ctls")
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


def _table(language: str) -> list[tuple[str, list[str]]]:
    """(role, phrases) of every row of a language's table."""
    path = _TABLES / f"graph_{language}.csv"
    if not path.exists():
        there = ", ".join(sorted(each.stem[6:] for each in _TABLES.glob("graph_*.csv")))
        raise InputError(f"report graphs are made for: {there}; there is no table {path.name} for '{language}'")
    known = ANATOMY | OBSERVATIONS | set(_BITS) | GROUPS | {"extent", "none", _BOTH}
    found = []
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row.get("role") not in known or not row.get("words") or not row.get("source"):
                raise InputError(f"{path.name}: a row needs role,words,source with a known role; found {row}")
            found.append((row["role"], row["words"].split(";")))
    return found


@cache
def group(name: str, language: str = "en") -> frozenset[str]:
    """Return the words of one group of the table, e.g. 'elsewhere': findings that are not in the lung.

    Args:
        name: one of `GROUPS`.
        language: of the table.
    """
    return frozenset(word for role, words in _table(language) if role == name for word in words)


@cache
def roles(language: str = "en") -> dict[str, Any]:
    """Return the word trie of a language: nested {word: node}; node[''] is the role of the phrase that ends there.

    Args:
        language: of the table.

    Raises:
        InputError: if there is no table for the language, or it gives a phrase two roles.
    """
    made: dict[str, Any] = {}
    for role, phrases in _table(language):
        for phrase in phrases if role not in GROUPS else ():
            node = made
            for word in phrase.split():
                node = node.setdefault(word, {})
            if _END in node:
                raise InputError(f"graph_{language}.csv: '{phrase}' is both {node[_END]} and {role}; keep one")
            node[_END] = role
    return made


def nodes(tokens: Tokens, layers: list[list[Match]], language: str = "en") -> list[Node]:
    """Return the candidate entities of a sentence, left to right.

    Args:
        tokens: the sentence.
        layers: what `tokens.find` returned for it: findings of the labels that the table lacks are nodes too.
        language: of the table.
    """
    trie, words, count = roles(language), tokens.words, len(tokens)
    limits = group("limit", language)
    links = {match.first for match in layers[3]}
    named = {match.first for match in layers[0] if match.first == match.last and match.phrase.kind != "ignore"}
    found: list[Node] = []
    gap = at = 0
    while at < count:
        role, last = _read(trie, words, at, tokens)
        if not role and at in named:
            role = "finding"
        if words[last + 1 : last + 2] == ["normal"] and words[at] in limits:
            gap |= WORD
        elif role == _BOTH:
            found += [Node(at, at, "quality", words[at], gap), Node(last, last, "finding", words[last], 0)]
            gap = 0
        elif role in ANATOMY or role in OBSERVATIONS:
            if found and not gap and role == "quality" and found[-1].word in ("borderline", "interval"):
                found[-1] = found[-1]._replace(role="degree")
            found.append(Node(at, last, role, " ".join(words[at : last + 1]), gap))
            gap = 0
        elif words[at] == _REDACTED:
            gap |= HIDDEN if gap & REDACTED else REDACTED
        elif role == "extent":
            last += last + 1 < count and words[last + 1] == "of"
        else:
            if role == "comma":  # a word removed before it belongs to the phrase before
                gap &= ~(REDACTED | HIDDEN)
            gap |= _between(role, at, last, words, trie, found, links)
        at = last + 1
    return found


def _between(
    role: str, at: int, last: int, words: list[str], trie: dict[str, Any], found: list[Node], links: set[int]
) -> int:
    """Bit of a token that is no node."""
    if at in links or role == "link":
        return LINK | HIDDEN if words[last] == _REDACTED else LINK
    if words[at] == "to" and found and found[-1].last == at - 1 and found[-1].role in ("side", "quality"):
        after = trie.get(words[at + 1], {}).get(_END) if at + 1 < len(words) else None
        if after == found[-1].role:
            return 0  # 'small to moderate', 'mid to lower'
    if words[at] in _ARTICLES:
        return 0
    return BREAK if words[at] == ";" else _BITS.get(role, WORD)


def _read(trie: dict[str, Any], words: list[str], at: int, tokens: Tokens) -> tuple[str, int]:
    """Role and last token of the longest phrase of the table that starts at a token; '' for none."""
    word = words[at]
    if word[0].isdigit():
        return _number(words, at, tokens)
    node, role, last, step = trie.get(word), "", at, at
    while node is not None:
        if _END in node:
            role, last = node[_END], step
        step += 1
        node = node.get(words[step]) if step < len(words) else None
    if not role and word in _VERTEBRAE and _touches_number(words, at, tokens):
        return "organ", at + 1  # 'T12'
    return role, last


def _touches_number(words: list[str], at: int, tokens: Tokens) -> bool:
    return at + 1 < len(words) and words[at + 1].isdigit() and tokens.starts[at + 1] == tokens.ends[at]


def _number(words: list[str], at: int, tokens: Tokens) -> tuple[str, int]:
    """'7th' is a level and '4.6 cm x 3.7 cm' a size; other numbers are nothing."""
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
