"""Tokens of a sentence and the phrases found in them, in one walk over the pack's trie."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from hilum.text.lexicon import Key, Node, Pack, Phrase

_TOKEN = re.compile(r"(?:XXXX|[Pp]ort)-[aA]-(?:XXXX|[Cc]ath)|[^\W\d_]+(?:['’][^\W\d_]+)?|\d+(?:\.\d+)?|_+|[,;:/?<>()]")
_PLAIN = re.compile(r"[A-Za-z]+(?:'[A-Za-z]+)?|[,;:/?<>()]|[0-9]+(?:\.[0-9]+)?|_+")  # the same for ASCII, without ports
_LONGEST = 14  # tokens of the longest phrase


@dataclass
class Tokens:
    """A sentence cut into tokens.

    Args:
        text: the sentence.
        spelled: every token as written.
        words: lower-case form of every token.
        keys: key of every token in the trie.
        nodes: trie node of the phrases that begin at every token, None where none does.
        located: what `starts` has worked out.
    """

    text: str
    spelled: list[str]
    words: list[str]
    keys: Sequence[Key]
    nodes: Sequence[Node | None]
    located: list[int] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.words)

    @property
    def starts(self) -> list[int]:
        """First character of every token; worked out when asked for, as many sentences state nothing."""
        found = self.located
        if not found and self.spelled:
            at, locate = 0, self.text.index
            for spelled in self.spelled:
                at = locate(spelled, at)
                found.append(at)
                at += len(spelled)
        return found

    @property
    def ends(self) -> list[int]:
        """Character after every token."""
        return [start + len(spelled) for start, spelled in zip(self.starts, self.spelled, strict=True)]

    def span(self, first: int, last: int) -> tuple[int, int]:
        """Return the characters from token `first` to token `last`, both included."""
        starts = self.located or self.starts
        return starts[first], starts[last] + len(self.spelled[last])


class Match(NamedTuple):
    """Tokens [first, last] that are a phrase of the pack; `phrases` holds its rows, `phrase` is the first of them."""

    first: int
    last: int
    phrases: tuple[Phrase, ...]
    phrase: Phrase


def tokenize(text: str, pack: Pack) -> Tokens:
    """Cut a sentence into words, numbers and punctuation; hyphens part words, `___` and XXXX are one kind of word."""
    plain = text.isascii() and "-a-" not in text and "-A-" not in text
    spelled: list[str] = (_PLAIN if plain else _TOKEN).findall(text)
    if not spelled:
        return Tokens(text, spelled, [], (), ())
    words, keys, nodes = zip(*map(pack.memo.__getitem__, spelled), strict=True)
    return Tokens(text, spelled, list(words), keys, nodes)


def find(tokens: Tokens, pack: Pack) -> list[list[Match]]:
    """Return the phrases found, one list per layer, left to right; in each layer the longest match wins.

    Phrases are stored without articles, so that articles are stepped over.
    """
    layers: list[list[Match]] = [[], [], [], [], [], []]
    free = [0, 0, 0, 0, 0, 0]
    skip, nodes = pack.skip, tokens.nodes
    places: Sequence[int] = range(len(nodes))
    if not skip.isdisjoint(tokens.words):
        places = [at for at, word in enumerate(tokens.words) if word not in skip]
    keys = [*[tokens.keys[at] for at in places], ""]
    for number, first in enumerate(places):
        node = nodes[first]
        if node is None:
            continue
        following = keys[number + 1]
        if following in node.after or (type(following) is tuple and node.step(following)):
            for layer, (last, phrases) in _longer(node, places, number, keys).items():
                if first >= free[layer]:
                    free[layer] = last + 1
                    layers[layer].append(Match(first, last, phrases, phrases[0]))
        for layer, phrases in node.ends:
            if first >= free[layer]:
                free[layer] = first + 1
                layers[layer].append(Match(first, first, phrases, phrases[0]))
    return layers


def _longer(
    node: Node, places: Sequence[int], number: int, keys: Sequence[Key]
) -> dict[int, tuple[int, tuple[Phrase, ...]]]:
    """Layer -> last token and rows of the longest phrase of two tokens or more from the token places[number] on."""
    best: dict[int, tuple[int, tuple[Phrase, ...]]] = {}
    limit = places[number] + _LONGEST
    while node.after:
        number += 1
        following = node.step(keys[number])
        if following is None or places[number] >= limit:
            break
        node = following
        for layer, phrases in node.ends:
            best[layer] = (places[number], phrases)
    return best
