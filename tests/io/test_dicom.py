"""Films out of DICOM: pixels against pydicom's own pipeline, PS3.3 rules by hand values, refusals by sentence."""

from __future__ import annotations

import io
import shutil
import struct
import subprocess
from datetime import datetime
from pathlib import Path

import numpy as np
import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pictures
from pydicom import uid as uids
from pydicom.dataset import Dataset
from pydicom.pixels import apply_modality_lut, apply_voi_lut
from pydicom.sequence import Sequence
from pydicom.sr.codedict import codes

from hilum.core.errors import DecodeError, HilumError, InputError, MissingError, RefusedError, TooLargeError
from hilum.core.image import Lut, Window
from hilum.io import codestream, dicom, grey, tags
from hilum.io.limits import Limits
from tests.io.made import compressed, deflate_bomb, film, ramp, write, write_frame

LOSSLESS = [uids.RLELossless, uids.JPEGLSLossless, uids.JPEG2000Lossless]
PLAIN = [
    uids.ImplicitVRLittleEndian,
    uids.ExplicitVRLittleEndian,
    uids.ExplicitVRBigEndian,
    uids.DeflatedExplicitVRLittleEndian,
]


def lut(first: int, entries: list[int], bits: int = 16) -> Dataset:
    item = Dataset()
    item.LUTDescriptor = [len(entries), first, bits]
    item["LUTDescriptor"].VR = "US" if first >= 0 else "SS"
    item.LUTData = np.array(entries, "<u2").tobytes()
    item["LUTData"].VR = "OW"
    item.ModalityLUTType = "US"
    return item


# --- pixels and transfer syntaxes -------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["u1", "u2", "i2", "i1"])
@pytest.mark.parametrize("syntax", PLAIN)
def test_uncompressed_pixels_are_those_written(tmp_path: Path, syntax: str, dtype: str) -> None:
    pixels = (ramp(bits=8).astype("i4") - (100 if dtype[0] == "i" else 0)).clip(-128, 127 if dtype == "i1" else 255)
    pixels = pixels.astype(dtype)
    image = dicom.read_image(write(film(pixels), tmp_path / "a", syntax))
    np.testing.assert_array_equal(image.pixels, pixels)


@pytest.mark.parametrize("bits", [8, 10, 12, 16])
@pytest.mark.parametrize("syntax", LOSSLESS)
def test_lossless_compression_gives_the_pixels_back(tmp_path: Path, syntax: str, bits: int) -> None:
    pixels = ramp(33, 47, bits)
    ds = film(pixels, BitsStored=bits, HighBit=bits - 1)
    image = dicom.read_image(compressed(ds, tmp_path / "a.dcm", syntax))
    np.testing.assert_array_equal(image.pixels, pixels)


@pytest.mark.parametrize("syntax", [uids.RLELossless, uids.JPEG2000Lossless])
def test_signed_pixels_keep_their_sign_through_compression(tmp_path: Path, syntax: str) -> None:
    pixels = ramp(64, 80).astype(np.int16) - 2000
    ds = film(pixels, BitsStored=12, HighBit=11)
    image = dicom.read_image(compressed(ds, tmp_path / "a.dcm", syntax))
    np.testing.assert_array_equal(image.pixels, pixels)


@pytest.mark.parametrize("option", ["+e1", "+el"])
@pytest.mark.skipif(
    shutil.which("dcmcjpeg") is None, reason="dcmtk's dcmcjpeg, the independent encoder, is not installed"
)
def test_jpeg_lossless_of_dcmtk_gives_the_pixels_back(tmp_path: Path, option: str) -> None:
    pixels = ramp(33, 47)
    source, packed = write(film(pixels), tmp_path / "a.dcm"), tmp_path / "b.dcm"
    subprocess.run(["dcmcjpeg", option, str(source), str(packed)], check=True)
    np.testing.assert_array_equal(dicom.read_image(packed).pixels, pixels)


@pytest.mark.parametrize("syntax", [uids.JPEGBaseline8Bit, uids.JPEGExtended12Bit])
def test_8_bit_jpeg_is_read_as_pillow_reads_it(tmp_path: Path, syntax: str) -> None:
    stream = io.BytesIO()
    Pictures.fromarray(ramp(40, 56, 8)).save(stream, "JPEG", quality=90)
    path = write_frame(film(ramp(40, 56, 8)), stream.getvalue(), tmp_path / "a.dcm", syntax)
    expected = np.asarray(Pictures.open(io.BytesIO(stream.getvalue())))
    np.testing.assert_array_equal(dicom.read_image(path).pixels, expected)


