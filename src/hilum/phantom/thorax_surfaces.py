"""Surfaces that bound the lungs: the two domes of the diaphragm from below, the mediastinum between them. In mm."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from hilum.phantom.skeleton_cage import Cage
from hilum.phantom.thorax_draw import Numbers
from hilum.phantom.thorax_heart import Heart

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Domes:
    """Tops of the two domes and how deep the lung's edge hangs beside them.

    Args:
        right, left: z of the tops.
        height: from the top to the lateral costophrenic angle.
    """

    right: float
    left: float
    height: float


def domes(numbers: Numbers, cage: Cage, *, inspiration: float, supine: bool) -> Domes:
    """Place the domes: on the drawn posterior rib at full inspiration, about two ribs higher in expiration.

    Lying lifts them by half a rib. The posterior rib is counted where it crosses the middle of the lung.
    """
    level = numbers.dome_rib - 2.2 * (1.0 - inspiration) - (0.5 if supine else 0.0)
    right = float(cage.points(np.array([level]), np.array([48.0]))[0, 2])
    return Domes(right, right - numbers.dome_gap_mm, numbers.dome_height_mm * (0.8 + 0.2 * inspiration))


def floor(found: Domes, cage: Cage, x: Floats, y: Floats, beating: Heart) -> Floats:
    """Return z of the diaphragm (X, Y): both domes, pressed down by the heart."""
    low = found.right - 0.5 * found.height
    _, radii, axis = cage.sections(np.array([low]))
    wide, back, front = radii[0].max(), radii[0, 0], radii[0, -1]
    grid_x, grid_y = x[:, None], y[None, :] - axis[0]
    sheets = []
    for side, top in ((-1.0, found.right), (1.0, found.left)):
        far = side * (grid_x - cage.spine.side_mm(np.array([low]))[0])
        middle_x, middle_y = 0.53 * wide, -0.1 * front
        lateral = far > middle_x
        across = (far - middle_x) / np.where(lateral, wide - middle_x, middle_x + 0.36 * wide)
        behind = grid_y > middle_y
        deep = (grid_y - middle_y) / np.where(behind, back - middle_y, front + middle_y)
        square = across**2 + deep**2
        towards = np.where(behind, 1.38, 0.72)
        height = (
            (found.height - 3.0 * (1.0 + side))
            * (np.where(lateral, 1.0, 0.85) * across**2 + towards * deep**2)
            / np.maximum(square, 1e-9)
        )
        near = np.minimum(square, 1.0)
        drop = height * (0.4 * near + 0.6 * (1.0 - np.sqrt(1.0 - 0.995 * near**1.2))) + 30.0 * np.maximum(
            np.sqrt(square) - 1.0, 0.0
        )
        sheets.append(top - drop)
    joined = 8.0 * np.logaddexp(sheets[0] / 8.0, sheets[1] / 8.0)
    under = underside(beating, x, y) - 2.0
    pressed = gaussian_filter(np.minimum(joined, under), 3.0 / abs(x[1] - x[0]))
    return np.asarray(np.minimum(pressed, under))


def underside(beating: Heart, x: Floats, y: Floats) -> Floats:
    """Return z of the lower side of the heart (X, Y), infinite beside it."""
    found = np.full((len(x), len(y)), np.inf)
    for middle, axes in zip(beating.middle, beating.axes, strict=True):
        low, _ = crossing(middle, axes, (x[:, None], y[None, :]), axis=2)
        found = np.fmin(found, low)
    return found


def crossing(middle: Floats, axes: Floats, at: tuple[Floats, Floats], *, axis: int) -> tuple[Floats, Floats]:
    """Return where lines along one axis enter and leave an ellipsoid; not a number where they miss it.

    Args:
        middle, axes: (3,) and (3, 3) with half-axes as columns.
        at: the two other coordinates, in order, of shapes that broadcast.
        axis: 0, 1 or 2.
    """
    inverse = np.linalg.inv(axes)
    form = inverse.T @ inverse
    p, q = (n for n in range(3) if n != axis)
    u, v = at[0] - middle[p], at[1] - middle[q]
    a = form[axis, axis]
    b = form[axis, p] * u + form[axis, q] * v
    c = form[p, p] * u * u + 2 * form[p, q] * u * v + form[q, q] * v * v - 1.0
    under = b * b - a * c
    root = np.sqrt(np.where(under >= 0, under, np.nan))
    return middle[axis] + (-b - root) / a, middle[axis] + (-b + root) / a


def medial_limits(
    balls: list[tuple[Floats, Floats]], beating: Heart, y: Floats, z: Floats, midline: Floats, *, fat_mm: float,
    smooth_mm: tuple[float, float] = (8.0, 4.0),
) -> tuple[Floats, Floats]:  # fmt: skip
    """Return x of the lungs' medial surfaces, right and left, each (Y, Z).

    Args:
        balls: (places (N, 3), radii (N,)) of all that lies between the lungs.
        beating: the heart.
        y, z: of the grid.
        midline: (Z,) x of the middle where nothing lies.
        fat_mm: between an organ and the lung.
        smooth_mm: over which steps between organs are rounded, along y and z.
    """
    aside = 8.0 * np.clip(
        (10.0 - y) / 60.0, -0.8, 1.0
    )  # the lungs meet left of the middle in front, right of it behind
    right, left = (midline[None, :] + aside[:, None] + away for away in (-2.5, 2.5))
    step = float(y[1] - y[0])
    for places, radii in balls:
        for place, radius in zip(places, radii + fat_mm, strict=True):
            rows = slice(*np.searchsorted(y, [place[1] - radius, place[1] + radius]))
            cols = slice(*np.searchsorted(z, [place[2] - radius, place[2] + radius]))
            square = radius**2 - (y[rows, None] - place[1]) ** 2 - (z[None, cols] - place[2]) ** 2
            reach = np.sqrt(np.maximum(square, 0.0))
            np.maximum(left[rows, cols], np.where(square > 0, place[0] + reach, -1e3), out=left[rows, cols])
            np.minimum(right[rows, cols], np.where(square > 0, place[0] - reach, 1e3), out=right[rows, cols])
    for middle, axes in zip(beating.middle, beating.axes, strict=True):
        grown = axes * (1.0 + fat_mm / np.linalg.norm(axes, axis=0))
        low, high = crossing(middle, grown, (y[:, None], z[None, :]), axis=0)
        right, left = np.fmin(right, low), np.fmax(left, high)
    width = (smooth_mm[0] / step, smooth_mm[1] / step)
    return gaussian_filter(right, width), gaussian_filter(left, width)
