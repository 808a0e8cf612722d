"""Is this a whole DICOM file? Its structure is walked without recursion, under limits, before a parser sees it."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, BinaryIO, Literal, cast

from hilum.core.errors import DecodeError, TooLargeError
from hilum.io.limits import amount

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

IMPLICIT, DEFLATED, BIG_ENDIAN = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.2"
_LONG = frozenset((b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"))
_UNDEFINED = 0xFFFFFFFF
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_PIXELS, _PIXEL_ELEMENTS = 0x7FE00010, (0x08, 0x09, 0x10)
_CHUNK = 2**20


@dataclass(frozen=True)
class Bounds:
    """What the structure of one file may be.

    Args:
        file_bytes: bytes of the file, and of its inflated form.
        inflate_ratio: inflated bytes per packed byte, above 64 MiB.
        elements: elements at all depths.
        depth: sequences within sequences.
    """

    file_bytes: int = 512 * 2**20
    inflate_ratio: int = 100
    elements: int = 500_000
    depth: int = 24


@dataclass(frozen=True)
class Structure:
    """Where a file's dataset begins (bytes), its transfer syntax, the instance its meta names, and its pixel data.

    `pixel_bytes` is None where there is no pixel data, and 0 where it is in fragments.
    """

    body: int
    syntax: str
    sop_class: str
    sop_uid: str
    pixel_bytes: int | None = None


@dataclass
class _Container:
    """A sequence, an item or the fragments of pixel data: its end (None: a delimiter ends it) and encoding."""

    kind: Literal["sequence", "item", "fragments"]
    end: int | None
    implicit: bool


def examine(path: Path, *, bounds: Bounds | None = None) -> Structure:
    """Check that a file is a whole, sane DICOM file: preamble, file meta, and every length inside its container.

    Args:
        path: the file.
        bounds: what is agreed to.

    Raises:
        DecodeError: if it is no DICOM Part 10 file, truncated, or damaged.
        TooLargeError: if it has more bytes, elements or depth than the bounds allow.
    """
    agreed = bounds or Bounds()
    size = path.stat().st_size
    if size > agreed.file_bytes:
        raise TooLargeError(f"the file holds {amount(size)}; the limit is {amount(agreed.file_bytes)}")
    with path.open("rb") as stream:
        structure = _meta(stream)
        with _dataset(stream, structure, size, agreed) as (body, end):
            implicit, big = structure.syntax == IMPLICIT, structure.syntax == BIG_ENDIAN
            return replace(structure, pixel_bytes=_walk(body, end, agreed, implicit=implicit, big=big))


def _meta(stream: BinaryIO) -> Structure:
    head = stream.read(132)
    if head[128:] != b"DICM":
        raise DecodeError("it is not a DICOM file: the letters DICM are not at byte 128")
    found: dict[int, str] = {}
    for _ in range(64):
        start = stream.tell()
        element = stream.read(8)
        if len(element) < 8 or element[:2] != b"\x02\x00":
            stream.seek(start)
            break
        length = int.from_bytes(element[6:8], "little")
        if element[4:6] in _LONG:
            length = int.from_bytes(stream.read(4), "little")
        if length > 2**20:
            raise DecodeError("its file meta information is damaged")
        value = stream.read(length)
        if len(value) < length:
            raise DecodeError("it ends inside its file meta information: truncated")
        if length <= 80:
            found[int.from_bytes(element[2:4], "little")] = value.decode("latin-1").strip(" \x00")
    if not found.get(0x10):
        raise DecodeError("its file meta information names no transfer syntax (0002,0010)")
    return Structure(stream.tell(), found[0x10], found.get(0x02, ""), found.get(0x03, ""))


@contextmanager
def _dataset(stream: BinaryIO, structure: Structure, size: int, bounds: Bounds) -> Iterator[tuple[BinaryIO, int]]:
    """Yield the dataset's stream and its end; a deflated one is inflated to a temporary file, up to the limit."""
    if structure.syntax != DEFLATED:
        yield stream, size
        return
    limit = min(bounds.file_bytes, max(64 * 2**20, bounds.inflate_ratio * size))
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    with TemporaryFile() as body:
        packed = stream.read(_CHUNK)
        try:
            while packed and not inflater.eof:
                body.write(inflater.decompress(packed, _CHUNK))
                if body.tell() > limit:
                    raise TooLargeError(f"its deflated dataset unpacks to more than {amount(limit)}")
                packed = inflater.unconsumed_tail or stream.read(_CHUNK)
        except zlib.error:
            raise DecodeError("its deflated dataset is damaged") from None
        if not inflater.eof:
            raise DecodeError("its deflated dataset is truncated")
        end = body.tell()
        body.seek(0)
        yield cast(BinaryIO, body), end