def test_several_fragments_are_one_frame(tmp_path: Path) -> None:
    stream = io.BytesIO()
    Pictures.fromarray(ramp(40, 56, 8)).save(stream, "JPEG", quality=90)
    ds = film(ramp(40, 56, 8))
    ds.PixelData = pydicom.encaps.encapsulate([stream.getvalue()], fragments_per_frame=4)
    ds["PixelData"].VR, ds["PixelData"].is_undefined_length = "OB", True
    path = write(ds, tmp_path / "a.dcm", uids.JPEGBaseline8Bit)
    assert np.abs(dicom.read_image(path).pixels - ramp(40, 56, 8)).mean() < 4


@pytest.mark.skipif(
    shutil.which("dcmcjpeg") is None, reason="dcmtk's dcmcjpeg, the independent encoder, is not installed"
)
def test_12_bit_jpeg_is_read_or_names_the_package_that_reads_it(tmp_path: Path) -> None:
    source, packed = write(film(ramp(33, 47)), tmp_path / "a.dcm"), tmp_path / "b.dcm"
    subprocess.run(["dcmcjpeg", "+ee", "+bt", str(source), str(packed)], check=True)
    try:
        import imagecodecs  # noqa: F401
    except ImportError:
        with pytest.raises(MissingError, match="imagecodecs"):
            dicom.read_image(packed)
    else:
        assert np.abs(dicom.read_image(packed).pixels - ramp(33, 47)).mean() < 30


@pytest.mark.parametrize(
    "name", ["CR-MONO1-10-chest.dcm", "ood_RG3_leg_J2KI.dcm", "ood_CR-ModalitySequenceLUT_dental.dcm"]
)
def test_real_films_display_as_pydicoms_pipeline_shows_them(pack: Path, name: str) -> None:
    ds = pydicom.dcmread(pack / "dicom" / name, force=True)
    if "TransferSyntaxUID" not in ds.file_meta:
        ds.file_meta.TransferSyntaxUID = uids.ImplicitVRLittleEndian
    values = apply_modality_lut(ds.pixel_array, ds)
    image = dicom.read_image(pack / "dicom" / name)
    np.testing.assert_array_equal(image.pixels, values)
    shown = apply_voi_lut(values, ds).astype(float)
    low, high = (0, 2**ds.BitsStored - 1) if "WindowWidth" in ds else (shown.min(), shown.max())
    expected = (shown - low) / (high - low)
    assert ds.PhotometricInterpretation == "MONOCHROME1"
    np.testing.assert_allclose(image.display(), 1 - expected, atol=1e-5)


def test_a_film_whose_polarity_tag_alone_was_turned_is_shown_as_its_negative(pack: Path) -> None:
    """The pack's 'Fake_MONOCHROME1' has the bytes of the original: the standard then shows the negative."""
    film_, fake = (
        dicom.read_image(pack / "dicom" / name)
        for name in ("1.2.276.0.7230010.3.1.4.8323329.6904.1517875201.850819.dcm", "Fake_MONOCHROME1.dcm")
    )
    assert not film_.inverted
    assert fake.inverted
    np.testing.assert_allclose(fake.display(), 1 - film_.display(), atol=1e-6)


def test_a_true_monochrome1_pair_is_shown_the_same(pack: Path, tmp_path: Path) -> None:
    name = "1.2.276.0.7230010.3.1.4.8323329.6904.1517875201.850819.dcm"
    ds = pydicom.dcmread(pack / "dicom" / name)
    small = np.ascontiguousarray(ds.pixel_array[::4, ::4])
    two = dicom.read_image(write(film(small), tmp_path / "2.dcm"))
    one = dicom.read_image(write(film(255 - small, PhotometricInterpretation="MONOCHROME1"), tmp_path / "1.dcm"))
    assert one.inverted
    assert not two.inverted
    np.testing.assert_allclose(one.display(), two.display(), atol=1e-6)


