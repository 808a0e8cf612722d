"""Hounsfield units to linear attenuation: one law, linear everywhere."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hilum.core.image import Volume
from hilum.drr.field import Field

WATER_PER_MM = 0.0195
"""Linear attenuation of water at about 65 keV, 1/mm (NIST XCOM: 0.195 /cm)."""

AIR_HU = -1000.0


def attenuation(hounsfield: NDArray[np.float32], *, water_per_mm: float = WATER_PER_MM) -> NDArray[np.float32]:
    """Return attenuation in 1/mm: mu = mu_water (1 + HU / 1000), linear everywhere.

    Only values under -1000 HU, which no matter has, are set to air; soft tissue is never thresholded away.
    """
    clamped = np.maximum(hounsfield, AIR_HU)
    return (water_per_mm * (1.0 + clamped / 1000.0)).astype(np.float32)


def mu_map(volume: Volume, *, water_per_mm: float = WATER_PER_MM) -> Field:
    """Return the attenuation of a CT in 1/mm as a Field, in 16-bit codes where that loses nothing.

    Whole Hounsfield numbers up to 64535 HU are coded exactly (code = HU + 1000); other values stay float32.
    """
    voxels = volume.voxels
    codes = np.empty(voxels.shape, np.uint16)
    for index, plane in enumerate(voxels):  # plane by plane: a float copy of the whole volume would double the memory
        raised = np.maximum(plane, AIR_HU) - AIR_HU
        if raised.max() > 65535 or (raised != np.rint(raised)).any():
            return Field(attenuation(voxels, water_per_mm=water_per_mm), volume.affine)
        codes[index] = raised
    return Field(codes, volume.affine, scale=water_per_mm / 1000.0)
