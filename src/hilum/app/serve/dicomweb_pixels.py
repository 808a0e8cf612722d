"""Pixels of stored files for DICOMweb: frames as they are or plain, a file in another syntax, a picture to look at."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hilum.app.serve.dicomweb_media import Media, RequestError
from hilum.core.errors import DecodeError, HilumError, MissingError
from hilum.io.limits import Limits

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

PLAIN = "1.2.840.10008.1.2.1"
_RLE = "1.2.840.10008.1.2.5"
NATIVE = frozenset((PLAIN, "1.2.840.10008.1.2", "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.2"))
_JPEG = "1.2.840.10008.1.2.4."
_FRAME_TYPES = {
    **{_JPEG + n: "image/jpeg" for n in ("50", "51", "57", "70")},
    **{_JPEG + n: "image/jls" for n in ("80", "81")},
    **{_JPEG + n: "image/jp2" for n in ("90", "91")},
    **{_JPEG + n: "image/jphc" for n in ("201", "202", "203")},
    _RLE: "image/dicom-rle",
}
_DEFAULT_SYNTAX = {
    **{"image/jpeg": _JPEG + "70", "image/jls": _JPEG + "80", "image/jp2": _JPEG + "90"},
    **{"image/jphc": _JPEG + "201", "image/dicom-rle": _RLE, "application/octet-stream": PLAIN},
}
LIMITS = Limits(pixels=50_000_000, file_bytes=512 * 2**20)


@dataclass(frozen=True)
class Frames:
    """Frames of one instance in one media type."""

    content_type: str
    data: list[bytes]


def frame_form(syntax: str, wanted: list[Media]) -> tuple[str, bool]:
    """Return (content type of a frame, whether it is sent as it is stored).

    Args:
        syntax: the transfer syntax it is stored in.
        wanted: what the request accepts, best first.

    Raises:
        RequestError: 406 where nothing that is wanted can be given.
    """
    own = "application/octet-stream" if syntax in NATIVE else _FRAME_TYPES.get(syntax, "application/octet-stream")
    told = PLAIN if syntax in NATIVE else syntax
    for media in wanted:
        inner = media.inner or "application/octet-stream"
        anything = inner in ("*/*", "application/*") or media.syntax == "*"
        asked = media.syntax or _DEFAULT_SYNTAX.get(inner, "")
        if anything or (inner == own and asked == told) or (inner == "image/*" and own.startswith("image/")):
            return f"{own}; transfer-syntax={told}", syntax not in NATIVE
        if inner == "application/octet-stream" and asked == PLAIN:
            return f"{inner}; transfer-syntax={PLAIN}", False
    raise RequestError(
        406,
        "The frames cannot be given in a form that is accepted.",
        'Accept multipart/related; type="application/octet-stream"; transfer-syntax=*.',
    )


def frames(path: Path, numbers: list[int], wanted: list[Media]) -> Frames:
    """Return frames of an instance, by number from 1; an empty list asks for all.

    Raises:
        MissingError: if the file has no such frame.
        RequestError: 406 where nothing that is wanted can be given.
        DecodeError: if the pixels are damaged.
    """
    ds = _read(path)
    if "PixelData" not in ds:
        raise MissingError("This instance has no pixels.")
    total = int(ds.get("NumberOfFrames") or 1)
    numbers = numbers or list(range(1, total + 1))
    if not all(1 <= number <= total for number in numbers):
        raise MissingError(f"This instance has {total} frame(s), counted from 1.")
    syntax = str(ds.file_meta.TransferSyntaxUID)
    content_type, as_stored = frame_form(syntax, wanted)
    if as_stored:
        return Frames(content_type, _fragments(ds, total, numbers))
    plain = ds if syntax in NATIVE else _plain(path, ds)
    return Frames(content_type, _slices(plain, total, numbers))


def _read(path: Path) -> Dataset:
    from pydicom import dcmread

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return dcmread(path)
    except Exception as error:  # a parser raises anything on damaged input
        raise DecodeError(f"the file of this instance is damaged ({type(error).__name__})") from None


def _fragments(ds: Dataset, total: int, numbers: list[int]) -> list[bytes]:
    from pydicom.encaps import generate_frames

    try:
        found = list(generate_frames(ds.PixelData, number_of_frames=total))
        return [found[number - 1] for number in numbers]
    except (ValueError, IndexError):
        raise DecodeError("the pixel data of this instance is damaged") from None


def _slices(ds: Dataset, total: int, numbers: list[int]) -> list[bytes]:
    bits = int(ds.Rows) * int(ds.Columns) * int(ds.get("SamplesPerPixel") or 1) * int(ds.BitsAllocated)
    data: bytes = ds.PixelData
    if len(data) * 8 < bits * total:
        raise DecodeError("the pixel data of this instance is truncated")
    if bits % 8:
        return [_one_bit(data, bits, number) for number in numbers]
    size = bits // 8
    found = [data[size * (number - 1) : size * number] for number in numbers]
    if ds.original_encoding[1] is False and int(ds.BitsAllocated) == 16:
        import numpy as np

        return [np.frombuffer(one, ">u2").astype("<u2").tobytes() for one in found]
    return found


def _one_bit(data: bytes, bits: int, number: int) -> bytes:
    """Return a frame of single bits that does not begin at a byte, moved so that it does (PS3.5 8.1.1)."""
    import numpy as np

    first = bits * (number - 1)
    held = np.frombuffer(data[first // 8 : (first + bits + 7) // 8], np.uint8)
    loose = np.unpackbits(held, bitorder="little")[first % 8 : first % 8 + bits]
    return np.packbits(loose, bitorder="little").tobytes()


def in_syntax(path: Path, stored: str, wanted: str) -> tuple[bytes | None, str]:
    """Return (a file's bytes in a transfer syntax, that syntax); None where the file as it lies is what is wanted.

    Args:
        path: the file.
        stored: the transfer syntax it is stored in.
        wanted: '*' for as it is, '' for the default of DICOMweb (Explicit VR Little Endian), or a UID.

    Raises:
        RequestError: 406 where it cannot be given so.
    """
    target = wanted or PLAIN
    if target in ("*", stored):
        return None, stored
    if target != PLAIN:
        raise RequestError(
            406, "The archive sends files as they are stored or in Explicit VR Little Endian.", "Accept one of these."
        )
    try:
        return _encoded(path, stored), PLAIN
    except HilumError as error:
        raise RequestError(
            406, f"This instance cannot be sent uncompressed: {error}", "Accept transfer-syntax=*."
        ) from None


def _encoded(path: Path, stored: str) -> bytes:
    from pydicom import dcmwrite
    from pydicom.uid import UID

    ds = _read(path)
    ds = ds if stored in NATIVE or "PixelData" not in ds else _plain(path, ds)
    if stored == "1.2.840.10008.1.2.2" and "PixelData" in ds:
        total = int(ds.get("NumberOfFrames") or 1)
        ds.PixelData = b"".join(_slices(ds, total, list(range(1, total + 1))))
    ds.file_meta.TransferSyntaxUID = UID(PLAIN)
    buffer = BytesIO()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            dcmwrite(buffer, ds, implicit_vr=False, little_endian=True, enforce_file_format=True)
    except Exception as error:  # what a damaged value does to a writer
        raise DecodeError(f"it cannot be written again ({type(error).__name__})") from None
    return buffer.getvalue()


def _plain(path: Path, ds: Dataset) -> Dataset:
    """Return the dataset with its pixels uncompressed; the decoder is told what the codestream says, not the header."""
    from pydicom.uid import UID

    if str(ds.file_meta.TransferSyntaxUID) == _RLE:  # decoded in Python, so a damaged one ends nothing
        try:
            ds.decompress(decoding_plugin="pydicom", generate_instance_uid=False)
        except Exception as error:
            raise DecodeError(f"its pixel data is damaged ({type(error).__name__})") from None
        return ds
    from hilum.io import dicom

    stored = dicom.stored_pixels(
        dicom.read_header(path, limits=LIMITS, name="the instance"), limits=LIMITS, slices=True
    )
    wide = int(ds.BitsAllocated) > 8
    ds.PixelData = stored.astype("<u2" if wide else "u1", casting="unsafe").tobytes()
    ds["PixelData"].VR = "OW" if wide else "OB"
    ds["PixelData"].is_undefined_length = False
    if stored.ndim == 3:
        ds.PhotometricInterpretation, ds.PlanarConfiguration = "RGB", 0
    ds.file_meta.TransferSyntaxUID = UID(PLAIN)
    return ds


def picture(
    path: Path, *, kind: str, window: Any = None, box: tuple[int, int] | None = None, quality: int = 90
) -> bytes:
    """Return a film as a viewer shows it.

    Args:
        path: a file of the archive.
        kind: 'image/png' or 'image/jpeg'.
        window: a `Window` in place of the film's own.
        box: the most (columns, rows) of the picture, its proportions kept; None for full size.
        quality: of a JPEG, 1 to 100.

    Raises:
        RefusedError: if it is no single picture; DecodeError, TooLargeError: if it cannot be decoded.
    """
    from dataclasses import replace

    import numpy as np
    from PIL import Image as Picture

    from hilum.io import dicom

    film = dicom.read_image(path, limits=LIMITS, name="the instance")
    if window is not None:
        film = replace(film, window=window)
    shown = Picture.fromarray(np.rint(film.display() * 255).astype(np.uint8))
    if box is not None:
        scale = min(box[0] / shown.width, box[1] / shown.height)
        size = (max(1, round(shown.width * scale)), max(1, round(shown.height * scale)))
        shown = shown.resize(size, Picture.Resampling.LANCZOS)
    buffer = BytesIO()
    if kind == "image/png":
        shown.save(buffer, "PNG", compress_level=3)
    else:
        shown.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()