def test_colour_becomes_bt601_luminance(tmp_path: Path) -> None:
    colour = np.random.default_rng(3).integers(0, 256, (5, 6, 3), np.uint8)
    for planar in (0, 1):
        ds = film(colour, PlanarConfiguration=planar)
        ds.PixelData = (np.moveaxis(colour, 2, 0) if planar else colour).tobytes()
        image = dicom.read_image(write(ds, tmp_path / f"{planar}.dcm"))
        np.testing.assert_allclose(image.pixels, colour @ [0.299, 0.587, 0.114], atol=1e-3)
        np.testing.assert_allclose(image.display(), image.pixels / 255, atol=1e-6)


def test_ybr_luminance_is_its_first_component(tmp_path: Path) -> None:
    colour = np.random.default_rng(3).integers(0, 256, (5, 6, 3), np.uint8)
    image = dicom.read_image(write(film(colour, PhotometricInterpretation="YBR_FULL"), tmp_path / "a.dcm"))
    np.testing.assert_array_equal(image.pixels, colour[..., 0])


def test_bits_beyond_those_stored_are_not_pixels(tmp_path: Path) -> None:
    """Retired overlays live in the unused high bits; they must not brighten the film."""
    pixels = ramp()
    dirty = pixels | 0xF000
    np.testing.assert_array_equal(dicom.read_image(write(film(dirty), tmp_path / "a.dcm")).pixels, pixels)
    shifted = film(pixels << 4, BitsStored=12, HighBit=15)
    np.testing.assert_array_equal(dicom.read_image(write(shifted, tmp_path / "b.dcm")).pixels, pixels)


# --- the grey-scale pipeline ------------------------------------------------------------------------------------


@given(slope=st.floats(0.01, 50), intercept=st.floats(-5000, 5000), bits=st.integers(8, 16))
def test_rescale_agrees_with_pydicom(slope: float, intercept: float, bits: int) -> None:
    ds = film(RescaleSlope=f"{slope:.6g}", RescaleIntercept=f"{intercept:.6g}")
    stored = ramp(6, 7, bits)
    np.testing.assert_allclose(grey.modality_values(ds, stored), apply_modality_lut(stored, ds), rtol=1e-5, atol=1e-2)


def test_modality_lut_goes_before_rescale_and_clips(tmp_path: Path) -> None:
    pixels = np.array([[0, 9, 10, 11, 12, 200]], np.uint16)
    ds = film(pixels, ModalityLUTSequence=Sequence([lut(10, [500, 40, 3000])]), RescaleSlope=7, RescaleIntercept=1)
    image = dicom.read_image(write(ds, tmp_path / "a.dcm"))
    np.testing.assert_array_equal(image.pixels, [[500, 500, 500, 40, 3000, 3000]])


def test_rescale_of_zero_is_not_a_rescale(tmp_path: Path) -> None:
    image = dicom.read_image(write(film(RescaleSlope=0, RescaleIntercept=5), tmp_path / "a.dcm"))
    np.testing.assert_array_equal(image.pixels, ramp() + 5.0)


@pytest.mark.parametrize(
    ("function", "values", "expected"),
    [  # PS3.3 C.11.2.1.2.1, its example: c = 2048, w = 4096, ((x - 2047.5) / 4095 + 0.5) between black and white
        ("LINEAR", [0, 2047, 4095], [0.0, (2047 - 2047.5) / 4095 + 0.5, 1.0]),
        ("LINEAR_EXACT", [0, 2048, 4095], [0.0, 0.5, (4095 - 2048) / 4096 + 0.5]),
        ("SIGMOID", [0, 2048, 4095], [1 / (1 + np.exp(2)), 0.5, 1 / (1 + np.exp(-4 * 2047 / 4096))]),
    ],
)
def test_windows_follow_the_standards_formulas(
    tmp_path: Path, function: str, values: list[int], expected: list[float]
) -> None:
    ds = film(np.array([values], np.uint16), WindowCenter=2048, WindowWidth=4096, VOILUTFunction=function)
    np.testing.assert_allclose(dicom.read_image(write(ds, tmp_path / "a.dcm")).display()[0], expected, atol=1e-6)


def test_the_first_of_several_windows_is_used_and_polarity_comes_last(tmp_path: Path) -> None:
    ds = film(WindowCenter=[600, 40], WindowWidth=[1200, 400], PhotometricInterpretation="MONOCHROME1")
    image = dicom.read_image(write(ds, tmp_path / "a.dcm"))
    assert image.window == Window(600, 1200)
    np.testing.assert_allclose(image.display(), 1 - Window(600, 1200).apply(ramp().astype(np.float32)), atol=1e-6)


