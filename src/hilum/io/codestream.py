"""Compressed frames before they are decoded: fragments joined, and the codestream's own header read and checked."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import BinaryIO

from hilum.core.errors import DecodeError

_ITEM, _END = 0xFFFEE000, 0xFFFEE0DD
_FRAMES = {0xC0: "baseline", 0xC1: "extended", 0xC3: "lossless", 0xF7: "JPEG-LS"}
_MAX_FRAGMENTS = 100_000


@dataclass(frozen=True)
class Codestream:
    """What a compressed frame says of itself: coding process, size, components, bits per sample, sign."""

    process: str
    rows: int
    columns: int
    components: int
    precision: int
    signed: bool = False


def read_fragments(stream: BinaryIO, size: int) -> bytes:
    """Return the one frame whose fragments start at the stream's position (PS3.5 A.4).

    Args:
        stream: positioned on the first item, the Basic Offset Table.
        size: bytes in the whole file, against which every length is checked.

    Raises:
        DecodeError: if an item is cut off or not an item, or the sequence never ends.
    """
    parts: list[bytes] = []
    for _ in range(_MAX_FRAGMENTS):
        head = stream.read(8)
        if len(head) < 8:
            raise DecodeError("its compressed pixel data ends before the closing delimiter: the file is truncated")
        group, element, length = struct.unpack("<HHL", head)
        tag = group << 16 | element
        if tag == _END:
            return b"".join(parts[1:])
        if tag != _ITEM:
            raise DecodeError(
                f"its compressed pixel data holds ({group:04X},{element:04X}) where a fragment was expected"
            )
        if length > size - stream.tell():
            raise DecodeError(
                f"a fragment of its pixel data declares {length} bytes, more than the file holds: truncated or damaged"
            )
        parts.append(stream.read(length))
    raise DecodeError(f"its pixel data has more than {_MAX_FRAGMENTS} fragments")


def inspect(frame: bytes) -> Codestream:
    """Return the header of a JPEG, JPEG-LS or JPEG 2000 frame.

    Raises:
        DecodeError: if it is none of these, is cut off, or declares something no film needs.
    """
    if frame[:2] == b"\xff\xd8":
        return _inspect_jpeg(frame)
    start = 0 if frame[:4] == b"\xff\x4f\xff\x51" else frame.find(b"\xff\x4f\xff\x51", 0, 4096)
    if start == 0 or (start > 0 and frame[4:8] == b"jP  "):
        return _inspect_j2k(frame, start)
    raise DecodeError("its compressed pixel data does not begin like JPEG, JPEG-LS or JPEG 2000")


def check_end(frame: bytes) -> None:
    """Raise DecodeError if the last bytes hold no end-of-image marker (FFD9, for JPEG, JPEG-LS and JPEG 2000)."""
    if b"\xff\xd9" not in frame[-64:].rstrip(b"\x00"):
        raise DecodeError("its compressed pixel data has no end marker: the image is truncated")


def _inspect_jpeg(frame: bytes) -> Codestream:
    at = 2
    while at + 4 <= len(frame):
        if frame[at] != 0xFF:
            break
        marker = frame[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        length = int.from_bytes(frame[at + 2 : at + 4], "big")
        body = frame[at + 4 : at + 2 + length]
        if marker in _FRAMES or (0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC)):
            return _jpeg_frame(marker, body)
        at += 2 + max(length, 2)
    raise DecodeError("its JPEG stream has no frame header: truncated or damaged")


def _jpeg_frame(marker: int, body: bytes) -> Codestream:
    if marker not in _FRAMES:
        raise DecodeError(f"its JPEG process (marker FF{marker:02X}) is not one DICOM uses")
    if len(body) < 6:
        raise DecodeError("its JPEG frame header is cut off")
    precision, rows, columns, components = struct.unpack(">BHHB", body[:6])
    sampling = [body[7 + 3 * i] for i in range(components) if 7 + 3 * i < len(body)]
    if len(sampling) != components or any(not 1 <= s >> 4 <= 4 or not 1 <= (s & 15) <= 4 for s in sampling):
        raise DecodeError("its JPEG frame header names impossible components")
    return Codestream(_FRAMES[marker], rows, columns, components, precision)


def _inspect_j2k(frame: bytes, start: int) -> Codestream:
    """Read the SIZ segment and walk the main header, whose coding style must be within the standard's bounds."""
    if len(frame) < start + 45:
        raise DecodeError("its JPEG 2000 header is cut off")
    x1, y1, x0, y0, tile_w, tile_h, tile_x, tile_y, components = struct.unpack_from(">8LH", frame, start + 8)
    depth, step_x, step_y = frame[start + 42 : start + 45]
    if not (x0 < x1 and y0 < y1 and tile_w and tile_h and tile_x <= x0 and tile_y <= y0) or step_x != 1 or step_y != 1:
        raise DecodeError("its JPEG 2000 header declares an impossible image or tile grid")
    tiles = -(-(x1 - tile_x) // tile_w) * -(-(y1 - tile_y) // tile_h)
    if tiles > 65535:
        raise DecodeError(f"its JPEG 2000 header declares {tiles} tiles, more than 65,535")
    _walk_main_header(frame, start + 2)
    precision = (depth & 0x7F) + 1
    return Codestream("JPEG 2000", y1 - y0, x1 - x0, components, precision, bool(depth & 0x80))


def _walk_main_header(frame: bytes, at: int) -> None:
    while at + 4 <= len(frame):
        marker, length = struct.unpack_from(">HH", frame, at)
        if marker == 0xFF90:
            return
        if marker >> 8 != 0xFF or length < 2:
            break
        if marker == 0xFF52 and (frame[at + 9 : at + 10] or b"\xff")[0] > 32:
            raise DecodeError("its JPEG 2000 coding style declares more than 32 decomposition levels")
        at += 2 + length
    raise DecodeError("its JPEG 2000 main header is damaged or cut off")
