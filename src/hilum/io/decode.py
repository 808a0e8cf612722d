"""Pixel data to stored values: every length and header is checked before a decoder sees a byte."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import DecodeError, MissingError, RefusedError
from hilum.io.codestream import Codestream, check_end, inspect, read_fragments
from hilum.io.huffman import check_lossless
from hilum.io.tags import integer, text

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

IMPLICIT, EXPLICIT, DEFLATED, BIG_ENDIAN = (
    "1.2.840.10008.1.2",
    "1.2.840.10008.1.2.1",
    "1.2.840.10008.1.2.1.99",
    "1.2.840.10008.1.2.2",
)
RLE = "1.2.840.10008.1.2.5"
_NATIVE = frozenset({IMPLICIT, EXPLICIT, DEFLATED, BIG_ENDIAN})
_BASELINE, _EXTENDED, _LOSSLESS = "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51", "1.2.840.10008.1.2.4.70"
_LS, _J2K = "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.90"

# One decoder per syntax, so that damaged data is not handed from one native library to the next.
_PROCESS: dict[str, tuple[tuple[str, ...], str]] = {
    _BASELINE: (("baseline", "extended"), "pillow"),
    _EXTENDED: (("baseline", "extended"), "pillow"),
    "1.2.840.10008.1.2.4.57": (("lossless",), "gdcm"),
    _LOSSLESS: (("lossless",), "gdcm"),
    _LS: (("JPEG-LS",), "pyjpegls"),
    "1.2.840.10008.1.2.4.81": (("JPEG-LS",), "pyjpegls"),
    _J2K: (("JPEG 2000",), "pylibjpeg"),
    "1.2.840.10008.1.2.4.91": (("JPEG 2000",), "pylibjpeg"),
    "1.2.840.10008.1.2.4.201": (("JPEG 2000",), "pylibjpeg"),
    "1.2.840.10008.1.2.4.202": (("JPEG 2000",), "pylibjpeg"),
    "1.2.840.10008.1.2.4.203": (("JPEG 2000",), "pylibjpeg"),
}
_GUESS = {"baseline": _BASELINE, "extended": _EXTENDED, "lossless": _LOSSLESS, "JPEG-LS": _LS, "JPEG 2000": _J2K}
_PHOTOMETRIC = {1: ("MONOCHROME1", "MONOCHROME2", ""), 3: ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT", "")}


@dataclass(frozen=True)
class PixelPlace:
    """Where a file keeps its pixel data: byte offset, byte length (None for fragments), value representation."""

    offset: int
    length: int | None
    vr: str


def check_description(ds: Dataset) -> tuple[int, int, int]:
    """Return (rows, columns, samples per pixel) of a single-frame header.

    Raises:
        RefusedError: if there are several frames or a palette.
        DecodeError: if a needed attribute is missing or not one pixels can have.
    """
    frames = integer(ds, "NumberOfFrames", 1) or 1
    if frames > 1:
        raise RefusedError(f"it holds {frames} frames; a radiograph has one. Export the frame you need as its own file")
    found = {name: integer(ds, name) for name in ("Rows", "Columns", "BitsAllocated")}
    for name, value in found.items():
        if not value or value < 1:
            came = "is missing" if value is None else f"is {value}"
            raise DecodeError(f"its {name} {came}; pixels cannot be laid out without it")
    if found["BitsAllocated"] not in (8, 16):
        raise DecodeError(f"its pixels have {found['BitsAllocated']} bits allocated; expected 8 or 16")
    samples = integer(ds, "SamplesPerPixel", 1) or 1
    photometric = text(ds, "PhotometricInterpretation").upper()
    if photometric not in _PHOTOMETRIC.get(samples, ()):
        raise RefusedError(
            f"its pixels are {photometric or 'of no stated kind'} with {samples} sample(s) each; "
            "expected greyscale (MONOCHROME1, MONOCHROME2) or RGB"
        )
    return int(found["Rows"] or 0), int(found["Columns"] or 0), samples


def read_stored(stream: BinaryIO, ds: Dataset, place: PixelPlace, syntax: str) -> NDArray[Any]:
    """Return raw words (H, W) or 8 bit colour (H, W, 3) of one frame.

    Args:
        stream: the file, or its inflated form.
        ds: its header, checked by `check_description`.
        place: where the pixel data is.
        syntax: Transfer Syntax UID; '' to go by the data.

    Raises:
        DecodeError: if the data is truncated, damaged, or of a syntax that cannot be read.
        MissingError: if it needs a decoder that is not installed.
    """
    rows, columns, samples = check_description(ds)
    size = stream.seek(0, 2)
    stream.seek(place.offset)
    if place.length is not None:
        if syntax and syntax not in _NATIVE:
            raise DecodeError("its transfer syntax is compressed but its pixel data is not in fragments")
        return _read_native(stream, ds, place, size - place.offset, syntax)
    frame = read_fragments(stream, size)
    if not frame:
        raise DecodeError("its pixel data is empty")
    syntax = syntax if syntax not in _NATIVE and syntax else _GUESS[inspect(frame).process]
    if syntax == RLE:
        return _decode(
            ds, frame, syntax, "pydicom", (integer(ds, "BitsAllocated") or 8, (rows, columns, samples), False)
        )
    if syntax not in _PROCESS:
        raise DecodeError(
            f"its transfer syntax {syntax_name(syntax)} is not one Hilum reads; convert it to Explicit VR Little Endian"
        )
    header = _agreed_header(frame, syntax, (rows, columns, samples))
    if header.process == "lossless":
        frame = check_lossless(frame)
    if syntax == _EXTENDED and header.precision > 8:
        return _decode_12_bit(frame)
    return _decode(ds, frame, syntax, _PROCESS[syntax][1], (header.precision, (rows, columns, samples), header.signed))


def syntax_name(syntax: str) -> str:
    """Return a transfer syntax's name for people, or its UID."""
    from pydicom.uid import UID

    return str(UID(syntax).name)


