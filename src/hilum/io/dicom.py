"""A DICOM file to one Image: view, spacing, window and polarity rules in one place, and nothing else escapes."""

from __future__ import annotations

import hashlib
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar, cast

from numpy.typing import NDArray

from hilum.core.errors import DecodeError, HilumError, RefusedError, TooLargeError
from hilum.core.image import Image, MadeBy, Pixels, Window
from hilum.io import decode, grey, tags
from hilum.io.limits import Limits, amount
from hilum.io.sniff import kind_of

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_MEDIA_DIRECTORY = "1.2.840.10008.1.3.10"
_CROSS_SECTIONAL = frozenset({"CT", "MR", "PT", "NM"})
_PIXEL_ELEMENTS = frozenset({0x0008, 0x0009, 0x0010})
_DEFER = 2**20
_INFLATE_CHUNK = 2**20
Result = TypeVar("Result")


@dataclass(frozen=True)
class Header:
    """A DICOM header read without its pixels: the dataset, where the pixels are, and their transfer syntax."""

    path: Path
    name: str
    dataset: Dataset
    place: decode.PixelPlace | None
    syntax: str

    @property
    def modality(self) -> str:
        """Modality (0008,0060), '' where absent."""
        return tags.text(self.dataset, "Modality").upper()

    @property
    def uid(self) -> str:
        """SOP Instance UID, or a hash of the file where it has none."""
        return tags.text(self.dataset, "SOPInstanceUID") or file_hash(self.path)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader should know: ignored windows, contradicting polarity, raw data, burned-in text."""
        notes = [*grey.voi(self.dataset)[1], *grey.polarity(self.dataset)[1]]
        if tags.text(self.dataset, "PresentationIntentType").upper() == "FOR PROCESSING":
            notes.append("The film is raw detector data (FOR PROCESSING), not what a radiologist is shown.")
        if tags.text(self.dataset, "BurnedInAnnotation").upper() == "YES":
            notes.append("The header says that text is burned into the pixels; it may identify the patient.")
        return tuple(f"{self.name}: {note}" for note in notes)


def read_image(path: str | Path, *, lazy: bool = False, limits: Limits | None = None, name: str = "") -> Image:
    """Read one single-frame radiograph (DX, CR, SC or another greyscale or RGB projection).

    Args:
        path: a DICOM file; the extension, preamble and file meta information may be missing.
        lazy: decode the pixels on first use; view, spacing, window and id are known at once.
        limits: bounds on size, checked before decoding.
        name: what errors call the file; its base name when not given.

    Returns:
        Image with modality values (PS3.3 C.11.1), the first VOI LUT or window, and polarity set by
        Photometric Interpretation. Colour becomes luminance. Its id is the SOP Instance UID.

    Raises:
        DecodeError: if the file is no DICOM image, truncated, damaged or encrypted.
        RefusedError: if it is not a radiograph: several frames, a CT slice, a palette.
        TooLargeError: if it declares more pixels or bytes than `limits` allow.
        MissingError: if its compression needs a package that is not installed.
    """
    bounds = limits or Limits()
    image = image_of(read_header(path, limits=bounds, name=name), limits=bounds)
    if not lazy:
        _ = image.pixels
    return image


def read_header(path: str | Path, *, limits: Limits | None = None, name: str = "") -> Header:
    """Read the attributes Hilum uses, without the pixels; cheap, whatever the file's size.

    Raises:
        DecodeError: if the file is not DICOM, empty, damaged or encrypted.
        TooLargeError: if it, or its inflated form, is larger than `limits.file_bytes`.
    """
    path, bounds = Path(path), limits or Limits()
    shown = name or path.name
    kind = kind_of(path)
    if kind != "DICOM":
        raise DecodeError(_not_dicom(kind, shown))
    bounds.check_file(path.stat().st_size, shown)
    return _guarded(shown, "header", lambda: _parse(path, bounds, shown))


def image_of(header: Header, *, limits: Limits | None = None) -> Image:
    """Return the lazy Image of a header whose pixels are decoded on first use.

    Raises:
        DecodeError, RefusedError, TooLargeError: as `read_image`, as far as the header shows.
    """
    bounds, ds = limits or Limits(), header.dataset
    return _guarded(header.name, "header", lambda: _image(header, ds, bounds))


def stored_pixels(header: Header, *, limits: Limits | None = None, slices: bool = False) -> NDArray[Any]:
    """Return stored values (H, W), or RGB uint8 (H, W, 3), of a header's pixel data; `slices` admits CT.

    Raises:
        DecodeError, RefusedError, TooLargeError, MissingError: as `read_image`.
    """
    bounds = limits or Limits()

    def load() -> NDArray[Any]:
        place = _check_image(header, bounds, slices=slices)
        with _opened(header.path, header.syntax, bounds, header.name) as stream:
            raw = decode.read_stored(stream, header.dataset, place, header.syntax)
        return raw if raw.ndim == 3 else grey.stored_values(header.dataset, raw)

    return _guarded(header.name, "pixel data", load)


def file_hash(path: Path) -> str:
    """Return the first 32 hexadecimal digits of a file's SHA-256."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        for block in iter(lambda: stream.read(2**20), b""):
            digest.update(block)
    return digest.hexdigest()[:32]


