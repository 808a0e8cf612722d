"""What a frontal film's lungs and heart look like as shapes and levels: area, box, cardiothoracic ratio, contrast."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import InputError
from hilum.measure.pictures import Floats, unit

HEART_ROWS, MIDLINE, FREE = (0.40, 0.98), 0.04, 0.2
"""Rows of the lungs' box in which heart borders are looked for, half the width of the midline's strip over the box's
width, and the least share of a row that must be dark lung for the row to count."""


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
    film, lung, middle, _ = _levels(image, lungs, data_range)
    low, high = np.percentile(film, [5, 95])
    if high - low < 1e-6:
        raise InputError("a constant film has no contrast")
    return float((middle - lung) / (high - low))


def silhouette_ctr(image: Any, lungs: NDArray[Any], data_range: float | None = None) -> float:
    """Return the cardiothoracic ratio of a frontal film from grey levels within the lungs' box.

    In the lower part of the lungs' box, the bright run around the midline ends where the film falls half-way from
    mediastinum to lung. The furthest ends to either side, each in any row that still has dark lung beside the heart,
    over the lungs' widest extent. What is white beside the heart (effusion, consolidation) widens it.

    Args:
        image: film (H, W), bone bright.
        lungs: mask (H, W) that may hold or leave out the lung behind the heart.
        data_range: see `pictures.unit`.

    Returns:
        a ratio in (0, 1), NaN where no row shows a heart border on both sides.

    Raises:
        InputError: if the mask is empty or of another size.
    """
    from scipy.ndimage import gaussian_filter

    film, lung, middle, (top, bottom, left, right) = _levels(image, lungs, data_range)
    mask = np.asarray(lungs).astype(bool)
    bright = gaussian_filter(film, max(film.shape) / 160) > (lung + middle) / 2
    centre, reach = (left + right) // 2, list[list[int]]([[], []])
    for row in range(top + int(HEART_ROWS[0] * (bottom - top)), top + int(HEART_ROWS[1] * (bottom - top))):
        inside = np.flatnonzero(mask[row])
        if not inside.size or not bright[row, centre]:
            continue
        for side, line in enumerate((bright[row, inside[0] : centre + 1][::-1], bright[row, centre : inside[-1] + 1])):
            dark = np.flatnonzero(~line)
            if dark.size and (~line).mean() >= FREE:
                reach[side].append(int(dark[0]))
    if not all(reach):
        return float("nan")
    return float(sum(np.percentile(each, 95) for each in reach) / (right - left))


def _levels(
    image: Any, lungs: NDArray[Any], data_range: float | None
) -> tuple[Floats, float, float, tuple[int, int, int, int]]:
    """The film, its level in lung and in the mediastinum, and the lungs' box."""
    film = unit(image, data_range)
    mask, top, bottom, left, right = _box(lungs)
    if mask.shape != film.shape:
        raise InputError(f"the film is {film.shape} and the lung mask {mask.shape}: bring them to one size")
    half, centre = max(1, round(MIDLINE * (right - left))), (left + right) // 2
    strip = film[top + (bottom - top) // 3 : top + 4 * (bottom - top) // 5, centre - half : centre + half + 1]
    return film, float(np.percentile(film[mask], 25)), float(np.median(strip)), (top, bottom, left, right)
