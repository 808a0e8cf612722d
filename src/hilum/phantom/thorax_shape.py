"""All surfaces and lines of a made thorax before any voxel: cage, domes, heart, great vessels, medial limits. In mm."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hilum.phantom.skeleton_cage import Cage, cage, sternum_line
from hilum.phantom.skeleton_girdle import shoulder_mm
from hilum.phantom.skeleton_spine import spine
from hilum.phantom.thorax_draw import Numbers
from hilum.phantom.thorax_heart import Heart, courses, heart
from hilum.phantom.thorax_surfaces import Domes, domes, floor, medial_limits

Floats = NDArray[np.float64]
PLEURA_MM = 5.0
"""From the middle of the ribs to the lung."""
_FAT_MM = 3.0


@dataclass(frozen=True, eq=False)
class Shape:
    """All surfaces and lines of one body, before any voxel.

    Args:
        numbers: that were drawn.
        cage, domes, heart: see there.
        carina: (3,) mm.
        tubes: (middle line, radii) by name.
        top: z of the shoulders' tops.
    """

    numbers: Numbers
    cage: Cage
    domes: Domes
    heart: Heart
    carina: Floats
    tubes: dict[str, tuple[Floats, Floats]]
    top: float

    def floor(self, x: Floats, y: Floats) -> Floats:
        """Return z of the diaphragm (X, Y)."""
        return floor(self.domes, self.cage, x, y, self.heart)

    def limits(self, y: Floats, z: Floats) -> tuple[Floats, Floats]:
        """Return x of the medial surfaces of the right and the left lung (Y, Z)."""
        spine = self.cage.spine
        names = ("aorta", "trunk", "superior_vena_cava", "esophagus", "trachea", "brachiocephalic_trunk",
                 "common_carotid_artery_left", "subclavian_artery_left", "brachiocephalic_vein_right",
                 "brachiocephalic_vein_left")  # fmt: skip
        balls = [self.tubes[name] for name in names]
        balls += [(self.tubes[name][0][:6], self.tubes[name][1][:6]) for name in ("pulmonary_right", "pulmonary_left")]
        knots = np.arange(-1.0, 14.0, 0.2)
        bodies = np.stack([spine.at(k) for k in knots])
        wide = np.interp(knots + 3, np.arange(len(spine.width)), spine.width) / 2
        balls.append((bodies, wide + 1.0))
        balls += [(bodies + np.array([side * 14.0, 21.0, 4.0]), np.full(len(knots), 18.0)) for side in (-1.0, 1.0)]
        before = bodies[:, [0, 2]]
        fronts = bodies[:, 1] - np.interp(knots + 3, np.arange(len(spine.depth)), spine.depth) / 2
        for ahead, reach in ((4.0, 12.0), (16.0, 8.0), (28.0, 6.0)):  # azygos vein, oesophagus and the fat around them
            balls.append(
                (
                    np.stack([before[:, 0] - 3.0 + 4.0 * np.sin(0.9 * knots), fronts - ahead, before[:, 1]], axis=1),
                    np.full(len(knots), reach),
                )
            )
        inlet = np.linspace(0.0, 1.0, 9)[:, None]
        for ahead in (6.0, 26.0, 46.0):  # the root of the neck between both cupolas
            line = spine.front(0.2) + inlet * (spine.front(2.6) - spine.front(0.2)) - np.array([0.0, ahead, 0.0])
            balls.append((line, 36.0 - 17.0 * inlet[:, 0]))
        balls.append((self.carina + np.array([[14.0, -12.0, 2.0]]), np.array([15.0])))  # aortopulmonary window
        notch, angle, _, low, _ = sternum_line(self.cage)
        share = np.linspace(0.0, 1.0, 24)[:, None]
        for ahead, reach in ((8.0, 11.0), (20.0, 6.0), (32.0, 4.0)):  # fat of the thymus
            line = (
                notch + np.minimum(share, 0.55) / 0.55 * (angle - notch) + np.maximum(share - 0.55, 0.0) * (low - angle)
            )
            width = reach * (1.0 - 0.45 * share[:, 0])
            sway = 6.0 + 4.0 * np.sin(5.0 * share[:, 0] + 1.0)
            balls.append((line + np.stack([sway, 0 * sway + ahead, 0 * sway], axis=1), width))
        return medial_limits(balls, self.heart, y, z, spine.side_mm(z), fat_mm=_FAT_MM)


def shape(numbers: Numbers, *, inspiration: float = 1.0, supine: bool = False) -> Shape:
    """Work out all surfaces of one person at one breath.

    The heart is solved to the drawn cardiothoracic ratio at full inspiration, standing; it is wider by 6 % in
    expiration and by 4 % lying.
    """
    beside, behind, before = numbers.fat_around_mm
    half = (numbers.torso_width_mm - 2 * (2.0 + beside + 0.6 * numbers.muscle_mm) - 5.0) / 2
    deep = numbers.torso_depth_mm - 11.0 - 0.75 * (behind + before) - 1.1 * numbers.muscle_mm
    deep = float(np.clip(deep, 1.18 * half, 1.62 * half))
    bones = spine(numbers, 0.41 * deep)
    full = cage(numbers, bones, half, deep)
    breath = replace(full, scale=full.scale * [1.0 - 0.02 * (1 - inspiration), 1.0 - 0.04 * (1 - inspiration), 1.0],
                     slope=full.slope * (1.0 + 0.06 * (1 - inspiration)))  # fmt: skip
    found = domes(numbers, breath, inspiration=inspiration, supine=supine)
    best = domes(numbers, full, inspiration=1.0, supine=False)
    fork = bones.front(numbers.carina_vertebra + 0.25 * (inspiration - 1.0)) + np.array([-1.0, -27.0, 0.0])
    width = numbers.ctr * lung_width_mm(full, best) * (1.0 + 0.06 * (1 - inspiration)) * (1.04 if supine else 1.0)
    bottom = best.right - 31.0 + 0.75 * (found.right - best.right)
    seventh = bones.front(8.0)
    line = sternum_line(breath)
    beating = heart(
        numbers, width_mm=width, midline_mm=float(bones.side_mm(np.array([bottom + 50.0]))[0]), bottom_mm=bottom,
        top_mm=float(fork[2]) - 34.0, back_mm=float(seventh[1]) - 9.0, front_mm=float(line[2, 1]) + 9.0,
    )  # fmt: skip
    top = float(shoulder_mm(breath, numbers, 1.0, supine)[2]) + 26.0
    return Shape(numbers, breath, found, beating, fork, courses(numbers, fork, beating, bones), top)


def lung_width_mm(full: Cage, found: Domes) -> float:
    """Return the widest stretch of both lungs from outer wall to outer wall, above the costophrenic angles."""
    z = np.arange(found.right - found.height, 0.0, 1.0)
    _, radii, _ = full.sections(z)
    angles = np.deg2rad(np.linspace(0.0, 180.0, radii.shape[1]))
    half = ((radii - PLEURA_MM) * np.sin(angles)).max(axis=1)
    return float(2.0 * half[z > found.right - 0.93 * found.height].max())


def axes(made: Shape, step: float, arms: float) -> tuple[Floats, Floats, Floats]:
    """Coordinates of voxel centres, x symmetric about 0."""
    numbers = made.numbers
    wide = max(numbers.shoulder_mm + 20.0, numbers.torso_width_mm / 2 + 8.0) + arms
    spine = made.cage.spine
    _, behind, before = numbers.fat_around_mm
    back = float(spine.middle[:, 1].max()) + 62.0 + behind
    front = (
        -102.0 * float(made.cage.scale[1])
        - before
        - 0.9 * numbers.fat_mm
        - 24.0
        - (50.0 if numbers.breast_ml > 0 else 0.0)
    )
    low, high = float(spine.at(14.4)[2]), float(spine.at(-2.6)[2])
    spans = ((-wide, wide), (front, back), (low, high))
    return tuple((np.arange(np.ceil(a / step), np.floor(b / step) + 1) * step) for a, b in spans)  # type: ignore[return-value]


def lung_distance(made: Shape, x: Floats, y: Floats, z: Floats) -> Floats:
    """Distance (X, Y, Z) to the surface of the lungs, below 0 inside, on a coarse grid."""
    angles, radii, axis = made.cage.sections(z)
    dx, dy = x[:, None, None] - made.cage.spine.side_mm(z), y[None, :, None] - axis
    theta = np.abs(np.rad2deg(np.arctan2(dx, dy)))
    place = theta / (angles[1] - angles[0])
    low = np.minimum(place.astype(np.int64), len(angles) - 2)
    level = np.arange(len(z))[None, None, :]
    wall = np.hypot(dx, dy) - radii[level, low] + PLEURA_MM
    under = (made.floor(x, y)[:, :, None] - z) * 0.7
    right, left = made.limits(y, z)
    side = np.where(x[:, None, None] > 0, left - x[:, None, None], x[:, None, None] - right)
    return np.asarray(np.maximum(wall, np.maximum(under, side)))
