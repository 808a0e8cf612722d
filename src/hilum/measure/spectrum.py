"""How fast the power of a picture falls with spatial frequency: too steep is blurred, too flat is noisy."""

from __future__ import annotations

from typing import Any

import numpy as np

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
    window = np.hanning(SIDE + 1)[:SIDE]
    power = np.abs(np.fft.fft2((square - square.mean()) / square.std() * np.outer(window, window))) ** 2
    cycles = np.fft.fftfreq(SIDE, 1.0 / SIDE)
    ring = np.rint(np.hypot(cycles[:, None], cycles[None, :])).astype(int)
    inside = ring <= HIGHEST
    summed = np.bincount(ring[inside], power[inside], HIGHEST + 1)
    found: Floats = summed / np.bincount(ring[inside], minlength=HIGHEST + 1)
    return found


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
