"""Files that are cut, bent or built to hurt are refused, in time and memory that do not depend on them."""

from __future__ import annotations

import resource
import struct
from io import BytesIO
from pathlib import Path

import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from hilum.app.serve.archive_index import InstanceRefusedError, read_entry
from hilum.app.serve.part10 import Bounds, examine
from hilum.core.errors import DecodeError, HilumError, TooLargeError
from tests.app.serve import films
from tests.io import made

SYNTAXES = [ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian]
META = b"\x02\x00\x10\x00UI\x14\x001.2.840.10008.1.2.1\x00"
HEAD = bytes(128) + b"DICM\x02\x00\x00\x00UL\x04\x00" + struct.pack("<L", len(META)) + META
SQ = b"\x08\x00\x40\x11SQ\x00\x00"
UNDEFINED = b"\xff\xff\xff\xff"
ITEM, ITEM_END, SQ_END = b"\xfe\xff\x00\xe0", b"\xfe\xff\x0d\xe0" + bytes(4), b"\xfe\xff\xdd\xe0" + bytes(4)


def written(folder: Path, data: bytes) -> Path:
    path = folder / "bent.dcm"
    path.write_bytes(data)
    return path


def nested(depth: int, *, closed: bool = True) -> bytes:
    opened = (SQ + UNDEFINED + ITEM + UNDEFINED) * depth
    return HEAD + opened + (ITEM_END + SQ_END) * depth if closed else HEAD + opened


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_whole_files_of_every_syntax_pass(tmp_path: Path, syntax: str) -> None:
    ds = films.film()
    ds.ReferencedImageSequence = [pydicom.Dataset(), pydicom.Dataset()]
    ds.ReferencedImageSequence[0].ReferencedSOPInstanceUID = "1.2.3"
    ds.ReferencedImageSequence[0].PurposeOfReferenceCodeSequence = [pydicom.Dataset()]
    path = made.write(ds, tmp_path / "film.dcm", syntax)
    structure = examine(path)
    assert (structure.syntax, structure.sop_uid) == (syntax, films.sop_uid(1))
    assert structure.pixel_bytes == 24 * 32 * 2
    assert read_entry(path).instance["uid"] == films.sop_uid(1)


@pytest.mark.parametrize("undefined", [True, False])
def test_sequences_of_either_length_pass(tmp_path: Path, undefined: bool) -> None:
    ds = films.film()
    item = pydicom.Dataset()
    item.is_undefined_length_sequence_item = undefined
    ds.ReferencedImageSequence = [item]
    ds["ReferencedImageSequence"].is_undefined_length = undefined
    assert examine(written(tmp_path, films.part10(ds, tmp_path))).pixel_bytes == 1_536


def test_compressed_pixels_pass(tmp_path: Path) -> None:
    path = made.compressed(films.film(), tmp_path / "rle.dcm", pydicom.uid.RLELossless)
    assert examine(path).pixel_bytes == 0
    assert read_entry(path).instance["rows"] == 24


@settings(max_examples=50)
@given(cut=st.integers(min_value=0, max_value=2_500))
def test_a_film_that_is_cut_anywhere_is_refused(tmp_path_factory: pytest.TempPathFactory, cut: int) -> None:
    folder = tmp_path_factory.mktemp("cut")
    ds = films.film()
    ds.ReferencedImageSequence = [pydicom.Dataset()]
    data = films.part10(ds, folder)
    with pytest.raises(InstanceRefusedError):
        read_entry(written(folder, data[: min(cut, len(data) - 8)]))