@pytest.mark.parametrize(("center", "width"), [(100, 0), (100, -5), ("", 400), (100, 0.5)])
def test_a_window_that_cannot_be_applied_is_ignored_and_noted(tmp_path: Path, center: object, width: object) -> None:
    path = write(film(WindowCenter=center, WindowWidth=width), tmp_path / "a.dcm")
    image = dicom.read_image(path)
    assert image.window is None
    assert (image.display().min(), image.display().max()) == (0, 1)
    assert any("ignored" in note for note in dicom.read_header(path).notes)


@pytest.mark.parametrize("bits", [8, 12, 16])
def test_voi_luts_agree_with_pydicom_and_go_before_windows(tmp_path: Path, bits: int) -> None:
    entries = [
        round(i**1.5) % (1 << bits) for i in range(300 if bits > 8 else 120)
    ]  # pydicom overflows past 255 entries of 8 bits
    ds = film(
        ramp(12, 14, min(bits, 10)),
        VOILUTSequence=Sequence([lut(100, entries, bits)]),
        WindowCenter=40,
        WindowWidth=400,
    )
    path = write(ds, tmp_path / "a.dcm")
    image = dicom.read_image(path)
    assert isinstance(image.window, Lut)
    expected = apply_voi_lut(ramp(12, 14, min(bits, 10)), pydicom.dcmread(path))
    np.testing.assert_allclose(image.display(), expected / (2**bits - 1), atol=1e-6)


def test_a_voi_lut_may_start_below_zero(tmp_path: Path) -> None:
    ds = film(np.array([[0, 1000]], np.uint16), RescaleSlope=1, RescaleIntercept=-1000)
    ds.VOILUTSequence = Sequence([lut(-1000, [0, *range(1, 1001)])])
    np.testing.assert_allclose(
        dicom.read_image(write(ds, tmp_path / "a.dcm")).display(), [[0, 1000 / 65535]], atol=1e-6
    )


def test_a_damaged_voi_lut_falls_back_to_the_window(tmp_path: Path) -> None:
    item = lut(0, [1, 2, 3])
    item.LUTDescriptor = [300, 0, 16]
    path = write(film(VOILUTSequence=Sequence([item]), WindowCenter=40, WindowWidth=400), tmp_path / "a.dcm")
    assert dicom.read_image(path).window == Window(40, 400)
    assert "VOI LUT was ignored" in dicom.read_header(path).notes[0]


@pytest.mark.parametrize(("photometric", "padding", "edge"), [("MONOCHROME2", 0, 500), ("MONOCHROME1", 4095, 1500)])
def test_padding_does_not_widen_the_default_window(tmp_path: Path, photometric: str, padding: int, edge: int) -> None:
    pixels = np.array([[padding, 500, 1000, 1500]], np.uint16)
    ds = film(pixels, PixelPaddingValue=padding, PhotometricInterpretation=photometric)
    ds["PixelPaddingValue"].VR = "US"
    image = dicom.read_image(write(ds, tmp_path / "a.dcm"))
    shown = [0, 0, 0.5, 1] if photometric == "MONOCHROME2" else [0, 1, 0.5, 0]
    assert image.pixels[0, 0] == edge
    np.testing.assert_allclose(image.display()[0], shown, atol=1e-6)


def test_a_padding_range_and_a_negative_padding_are_understood(tmp_path: Path) -> None:
    pixels = np.array([[-2000, -1990, 0, 100]], np.int16)
    ds = film(pixels, PixelPaddingValue=-2000, PixelPaddingRangeLimit=-1990)
    for name in ("PixelPaddingValue", "PixelPaddingRangeLimit"):
        ds[name].VR = "SS"
    np.testing.assert_array_equal(dicom.read_image(write(ds, tmp_path / "a.dcm")).pixels, [[0, 0, 0, 100]])


