"""Packs: rows are checked, memory is bounded, and both languages hold the same kinds of rows."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import pytest

import hilum.text.lexicon as lexicon
from hilum.core.errors import InputError
from hilum.text.lexicon import LAYERS, Pack, expand, pack

TABLES = Path(lexicon.__file__).parent / "tables"


def rows(language: str) -> list[dict[str, str]]:
    with (TABLES / f"lexicon_{language}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("language", ["en", "es"])
def test_rows_are_of_known_kinds(language: str) -> None:
    assert {row["kind"] for row in rows(language)} <= {*LAYERS, "pair", "section", "syntax"}


@pytest.mark.parametrize("language", ["en", "es"])
def test_pairs_name_parts_and_qualities_that_exist(language: str) -> None:
    names = {kind: {row["name"] for row in rows(language) if row["kind"] == kind} for kind in ("part", "quality")}
    for part, quality in pack(language).pairs:
        assert part in names["part"]
        assert quality in names["quality"]


@pytest.mark.parametrize("language", ["en", "es"])
def test_every_pack_can_do_what_the_engine_asks(language: str) -> None:
    assert set(pack(language).syntax) >= {"skip", "or", "and", "with", "verb", "prep", "pronoun", "finite", "adjective"}
    cues = {row["name"] for row in rows(language) if row["kind"] == "cue"}
    assert cues >= {
        "neg.pre",
        "neg.post",
        "unc.pre",
        "unc.post",
        "unc.mid",
        "pseudo",
        "link",
        "advice",
        "break",
        "resume",
    }
    assert {"findings", "impression", "indication", "technique", "comparison"} <= set(pack(language).sections.values())


@pytest.mark.parametrize("language", ["en", "es"])
def test_no_pattern_explodes(language: str) -> None:
    plain = [row for row in rows(language) if row["kind"] not in ("pair", "section", "syntax")]
    patterns = [pattern for row in plain for pattern in row["patterns"].split(";")]
    counts = Counter({pattern: sum(1 for _ in expand(pattern)) for pattern in patterns})
    assert counts.most_common(1)[0][1] <= 6_000
    assert sum(counts.values()) <= 60_000


@pytest.mark.parametrize("language", ["en", "es"])
def test_no_bracket_stands_inside_another(language: str) -> None:
    for row in rows(language):
        depth = 0
        for letter in row["patterns"]:
            depth += (letter in "([") - (letter in ")]")
            assert 0 <= depth <= 1, row["patterns"]


def test_spellings_are_remembered_up_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lexicon, "_MEMO", 100)
    made = Pack("xx", symbols={"effusion"})
    for number in range(1_000):
        made.word(f"word{number}")
    assert len(made.memo) <= 100
    assert made.word("EFFUSION")[:2] == ("effusion", "effusion")


@pytest.mark.parametrize(
    ("spelling", "expected"),
    [("___", ("xxxx", "xxxx")), ("2.5", ("2.5", "#")), ("Atelectases", ("atelectases", "atelecta*"))],
)
def test_words_become_symbols(spelling: str, expected: tuple[str, str]) -> None:
    assert pack("en").word(spelling)[:2] == expected


def test_a_malformed_row_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "lexicon_zz.csv").write_text("kind,name,patterns,sets,source\nfinding,effusion,effusion\n")
    monkeypatch.setattr(lexicon, "_TABLES", tmp_path)
    with pytest.raises(InputError, match=r"lexicon_zz.csv: a row of 'effusion'"):
        pack("zz")


def test_a_stem_must_say_something(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "lexicon_zy.csv").write_text("kind,name,patterns,sets,source\nfinding,effusion,e*,,own\n")
    monkeypatch.setattr(lexicon, "_TABLES", tmp_path)
    with pytest.raises(InputError, match="too short"):
        pack("zy")