@settings(max_examples=50)
@given(place=st.integers(min_value=132, max_value=900), value=st.binary(min_size=1, max_size=6))
def test_bytes_changed_anywhere_never_escape_as_another_error(
    tmp_path_factory: pytest.TempPathFactory, place: int, value: bytes
) -> None:
    folder = tmp_path_factory.mktemp("bent")
    data = bytearray(films.film_bytes(folder))
    data[place : place + len(value)] = value
    path = written(folder, bytes(data))
    try:
        entry = read_entry(path)
        told = [value for part in (entry.patient, entry.study, entry.series) for value in part.values()]
    except HilumError as error:
        told = [str(error)]
    assert all(text.isprintable() for text in told if isinstance(text, str))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "letters DICM"),
        (b"\x00" * 200, "letters DICM"),
        (HEAD[:140], "truncated|no transfer syntax"),
        (bytes(128) + b"DICM", "no transfer syntax"),
        (nested(2_000), "nested more than 24 deep"),
        (nested(10, closed=False), "ends inside a sequence"),
        (HEAD + SQ + struct.pack("<L", 2**31), "ends inside a sequence|more bytes"),
        (HEAD + SQ + struct.pack("<L", 8) + ITEM + struct.pack("<L", 400), "reaches beyond|more bytes|truncated"),
        (HEAD + SQ + UNDEFINED + b"\x08\x00\x18\x00UI\x00\x00", "holds something that is no item"),
        (HEAD + ITEM_END, "outside a sequence"),
        (HEAD + SQ + UNDEFINED + ITEM_END, "ends where none is open"),
        (HEAD + b"\x08\x00\x18\x00\x00\x01\x02\x03" + bytes(8), "no value representation"),
    ],
)
def test_bent_structures_are_named(tmp_path: Path, data: bytes, words: str) -> None:
    with pytest.raises(HilumError, match=words):
        examine(written(tmp_path, data))


def test_deep_sequences_in_a_known_length_are_seen_too(tmp_path: Path) -> None:
    inner = b""
    for _ in range(40):
        item = ITEM + struct.pack("<L", len(inner)) + inner
        inner = SQ + struct.pack("<L", len(item)) + item
    with pytest.raises(TooLargeError, match="nested"):
        examine(written(tmp_path, HEAD + inner))


def test_a_file_of_endless_elements_is_stopped(tmp_path: Path) -> None:
    many = HEAD + b"\x08\x00\x60\x00CS\x00\x00" * 3_000
    examine(written(tmp_path, many))
    with pytest.raises(TooLargeError, match="more than 1000 elements"):
        examine(written(tmp_path, many), bounds=Bounds(elements=1_000))


@pytest.mark.slow
def test_a_deflate_bomb_is_stopped_at_its_limit(tmp_path: Path) -> None:
    path = made.deflate_bomb(tmp_path / "bomb.dcm", 300 * 2**20)
    assert path.stat().st_size < 400_000
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(TooLargeError, match="unpacks to more than 64"):
        examine(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024  # KiB: it went to a file


def test_a_damaged_deflated_file_is_refused(tmp_path: Path) -> None:
    data = films.part10(films.film(), tmp_path, DeflatedExplicitVRLittleEndian)
    with pytest.raises(DecodeError, match="truncated"):
        examine(written(tmp_path, data[:-40]))
    with pytest.raises(DecodeError, match=r"damaged|truncated|no value|more bytes"):
        examine(written(tmp_path, data[:500] + b"\xff" * 40 + data[540:]))


def test_the_meta_must_name_the_same_instance(tmp_path: Path) -> None:
    ds = films.reread(films.film_bytes(tmp_path))
    ds.file_meta.MediaStorageSOPInstanceUID = "1.2.3.4"
    buffer = BytesIO()
    pydicom.dcmwrite(buffer, ds)
    with pytest.raises(InstanceRefusedError, match="names another instance"):
        read_entry(written(tmp_path, buffer.getvalue()))


def test_pixels_that_lie_on_another_server_are_refused(tmp_path: Path) -> None:
    ds = films.film()
    del ds.PixelData, ds.Rows
    ds.SOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
    ds.PixelDataProviderURL = "http://inside/secret"
    data = films.part10(ds, tmp_path).replace(b"1.2.840.10008.1.2.1\x00", b"1.2.840.10008.1.2.4.94"[:20], 1)
    with pytest.raises(InstanceRefusedError):
        read_entry(written(tmp_path, data))
