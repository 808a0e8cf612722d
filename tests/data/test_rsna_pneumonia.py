"""The RSNA pneumonia challenge in its layout, made small; NIH's patients behind its names; the wheel's real boxes."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from hilum.core.errors import InputError, MissingError
from hilum.core.region import Box
from hilum.data.rsna_pneumonia import rsna_pneumonia
from tests.data.layouts import layout, table, wheel, written
from tests.io.made import film, write

LABELS = ("patientId", "x", "y", "width", "height", "Target")
ROWS = [
    ("a", 2, 3, 4, 5, 1), ("a", 20, 3, 4, 5, 1), ("b", "", "", "", "", 0), ("c", "", "", "", "", 0),
]  # fmt: skip
CLASSES = [("a", "Lung Opacity"), ("a", "Lung Opacity"), ("b", "No Lung Opacity / Not Normal"), ("c", "Normal")]
MAPPING = "pneumonia-challenge-dataset-mappings_2018.json"


@layout("rsna-pneumonia")
def made(root: Path) -> Path:
    table(root / "stage_2_train_labels.csv", LABELS, ROWS)
    table(root / "stage_2_detailed_class_info.csv", ("patientId", "class"), CLASSES)
    table(root / "stage_2_sample_submission.csv", ("patientId", "PredictionString"), [("t", "0.5 0 0 1 1")])
    for number, (folder, name) in enumerate((("train", "a"), ("train", "b"), ("train", "c"), ("test", "t"))):
        place = root / f"stage_2_{folder}_images"
        place.mkdir(parents=True, exist_ok=True)
        write(film(number=number, ViewPosition="AP" if name == "b" else "PA"), place / f"{name}.dcm")
    return root


def test_three_classes_are_three_sets_of_findings(tmp_path: Path) -> None:
    a, b, c, t = rsna_pneumonia(made(tmp_path))
    assert [(f.concept, f.state) for f in a.findings] == [("lung opacity", "present")]
    assert a.findings[0].regions == (Box(2, 3, 6, 8, image="a"), Box(20, 3, 24, 8, image="a"))
    assert [(f.concept, f.state) for f in b.findings] == [
        ("lung opacity", "absent"), ("abnormal without lung opacity", "present")
    ]  # fmt: skip
    assert [(f.concept, f.state) for f in c.findings] == [("no finding", "present"), ("lung opacity", "absent")]
    assert t.findings == ()
    assert [s.films[0].view for s in (a, b)] == ["PA", "AP"]


def test_without_the_classes_a_film_without_boxes_is_only_without_opacity(tmp_path: Path) -> None:
    (made(tmp_path) / "stage_2_detailed_class_info.csv").unlink()
    _, b, c, _ = rsna_pneumonia(tmp_path)
    assert [(f.concept, f.state) for f in (*b.findings, *c.findings)] == [("lung opacity", "absent")] * 2


def test_train_and_test_are_the_challenges(tmp_path: Path) -> None:
    cohort = rsna_pneumonia(made(tmp_path))
    assert [s.id for s in cohort.split("train")] == ["a", "b", "c"]
    assert [s.id for s in cohort.split("test")] == ["t"]


def test_nih_patients_are_held_together_where_rsnas_list_is_there(tmp_path: Path) -> None:
    names = {"a": "00000013_005.png", "b": "00000013_009.png", "c": "00000099_000.png", "t": "00000099_001.png"}
    written(made(tmp_path) / MAPPING, [{"subset_img_id": key, "img_id": name} for key, name in names.items()])
    cohort = rsna_pneumonia(tmp_path)
    a, b, c, t = cohort
    assert a.patient == b.patient == "nih-13"
    assert c.patient == t.patient == "nih-99"
    assert [s.id for s in cohort.split("train")] == ["a", "b"]
    assert [s.id for s in cohort.split("test")] == ["c", "t"]  # a patient with a test film is held out whole


def test_missing_parts_are_said(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="kaggle"):
        rsna_pneumonia(tmp_path)
    (made(tmp_path) / "stage_2_train_images/a.dcm").unlink()
    study = next(iter(rsna_pneumonia(tmp_path)))
    with pytest.raises(MissingError, match="'a'"):
        _ = study.films[0].pixels


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (("a", 2, 3, 4, 5, 2), "Target '2'"), (("a", 2, 3, "", 5, 1), "film a has no usable box"),
        (("a", 2, 3, -4, 5, 1), "film a has no usable box"), (("a", 2, 3), "cut before 'width'"),
    ],
)  # fmt: skip
def test_a_faulty_row_is_named(tmp_path: Path, row: tuple[object, ...], words: str) -> None:
    table(tmp_path / "stage_2_train_labels.csv", LABELS, [row])
    with pytest.raises(InputError, match=words):
        rsna_pneumonia(tmp_path)


def test_a_faulty_list_of_names_is_said(tmp_path: Path) -> None:
    written(made(tmp_path) / MAPPING, [{"subset_img_id": "a"}])
    with pytest.raises(InputError, match="img_id"):
        rsna_pneumonia(tmp_path)


def test_the_real_boxes_are_read(tmp_path: Path) -> None:
    root = wheel("kaggle_stage_2_train_labels.csv.zip")
    with zipfile.ZipFile(root / "kaggle_stage_2_train_labels.csv.zip") as archive:
        archive.extract("stage_2_train_labels.csv", tmp_path)
    studies = list(rsna_pneumonia(tmp_path))
    assert len(studies) == 26_684
    positive = [s.findings[0] for s in studies if s.findings[0].state == "present"]
    assert len(positive) == 6_012  # films with opacity, Shih et al. 2019
    assert sum(len(f.regions) for f in positive) == 9_555
