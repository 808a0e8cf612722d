"""Language packs: phrases, cues and modifiers read from tables and compiled into one token trie."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from itertools import product
from pathlib import Path

from hilum.core.errors import InputError

_TABLES = Path(__file__).parent / "tables"
LAYERS = {
    "finding": 0, "device": 0, "hardware": 0, "study": 0, "ignore": 0, "cue": 1, "word": 2, "link": 3, "part": 4,
    "quality": 4, "resume": 5,
}  # fmt: skip
"""Phrases of one layer never overlap (the longest wins); phrases of two layers may."""
_NUMBER = "#"
_MEMO = 50_000  # distinct spellings remembered per pack


@dataclass(frozen=True)
class Phrase:
    """One row of a pack: what a phrase is, what it names and what it sets.

    Args:
        kind: 'finding', 'device', 'hardware', 'study' (said of the whole film), 'ignore', 'cue', 'link', 'resume',
            'word', 'part' or 'quality'.
        name: the concept, the kind of cue or the slot.
        sets: attribute -> values, e.g. {'side': ('right', 'left')}.
        rule: id shown as the reason, e.g. 'finding:pleural effusion:effusion*'.
        layer: number of its layer.
    """

    kind: str
    name: str
    sets: Mapping[str, tuple[str, ...]]
    rule: str
    layer: int


Key = str | tuple[str, ...]
"""What a word is to the trie: its one symbol (an exact word or 'stem*'), several, or '' for most words."""


class Node:
    """One step of the trie.

    Args:
        after: next key -> node; keys of several symbols are added when they are first met.
        ends: (layer, rows) of the phrases that end here; empty for most nodes.
        parts: the nodes that this one stands for, where a word matched several.
    """

    __slots__ = ("after", "ends", "parts")

    def __init__(self) -> None:
        self.after: dict[Key, Node] = {}
        self.ends: tuple[tuple[int, tuple[Phrase, ...]], ...] = ()
        self.parts: tuple[Node, ...] = ()

    def end(self, phrase: Phrase) -> None:
        """Let a phrase end here, unless one that says the same does."""
        rows = dict(self.ends).get(phrase.layer, ())
        if all((row.kind, row.name, row.sets) != (phrase.kind, phrase.name, phrase.sets) for row in rows):
            self.ends = tuple({**dict(self.ends), phrase.layer: (*rows, phrase)}.items())

    def step(self, key: Key) -> Node | None:
        """Return the node after a word, None where no phrase goes on."""
        known = self.after.get(key)
        if known is None and type(key) is tuple:
            parts = self.parts or (self,)
            found = tuple(part.after[symbol] for part in parts for symbol in key if symbol in part.after)
            if len(found) < 2:
                return found[0] if found else None
            known = self.after[key] = _union(found)
        return known


def _union(nodes: tuple[Node, ...]) -> Node:
    """One node for several, so that a walk follows one path whatever a word matches."""
    if len(nodes) == 1:
        return nodes[0]
    made = Node()
    made.parts = nodes
    ends: dict[int, tuple[Phrase, ...]] = {}
    for layer, phrases in [end for node in nodes for end in node.ends]:
        rows = ends.get(layer, ())
        ends[layer] = rows + tuple(phrase for phrase in phrases if phrase not in rows)
    made.ends = tuple(ends.items())
    keys = dict.fromkeys(key for node in nodes for key in node.after if type(key) is str)
    made.after = {key: _union(tuple(node.after[key] for node in nodes if key in node.after)) for key in keys}
    return made


Word = tuple[str, Key, Node | None]
"""A word as a pack knows it: lower case, its key, the node where phrases begin with it."""


@dataclass(frozen=True)
class Pair:
    """A body part and a quality that together state a finding, e.g. heart + enlarged."""

    concept: str
    sets: Mapping[str, tuple[str, ...]]
    rule: str


@dataclass(eq=False)
class Pack:
    """One language, compiled.

    Args:
        language: BCP 47 tag.
        trie: the node before the first word of every phrase.
        prefixes: first letters -> stems written 'stem*' in the table.
        symbols: exact words of the trie.
        pairs: (part, quality) -> Pair.
        sections: heading words -> section name.
        syntax: small words by role: skip, or, and, with, verb, prep, pronoun; 'fold' reads words without accents.
    """

    language: str
    trie: Node = field(default_factory=Node)
    prefixes: dict[str, list[str]] = field(default_factory=dict)
    symbols: set[str] = field(default_factory=set)
    pairs: dict[tuple[str, str], Pair] = field(default_factory=dict)
    sections: dict[str, str] = field(default_factory=dict)
    syntax: dict[str, frozenset[str]] = field(default_factory=dict)

    @cached_property
    def memo(self) -> dict[str, Word]:
        """Spelling -> word, worked out when it is first asked for."""
        return _Memo(self)

    @cached_property
    def joins(self) -> frozenset[str]:
        """Words after which a new statement may begin."""
        return self.syntax["and"] | self.syntax["with"] | {","}

    @cached_property
    def skip(self) -> frozenset[str]:
        """Articles, which phrases are stored without."""
        return self.syntax.get("skip", frozenset())

    @cached_property
    def marks(self) -> frozenset[str]:
        """Words that may end or carry on a scope."""
        return self.listing | {","}

    @cached_property
    def lists(self) -> frozenset[str]:
        """Words between parts that share a quality."""
        return self.syntax["and"] | self.syntax["or"] | {"/", ","}

    @cached_property
    def listing(self) -> frozenset[str]:
        """Words that list findings: and, or, with."""
        return self.syntax["and"] | self.syntax["or"] | self.syntax["with"]

    def add(self, words: Iterable[str], phrase: Phrase) -> None:
        """Enter a phrase under its words; 'stem*' stands for every word that begins so.

        Raises:
            InputError: if a stem is shorter than two letters.
        """
        node = self.trie
        for word in words:
            _declare(self, word)
            node = node.after.setdefault(word, Node())
        node.end(phrase)

    def word(self, spelling: str) -> Word:
        """Return a token's lower-case form, its key in the trie and the node of the phrases that begin with it."""
        return self.memo[spelling]

    def look_up(self, spelling: str) -> Word:
        """Work out what `word` remembers."""
        lower = "xxxx" if spelling[0] == "_" else spelling.lower().replace("’", "'")
        if "fold" in self.syntax:
            lower = unaccented(lower)
        found = [lower] if lower in self.symbols else []
        found += [stem + "*" for stem in self.prefixes.get(lower[:2], ()) if lower.startswith(stem)]
        if lower[0].isdigit():
            found = [_NUMBER]
        key = tuple(found) if len(found) > 1 else "".join(found)
        return lower, key, self.trie.step(key)


