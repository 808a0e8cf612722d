"""Files appear whole or not at all, and the same input writes the same bytes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.core.errors import DecodeError, InputError
from hilum.io import fhir, save
from tests.io.written import dicom_film, objects, plain_film, study_of


@pytest.mark.parametrize("kind", ["sr", "seg", "gsps", "capture"])
@pytest.mark.parametrize("keep", [False, True])
def test_the_second_run_writes_the_same_bytes(tmp_path: Path, kind: str, keep: bool) -> None:
    one, two = (
        save.save_dicom(
            objects(dicom_film(tmp_path), keep_identifiers=keep)[kind], tmp_path / f"{run}.dcm"
        ).read_bytes()
        for run in range(2)
    )
    assert one == two


def test_another_process_writes_the_same_bytes(tmp_path: Path) -> None:
    """No clock, no hash seed, no random UID: a fresh interpreter agrees."""
    code = (
        "import sys; from pathlib import Path; from tests.io.written import *\n"
        "for kind, ds in objects(plain_film()).items(): save.save_dicom(ds, Path(sys.argv[1]) / kind)"
    )
    for seed in ("1", "2"):
        subprocess.run(
            [sys.executable, "-c", code, str(tmp_path / seed)],
            env={**os.environ, "PYTHONHASHSEED": seed},
            cwd=Path(__file__).resolve().parents[2],
            check=True,
        )
    for kind in ("sr", "seg", "gsps", "capture"):
        assert (tmp_path / "1" / kind).read_bytes() == (tmp_path / "2" / kind).read_bytes(), kind


def test_other_content_gets_another_uid() -> None:
    study = study_of(plain_film())
    from hilum.io import header, sr

    headers = header.film_headers(study)
    one = sr.structured_report(study, headers)
    two = sr.structured_report(study.add(not_assessed=[("hernia", "no data")]), headers)
    assert one.SOPInstanceUID != two.SOPInstanceUID
    assert one.SeriesInstanceUID == two.SeriesInstanceUID


@pytest.mark.parametrize("kind", ["sr", "seg", "gsps", "capture"])
def test_files_are_part_10_and_read_back(tmp_path: Path, kind: str) -> None:
    made = objects(plain_film())[kind]
    path = save.save_dicom(made, tmp_path / "deep" / "er" / "x.dcm")
    back = pydicom.dcmread(path)
    assert back.file_meta.MediaStorageSOPInstanceUID == made.SOPInstanceUID == back.SOPInstanceUID
    assert path.read_bytes()[128:132] == b"DICM"
    for element in made:
        found = back[element.tag]
        assert found.value == element.value or str(found) == str(element), element


def test_text_and_bytes_replace_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    save.save_text("old", path)
    save.save_text("new · line\n", str(path))
    assert path.read_bytes() == "new · line\n".encode()
    assert os.listdir(tmp_path) == ["a.txt"]


def test_a_failed_rename_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save.save_text("old", tmp_path / "a.txt")

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(InputError, match="No space left on device"):
        save.save_text("new", path)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_a_file_where_a_folder_should_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="cannot write"):
        save.save_bytes(b"x", tmp_path / "file" / "a.dcm")
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match="cannot write"):
        save.save_bytes(b"x", tmp_path / "folder")
    assert sorted(os.listdir(tmp_path)) == ["file", "folder"]


def test_a_dataset_is_taken_as_it_is(tmp_path: Path) -> None:
    made = objects(plain_film())["sr"]
    assert save.load_dicom(made, "report") is made
    with pytest.raises(DecodeError, match="report"):
        save.load_dicom(tmp_path / "none.dcm", "report")


def test_fhir_text_is_the_same_twice(tmp_path: Path) -> None:
    one, two = (json.dumps(fhir.bundle(study_of(dicom_film(tmp_path)))) for _ in range(2))
    assert one == two


@given(st.lists(st.text(), min_size=1, max_size=4), st.lists(st.text(), min_size=1, max_size=4))
def test_made_uids_are_valid_stable_and_distinct(one: list[str], two: list[str]) -> None:
    uid = save.made_uid(*(part.encode("utf-8", "replace").decode() for part in one))
    assert pydicom.uid.UID(uid).is_valid
    assert uid.startswith("2.25.")
    if one != two and "\x1f" not in "".join(one + two):
        assert uid != save.made_uid(*(part.encode("utf-8", "replace").decode() for part in two))