def _image(header: Header, ds: Dataset, limits: Limits) -> Image:
    _check_image(header, limits)
    colour = (tags.integer(ds, "SamplesPerPixel", 1) or 1) > 1
    window, inverted = (Window(128.0, 256.0), False) if colour else (grey.voi(ds)[0], grey.polarity(ds)[0])
    spacing_mm, plane = tags.spacing(ds)
    maker = tags.text(ds, "Manufacturer")
    path, name = header.path, header.name

    # Only the path is kept: a scan of thousands of files must not hold their headers.
    return Image(
        pixels=cast(Any, partial(_load, path, name, limits)),  # travels to another process
        window=window,
        inverted=inverted,
        view=tags.view(ds),
        spacing_mm=spacing_mm,
        spacing_plane=plane,
        orientation=tags.orientation(ds),
        id=header.uid,
        made_by=MadeBy(maker) if maker else None,
        synthetic=tags.synthetic(ds),
        source=str(path),
    )


def _load(path: Path, name: str, limits: Limits) -> Pixels:
    if not path.exists():
        raise DecodeError(f"'{name}' is gone: pixels are decoded on first use, so use them while the intake is open")
    header = read_header(path, limits=limits, name=name)
    stored = stored_pixels(header, limits=limits)

    def convert() -> Pixels:
        if stored.ndim == 3:
            return decode.luminance(stored)
        pixels = grey.modality_values(header.dataset, stored)
        return pixels if grey.voi(header.dataset)[0] else grey.without_padding(header.dataset, stored, pixels)

    return _guarded(name, "pixel data", convert)


def _check_image(header: Header, limits: Limits, *, slices: bool = False) -> decode.PixelPlace:
    """Return where the pixels are if the header describes one film of an allowed size."""
    ds = header.dataset
    if tags.values(ds, "EncryptedAttributesSequence"):
        raise DecodeError("its attributes are encrypted; decrypt it where it was made")
    if header.place is None:
        raise DecodeError(_no_pixels(ds))
    if header.modality in _CROSS_SECTIONAL and not slices:
        raise RefusedError(f"it is a {header.modality} image, not a radiograph")
    rows, columns, samples = decode.check_description(ds)
    limits.check_pixels(rows, columns, header.name)
    limits.check_file(rows * columns * samples * 2, header.name)
    return header.place


def _no_pixels(ds: Dataset) -> str:
    kind = tags.values(ds, "SOPClassUID")
    modality = tags.text(ds, "Modality")
    what = str(getattr(kind[0], "name", "")) if kind else ""
    what = (
        "media directory (DICOMDIR)" if _MEDIA_DIRECTORY in kind or tags.values(ds, "DirectoryRecordSequence") else what
    )
    return f"it holds no pixel data: it is a {what or modality or 'file'}, not an image"


def _not_dicom(kind: str, name: str) -> str:
    if kind == "empty":
        return f"'{name}' is empty (0 bytes)"
    if kind == "CMS":
        return f"'{name}' is an encrypted DICOM file (a CMS envelope); decrypt it first"
    found = "its first bytes are of no known kind" if kind == "unknown" else f"it is a {kind} file"
    return f"'{name}' is not a DICOM file: {found}"


