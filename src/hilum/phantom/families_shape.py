"""What makes one warped chest another person's: domes, rib slope, spine, cage, shoulders, heart's axis, chest wall.

Each is a smooth shift of places, small beside the length over which it fades, so that no two places meet (tested).
Lengths in mm, patient axes (LPS: x left, y posterior, z head).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
_ABOVE_MM, _BELOW_MM = 150.0, 110.0  # over which the move of a dome fades towards the head and the feet
_HEART_REACH = 1.5


@dataclass(frozen=True, eq=False)
class Landmarks:
    """Places of the old body that a shape refers to.

    Args:
        centre, carina: (3,) of the lungs' box, of the windpipe's fork.
        cage: half-lengths left and back of the rib cage about the centre.
        dome_z: height at which the domes stand.
        top_z: height at which the CT ends.
        heart: (3,) centre and (3,) half-lengths of the heart.
    """

    centre: Points
    carina: Points
    cage: tuple[float, float]
    dome_z: float
    top_z: float
    heart: tuple[Points, Points]


@dataclass(frozen=True, eq=False)
class Shape:
    """One person's shape beside that of the CT; the default leaves it as it is.

    Args:
        at: landmarks of the old body.
        domes_mm: (right, left) how far the domes stand higher, below 0 lower; ribs and spine stay.
        slope: of the ribs: mm that a place sinks for each mm it lies in front of the middle.
        curve_mm, curve_length_mm, curve_phase: a sideways curve of the spine.
        kyphosis_mm: how far chest and back bend forwards above and below the middle.
        taper: how much wider the cage is above its middle than below, as a share.
        lean: share of the half-width by which the right half is wider than the left.
        shoulders_mm: (right, left) how far shoulder and collarbone stand higher.
        apart_mm: how far the shoulder blades lie further out.
        heart_turn_deg: of the heart's axis, above 0 more upright.
        wall: (3,) size, length in mm and phase of what the side wall varies by down the body; the left one runs apart.
        tilt: mm that the left apex and shoulder lie lower for each mm beside the middle; the CT's left ones lie higher.
        bulges: (3,) mm by which left ventricle, right atrium and aortic arch stand out.
    """

    at: Landmarks
    domes_mm: tuple[float, float] = (0.0, 0.0)
    slope: float = 0.0
    curve_mm: float = 0.0
    curve_length_mm: float = 320.0
    curve_phase: float = 0.0
    kyphosis_mm: float = 0.0
    taper: float = 0.0
    lean: float = 0.0
    shoulders_mm: tuple[float, float] = (0.0, 0.0)
    apart_mm: float = 0.0
    heart_turn_deg: float = 0.0
    wall: tuple[float, float, float] = (0.0, 200.0, 0.0)
    tilt: float = 0.0
    bulges: tuple[float, float, float] = (0.0, 0.0, 0.0)

    def wall_scale(self, away: Points, scale: float) -> Points:
        """Return how much thicker the chest wall (N,) is at places (N, 3) mm away from the centre."""
        size, length, phase = self.wall
        beside = _ramp(np.abs(away[:, 0]) / self.at.cage[0], 0.4, 0.9)
        apart = np.where(away[:, 0] > 0, 2.0, 0.0)
        found: Points = scale * np.exp(size * beside * np.sin(2 * np.pi * away[:, 2] / length + phase + apart))
        return found

    def source(self, points: Points) -> Points:
        """Return the old places (N, 3) that are seen at new places (N, 3) of the scaled body."""
        mark, found = self.at, points.copy()
        away = found - mark.centre
        rho = np.hypot(away[:, 0] / mark.cage[0], away[:, 1] / mark.cage[1])
        trunk = _ramp(mark.top_z - found[:, 2], 0.0, 110.0) * _ramp(found[:, 2] - mark.dome_z, -190.0, -60.0)
        found[:, 2] += -self.slope * np.clip(away[:, 1], -110.0, 110.0) * trunk
        high = away[:, 2]
        found[:, 0] -= self.curve_mm * np.sin(2 * np.pi * high / self.curve_length_mm + self.curve_phase)
        found[:, 1] -= self.kyphosis_mm * np.sin(np.pi / 2 * np.clip(np.abs(high) / 170.0, 0.0, 1.0)) ** 2
        across = away[:, 0] / mark.cage[0]
        found[:, 0] -= self.lean * mark.cage[0] * np.maximum(1.0 - across**2, 0.0) ** 1.5
        found[:, 0] = mark.centre[0] + (found[:, 0] - mark.centre[0]) * (1.0 - self.taper * np.tanh(high / 110.0))
        upper = _ramp(found[:, 2] - mark.dome_z, -20.0, 110.0)
        found[:, 2] += self.tilt * np.clip(away[:, 0], -110.0, 110.0) * upper
        self._shoulders(found, away, rho)
        self._domes(found, away, rho)
        self._turned(found)
        self._bulged(found)
        return found

    def _shoulders(self, found: Points, away: Points, rho: Points) -> None:
        lift = np.where(away[:, 0] > 0, self.shoulders_mm[1], self.shoulders_mm[0])
        beside = _ramp(np.abs(away[:, 0]), 55.0, 125.0)
        found[:, 2] -= lift * beside * _ramp(found[:, 2] - self.at.carina[2], -40.0, 80.0)
        blade = _ramp(rho, 0.95, 1.4) * _ramp(found[:, 2] - self.at.carina[2], -110.0, -10.0)
        found[:, 0] -= np.clip(away[:, 0] / 70.0, -1.0, 1.0) * self.apart_mm * blade

    def _domes(self, found: Points, away: Points, rho: Points) -> None:
        if not any(self.domes_mm):
            return
        right, left = self.domes_mm
        share = _ramp(away[:, 0] / self.at.cage[0], -0.35, 0.35)
        over = found[:, 2] - self.at.dome_z
        fade = np.where(over > 0, _ramp(over, _ABOVE_MM, 0.0), _ramp(-over, _BELOW_MM, 15.0))
        spine = np.exp(-((away[:, 0] / 32.0) ** 2)) * _ramp(away[:, 1] / self.at.cage[1], 0.1, 0.6)
        found[:, 2] -= (right + (left - right) * share) * fade * _ramp(rho, 1.12, 0.72) * (1.0 - spine)

    def _turned(self, found: Points) -> None:
        middle, half = self.at.heart
        away = found - middle
        far = np.linalg.norm(away / half, axis=1)
        angle = np.deg2rad(self.heart_turn_deg) * np.exp(-((far / _HEART_REACH) ** 4))
        x, z = away[:, 0], away[:, 2]
        found[:, 0] += (np.cos(angle) - 1.0) * x - np.sin(angle) * z
        found[:, 2] += np.sin(angle) * x + (np.cos(angle) - 1.0) * z

    def _bulged(self, found: Points) -> None:
        middle, half = self.at.heart
        places = (
            middle + half * np.array([0.75, 0.0, -0.15]), middle + half * np.array([-0.85, 0.1, -0.1]),
            self.at.carina + np.array([32.0, 5.0, 18.0]),
        )  # fmt: skip
        for place, size, way, reach in zip(places, self.bulges, (1.0, -1.0, 1.0), (30.0, 26.0, 18.0), strict=True):
            near = np.exp(-((found - place) ** 2).sum(axis=1) / (2.0 * reach**2))
            found[:, 0] -= way * size * near


def draw_shape(at: Landmarks, rng: np.random.Generator, *, age_years: float) -> Shape:
    """Draw a person's shape; domes are set by whoever knows inspiration and posture.

    Args:
        at: landmarks of the CT.
        rng: of every draw.
        age_years: the old are bent more, their ribs level.
    """
    old = (age_years - 50.0) / 30.0

    def normal(mean: float, spread: float, most: float) -> float:
        return float(np.clip(rng.normal(mean, spread), -most, most))

    return Shape(
        at,
        slope=normal(-0.04 * old, 0.07, 0.15), curve_mm=normal(0.0, 2.5, 6.0),
        curve_length_mm=float(rng.uniform(260.0, 420.0)), curve_phase=float(rng.uniform(0.0, 2 * np.pi)),
        kyphosis_mm=normal(4.0 * old, 6.0, 13.0), taper=normal(0.0, 0.045, 0.10), lean=normal(0.0, 0.035, 0.07),
        shoulders_mm=(8.0 + normal(-4.0, 9.0, 14.0), 8.0 + normal(-4.0, 9.0, 14.0)),
        apart_mm=normal(2.0, 5.0, 9.0), heart_turn_deg=normal(0.0, 6.0, 11.0),
        wall=(float(rng.uniform(0.1, 0.4)), float(rng.uniform(180.0, 360.0)), float(rng.uniform(0.0, 2 * np.pi))),
        tilt=float(np.clip(rng.normal(0.08, 0.05), -0.03, 0.18)),
        bulges=(normal(0.0, 5.0, 9.0), normal(0.0, 4.0, 7.0), normal(1.0 + old, 3.0, 6.0)),
    )  # fmt: skip


def _ramp(value: Points, low: float, high: float) -> Points:
    """Return 0 where a value has not come to `low`, 1 from `high` on, smooth between; the other way if low > high."""
    share = np.clip((value - low) / (high - low), 0.0, 1.0)
    found: Points = share * share * (3.0 - 2.0 * share)
    return found
