"""How fast the power of a picture falls with spatial frequency: too steep is blurred, too flat is noisy."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import InputError
from hilum.measure.pictures import Floats, shrunk, unit

SIDE, LOWEST, HIGHEST, KEPT = 256, 4, 64, 0.8


def radial_spectrum(image: Any, data_range: float | None = None) -> Floats:
    """Return the mean power (HIGHEST + 1,) at 0, 1, 2 ... cycles per picture, by whole rings of frequency.

    The central square of 80 % of the shorter side is brought to 256 x 256, set to mean 0 and SD 1, and weighed by a
    Hann window.

    Raises:
        InputError: if the picture cannot be used, or is constant.
    """
    picture = unit(image, data_range)
    side = max(1, round(KEPT * min(picture.shape)))
    top, left = (picture.shape[0] - side) // 2, (picture.shape[1] - side) // 2
    square = picture[top : top + side, left : left + side]
    if side != SIDE:
        square = shrunk(square, SIDE, SIDE).astype(np.float64)
    if np.ptp(square) < 1e-9:
        raise InputError("a constant picture has no spectrum")
    ring, counts, window = _rings()
    power = np.abs(np.fft.rfft2((square - square.mean()) / square.std() * window)[:, : HIGHEST + 1]) ** 2
    summed = np.bincount(ring.ravel(), (power * counts).ravel(), HIGHEST + 2)[:-1]
    found: Floats = summed / np.bincount(ring.ravel(), counts.ravel(), HIGHEST + 2)[:-1]
    return found


@lru_cache(maxsize=1)
def _rings() -> tuple[NDArray[np.intp], Floats, Floats]:
    """Ring of each frequency of a half plane (SIDE, HIGHEST + 1), how often it stands in the whole, and the window."""
    down, across = np.fft.fftfreq(SIDE, 1.0 / SIDE), np.arange(HIGHEST + 1)
    ring = np.minimum(np.rint(np.hypot(down[:, None], across)), HIGHEST + 1).astype(np.intp)
    counts = np.broadcast_to(np.where(across == 0, 1.0, 2.0), ring.shape)  # the other half of the plane mirrors this
    window = np.hanning(SIDE + 1)[:SIDE]
    return ring, counts, np.outer(window, window)


def radial_spectrum_slope(image: Any, data_range: float | None = None) -> float:
    """Return the slope of ln power over ln frequency from 4 to 64 cycles per picture, by least squares.

    Films lie near -3; white noise gives 0.

    Raises:
        InputError: if the picture cannot be used, is constant, or has no power at some frequency.
    """
    power = radial_spectrum(image, data_range)[LOWEST:]
    if not (power > 0).all():
        raise InputError("the picture has no power at some frequencies between 4 and 64 cycles")
    frequency = np.arange(LOWEST, HIGHEST + 1)
    return float(np.polyfit(np.log(frequency), np.log(power), 1)[0])
