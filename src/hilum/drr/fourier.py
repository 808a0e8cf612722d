"""Filters by frequency, with edges mirrored."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.float32]
Gain = Callable[[NDArray[Any], NDArray[Any]], NDArray[Any]]


def filtered(image: Pixels, pitch_mm: tuple[float, float], gain: Gain, *, margin: int = 32) -> Pixels:
    """Return an image whose frequencies are multiplied by a gain.

    Args:
        image: (rows, columns).
        pitch_mm: between rows and between columns.
        gain: of frequencies in 1/mm down (rows, 1) and across (1, columns // 2 + 1), to their product's shape.
        margin: pixels by which the image is mirrored outwards at least.
    """
    from scipy import fft

    margin = min(margin, *image.shape)
    sizes = [int(fft.next_fast_len(n + 2 * margin, real=True)) for n in image.shape]
    widths = [(margin, size - n - margin) for size, n in zip(sizes, image.shape, strict=True)]
    down, across = fft.fftfreq(sizes[0], pitch_mm[0]), fft.rfftfreq(sizes[1], pitch_mm[1])
    wave = fft.rfft2(np.pad(image, widths, mode="symmetric"), workers=-1)
    wave *= gain(down[:, None], across[None, :]).astype(np.float32)
    whole = fft.irfft2(wave, s=sizes, workers=-1)
    return np.asarray(whole[margin : margin + image.shape[0], margin : margin + image.shape[1]], np.float32)
