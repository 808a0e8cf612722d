"""What a file is, by its first bytes; its extension is never asked."""

from __future__ import annotations

import zlib
from pathlib import Path

from hilum.core.errors import InputError

RASTERS = frozenset({"PNG", "JPEG", "TIFF", "BMP"})

_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"II*\x00", "TIFF"),
    (b"MM\x00*", "TIFF"),
    (b"II+\x00", "TIFF"),
    (b"MM\x00+", "TIFF"),
    (b"PK\x03\x04", "ZIP"),
    (b"PK\x05\x06", "ZIP"),
    (b"GIF8", "GIF"),
    (b"%PDF", "PDF"),
    (b"NRRD", "NRRD"),
    (b"7z\xbc\xaf\x27\x1c", "7Z"),
    (b"Rar!", "RAR"),
    (b"\x00\x00\x00\x0cjP  ", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
)
# ASN.1 object identifier 1.2.840.113549.1.7: Cryptographic Message Syntax, the envelope of a secure DICOM file.
_CMS = bytes.fromhex("2a864886f70d0107")
# The two letters BM also begin many a text: the size of the header that follows tells.
_BMP_HEADERS = frozenset(size.to_bytes(4, "little") for size in (12, 16, 40, 52, 56, 64, 108, 124))
_HEADER_GROUPS = (0x0002, 0x0004, 0x0008)


def kind_of(path: Path) -> str:
    """Return what the file holds: 'DICOM', 'PNG', 'JPEG', 'TIFF', 'BMP', 'ZIP', 'NIfTI', 'CMS', 'empty' or 'unknown'.

    Raises:
        InputError: if the file cannot be read at all.
    """
    try:
        with path.open("rb") as stream:
            head = stream.read(1024)
    except OSError as error:
        raise InputError(f"'{path.name}' cannot be read: {error.strerror or 'the disk refused'}") from None
    return kind_of_bytes(head)


def kind_of_bytes(head: bytes) -> str:
    """Return what a file is from its first 1,024 bytes."""
    if not head:
        return "empty"
    if head[128:132] == b"DICM":
        return "DICOM"
    if _is_nifti(head):
        return "NIfTI"
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind
    if head[:2] == b"BM" and head[14:18] in _BMP_HEADERS:
        return "BMP"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WebP"
    if head[:2] == b"\x1f\x8b":
        return "NIfTI" if _is_nifti(_inflate(head)) else "GZIP"
    if head[0] == 0x30 and _CMS in head[:64]:
        return "CMS"
    return "DICOM" if _starts_with_element(head) else "unknown"


def _is_nifti(head: bytes) -> bool:
    return head[344:348] in (b"n+1\x00", b"ni1\x00") or head[4:8] in (b"n+2\x00", b"ni2\x00")


def _inflate(head: bytes) -> bytes:
    try:
        return zlib.decompressobj(31).decompress(head, 1024)
    except zlib.error:
        return b""


def _starts_with_element(head: bytes) -> bool:
    """Tell whether bytes without a preamble begin with a DICOM element of a header group, any byte order."""
    for order in ("little", "big"):
        group, element = (int.from_bytes(head[i : i + 2], order) for i in (0, 2))
        if group in _HEADER_GROUPS and element <= 0x1150 and len(head) >= 12:
            explicit = head[4:6].isalpha() and head[4:6].isupper()
            short = int.from_bytes(head[4:8], order) <= 0x400
            if explicit or short:
                return True
    return False
