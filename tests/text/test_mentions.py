"""Mentions: longest phrase wins, offsets are exact, names are the vocabulary's."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import hilum.text.lexicon as lexicon
from hilum.core.errors import InputError
from hilum.core.vocabulary import concept
from hilum.text.lexicon import expand, languages, pack
from hilum.text.parse import parse
from hilum.text.tokens import find, tokenize

TABLES = Path(lexicon.__file__).parent / "tables"
WORDS = [
    "no", "effusion", "pneumothorax", "small", "right", "left", "bibasilar", "atelectasis", "may", "represent", ",",
    "and", "or", "the", "heart", "is", "enlarged", "normal", "without", "but", "2.2 cm", "XXXX", "nodule", ".", ":",
    ";", "\n", "opacity", "versus", "unchanged", "calcified", "granuloma", "Café", "ß", "İ",
]  # fmt: skip


@pytest.mark.parametrize("language", ["en", "es"])
def test_every_concept_of_a_pack_is_in_the_vocabulary(language: str) -> None:
    with (TABLES / f"lexicon_{language}.csv").open(encoding="utf-8", newline="") as file:
        names = {
            row["name"] for row in csv.DictReader(file) if row["kind"] in ("finding", "device", "hardware", "pair")
        }
    assert {name for name in names if concept(name).name != name} == set()


def test_there_is_a_pack_per_table() -> None:
    assert languages() == ("en", "es")
    with pytest.raises(InputError, match="no language pack 'xx'"):
        pack("xx")


def test_every_row_names_its_source() -> None:
    for path in TABLES.glob("lexicon_*.csv"):
        with path.open(encoding="utf-8", newline="") as file:
            assert all(row["source"] for row in csv.DictReader(file))


def test_patterns_expand() -> None:
    assert set(expand("(a|b c) [d] e")) == {("a", "d", "e"), ("b", "c", "d", "e"), ("a", "e"), ("b", "c", "e")}
    with pytest.raises(InputError, match="bracket is not closed"):
        list(expand("(a|b"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Subcutaneous emphysema.", ["subcutaneous emphysema"]),
        ("Calcified right hilar granulomas.", ["calcified granuloma"]),
        ("Right infiltrate/atelectasis.", ["infiltration", "atelectasis"]),
        ("Air-space disease and ground-glass opacities.", ["airspace opacity", "ground glass opacity"]),
        ("Right-sided PICC line; AICD.", ["peripherally inserted central catheter", "implantable defibrillator"]),
        ("EFFUSION", ["pleural effusion"]),
        ("Left XXXX-A-XXXX in place.", ["implanted port"]),
        ("Enlargement of the cardiac silhouette.", ["cardiomegaly"]),
        ("Degenerative changes of the spine.", ["vertebral degenerative changes"]),
    ],
)
def test_the_longest_phrase_wins(text: str, expected: list[str]) -> None:
    assert [fact.concept for fact in parse(text).facts] == expected


def test_articles_inside_a_phrase_are_stepped_over() -> None:
    chosen = pack("en")
    tokens = tokenize("blunting of the left costophrenic angle", chosen)
    assert [(m.first, m.last) for m in find(tokens, chosen)[0]] == [(0, 5)]


@given(st.lists(st.sampled_from(WORDS), max_size=40).map(" ".join))
def test_offsets_are_the_words_that_were_read(text: str) -> None:
    for fact in parse(text).facts:
        low, high = fact.sentence
        assert 0 <= low <= fact.start < fact.end <= high <= len(text)
        head = (
            fact.rule.rpartition(":")[2].split()[0].rstrip("*") if fact.rule.startswith(("finding", "device")) else ""
        )
        assert head in text[fact.start : fact.end].lower().replace("-", " ")
        for start, end in [*fact.modifiers, *((cue.start, cue.end) for cue in fact.cues)]:
            assert low <= start < end <= high
            assert text[start:end] == text[start:end].strip()
        assert -1 <= fact.because_of < len(parse(text).facts)


@given(st.text(max_size=300))
def test_any_text_is_read_the_same_twice(text: str) -> None:
    assert parse(text) == parse(text)