def _guarded(name: str, part: str, work: Callable[[], Result]) -> Result:
    """Run `work`; whatever a parser or decoder raises becomes one sentence that names the file."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return work()
    except HilumError as error:
        # What a damaged header says may stand in the sentence: keep it one printable line.
        line = "".join(letter if letter.isprintable() else "?" for letter in str(error))[:400]
        raise type(error)(line if f"'{name}" in line else f"'{name}' cannot be used: {line}") from None
    except MemoryError:
        raise DecodeError(f"'{name}' cannot be used: its {part} asks for more memory than there is") from None
    except RecursionError:
        raise DecodeError(f"'{name}' cannot be used: its {part} is nested too deeply") from None
    except Exception as error:  # parsers and decoders raise anything on damaged input
        raise DecodeError(f"'{name}' cannot be used: its {part} is damaged ({type(error).__name__})") from None


def _parse(path: Path, limits: Limits, name: str) -> Header:
    from pydicom import dcmread
    from pydicom.filereader import read_dataset

    size = path.stat().st_size
    with path.open("rb") as stream:
        meta_end, syntax = _meta(stream)
        if syntax == decode.DEFLATED:
            with _opened(path, syntax, limits, name) as body:
                ds: Dataset = read_dataset(body, False, True, stop_when=_at_pixels, defer_size=_DEFER)
                place = _place(body, implicit=False, big=False)
            return Header(path, name, ds, place, syntax)
        ds = dcmread(
            stream, stop_before_pixels=True, force=True, defer_size=_DEFER, specific_tags=list(tags.HEADER_TAGS)
        )
        implicit, little = ds.original_encoding
        place = _place(stream, implicit=bool(implicit), big=little is False)
        reached = stream.tell()
    for keyword in tags.HEADER_TAGS:  # values are converted here, under the guard, and complain no more later
        tags.values(ds, keyword)
    if not any(tags.values(ds, keyword) for keyword in ("SOPClassUID", "Rows", "DirectoryRecordSequence")):
        why = (
            "it ends inside its header: truncated"
            if reached >= size > meta_end
            else "its header holds no DICOM image attributes"
        )
        raise DecodeError(f"'{name}' cannot be used: {why}")
    if place is None and reached > size:
        raise DecodeError(
            f"'{name}' cannot be used: an attribute declares more bytes than the file's {amount(size)}; "
            "it is truncated or damaged"
        )
    if not syntax:
        syntax = decode.BIG_ENDIAN if little is False else ""
    return Header(path, name, ds, place, syntax)


def _meta(stream: BinaryIO) -> tuple[int, str]:
    """Return (offset where the file meta information ends, Transfer Syntax UID or ''); rewinds the stream."""
    head = stream.read(132)
    end, syntax = 0, ""
    if head[128:132] == b"DICM":
        end = 132
        while True:
            element = stream.read(8)
            if len(element) < 8 or element[:2] != b"\x02\x00":
                break
            length = int.from_bytes(element[6:8], "little")
            if element[4:6] in (b"OB", b"OW", b"UN", b"SQ", b"UT"):
                length = int.from_bytes(stream.read(4), "little")
            value = stream.read(min(length, 2**16))
            if element[2:4] == b"\x10\x00":
                syntax = value.decode("ascii", "replace").strip(" \x00")
            end = stream.tell()
    stream.seek(0)
    return end, syntax


@contextmanager
def _opened(path: Path, syntax: str, limits: Limits, name: str) -> Iterator[BinaryIO]:
    """Open a file for its dataset; a deflated one is inflated in memory, up to the limit."""
    with path.open("rb") as stream:
        if syntax != decode.DEFLATED:
            yield stream
            return
        stream.seek(_meta(stream)[0])
        bound = min(limits.file_bytes, max(100 * 2**20, limits.archive_ratio * path.stat().st_size))
        inflater, body = zlib.decompressobj(-zlib.MAX_WBITS), BytesIO()
        packed = stream.read(_INFLATE_CHUNK)
        while packed and not inflater.eof:
            body.write(inflater.decompress(packed, _INFLATE_CHUNK))
            if body.tell() > bound:
                raise TooLargeError(f"its deflated dataset unpacks to more than {amount(bound)}")
            packed = inflater.unconsumed_tail or stream.read(_INFLATE_CHUNK)
        body.write(inflater.flush())
        if not inflater.eof:
            raise DecodeError("its deflated dataset is truncated")
        body.seek(0)
        yield body


def _at_pixels(tag: Any, vr: str | None, length: int) -> bool:
    return int(tag) >= 0x7FE00008


def _place(stream: BinaryIO, *, implicit: bool, big: bool) -> decode.PixelPlace | None:
    """Return where pixel data lies if the stream stands on a pixel data element."""
    start = stream.tell()
    order: Any = "big" if big else "little"
    for _ in range(8):  # a group length and float pixel data may come first
        head = stream.read(12)
        if len(head) < 8 or int.from_bytes(head[:2], order) != 0x7FE0:
            break
        element = int.from_bytes(head[2:4], order)
        long = not implicit and head[4:6] in (b"OB", b"OW", b"UN", b"OF", b"OD")
        vr = "" if implicit else head[4:6].decode("latin-1")
        length = int.from_bytes(head[8:12] if long else head[4:8] if implicit else head[6:8], order)
        stream.seek(start + (12 if long else 8))
        if element in _PIXEL_ELEMENTS:
            if element != 0x0010:
                raise RefusedError("its pixels are floating-point numbers; a radiograph has whole ones")
            undefined = length == 0xFFFFFFFF
            return decode.PixelPlace(stream.tell(), None if undefined else length, vr)
        start = stream.tell() + length
        stream.seek(start)
    stream.seek(start)
    return None
