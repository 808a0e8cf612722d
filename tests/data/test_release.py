"""Comparing a copy with the official release: only what is there and known is judged."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from hilum.core.errors import InputError
from hilum.core.registry import listing
from hilum.data.release import Official, check_release, differences
from tests.data.made_mimic import table

NAMES = ("chexpert", "chexpert-plus", "imagenome", "imagenome-gold", "mimic-cxr", "radgraph")


def test_equal_counts_are_silent_and_others_are_told(tmp_path: Path) -> None:
    table(tmp_path / "t.csv.gz", ["a,b", "1,2", "3,4"])
    assert differences(tmp_path, (Official("t.csv*", 2, source="x"),)) == ()
    (told,) = differences(tmp_path, (Official("t.csv*", 3, source="the owners' page"),))
    assert told == "t.csv.gz has 2 rows, the official release 3 (the owners' page)"


def test_a_quoted_line_break_is_no_row(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text('a,b\n1,"two\nlines"\n')
    assert differences(tmp_path, (Official("t.csv", 1),)) == ()


def test_what_is_not_there_is_not_judged(tmp_path: Path) -> None:
    assert differences(tmp_path, (Official("t.csv", 3), Official("*.json", 9, of="documents"))) == ()


def test_documents_and_files_are_counted(tmp_path: Path) -> None:
    (tmp_path / "d.json").write_text(json.dumps({"a": 1, "b": 2}))
    for name in ("1.txt", "2.txt"):
        (tmp_path / name).write_text("")
    official = (Official("d.json", 2, of="documents"), Official("*.txt", 2, of="files"))
    assert differences(tmp_path, official) == ()
    told = differences(tmp_path, (Official("d.json", 3, of="documents"), Official("*.txt", 5, of="files")))
    assert [each.split(",")[0] for each in told] == ["d.json has 2 documents", "*.txt has 2 files"]


@pytest.mark.parametrize(("name", "content", "of"), [("t.csv.gz", b"no gzip", "rows"), ("t.json", b"{", "documents")])
def test_a_damaged_file_is_said(tmp_path: Path, name: str, content: bytes, of: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=f"{name} cannot be read"):
        differences(tmp_path, (Official(name, 1, of=of),))  # type: ignore[arg-type]


def test_every_figure_has_a_source() -> None:
    for entry in listing("dataset"):
        official = getattr(sys.modules[entry.module], "OFFICIAL", ())
        assert all(each.source and each.count > 0 for each in official), entry.name
    known = {entry.name for entry in listing("dataset") if hasattr(sys.modules[entry.module], "OFFICIAL")}
    assert set(NAMES) <= known


def test_a_set_without_figures_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no figures of the official release of 'ms-cxr' are known"):
        check_release("ms-cxr", tmp_path)
