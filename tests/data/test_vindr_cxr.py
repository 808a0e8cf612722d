"""VinDr-CXR in both layouts, made small: three readers become one in three ways; fusion by hand and by property."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from hilum.core.errors import InputError, MissingError
from hilum.core.region import Box
from hilum.core.vocabulary import label_set
from hilum.data.vindr_cxr import fuse, vindr_cxr
from tests.data.layouts import layout, table, wheel
from tests.io.made import film, write

BOXES = ("image_id", "rad_id", "class_name", "x_min", "y_min", "x_max", "y_max")
LABELS = list(label_set("vindr").labels)
TRAIN = [
    ("f1", "R1", "Cardiomegaly", 0, 0, 10, 10), ("f1", "R2", "Cardiomegaly", 0, 0, 10, 12),
    ("f1", "R3", "Nodule/Mass", 20, 4, 24, 8), ("f1", "R1", "Pleural effusion", 1, 1, 3, 3),
    ("f1", "R2", "Pleural effusion", 1, 1, 3, 3), ("f1", "R3", "Pleural effusion", 20, 20, 22, 23),
    *(("f2", reader, "No finding", "", "", "", "") for reader in ("R1", "R2", "R3")),
]  # fmt: skip
TEST = [("t1", "Rib fracture", 2, 2, 5, 6)]


def marks(film: str, reader: str, *positive: str, names: list[str] = LABELS) -> list[object]:
    return [film, reader, *(int(name in positive) for name in names)]


@layout("vindr-cxr")
def made(root: Path) -> Path:
    table(root / "annotations/annotations_train.csv", BOXES, TRAIN)
    table(root / "annotations/annotations_test.csv", [name for name in BOXES if name != "rad_id"], TEST)
    rows = [marks("f1", reader, "Cardiomegaly", "Tuberculosis") for reader in ("R1", "R2", "R3")]
    rows += [marks("f2", reader, "No finding") for reader in ("R1", "R2", "R3")]
    table(root / "annotations/image_labels_train.csv", ["image_id", "rad_id", *LABELS], rows)
    renamed = ["Other disease" if name == "Other diseases" else name for name in LABELS]
    test = [[cell for n, cell in enumerate(marks("t1", "", "Rib fracture", "Other disease", names=renamed)) if n != 1]]
    table(root / "annotations/image_labels_test.csv", ["image_id", *renamed], test)
    for number, (split, name) in enumerate((("train", "f1"), ("train", "f2"), ("test", "t1"))):
        (root / split).mkdir(parents=True, exist_ok=True)
        kind = "MONOCHROME1" if name == "f2" else "MONOCHROME2"
        write(film(number=number, PhotometricInterpretation=kind, ViewPosition=None), root / split / f"{name}.dicom")
    return root


def test_two_of_three_readers_make_a_finding_and_one_makes_it_uncertain(tmp_path: Path) -> None:
    first, second, _ = vindr_cxr(made(tmp_path))
    found = {f.concept: f for f in first.findings}
    assert found["cardiomegaly"].state == "present"
    assert found["cardiomegaly"].attributes["readers"] == "3 of 3"  # two drew it, the third named it
    assert found["nodule or mass"].state == "uncertain"
    assert found["tuberculosis"].state == "present"
    assert not found["tuberculosis"].regions
    assert [f.concept for f in second.findings] == ["no finding"]


def test_boxes_of_readers_that_overlap_are_one(tmp_path: Path) -> None:
    first, *_ = vindr_cxr(made(tmp_path))
    found = {f.concept: f.regions for f in first.findings}
    assert found["cardiomegaly"] == (Box(0, 0, 10, 11, image="f1", score=2 / 3),)
    assert found["pleural effusion"] == (
        Box(1, 1, 3, 3, image="f1", score=2 / 3), Box(20, 20, 22, 23, image="f1", score=1 / 3)
    )  # fmt: skip


def test_union_keeps_every_box_and_each_keeps_every_reader(tmp_path: Path) -> None:
    first, *_ = vindr_cxr(made(tmp_path), readers="union")
    found = {f.concept: f for f in first.findings}
    assert found["nodule or mass"].state == "present"
    assert len(found["pleural effusion"].regions) == 3
    first, *_ = vindr_cxr(tmp_path, readers="each")
    hearts = [f for f in first.findings if f.concept == "cardiomegaly"]
    assert [str(f.made_by) for f in hearts] == ["VinDr reader R1", "VinDr reader R2", "VinDr reader R3"]
    assert [len(f.regions) for f in hearts] == [1, 1, 0]
    assert len({f.id for f in first.findings}) == len(first.findings)
    with pytest.raises(InputError, match="fused, union, each"):
        vindr_cxr(tmp_path, readers="vote")  # type: ignore[arg-type]


def test_test_films_keep_the_consensus_and_their_other_spelling(tmp_path: Path) -> None:
    cohort = vindr_cxr(made(tmp_path))
    (study,) = cohort.split("test")
    assert {f.concept for f in study.findings} == {"rib fracture", "other disease"}
    assert all(f.state == "present" and "consensus" in str(f.made_by) for f in study.findings)
    assert {s.id for s in cohort.split("train")} == {"f1", "f2"}


def test_films_keep_their_polarity_and_are_posteroanterior(tmp_path: Path) -> None:
    first, second, _ = vindr_cxr(made(tmp_path))
    assert (first.films[0].inverted, second.films[0].inverted) == (False, True)
    assert {first.films[0].view, second.films[0].view} == {"PA"}
    assert first.films[0].id == "f1"
    assert not first.films[0].loaded
    assert first.films[0].pixels.shape == (24, 32)


def test_fusion_has_its_properties(draw: np.random.Generator) -> None:
    assert fuse((), readers=3) == ()
    box = Box(1, 2, 5, 7, image="x")
    assert fuse([box] * 3, readers=3) == (Box(1, 2, 5, 7, image="x", score=1.0),)
    for _ in range(50):
        corner, size = draw.uniform(0, 60, (6, 2)), draw.uniform(4, 30, (6, 2))
        boxes = [Box(*map(float, (*c, *(c + s))), image="x") for c, s in zip(corner, size, strict=True)]  # type: ignore[misc]
        fused = fuse(boxes, readers=6)
        assert sum(round((each.score or 0) * 6) for each in fused) == 6  # every box joins just one
        assert min(b.x0 for b in boxes) <= min(f.x0 for f in fused)
        assert max(f.y1 for f in fused) <= max(b.y1 for b in boxes)


def test_missing_parts_are_said(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="physionet"):
        vindr_cxr(tmp_path)
    (made(tmp_path) / "train/f1.dicom").unlink()
    first, *_ = vindr_cxr(tmp_path)
    assert first.films[0].view == "PA"
    with pytest.raises(MissingError, match="f1"):
        _ = first.films[0].pixels


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (("f1", "R1", "Cardiomegali", 0, 0, 1, 1), "'Cardiomegali' is no label"),
        (("f1", "R1", "Cardiomegaly", 5, 0, 1, 1), "film f1 has no usable box"),
        (("f1", "R1", "Cardiomegaly", 5, "high", 9, 9), "film f1 has no usable box"),
        (("f1", "R1", "Cardiomegaly", 5), "cut before 'y_min'"),
    ],
)
def test_a_faulty_row_is_named(tmp_path: Path, row: tuple[object, ...], words: str) -> None:
    table(tmp_path / "annotations/annotations_train.csv", BOXES, [row])
    with pytest.raises(InputError, match=words):
        list(vindr_cxr(tmp_path))


def test_a_cell_or_a_column_of_image_labels_that_is_none_is_refused(tmp_path: Path) -> None:
    made(tmp_path)
    path = tmp_path / "annotations/image_labels_train.csv"
    table(path, ["image_id", "rad_id", *LABELS], [["f1", "R1", "7", *["0"] * (len(LABELS) - 1)]])
    with pytest.raises(InputError, match="no cell value '7'"):
        list(vindr_cxr(tmp_path))
    table(path, ["image_id", "rad_id", "Cardiomegali", "No finding"], [["f1", "R1", "0", "0"]])
    with pytest.raises(InputError, match="'Cardiomegali' is no label"):
        list(vindr_cxr(tmp_path))


def test_the_challenges_real_table_is_read() -> None:
    root = wheel("vinbigdata-train.csv.gz")
    cohort = vindr_cxr(root)
    studies = list(islice(cohort, 15_001))
    assert len(studies) == 15_000
    assert {cohort.split_of(study.patient) for study in studies} == {"train"}
    labels = {f.id for s in studies for f in s.findings}
    assert len(labels) == 15
    assert labels <= set(label_set("vindr").labels)
    normal = [s for s in studies if [f.id for f in s.findings] == ["No finding"]]
    assert len(normal) == 31_818 // 3  # the table's own count: those films' readers all agree
    assert all(0 < (box.score or 0) <= 1 for s in studies[:2000] for f in s.findings for box in f.regions)  # type: ignore[union-attr]
