"""Lists of simple solids with a shell: tapering tubes of elliptic section, plates and ellipsoids, in mm."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
COLUMNS = 19
"""begin (0:3), end (3:6), normal (6:9), half-size along it (9, 10), across (11, 12), cap (13), flat (14),
shell mm (15), shell HU (16), core HU (17), id (18)."""


@dataclass(frozen=True)
class Matter:
    """What a solid is made of: an outer layer around a core; without one the core is all."""

    core_hu: float = 40.0
    shell_mm: float = 0.0
    shell_hu: float = 0.0


SOFT = Matter()


class Solids:
    """A growing list of solids; later ones win where groups overlap.

    A solid is a segment with an elliptic section: half-size `along` a normal and `across` it at both ends. Its ends are
    round, or flat; begin and end at one place with a cap make an ellipsoid.
    """

    def __init__(self) -> None:
        self.rows: list[Floats] = []

    def add(
        self, begin: ArrayLike, end: ArrayLike, normal: ArrayLike, along: tuple[float, float],
        across: tuple[float, float], *, id: int = 0, cap_mm: float | None = None, flat: bool = False,
        matter: Matter = SOFT,
    ) -> None:  # fmt: skip
        """Add one solid.

        Args:
            begin, end: (3,) of its axis.
            normal: (3,) direction of `along`; its part beside the axis counts.
            along, across: half-sizes at begin and end.
            id: of the structure, 0 for none.
            cap_mm: how far a round end goes beyond the axis; the smaller half-size where it is not given.
            flat: cut the ends off.
            matter: of its outer layer and of what is within.
        """
        row = np.zeros(COLUMNS)
        row[0:3], row[3:6] = begin, end
        if np.allclose(row[0:3], row[3:6]):  # an ellipsoid has an axis too
            row[3:6] += 1e-3 * np.eye(3)[int(np.argmin(np.abs(np.asarray(normal))))]
        way = row[3:6] - row[0:3]
        length = float(np.linalg.norm(way))
        way = way / length if length > 1e-6 else np.zeros(3)
        side = np.asarray(normal, np.float64)
        side = side - (side @ way) * way
        row[6:9] = side / max(float(np.linalg.norm(side)), 1e-9)
        row[9:11], row[11:13] = along, across
        row[13] = min(*along, *across) if cap_mm is None else cap_mm
        row[14], row[15:18], row[18] = float(flat), (matter.shell_mm, matter.shell_hu, matter.core_hu), id
        self.rows.append(row)

    def tube(self, points: Floats, radius_mm: ArrayLike, *, id: int = 0, matter: Matter = SOFT) -> None:
        """Add a round tube along points (N, 3) with one radius, or one for each point."""
        radius = np.broadcast_to(np.asarray(radius_mm, np.float64), (len(points),))
        for n in range(len(points) - 1):
            way = np.abs(points[n + 1] - points[n])
            normal = np.eye(3)[int(np.argmin(way))]
            pair = (float(radius[n]), float(radius[n + 1]))
            self.add(points[n], points[n + 1], normal, pair, pair, id=id, matter=matter)

    def extend(self, other: Solids) -> None:
        """Add all solids of another list."""
        self.rows += other.rows

    def table(self) -> Floats:
        """Return (N, COLUMNS)."""
        return np.stack(self.rows) if self.rows else np.zeros((0, COLUMNS))


def curve(points: ArrayLike, count: int) -> Floats:
    """Return `count` places along a smooth curve through points (N, 3), with as many from each point to the next.

    Tangents are those of Catmull and Rom; the curve never leaves its points far.
    """
    knots = np.asarray(points, np.float64)
    slope = np.gradient(knots, axis=0)
    at = np.linspace(0.0, len(knots) - 1.0, count)
    low = np.minimum(at.astype(np.int64), len(knots) - 2)
    t = (at - low)[:, None]
    begin, end = knots[low], knots[low + 1]
    bend = t * (1 - t) * ((1 - t) * (slope[low] - (end - begin)) - t * (slope[low + 1] - (end - begin)))
    return np.asarray(begin + t * (end - begin) + bend)
