"""WADO-RS: the same bytes come back, pixels are the pixels, and what cannot be given is refused."""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from PIL import Image as Picture
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)

from hilum.app.serve.archive import Archive
from tests.app.serve import films, webbed
from tests.io import made

STUDY = f"/dicomweb/studies/{films.study_uid(1)}"
SERIES = f"{STUDY}/series/{films.series_uid(1)}"
FILM = f"{SERIES}/instances/{films.sop_uid(1)}"
AS_STORED = 'multipart/related; type="application/dicom"; transfer-syntax=*'
ONE = "application/dicom; transfer-syntax=*"
PACKED = [RLELossless, JPEGLSLossless, JPEG2000Lossless]
RAW = [ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian]


def stored(archive: Archive, folder: Path, syntax: str = ExplicitVRLittleEndian, **changes: Any) -> np.ndarray:
    """Store one film in a syntax and return its pixels."""
    ds = films.film(shape=(64, 48) if syntax == JPEG2000Lossless else (24, 32), **changes)
    pixels = np.frombuffer(ds.PixelData, "<u2").reshape(ds.Rows, ds.Columns)
    path = folder / "sent.dcm"
    if syntax in PACKED:
        made.compressed(ds, path, syntax)
    else:
        made.write(ds, path, syntax)
    archive.store(path, source="x")
    return pixels


def test_a_study_comes_back_byte_for_byte(tmp_path: Path, archive: Archive) -> None:
    sent = [films.film_bytes(tmp_path, 1, number) for number in (1, 2, 3)]
    for data in sent:
        archive.store([data], source="x")
    for path, expected in ((STUDY, sent), (SERIES, sent), (FILM, sent[:1])):
        answer = webbed.client(archive).get(path, headers={"Accept": AS_STORED})
        parts = webbed.split(answer)
        assert answer.headers["content-type"].startswith('multipart/related; type="application/dicom"; boundary=')
        assert [data for _, data in parts] == expected
        assert parts[0][0]["Content-Type"] == f"application/dicom; transfer-syntax={ExplicitVRLittleEndian}"
        assert parts[0][0]["Content-Location"] == f"http://archive.test{FILM}"


@pytest.mark.parametrize("syntax", [*RAW, *PACKED])
def test_a_file_comes_plain_unless_it_is_asked_for_as_it_is(tmp_path: Path, archive: Archive, syntax: str) -> None:
    pixels = stored(archive, tmp_path, syntax)
    web = webbed.client(archive)
    kept = web.get(FILM, headers={"Accept": ONE})
    assert kept.headers["content-type"] == f"application/dicom; transfer-syntax={syntax}"
    assert kept.content == archive.path(films.sop_uid(1)).read_bytes()
    plain = web.get(FILM, headers={"Accept": "application/dicom"})
    ds = pydicom.dcmread(BytesIO(plain.content))
    assert ds.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    assert np.array_equal(ds.pixel_array, pixels)
    assert (ds.PatientName, ds.SOPInstanceUID) == ("Doe^Jane", films.sop_uid(1))


@pytest.mark.parametrize("syntax", [*RAW, *PACKED])
def test_frames_are_the_pixels(tmp_path: Path, archive: Archive, syntax: str) -> None:
    pixels = stored(archive, tmp_path, syntax)
    answer = webbed.client(archive).get(f"{FILM}/frames/1")
    ((head, data),) = webbed.split(webbed.client(archive).get(f"{FILM}/frames/1", headers={"Accept": OCTETS}))
    assert head["Content-Type"] == f"application/octet-stream; transfer-syntax={ExplicitVRLittleEndian}"
    assert np.array_equal(np.frombuffer(data, "<u2").reshape(pixels.shape), pixels)
    assert answer.status_code == 200


OCTETS = 'multipart/related; type="application/octet-stream"'


