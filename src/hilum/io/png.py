"""Grey PNG files with words about their pixels: 16 bit for values, 1 bit for masks."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import InputError
from hilum.io.save import save_bytes


def png_bytes(pixels: NDArray[Any], *, words: Mapping[str, str] | None = None) -> bytes:
    """Return a picture as the bytes of a grey PNG file.

    Args:
        pixels: (H, W) uint16, uint8 or bool.
        words: keyword to text, kept in the file (PNG tEXt), e.g. {'Comment': 'synthetic'}.

    Raises:
        InputError: if the pixels have another type.
    """
    from PIL import Image as Picture
    from PIL.PngImagePlugin import PngInfo

    if pixels.ndim != 2 or pixels.dtype not in (np.uint16, np.uint8, np.bool_):
        raise InputError(f"a grey PNG needs uint16, uint8 or bool pixels (H, W), got {pixels.dtype} {pixels.shape}")
    told = PngInfo()
    for keyword, text in (words or {}).items():
        told.add_text(keyword, text)
    buffer = BytesIO()
    Picture.fromarray(np.ascontiguousarray(pixels)).save(buffer, "PNG", pnginfo=told)
    return buffer.getvalue()


def save_png(pixels: NDArray[Any], path: str | Path, *, words: Mapping[str, str] | None = None) -> Path:
    """Write a picture as grey PNG, whole or not at all.

    Args:
        pixels: (H, W) uint16, uint8 or bool.
        path: where to.
        words: as `png_bytes` takes them.

    Raises:
        InputError: if the pixels have another type, or the place cannot be written.
    """
    return save_bytes(png_bytes(pixels, words=words), path)


def png_words(path: str | Path) -> dict[str, str]:
    """Return the texts kept in a PNG file by keyword."""
    from PIL import Image as Picture

    with Picture.open(path, formats=("PNG",)) as picture:
        picture.load()
        return {str(key): value for key, value in picture.info.items() if isinstance(value, str)}
