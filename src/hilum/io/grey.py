"""The grey-scale pipeline of PS3.3: stored values -> modality LUT -> VOI; polarity is left to `Image.display`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import DecodeError, InputError
from hilum.core.image import Lut, Pixels, VoiFunction, Window
from hilum.io.tags import integer, items, numbers, text, values

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_FUNCTIONS: dict[str, VoiFunction] = {"LINEAR": "LINEAR", "LINEAR_EXACT": "LINEAR_EXACT", "SIGMOID": "SIGMOID"}


def stored_values(ds: Dataset, raw: NDArray[Any]) -> NDArray[Any]:
    """Return whole stored values from raw words: bits outside Bits Stored dropped, sign extended.

    Args:
        ds: header with Bits Allocated, Bits Stored, High Bit and Pixel Representation.
        raw: integers (H, W) as read, 8 or 16 bits each.

    Returns:
        Integers (H, W), int32 where signed.
    """
    allocated = raw.dtype.itemsize * 8
    bits = integer(ds, "BitsStored", allocated) or allocated
    if not 1 <= bits <= 16:
        raise DecodeError(f"it declares {bits} bits stored, which is not possible for 8 or 16 bit pixels")
    high = integer(ds, "HighBit")
    high = bits - 1 if high is None or not bits - 1 <= high < 16 else high
    signed = integer(ds, "PixelRepresentation", 0) == 1
    bits = min(bits, allocated)
    shift = max(0, min(high, allocated - 1) - bits + 1)
    if not signed and bits == allocated and raw.dtype.kind == "u":
        return raw
    whole = (raw.astype(np.int32) >> shift) & ((1 << bits) - 1)
    return np.where(whole >> (bits - 1), whole - (1 << bits), whole) if signed else whole


def modality_values(ds: Dataset, stored: NDArray[Any]) -> Pixels:
    """Return modality values float32 (H, W): Modality LUT Sequence where there is one, else rescale.

    Raises:
        DecodeError: if the LUT is damaged or the values leave the range of float32.
    """
    for item in items(ds, "ModalityLUTSequence")[:1]:
        first, entries, _ = _table(ds, item, "Modality LUT", signed_input=integer(ds, "PixelRepresentation", 0) == 1)
        index = np.clip(stored.astype(np.int32) - first, 0, entries.size - 1)
        return entries.astype(np.float32)[index]
    slope, intercept = rescale(ds)
    with np.errstate(over="ignore", invalid="ignore"):
        result = stored.astype(np.float32)
        if (slope, intercept) != (1.0, 0.0):
            result = (stored * slope + intercept).astype(np.float32)
    if not np.isfinite(result).all():
        raise DecodeError(f"its rescale slope {slope:g} and intercept {intercept:g} give values that are not finite")
    return result


def rescale(ds: Dataset) -> tuple[float, float]:
    """Return (slope, intercept); (1, 0) where absent, and slope 1 where it is zero or no number."""
    slope, intercept = numbers(ds, "RescaleSlope"), numbers(ds, "RescaleIntercept")
    return (slope[0] if slope and slope[0] != 0 else 1.0, intercept[0] if intercept else 0.0)


def voi(ds: Dataset) -> tuple[Window | Lut | None, tuple[str, ...]]:
    """Return the first VOI transformation of a header, or None for the pixels' own range, with notes for the reader.

    A VOI LUT Sequence goes before a window. A window that cannot be applied is ignored, and the note says so.
    """
    notes: list[str] = []
    for item in items(ds, "VOILUTSequence")[:1]:
        table = _voi_lut(ds, item)
        if isinstance(table, Lut):
            return table, ()
        notes.append(f"The VOI LUT was ignored: {table}.")
    center, width = numbers(ds, "WindowCenter"), numbers(ds, "WindowWidth")
    if not (values(ds, "WindowCenter") or values(ds, "WindowWidth")):
        return None, tuple(notes)
    function = _FUNCTIONS.get(text(ds, "VOILUTFunction").upper() or "LINEAR", "LINEAR")
    try:
        return Window(center[0], width[0], function), tuple(notes)
    except (IndexError, InputError):
        shown = f"{text(ds, 'WindowCenter') or 'none'}/{text(ds, 'WindowWidth') or 'none'}"
        notes.append(f"The window {shown} cannot be applied and was ignored; the pixels' own range is shown.")
        return None, tuple(notes)


def _voi_lut(ds: Dataset, item: Dataset) -> Lut | str:
    """Return a VOI LUT scaled to [0, 1], or why it cannot be applied."""
    signed = integer(ds, "PixelRepresentation", 0) == 1 or rescale(ds)[1] < 0
    signed = signed and not items(ds, "ModalityLUTSequence")
    try:
        first, entries, bits = _table(ds, item, "VOI LUT", signed_input=signed)
    except DecodeError as error:
        return str(error)
    top = max(float(entries.max()), 2.0**bits - 1)
    return Lut(float(first), (entries / top).astype(np.float32))


def polarity(ds: Dataset) -> tuple[bool, tuple[str, ...]]:
    """Return whether low values are bright (MONOCHROME1), with a note where Presentation LUT Shape contradicts it."""
    inverted = text(ds, "PhotometricInterpretation").upper() == "MONOCHROME1"
    shape = text(ds, "PresentationLUTShape").upper()
    if shape in ("IDENTITY", "INVERSE") and (shape == "INVERSE") != inverted:
        named = text(ds, "PhotometricInterpretation") or "MONOCHROME2 (assumed)"
        return inverted, (
            f"Presentation LUT Shape {shape} contradicts {named}; the photometric interpretation was used.",
        )
    return inverted, ()


def without_padding(ds: Dataset, stored: NDArray[Any], pixels: Pixels) -> Pixels:
    """Return pixels whose padding is pulled to the edge of the real range, so that it does not widen a default window.

    Padding values (0028,0120-0121) are no measurements; under a window over the real range they look the same.
    """
    padding = integer(ds, "PixelPaddingValue")
    if padding is None:
        return pixels
    limit = integer(ds, "PixelPaddingRangeLimit", padding)
    edges = [_as_stored(ds, value) for value in (padding, padding if limit is None else limit)]
    outside = (stored >= min(edges)) & (stored <= max(edges))
    if not outside.any() or outside.all():
        return pixels
    real = pixels[~outside]
    result = pixels.copy()
    result[outside] = np.clip(pixels[outside], real.min(), real.max())
    return result


def _as_stored(ds: Dataset, value: int) -> int:
    bits = integer(ds, "BitsAllocated", 16) or 16
    value &= (1 << bits) - 1
    return value - (1 << bits) if integer(ds, "PixelRepresentation", 0) == 1 and value >> (bits - 1) else value


def _table(ds: Dataset, item: Dataset, name: str, *, signed_input: bool) -> tuple[int, NDArray[Any], int]:
    """Return (first mapped value, entries, bits per entry) of a LUT item (PS3.3 C.11.1.1)."""
    descriptor = [int(value) & 0xFFFF for value in numbers(item, "LUTDescriptor")]
    if len(descriptor) != 3:
        raise DecodeError(f"its {name} has no descriptor of three numbers")
    count, first, bits = descriptor[0] or 65536, descriptor[1], descriptor[2]
    first = first - 65536 if signed_input and first >= 32768 else first
    if not 1 <= bits <= 16:
        raise DecodeError(f"its {name} declares {bits} bits per entry, expected 8 to 16")
    data = item.get("LUTData")
    if isinstance(data, (bytes, bytearray)):
        packed = bits <= 8 and len(data) < 2 * count
        order = "<" if getattr(ds, "original_encoding", (None, True))[1] is not False else ">"
        entries = np.frombuffer(
            data, dtype=np.uint8 if packed else f"{order}u2", count=len(data) // (1 if packed else 2)
        )
    else:
        entries = np.array([int(value) & 0xFFFF for value in values(item, "LUTData")], dtype=np.uint16)
    if entries.size < count:
        raise DecodeError(f"its {name} holds {entries.size} entries, {count} declared")
    return first, entries[:count], bits