@pytest.mark.parametrize(
    ("syntax", "kind"),
    [(RLELossless, "image/dicom-rle"), (JPEGLSLossless, "image/jls"), (JPEG2000Lossless, "image/jp2")],
)
def test_packed_frames_are_sent_as_they_are_stored(tmp_path: Path, archive: Archive, syntax: str, kind: str) -> None:
    stored(archive, tmp_path, syntax)
    expected = next(
        pydicom.encaps.generate_frames(pydicom.dcmread(tmp_path / "sent.dcm").PixelData, number_of_frames=1)
    )
    web = webbed.client(archive)
    for accept in (f"{OCTETS}; transfer-syntax=*", f'multipart/related; type="{kind}"; transfer-syntax={syntax}'):
        ((head, data),) = webbed.split(web.get(f"{FILM}/frames/1", headers={"Accept": accept}))
        assert (head["Content-Type"], data) == (f"{kind}; transfer-syntax={syntax}", expected)
    refused = web.get(f"{FILM}/frames/1", headers={"Accept": 'multipart/related; type="image/jpeg"'})
    assert refused.status_code == 406


def test_frames_of_single_bits_begin_at_a_byte(tmp_path: Path, archive: Archive) -> None:
    masks = np.random.default_rng(3).integers(0, 2, (3, 5, 7)).astype(np.uint8)
    ds = films.film(Rows=5, Columns=7, BitsAllocated=1, BitsStored=1, HighBit=0, NumberOfFrames=3)
    ds.SOPClassUID = "1.2.840.10008.5.1.4.1.1.66.4"
    packed = np.packbits(masks.reshape(-1), bitorder="little").tobytes()
    ds.PixelData = packed + b"\x00" * (len(packed) % 2)
    archive.store([films.part10(ds, tmp_path)], source="x")
    parts = webbed.split(webbed.client(archive).get(f"{FILM}/frames/1,3"))
    found = [np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")[:35].reshape(5, 7) for _, data in parts]
    assert np.array_equal(found, masks[[0, 2]])


@pytest.mark.parametrize("accept", ["application/octet-stream", f"application/octet-stream; transfer-syntax={RAW[0]}"])
def test_one_frame_comes_without_a_multipart_where_that_is_asked(tmp_path: Path, archive: Archive, accept: str) -> None:
    pixels = stored(archive, tmp_path)
    answer = webbed.client(archive).get(f"{FILM}/frames/1", headers={"Accept": accept})
    assert answer.headers["content-type"].startswith("application/octet-stream")
    assert answer.content == pixels.tobytes()


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/frames/2", 404),
        ("/frames/0", 404),
        ("/frames/one", 400),
        ("/frames/1,,2", 400),
        ("/bulkdata/00100010", 404),
        ("/bulkdata/etc/passwd", 404),
        ("/bulkdata/%2e%2e/%2e%2e/index.db", 404),
        ("/rendered?window=1,0", 400),
        ("/rendered?viewport=0,9", 400),
        ("/rendered?viewport=99999,9", 400),
        ("/rendered?quality=101", 400),
        ("/frames/2/rendered", 404),
    ],
)
def test_addresses_of_nothing(tmp_path: Path, archive: Archive, path: str, status: int) -> None:
    stored(archive, tmp_path)
    answer = webbed.client(archive).get(FILM + path)
    assert (answer.status_code, set(answer.json()["error"])) == (status, {"message", "fix"})


@pytest.mark.parametrize(
    "path",
    [
        f"/dicomweb/studies/{films.study_uid(2)}/metadata",
        f"/dicomweb/studies/{films.study_uid(2)}/series/{films.series_uid(1)}/instances/{films.sop_uid(1)}",
    ],
)
def test_an_instance_is_found_only_under_its_own_study(tmp_path: Path, archive: Archive, path: str) -> None:
    stored(archive, tmp_path)
    assert webbed.client(archive).get(path).status_code == 404


@pytest.mark.parametrize("uid", ["..", "..%2f..%2fetc", "1.2/../../x", "1.2%00", "a" * 70, "1" * 70])
def test_what_is_no_uid_names_nothing(archive: Archive, uid: str) -> None:
    assert webbed.client(archive).get(f"/dicomweb/studies/{uid}/metadata").status_code in (400, 404)


