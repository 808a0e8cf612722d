"""Synonyms of a word as nltk reads them from WordNet 3.0: of every part of speech, after WordNet's own lemmatiser.

The table beside this module is derived from the WordNet 3.0 database, Copyright 2006 by Princeton University; its
licence stands in tables/WORDNET-LICENSE.txt. scripts/make_synonyms.py makes it.
"""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files

_ENDINGS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "noun": (
        ("s", ""), ("ses", "s"), ("ves", "f"), ("xes", "x"), ("zes", "z"), ("ches", "ch"), ("shes", "sh"),
        ("men", "man"), ("ies", "y"),
    ),
    "verb": (
        ("s", ""), ("ies", "y"), ("es", "e"), ("es", ""), ("ed", "e"), ("ed", ""), ("ing", "e"), ("ing", ""),
    ),
    "adj": (("er", ""), ("est", ""), ("er", "e"), ("est", "e")),
    "adv": (),
}  # fmt: skip


@dataclass(frozen=True)
class _Part:
    """One part of speech: endings, irregular forms, and lemma -> its row of the table."""

    endings: tuple[tuple[str, str], ...]
    irregular: Mapping[str, str]
    rows: Mapping[str, str]

    def found(self, word: str) -> set[str]:
        if word in self.irregular:
            bases = self.irregular[word].split(" ")
        else:
            bases = [word[: -len(old)] + new for old, new in self.endings if word.endswith(old)]
        names: set[str] = set()
        for form in (word, *bases):
            row = self.rows.get(form)
            if row is not None:
                names.update(row.split(" "))
                names.add(form)
            elif "-" + form in self.rows:  # written with a capital or in two words: no name
                names.update(filter(None, self.rows["-" + form].split(" ")))
        names.discard("")
        return names


@cache
def _parts() -> tuple[_Part, ...]:
    packed = files("hilum.measure").joinpath("tables", "wordnet-3.0-synonyms.txt.gz").read_bytes()
    pieces = gzip.decompress(packed).decode().split("# ")[1:]
    return tuple(map(_part, pieces))


def _part(piece: str) -> _Part:
    head, rows = piece.rstrip("\n").split("\n#\n")
    name, *odd = head.split("\n")
    return _Part(_ENDINGS[name], _split(odd), _split(rows.split("\n")))


def _split(rows: list[str]) -> dict[str, str]:
    return {key: rest for key, _, rest in (row.partition(" ") for row in rows)}


@lru_cache(maxsize=200_000)
def synonyms(word: str) -> frozenset[str]:
    """Return a word and the one-word, lower-case names of all synsets it has in WordNet 3.0.

    Args:
        word: one word, lower case, without underscores.
    """
    return frozenset({word}.union(*(part.found(word) for part in _parts())))
