"""Reading report files: which columns are taken, how encodings are told, and that it streams."""

from __future__ import annotations

import codecs
import itertools
from pathlib import Path

import pytest

from hilum.app.report_files import encoding_of
from hilum.app.report_row import Row, choose, row_from
from hilum.app.report_rows import rows_of
from hilum.core.errors import InputError


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["id", "report"], {"id": "id", "report": "report"}),
        (["Report Text", "Accession Number"], {"id": "Accession Number", "report": "Report Text"}),
        (["Findings", "IMPRESSION", "x"], {"findings": "Findings", "impression": "IMPRESSION"}),
        (["report", "findings"], {"report": "report"}),
        (["study_id", "text", "label"], {"id": "study_id", "report": "text"}),
        (["findings", "indication"], {"indication": "indication", "findings": "findings"}),
    ],
)
def test_columns_are_chosen(names: list[str], expected: dict[str, str]) -> None:
    assert choose(names, "in.csv") == expected


@pytest.mark.parametrize(
    ("names", "hint"),
    [(["id", "findngs"], "findngs"), (["id", "impresion"], "impresion"), (["id", "a", "b"], "it has id, a, b")],
)
def test_no_text_column_names_the_nearest(names: list[str], hint: str) -> None:
    with pytest.raises(InputError, match=hint):
        choose(names, "in.csv")


def test_a_named_column_that_is_not_there_is_an_error() -> None:
    with pytest.raises(InputError, match=r"no column 'Reprt' \(the nearest is 'report'\)"):
        choose(["report"], "in.csv", {"report": "Reprt"})


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (b"Small effusion.", "utf-8"),
        (codecs.BOM_UTF8 + b"Small effusion.", "utf-8-sig"),
        ("Neumotórax".encode(), "utf-8"),
        ("Neumotórax".encode("cp1252"), "cp1252"),
        ("Neumotórax".encode("utf-16"), "utf-16"),
        (b"x" * 70_000 + "ó".encode("cp1252"), "cp1252"),
        (b"x" * 65_535 + "ó".encode(), "utf-8"),
        (b"", "utf-8"),
    ],
)
def test_encodings_are_told_apart(tmp_path: Path, content: bytes, encoding: str) -> None:
    path = tmp_path / "in.txt"
    path.write_bytes(content)
    assert encoding_of(path) == encoding


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"id": "7", "report": "Clear."}, Row("7", "Clear.")),
        ({"id": 7, "report": "Clear."}, Row("7", "Clear.")),
        ({"id": "", "report": "Clear."}, Row("here", "Clear.", numbered=True)),
        ({"id": "7", "report": None}, Row("7", error="here holds no text", empty=True)),
        ({"id": "7", "report": float("nan")}, Row("7", error="here holds no text", empty=True)),
        ({"id": "7", "report": 3}, Row("7", error="here: column 'report' holds int, expected text")),
    ],
)
def test_rows_are_made_of_records(record: dict[str, object], expected: Row) -> None:
    assert row_from(record, "here", {"id": "id", "report": "report"}) == expected


def test_reading_streams(tmp_path: Path) -> None:
    """Ten rows are handed out before the broken end of the file is met."""
    path = tmp_path / "in.jsonl"
    path.write_text('{"id": "a", "report": "Clear."}\n' * 10 + "{broken", encoding="utf-8")
    reader = rows_of(path, None, [])
    assert [row.error for row in itertools.islice(reader, 10)] == [""] * 10
    assert "line 11" in next(reader).error


def test_a_folder_without_reports_says_so(tmp_path: Path) -> None:
    (tmp_path / "film.dcm").write_bytes(b"x")
    (row,) = rows_of(tmp_path, None, [])
    assert "holds no" in row.error


def test_folders_are_read_in_a_fixed_order(tmp_path: Path) -> None:
    for name in ("b.txt", "a.txt", "c.txt"):
        (tmp_path / name).write_text("Clear lungs.")
    assert [row.id for row in rows_of(tmp_path, None, [])] == ["a", "b", "c"]
    assert [row.id for row in rows_of(tmp_path, None, [])] == ["a", "b", "c"]


def rows_in(folder: Path, text: str) -> list[Row]:
    path = folder / "made.csv"
    path.write_text(text, encoding="utf-8")
    return list(rows_of(path, None, []))


def test_text_with_a_comma_outside_quotes_is_refused_and_not_cut(tmp_path: Path) -> None:
    found = rows_in(tmp_path, 'id,report\n1,No effusion, large right pneumothorax.\n2,Cardiomegaly.\n3,"A, b.",\n')
    assert "line 2 has 3 fields, the header has 2" in found[0].error
    assert [row.error for row in found[1:]] == ["", ""]  # a trailing comma says nothing
    assert found[2].text == "A, b."


def test_a_quote_that_is_never_closed_swallows_no_report(tmp_path: Path) -> None:
    found = rows_in(tmp_path, 'id,report\n0,Clear.\n1,"No effusion.\n2,Cardiomegaly.\n3,Edema.\n')
    assert found[0].text == "Clear."
    assert len(found) == 2
    assert "a quote that opens in line 3 is never closed" in found[1].error


@pytest.mark.parametrize("text", ['5" drain in place.', '"Two\nlines ""quoted"" and 5"" long."', '"Closed."'])
def test_quotes_that_are_closed_or_inside_a_word_are_text(tmp_path: Path, text: str) -> None:
    (row,) = rows_in(tmp_path, f"id,report\n1,{text}\n")
    assert not row.error
    assert row.text
