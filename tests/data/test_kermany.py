"""The Kermany films in their folders, made small; squashed copies; names of the real ones in the development data."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from hilum.core.errors import InputError, MissingError
from hilum.data.kermany import kermany, patient_and_cause
from tests.data.layouts import cut, layout, picture

FILMS = (
    "train/NORMAL/IM-0115-0001", "train/NORMAL/NORMAL2-IM-1427-0001", "train/PNEUMONIA/person1_bacteria_1",
    "train/PNEUMONIA/person1_virus_6", "val/NORMAL/NORMAL2-IM-1430-0001", "test/PNEUMONIA/person1_virus_7",
)  # fmt: skip


@layout("kermany")
def made(root: Path) -> Path:
    for name in FILMS:
        picture(root / f"chest_xray/{name}.jpeg", size=(8, 6))
    picture(root / "chest_xray/train/NORMAL/._IM-0115-0001.jpeg")  # a shadow file of a Mac archive
    return root


def test_folders_are_labels_and_splits(tmp_path: Path) -> None:
    cohort = kermany(made(tmp_path))
    assert {s.id for s in cohort} == set(FILMS)
    found = {s.id: [(f.concept, f.state, dict(f.attributes)) for f in s.findings] for s in cohort}
    assert found[FILMS[2]] == [("pneumonia", "present", {"cause": "bacterial"})]
    assert found[FILMS[3]] == [("pneumonia", "present", {"cause": "viral"})]
    assert found[FILMS[0]] == [("no finding", "present", {}), ("pneumonia", "absent", {})]
    assert [len(list(cohort.split(name))) for name in ("train", "val", "test")] == [4, 1, 1]


def test_one_child_of_a_split_is_one_patient_and_of_two_splits_two(tmp_path: Path) -> None:
    patients = {s.id: s.patient for s in kermany(made(tmp_path))}
    assert patients[FILMS[2]] == patients[FILMS[3]] == "train-person1"
    assert patients[FILMS[5]] == "test-person1"
    assert len(set(patients.values())) == 5


@pytest.mark.parametrize(
    ("stem", "patient", "cause"),
    [
        ("person447_virus_921_1", "person447", "viral"), ("person1000_bacteria_2931", "person1000", "bacterial"),
        ("IM-0666-0001-0002", "IM-0666", ""),
        ("NORMAL2-IM-1427-0001", "NORMAL2-IM-1427", ""), ("BACTERIA-1008087-0003", "BACTERIA-1008087", "bacterial"),
        ("VIRUS-9815549-0001", "VIRUS-9815549", "viral"), ("NORMAL-1049278-0001", "NORMAL-1049278", ""),
    ],
)  # fmt: skip
def test_names_tell_who_and_what(stem: str, patient: str, cause: str) -> None:
    assert patient_and_cause(stem) == (patient, cause)


@pytest.mark.parametrize("stem", ["film", "person_bacteria_1", "person1_fungus_2", "IM-0115", ""])
def test_other_names_are_refused(stem: str) -> None:
    with pytest.raises(InputError, match="no file name of the Kermany set"):
        patient_and_cause(stem)


def test_a_square_film_is_said_to_be_squashed(tmp_path: Path) -> None:
    picture(tmp_path / "train/NORMAL/IM-0001-0001.jpeg", size=(224, 224))
    picture(tmp_path / "train/NORMAL/IM-0002-0001.jpeg", size=(224, 180))
    square, whole = kermany(tmp_path)
    assert "224 x 224" in square.provenance[0].notes[0]
    assert "squashed" in square.provenance[0].notes[0]
    assert whole.provenance == ()


def test_missing_and_cut_parts_are_said(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="mendeley"):
        kermany(tmp_path)
    path = cut(made(tmp_path) / "chest_xray/train/NORMAL/IM-0115-0001.jpeg", 0.01)
    with pytest.raises(InputError, match="IM-0115-0001"):
        list(kermany(tmp_path))
    path.unlink()
    assert len(list(kermany(tmp_path))) == len(FILMS) - 1


def test_every_real_name_is_understood(pack: Path) -> None:
    with (pack / "manifest.csv").open(encoding="utf-8", newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if row["file"].startswith("kermany224/")]
    assert len(rows) == 3000
    ill = 0
    for row in rows:
        patient, cause = patient_and_cause(Path(row["file"]).stem)
        assert patient
        ill += bool(cause)
        assert bool(cause) == ("Pneumonia" in row["labels"] or "neumonia" in row["labels"]), row["file"]
    assert 0 < ill < len(rows)


def test_a_real_squashed_film_is_noted_and_a_whole_one_is_not(pack: Path, tmp_path: Path) -> None:
    squashed, whole = next((pack / "kermany224").glob("IM-*.jpg")), next((pack / "kermany_full").iterdir())
    folder = tmp_path / "train/NORMAL"
    folder.mkdir(parents=True)
    (folder / squashed.name).symlink_to(squashed)
    (folder / "IM-9999-0001.jpeg").symlink_to(whole)
    notes = {study.id.rpartition("/")[2]: bool(study.provenance) for study in kermany(tmp_path)}
    assert notes == {squashed.stem: True, "IM-9999-0001": False}