def test_metadata_is_the_header_with_addresses_of_what_is_large(tmp_path: Path, archive: Archive) -> None:
    item = pydicom.Dataset()
    item.add_new(0x00091001, "OB", b"inner" * 1_000)
    ds = films.film(ReferencedImageSequence=[item], ICCProfile=b"profile!" * 500, WindowCenter="2000.5")
    ds.add_new(0x00091002, "OB", b"shorts")
    archive.store([films.part10(ds, tmp_path)], source="x")
    web = webbed.client(archive)
    ((told),) = web.get(f"{STUDY}/metadata").json()
    assert told["0020000D"]["Value"] == [films.study_uid(1)]
    assert told["00281050"] == {"vr": "DS", "Value": [2000.5]}
    assert told["00091002"]["InlineBinary"] == "c2hvcnRz"
    assert "Value" not in told["7FE00010"]
    plain = {"Accept": "application/octet-stream"}
    places = [told["00282000"], told["00081140"]["Value"][0]["00091001"], told["7FE00010"]]
    found = [web.get(place["BulkDataURI"], headers=plain).content for place in places]
    assert found == [b"profile!" * 500, b"inner" * 1_000, bytes(ds.PixelData)]
    again = pydicom.Dataset.from_json(
        json.dumps(told), lambda tag, vr, address: web.get(address, headers=plain).content
    )
    assert np.frombuffer(again.PixelData, "<u2").sum() == np.frombuffer(ds.PixelData, "<u2").sum()
    assert "00020010" not in told


def test_a_header_with_a_bad_number_still_has_metadata(tmp_path: Path, archive: Archive) -> None:
    data = films.film_bytes(tmp_path, WindowCenter="2000.5", PatientWeight="70")
    archive.store([data.replace(b"2000.5", b"20x0.5")], source="x")
    told = webbed.client(archive).get(f"{FILM}/metadata").json()[0]
    assert told["00101030"]["Value"] == [70]
    assert told["00080018"]["Value"] == [films.sop_uid(1)]


@pytest.mark.parametrize("kind", ["image/png", "image/jpeg"])
def test_a_film_is_rendered_with_its_window_or_the_readers(tmp_path: Path, archive: Archive, kind: str) -> None:
    pixels = stored(archive, tmp_path, WindowCenter="2048", WindowWidth="4096")
    web = webbed.client(archive)

    def shown(query: str = "") -> np.ndarray:
        answer = web.get(f"{FILM}/rendered{query}", headers={"Accept": kind})
        assert answer.headers["content-type"] == kind
        return np.asarray(Picture.open(BytesIO(answer.content)), dtype=float)

    loose = 1.0 if kind == "image/png" else 12.0
    assert np.abs(shown() - pixels / 4_095 * 255).max() <= loose
    narrow = np.clip((pixels - 999.5) / 99 + 0.5, 0, 1) * 255
    assert np.abs(shown("?window=1000,100") - narrow).mean() <= loose
    assert shown("?viewport=16,16").shape == (12, 16)


def test_inverted_films_are_shown_the_right_way(tmp_path: Path, archive: Archive) -> None:
    pixels = stored(archive, tmp_path, PhotometricInterpretation="MONOCHROME1")
    answer = webbed.client(archive).get(f"{FILM}/rendered", headers={"Accept": "image/png"})
    shown = np.asarray(Picture.open(BytesIO(answer.content)), dtype=float)
    assert np.corrcoef(shown.ravel(), pixels.ravel())[0, 1] < -0.99


def test_thumbnails_are_small_and_of_a_film(tmp_path: Path, archive: Archive) -> None:
    stored(archive, tmp_path)
    for path in (STUDY, SERIES, FILM):
        answer = webbed.client(archive).get(f"{path}/thumbnail")
        assert answer.headers["content-type"] == "image/jpeg"
        assert max(Picture.open(BytesIO(answer.content)).size) == 256
    assert webbed.client(archive).get(f"{STUDY}/thumbnail", headers={"Accept": "text/html"}).status_code == 406


def test_what_cannot_be_decoded_is_refused_or_sent_as_it_is(tmp_path: Path, archive: Archive) -> None:
    path = made.write_frame(films.film(), b"\xff\xd8\xffnot a codestream", tmp_path / "bad.dcm", JPEG2000Lossless)
    archive.store(path, source="x")
    archive.store([films.film_bytes(tmp_path, 1, 2)], source="x")
    web = webbed.client(archive)
    for place in (FILM, f"{FILM}/rendered", f"{FILM}/frames/1"):
        accept = OCTETS if place.endswith("1/frames/1") else "*/*"
        answer = web.get(place, headers={"Accept": accept})
        assert answer.status_code == 406, place
        assert "traceback" not in answer.text.lower()
    parts = webbed.split(web.get(STUDY))
    assert [head["Content-Type"].rsplit("=")[1] for head, _ in parts] == [JPEG2000Lossless, ExplicitVRLittleEndian]
