"""A site's folder of newborns: grades, names of files, unknown ones left out, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hilum.core.errors import InputError, MissingError
from hilum.core.registry import get
from hilum.data.site_bpd import CONCEPT, bpd_site, films_of, graded, sheet
from tests.data.layouts import layout, picture, table

ROWS = [
    ("007", "no"),
    ("12", "Mild"),
    ("ab-3", "moderate"),
    ("44", "severe"),
    ("45", "unknown"),
    ("46", ""),
    ("99", "no"),
]


@layout("bpd-site")
def made(root: Path) -> Path:
    table(root / "sheet.csv", ("patient_id", "bpd", "weight_g"), [(*row, "800") for row in ROWS])
    for name in ("7_day1", "007_day2", "12_a", "ab-3_a", "sub/44_x", "45_a", "46_a"):
        picture(root / f"{name}.png", size=(8, 8))
    return root


def test_each_grade_is_what_the_paper_makes_of_it() -> None:
    assert [graded(each) for each in ("no", "None", " mild ", "0", "1")] == [0] * 5
    assert [graded(each) for each in ("moderate", "Severe", "2", "3")] == [1] * 4
    assert [graded(each) for each in ("unknown", "", "NA", "n/a")] == [None] * 4
    with pytest.raises(InputError, match="'bad' is no grade"):
        graded("bad")


def test_a_site_folder_comes_back_as_it_was_written(tmp_path: Path) -> None:
    studies = {study.patient: study for study in bpd_site(made(tmp_path))}
    assert set(studies) == {"12", "44", "7", "ab-3"}  # unknown grades and patients without a film are left out
    assert {name: study.findings[0].state for name, study in studies.items()} == {
        "12": "absent", "44": "present", "7": "absent", "ab-3": "present",
    }  # fmt: skip
    assert all(study.findings[0].concept == CONCEPT for study in studies.values())
    assert [Path(film.source).name for film in studies["7"].images] == ["007_day2.png", "7_day1.png"]
    shown = studies["44"].images[0]
    assert shown.view == "AP"
    assert shown.pixels.shape == (8, 8)
    assert 0.0 <= float(np.min(shown.pixels)) <= float(np.max(shown.pixels)) <= 1.0
    assert get("dataset", "bpd-site") is bpd_site


def test_what_is_not_a_site_folder_is_told(tmp_path: Path) -> None:
    root = made(tmp_path / "a")
    picture(root / "nopatient.png")
    with pytest.raises(InputError, match=r"nopatient\.png is not named"):
        bpd_site(root)
    with pytest.raises(MissingError, match=r"one \.csv sheet.*there is none"):
        sheet(tmp_path)
    table(root / "second.csv", ("patient_id", "bpd"), [])
    with pytest.raises(MissingError, match=r"second\.csv, sheet\.csv"):
        sheet(root)
    with pytest.raises(MissingError, match="no film named"):
        films_of(tmp_path / "nothing")


def test_sheets_with_faults_are_refused_by_their_line(tmp_path: Path) -> None:
    for name, rows, said in (
        ("twice", [("1", "no"), ("001", "severe")], "line 3: patient '1' has two different grades"),
        ("odd", [("1", "no"), ("2", "terrible")], "line 3: 'terrible' is no grade"),
    ):
        table(tmp_path / name / "sheet.csv", ("patient_id", "bpd"), rows)
        with pytest.raises(InputError, match=said):
            sheet(tmp_path / name)
    table(tmp_path / "columns" / "sheet.csv", ("patient", "bpd"), [("1", "no")])
    with pytest.raises(InputError, match="no column 'patient_id'"):
        sheet(tmp_path / "columns")
    table(tmp_path / "strangers" / "sheet.csv", ("patient_id", "bpd"), [("8", "no"), ("9", "unknown")])
    picture(tmp_path / "strangers" / "9_a.png")
    with pytest.raises(InputError, match=r"no film .* known grade"):
        bpd_site(tmp_path / "strangers")
