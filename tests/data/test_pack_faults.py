"""A manifest with faults is refused with a sentence that names the line."""

from __future__ import annotations

from pathlib import Path

import pytest

from hilum.core.errors import InputError
from hilum.data import pack as packs

HEAD = "file,source,licence,patient,view,labels,boxes,mask,extra\n"
GOOD = "nih512/a.png,nih512,NIH,nih-1,PA,Mass,,,\n"


def manifest(root: Path, *lines: str) -> Path:
    (root / "manifest.csv").write_text(HEAD + GOOD + "".join(lines), encoding="utf-8")
    return root


@pytest.mark.parametrize(
    "bad",
    [
        "nih512/b.png,nih512,NIH,nih-2,PA,Mass,[{not json,,\n",
        'nih512/b.png,nih512,NIH,nih-2,PA,Mass,,,"{""rsna_target"": "\n',
        "nih512/b.png,nih512,NIH\n",
        'nih512/b.png,nih512,NIH,nih-2,PA,Mass,"[{""label"": ""Mass"", ""x"": 1, ""w"": 3}]",,\n',
    ],
)
def test_a_line_that_cannot_be_read_is_named(tmp_path: Path, bad: str) -> None:
    with pytest.raises(InputError, match=r"manifest\.csv.* line 3"):
        packs.rows(manifest(tmp_path, bad))


def test_lines_of_sources_that_were_not_asked_for_are_not_judged(tmp_path: Path) -> None:
    root = manifest(tmp_path, "openi/b.txt,openi,NC\n")
    assert [row.file for row in packs.rows(root)] == ["nih512/a.png"]


def test_an_empty_manifest_has_no_films(tmp_path: Path) -> None:
    (tmp_path / "manifest.csv").write_text(HEAD)
    assert packs.rows(tmp_path) == []
    assert list(packs.pack(tmp_path)) == []
