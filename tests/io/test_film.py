"""Films as the DICOM files that lie beside what is written about them."""

from __future__ import annotations

from importlib.resources import files
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.uid import ExplicitVRBigEndian, ImplicitVRLittleEndian

from hilum.core.errors import DecodeError
from hilum.core.image import Image, Lut, Window
from hilum.core.study import Study
from hilum.io.dicom import read_image
from hilum.io.film import film_file, stored_as
from hilum.io.header import film_headers

EXAMPLE = Path(str(files("hilum").joinpath("app/static/example-film.dcm")))


def picture(values: Any, **facts: Any) -> Image:
    told = {"view": "PA", "id": "2.25.5", "orientation": ("L", "F"), **facts}
    return Image(np.asarray(values, np.float32), **told)  # type: ignore[arg-type]


def written(image: Image, tmp_path: Path, **options: Any) -> tuple[pydicom.Dataset, Image]:
    """A film as its file says it and as Hilum reads it back."""
    path = tmp_path / "film.dcm"
    path.write_bytes(film_file(image, Study("s", "p", images=(image,)), **options))
    return pydicom.dcmread(path), read_image(path)


RAMP = np.arange(40 * 30, dtype=np.float32).reshape(40, 30)


@pytest.mark.parametrize(
    "image",
    [
        picture(RAMP),
        picture(RAMP, window=Window(500, 300)),
        picture(RAMP, window=Window(500, 300), inverted=True),
        picture(RAMP, inverted=True),
        picture(RAMP / RAMP.max()),
        picture(RAMP / RAMP.max(), inverted=True),
        picture(RAMP - 600, window=Window(-100, 400)),
        picture(RAMP / 7, window=Window(60, 90, "SIGMOID")),
        picture(RAMP, window=Lut(0, np.linspace(0, 1, 1200, dtype=np.float32) ** 2)),
        picture(np.full((8, 8), 7.0)),
        picture(RAMP, window=Window(500, 300, "LINEAR_EXACT")),
    ],
)
def test_what_a_picture_shows_its_file_shows(image: Image, tmp_path: Path) -> None:
    _, back = written(image, tmp_path)
    assert np.abs(back.display() - image.display()).max() < 2e-4
    assert (back.view, back.orientation, back.inverted) == ("PA", ("L", "F"), image.inverted)


def test_whole_values_are_kept_as_they_are(tmp_path: Path) -> None:
    ds, _ = written(picture(RAMP), tmp_path)
    assert np.array_equal(ds.pixel_array, RAMP)
    stored, window = stored_as(picture(RAMP))
    assert (window.center, window.width) == (float(ds.WindowCenter), float(ds.WindowWidth))
    assert stored.dtype == np.uint16


@pytest.mark.parametrize("plane", ["detector", "patient"])
def test_spacing_goes_into_the_attribute_of_its_plane(plane: str, tmp_path: Path) -> None:
    _, back = written(picture(RAMP, spacing_mm=(0.2, 0.3), spacing_plane=plane), tmp_path)
    assert (back.spacing_mm, back.spacing_plane) == ((0.2, 0.3), plane)
    ds, bare = written(picture(RAMP), tmp_path, magnification=1.12)
    assert bare.spacing_mm is None
    assert float(ds.EstimatedRadiographicMagnificationFactor) == 1.12


def test_a_computed_film_says_so_and_a_picture_does_not_claim_it(tmp_path: Path) -> None:
    ds, back = written(picture(RAMP, synthetic=True), tmp_path)
    assert back.synthetic
    assert "SYNTHETIC" in ds.ImageComments
    assert "SyntheticData" not in ds
    ds, back = written(picture(RAMP), tmp_path)
    assert not back.synthetic
    assert "ImageComments" not in ds


