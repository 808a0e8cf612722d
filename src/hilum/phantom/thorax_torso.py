"""The torso's outline with shoulders, neck and breasts, and the layers between skin and ribs. In mm."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hilum.phantom.skeleton_cage import Cage, sternum_line
from hilum.phantom.thorax_draw import Numbers

Floats = NDArray[np.float64]
_NECK_MM = (61.0, 60.0, 52.0)
"""Half-width of the neck, and its reach behind and before its middle."""
_ROOT_MM, _COVER_MM, _EVEN_MM = 60.0, 15.0, 9.0
"""How high over the breastbone the neck begins; what covers the breastbone's top, at least; how round shoulders are."""


@dataclass(frozen=True, eq=False)
class Outline:
    """Sections of the torso: superellipses with different reach in front and behind.

    Args:
        z: (Z,) heights.
        half, back, front, axis, power: (Z,) of each section; the axis is its y.
        breasts: (2, 5) x, z, half-width, half-height of the lower half, and how far each stands out; (0, 5) without.
    """

    z: Floats
    half: Floats
    back: Floats
    front: Floats
    axis: Floats
    power: Floats
    breasts: Floats

    def depth(self, x: Floats, y: Floats, midline: Floats) -> Floats:
        """Return the depth under the skin (X, Y, Z) in mm, below 0 outside."""
        dx = np.abs(x[:, None, None] - midline)
        dy = y[None, :, None] - self.axis
        reach = np.where(dy > 0, self.back, self.front)
        far = ((dx / self.half) ** self.power + (np.abs(dy) / reach) ** self.power) ** (1.0 / self.power)
        radius = np.hypot(dx, dy)
        found = np.where(far > 0.02, radius * (1.0 / np.maximum(far, 0.02) - 1.0), reach)
        fading = np.clip(-dy / 50.0, 0.0, 1.0) * np.maximum(1.0 - (dx / self.half) ** 4, 0.0)
        for place_x, place_z, wide, high, ahead in self.breasts:
            over = self.z > place_z  # the upper half fades into the chest, the lower one ends in a fold
            rise = (self.z - place_z) / np.where(over, 1.9 * high, high)
            steep = 0.75 + 1.25 * np.clip(0.3 + (self.z - place_z) / high, 0.0, 1.0)
            share = np.maximum(1.0 - ((x[:, None, None] - place_x) / wide) ** 2 - rise**2, 0.0)
            found = found + ahead * share**steep * fading
        return np.asarray(found)


def outline(numbers: Numbers, cage: Cage, z: Floats, acromion_mm: float) -> Outline:
    """Return the torso's sections at heights z.

    Args:
        numbers: widths, layers, breasts.
        cage: that it covers.
        z: (Z,) of the sections.
        acromion_mm: z of the shoulders' tops.
    """
    from scipy.interpolate import PchipInterpolator
    from scipy.ndimage import gaussian_filter1d

    top, wide = acromion_mm, numbers.torso_width_mm / 2
    _, _, axis = cage.sections(z)
    third = float(cage.spine.at(3.0)[2])
    fixed = np.minimum(z, third)
    _, capped, _ = cage.sections(fixed)
    _, behind, before = numbers.fat_around_mm
    back = capped[:, 0] + 4.0 + 1.12 * numbers.muscle_mm + 1.0 + behind
    front = capped[:, -1] + 4.0 + 0.45 * numbers.muscle_mm + before
    belly = np.clip((float(cage.spine.at(9.0)[2]) - z) / 120.0, 0.0, 1.0)
    front = front + belly * numbers.fat_mm * 0.9
    knots = np.array([-400.0, top - 95, top - 30, top - 2, top + 12, top + 30, top + 62, top + 120])
    shoulder = numbers.shoulder_mm
    half = PchipInterpolator(
        knots,
        [
            wide,
            wide,
            max(shoulder, wide) - 3,
            0.93 * shoulder,
            0.76 * shoulder,
            0.52 * shoulder,
            _NECK_MM[0],
            _NECK_MM[0],
        ],
    )(z)
    neck = np.clip((z - third + 10.0) / (top + 55.0 - third), 0.0, 1.0)
    neck = neck**2 * (3 - 2 * neck)
    level = np.arange(len(cage.spine.middle)) - 3.0
    throat = np.interp(z, cage.spine.middle[::-1, 2], (cage.spine.middle[:, 1] - cage.spine.depth / 2)[::-1]) + 2.0
    assert len(level) == len(cage.spine.middle)
    breasts = np.zeros((0, 5))
    if numbers.breast_ml > 0:
        size = (numbers.breast_ml * 1000.0 / 1.324) ** (1 / 3)
        height = float(cage.spine.at(8.0)[2]) - 0.1 * size
        breasts = np.array([[side * 0.52 * wide, height, 1.08 * size, size, 0.62 * size] for side in (-1.0, 1.0)])
    middle = (1 - neck) * axis + neck * throat
    front = (1 - neck) * front + neck * _NECK_MM[2]
    notch = sternum_line(cage)[0]
    under = np.clip((notch[2] + _ROOT_MM - z) / (_ROOT_MM + 4.0), 0.0, 1.0)
    under = under**2 * (3 - 2 * under)
    over = under * (notch[1] - _COVER_MM - 0.4 * before) + (1 - under) * (throat - _NECK_MM[2])
    front = np.maximum(front, middle - over)  # skin covers the clavicles and then slopes to the neck
    back = (1 - neck) * back + neck * _NECK_MM[1]
    wide = _EVEN_MM / float(z[1] - z[0])
    half, back, front, middle = (gaussian_filter1d(each, wide, mode="nearest") for each in (half, back, front, middle))
    return Outline(z, half, back, front, middle, 2.5 - 0.3 * neck, breasts)


def layers(
    numbers: Numbers, cage: Cage, outlines: Outline, x: Floats, y: Floats, z: Floats, *, acromion_mm: float
) -> Floats:
    """Return (3, X, Y, Z) mm: depth under the skin, distance to the cage, distance beyond the muscles on it."""
    midline = cage.spine.side_mm(z)
    depth = outlines.depth(x, y, midline)
    steep = np.sqrt(sum(slope**2 for slope in np.gradient(depth, x[1] - x[0], y[1] - y[0], z[1] - z[0])))
    depth = depth / np.maximum(steep, 1.0)  # or shoulders, which slope, would end in steps
    angles, radii, axis = cage.sections(z)
    dx, dy = np.abs(x[:, None, None] - midline), y[None, :, None] - axis
    theta = np.rad2deg(np.arctan2(dx, dy))
    place = theta / (angles[1] - angles[0])
    low = np.minimum(place.astype(np.int64), len(angles) - 2)
    share = place - low
    level = np.arange(len(z))[None, None, :]
    surface = (1 - share) * radii[level, low] + share * radii[level, low + 1]
    gap = np.hypot(dx, dy) - surface
    behind = np.exp(-((theta / 32.0) ** 2))
    before = np.clip((theta - 110.0) / 40.0, 0.0, 1.0)
    high = np.clip((z - (acromion_mm - 150.0)) / 40.0, 0.0, 1.0)
    muscle = numbers.muscle_mm * (0.75 + 1.3 * behind + 0.35 * before * high - 0.25 * before * (1 - high))
    rising = np.clip((z - (acromion_mm - 130.0)) / 90.0, 0.0, 1.0)
    muscle = muscle + 45.0 * rising**2 + 355.0 * rising**6
    return np.stack([depth, gap, gap - 4.0 - muscle])
