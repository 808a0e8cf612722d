"""A site's folder of newborns: grades, names of files, unknown ones left out, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.core.errors import InputError, MissingError
from hilum.core.registry import get
from hilum.data.site_bpd import CONCEPT, GRADES, bpd_site, films_of, graded, sheet
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


@given(grade=st.sampled_from(sorted(GRADES)), before=st.text(" \t", max_size=3), after=st.text(" \t", max_size=3))
def test_a_grade_is_read_whatever_its_case_and_the_blanks_about_it(grade: str, before: str, after: str) -> None:
    want = {"m": {"mild": 0, "moderate": 1}.get(grade), "s": 1, "2": 1, "3": 1, "0": 0, "1": 0}.get(grade[:1])
    if grade in ("no", "none"):
        want = 0
    assert graded(before + grade.upper() + after) == graded(before + grade.title() + after) == want


@given(number=st.integers(0, 10**6), zeros=st.integers(0, 4))
def test_a_patients_number_is_the_same_with_any_zeros_before_it(
    number: int, zeros: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = tmp_path_factory.mktemp("site")
    table(root / "sheet.csv", ("patient_id", "bpd"), [("0" * zeros + str(number), "severe")])
    (root / f"{number}_a.png").touch()
    (root / f"000{number}_b_c.png").touch()
    assert sheet(root) == {str(number): 1}
    assert [path.name for path in films_of(root)[str(number)]] == sorted([f"000{number}_b_c.png", f"{number}_a.png"])


def test_the_same_grade_twice_is_no_fault_and_one_without_a_name_is_told(tmp_path: Path) -> None:
    table(tmp_path / "sheet.csv", ("bpd", "patient_id"), [("severe", "05"), ("3", "5"), ("no", "x1 ")])
    assert sheet(tmp_path) == {"5": 1, "x1": 0}
    picture(tmp_path / "sub" / "_a.png")
    with pytest.raises(InputError, match=r"_a\.png is not named <patient>_<anything>\.png"):
        films_of(tmp_path)


def test_a_site_is_read_anew_each_time_and_all_of_it_is_to_learn_from(tmp_path: Path) -> None:
    cohort = bpd_site(made(tmp_path))
    first, again = ([study.patient for study in cohort] for _ in range(2))
    assert first == again == ["7", "12", "ab-3", "44"]  # by the path of the first film
    assert {cohort.split_of(str(patient)) for patient in first} == {"train"}
    assert "not to be passed on" in cohort.licence