def _walk(stream: BinaryIO, size: int, bounds: Bounds, *, implicit: bool, big: bool) -> int | None:
    """Visit every element of a dataset and return the bytes of its pixel data; values are skipped, never read."""
    order: Literal["big", "little"] = "big" if big else "little"
    open_: list[_Container] = []
    position, seen, pixel_bytes = stream.tell(), 0, None
    while True:
        while open_ and open_[-1].end is not None and position >= open_[-1].end:
            if position > open_[-1].end:
                raise DecodeError("an element reaches beyond the sequence that holds it: damaged")
            open_.pop()
        if not open_ and position >= size - 7:  # up to seven bytes of padding are forgiven
            if position > size:
                raise DecodeError("an element declares more bytes than the file has: truncated")
            return pixel_bytes
        seen += 1
        if seen > bounds.elements:
            raise TooLargeError(f"it has more than {bounds.elements} elements")
        stream.seek(position)
        head = stream.read(12)
        if len(head) < 8:
            raise DecodeError("it ends inside a sequence: truncated")
        top, before = not open_, position
        position = _step(head, position, open_, order, implicit)
        if top and int.from_bytes(head[:2], order) == 0x7FE0 and int.from_bytes(head[2:4], order) in _PIXEL_ELEMENTS:
            pixel_bytes = 0 if open_ else position - before - (8 if implicit else 12)
        if len(open_) > 2 * bounds.depth:
            raise TooLargeError(f"its sequences are nested more than {bounds.depth} deep")
        if position > size:
            raise DecodeError("an element declares more bytes than the file has: truncated")


def _step(head: bytes, position: int, open_: list[_Container], order: Literal["big", "little"], implicit: bool) -> int:
    """Return where the next element begins, and open or close the containers this one opens or closes."""
    tag = int.from_bytes(head[:2], order) << 16 | int.from_bytes(head[2:4], order)
    inner = open_[-1] if open_ else None
    if tag >> 16 == 0xFFFE and tag in (_ITEM, _ITEM_END, _SEQUENCE_END):
        return _delimiter(tag, int.from_bytes(head[4:8], order), position + 8, open_)
    if inner is not None and inner.kind != "item":
        raise DecodeError("a sequence holds something that is no item: damaged")
    implicit = inner.implicit if inner else implicit
    vr, length, start = b"", int.from_bytes(head[4:8], order), position + 8
    if not implicit:
        vr = head[4:6]
        if not (vr.isalpha() and vr.isupper()):
            raise DecodeError(f"element ({tag >> 16:04X},{tag & 0xFFFF:04X}) has no value representation: damaged")
        length = int.from_bytes(head[6:8], order)
        if vr in _LONG:
            length, start = int.from_bytes(head[8:12], order), position + 12
    if length != _UNDEFINED and vr != b"SQ" and not (implicit and _is_sequence(tag)):
        return start + length
    end = None if length == _UNDEFINED else start + length
    outer = next((container.end for container in reversed(open_) if container.end is not None), None)
    if end is not None and outer is not None and end > outer:
        raise DecodeError("a sequence reaches beyond the one that holds it: damaged")
    fragments = tag == _PIXELS or (vr in (b"OB", b"OW") and length == _UNDEFINED)
    # An unknown element of undefined length is encoded implicitly, whatever surrounds it (PS3.5 6.2.2 note 2).
    open_.append(_Container("fragments" if fragments else "sequence", end, implicit or vr == b"UN"))
    return start


def _delimiter(tag: int, length: int, start: int, open_: list[_Container]) -> int:
    inner = open_[-1] if open_ else None
    if inner is None:
        raise DecodeError("an item stands outside a sequence: damaged")
    if tag == _ITEM and inner.kind == "fragments" and length != _UNDEFINED:
        return start + length
    if tag == _ITEM and inner.kind == "sequence":
        open_.append(_Container("item", None if length == _UNDEFINED else start + length, inner.implicit))
        return start
    closes = ("item",) if tag == _ITEM_END else ("sequence", "fragments")
    if tag == _ITEM or inner.kind not in closes or inner.end is not None:
        raise DecodeError("a sequence or item ends where none is open: damaged")
    open_.pop()
    return start


def _is_sequence(tag: int) -> bool:
    from pydicom.datadict import dictionary_VR

    try:
        return dictionary_VR(tag) == "SQ"
    except KeyError:
        return False


def read_header(path: Path, keywords: tuple[str, ...]) -> Dataset:
    """Read named attributes of a file that `examine` found sound.

    Raises:
        DecodeError: if the parser does not agree.
    """
    import warnings

    from pydicom import dcmread

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return dcmread(path, stop_before_pixels=True, specific_tags=list(keywords))
    except RecursionError:
        raise DecodeError("its header is nested too deeply") from None
    except Exception as error:  # a parser raises anything on damaged input
        raise DecodeError(f"its header is damaged ({type(error).__name__})") from None
