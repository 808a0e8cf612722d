"""Which files are read, in what encoding, and what is said of those that are left alone."""

from __future__ import annotations

import gzip
import io
import json
from pathlib import Path

import pytest

from hilum.app.report_files import Source, encoding_in, kind_of, sources_of
from hilum.app.report_row import Row
from hilum.app.report_rows import Reader
from hilum.core.errors import InputError


def read(*paths: Path | Source, **options: object) -> tuple[list[Row], list[str]]:
    reader = Reader(**options)  # type: ignore[arg-type]
    return [row for source in sources_of(paths) for row in reader.rows(source)], reader.notes


def put(path: Path, text: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_kinds_look_through_gz() -> None:
    assert [kind_of(Path(name)) for name in ("a.CSV", "a.csv.gz", "a.tar.gz", "a.tgz", "a")] == [
        ".csv", ".csv", ".tar", ".tgz", "",
    ]  # fmt: skip


def test_a_folder_is_walked_in_order_and_hidden_files_stay_hidden(tmp_path: Path) -> None:
    for name in ("b.txt", "a/2.txt", "a/1.txt", ".git/x.txt", ".hidden.txt", "film.dcm"):
        put(tmp_path / name, "Clear lungs.")
    assert [source.name for source in sources_of([tmp_path])] == ["b.txt", "a/1.txt", "a/2.txt"]
    assert [source.name for source in sources_of([tmp_path], {tmp_path / "b.txt"})] == ["a/1.txt", "a/2.txt"]


def test_files_of_one_name_in_two_folders_stay_two_reports(tmp_path: Path) -> None:
    for folder in ("x", "y"):
        put(tmp_path / folder / "1.txt", f"Clear lungs {folder}.")
    rows, _ = read(tmp_path / "x", tmp_path / "y")
    assert [row.id for row in rows] == [f"{(tmp_path / name).as_posix()}/1" for name in ("x", "y")]


def test_tables_of_something_else_are_left_alone_in_a_folder_and_refused_when_named(tmp_path: Path) -> None:
    put(tmp_path / "a.csv", "id,report\n1,Clear lungs.\n")
    other = put(tmp_path / "b.csv", "id,reprot\n1,Clear lungs.\n")
    put(tmp_path / "c.jsonl", '{"mesh": 1}\n{"mesh": 2}\n')
    put(tmp_path / "d.xml", "<a/>")
    rows, notes = read(tmp_path)
    assert rows == [Row("1", "Clear lungs.")]
    assert [note.split()[2] for note in notes] == ["b.csv", "c.jsonl", "d.xml"]
    assert "the nearest is 'reprot'" in notes[0]
    (row,), notes = read(other)
    assert "the nearest is 'reprot'" in row.error
    assert notes == []


def test_what_a_labelling_run_wrote_is_no_report(tmp_path: Path) -> None:
    put(tmp_path / "old.jsonl", json.dumps({"id": "1", "label_set": "nih-14", "labels": {}, "findings": []}) + "\n")
    put(tmp_path / "a.txt", "Clear lungs.")
    rows, notes = read(tmp_path)
    assert [row.id for row in rows] == ["a"]
    assert "labelling run" in notes[0]


@pytest.mark.parametrize("order", ["utf-16-le", "utf-16-be", "utf-16"])
def test_utf_16_is_told_with_and_without_its_mark(order: str) -> None:
    data = "id,report\na,Neumotórax derecho pequeño.\n".encode(order)
    assert encoding_in(io.BytesIO(data), "x") == (order, False)


def test_nul_characters_in_a_table_are_left_out_and_said(tmp_path: Path) -> None:
    path = put(tmp_path / "a.csv", b"id,report\n1,Small\0 effusion.\n" + b"2,No effusion.\n" * 20)
    rows, notes = read(path)
    assert rows[0] == Row("1", "Small effusion.")
    assert notes == ["a.csv holds NUL characters; they were left out"]
    late = put(tmp_path / "b.csv", b"id,report\n" + b"2,No effusion.\n" * 9000 + b"1,Small\0 effusion.\n")
    assert read(late)[0][-1].text == "Small effusion."
    assert read(late)[1] == ["b.csv holds NUL characters; they were left out"]


@pytest.mark.parametrize(
    "data", [bytes(5000), bytes(range(256)) * 9, b"PK\x03\x04" + bytes(60), b"\x7fELF\1\1\1" + bytes(9)]
)
def test_binary_is_refused(data: bytes) -> None:
    with pytest.raises(InputError, match="binary"):
        encoding_in(io.BytesIO(data), "x")


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_a_truncated_gz_ends_with_an_error_after_its_good_rows(tmp_path: Path, share: float) -> None:
    text = "id,report\n" + "".join(f"{n},Nodule of {n * 7919 % 1000} mm.\n" for n in range(20_000))
    data = gzip.compress(text.encode())
    rows, _ = read(put(tmp_path / "a.csv.gz", data[: int(len(data) * share)]))
    assert "could not be read to its end" in rows[-1].error
    assert len(rows) == 1 or not any(row.error for row in rows[:-1])


def test_patients_and_dates_are_found_and_missed_aloud(tmp_path: Path) -> None:
    full = put(tmp_path / "a.csv", "study_id,subject_id,StudyDate,report\n1,p,20240131,Clear lungs.\n")
    assert read(full, timeline=True) == ([Row("1", "Clear lungs.", "", "p", "20240131")], [])
    near = put(tmp_path / "b.csv", "id,patientname,report\n1,p,Clear lungs.\n")
    _, notes = read(near, timeline=True)
    assert "no column of patients (the nearest is 'patientname')" in notes[0]
    assert "--column patient=NAME" in notes[0]
    dated = put(tmp_path / "c.csv", "id,patient,dat,report\n1,p,2024,Clear lungs.\n")
    assert "no column of dates (the nearest is 'dat')" in read(dated, timeline=True)[1][0]
    assert read(dated)[1] == []
    lines = put(tmp_path / "d.jsonl", '{"id": 1, "report": "Clear lungs."}\n' * 3)
    assert len(read(lines, timeline=True)[1]) == 1


def test_a_role_that_is_none_names_the_nearest() -> None:
    with pytest.raises(InputError, match="the nearest is 'patient'"):
        Reader({"patien": "x"})


def test_a_row_with_an_indication_only_holds_no_text(tmp_path: Path) -> None:
    path = put(tmp_path / "a.csv", "id,indication,findings,impression\n1,Cough.,,\n2,Cough.,Clear lungs.,\n")
    rows, _ = read(path)
    assert [row.error for row in rows] == ["a.csv:2 holds no text", ""]


@pytest.mark.parametrize(
    "data", [b'a,b\n"unclosed,1\n2\n' * 3, b'id,report\n"x', b"id;report\n1;2;3;4\n", b"\n\n\n", b","]
)
def test_odd_tables_never_raise(tmp_path: Path, data: bytes) -> None:
    rows, _ = read(put(tmp_path / "a.csv", data))
    assert all(isinstance(row, Row) for row in rows)


def test_a_text_and_a_stream_are_sources() -> None:
    rows, _ = read(Source("text 1", data=b"No effusion.", kind=".txt"))
    assert rows == [Row("text 1", "No effusion.")]


@pytest.fixture
def arrow() -> object:
    return pytest.importorskip("pyarrow", reason="pyarrow is not installed")


@pytest.mark.parametrize("name", ["a.parquet", "a.feather", "a.arrow", "a.ipc"])
def test_arrow_files_are_read(tmp_path: Path, arrow: object, name: str) -> None:
    write(arrow, tmp_path / name, 2500)
    rows, notes = read(tmp_path / name)
    assert len(rows) == 2500
    assert rows[2042] == Row("2042", "Nodule of 2042 mm.")
    assert rows[7].error == f"{name}:8 holds no text"
    assert notes == []


@pytest.mark.parametrize("name", ["a.parquet", "a.feather", "a.ipc"])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.7, 0.99])
def test_truncated_arrow_files_are_a_row(tmp_path: Path, arrow: object, name: str, share: float) -> None:
    path = tmp_path / name
    write(arrow, path, 2500)
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    rows, _ = read(path)
    assert "file that can be read" in rows[-1].error


def test_arrow_files_without_text_name_the_nearest_column(tmp_path: Path, arrow: object) -> None:
    from pyarrow import parquet, table

    parquet.write_table(table({"id": ["1"], "impresion": ["x"]}), tmp_path / "a.parquet")
    (row,), _ = read(tmp_path / "a.parquet")
    assert "the nearest is 'impresion'" in row.error
    put(tmp_path / "b.txt", "Clear lungs.")
    rows, notes = read(tmp_path)
    assert [row.id for row in rows] == ["b"]
    assert len(notes) == 1


def write(arrow: object, path: Path, count: int) -> None:
    from pyarrow import feather, ipc, parquet, table

    texts = [None if n == 7 else f"Nodule of {n} mm." for n in range(count)]
    made = table({"id": [str(n) for n in range(count)], "report": texts, "x": list(range(count))})
    if path.suffix == ".parquet":
        parquet.write_table(made, path)
    elif path.suffix == ".ipc":
        with ipc.new_stream(path, made.schema) as stream:
            stream.write_table(made)
    else:
        feather.write_feather(made, path, compression="uncompressed")
