"""Tables and films of a data set: read as they are, and each way of being damaged ends in a sentence."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture

from hilum.core.errors import DecodeError, InputError, MissingError
from hilum.data.rows import film, find, rows

TEXT = "name,age\nA,3\nB,4\n"


def test_plain_and_zipped_tables_read_the_same(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("\ufeff" + TEXT, encoding="utf-8")
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(TEXT.encode()))
    expected = [{"name": "A", "age": "3"}, {"name": "B", "age": "4"}]
    assert list(rows(tmp_path / "a.csv", ("name",))) == expected
    assert list(rows(tmp_path / "a.csv.gz", ("name", "age"))) == expected


def test_rows_are_read_as_they_are_asked_for(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(TEXT + "C", encoding="utf-8")
    reading = rows(tmp_path / "a.csv", ("name", "age"))
    assert [next(reading)["name"], next(reading)["name"]] == ["A", "B"]
    with pytest.raises(InputError, match=r"a\.csv line 4 is cut before 'age'"):
        next(reading)


def test_a_missing_column_names_the_table_and_what_came(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(TEXT, encoding="utf-8")
    with pytest.raises(InputError, match="no column 'sex': expected the table of patients, got name, age"):
        list(rows(tmp_path / "a.csv", ("sex",), what="the table of patients"))


def test_what_is_not_there_is_missing_and_not_wrong(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="the table of patients"):
        list(rows(tmp_path / "a.csv", what="the table of patients"))
    with pytest.raises(MissingError, match=r"no \*\.csv or \*\.tsv in"):
        find(tmp_path, "*.csv", "*.tsv", what="the folder")


def test_the_last_file_of_the_first_pattern_is_found(tmp_path: Path) -> None:
    for name in ("t_2019.csv", "t_2020.csv", "u.csv"):
        (tmp_path / name).touch()
    assert find(tmp_path, "t_*.csv", "u.csv", what="").name == "t_2020.csv"
    assert find(tmp_path, "v.csv", "u.csv", what="").name == "u.csv"


@pytest.mark.parametrize("cut", [5, 15, 25])
def test_a_cut_archive_is_said(tmp_path: Path, cut: int) -> None:
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(TEXT.encode())[:cut])
    with pytest.raises(InputError, match="cannot be read as a table"):
        list(rows(tmp_path / "a.csv.gz"))


def test_a_damaged_archive_is_said(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress(TEXT.encode() * 40))
    packed[12:24] = b"\xff" * 12
    (tmp_path / "a.csv.gz").write_bytes(bytes(packed))
    with pytest.raises(InputError, match="cannot be read as a table"):
        list(rows(tmp_path / "a.csv.gz"))


def test_a_table_in_another_encoding_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes("name\nMüller\n".encode("latin-1"))
    with pytest.raises(InputError, match="cannot be read as a table"):
        list(rows(tmp_path / "a.csv"))


@pytest.mark.parametrize(("kind", "top"), [(np.uint8, 255), (np.uint16, 65535)])
def test_films_of_8_and_16_bits_span_0_to_1(tmp_path: Path, kind: type[np.generic], top: int) -> None:
    values = (np.array([[0.0, 0.25], [0.5, 1.0]]) * top).round().astype(kind)
    Picture.fromarray(values).save(tmp_path / "a.png")
    read = film(tmp_path / "a.png", view="PA")
    assert not read.loaded
    assert read.pixels == pytest.approx(values / top, abs=1e-6)
    assert (read.id, read.view) == ("a", "PA")


def test_colour_becomes_grey(tmp_path: Path) -> None:
    Picture.new("RGB", (3, 2), (255, 255, 255)).save(tmp_path / "a.png")
    assert film(tmp_path / "a.png").pixels.tolist() == [[1.0] * 3] * 2


def test_a_film_may_be_missing_until_it_is_used(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="is not there"):
        _ = film(tmp_path / "a.png").pixels


def test_a_cut_film_is_said(tmp_path: Path) -> None:
    Picture.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64), dtype=np.uint8)).save(tmp_path / "a.png")
    whole = (tmp_path / "a.png").read_bytes()
    for data in (whole[: len(whole) // 2], b"no picture"):
        (tmp_path / "a.png").write_bytes(data)
        with pytest.raises(DecodeError, match="cannot be read"):
            _ = film(tmp_path / "a.png").pixels
