"""Outputs in the layouts of the data sets' own files, checked against those files where they are installed."""

from __future__ import annotations

import csv
import gzip
import importlib.util
import json
from ast import literal_eval
from collections import Counter
from pathlib import Path

import pytest

from hilum.app.label import label_files
from hilum.app.label_layouts import layout
from hilum.app.label_rows import Reading
from hilum.core.errors import InputError
from hilum.core.vocabulary import label_set, label_sets

TABLE = (
    "id,patient,report\n"
    "a,p1,Cardiomegaly with a small effusion. No pneumothorax.\n"
    "b,p1,Possible pneumonia.\n"
    "c,p2,The lungs are clear. Heart size is normal.\n"
    "d,p3,\n"
)


def written(tmp_path: Path, name: str, out: str) -> list[dict[str, str]]:
    source = tmp_path / "in.csv"
    source.write_text(TABLE, encoding="utf-8")
    label_files([source], tmp_path / out, reading=Reading(name))
    with (tmp_path / out).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def wheel(name: str) -> list[dict[str, str]]:
    """The first rows of a label table that torchxrayvision ships; read as a file, nothing of it is imported."""
    spec = importlib.util.find_spec("torchxrayvision")
    path = Path(str(spec.origin)).parent / "data" / name if spec else Path("nowhere")
    if not path.is_file():
        pytest.skip("torchxrayvision's label tables are not installed")
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [row for row, _ in zip(csv.DictReader(file), range(30_000), strict=False)]


def test_chexpert_is_written_as_mimic_cxr_writes_it(tmp_path: Path) -> None:
    rows = written(tmp_path, "chexpert-14", "labels.csv")
    assert list(rows[0]) == [
        "subject_id", "study_id", "Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Enlarged Cardiomediastinum",
        "Fracture", "Lung Lesion", "Lung Opacity", "No Finding", "Pleural Effusion", "Pleural Other", "Pneumonia",
        "Pneumothorax", "Support Devices",
    ]  # fmt: skip
    said = [{key: value for key, value in row.items() if value} for row in rows]
    assert said[0] == {
        "subject_id": "p1", "study_id": "a", "Cardiomegaly": "1.0", "Pleural Effusion": "1.0", "Pneumothorax": "0.0",
    }  # fmt: skip
    assert said[1] == {"subject_id": "p1", "study_id": "b", "Pneumonia": "-1.0"}
    assert len(rows) == 3
    assert (tmp_path / "labels.failed.csv").read_text() == "id,error\nd,in.csv:5 holds no text\n"


def test_chexpert_labels_and_cells_are_those_of_its_own_file(tmp_path: Path) -> None:
    theirs = wheel("chexpert_train.csv.gz")
    ours = written(tmp_path, "chexpert-14", "labels.csv")
    labels = set(theirs[0]) - {"Path", "Sex", "Age", "Frontal/Lateral", "AP/PA"}
    assert set(ours[0]) - {"subject_id", "study_id"} == labels
    cells = {row[label] for row in theirs for label in labels}
    assert {row[label] for row in ours for label in labels} == cells == {"", "1.0", "0.0", "-1.0"}


def test_nih_is_written_as_its_data_entry_table(tmp_path: Path) -> None:
    rows = written(tmp_path, "nih-14", "labels.csv")
    assert [row["Finding Labels"] for row in rows] == ["Cardiomegaly|Effusion", "No Finding", "No Finding"]
    theirs = wheel("Data_Entry_2017_v2020.csv.gz")
    assert set(rows[0]) <= set(theirs[0])
    spelled = {label for row in theirs for label in row["Finding Labels"].split("|")}
    assert spelled == {*label_set("nih-14").labels, "No Finding"}


def test_padchest_is_written_as_its_table(tmp_path: Path) -> None:
    rows = written(tmp_path, "padchest", "labels.csv")
    assert sorted(literal_eval(rows[0]["Labels"])) == ["cardiomegaly", "pleural effusion"]
    assert [row["Labels"] for row in rows[1:]] == ["[]", "['normal']"]
    theirs = wheel("PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv.gz")
    assert set(rows[0]) <= set(theirs[0])
    spelled = Counter(label for row in theirs if row["Labels"] for label in literal_eval(row["Labels"]))
    common = {label.strip() for label, count in spelled.items() if count > 100}
    assert common - {"", *label_set("padchest").labels} <= {"exclude", "suboptimal study"}


def test_vindr_is_a_column_of_0_or_1_per_label(tmp_path: Path) -> None:
    rows = written(tmp_path, "vindr", "labels.csv")
    assert list(rows[0]) == ["image_id", *label_set("vindr").labels]
    assert {key for key, value in rows[0].items() if value == "1"} == {"Cardiomegaly", "Pleural effusion"}
    assert {value for row in rows for key, value in row.items() if key != "image_id"} == {"0", "1"}
    theirs = {row["class_name"] for row in wheel("vinbigdata-train.csv.gz")}
    assert theirs <= set(rows[0])


@pytest.mark.parametrize("name", [each.name for each in label_sets()])
def test_every_label_set_has_a_layout_of_full_lines(name: str) -> None:
    header, line = layout(name)
    labels = dict(zip(label_set(name).labels, (1, 0, -1) * 99, strict=False))
    for row in ({"id": "a", "labels": {}}, {"id": "a", "patient": "p", "labels": labels}):
        assert len(line(row)) == len(header)
        assert "a" in line(row)


