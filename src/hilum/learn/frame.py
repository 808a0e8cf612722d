"""The one way a film becomes network input, shared by training and inference; numpy and Pillow only."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture

from hilum.core.errors import InputError
from hilum.core.geometry import Letterbox

Frame = NDArray[np.float32]
Field = TypeVar("Field", NDArray[np.float32], NDArray[np.uint8])


def stretch(display: Frame, *, low: float = 0.5, high: float = 99.5) -> Frame:
    """Map the given percentiles of a display image (H, W) to 0 and 1; a flat image becomes zero."""
    step = max(1, int(np.sqrt(display.size / 65536)))
    floor, ceiling = np.percentile(display[::step, ::step], (low, high))
    if ceiling - floor < 1e-4:
        return np.zeros_like(display)
    stretched: Frame = np.clip((display - floor) / (ceiling - floor), 0.0, 1.0).astype(np.float32)
    return stretched


def frame(display: Frame, size: int) -> tuple[Frame, Letterbox]:
    """Letterbox a display image into a square.

    Args:
        display: float32 (H, W) in [0, 1], 0 black.
        size: side of the square in pixels.

    Returns:
        float32 (size, size) in [0, 1] and the map between source and frame pixels.

    Raises:
        InputError: if the image is not 2-D.
    """
    if display.ndim != 2:
        raise InputError(f"a film must be (H, W), got shape {display.shape}")
    box = Letterbox(display.shape[0], display.shape[1], size)
    rows, columns = box.inner
    top, left = box.pad
    picture = Picture.fromarray(np.ascontiguousarray(display, dtype=np.float32))
    small = np.asarray(picture.resize((columns, rows), Picture.Resampling.BILINEAR, reducing_gap=3.0))
    square = np.zeros((size, size), dtype=np.float32)
    square[top : top + rows, left : left + columns] = stretch(small)
    return square, box


def unframe(square: Field, box: Letterbox) -> Field:
    """Map a frame-sized field (size, size), float32 or uint8, back to source pixels, bilinear: (H, W) alike."""
    rows, columns = box.inner
    top, left = box.pad
    inner = np.ascontiguousarray(square[top : top + rows, left : left + columns])
    picture = Picture.fromarray(inner)
    return np.asarray(picture.resize((box.width, box.height), Picture.Resampling.BILINEAR))
