"""How far a parallel beam runs inside simple solids: closed forms, one interval of depth for each pixel.

The beam runs along y (back to front). A grid holds x (towards the patient's left) and z (towards the feet) of every
pixel in millimetres. Every solid here is convex, so that a ray meets it in one interval of y, empty or not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import InputError

Floats = NDArray[np.float32]


class Grid(NamedTuple):
    """x and z of every pixel centre in millimetres, float32 (H, W) each."""

    x: Floats
    z: Floats


class Depths(NamedTuple):
    """Where a ray enters and leaves a solid, y in millimetres, float32 (H, W); equal where it misses."""

    near: Floats
    far: Floats

    @property
    def length(self) -> Floats:
        """Path inside in millimetres."""
        return self.far - self.near


def _around(middle: Floats | np.float32, half: Floats) -> Depths:
    return Depths(np.asarray(middle - half, dtype=np.float32), np.asarray(middle + half, dtype=np.float32))


class Solid(NamedTuple):
    """An ellipsoid or superellipsoid.

    Args:
        center: x, y, z in mm.
        axes: half-lengths along x, y, z in mm before it is turned.
        turn_deg: about y; positive turns the lower end towards the patient's right.
        power: 2 for an ellipsoid; more gives a squarer outline in x and z.
    """

    center: tuple[float, float, float]
    axes: tuple[float, float, float]
    turn_deg: float = 0.0
    power: float = 2.0

    def depths(self, grid: Grid) -> Depths:
        """Return where each ray is inside: |u/a|^p + (y/b)^2 + |w/c|^p <= 1, u and w turned about the centre."""
        turn = np.deg2rad(self.turn_deg)
        cosine, sine = np.float32(np.cos(turn)), np.float32(np.sin(turn))
        x, z = grid.x - np.float32(self.center[0]), grid.z - np.float32(self.center[2])
        across = np.abs((x * cosine + z * sine) / np.float32(self.axes[0]))
        down = np.abs((z * cosine - x * sine) / np.float32(self.axes[2]))
        if self.power == 2.0:
            room = 1.0 - across * across - down * down
        else:
            room = 1.0 - across**self.power - down**self.power
        half = np.float32(self.axes[1]) * np.sqrt(np.maximum(room, 0.0))
        return Depths(np.float32(self.center[1]) - half, np.float32(self.center[1]) + half)

    def sideways(self, grid: Grid) -> Depths:
        """Return where each ray along x is inside; the grid's x then holds y of every pixel.

        Raises:
            InputError: if a superellipsoid is turned, which has no closed form along x.
        """
        y, z = grid.x - np.float32(self.center[1]), grid.z - np.float32(self.center[2])
        first, deep, last = (np.float32(axis) for axis in self.axes)
        if self.power != 2.0:
            if self.turn_deg:
                raise InputError("a turned superellipsoid cannot be seen from the side: give turn_deg 0 or power 2")
            room = np.maximum(1.0 - (y / deep) ** 2 - np.abs(z / last) ** self.power, 0.0)
            return _around(np.float32(self.center[0]), first * room ** np.float32(1.0 / self.power))
        turn = np.deg2rad(self.turn_deg)
        cosine, sine = np.float32(np.cos(turn)), np.float32(np.sin(turn))
        square = (cosine / first) ** 2 + (sine / last) ** 2
        mixed = z * (cosine * sine * (first**-2 - last**-2))
        rest = (z * sine / first) ** 2 + (z * cosine / last) ** 2 + (y / deep) ** 2 - 1.0
        half = np.sqrt(np.maximum(mixed * mixed - square * rest, 0.0)) / square
        return _around(np.float32(self.center[0]) - mixed / square, half)

    @property
    def half_width(self) -> float:
        """Half of its extent along x in mm; exact for power 2."""
        turn = np.deg2rad(self.turn_deg)
        return float(np.hypot(self.axes[0] * np.cos(turn), self.axes[2] * np.sin(turn)))


def shared(first: Depths, second: Depths) -> Depths:
    """Return what two intervals share."""
    near = np.maximum(first.near, second.near)
    return Depths(near, np.maximum(np.minimum(first.far, second.far), near))


def below(grid: Grid, inside: Depths, level: Floats | float) -> Depths:
    """Return the part of an interval on rays at or below a level surface z = level(x), as fluid lies."""
    under = grid.z >= level
    return Depths(inside.near, np.where(under, inside.far, inside.near))


def covered(inside: Depths, solids: Sequence[Depths]) -> Floats:
    """Return the length of `inside` that lies in any of the solids: a union, overlaps counted once."""
    if not solids:
        return np.zeros_like(inside.near)
    parts = [shared(inside, solid) for solid in solids]
    near, far = np.stack([part.near for part in parts]), np.stack([part.far for part in parts])
    order = np.argsort(near, axis=0, kind="stable")
    near, far = np.take_along_axis(near, order, 0), np.take_along_axis(far, order, 0)
    reach, total = near[0], np.zeros_like(near[0])
    for start, end in zip(near, far, strict=True):
        total += np.maximum(end - np.maximum(start, reach), 0.0)
        reach = np.maximum(reach, end)
    return np.asarray(total, dtype=np.float32)


def add_tube(
    onto: Floats, grid: Grid, ends: tuple[tuple[float, float], tuple[float, float]], radius_mm: float, weight: float
) -> None:
    """Add `weight` per millimetre of path through a capsule that lies in one plane parallel to the film.

    Args:
        onto: float32 (H, W), changed in place, only near the tube.
        grid: of the film.
        ends: (x, z) of both ends in mm.
        radius_mm: of the tube and of its round ends; the chord is 2 sqrt(r^2 - d^2), d the distance to the axis.
        weight: what a millimetre adds.
    """
    (x0, z0), (x1, z1) = ends
    dx, dz = x1 - x0, z1 - z0
    length2 = max(dx * dx + dz * dz, 1e-9)
    inside = (grid.x >= min(x0, x1) - radius_mm) & (grid.x <= max(x0, x1) + radius_mm)
    inside &= (grid.z >= min(z0, z1) - radius_mm) & (grid.z <= max(z0, z1) + radius_mm)
    x, z = grid.x[inside] - x0, grid.z[inside] - z0
    along = np.clip((x * dx + z * dz) / length2, 0.0, 1.0)
    far2 = (x - along * dx) ** 2 + (z - along * dz) ** 2
    onto[inside] += weight * 2.0 * np.sqrt(np.maximum(radius_mm**2 - far2, 0.0))