def luminance(colour: NDArray[Any]) -> NDArray[np.float32]:
    """Return ITU-R BT.601 luminance float32 (H, W) of RGB (H, W, 3); grey stays exactly what it was."""
    weighted = colour[..., 0] * np.float64(299) + colour[..., 1] * np.float64(587) + colour[..., 2] * np.float64(114)
    return (weighted / 1000).astype(np.float32)


def _agreed_header(frame: bytes, syntax: str, shape: tuple[int, int, int]) -> Codestream:
    """Return the codestream's header where it agrees with the file's; decoders crash where it does not."""
    header, process = inspect(frame), _PROCESS[syntax][0]
    if header.process not in process:
        raise DecodeError(f"its pixel data is {header.process} but its transfer syntax says {syntax_name(syntax)}")
    if (header.rows, header.columns, header.components) != shape:
        raise DecodeError(
            f"its header declares {shape[0]} x {shape[1]} pixels of {shape[2]} sample(s), its pixel data holds "
            f"{header.rows} x {header.columns} of {header.components}"
        )
    lowest = 8 if header.process == "lossless" else 2  # below 8, gdcm ends the process
    if not lowest <= header.precision <= 16:
        raise DecodeError(f"its pixel data has {header.precision} bits per sample, expected {lowest} to 16")
    check_end(frame)
    return header


def _read_native(stream: BinaryIO, ds: Dataset, place: PixelPlace, left: int, syntax: str) -> NDArray[Any]:
    rows, columns, samples = check_description(ds)
    photometric, bits = text(ds, "PhotometricInterpretation").upper(), integer(ds, "BitsAllocated") or 16
    per_pixel = 2 if photometric == "YBR_FULL_422" else samples
    needed = rows * columns * per_pixel * bits // 8
    here = min(left, place.length or 0)
    if here < needed:
        raise DecodeError(f"its pixel data is truncated: {needed} bytes expected, {here} found")
    data = stream.read(needed)
    big = syntax == BIG_ENDIAN
    if samples > 1:
        return _native_colour(ds, data, (rows, columns), photometric, bits)
    if bits == 16:
        words: NDArray[Any] = np.frombuffer(data, dtype=">u2" if big else "<u2").astype(np.uint16, copy=False)
        return words.reshape(rows, columns)
    if big and place.vr == "OW":  # PS3.5 8.1.1: two 8 bit pixels share a word whose bytes are swapped
        data = (data + stream.read(needed % 2)).ljust(needed + needed % 2, b"\x00")
        return (
            np.frombuffer(data, np.uint8).reshape(-1, 2)[:, ::-1].reshape(-1)[: rows * columns].reshape(rows, columns)
        )
    return np.frombuffer(data, dtype=np.uint8).reshape(rows, columns)


