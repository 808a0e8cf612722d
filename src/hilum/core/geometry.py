"""Pixel, millimetre and patient axes: views, orientation letters and the letterbox."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import InputError

View = Literal["PA", "AP", "LL", "RL", "LLD", "RLD", "RLO", "LLO", "RAO", "LAO", "unknown"]
"""View Position (0018,5101); 'unknown' where neither header nor model says."""

SpacingPlane = Literal["patient", "detector"]
"""Pixel Spacing (0028,0030) holds in the patient; Imager Pixel Spacing (0018,1164) at the detector."""

FRONTAL: frozenset[str] = frozenset({"PA", "AP"})
LATERAL: frozenset[str] = frozenset({"LL", "RL"})

_OPPOSITE = {"L": "R", "R": "L", "A": "P", "P": "A", "H": "F", "F": "H"}


def check_view(view: str) -> View:
    """Return `view` if it is a known View Position, else raise InputError."""
    if view not in get_args(View):
        raise InputError(f"unknown view '{view}': expected one of {', '.join(get_args(View))}")
    return view  # type: ignore[return-value]


def opposite(direction: str) -> str:
    """Return the opposite of a Patient Orientation (0020,0020) value, e.g. 'LF' -> 'RH'."""
    return "".join(_OPPOSITE.get(letter, letter) for letter in direction)


def flip_orientation(
    orientation: tuple[str, str], *, horizontal: bool = False, vertical: bool = False
) -> tuple[str, str]:
    """Return the orientation letters after an image flip.

    Args:
        orientation: (direction of a row, direction of a column), as Patient Orientation (0020,0020).
        horizontal: mirror left and right.
        vertical: mirror top and bottom.
    """
    row, column = orientation
    return (opposite(row) if horizontal else row, opposite(column) if vertical else column)


@dataclass(frozen=True)
class Letterbox:
    """The map from a source image to a square frame that keeps its aspect and pads with black.

    Args:
        height: source rows.
        width: source columns.
        size: side of the square frame in pixels.
    """

    height: int
    width: int
    size: int

    def __post_init__(self) -> None:
        if min(self.height, self.width, self.size) < 1:
            raise InputError(f"a letterbox needs positive sizes, got {self.height} x {self.width} -> {self.size}")

    @property
    def scale(self) -> float:
        """Frame pixels per source pixel."""
        return self.size / max(self.height, self.width)

    @property
    def inner(self) -> tuple[int, int]:
        """(rows, columns) of the frame that the image fills."""
        return (max(1, round(self.height * self.scale)), max(1, round(self.width * self.scale)))

    @property
    def pad(self) -> tuple[int, int]:
        """(top, left) padding in frame pixels."""
        rows, columns = self.inner
        return ((self.size - rows) // 2, (self.size - columns) // 2)

    def to_frame(self, box: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
        """Map (x0, y0, x1, y1) from source pixels to frame pixels."""
        rows, columns = self.inner
        top, left = self.pad
        sx, sy = columns / self.width, rows / self.height
        return (box[0] * sx + left, box[1] * sy + top, box[2] * sx + left, box[3] * sy + top)

    def to_source(self, box: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
        """Map (x0, y0, x1, y1) from frame pixels to source pixels, clipped to the source."""
        rows, columns = self.inner
        top, left = self.pad
        sx, sy = self.width / columns, self.height / rows
        x0, x1 = sorted(np.clip((box[i] - left) * sx, 0, self.width) for i in (0, 2))
        y0, y1 = sorted(np.clip((box[i] - top) * sy, 0, self.height) for i in (1, 3))
        return (float(x0), float(y0), float(x1), float(y1))


def check_affine(affine: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a (4, 4) voxel -> patient mm (LPS) affine, or raise InputError if it is not invertible."""
    matrix = np.array(affine, dtype=np.float64)
    if matrix.shape != (4, 4) or not np.isfinite(matrix).all():
        raise InputError(f"an affine must be a finite 4 x 4 matrix, got shape {matrix.shape}")
    if not np.allclose(matrix[3], (0, 0, 0, 1)) or abs(np.linalg.det(matrix[:3, :3])) < 1e-9:
        raise InputError("an affine must be invertible with last row (0, 0, 0, 1)")
    return matrix


def voxel_spacing(affine: NDArray[np.float64]) -> tuple[float, float, float]:
    """Return the length in mm of one voxel step along each array axis of an affine."""
    lengths = np.linalg.norm(np.asarray(affine)[:3, :3], axis=0)
    return (float(lengths[0]), float(lengths[1]), float(lengths[2]))
