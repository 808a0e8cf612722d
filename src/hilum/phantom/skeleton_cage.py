"""The rib cage: a smooth surface through twelve pairs of ribs, the ribs on it, their cartilages and the sternum.

A place on the surface has a rib number k (1 to 12, fractions between ribs) and an angle from the spine (0) round the
flank (about 90) to the sternum (180 degrees). The tables are a typical adult's, in mm for a cage 260 wide and 186 deep
with 226 from T1 to T12; they were read off one CT and are stretched to each person.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hilum.phantom.skeleton_spine import Spine
from hilum.phantom.thorax_draw import Numbers
from hilum.phantom.thorax_solids import Matter, Solids, curve

Floats = NDArray[np.float64]
WIDTH_MM, DEPTH_MM, LENGTH_MM = 260.0, 186.0, 226.0
_K = np.array([0.0, 0.45, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14.5])
_HALF = np.array([12.0, 38, 56, 80, 96, 105.5, 112, 116, 120, 125, 129, 131, 132, 131, 129, 127])
_BACK = np.array([8.0, 28, 45, 66, 79, 91, 99, 104, 108, 110, 109, 108, 106, 103, 100, 96])
_FRONT = np.array([8.0, 24, 38, 55, 64, 74, 80, 81, 80, 79, 78, 78, 78, 78, 78, 78])
_CENTRE = np.array([28.0, 33, 40, 50, 60, 68, 73, 75, 77, 76, 75, 74, 73, 72, 71, 70])
"""How far the middle of a section lies before the front of its vertebra."""
_RISE = np.array([-14.0, -3, 9, 20, 25.5, 27, 25, 20, 16, 8, 3, -2, -9, -18, -28, -38])
_DROP = np.array([16.0, 40, 58, 73, 86, 95, 103, 108, 116, 128, 144, 162, 178, 190, 196, 200])
_ENDS_DEG = np.array([134.0, 146, 153, 155, 152, 146, 139, 128, 114, 100, 79, 50])
_TURN_DEG, _SPAN_DEG, _POWER = 35.0, 110.0, 1.45


@dataclass(frozen=True, eq=False)
class Cage:
    """The surface through the middles of the ribs.

    Args:
        spine: that it hangs on.
        scale: (3,) of the tables along x, y, z.
        slope: of the ribs beside the usual.
    """

    spine: Spine
    scale: Floats
    slope: float

    def points(self, k: Floats, angle_deg: Floats) -> Floats:
        """Return places (..., 3) on the left half for rib numbers and angles of one shape."""
        from scipy.interpolate import PchipInterpolator

        tables = PchipInterpolator(_K, np.stack([_HALF, _BACK, _FRONT, _CENTRE, _RISE, _DROP]), axis=1)(k)
        half, back, front, centre, rise, drop = tables
        sx, sy, sz = self.scale
        theta = np.deg2rad(angle_deg)
        ahead = (1 - np.cos(theta)) / 2
        power = 2.35 + 0.5 * ahead
        deep = np.where(angle_deg < 90, back, front) * sy
        radius = ((np.abs(np.sin(theta)) / (half * sx)) ** power + (np.abs(np.cos(theta)) / deep) ** power) ** (
            -1 / power
        )
        levels = np.arange(len(self.spine.middle)) - 3.0
        fronts = self.spine.middle[:, 1] - self.spine.depth / 2
        place = [np.interp(k, levels, values) for values in (self.spine.middle[:, 0], fronts, self.spine.middle[:, 2])]
        share = np.clip((angle_deg - _TURN_DEG) / _SPAN_DEG, 0.0, 1.15) ** _POWER
        z = place[2] + (rise - drop * self.slope * share) * sz
        return np.stack([radius * np.sin(theta), place[1] - centre * sy + radius * np.cos(theta), z], axis=-1)

    def sections(self, z: Floats) -> tuple[Floats, Floats, Floats]:
        """Return the surface as radii about an axis.

        Returns:
            angles (A,) in degrees from the back; radii (Z, A) in mm, below 0 above the apex; (Z,) y of the axis.
        """
        angles = np.linspace(0.0, 180.0, 46)
        k = np.concatenate([np.linspace(0.0, 1.0, 9)[:-1], np.linspace(1.0, 14.5, 55)])
        grid = self.points(*np.broadcast_arrays(k[:, None], angles[None, :]))
        x, y = np.empty((2, len(z), len(angles)))
        over = np.empty((len(z), len(angles)))
        for n in range(len(angles)):
            height = grid[::-1, n, 2]
            x[:, n] = np.interp(z, height, grid[::-1, n, 0])
            y[:, n] = np.interp(z, height, grid[::-1, n, 1])
            over[:, n] = np.maximum(z - height[-1], 0.0)
        axis = 0.5 * (y[:, 0] + y[:, -1])
        radii = np.empty_like(x)
        for row in range(len(z)):
            theta = np.rad2deg(np.arctan2(x[row], y[row] - axis[row]))
            order = np.argsort(theta)
            radii[row] = np.interp(angles, theta[order], np.hypot(x[row], y[row] - axis[row])[order])
        return angles, radii - 2.0 * over, axis


def cage(numbers: Numbers, spine: Spine, half_mm: float, depth_mm: float) -> Cage:
    """Stretch the surface to half its width and its depth in mm; the length is the spine's."""
    scale = np.array([2 * half_mm / WIDTH_MM, depth_mm / DEPTH_MM, numbers.spine_mm / LENGTH_MM])
    return Cage(spine, scale, numbers.rib_slope)


