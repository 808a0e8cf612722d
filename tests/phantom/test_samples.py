"""A drawn study as files, and back: films, masks, report, record; NIfTI as nibabel reads it; the same bytes twice."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import datetime

import numpy as np
import pytest
from PIL import Image as Picture

from hilum.core.finding import Finding
from hilum.core.image import Image, Window
from hilum.core.record import from_json
from hilum.core.region import Box, Mask
from hilum.core.report import Report
from hilum.core.study import Study
from hilum.phantom.samples import Drawn, files_of, grey, nifti, report_text, stored


def made_study(patient: str = "virtual-0-000003", visit: int = 1) -> Drawn:
    rng = np.random.default_rng(visit)
    name = f"{patient}-{visit}"
    film = Image(
        rng.random((24, 18), np.float32), view="PA", id=f"{name}.pa", spacing_mm=(2.0, 2.0), spacing_plane="detector",
        orientation=("L", "F"), synthetic=True, window=Window(0.5, 1.0, "LINEAR_EXACT"),
    )  # fmt: skip
    spot = np.zeros((24, 18), np.bool_)
    spot[4:9, 5:11] = True
    mask = Mask(spot, image=film.id, label="effusion-1")
    finding = Finding("pleural effusion", regions=(Box(5, 4, 11, 9, image=film.id), mask), id="effusion-1")
    report = Report(findings="Left pleural effusion.", impression="Effusion.")
    study = Study(name, patient, datetime(2030, 1, visit), (stored(film),), report, (finding,))
    return Drawn(
        study, {"pa": (Mask(~spot, image=film.id, label="lungs"),)}, {"row": {"id": name}, "films": {"pa": {}}}
    )


def test_the_record_comes_back_equal_and_the_film_to_a_grey_level() -> None:
    drawn = made_study()
    files = files_of(drawn)
    record = json.loads(files["json"])
    study = from_json(record["study"])
    assert study.findings == drawn.study.findings
    assert (study.report, study.time, study.patient) == (drawn.study.report, drawn.study.time, drawn.study.patient)
    assert from_json(record["anatomy"]["pa"][0]) == drawn.anatomy["pa"][0]
    with Picture.open(io.BytesIO(files["pa.png"])) as picture:
        shown = np.asarray(picture, np.float32) / 255.0
        assert "Synthetic" in picture.info["Description"]
    assert np.abs(shown - drawn.study.films[0].display()).max() <= 0.5 / 255 + 1e-6


def test_sixteen_bits_keep_more() -> None:
    drawn = made_study()
    with Picture.open(io.BytesIO(files_of(drawn, bits=16)["pa.png"])) as picture:
        shown = np.asarray(picture, np.float64) / 65535.0
    assert np.abs(shown - drawn.study.films[0].display()).max() <= 0.5 / 65535 + 1e-6


def test_the_same_study_gives_the_same_bytes() -> None:
    assert files_of(made_study()) == files_of(made_study())
    assert files_of(made_study())["pa.png"] != files_of(made_study(visit=2))["pa.png"]


def test_a_film_of_other_polarity_is_stored_as_it_is_shown() -> None:
    film = made_study().study.films[0]
    turned = replace(film, pixels=1.0 - film.pixels, inverted=True)
    assert np.array_equal(grey(turned, 16), grey(film, 16))
    kept = stored(turned)
    assert not kept.inverted
    assert np.allclose(kept.display(), turned.display(), atol=1e-6)


def test_a_report_is_told_under_its_headings_and_only_those() -> None:
    told = report_text(Report(findings="Clear.", impression="None."))
    assert told == "FINDINGS:\nClear.\n\nIMPRESSION:\nNone.\n"


def test_extra_films_volumes_documents_and_arrays_have_files_of_their_own() -> None:
    pytest.importorskip("nibabel")
    drawn = made_study()
    affine = np.diag([2.0, 2.0, 2.0, 1.0])
    more = replace(
        drawn, films={"pa.bone": drawn.study.films[0]}, documents={"scene": {"objects": []}},
        volumes={"ct": (np.zeros((3, 4, 5), np.float32), affine)}, files={"pa.shot.npz": b"npz"},
    )  # fmt: skip
    files = files_of(more)
    assert set(files) == {"json", "txt", "pa.png", "pa.bone.png", "scene.json", "ct.nii.gz", "pa.shot.npz"}
    assert files_of(more) == files


def test_a_volume_is_where_it_was_for_nibabel_in_its_own_axes() -> None:
    nibabel = pytest.importorskip("nibabel")
    values = np.arange(60, dtype=np.float32).reshape(3, 4, 5)
    affine = np.array([[2.0, 0, 0, 10], [0, 3.0, 0, -5], [0, 0, 4.0, 7], [0, 0, 0, 1]])
    image = nibabel.Nifti1Image.from_bytes(__import__("gzip").decompress(nifti(values, affine)))
    assert np.array_equal(np.asarray(image.dataobj), values)
    lps = affine @ [1, 2, 3, 1]
    assert np.allclose(image.affine @ [1, 2, 3, 1], [-lps[0], -lps[1], lps[2], 1])  # NIfTI is RAS


def test_channels_of_findings_become_the_last_axis() -> None:
    nibabel = pytest.importorskip("nibabel")
    masks = np.zeros((2, 3, 4, 5), np.bool_)
    masks[1, 0, 1, 2] = True
    image = nibabel.Nifti1Image.from_bytes(__import__("gzip").decompress(nifti(masks, np.eye(4))))
    assert image.shape == (3, 4, 5, 2)
    assert np.argwhere(np.asarray(image.dataobj)).tolist() == [[0, 1, 2, 1]]
