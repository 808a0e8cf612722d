"""A film as a chat endpoint is sent it: grey values alone, as the data URL of a PNG that carries no words.

Only arrays go in. A file's header, its name and its UIDs cannot travel, because they are never here.
"""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import InputError
from hilum.io.png import png_bytes

LONGEST_PX = 1024
_HEAD = "data:image/png;base64,"


def sendable(shown: NDArray[Any], longest: int = LONGEST_PX) -> NDArray[np.uint8]:
    """Return a film's display values as the bytes to send: averaged down where it is larger, never enlarged.

    Args:
        shown: (H, W) in [0, 1], 0 black, as `Image.display` gives them.
        longest: most pixels of a side, 16 or more.

    Returns:
        (h, w) uint8 with the film's own proportions.

    Raises:
        InputError: if it is no such array.
    """
    if longest < 16:
        raise InputError(f"a film is sent with 16 pixels a side or more, got {longest}")
    array = np.asarray(shown)
    if array.ndim != 2 or 0 in array.shape or array.dtype.kind != "f" or not np.isfinite(array).all():
        raise InputError(f"a film is sent as finite display values (H, W) in [0, 1], got {array.dtype} {array.shape}")
    if array.min() < 0 or array.max() > 1:
        raise InputError(f"display values lie in [0, 1], got {array.min():g} to {array.max():g}")
    grey: NDArray[np.uint8] = np.rint(array * 255).astype(np.uint8)
    scale = longest / max(grey.shape)
    if scale >= 1:
        return grey
    from PIL import Image as Picture

    height, width = (max(1, round(side * scale)) for side in grey.shape)
    smaller = Picture.fromarray(grey).resize((width, height), Picture.Resampling.BOX)
    made: NDArray[np.uint8] = np.asarray(smaller, dtype=np.uint8)
    return made


def data_url(grey: NDArray[np.uint8]) -> str:
    """Return a grey picture as 'data:image/png;base64,...'; the PNG holds pixels and nothing else.

    Raises:
        InputError: if it is not (H, W) uint8.
    """
    if grey.dtype != np.uint8:
        raise InputError(f"a picture is sent as uint8 grey values, got {grey.dtype}")
    return _HEAD + b64encode(png_bytes(grey)).decode("ascii")
