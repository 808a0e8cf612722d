"""Hounsfield units to linear attenuation."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

WATER_PER_MM = 0.0195
"""Linear attenuation of water at about 65 keV, 1/mm (NIST XCOM: 0.195 /cm)."""


def attenuation(hounsfield: NDArray[np.float32], *, water_per_mm: float = WATER_PER_MM) -> NDArray[np.float32]:
    """Return attenuation in 1/mm: mu = mu_water (1 + HU / 1000), linear everywhere.

    Only values under -1000 HU, which no matter has, are set to air; soft tissue is never thresholded away.
    """
    clamped = np.maximum(hounsfield, -1000.0)
    return (water_per_mm * (1.0 + clamped / 1000.0)).astype(np.float32)
