"""Run an ONNX session over many films, one at a time, keeping what is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from hilum.core.geometry import Letterbox
from hilum.learn.frame import frame
from hilum.learn.onnx import Session

Kept = TypeVar("Kept")
Outputs = dict[str, NDArray[np.float32]]


def one(session: Session, display: NDArray[np.float32], *, size: int) -> tuple[Outputs, Letterbox]:
    """Return a display image's outputs, without the batch axis, and its letterbox."""
    square, box = frame(display, size)
    return {name: value[0] for name, value in session(square[None, None]).items()}, box


def each(
    session: Session,
    displays: Iterable[NDArray[np.float32]],
    keep: Callable[[Outputs, Letterbox, NDArray[np.float32]], Kept],
    *,
    size: int,
) -> list[Kept]:
    """Return `keep(outputs, letterbox, display)` for every display image, in order; one film is in memory at a time."""
    found = []
    for display in displays:
        outputs, box = one(session, display, size=size)
        found.append(keep(outputs, box, display))
    return found
