"""Language packs: phrases, cues and modifiers read from tables and compiled into one token trie."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from itertools import product
from pathlib import Path
from typing import Any

from hilum.core.errors import InputError

_TABLES = Path(__file__).parent / "tables"
LAYERS = {
    "finding": 0, "device": 0, "hardware": 0, "ignore": 0, "cue": 1, "word": 2, "link": 3, "part": 4, "quality": 4,
    "resume": 5,
}  # fmt: skip
"""Phrases of one layer never overlap (the longest wins); phrases of two layers may."""
_NUMBER = "#"
_MEMO = 50_000  # distinct spellings remembered per pack
_END = ""


@dataclass(frozen=True)
class Phrase:
    """One row of a pack: what a phrase is, what it names and what it sets.

    Args:
        kind: 'finding', 'device', 'hardware', 'ignore', 'cue', 'link', 'resume', 'word', 'part' or 'quality'.
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


@dataclass(frozen=True)
class Pair:
    """A body part and a quality that together state a finding, e.g. heart + enlarged."""

    concept: str
    sets: Mapping[str, tuple[str, ...]]
    rule: str


@dataclass
class Pack:
    """One language, compiled.

    Args:
        language: BCP 47 tag.
        trie: nested {symbol: node}; node[''] lists the phrases that end there.
        prefixes: first letters -> stems written 'stem*' in the table.
        symbols: exact words of the trie.
        pairs: (part, quality) -> Pair.
        sections: heading words -> section name.
        syntax: small words by role: skip, or, and, with, verb, prep, pronoun.
        memo: spelling -> (lower case, trie symbols).
    """

    language: str
    trie: dict[str, Any] = field(default_factory=dict)
    prefixes: dict[str, list[str]] = field(default_factory=dict)
    symbols: set[str] = field(default_factory=set)
    pairs: dict[tuple[str, str], Pair] = field(default_factory=dict)
    sections: dict[str, str] = field(default_factory=dict)
    syntax: dict[str, frozenset[str]] = field(default_factory=dict)
    memo: dict[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)

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
    def listing(self) -> frozenset[str]:
        """Words that list findings: and, or, with."""
        return self.syntax["and"] | self.syntax["or"] | self.syntax["with"]

    def word(self, spelling: str) -> tuple[str, tuple[str, ...]]:
        """Return a token's lower-case form and the trie symbols it matches (none for most words)."""
        known = self.memo.get(spelling)
        if known is None:
            if len(self.memo) >= _MEMO:
                self.memo.clear()
            known = self.memo[spelling] = self._look_up(spelling)
        return known

    def _look_up(self, spelling: str) -> tuple[str, tuple[str, ...]]:
        lower = "xxxx" if spelling[0] == "_" else spelling.lower().replace("’", "'")
        if lower[0].isdigit():
            return lower, (_NUMBER,) if _NUMBER in self.symbols else ()
        found = [lower] if lower in self.symbols else []
        found += [stem + "*" for stem in self.prefixes.get(lower[:2], ()) if lower.startswith(stem)]
        return lower, tuple(found)


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
            syntax[name] = frozenset(row["patterns"].split(";"))
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
        for words in expand(written):
            kept = [word for word in words if word not in skip]
            if not kept:
                continue
            node = made.trie
            for word in kept:
                _declare(made, word)
                node = node.setdefault(word, {})
            ends = node.setdefault(_END, [])
            if all(other.kind != kind or other.name != name or other.sets != sets for other in ends):
                ends.append(Phrase(kind, name, sets, f"{kind}:{name}:{' '.join(words)}", LAYERS[kind]))


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