@pytest.mark.parametrize(
    ("photometric", "shape", "inverted", "noted"),
    [
        ("MONOCHROME1", "INVERSE", True, False),
        ("MONOCHROME2", "IDENTITY", False, False),
        ("MONOCHROME1", "IDENTITY", True, True),
        ("MONOCHROME2", "INVERSE", False, True),
    ],
)
def test_polarity_is_the_photometric_interpretation(
    tmp_path: Path, photometric: str, shape: str, inverted: bool, noted: bool
) -> None:
    path = write(film(PhotometricInterpretation=photometric, PresentationLUTShape=shape), tmp_path / "a.dcm")
    assert dicom.read_image(path).inverted is inverted
    assert bool(dicom.read_header(path).notes) is noted


# --- what the header says ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("position", "series", "expected"),
    [
        ("PA", "", "PA"), ("ap", "", "AP"), ("LL", "", "LL"), ("RL", "", "RL"), ("LLD", "", "LLD"),
        ("LATERAL", "", "LL"), ("LAT", "", "LL"), ("R LAT", "", "RL"), ("LEFT LATERAL", "", "LL"),
        ("POSTERO-ANTERIOR", "", "PA"), ("AP PORTABLE", "", "AP"), ("", "view: PA", "PA"),
        ("", "Chest Lat.", "LL"), ("", "W Thorax a.p.", "unknown"), ("", "CHEST PA AND LAT", "unknown"),
        ("", "PAEDIATRIC CHEST", "unknown"), ("", "AP decubitus", "unknown"), ("", "Apical lordotic", "unknown"),
        ("XYZ", "", "unknown"), ("XYZ", "chest PA", "PA"), ("", "", "unknown"),
    ],
)  # fmt: skip
def test_views_are_named_only_where_the_header_is_clear(position: str, series: str, expected: str) -> None:
    assert tags.view(film(ViewPosition=position, SeriesDescription=series)) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [("PosteroAnterior", "PA"), ("AnteroPosterior", "AP"), ("LeftLateral", "LL"), ("RightLateral", "RL")],
)
def test_coded_views_count_in_the_current_and_the_retired_coding(name: str, expected: str) -> None:
    code, item = getattr(codes.CID4010, name), Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = code.value, "SCT", code.meaning
    assert tags.view(film(ViewPosition=None, ViewCodeSequence=Sequence([item]))) == expected


def test_a_retired_view_code_is_understood() -> None:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = "R-10206", "SNM3", "antero-posterior"
    assert tags.view(film(ViewPosition=None, ViewCodeSequence=Sequence([item]))) == "AP"


@pytest.mark.parametrize(
    ("given_", "expected"),
    [
        ({"PixelSpacing": [0.14, 0.15], "ImagerPixelSpacing": [0.2, 0.2]}, ((0.14, 0.15), "patient")),
        ({"PixelSpacing": [0.2, 0.2], "ImagerPixelSpacing": [0.2, 0.2]}, ((0.2, 0.2), "detector")),
        ({"ImagerPixelSpacing": [0.2, 0.3]}, ((0.2, 0.3), "detector")),
        ({"PixelSpacing": [0.2, 0.2]}, ((0.2, 0.2), "detector")),
        ({"PixelSpacing": [0.2, 0.2], "PixelSpacingCalibrationType": "FIDUCIAL"}, ((0.2, 0.2), "patient")),
        ({"NominalScannedPixelSpacing": [0.1, 0.1]}, ((0.1, 0.1), "detector")),
        ({"PixelSpacing": [0, 0]}, (None, None)),
        ({"PixelSpacing": [-1, 1]}, (None, None)),
        ({}, (None, None)),
    ],
)
def test_spacing_is_the_patients_only_where_it_was_calibrated(given_: dict, expected: tuple) -> None:
    assert tags.spacing(film(**given_)) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [(["L", "F"], ("L", "F")), (["A", "FR"], ("A", "FR")), (["L"], None), (["", ""], None), (["X", "F"], None)],
)
def test_orientation_letters(value: list[str], expected: object) -> None:
    assert tags.orientation(film(PatientOrientation=value)) == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, datetime(2024, 1, 2, 10, 11, 12)),
        ({"StudyDate": "1993.02.24", "StudyTime": "17:58:00"}, datetime(1993, 2, 24, 17, 58)),
        ({"StudyTime": "1011"}, datetime(2024, 1, 2, 10, 11)),
        ({"StudyTime": "101112.123456"}, datetime(2024, 1, 2, 10, 11, 12)),
        ({"StudyTime": "noon"}, datetime(2024, 1, 2)),
        ({"StudyDate": "", "AcquisitionDate": "20230101", "AcquisitionTime": "01"}, datetime(2023, 1, 1, 1)),
        ({"StudyDate": "20241399"}, None),
    ],
)
def test_times(changes: dict, expected: datetime | None) -> None:
    assert tags.time(film(**changes)) == expected


