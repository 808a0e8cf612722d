"""How far a computed film is from real ones: fine texture against noise, and grey levels; the slope is `spectrum`'s."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import InputError
from hilum.measure.pictures import Floats, unit

PATCHES, KEPT, QUANTILES = 42, 0.8, 101


def _square(image: Any, data_range: float | None) -> Floats:
    """The largest central square."""
    picture = unit(image, data_range)
    side = min(picture.shape)
    top, left = (picture.shape[0] - side) // 2, (picture.shape[1] - side) // 2
    return picture[top : top + side, left : left + side]


def grey_quantiles(image: Any, data_range: float | None = None) -> Floats:
    """Return 101 quantiles of the grey levels in the central square of 80 % of the shorter side."""
    picture = _square(image, data_range)
    edge = round((1 - KEPT) / 2 * len(picture))
    inner = picture[edge : len(picture) - edge, edge : len(picture) - edge]
    found: Floats = np.quantile(inner, np.linspace(0, 1, QUANTILES))
    return found


def tone_distance(first: Any, second: Any, data_range: float | None = None) -> float:
    """Return the earth mover's distance of two films' grey levels, in parts of the data range: 0 for equal tones."""
    return float(np.abs(grey_quantiles(first, data_range) - grey_quantiles(second, data_range)).mean())


def flat_lung_snr(image: Any, data_range: float | None = None) -> float:
    """Return the film's contrast over the grain of its flattest patches of lung.

    Squares of 1/42 of the side, in the rows from 20 to 65 % and columns from 12 to 88 % of the central square, whose
    mean lies between the 5th and 45th percentile there (dark, hence lung) and that hold no black. A quadratic surface
    is taken off each; the 10th percentile of the standard deviations left is grain. Contrast is the range from the
    5th to the 95th percentile of the central 80 %. No mask is needed; films must have one size to be compared.

    Raises:
        InputError: if the film is under 168 pixels wide, or has no such patch.
    """
    picture = _square(image, data_range)
    side = len(picture) // PATCHES
    if side < 4:
        raise InputError(f"grain takes a film of {4 * PATCHES} pixels or more on a side, got {picture.shape}")
    levels = grey_quantiles(image, data_range)
    contrast = float(levels[95] - levels[5])
    whole = len(picture)
    region = picture[int(0.2 * whole) : int(0.65 * whole), int(0.12 * whole) : int(0.88 * whole)]
    rows, columns = (n // side for n in region.shape)
    cut = region[: rows * side, : columns * side].reshape(rows, side, columns, side)
    patches = cut.transpose(0, 2, 1, 3).reshape(rows * columns, side * side)
    low, high = np.percentile(region, [5, 45])
    means = patches.mean(axis=1)
    lung = (means >= low) & (means <= high) & (patches.min(axis=1) > 0.004)
    if not lung.any() or contrast <= 0:
        raise InputError("the film has no patch of lung to measure grain in: is it a frontal chest film?")
    grain = float(np.percentile((patches - _surface(patches, side)).std(axis=1)[lung], 10))
    return contrast / max(grain, 1e-6)


def _surface(patches: Floats, side: int) -> Floats:
    """The quadratic surface nearest to each patch (N, side * side)."""
    y, x = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]
    terms: NDArray[np.float64] = np.stack([np.ones_like(x), x, y, x * y, x * x, y * y], axis=-1).reshape(-1, 6)
    basis, _ = np.linalg.qr(terms)
    found: Floats = (patches @ basis) @ basis.T
    return found
