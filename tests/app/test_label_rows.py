"""Rows: the same whatever file the report came from, and their documents those of the builders."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from hilum.app.label import label_files
from hilum.app.label_command import example
from hilum.app.label_rows import Reading, label_row
from hilum.app.report_row import Row
from hilum.text.graph import graph
from hilum.text.imagenome import to_imagenome
from hilum.text.parse import parse
from hilum.text.radgraph import from_radgraph, to_radgraph
from hilum.text.scene import scene
from hilum.text.structure import structure

EVERYTHING = Reading(graph=True, scene=True, structure=True)


def examples() -> list[dict[str, str]]:
    with example().open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def table(rows: list[dict[str, str]], delimiter: str) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def lines(rows: list[dict[str, str]]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def arrow(kind: str) -> Callable[[list[dict[str, str]]], bytes]:
    def write(rows: list[dict[str, str]]) -> bytes:
        pyarrow = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
        from pyarrow import feather, ipc, parquet

        made, sink = pyarrow.Table.from_pylist(rows), io.BytesIO()
        if kind == "parquet":
            parquet.write_table(made, sink)
        elif kind == "feather":
            feather.write_feather(made, sink, compression="uncompressed")
        else:
            with ipc.new_stream(sink, made.schema) as stream:
                stream.write_table(made)
        return sink.getvalue()

    return write


FORMS: dict[str, Callable[[list[dict[str, str]]], bytes]] = {
    "in.csv": lambda rows: table(rows, ","),
    "semicolons.csv": lambda rows: table(rows, ";"),
    "in.tsv": lambda rows: table(rows, "\t"),
    "in.csv.gz": lambda rows: gzip.compress(table(rows, ",")),
    "in.jsonl": lines,
    "in.ndjson.gz": lambda rows: gzip.compress(lines(rows)),
    "bom.csv": lambda rows: b"\xef\xbb\xbf" + table(rows, ","),
    "wide.csv": lambda rows: table(rows, ",").decode().encode("utf-16"),
    "in.parquet": arrow("parquet"),
    "in.feather": arrow("feather"),
    "in.ipc": arrow("ipc"),
}


@pytest.mark.parametrize("name", FORMS)
def test_every_kind_of_file_gives_the_same_rows(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(FORMS[name](examples()))
    label_files([tmp_path / name], tmp_path / "out.jsonl")
    label_files([example()], tmp_path / "plain.jsonl")
    assert (tmp_path / "out.jsonl").read_bytes() == (tmp_path / "plain.jsonl").read_bytes()


@pytest.mark.parametrize("report", [row for row in examples() if row["id"] != "example-6"], ids=lambda row: row["id"])
def test_documents_are_those_of_the_builders(report: dict[str, str]) -> None:
    text = {name: report[name] for name in ("findings", "impression")}
    made = label_row(Row(report["id"], text, patient=report["patient"]), EVERYTHING)
    parsed = parse(text)
    assert made["graph"] == to_radgraph(graph(parsed))
    assert len(from_radgraph(made["graph"]).entities) == len(graph(parsed).entities) > 0
    assert made["scene"] == to_imagenome(
        scene(parsed), image_id=report["id"], study_id=report["id"], patient_id=report["patient"]
    )
    assert made["scene"]["attributes"]
    assert [row["ent"] for row in made["structure"]] == [row.ent for row in structure(parsed)]
    assert json.loads(json.dumps(made))["labels"] == made["labels"]


def test_a_language_without_a_graph_table_keeps_its_labels() -> None:
    made = label_row(Row("a", "Derrame pleural izquierdo y cardiomegalia."), EVERYTHING)
    assert made["labels"] == {"Pleural Effusion": 1, "Cardiomegaly": 1}
    assert "error" not in made
    assert "graph" in made


def test_documents_come_only_when_asked() -> None:
    made = label_row(Row("a", "Small effusion."), Reading())
    assert set(made) == {"id", "label_set", "language", "labels", "evidence", "findings"}
    lean = label_row(Row("a", "Small effusion.", patient="p"), Reading(lean=True))
    assert lean == {"id": "a", "label_set": "chexpert-14", "language": "en", "labels": {"Pleural Effusion": 1},
                    "patient": "p"}  # fmt: skip


def test_a_failed_row_has_its_reason_and_nothing_else() -> None:
    for row in (Row("a", error="it broke"), Row("a", "x" * 200_001)):
        made = label_row(row, EVERYTHING)
        assert set(made) == {"id", "label_set", "error"}
    assert "met before" in label_row(Row("a", "Effusion."), Reading(), repeated=True)["error"]
