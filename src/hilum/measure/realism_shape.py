"""What a frontal film's lungs look like as shapes and levels: area, box, contrast."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import InputError
from hilum.measure.pictures import Floats, unit

MIDLINE = 0.04
"""Half the width of the strip of mediastinum over the width of the lungs' box."""


@dataclass(frozen=True)
class LungShape:
    """Shape of the lungs on a film.

    Args:
        area: share of the frame that is lung.
        aspect: height over width of the box around both lungs, in pixels.
        width: width of that box over the frame's.
    """

    area: float
    aspect: float
    width: float


def _box(lungs: NDArray[Any]) -> tuple[NDArray[np.bool_], int, int, int, int]:
    mask = np.asarray(lungs).astype(bool)
    if mask.ndim != 2 or not mask.any():
        raise InputError(f"a lung mask must be (H, W) with some lung in it, got {mask.shape} with {int(mask.sum())}")
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return mask, int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1


def lung_shape(lungs: NDArray[Any]) -> LungShape:
    """Return the shape of the lungs from their mask (H, W).

    Raises:
        InputError: if the mask is empty or not (H, W).
    """
    mask, top, bottom, left, right = _box(lungs)
    return LungShape(float(mask.mean()), (bottom - top) / (right - left), (right - left) / mask.shape[1])


def lung_contrast(image: Any, lungs: NDArray[Any], data_range: float | None = None) -> float:
    """Return how much brighter the mediastinum is than the lungs, over the film's range from 5 to 95 %.

    Args:
        image: film (H, W), bone bright.
        lungs: mask (H, W); its darker half stands for lung, as masks hold what lies behind the heart too.
        data_range: see `pictures.unit`.

    Raises:
        InputError: if the mask is empty or of another size, or the film constant.
    """
    film, lung, middle = _levels(image, lungs, data_range)
    low, high = np.percentile(film, [5, 95])
    if high - low < 1e-6:
        raise InputError("a constant film has no contrast")
    return float((middle - lung) / (high - low))


def _levels(image: Any, lungs: NDArray[Any], data_range: float | None) -> tuple[Floats, float, float]:
    """The film, and its levels in lung and mediastinum."""
    film = unit(image, data_range)
    mask, top, bottom, left, right = _box(lungs)
    if mask.shape != film.shape:
        raise InputError(f"the film is {film.shape} and the lung mask {mask.shape}: bring them to one size")
    half, centre = max(1, round(MIDLINE * (right - left))), (left + right) // 2
    strip = film[top + (bottom - top) // 3 : top + 4 * (bottom - top) // 5, centre - half : centre + half + 1]
    return film, float(np.percentile(film[mask], 25)), float(np.median(strip))
