"""Segmentation: pixels exact for us, pydicom and highdicom; a plane only where spacing is known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import highdicom
import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hilum.core.errors import DecodeError, InputError
from hilum.core.image import Image
from hilum.core.region import Mask
from hilum.core.study import Study
from hilum.io import header, save, seg
from tests.io.written import COLUMNS, READER, ROWS, dicom_film, judged, masks_of, objects, plain_film, study_of


@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("source", ["dicom", "plain"])
def test_the_judge_finds_no_error(tmp_path: Path, keep: bool, source: str) -> None:
    film = dicom_film(tmp_path) if source == "dicom" else plain_film()
    assert judged(objects(film, keep_identifiers=keep)["seg"], tmp_path) == []


def test_masks_come_back_exactly(tmp_path: Path) -> None:
    film = dicom_film(tmp_path)
    masks = masks_of(film)
    path = save.save_dicom(objects(film)["seg"], tmp_path / "lungs-seg.dcm")
    uid = header.film_header(film, study_of(film)).SOPInstanceUID
    assert seg.read_masks(path) == [replace(mask, image=str(uid)) for mask in masks]


def test_pydicom_and_highdicom_see_the_same_pixels(tmp_path: Path) -> None:
    film = dicom_film(tmp_path)
    masks = masks_of(film)
    path = save.save_dicom(objects(film)["seg"], tmp_path / "lungs-seg.dcm")
    plain = pydicom.dcmread(path).pixel_array
    assert plain.shape == (2, ROWS, COLUMNS)
    read = highdicom.seg.segread(str(path))
    source = [uids[2] for uids in read.get_source_image_uids()]
    ours = read.get_pixels_by_source_instance(source, combine_segments=False)[0]
    for number, mask in enumerate(masks):
        assert np.array_equal(plain[number].astype(bool), mask.pixels)
        assert np.array_equal(ours[..., number].astype(bool), mask.pixels)
        assert read.get_segment_description(number + 1).segment_label == mask.label
    assert source == [header.film_header(film, study_of(film)).SOPInstanceUID]


def test_the_plane_is_one_that_viewers_accept(tmp_path: Path) -> None:
    film = dicom_film(tmp_path)
    made = objects(film)["seg"]
    shared = made.SharedFunctionalGroupsSequence[0]
    measures = shared.PixelMeasuresSequence[0]
    assert [float(step) for step in measures.PixelSpacing] == [0.2, 0.25]
    assert float(measures.SliceThickness) == 1
    assert list(map(float, shared.PlaneOrientationSequence[0].ImageOrientationPatient)) == [1, 0, 0, 0, 1, 0]
    for frame in made.PerFrameFunctionalGroupsSequence:
        assert list(map(float, frame.PlanePositionSequence[0].ImagePositionPatient)) == [0, 0, 0]
    own = header.film_header(film, study_of(film))
    assert made.FrameOfReferenceUID != own.FrameOfReferenceUID, "the made-up plane must not claim the film's frame"


def test_no_spacing_means_no_millimetres(tmp_path: Path) -> None:
    made = objects(plain_film())["seg"]
    assert "FrameOfReferenceUID" not in made
    assert "PixelMeasuresSequence" not in made.SharedFunctionalGroupsSequence[0]
    path = save.save_dicom(made, tmp_path / "seg.dcm")
    assert [mask.pixels.sum() for mask in seg.read_masks(path)] == [mask.area for mask in masks_of(plain_film())]


def test_segments_are_coded_and_automatic() -> None:
    made = objects(plain_film())["seg"]
    for item in made.SegmentSequence:
        assert item.SegmentAlgorithmType == "AUTOMATIC"
        kind, category = item.SegmentedPropertyTypeCodeSequence[0], item.SegmentedPropertyCategoryCodeSequence[0]
        assert (kind.CodeValue, kind.CodingSchemeDesignator) == ("39607008", "SCT")
        assert category.CodeMeaning == "Anatomical Structure"
        algorithm = item.SegmentationAlgorithmIdentificationSequence[0]
        assert (algorithm.AlgorithmName, algorithm.AlgorithmVersion) == (READER.name, READER.version)
        assert READER.sha256 in algorithm.AlgorithmParameters
        assert algorithm.AlgorithmFamilyCodeSequence[0].CodeMeaning == "Artificial Intelligence"
    assert "AI-made" in made.ContentDescription


def test_a_label_without_a_code_is_still_written(tmp_path: Path) -> None:
    film = plain_film()
    mask = replace(masks_of(film)[0], label="shadow of a button")
    made = seg.segmentation(film, [mask], header.film_header(film, study_of(film)), made_by=READER)
    assert made.SegmentSequence[0].SegmentedPropertyTypeCodeSequence[0].CodingSchemeDesignator == "99HILUM"
    assert seg.read_masks(made)[0].label == "shadow of a button"
    assert judged(made, tmp_path) == []


def test_wrong_sizes_and_no_masks_are_refused() -> None:
    film = plain_film()
    own = header.film_header(film, study_of(film))
    with pytest.raises(InputError, match="no mask"):
        seg.segmentation(film, [], own, made_by=READER)
    with pytest.raises(InputError, match=r"small.*\(4, 5\).*\(96, 128\)"):
        seg.segmentation(film, [Mask(np.ones((4, 5), bool), label="small")], own, made_by=READER)


def test_reading_something_else_is_an_error_for_people(tmp_path: Path) -> None:
    with pytest.raises(DecodeError, match="not a binary segmentation"):
        seg.read_masks(dicom_film(tmp_path).source)
    with pytest.raises(DecodeError, match=r"gone\.dcm"):
        seg.read_masks(tmp_path / "gone.dcm")


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 13), st.integers(1, 11), st.integers(1, 3), st.data())
def test_any_mask_of_any_size_survives(rows: int, columns: int, count: int, data: st.DataObject) -> None:
    """Sizes that are no multiple of eight make frames share a byte; overlaps and empty masks are kept."""
    planes = data.draw(arrays(bool, (count, rows, columns)))
    film = Image(np.zeros((rows, columns)), id="1.2.3", spacing_mm=(0.1, 0.1), spacing_plane="patient")
    own = header.film_header(film, Study("s"))
    made = seg.segmentation(film, [Mask(plane, film.id, "lungs") for plane in planes], own, made_by=READER)
    assert len(made.PixelData) % 2 == 0
    assert np.array_equal(np.stack([mask.pixels for mask in seg.read_masks(made)]), planes)
