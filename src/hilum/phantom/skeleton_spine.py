"""The spine: where each vertebra lies, how it leans, and the solids it is made of.

z is 0 at the middle of T1 and grows to the head, y grows to the back, x to the patient's left; all in mm.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hilum.phantom.thorax_draw import Numbers
from hilum.phantom.thorax_solids import Matter, Solids

Floats = NDArray[np.float64]
LEVELS = ("C4", "C5", "C6", "C7", *(f"T{n}" for n in range(1, 13)), "L1", "L2", "L3", "L4")
FIRST = LEVELS.index("T1")
_BEFORE_MM = np.array([-92, -83, -74, -64, -53, -40, -27, -16, -8, -3, 0, -2, -6, -11, -18, -28, -39, -50, -58, -63.0])
"""How far the front of each body lies before that of T7 at 45 degrees of kyphosis; necks and loins follow."""
_HEIGHT = np.array([13, 13, 13.5, 14, 15.5, 16.5, 17, 17.8, 18.5, 19, 19.6, 20.2, 21, 22, 23.4, 25, 26, 27, 27, 27])
_WIDTH = np.array([24, 25, 26, 28, 28, 27, 27, 27, 27.5, 28, 29, 30, 31.5, 33.5, 36.5, 40, 42, 43, 45, 46.0])
_DEPTH = np.array([15, 15.5, 16, 16.5, 17, 18, 20, 21.5, 23, 24.5, 26, 27, 28, 29, 30, 31, 32, 33, 34, 34.0])
_DISC = 0.24


@dataclass(frozen=True, eq=False)
class Spine:
    """Middles of the vertebral bodies from C4 to L4 and their sizes.

    Args:
        middle: (20, 3).
        height, width, depth: (20,) of the bodies.
        lean: (20, 2) unit vector upwards along each body, (y, z).
    """

    middle: Floats
    height: Floats
    width: Floats
    depth: Floats
    lean: Floats

    def at(self, vertebra: float) -> Floats:
        """Return the place (3,) of a body counted from 1 at T1; halves lie on discs."""
        place = float(vertebra) - 1 + FIRST
        return np.array([np.interp(place, np.arange(len(LEVELS)), self.middle[:, axis]) for axis in range(3)])

    def front(self, vertebra: float) -> Floats:
        """Return the place (3,) of a body's front, counted as in `at`."""
        there = self.at(vertebra)
        there[1] -= 0.5 * float(np.interp(float(vertebra) - 1 + FIRST, np.arange(len(LEVELS)), self.depth))
        return there

    def side_mm(self, z: Floats) -> Floats:
        """Return x of the middle of the spine at heights z."""
        return np.asarray(np.interp(z, self.middle[::-1, 2], self.middle[::-1, 0]))


def spine(numbers: Numbers, back_mm: float) -> Spine:
    """Place the vertebrae.

    Args:
        numbers: length from T1 to T12, kyphosis, scoliosis.
        back_mm: y of the front of T7.
    """
    step = (1 + _DISC) * (_HEIGHT[1:] + _HEIGHT[:-1]) / 2
    scale = numbers.spine_mm / step[FIRST : FIRST + 11].sum()
    z = -np.concatenate([[0.0], np.cumsum(step)]) * scale
    z -= z[FIRST]
    size = scale**0.5
    depth = _DEPTH * size
    y = back_mm + _BEFORE_MM * numbers.kyphosis_deg / 45.0 * scale + depth / 2
    share = np.clip(-z / numbers.spine_mm, -0.2, 1.2)
    x = (
        np.tan(np.deg2rad(numbers.scoliosis_deg))
        * numbers.spine_mm
        * 0.18
        * np.sin(np.pi * np.clip(share, 0, 1) * 1.15)
    )
    middle = np.stack([x, y, z], axis=1)
    slope = np.gradient(y, z)
    lean = np.stack([slope, np.ones_like(slope)], axis=1) / np.hypot(slope, 1.0)[:, None]
    return Spine(middle, _HEIGHT * scale, _WIDTH * size, depth, lean)


def vertebrae(found: Spine, numbers: Numbers, ids: dict[str, int]) -> Solids:
    """Return the bodies with end plates, pedicles, laminae, transverse and spinous processes as solids."""
    made = Solids()
    matter = Matter(0.8 * numbers.marrow_hu, 0.7 * numbers.cortex_mm, 0.6 * numbers.cortex_hu)
    thin = Matter(0.6 * numbers.marrow_hu, 0.5, 350.0)
    for index, level in enumerate(LEVELS):
        number = ids.get(f"vertebrae_{level}", 0)
        middle, (dy, dz) = found.middle[index], found.lean[index]
        up, back = np.array([0.0, dy, dz]), np.array([0.0, dz, -dy])
        high, wide, deep = found.height[index] / 2, found.width[index] / 2, found.depth[index] / 2
        for begin, end, waist in ((-1, 0, (1.0, 0.9)), (0, 1, (0.9, 1.0))):
            made.add(
                middle + begin * high * up, middle + end * high * up, back, (deep * waist[0], deep * waist[1]),
                (wide * waist[0], wide * waist[1]), id=number, flat=True, matter=matter,
            )  # fmt: skip
        across = np.array([1.0, 0.0, 0.0])
        canal, tip = (
            middle + back * (deep + 18.0),
            middle + back * (deep + 36.0) - up * (0.9 + 0.012 * index) * 2 * high,
        )
        for side in (-1.0, 1.0):
            root = middle + back * deep * 0.9 + across * side * (0.62 * wide) + up * 0.35 * high
            joint = root + back * 16.0 + across * side * 2.0
            made.add(root, joint, up, (6.5, 6.0), (4.2, 5.2), id=number, matter=matter)
            made.add(joint, canal, up, (8.0, 9.5), (3.6, 3.6), id=number, matter=matter)
            reach = 17.0 if level.startswith(("T", "L")) else 9.0
            made.add(joint, joint + across * side * reach + back * 7.0 + up * 2.0, up, (5.2, 4.6), (4.8, 4.2),
                     id=number, matter=matter)  # fmt: skip
        made.add(
            canal,
            tip,
            across,
            (2.2, 2.8),
            (4.5, 4.0),
            id=number,
            matter=thin,
        )
    return made