@pytest.mark.parametrize("kind", ["parquet", "arrow"])
def test_arrow_outputs_hold_labels_findings_and_documents(tmp_path: Path, kind: str) -> None:
    pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    from pyarrow import feather, parquet

    source, out = tmp_path / "in.csv", tmp_path / f"labels.{kind}"
    source.write_text(TABLE, encoding="utf-8")
    label_files([source], out, reading=Reading(structure=True))
    made = parquet.read_table(out) if kind == "parquet" else feather.read_table(out)
    rows = {row["id"]: row for row in made.to_pylist()}
    plain = tmp_path / "labels.jsonl"
    label_files([source], plain, reading=Reading(structure=True))
    for line in plain.read_text(encoding="utf-8").splitlines():
        row, other = json.loads(line), rows[json.loads(line)["id"]]
        if "error" in row:
            assert other["error"] == row["error"]
            continue
        assert {label: other[label] for label in label_set("chexpert-14").labels if other[label] is not None} == row[
            "labels"
        ]
        assert [[each["start"], each["end"]] for each in other["findings"]] == [
            each["span"] for each in row["findings"]
        ]
        assert json.loads(other["structure"]) == row["structure"]
    assert made.schema.metadata[b"label_set"] == b"chexpert-14"
    assert sorted(path.name for path in tmp_path.iterdir() if "part" in path.name and path != out) == []


@pytest.mark.parametrize("out", ["labels.csv", "labels.html"])
def test_an_output_without_a_place_for_a_document_says_so(tmp_path: Path, out: str) -> None:
    (tmp_path / "in.csv").write_text(TABLE, encoding="utf-8")
    outcome = label_files([tmp_path / "in.csv"], tmp_path / out, reading=Reading(graph=True), timeline=True)
    assert outcome.notes[0] == f"{out} has no place for graph: write .jsonl, .parquet or .arrow"
    assert (tmp_path / "labels.timeline.jsonl").stat().st_size > 0


def test_an_output_that_cannot_be_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot write '.xlsx'"):
        label_files([tmp_path], tmp_path / "labels.xlsx")
    with pytest.raises(InputError, match="is a folder"):
        label_files([tmp_path], tmp_path)
    with pytest.raises(InputError, match=r"a page is an \.html file"):
        label_files([tmp_path], tmp_path / "a.jsonl", page=tmp_path / "page.txt")


def test_missing_pyarrow_is_told_with_its_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    import hilum

    monkeypatch.setitem(sys.modules, "pyarrow", None)
    for call in (
        lambda: label_files([tmp_path], tmp_path / "a.parquet"),
        lambda: hilum.label_table({"report": ["x"]}),
    ):
        with pytest.raises(hilum.MissingError, match=r"pip install 'hilum\[arrow\]'"):
            call()
    (tmp_path / "in.parquet").write_bytes(b"PAR1")
    with pytest.raises(hilum.MissingError, match=r"hilum\[arrow\]"):
        label_files([tmp_path / "in.parquet"], tmp_path / "a.jsonl")


@pytest.mark.parametrize(
    ("given", "out", "page"),
    [
        ("a.csv", "a.csv", None),
        ("a.csv", "link.csv", None),
        (".", "a.csv", None),
        ("a.timeline.jsonl", "a.jsonl", None),
        ("a.failed.csv", "a.csv", None),
        ("b.jsonl.part", "b.jsonl", None),
        ("b.jsonl.run.json", "b.jsonl", None),
        ("page.html", "b.jsonl", "page.html"),
    ],
)
def test_an_input_is_never_written_over(tmp_path: Path, given: str, out: str, page: str | None) -> None:
    source = tmp_path / ("a.csv" if given == "." else given)
    source.write_text(TABLE, encoding="utf-8")
    if out == "link.csv":
        (tmp_path / out).symlink_to(source)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(InputError, match="is one of the inputs"):
        label_files([tmp_path / given], tmp_path / out, page=tmp_path / page if page else None)
    assert source.read_text(encoding="utf-8") == TABLE
    assert sorted(tmp_path.iterdir()) == before


def test_a_file_of_failures_is_replaced_only_where_the_card_names_it(tmp_path: Path) -> None:
    failures = tmp_path / "labels.failed.csv"
    failures.write_text("mine\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"labels.failed.csv is where .* does not name it"):
        written(tmp_path, "nih-14", "labels.csv")
    assert failures.read_text(encoding="utf-8") == "mine\n"
    assert not (tmp_path / "labels.csv").exists()
    failures.unlink()
    for _ in range(2):
        written(tmp_path, "nih-14", "labels.csv")
        assert failures.read_text(encoding="utf-8").startswith("id,error\nd,")
    (tmp_path / "good.csv").write_text("id,report\n1,No effusion.\n", encoding="utf-8")
    label_files([tmp_path / "good.csv"], tmp_path / "labels.csv")
    assert not failures.exists()
    failures.write_text("mine\n", encoding="utf-8")
    with pytest.raises(InputError, match="does not name it"):
        label_files([tmp_path / "good.csv"], tmp_path / "labels.csv")
    assert failures.read_text(encoding="utf-8") == "mine\n"
    assert not list(tmp_path.glob(".*"))