def rib_path(cage: Cage, count: int, side: float) -> Floats:
    """Return the course (N, 3) of a rib's middle from its head to its cartilage; side is 1 on the left, else -1."""
    end = float(_ENDS_DEG[count - 1])
    angles = np.linspace(21.0, end, max(8, round(end / 3.2)))
    course = cage.points(np.full_like(angles, count), angles)
    body = cage.spine.at(count)
    index = count + 3
    spine = cage.spine
    head = body + np.array([spine.width[index] * 0.5 + 1.0, spine.depth[index] * 0.32, 0.42 * spine.height[index]])
    middle = cage.spine.side_mm(course[:, 2]) * np.exp(-(((angles - 20.0) / 90.0) ** 2))
    course[:, 0] = course[:, 0] * side + middle
    head[0] = cage.spine.at(count)[0] + side * (head[0] - cage.spine.at(count)[0])
    neck = 0.45 * head + 0.55 * course[0]
    return np.concatenate([curve([head, neck, course[0]], 5)[:-1], course])


def ribs(cage: Cage, numbers: Numbers, ids: dict[str, int]) -> Solids:
    """Return all twelve pairs with cortex and marrow; thin upper and lower ribs are smaller."""
    made = Solids()
    matter = Matter(0.85 * numbers.marrow_hu, numbers.cortex_mm, numbers.cortex_hu)
    size = np.array([0.9, 0.78, 0.82, 0.88, 0.93, 0.96, 0.96, 0.94, 0.94, 0.9, 0.82, 0.66])
    for side, word in ((1.0, "left"), (-1.0, "right")):
        for count in range(1, 13):
            course = rib_path(cage, count, side)
            share = np.linspace(0.0, 1.0, len(course))
            thick = 0.5 * numbers.rib_thickness_mm * size[count - 1] * (1.05 - 0.25 * share)
            high = 0.5 * numbers.rib_height_mm * size[count - 1] * (0.82 + 0.3 * share)
            high[share < 0.1] *= 0.75
            if count == 1:  # the first rib lies flat
                thick, high = high * 0.62, thick * 1.3
            for n in range(len(course) - 1):
                away = course[n] - np.array([cage.spine.side_mm(course[n, 2]), course[len(course) // 2, 1] * 0.5, 0.0])
                away[2] = 0.0
                made.add(
                    course[n], course[n + 1], away, (thick[n], thick[n + 1]), (high[n], high[n + 1]),
                    id=ids.get(f"rib_{word}_{count}", 0), matter=matter, flat=0 < n < len(course) - 2,
                )  # fmt: skip
    return made


def sternum_line(cage: Cage) -> Floats:
    """Return the middle of the sternum (5, 3): notch, angle, two between, and the tip of the xiphoid."""
    spine, sz = cage.spine, cage.scale[2]
    second = rib_path(cage, 2, 1.0)[-1]
    fourth, sixth = (cage.points(np.array([k]), np.array([172.0]))[0] for k in (4.0, 5.2))
    angle = np.array([0.0, second[1] - 7.0, second[2] + 3.0])
    notch = np.array([0.0, angle[1] + 11.0, angle[2] + 38.0 * sz])
    low = np.array([0.0, min(sixth[1], fourth[1], angle[1]) - 3.0, angle[2] - 92.0 * sz])
    body = 0.5 * (angle + low) + np.array([0.0, -4.0, 0.0])
    aside = np.array([spine.side_mm(angle[2:])[0] * 0.3, 0.0, 0.0])
    return np.asarray(np.stack([notch, angle, body, low, low + np.array([0.0, 7.0, -28.0 * sz])]) + aside)


def breastbone(cage: Cage, numbers: Numbers, ids: dict[str, int]) -> Solids:
    """Return the sternum and the cartilages of the ribs that reach it; these calcify with age."""
    made = Solids()
    notch, angle, body, low, tip = sternum_line(cage)
    matter = Matter(0.55 * numbers.marrow_hu, 0.8 * numbers.cortex_mm, 0.4 * numbers.cortex_hu)
    ahead, number = np.array([0.0, -1.0, 0.0]), ids.get("sternum", 0)
    made.add(notch, angle, ahead, (6.0, 5.0), (25.0, 15.0), id=number, cap_mm=3.0, matter=matter)
    made.add(angle, body, ahead, (5.0, 5.0), (14.0, 17.0), id=number, cap_mm=3.0, matter=matter)
    made.add(body, low, ahead, (5.0, 4.5), (17.0, 15.0), id=number, cap_mm=3.0, matter=matter)
    made.add(low, tip, ahead, (3.5, 2.0), (9.0, 3.0), id=number, cap_mm=3.0, matter=matter)
    edge = [(0.12, notch, angle, 21.0), (1.0, notch, angle, 15.0), (0.3, angle, low, 14.0), (0.55, angle, low, 16.0),
            (0.76, angle, low, 16.0), (0.9, angle, low, 14.0), (1.0, angle, low, 11.0)]  # fmt: skip
    cartilage = ids.get("costal_cartilages", 0)
    for side in (1.0, -1.0):
        last = None
        for count in range(1, 11):
            start = rib_path(cage, count, side)[-1]
            if count <= 7:
                share, upper, lower, half = edge[count - 1]
                goal = upper + share * (lower - upper) + np.array([side * half, 0.5, 0.0])
            else:
                assert last is not None
                goal = last[max(2, len(last) // 2 - 1)]
            sag = (
                0.55 * (start + goal)
                - 0.05 * (start + goal)
                + [side * 5.0, -5.0, -0.12 * abs(start[2] - goal[2]) - 2.0]
            )
            last = curve([start, sag, goal], 10)
            rim = numbers.calcified * (0.9 if count > 1 else 1.3)
            chalk = Matter(100.0 + 60.0 * rim, 0.9, 110.0 + 420.0 * rim)
            for n in range(len(last) - 1):
                out = last[n] * [1, 1, 0] - np.array([0, 0, 0])
                made.add(last[n], last[n + 1], out, (3.6, 3.6), (5.5, 5.5), id=cartilage, flat=0 < n < len(last) - 2,
                         matter=chalk)  # fmt: skip
    return made
