"""One picture against another in floating point: RMS, PSNR, SSIM and MS-SSIM, with the data range in the open."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import InputError
from hilum.core.image import Image

Floats = NDArray[np.float64]
SCALES = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Weights of the five scales of MS-SSIM (Wang, Simoncelli, Bovik 2003)."""
REACH = 5
"""Pixels on either side of the middle of the 11 x 11 Gaussian window (sigma 1.5)."""


def unit(image: Any, data_range: float | None = None) -> Floats:
    """Return a grey picture as float64 (H, W) in parts of its data range, so that 1 is the whole range.

    Args:
        image: (H, W) array or `hilum.Image` (then as displayed). Whole numbers are never subtracted as they are.
        data_range: from the lowest to the highest value a picture could have; None takes it from the type (255 for
            uint8, 65535 for uint16, 1 for bool), and 1 for floats that all lie in [0, 1].

    Raises:
        InputError: if it is not one grey picture, holds NaN or infinity, or its range cannot be known.
    """
    values = np.asarray(image.display() if isinstance(image, Image) else image)
    if values.ndim != 2 or 0 in values.shape:
        raise InputError(f"a picture must be grey, (height, width), but has shape {values.shape}: give one channel")
    if values.dtype.kind not in "buif":
        raise InputError(f"a picture must hold numbers, not {values.dtype}")
    floats = values.astype(np.float64)
    if not np.isfinite(floats).all():
        raise InputError(f"a picture holds {int((~np.isfinite(floats)).sum())} values that are NaN or infinite")
    if data_range is None:
        data_range = _range_of(values)
    if not data_range > 0:
        raise InputError(f"the data range must be above 0, got {data_range}")
    return floats / data_range


def _range_of(values: NDArray[Any]) -> float:
    if values.dtype == np.bool_:
        return 1.0
    if values.dtype.kind == "u" and values.dtype.itemsize <= 2:
        return float(np.iinfo(values.dtype).max)
    low, high = float(values.min()), float(values.max())
    if values.dtype.kind == "f" and low >= 0.0 and high <= 1.0:
        return 1.0
    raise InputError(
        f"the range of {values.dtype} values from {low:.4g} to {high:.4g} cannot be known: give data_range, "
        "e.g. 255 for 8-bit grey levels kept as floats, or 2 for values in [-1, 1]"
    )


def both(reference: Any, answer: Any, data_range: float | None = None) -> tuple[Floats, Floats]:
    """Return two pictures of one size as `unit` makes them.

    Raises:
        InputError: if their sizes differ, or one cannot be used.
    """
    first, second = unit(reference, data_range), unit(answer, data_range)
    if first.shape != second.shape:
        raise InputError(f"the reference is {first.shape} and the answer {second.shape}: bring them to one size")
    return first, second


def rms(reference: Any, answer: Any, data_range: float | None = None) -> float:
    """Return the root of the mean squared difference, in parts of the data range: 0 is equal, 1 is black for white."""
    first, second = both(reference, answer, data_range)
    return float(np.sqrt(np.mean((first - second) ** 2)))


def psnr(reference: Any, answer: Any, data_range: float | None = None) -> float:
    """Return the peak signal-to-noise ratio in dB; infinite for equal pictures."""
    error = rms(reference, answer, data_range)
    return float("inf") if error == 0 else -20.0 * float(np.log10(error))


def ssim(reference: Any, answer: Any, data_range: float | None = None) -> float:
    """Return the structural similarity in [-1, 1]; 1 is equal.

    Wang et al. 2004: 11 x 11 Gaussian window, sigma 1.5, K1 = 0.01, K2 = 0.03, population moments, averaged over
    the pixels whose window lies inside the picture.

    Raises:
        InputError: if a side is under 11 pixels.
    """
    first, second = both(reference, answer, data_range)
    return float(_similarity(first, second)[0])


def ms_ssim(reference: Any, answer: Any, data_range: float | None = None, *, scales: int = 5) -> float:
    """Return the multi-scale structural similarity in [0, 1]; 1 is equal.

    Args:
        reference, answer, data_range: see `unit`.
        scales: halvings + 1; fewer than 5 for small pictures, with the published weights scaled to sum to 1.

    Raises:
        InputError: if the picture is too small: the coarsest scale must hold an 11 x 11 window.
    """
    if not 1 <= scales <= len(SCALES):
        raise InputError(f"MS-SSIM has 1 to {len(SCALES)} scales, not {scales}")
    first, second = both(reference, answer, data_range)
    smallest = (2 * REACH + 1) * 2 ** (scales - 1)
    if min(first.shape) < smallest:
        raise InputError(f"MS-SSIM over {scales} scales takes sides of at least {smallest} pixels, got {first.shape}")
    weights, parts = np.array(SCALES[:scales]) / sum(SCALES[:scales]), []
    for scale in range(scales):
        similar, contrast = _similarity(first, second)
        parts.append(similar if scale == scales - 1 else contrast)
        first, second = _halved(first), _halved(second)
    return float(np.prod(np.maximum(parts, 0.0) ** weights))  # a negative contrast has no real power


def _halved(picture: Floats) -> Floats:
    rows, columns = picture.shape[0] // 2 * 2, picture.shape[1] // 2 * 2
    cut = picture[:rows, :columns]
    found: Floats = cut.reshape(rows // 2, 2, columns // 2, 2).mean(axis=(1, 3))
    return found


def _window(picture: Floats) -> Floats:
    from scipy.ndimage import correlate1d

    taps = np.exp(-0.5 * (np.arange(-REACH, REACH + 1) / 1.5) ** 2)
    smooth = correlate1d(correlate1d(picture, taps / taps.sum(), axis=0), taps / taps.sum(), axis=1)
    found: Floats = smooth[REACH:-REACH, REACH:-REACH]
    return found


def _similarity(first: Floats, second: Floats) -> tuple[float, float]:
    if min(first.shape) < 2 * REACH + 1:
        raise InputError(f"SSIM takes sides of at least {2 * REACH + 1} pixels, got {first.shape}")
    steady_mean, steady_contrast = 0.01**2, 0.03**2
    mean_first, mean_second = _window(first), _window(second)
    spread = _window(first**2) - mean_first**2 + _window(second**2) - mean_second**2
    shared = _window(first * second) - mean_first * mean_second
    contrast = (2 * shared + steady_contrast) / (spread + steady_contrast)
    light = (2 * mean_first * mean_second + steady_mean) / (mean_first**2 + mean_second**2 + steady_mean)
    return float(np.mean(light * contrast)), float(np.mean(contrast))


def shrunk(picture: Floats, height: int, width: int) -> NDArray[np.float32]:
    """Return a picture (H, W) at another size, float32, every pixel weighed (a triangle filter, no aliasing)."""
    from PIL import Image as Picture

    made = Picture.fromarray(np.ascontiguousarray(picture, np.float32))
    return np.asarray(made.resize((width, height), Picture.Resampling.BILINEAR), np.float32)
