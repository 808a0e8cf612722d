"""Presentation state: the same geometry for other readers, the film's own window and no window of ours."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import highdicom
import numpy as np
import pydicom
import pytest
from PIL import Image as Pillow

from hilum.core.errors import InputError
from hilum.core.finding import Finding
from hilum.core.image import Lut
from hilum.core.region import Box, Mask, Points
from hilum.io import gsps, header, save
from tests.io.written import COLUMNS, READER, ROWS, dicom_film, judged, objects, plain_film, study_of


@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("source", ["dicom", "plain"])
def test_the_judge_finds_no_error(tmp_path: Path, keep: bool, source: str) -> None:
    film = dicom_film(tmp_path) if source == "dicom" else plain_film()
    assert judged(objects(film, keep_identifiers=keep)["gsps"], tmp_path) == []


def test_boxes_come_back_exactly(tmp_path: Path) -> None:
    film = dicom_film(tmp_path)
    path = save.save_dicom(objects(film)["gsps"], tmp_path / "gsps.dcm")
    uid = str(header.film_header(film, study_of(film)).SOPInstanceUID)
    expected = [replace(region, image=uid) for f in study_of(film).findings for region in f.regions]
    found = gsps.read_boxes(pydicom.dcmread(path))
    assert [box for box, _ in found] == expected
    assert [label for _, label in found] == ["pneumothorax 0.81", *["possible pleural effusion 0.50"] * 2]


def test_highdicom_accepts_the_graphics(tmp_path: Path) -> None:
    made = objects(dicom_film(tmp_path))["gsps"]
    for annotation in made.GraphicAnnotationSequence:
        for graphic in annotation.get("GraphicObjectSequence", []):
            points = np.array(graphic.GraphicData).reshape(-1, 2)
            assert graphic.NumberOfGraphicPoints == len(points) == 5
            assert (points[0] == points[-1]).all(), "closed"
            checked = highdicom.pr.GraphicObject(
                graphic_type=graphic.GraphicType, graphic_data=points, units=graphic.GraphicAnnotationUnits
            )
            assert np.array_equal(checked.graphic_data, points)
    layers = {item.GraphicLayer for item in made.GraphicLayerSequence}
    assert {item.GraphicLayer for item in made.GraphicAnnotationSequence} == layers


def test_the_window_is_the_films_own(tmp_path: Path) -> None:
    made = objects(dicom_film(tmp_path))["gsps"]
    (voi,) = made.SoftcopyVOILUTSequence
    assert (float(voi.WindowCenter), float(voi.WindowWidth)) == (2000, 3000)
    assert "WindowCenterWidthExplanation" not in voi
    assert (float(made.RescaleSlope), float(made.RescaleIntercept)) == (1, 0)
    assert made.PresentationLUTShape == "INVERSE", "MONOCHROME1"
    plain = objects(plain_film())["gsps"]
    assert "SoftcopyVOILUTSequence" not in plain
    assert plain.PresentationLUTShape == "IDENTITY"


def test_the_whole_film_is_shown_fitted(tmp_path: Path) -> None:
    for film, keyword in (
        (dicom_film(tmp_path), "PresentationPixelSpacing"),
        (plain_film(), "PresentationPixelAspectRatio"),
    ):
        (area,) = objects(film)["gsps"].DisplayedAreaSelectionSequence
        assert list(area.DisplayedAreaTopLeftHandCorner) == [1, 1]
        assert list(area.DisplayedAreaBottomRightHandCorner) == [COLUMNS, ROWS]
        assert area.PresentationSizeMode == "SCALE TO FIT"
        assert keyword in area


def test_it_refers_to_the_film_and_carries_the_caution(tmp_path: Path) -> None:
    film = dicom_film(tmp_path)
    made, own = objects(film)["gsps"], header.film_header(film, study_of(film))
    (series,) = made.ReferencedSeriesSequence
    assert series.SeriesInstanceUID == own.SeriesInstanceUID
    assert series.ReferencedImageSequence[0].ReferencedSOPInstanceUID == own.SOPInstanceUID
    told = [
        text.UnformattedTextValue
        for item in made.GraphicAnnotationSequence
        for text in item.TextObjectSequence
        if "BoundingBoxAnnotationUnits" in text
    ]
    assert told == [f"AI-made, research use only: {READER}"]


def test_only_regions_of_this_film_are_drawn() -> None:
    film = plain_film()
    mask = Mask(np.pad(np.ones((3, 4), bool), ((2, ROWS - 5), (1, COLUMNS - 5))), film.id)
    findings = [
        Finding("lung mass", regions=(Box(1, 2, 3, 4, "another film"),)),
        Finding("lung nodule", regions=(mask, Mask(np.zeros((ROWS, COLUMNS), bool), film.id))),
        Finding("fracture", regions=(Points(np.array([[1, 1], [5, 1], [3, 4]]), film.id),)),
        Finding("hernia", "absent"),
    ]
    made = gsps.presentation_state(film, findings, header.film_header(film, study_of(film)), made_by=READER)
    assert [(box.corners, label) for box, label in gsps.read_boxes(made)] == [
        ((1, 2, 5, 5), "lung nodule"),
        ((1, 1, 5, 4), "fracture"),
    ]


def test_graphics_in_other_units_are_refused() -> None:
    made = objects(plain_film())["gsps"]
    made.GraphicAnnotationSequence[0].GraphicObjectSequence[0].GraphicAnnotationUnits = "DISPLAY"
    with pytest.raises(InputError, match="PIXEL"):
        gsps.read_boxes(made)


def test_a_state_without_findings_is_valid(tmp_path: Path) -> None:
    film = plain_film()
    made = gsps.presentation_state(film, [], header.film_header(film, study_of(film)), made_by=READER)
    assert gsps.read_boxes(made) == []
    assert judged(made, tmp_path) == []


@pytest.mark.parametrize("stored", ["window", "table"])
def test_dcmtk_shows_the_film_as_we_do(tmp_path: Path, stored: str) -> None:
    """Through the state, another toolkit renders the film just as `Image.display` does: polarity, window, table."""
    if shutil.which("dcmp2pgm") is None:
        pytest.skip("dcmp2pgm (dcmtk) is not on this machine")
    film = dicom_film(tmp_path)
    if stored == "table":
        entries = np.linspace(0, 65535, 4096).astype("<u2")[::-1]
        table = pydicom.Dataset()
        table.LUTDescriptor = [4096, 0, 16]
        table.add_new("LUTData", "OW", entries.tobytes())
        film = dicom_film(tmp_path, VOILUTSequence=[table], WindowCenter=None, WindowWidth=None)
        film = film._changed(window=Lut(0, entries / np.float32(65535)))
    state = save.save_dicom(objects(film, keep_identifiers=True)["gsps"], tmp_path / "gsps.dcm")
    shown = tmp_path / "shown.pgm"
    subprocess.run(["dcmp2pgm", "-p", str(state), film.source, str(shown)], check=True, capture_output=True)
    rendered = np.asarray(Pillow.open(shown)).astype(float) / 255
    assert np.abs(rendered - film.display()).max() < 1.5 / 255
