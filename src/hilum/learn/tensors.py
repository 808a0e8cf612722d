"""The safetensors format for numpy arrays, read and written without the package: a length, a JSON header, the bytes.

Only float32 is written and read, which is all that small parts beside an ONNX network need.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import InputError

Named = Mapping[str, NDArray[np.float32]]
_HEADER_LIMIT = 1 << 20


def packed(arrays: Named) -> bytes:
    """Return arrays as the bytes of a safetensors file; the same arrays give the same bytes."""
    header: dict[str, object] = {}
    body, place = [], 0
    for name in sorted(arrays):
        data = np.ascontiguousarray(arrays[name], "<f4").tobytes()
        header[name] = {"dtype": "F32", "shape": list(arrays[name].shape), "data_offsets": [place, place + len(data)]}
        body.append(data)
        place += len(data)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # the format asks for aligned data
    return len(text).to_bytes(8, "little") + text + b"".join(body)


def unpacked(data: bytes, what: str) -> dict[str, NDArray[np.float32]]:
    """Return the arrays of a safetensors file.

    Args:
        data: its bytes.
        what: the file as an error names it.

    Raises:
        InputError: if it is cut, damaged, or holds other numbers than float32.
    """
    length = int.from_bytes(data[:8], "little")
    if len(data) < 8 or length > min(_HEADER_LIMIT, len(data) - 8):
        raise InputError(f"{what} is no safetensors file, or is cut short ({len(data)} bytes): copy it anew")
    try:
        header = json.loads(data[8 : 8 + length])
        return {
            name: _array(entry, data[8 + length :], name, what)
            for name, entry in header.items()
            if name != "__metadata__"
        }
    except (ValueError, KeyError, TypeError, AttributeError):
        raise InputError(f"{what} has a damaged header: copy it anew") from None


def _array(entry: Mapping[str, Any], body: bytes, name: str, what: str) -> NDArray[np.float32]:
    if entry["dtype"] != "F32":
        raise InputError(f"{what} holds '{name}' as {entry['dtype']}, expected F32: write it with hilum.learn.gate")
    shape: list[int] = [int(side) for side in entry["shape"]]
    start, end = (int(place) for place in entry["data_offsets"])
    if not 0 <= start <= end <= len(body) or end - start != 4 * int(np.prod(shape, dtype=np.int64)):
        raise InputError(f"{what} is cut short or damaged at '{name}': copy it anew")
    return np.frombuffer(body[start:end], "<f4").reshape(shape).astype(np.float32)
