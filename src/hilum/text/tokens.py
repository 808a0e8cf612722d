"""Tokens of a sentence and the phrases found in them, in one walk over the pack's trie."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, NamedTuple

from hilum.text.lexicon import Pack, Phrase

_TOKEN = re.compile(r"(?:XXXX|[Pp]ort)-[aA]-(?:XXXX|[Cc]ath)|[^\W\d_]+(?:['’][^\W\d_]+)?|\d+(?:\.\d+)?|_+|[,;:/?<>()]")
_LONGEST = 14  # tokens of the longest phrase


@dataclass
class Tokens:
    """A sentence cut into tokens.

    Args:
        text: the sentence.
        starts, ends: character span of every token.
        words: lower-case form of every token.
        symbols: trie symbols of every token.
    """

    text: str
    starts: list[int]
    ends: list[int]
    words: list[str]
    symbols: list[tuple[str, ...]]

    def __len__(self) -> int:
        return len(self.words)

    def span(self, first: int, last: int) -> tuple[int, int]:
        """Return the characters from token `first` to token `last`, both included."""
        return self.starts[first], self.ends[last]


class Match(NamedTuple):
    """Tokens [first, last] that are a phrase of the pack; `phrases` holds its rows, the first one first."""

    first: int
    last: int
    phrases: tuple[Phrase, ...]

    @property
    def phrase(self) -> Phrase:
        """The row that comes first in the table."""
        return self.phrases[0]


def tokenize(text: str, pack: Pack) -> Tokens:
    """Cut a sentence into words, numbers and punctuation; hyphens part words, `___` and XXXX are one kind of word."""
    word, known = pack.word, pack.memo.get
    found = list(_TOKEN.finditer(text))
    read = [known(match[0]) or word(match[0]) for match in found]
    return Tokens(
        text,
        [match.start() for match in found],
        [match.end() for match in found],
        [lower for lower, _ in read],
        [symbols for _, symbols in read],
    )


def find(tokens: Tokens, pack: Pack) -> list[list[Match]]:
    """Return the phrases found, one list per layer, left to right; in each layer the longest match wins."""
    layers: list[list[Match]] = [[], [], [], [], [], []]
    free = [0, 0, 0, 0, 0, 0]
    trie = pack.trie
    for at, symbols in enumerate(tokens.symbols):
        if symbols:
            nodes = [trie[symbol] for symbol in symbols if symbol in trie]
            for layer, (last, phrases) in _longest(nodes, at, tokens, pack).items() if nodes else ():
                if at >= free[layer]:
                    free[layer] = last + 1
                    layers[layer].append(Match(at, last, tuple(phrases)))
    return layers


def _longest(
    nodes: list[dict[str, Any]], first: int, tokens: Tokens, pack: Pack
) -> dict[int, tuple[int, list[Phrase]]]:
    """Layer -> last token and rows of the longest phrase from token `first`; articles inside are stepped over."""
    best: dict[int, tuple[int, list[Phrase]]] = {}
    words, all_symbols, skip = tokens.words, tokens.symbols, pack.skip
    count, at = len(words), first
    while True:
        for node in nodes:
            for phrase in node.get("", ()):
                known = best.get(phrase.layer)
                if known is None or known[0] != at:
                    best[phrase.layer] = (at, [phrase])
                elif phrase not in known[1]:
                    known[1].append(phrase)
        at += 1
        while at < count and words[at] in skip:
            at += 1
        if at >= count or at - first >= _LONGEST:
            return best
        symbols = all_symbols[at]
        nodes = [node[symbol] for node in nodes for symbol in symbols if symbol in node] if symbols else []
        if not nodes:
            return best
