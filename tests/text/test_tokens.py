"""The walk over the trie against a plain reference: every row of the table tried at every place."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.text.lexicon import Pack, Phrase, pack
from hilum.text.tokens import _PLAIN, _TOKEN, find, tokenize


def all_phrases(chosen: Pack) -> list[tuple[tuple[str, ...], Phrase]]:
    """Every (symbols, row) of a pack, read from its trie depth first."""
    found, open_nodes = [], [((), chosen.trie)]
    while open_nodes:
        path, node = open_nodes.pop()
        found += [(path, phrase) for _, phrases in node.ends for phrase in phrases]
        open_nodes += [((*path, key), after) for key, after in node.after.items() if isinstance(key, str)]
    return found


def fits(symbol: str, word: str) -> bool:
    if symbol.endswith("*"):
        return word.startswith(symbol[:-1])
    return word[0].isdigit() if symbol == "#" else word == symbol


def reference(
    text: str, chosen: Pack, rows: list[tuple[tuple[str, ...], Phrase]]
) -> list[list[tuple[int, int, set[str]]]]:
    """Layer -> (first, last, rules) of the longest phrases, left to right, without any trie."""
    words = tokenize(text, chosen).words
    places = [at for at, word in enumerate(words) if word not in chosen.skip]
    layers: list[list[tuple[int, int, set[str]]]] = [[] for _ in range(6)]
    free = [0] * 6
    for number, first in enumerate(places):
        best: dict[int, tuple[int, set[str]]] = {}
        for symbols, phrase in rows:
            span = places[number : number + len(symbols)]
            if len(span) == len(symbols) and all(fits(s, words[at]) for s, at in zip(symbols, span, strict=True)):
                last, rules = best.get(phrase.layer, (-1, set()))
                if span[-1] > last:
                    best[phrase.layer] = (span[-1], {phrase.rule})
                elif span[-1] == last:
                    rules.add(phrase.rule)
        for layer, (last, rules) in best.items():
            if first >= free[layer]:
                free[layer] = last + 1
                layers[layer].append((first, last, rules))
    return layers


@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.parametrize("seed", range(2))
def test_the_walk_finds_what_a_plain_search_finds(language: str, seed: int) -> None:
    chosen, draw = pack(language), random.Random(seed)
    rows = all_phrases(chosen)
    lines = []
    for _ in range(3):
        picked = [" ".join(draw.choice(rows)[0]).replace("*", "").replace("#", "3") for _ in range(3)]
        lines.append(" ".join(f"{phrase} {draw.choice(['the', 'la', 'with', 'zzz', ','])}" for phrase in picked))
    for line in lines:
        words = set(tokenize(line, chosen).words)
        openings = {symbol for symbol in {s[0] for s, _ in rows} if any(fits(symbol, word) for word in words)}
        near = [(s, p) for s, p in rows if s[0] in openings]
        found = [
            [(m.first, m.last, {p.rule for p in m.phrases}) for m in layer]
            for layer in find(tokenize(line, chosen), chosen)
        ]
        assert found == reference(line, chosen, near)


@pytest.mark.parametrize("language", ["en", "es"])
def test_the_first_row_of_the_table_names_a_match(language: str) -> None:
    chosen = pack(language)
    tokens = tokenize("no effusion, sin derrame, calcified aorta", chosen)
    assert all(match.phrase is match.phrases[0] for layer in find(tokens, chosen) for match in layer)


@settings(max_examples=300)
@given(st.text(alphabet="aéZ09._-'’ ,;:/?<>()XA\n½ß", max_size=60))
def test_offsets_point_to_the_words(text: str) -> None:
    tokens = tokenize(text, pack("en"))
    spans = [match.span() for match in _TOKEN.finditer(text)]
    assert list(zip(tokens.starts, tokens.ends, strict=True)) == spans
    assert [tokens.span(at, at) for at in range(len(tokens))] == spans


@given(st.text(alphabet="abXA09._-' ,;:/?<>()\n", max_size=60))
def test_both_ways_to_cut_agree(text: str) -> None:
    if "-a-" not in text and "-A-" not in text:
        assert _PLAIN.findall(text) == _TOKEN.findall(text)


def test_a_redacted_port_is_one_word() -> None:
    assert tokenize("Left XXXX-a-XXXX and port-A-cath.", pack("en")).words == [
        "left",
        "xxxx-a-xxxx",
        "and",
        "port-a-cath",
    ]


def test_a_word_of_several_symbols_takes_every_path() -> None:
    made = Pack("zz", symbols={"pleural", "effusion"}, prefixes={"ef": ["effus"]})
    made.syntax = {"skip": frozenset()}
    for path, name in (
        (("pleural", "effusion"), "exact"),
        (("pleural", "effus*"), "stem"),
        (("effus*", "pleural"), "turned"),
    ):
        node = made.trie
        for symbol in path:
            node = node.after.setdefault(symbol, type(made.trie)())
        node.end(Phrase("finding", name, {}, name, 0))
    found = find(tokenize("pleural effusion pleural", made), made)[0]
    assert [(m.first, m.last, [p.name for p in m.phrases]) for m in found] == [(0, 1, ["exact", "stem"])]
    assert [m.phrase.name for m in find(tokenize("effusion pleural", made), made)[0]] == ["turned"]