def test_a_lazy_image_knows_its_meaning_before_its_pixels(tmp_path: Path) -> None:
    ds = film(
        number=5,
        PixelSpacing=[0.1, 0.2],
        PatientOrientation=["L", "F"],
        WindowCenter=5,
        WindowWidth=9,
        Manufacturer="ACME",
    )
    path = write(ds, tmp_path / "a.dcm")
    image = dicom.read_image(path, lazy=True)
    assert not image.loaded
    assert (image.view, image.spacing_mm, image.orientation) == ("PA", (0.1, 0.2), ("L", "F"))
    assert image.window == Window(5, 9)
    assert image.id == ds.SOPInstanceUID
    assert str(image.made_by) == "ACME"
    np.testing.assert_array_equal(image.pixels, ramp())
    path.unlink()
    with pytest.raises(DecodeError, match="gone"):
        _ = dicom.image_of(dicom.Header(path, "a", ds, dicom.decode.PixelPlace(0, 9, "OW"), "")).pixels


def test_without_a_uid_the_content_is_the_id(tmp_path: Path) -> None:
    path = write(film(), tmp_path / "a.dcm")
    ds = pydicom.dcmread(path)
    del ds.SOPInstanceUID
    ds.save_as(path)
    assert dicom.read_image(path).id == dicom.file_hash(path)


# --- files that say little, and files to refuse -----------------------------------------------------------------


@pytest.mark.parametrize("syntax", PLAIN[:3])
def test_preamble_and_file_meta_may_be_missing(tmp_path: Path, syntax: str) -> None:
    path = write(film(), tmp_path / "a.dcm", syntax)
    data = path.read_bytes()
    body = data[132 + 12 + struct.unpack("<L", data[140:144])[0] :]
    path.write_bytes(body)
    np.testing.assert_array_equal(dicom.read_image(path).pixels, ramp())


def test_a_compressed_film_without_transfer_syntax_goes_by_its_codestream(tmp_path: Path) -> None:
    path = compressed(film(ramp(33, 47)), tmp_path / "a.dcm", uids.JPEG2000Lossless)
    data = path.read_bytes()
    path.write_bytes(data[132 + 12 + struct.unpack("<L", data[140:144])[0] :])
    np.testing.assert_array_equal(dicom.read_image(path).pixels, ramp(33, 47))


@pytest.mark.parametrize(
    "missing", ["BitsStored", "HighBit", "PixelRepresentation", "SamplesPerPixel", "PhotometricInterpretation"]
)
def test_attributes_with_one_sensible_value_are_assumed(tmp_path: Path, missing: str) -> None:
    np.testing.assert_array_equal(dicom.read_image(write(film(**{missing: None}), tmp_path / "a.dcm")).pixels, ramp())


@pytest.mark.parametrize("missing", ["Rows", "Columns", "BitsAllocated"])
def test_attributes_pixels_cannot_be_laid_out_without_are_named(tmp_path: Path, missing: str) -> None:
    with pytest.raises(DecodeError, match=f"'a.dcm'.*{missing} is missing"):
        dicom.read_image(write(film(**{missing: None}), tmp_path / "a.dcm"))


def test_what_is_not_a_film_is_refused_by_what_it_is(tmp_path: Path) -> None:
    def refused(kind: type[HilumError], words: str, **changes: object) -> None:
        with pytest.raises(kind, match=words) as caught:
            dicom.read_image(write(film(**changes), tmp_path / "x.dcm"))
        assert isinstance(caught.value, InputError)
        assert "'x.dcm'" in str(caught.value)
        assert str(tmp_path) not in str(caught.value)

    refused(RefusedError, "12 frames", NumberOfFrames=12)
    refused(RefusedError, "a CT image, not a radiograph", Modality="CT")
    refused(RefusedError, "PALETTE COLOR", PhotometricInterpretation="PALETTE COLOR")
    refused(
        DecodeError, "no pixel data: it is a Comprehensive SR", PixelData=None, SOPClassUID=uids.ComprehensiveSRStorage
    )
    refused(DecodeError, "encrypted", EncryptedAttributesSequence=Sequence([Dataset()]))
    refused(DecodeError, "32 bits allocated", BitsAllocated=32)
    refused(DecodeError, "truncated: 131072 bytes expected, 1536 found", Rows=256, Columns=256)
    refused(TooLargeError, "60000 x 60000", Rows=60000, Columns=60000)