@pytest.mark.parametrize("keep", [False, True])
def test_a_files_uids_are_those_that_other_objects_refer_to(keep: bool, tmp_path: Path) -> None:
    for image in (picture(RAMP), read_image(EXAMPLE)):
        study = Study("s", "p", images=(image,))
        header = film_headers(study, keep_identifiers=keep)[image.id]
        ds = pydicom.dcmread(BytesIO(film_file(image, study, keep_identifiers=keep)))
        for keyword in ("SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID", "SOPClassUID", "PatientID"):
            assert ds.get(keyword) == header.get(keyword), keyword
        assert ds.file_meta.MediaStorageSOPInstanceUID == ds.SOPInstanceUID


def test_a_dicom_film_keeps_its_pixel_data_and_what_shows_them(tmp_path: Path) -> None:
    source = pydicom.dcmread(EXAMPLE)
    ds, back = written(read_image(EXAMPLE), tmp_path)
    assert ds.PixelData == source.PixelData
    assert ds.file_meta.TransferSyntaxUID == source.file_meta.TransferSyntaxUID
    assert back.synthetic
    one, other = back, read_image(EXAMPLE)
    assert np.array_equal(one.display(), other.display())
    assert (one.view, one.orientation, one.spacing_mm, one.window) == (
        other.view, other.orientation, other.spacing_mm, other.window
    )  # fmt: skip


def test_the_same_film_gives_the_same_bytes() -> None:
    for image in (picture(RAMP), read_image(EXAMPLE)):
        study = Study("s", "p", images=(image,))
        assert film_file(image, study) == film_file(image.fresh(), study)


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian])
def test_other_encodings_of_a_header_are_read_and_kept(syntax: str, tmp_path: Path) -> None:
    from pydicom import dcmread

    ds = dcmread(EXAMPLE)
    ds.decompress()
    if syntax == ExplicitVRBigEndian:
        ds.PixelData = ds.pixel_array.astype(">u2").tobytes()
    ds.file_meta.TransferSyntaxUID = syntax
    implicit, little = syntax == ImplicitVRLittleEndian, syntax == ImplicitVRLittleEndian
    pydicom.dcmwrite(tmp_path / "in.dcm", ds, implicit_vr=implicit, little_endian=little, enforce_file_format=True)
    _, back = written(read_image(tmp_path / "in.dcm"), tmp_path)
    assert np.array_equal(back.pixels, read_image(EXAMPLE).pixels)


def test_a_file_without_its_meta_group_gets_one(tmp_path: Path) -> None:
    ds = pydicom.dcmread(EXAMPLE)
    ds.decompress()
    bare = pydicom.Dataset()
    bare.update(ds)
    pydicom.dcmwrite(tmp_path / "bare.dcm", bare, implicit_vr=True, little_endian=True)
    made, back = written(read_image(tmp_path / "bare.dcm"), tmp_path)
    assert made.file_meta.TransferSyntaxUID == ImplicitVRLittleEndian
    assert np.array_equal(back.pixels, read_image(EXAMPLE).pixels)


def test_a_header_that_no_writer_accepts_is_left_behind_and_its_pixels_are_not(tmp_path: Path) -> None:
    """A numeric string that holds words: readers that do not look at it never notice, writers refuse."""
    data = bytearray(EXAMPLE.read_bytes())
    at = data.find(b"\x20\x00\x13\x00IS")  # Instance Number
    assert at > 0
    length = int.from_bytes(data[at + 6 : at + 8], "little")
    data[at + 8 : at + 8 + length] = b"x" * length
    (tmp_path / "odd.dcm").write_bytes(bytes(data))
    _, back = written(read_image(tmp_path / "odd.dcm"), tmp_path)
    assert np.abs(back.display() - read_image(EXAMPLE).display()).max() < 2e-4


def test_a_film_that_is_gone_is_said_to_be(tmp_path: Path) -> None:
    path = tmp_path / "film.dcm"
    path.write_bytes(EXAMPLE.read_bytes())
    image = read_image(path, lazy=True)
    path.unlink()
    with pytest.raises(DecodeError, match="is gone"):
        film_file(image, Study("s", images=(image,)))