def _native_colour(ds: Dataset, data: bytes, shape: tuple[int, int], photometric: str, bits: int) -> NDArray[Any]:
    rows, columns = shape
    if bits != 8:
        raise RefusedError("its colour pixels have more than 8 bits per sample, which no radiograph needs")
    flat = np.frombuffer(data, dtype=np.uint8)
    if photometric == "YBR_FULL_422":  # luminance is every first and second of four bytes: Y Y Cb Cr
        if columns % 2:
            raise DecodeError("its YBR_FULL_422 pixels need an even number of columns")
        return np.repeat(flat.reshape(rows, columns // 2, 4)[:, :, :2].reshape(rows, columns, 1), 3, axis=2)
    planes = integer(ds, "PlanarConfiguration", 0) == 1
    colour = np.moveaxis(flat.reshape(3, rows, columns), 0, 2) if planes else flat.reshape(rows, columns, 3)
    return np.repeat(colour[..., :1], 3, axis=2) if photometric.startswith("YBR") else colour


def _decode(
    ds: Dataset, frame: bytes, syntax: str, plugin: str, form: tuple[int, tuple[int, int, int], bool]
) -> NDArray[Any]:
    """Decode through pydicom, described by the codestream rather than by a header that may lie."""
    from pydicom.dataset import Dataset as NewDataset
    from pydicom.dataset import FileMetaDataset
    from pydicom.encaps import encapsulate
    from pydicom.pixels.decoders.base import get_decoder
    from pydicom.uid import UID

    precision, (rows, columns, samples), signed = form
    small = NewDataset()
    small.file_meta = FileMetaDataset()
    small.file_meta.TransferSyntaxUID = UID(syntax)
    small.Rows, small.Columns, small.SamplesPerPixel = rows, columns, samples
    small.PhotometricInterpretation = text(ds, "PhotometricInterpretation").upper() or (
        "MONOCHROME2" if samples == 1 else "RGB"
    )
    small.BitsAllocated = 8 if precision <= 8 else 16
    small.BitsStored, small.HighBit = precision, precision - 1
    small.PixelRepresentation = int(signed)
    if samples > 1:
        small.PlanarConfiguration = integer(ds, "PlanarConfiguration", 0)
    small.PixelData = encapsulate([frame])
    small["PixelData"].VR = "OB"
    small["PixelData"].is_undefined_length = True
    _quiet(plugin)
    decoded, _ = get_decoder(UID(syntax)).as_array(small, index=0, decoding_plugin=plugin)
    expected = (rows, columns) if samples == 1 else (rows, columns, samples)
    if decoded.shape != expected:
        raise DecodeError(f"its pixel data decodes to {decoded.shape}, expected {expected}")
    if samples > 1 and decoded.dtype != np.uint8:
        raise RefusedError("its colour pixels have more than 8 bits per sample, which no radiograph needs")
    return np.asarray(decoded)


def _quiet(plugin: str) -> None:
    if plugin == "gdcm":
        import gdcm

        gdcm.Trace.WarningOff()
        gdcm.Trace.ErrorOff()


def _decode_12_bit(frame: bytes) -> NDArray[Any]:
    try:
        import imagecodecs  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        raise MissingError(
            "12 bit JPEG Extended pixel data needs the package 'imagecodecs', which is not installed. "
            "Install it with: pip install imagecodecs."
        ) from None
    decoded: NDArray[Any] = np.asarray(imagecodecs.jpeg_decode(frame))
    return decoded.astype(np.uint16, copy=False)
