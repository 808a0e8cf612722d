"""Lossless JPEG looked over before gdcm gets it: gdcm ends the whole process where a stream breaks its rules."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from hilum.core.errors import DecodeError

_SOF3, _DHT, _EOI, _SOS, _DRI, _DQT = 0xC3, 0xC4, 0xD9, 0xDA, 0xDD, 0xDB
_FIRST_APP, _LAST_APP, _COMMENT = 0xE0, 0xEF, 0xFE
_FIRST_RST, _LAST_RST = 0xD0, 0xD7


@dataclass
class _Seen:
    """What the segments before the scan declared."""

    precision: int = 0
    components: tuple[int, ...] = ()
    tables: set[int] = field(default_factory=set)
    restarts: bool = False


def check_lossless(frame: bytes) -> bytes:
    """Return a lossless JPEG (ITU-T T.81 process 14) without its application segments, after a full check.

    One frame header, well-formed Huffman tables, one scan with all components, and then nothing but coded data up
    to the end marker. Application segments hold nothing DICOM needs, and decoders read meaning into damaged ones.

    Raises:
        DecodeError: if a segment is damaged or the coded data holds a marker that does not belong there.
    """
    at, seen, kept = 2, _Seen(), [frame[:2]]
    while at + 4 <= len(frame):
        if frame[at] != 0xFF:
            break
        marker = frame[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        length = int.from_bytes(frame[at + 2 : at + 4], "big")
        body = frame[at + 4 : at + 2 + length]
        if length < 2 or len(body) != length - 2:
            break
        if not (_FIRST_APP <= marker <= _LAST_APP or marker == _COMMENT):
            _check_segment(marker, body, seen)
            kept.append(b"\xff" + frame[at + 1 : at + 2 + length])
        at += 2 + length
        if marker == _SOS:
            _check_scan(body, seen)
            return b"".join((*kept, _coded(frame, at, seen)))
    raise DecodeError("its lossless JPEG stream has a damaged segment")


def _check_segment(marker: int, body: bytes, seen: _Seen) -> None:
    if marker == _DHT:
        _check_tables(body, seen)
    elif marker == _DRI:
        if len(body) != 2:
            raise DecodeError("its lossless JPEG stream has a damaged restart interval")
        seen.restarts = body != b"\x00\x00"
    elif marker == _SOF3:
        if seen.components or len(body) != 6 + 3 * body[5] or any(body[7 + 3 * i] != 0x11 for i in range(body[5])):
            raise DecodeError("its lossless JPEG stream has a damaged or second frame header")
        seen.precision, seen.components = body[0], tuple(body[6 + 3 * i] for i in range(body[5]))
    elif marker not in (_SOS, _DQT):
        raise DecodeError(f"its lossless JPEG stream holds a marker FF{marker:02X} that does not belong there")


def _check_tables(body: bytes, seen: _Seen) -> None:
    """Check Huffman tables (T.81 B.2.4.2): code lengths must fit a prefix code, categories lie in 0 … 16."""
    at = 0
    while at + 17 <= len(body):
        counts = body[at + 1 : at + 17]
        symbols = body[at + 17 : at + 17 + sum(counts)]
        room = sum(count << (16 - length) for length, count in enumerate(counts, start=1))
        fits = room < 1 << 16 and len(symbols) == sum(counts) > 0 and max(symbols) <= 16
        if body[at] > 3 or not fits or len(set(symbols)) != len(symbols):
            raise DecodeError("its lossless JPEG stream has a damaged Huffman table")
        seen.tables.add(body[at])
        at += 17 + len(symbols)
    if at != len(body):
        raise DecodeError("its lossless JPEG stream has a damaged Huffman table")


def _check_scan(body: bytes, seen: _Seen) -> None:
    count = body[0] if body else 0
    if count != len(seen.components) or count == 0 or len(body) != 4 + 2 * count:
        raise DecodeError("its lossless JPEG stream does not hold all components in one scan")
    parts = [(body[1 + 2 * i], body[2 + 2 * i]) for i in range(count)]
    predictor, end, shift = body[-3:]
    named = tuple(part for part, _ in parts) == seen.components and all(
        table & 15 == 0 and table >> 4 in seen.tables for _, table in parts
    )
    if not named or not 1 <= predictor <= 7 or end != 0 or shift >= seen.precision:
        raise DecodeError("its lossless JPEG stream has a damaged scan header")


def _coded(frame: bytes, start: int, seen: _Seen) -> bytes:
    """Return the entropy-coded bytes and end marker; inside, FF is stuffed with 00 or begins a restart."""
    data = np.frombuffer(frame, np.uint8, offset=start)
    after = np.flatnonzero(data[:-1] == 0xFF) + 1
    markers = after[(data[after] != 0) & (data[after] != 0xFF)]
    codes = data[markers]
    stops = (codes < _FIRST_RST) | (codes > _LAST_RST) if seen.restarts else np.ones(codes.shape, bool)
    if not stops.any():
        raise DecodeError("its compressed pixel data has no end marker: the image is truncated")
    first = int(np.argmax(stops))
    if codes[first] != _EOI:
        raise DecodeError(f"its lossless JPEG data is damaged: a marker FF{int(codes[first]):02X} lies inside it")
    return frame[start : start + int(markers[first]) + 1]
