"""A beam along the middle axis of an array, for tests that think in detector axes."""

from __future__ import annotations

import numpy as np

from hilum.drr.field import Field
from hilum.drr.geometry import aim
from hilum.drr.render import line_integrals as integrals


def line_integrals(
    mu: np.ndarray,
    spacing: tuple[float, float, float],
    *,
    source_mm: float,
    detector_mm: float,
    shape: tuple[int, int],
    pixel_mm: float,
) -> np.ndarray:
    """Integrate (row direction, beam direction, column direction) voxels from a source before their middle."""
    field = Field(np.ascontiguousarray(mu[:, :, ::-1]), np.diag([*spacing, 1.0]))
    geometry = aim(
        field.affine, mu.shape, view="AP", detector=shape, pitch_mm=(pixel_mm, pixel_mm),
        source_detector_mm=detector_mm, source_isocentre_mm=source_mm,
    )  # fmt: skip
    return integrals(field, geometry)
