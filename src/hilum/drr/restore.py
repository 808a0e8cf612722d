"""Undo the blur of voxels in a projection, as far as the voxels tell: slice thickness and interpolation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.drr.axes import axis_order
from hilum.drr.field import Field
from hilum.drr.fourier import filtered
from hilum.drr.geometry import Geometry

Pixels = NDArray[np.float32]
RESTORE = 3.0
"""Largest gain along the body; what real films' spectra ask for and ringing does not forbid yet."""
_ACROSS = 0.5


def restored(
    maps: Mapping[str, Pixels], grid: Field, geometry: Geometry, *, most: float = RESTORE
) -> dict[str, Pixels]:
    """Return maps of areal density sharpened against the blur of the CT's voxels.

    A Wiener filter: along the body against a box of one slice and linear interpolation, across it against linear
    interpolation. It lets go at half the sampling rate of the voxels, beyond which nothing is known and the grid itself
    would show. Values under 0 become 0.

    Args:
        maps: (rows, columns) by material.
        grid: what was projected, for its voxels.
        geometry: of the projection; the blur is taken as it looks at the isocentre, with rows along the body.
        most: largest gain along the body; across it half as much more than 1 at the most. 1 changes nothing.
    """
    if most <= 1.0:
        return dict(maps)
    spacing = np.array(grid.spacing_mm)[list(axis_order(grid.affine)[0])]  # along left, back, head
    beside = float(spacing[0] if geometry.view in ("PA", "AP") else spacing[1])
    pitch = (geometry.pitch_mm[0] / geometry.magnification, geometry.pitch_mm[1] / geometry.magnification)

    def gain(down: NDArray[Any], across: NDArray[Any]) -> NDArray[Any]:
        along = _gain(down, float(spacing[2]), 3, most)
        return along * _gain(across, beside, 2, 1.0 + _ACROSS * (most - 1.0) / 2.0)

    return {name: np.maximum(filtered(each, pitch, gain), 0.0) for name, each in maps.items()}


def _gain(frequency: NDArray[np.float64], step_mm: float, boxes: int, most: float) -> NDArray[np.float64]:
    """Gain at frequencies in 1/mm against a number of box blurs of one voxel: 1 at 0, never above `most`."""
    f = np.abs(frequency)
    blur = np.abs(np.sinc(np.minimum(f * step_mm, 1.0))) ** boxes
    floor = 1.0 / (2.0 * most)  # b / (b^2 + floor^2) is largest at b = floor, and then 1 / (2 floor)
    gain = np.maximum(blur / (blur**2 + floor**2) * (1.0 + floor**2), 1.0)
    keep = 1.0 / (1.0 + np.exp(np.minimum((f * 2.0 * step_mm - 1.0) / 0.08, 50.0)))
    return np.asarray(np.minimum(1.0 + (gain - 1.0) * keep, most))
