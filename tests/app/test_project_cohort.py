"""A projected folder is a cohort: films, findings, reports, masks and splits that keep patients whole."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from hilum.core.errors import InputError, MissingError
from hilum.core.registry import get
from hilum.data.drr_cohort import masks_of
from tests.app.conftest import Ran
from tests.app.test_project_case import named
from tests.data.made_ct import NAMES, chest, nifti
from tests.data.test_ct_collections import ct_rate

pytest.importorskip("nibabel", reason="nibabel (extra 'volume') is not installed")
pytest.importorskip("numba", reason="numba (extra 'drr') is not installed")

SMALL = ("--size", "48", "--physics", "raw", "--formats", "masks")


def test_ct_rate_becomes_a_cohort_with_its_reports_labels_and_split(tmp_path: Path, hilum: Callable[..., Ran]) -> None:
    source = f"ct-rate:{ct_rate(tmp_path / 'data')}"
    assert hilum("project", "--from", source, *SMALL, "-o", tmp_path / "cohort").code == 0
    cohort = get("dataset", "drr")(tmp_path / "cohort")
    assert (cohort.licence, cohort.label_set) == ("CC BY-NC-SA 4.0", "ct-rate-18")
    assert "Hamamci" in cohort.citation
    studies = {study.id: study for study in cohort}
    assert set(studies) == {"train_1_a_1", "valid_9_a_1"}
    assert [study.id for study in cohort.split("valid")] == ["valid_9_a_1"]
    assert {cohort.split_of(study.patient) for study in cohort} == {"train", "valid"}
    study = studies["train_1_a_1"]
    assert {finding.concept for finding in study.findings} == {"cardiomegaly", "pleural effusion"}
    assert study.report is not None
    assert study.report.impression == "Cardiomegaly"
    (film,) = study.films
    assert film.synthetic
    assert not film.loaded
    assert (film.view, film.spacing_plane) == ("PA", "detector")
    assert 2 < film.pixels.max() < 8
    # Both releases of the collection give the same film, though one holds raw values.
    np.testing.assert_allclose(film.pixels, studies["valid_9_a_1"].films[0].pixels, atol=1e-3)


def test_masks_come_with_the_films_of_the_cohort(tmp_path: Path, hilum: Callable[..., Ran]) -> None:
    hu, ids = chest()
    for number in (1, 2, 3):
        place = tmp_path / "ts" / f"s{number:04d}"
        nifti(place / "ct.nii.gz", hu)
        for i, name in NAMES.items():
            nifti(place / "segmentations" / f"{name}.nii.gz", (ids == i).astype(np.uint8))
    ran = hilum(
        "project", "--from", f"totalsegmentator:{tmp_path / 'ts'}", "--limit", "2", "--labels", "heart,lungs", *SMALL,
        "-o", tmp_path / "out",
    )  # fmt: skip
    assert ran.code == 0
    studies = list(get("dataset", "drr")(tmp_path / "out"))
    assert [study.id for study in studies] == ["s0001", "s0002"]
    masks = masks_of(studies[0].films[0])
    assert [mask.label for mask in masks] == ["heart", "lungs"]
    assert masks[1].area > masks[0].area > 20
    assert all(mask.image == studies[0].films[0].id for mask in masks)


def test_patients_without_an_official_split_are_drawn_by_their_name_and_stay_whole(
    tmp_path: Path, hilum: Callable[..., Ran]
) -> None:
    hu, _ = chest()
    for name in ("a", "b"):
        nifti(tmp_path / "cts" / f"{name}.nii.gz", hu)
    assert hilum("project", tmp_path / "cts", *SMALL, "-o", tmp_path / "out").code == 0
    cohort = get("dataset", "drr")(tmp_path / "out")
    assert dict(cohort.splits) == {"train": 0.8, "val": 0.1, "test": 0.1}
    assert sum(len(list(cohort.split(name))) for name in cohort.splits) == 2


def test_failed_cts_and_a_torn_last_line_are_left_out(tmp_path: Path, hilum: Callable[..., Ran]) -> None:
    nifti(tmp_path / "cts" / "good.nii.gz", chest()[0])
    nifti(tmp_path / "cts" / "bad.nii.gz", chest()[0] * 0)
    assert hilum("project", tmp_path / "cts", *SMALL, "-o", tmp_path / "out").code == 1
    with (tmp_path / "out" / "studies.jsonl").open("a") as log:
        log.write('{"id": "tor')
    assert [study.id for study in get("dataset", "drr")(tmp_path / "out")] == ["good"]


def test_what_is_no_projected_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="hilum project"):
        get("dataset", "drr")(tmp_path)
    (tmp_path / "cohort.json").write_text("{")
    with pytest.raises(InputError, match="damaged"):
        get("dataset", "drr")(tmp_path)


def test_the_names_in_the_made_masks_are_totalsegmentators() -> None:
    from hilum.data.ct_structures import totalsegmentator_names

    known = set(totalsegmentator_names().values())
    assert set(NAMES.values()) <= known
    assert sorted(set(np.unique(named(chest()[1])))) == [0, 10, 12, 37, 51]
    assert json.loads(json.dumps(NAMES))