class _Memo(dict[str, Word]):
    """Spelling -> word of a pack, filled as spellings are met, up to a bound."""

    def __init__(self, made: Pack) -> None:
        super().__init__()
        self.pack = made

    def __missing__(self, spelling: str) -> Word:
        if len(self) >= _MEMO:
            self.clear()
        known = self[spelling] = self.pack.look_up(spelling)
        return known


def languages() -> tuple[str, ...]:
    """Return the languages that have a pack."""
    return tuple(sorted(path.stem[8:] for path in _TABLES.glob("lexicon_*.csv")))


@cache
def pack(language: str = "en") -> Pack:
    """Return the compiled pack of a language.

    Raises:
        InputError: if there is no pack for it or a row of its table is malformed.
    """
    if language not in languages():
        raise InputError(f"no language pack '{language}': packs there are: {', '.join(languages())}")
    made, syntax = Pack(language), {}
    for row in _rows(_TABLES / f"lexicon_{language}.csv"):
        kind, name, sets = row["kind"], row["name"], _sets(row["sets"])
        if kind == "syntax":
            syntax[name] = frozenset(unaccented(row["patterns"]).split(";"))
        elif kind == "section":
            made.sections.update(dict.fromkeys(row["patterns"].split(";"), name))
        elif kind == "pair":
            part, _, quality = row["patterns"].partition("+")
            made.pairs[part, quality] = Pair(name, sets, f"pair:{part}+{quality}")
        else:
            _add_phrases(made, kind, name, row["patterns"], sets, syntax)
    made.syntax = syntax
    return made


def _rows(path: Path) -> Iterator[dict[str, str]]:
    """Rows of a pack, small words first, because the phrases are stored without articles."""
    import csv

    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        if None in row or None in row.values():
            raise InputError(f"{path.name}: a row of '{row.get('name')}' needs exactly kind,name,patterns,sets,source")
    yield from sorted(rows, key=lambda row: row["kind"] != "syntax")


def _sets(cell: str) -> dict[str, tuple[str, ...]]:
    """'side=right side=left' -> {'side': ('right', 'left')}; values may hold spaces."""
    found: dict[str, tuple[str, ...]] = {}
    key = ""
    for word in cell.split():
        if "=" in word:
            key, _, value = word.partition("=")
            found[key] = (*found.get(key, ()), value)
        else:
            found[key] = (*found[key][:-1], f"{found[key][-1]} {word}")
    return found


def _add_phrases(
    made: Pack, kind: str, name: str, patterns: str, sets: dict[str, tuple[str, ...]], syntax: dict[str, frozenset[str]]
) -> None:
    skip = syntax.get("skip", frozenset())
    if kind == "cue" and name in ("link", "resume"):
        kind = name
    for written in patterns.split(";"):
        for words in expand(unaccented(written) if "fold" in syntax else written):
            kept = [word for word in words if word not in skip]
            if not kept:
                continue
            made.add(kept, Phrase(kind, name, sets, f"{kind}:{name}:{' '.join(words)}", LAYERS[kind]))


def unaccented(text: str) -> str:
    """Return a text without accents: 'neumotórax' -> 'neumotorax'."""
    if text.isascii():
        return text
    return "".join(letter for letter in unicodedata.normalize("NFD", text) if not unicodedata.combining(letter))


def _declare(made: Pack, word: str) -> None:
    if not word.endswith("*"):
        made.symbols.add(word)
        return
    stem = word[:-1]
    if len(stem) < 2:
        raise InputError(f"language pack '{made.language}': the stem '{word}' is too short")
    stems = made.prefixes.setdefault(stem[:2], [])
    if stem not in stems:
        stems.append(stem)


def expand(pattern: str) -> Iterator[tuple[str, ...]]:
    """Yield every word sequence of a pattern: '(a|b) [c] d' means a or b, then c or nothing, then d.

    Raises:
        InputError: if a bracket is not closed.
    """
    parts: list[list[str]] = []
    rest = pattern.strip().lower()
    while rest:
        if rest[0] in "([":
            close = rest.find(")" if rest[0] == "(" else "]")
            if close < 0:
                raise InputError(f"pattern '{pattern}': a bracket is not closed")
            inner = rest[1:close].split("|")
            parts.append([*inner, ""] if rest[0] == "[" else inner)
            rest = rest[close + 1 :].strip()
        else:
            cut = min((at for at in (rest.find("("), rest.find("[")) if at >= 0), default=len(rest))
            parts.append([rest[:cut]])
            rest = rest[cut:]
    for choice in product(*parts):
        words = tuple(" ".join(choice).split())
        if words:
            yield words