def test_limits_are_the_callers(tmp_path: Path) -> None:
    path = write(film(), tmp_path / "a.dcm")
    with pytest.raises(TooLargeError, match="megapixels"):
        dicom.read_image(path, limits=Limits(pixels=100))
    with pytest.raises(TooLargeError, match=r"Limits.file_bytes"):
        dicom.read_image(path, limits=Limits(file_bytes=100))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"hello, this is a text", "no known kind"),
        (b"\x89PNG\r\n\x1a\n" + bytes(200), "PNG"),
        (bytes.fromhex("30820100" + "06092a864886f70d010703") + bytes(300), "encrypted"),
        (bytes(128) + b"DICM", "no DICOM image attributes|truncated"),
        (bytes(128) + b"DICM" + bytes(range(256)) * 4, "cannot be used"),
    ],
)
def test_files_that_are_not_dicom_are_told_apart(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "Doe Jane.dcm"
    path.write_bytes(content)
    with pytest.raises(DecodeError, match=words):
        dicom.read_image(path)


def test_a_missing_file_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"'no.dcm' cannot be read: No such file"):
        dicom.read_image(tmp_path / "no.dcm")


@pytest.mark.parametrize("syntax", [*LOSSLESS, uids.ExplicitVRLittleEndian, uids.DeflatedExplicitVRLittleEndian])
def test_every_truncation_is_refused(tmp_path: Path, syntax: str) -> None:
    path, pixels = tmp_path / "a.dcm", ramp(40, 50)
    write(film(pixels), path, syntax) if syntax in PLAIN else compressed(film(pixels), path, syntax)
    data = path.read_bytes()
    for cut in (2, 9, 20, len(data) // 4, len(data) // 2, len(data) - 140):
        path.write_bytes(data[: len(data) - cut])
        with pytest.raises(DecodeError):
            dicom.read_image(path)


def test_a_deflate_bomb_stops_at_the_limit(tmp_path: Path) -> None:
    path = deflate_bomb(tmp_path / "bomb.dcm", 300 * 2**20)
    assert path.stat().st_size < 400_000
    with pytest.raises(TooLargeError, match="unpacks to more than"):
        dicom.read_image(path)


def test_sequences_nested_without_end_are_refused(tmp_path: Path) -> None:
    opening = b"\x08\x00\x40\x11SQ\x00\x00\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff"
    path = tmp_path / "deep.dcm"
    path.write_bytes(bytes(128) + b"DICM" + opening * 50_000)
    with pytest.raises(DecodeError):
        dicom.read_image(path)


def test_a_compressed_frame_that_contradicts_its_header_never_reaches_a_decoder(tmp_path: Path) -> None:
    path = compressed(film(ramp(33, 47)), tmp_path / "a.dcm", uids.JPEGLSLossless)
    ds = pydicom.dcmread(path)
    ds.Rows = 34
    ds.save_as(path)
    with pytest.raises(DecodeError, match=r"34 x 47 pixels of 1 sample.*33 x 47"):
        dicom.read_image(path)
    ds.Rows, ds.file_meta.TransferSyntaxUID = 33, uids.JPEG2000Lossless
    ds.save_as(path)
    with pytest.raises(DecodeError, match="JPEG-LS but its transfer syntax says JPEG 2000"):
        dicom.read_image(path)


def test_an_unknown_compression_is_named(tmp_path: Path) -> None:
    path = write_frame(film(), b"\x00\x00\x01\xb3" * 20, tmp_path / "a.dcm", uids.MPEG2MPML)
    with pytest.raises(DecodeError, match="MPEG2"):
        dicom.read_image(path)


@given(st.binary(max_size=200))
def test_codestream_headers_never_raise_anything_else(data: bytes) -> None:
    for start in (b"", b"\xff\xd8\xff", b"\xff\x4f\xff\x51\x00\x29"):
        try:
            header = codestream.inspect(start + data)
        except DecodeError:
            continue
        assert header.rows >= 0
