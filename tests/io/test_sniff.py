"""What a file is by its first bytes, and amounts people can read."""

from __future__ import annotations

import gzip
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pictures

from hilum.io.limits import amount
from hilum.io.sniff import kind_of_bytes


@pytest.mark.parametrize("form", ["PNG", "JPEG", "TIFF", "BMP", "GIF"])
def test_pillow_and_the_sniffer_agree_on_what_a_picture_is(form: str) -> None:
    stream = io.BytesIO()
    Pictures.fromarray(np.zeros((40, 40), np.uint8)).save(stream, form)
    assert kind_of_bytes(stream.getvalue()[:1024]) == Pictures.open(stream).format == form


def nifti(magic: bytes = b"n+1\0") -> bytes:
    return (348).to_bytes(4, "little") + bytes(340) + magic + bytes(100)


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"", "empty"),
        (nifti(), "NIfTI"),
        (gzip.compress(nifti(), mtime=0), "NIfTI"),
        (gzip.compress(b"a log", mtime=0), "GZIP"),
        ((540).to_bytes(4, "little") + b"n+2\0" + bytes(600), "NIfTI"),
        (b"PK\x05\x06" + bytes(18), "ZIP"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "WebP"),
        (b"BMI,age\n22,50\n" * 9, "unknown"),
        (b"\x08\x00\x05\x00CS\x0a\x00ISO_IR 100", "DICOM"),
        (b"\x08\x00\x00\x00\x04\x00\x00\x00\x1e\x01\x00\x00", "DICOM"),
        (b"\x00\x08\x00\x05CS\x00\x0aISO_IR 100", "DICOM"),
        (b"II*\x00" + bytes(124) + b"DICM" + bytes(20), "DICOM"),
        (b"\x08\x00", "unknown"),
        (bytes(1024), "unknown"),
        (b"<?xml version='1.0'?>", "unknown"),
    ],
)
def test_kinds(head: bytes, kind: str) -> None:
    assert kind_of_bytes(head) == kind


@given(st.binary(max_size=400))
def test_any_bytes_have_a_kind(head: bytes) -> None:
    assert kind_of_bytes(head)


@given(st.text(alphabet=st.characters(min_codepoint=9, max_codepoint=126), min_size=12, max_size=300))
def test_text_is_never_taken_for_dicom(text: str) -> None:
    assert kind_of_bytes(text.encode()) != "DICOM" or "DICM" in text


@pytest.mark.parametrize(
    ("size", "words"),
    [(0, "0 bytes"), (1023, "1023 bytes"), (1536, "1.5 KiB"), (2 * 2**30, "2.0 GiB"), (3 * 2**50, "3072.0 TiB")],
)
def test_amounts(size: int, words: str) -> None:
    assert amount(size) == words
