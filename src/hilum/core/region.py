"""Regions of one image: boxes, masks and points, each naming the image it lies on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.core.equality import ArrayRecord, read_only
from hilum.core.errors import InputError


@dataclass(frozen=True)
class Box:
    """A half-open rectangle in pixels of the source image, origin top-left: x0 <= x < x1, y0 <= y < y1.

    Args:
        x0, y0, x1, y1: edges in pixels.
        image: id of the image it lies on.
        score: how strongly a model points there, any unit, or None.

    Raises:
        InputError: if an edge is not finite, or the box is empty.
    """

    x0: float
    y0: float
    x1: float
    y1: float
    image: str = ""
    score: float | None = None

    def __post_init__(self) -> None:
        if not np.isfinite((self.x0, self.y0, self.x1, self.y1)).all() or self.x1 <= self.x0 or self.y1 <= self.y0:
            raise InputError(f"a box needs x0 < x1 and y0 < y1, got {self.corners}")

    @property
    def corners(self) -> tuple[float, float, float, float]:
        """(x0, y0, x1, y1) in pixels."""
        return (self.x0, self.y0, self.x1, self.y1)

    @property
    def area(self) -> float:
        """Area in square pixels."""
        return (self.x1 - self.x0) * (self.y1 - self.y0)

    @property
    def center(self) -> tuple[float, float]:
        """(x, y) of the middle in pixels."""
        return ((self.x0 + self.x1) / 2, (self.y0 + self.y1) / 2)

    def intersection(self, other: Box) -> float:
        """Shared area in square pixels, 0 where the boxes do not touch."""
        width = min(self.x1, other.x1) - max(self.x0, other.x0)
        height = min(self.y1, other.y1) - max(self.y0, other.y0)
        return max(width, 0.0) * max(height, 0.0)

    def iou(self, other: Box) -> float:
        """Intersection over union, [0, 1]."""
        shared = self.intersection(other)
        return shared / (self.area + other.area - shared)

    def iobb(self, truth: Box) -> float:
        """Intersection over this (the detected) box's area, [0, 1] (ChestX-ray8, Wang et al. 2017)."""
        return self.intersection(truth) / self.area


@dataclass(frozen=True, eq=False)
class Mask(ArrayRecord):
    """A region given voxel by voxel: bool (H, W) on an image or (D, H, W) in a volume.

    Raises:
        InputError: if the array is not 2-D or 3-D.
    """

    pixels: NDArray[np.bool_]
    image: str = ""
    label: str = ""

    def __post_init__(self) -> None:
        pixels = np.ascontiguousarray(self.pixels, dtype=np.bool_)
        if pixels.ndim not in (2, 3):
            raise InputError(f"a mask must be (H, W) or (D, H, W), got shape {pixels.shape}")
        object.__setattr__(self, "pixels", read_only(pixels))

    @property
    def area(self) -> int:
        """Number of pixels or voxels inside."""
        return int(self.pixels.sum())

    def box(self) -> Box | None:
        """Tight box of a 2-D mask, or None when it is empty.

        Raises:
            InputError: if the mask is 3-D.
        """
        if self.pixels.ndim != 2:
            raise InputError("only a 2-D mask has a box")
        rows, columns = np.flatnonzero(self.pixels.any(1)), np.flatnonzero(self.pixels.any(0))
        if rows.size == 0:
            return None
        edges = (float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1))
        return Box(*edges, image=self.image)

    def __repr__(self) -> str:
        """One line: shape, area, image."""
        return f"Mask({' x '.join(map(str, self.pixels.shape))}, area={self.area}, image={self.image!r})"


@dataclass(frozen=True, eq=False)
class Points(ArrayRecord):
    """Points or a polyline: float64 (N, 2) as (x, y) pixels of the source image.

    Raises:
        InputError: if the array is not (N, 2) and finite.
    """

    xy: NDArray[np.float64]
    image: str = ""
    closed: bool = False

    def __post_init__(self) -> None:
        xy: NDArray[Any] = np.ascontiguousarray(self.xy, dtype=np.float64)
        if xy.ndim != 2 or xy.shape[1:] != (2,) or not np.isfinite(xy).all():
            raise InputError(f"points must be finite and of shape (N, 2), got {xy.shape}")
        object.__setattr__(self, "xy", read_only(xy))


Region = Box | Mask | Points
