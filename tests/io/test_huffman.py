"""Lossless JPEG by hand (ITU-T T.81 process 14): a small encoder proves the reader, and each broken rule is caught."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import uid as uids

from hilum.core.errors import DecodeError
from hilum.io import dicom
from hilum.io.huffman import check_lossless
from tests.io.made import film, ramp, write_frame

TABLE = bytes([0, *[0] * 4, 17, *[0] * 11, *range(17)])  # category n is coded by n in five bits


def segment(marker: int, body: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body


def coded(pixels: np.ndarray, precision: int) -> bytes:
    """Differences to the left neighbour (predictor 1; above in the first column), as T.81 H.1.2 codes them."""
    values, bits = pixels.astype(int), []
    for y in range(values.shape[0]):
        for x in range(values.shape[1]):
            guess = values[y, x - 1] if x else values[y - 1, 0] if y else 1 << (precision - 1)
            step = int((values[y, x] - guess + 0x8000) % 0x10000 - 0x8000)
            size = abs(step).bit_length()
            bits.append(f"{size:05b}")
            if 0 < size < 16:
                bits.append(f"{step if step > 0 else step + (1 << size) - 1:0{size}b}")
    text = "".join(bits)
    text += "1" * (-len(text) % 8)
    return int(text, 2).to_bytes(len(text) // 8, "big").replace(b"\xff", b"\xff\x00")


def stream(pixels: np.ndarray, precision: int = 12, **changes: bytes) -> bytes:
    """A whole lossless JPEG; `changes` replace a part by name, to break one rule at a time."""
    rows, columns = pixels.shape
    parts = {
        "start": b"\xff\xd8",
        "app": segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0"),
        "frame": segment(0xC3, struct.pack(">BHHBBBB", precision, rows, columns, 1, 1, 0x11, 0)),
        "table": segment(0xC4, TABLE),
        "more": b"",
        "scan": segment(0xDA, bytes([1, 1, 0, 1, 0, 0])),
        "data": coded(pixels, precision),
        "end": b"\xff\xd9",
    }
    return b"".join({**parts, **changes}.values())


@pytest.mark.parametrize("precision", [8, 10, 12, 16])
def test_a_stream_coded_by_hand_gives_its_pixels_back(tmp_path: Path, precision: int) -> None:
    pixels = ramp(19, 23, precision)
    ds = film(pixels, BitsStored=precision, HighBit=precision - 1)
    path = write_frame(ds, stream(pixels, precision), tmp_path / "a.dcm", uids.JPEGLosslessSV1)
    np.testing.assert_array_equal(dicom.read_image(path).pixels, pixels)


def test_application_segments_are_left_out_and_nothing_else() -> None:
    pixels = ramp(9, 11)
    whole = stream(pixels, more=segment(0xFE, b"a comment"))
    assert check_lossless(whole) == stream(pixels, app=b"")
    assert check_lossless(whole + b"\0\0") == stream(pixels, app=b"")


BROKEN: dict[str, tuple[dict[str, bytes], str]] = {
    "no table": ({"table": b""}, "scan header"),
    "a code longer than its room": ({"table": segment(0xC4, bytes([0, 3, *[0] * 15, 1, 2, 3]))}, "Huffman table"),
    "a category beyond 16": ({"table": segment(0xC4, TABLE[:-1] + b"\x11")}, "Huffman table"),
    "a category twice": ({"table": segment(0xC4, TABLE[:-1] + b"\x00")}, "Huffman table"),
    "a table cut off": ({"table": segment(0xC4, TABLE[:-4])}, "Huffman table"),
    "an empty table": ({"table": segment(0xC4, bytes(17))}, "Huffman table"),
    "an AC table": ({"table": segment(0xC4, b"\x10" + TABLE[1:])}, "Huffman table"),
    "two frames": ({"more": segment(0xC3, struct.pack(">BHHBBBB", 12, 9, 11, 1, 1, 0x11, 0))}, "second frame"),
    "sampling": ({"frame": segment(0xC3, struct.pack(">BHHBBBB", 12, 9, 11, 1, 1, 0x22, 0))}, "frame header"),
    "a foreign marker": ({"more": segment(0xCC, b"\0\0")}, "FFCC"),
    "predictor 0": ({"scan": segment(0xDA, bytes([1, 1, 0, 0, 0, 0]))}, "scan header"),
    "predictor 8": ({"scan": segment(0xDA, bytes([1, 1, 0, 8, 0, 0]))}, "scan header"),
    "all bits shifted out": ({"scan": segment(0xDA, bytes([1, 1, 0, 1, 0, 12]))}, "scan header"),
    "another component": ({"scan": segment(0xDA, bytes([1, 2, 0, 1, 0, 0]))}, "scan header"),
    "no component": ({"scan": segment(0xDA, bytes([0, 1, 0, 0]))}, "one scan"),
    "a marker in the data": ({"data": b"\x12\x34\xff\xc4\x00\x10"}, "FFC4 lies inside"),
    "a restart never declared": ({"data": b"\x12\x34\xff\xd0\x00\x10"}, "FFD0 lies inside"),
    "a restart of three bytes": ({"more": segment(0xDD, b"\0\1\2")}, "restart interval"),
    "no end": ({"end": b""}, "no end marker"),
    "a length past the end": ({"app": b"\xff\xe0\xff\xff"}, "damaged segment"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_each_broken_rule_is_caught_before_decoding(name: str) -> None:
    changes, words = BROKEN[name]
    with pytest.raises(DecodeError, match=words):
        check_lossless(stream(ramp(9, 11), **changes))


def test_declared_restarts_belong_in_the_data() -> None:
    whole = stream(ramp(9, 11), more=segment(0xDD, b"\0\5"), data=b"\x12\xff\xd0\x34\xff\xd1\x56")
    assert check_lossless(whole).endswith(b"\x12\xff\xd0\x34\xff\xd1\x56\xff\xd9")


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_any_damage_is_a_sentence_or_a_stream(data: st.DataObject) -> None:
    changed = bytearray(stream(ramp(9, 11)))
    for place, value in data.draw(
        st.lists(st.tuples(st.integers(2, len(changed) - 1), st.integers(0, 255)), max_size=6)
    ):
        changed[place] = value
    try:
        kept = check_lossless(bytes(changed))
    except DecodeError:
        return
    assert kept.startswith(b"\xff\xd8")
    assert kept.endswith(b"\xff\xd9")
