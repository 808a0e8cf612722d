"""Heart and great vessels: ellipsoids solved to a cardiothoracic ratio, and tubes that hang on the carina. In mm."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hilum.phantom.skeleton_spine import Spine
from hilum.phantom.thorax_draw import Numbers
from hilum.phantom.thorax_solids import Matter, Solids, curve

Floats = NDArray[np.float64]
_CHAMBERS = (  # middle and half-lengths over half the heart's width, and how much of the tilt each takes
    ("left ventricle", (0.36, 0.06, -0.26), (0.82, 0.50, 0.56), 1.0),
    ("right ventricle", (0.04, -0.30, -0.42), (0.90, 0.50, 0.46), 0.3),
    ("right atrium", (-0.46, 0.02, -0.12), (0.50, 0.50, 0.74), 0.0),
    ("left atrium", (0.0, 0.42, 0.18), (0.62, 0.36, 0.44), 0.0),
    ("outflow", (0.12, -0.20, 0.20), (0.50, 0.46, 0.68), 0.0),
    ("left appendage", (0.34, 0.06, 0.30), (0.34, 0.34, 0.44), 0.0),
)


@dataclass(frozen=True, eq=False)
class Heart:
    """The heart as a union of ellipsoids.

    Args:
        middle: (6, 3) of the ellipsoids.
        axes: (6, 3, 3) columns are half-axes.
    """

    middle: Floats
    axes: Floats

    @property
    def low(self) -> Floats:
        """Least (3,) of the union along x, y, z."""
        return np.asarray((self.middle - np.linalg.norm(self.axes, axis=2)).min(axis=0))

    @property
    def high(self) -> Floats:
        """Greatest (3,) of the union."""
        return np.asarray((self.middle + np.linalg.norm(self.axes, axis=2)).max(axis=0))

    def place(self, share: tuple[float, float, float]) -> Floats:
        """Return the place (3,) at shares (0 to 1) of its extent along x, y, z."""
        return np.asarray(self.low + np.asarray(share) * (self.high - self.low))

    def stretched(self, border_mm: float, width_mm: float) -> Heart:
        """Return the heart with its right border at an x and of another width."""
        share = width_mm / float(self.high[0] - self.low[0])
        middle, axes = self.middle.copy(), self.axes.copy()
        middle[:, 0] = border_mm + (middle[:, 0] - self.low[0]) * share
        axes[:, 0, :] *= share
        return Heart(middle, axes)

    def solids(self, number: int, blood_hu: float) -> Solids:
        """Return its ellipsoids with one id."""
        made = Solids()
        for middle, axes in zip(self.middle, self.axes, strict=True):
            turn, half, _ = np.linalg.svd(axes)
            made.add(middle, middle + 1e-3 * turn[:, 2], turn[:, 0], (half[0], half[0]), (half[1], half[1]), id=number,
                     cap_mm=half[2], matter=Matter(blood_hu))  # fmt: skip
        return made


def heart(numbers: Numbers, *, width_mm: float, midline_mm: float, bottom_mm: float, top_mm: float, back_mm: float,
          front_mm: float) -> Heart:  # fmt: skip
    """Make a heart of a given width.

    Args:
        numbers: tilt of its axis, and the share of it on the right.
        width_mm: between its outermost places, exactly.
        midline_mm: x that the right share is counted from.
        bottom_mm, top_mm: wanted z of its lowest and highest place; the height stays within 0.82 to 1.14 widths.
        back_mm, front_mm: y that it must not pass.
    """
    middle = np.array([each[1] for each in _CHAMBERS])
    axes = np.stack([_leaning(numbers.heart_tilt_deg * each[3]) * np.array(each[2]) for each in _CHAMBERS])
    unit = Heart(middle, axes)
    size = unit.high - unit.low
    height = float(np.clip(top_mm - bottom_mm, 0.84 * width_mm, max(1.08 * width_mm, 96.0)))
    deep = float(min(0.86 * width_mm + 6.0, back_mm - front_mm))
    scale = np.array([width_mm, deep, height]) / size
    shift = np.array([midline_mm - numbers.heart_right_share * width_mm, 0.0, bottom_mm]) - unit.low * scale
    shift[1] = front_mm - (unit.low * scale)[1] + max(0.0, 0.35 * (back_mm - front_mm - deep))
    return Heart(middle * scale + shift, axes * scale[None, :, None])


def _leaning(tilt_deg: float) -> Floats:
    """Turn (3, 3) of a chamber whose first axis points to the left, forwards, and down by an angle."""
    if tilt_deg == 0.0:
        return np.eye(3)
    tilt, turn = np.deg2rad(tilt_deg), np.deg2rad(34.0 * min(tilt_deg / 30.0, 1.0))
    along = np.array([np.cos(tilt) * np.cos(turn), -np.cos(tilt) * np.sin(turn), -np.sin(tilt)])
    beside = np.cross(along, [0.0, 0.0, 1.0])
    beside /= np.linalg.norm(beside)
    return np.stack([along, beside, np.cross(along, beside)], axis=1)


def courses(numbers: Numbers, carina: Floats, beating: Heart, spine: Spine) -> dict[str, tuple[Floats, Floats]]:
    """Return the middle lines (N, 3) and radii (N,) of the great vessels, airways and oesophagus by name.

    Pulmonary arteries end at the hila ('pulmonary_right', 'pulmonary_left'), main bronchi too ('main_right' ...).
    """
    rise = np.array([1.0, 1.0, numbers.spine_mm / 250.0])
    unfold = numbers.unfolding_mm

    def beside(*away: tuple[float, float, float]) -> list[Floats]:
        return [carina + np.array(each) * rise for each in away]

    root = beating.place((0.46, 0.42, 0.86))
    flow = beating.place((0.58, 0.22, 0.9))
    down = [spine.front(t) + np.array([x + w * unfold, y, 0.0]) for t, x, y, w in (
        (7.0, 19.0, -4.0, 0.7), (9.0, 15.0, -8.0, 0.6), (11.0, 8.0, -12.0, 0.3), (13.0, 3.0, -14.0, 0.0),
        (15.0, 2.0, -14.0, 0.0))]  # fmt: skip
    arch = beside(
        (-15.0 - 0.5 * unfold, -36.0, -30.0),
        (-14.0 - 0.5 * unfold, -33.0, -4.0),
        (-2.0, -22.0, 15.0 + 0.5 * unfold),
        (12.0 + 0.2 * unfold, -3.0, 21.0 + 0.6 * unfold),
        (21.0 + 0.5 * unfold, 16.0, 12.0 + 0.5 * unfold),
        (23.0 + 0.7 * unfold, 24.0, -12.0),
    )
    aorta = curve([root, *arch, *down], 60)
    share = np.linspace(0, 1, 60)
    wide = np.interp(
        share,
        [0, 0.14, 0.24, 0.33, 0.42, 1.0],
        [
            0.48 * numbers.ascending_mm,
            0.5 * numbers.ascending_mm,
            0.49 * numbers.arch_mm,
            0.48 * numbers.arch_mm,
            0.5 * numbers.descending_mm,
            0.42 * numbers.descending_mm,
        ],
    )
    trunk = numbers.pulmonary_trunk_mm / 2
    fork = carina + np.array([22.0, -30.0, -24.0])
    right = curve(
        [fork, *beside((2.0, -18.0, -25.0), (-24.0, -10.0, -27.0), (-37.0, -4.0, -38.0), (-41.0, 3.0, -62.0))], 18
    )
    left = curve([fork, *beside((35.0, -10.0, -12.0), (43.0, 8.0, -17.0), (44.0, 16.0, -48.0))], 16)
    found = {
        "aorta": (aorta, wide),
        "trunk": (curve([flow, 0.5 * (flow + fork) + np.array([2, -5, 0]), fork], 8), np.full(8, trunk)),
        "pulmonary_right": (
            right,
            np.interp(np.linspace(0, 1, 18), [0, 0.6, 1], [trunk * 0.84, trunk * 0.78, trunk * 0.5]),
        ),
        "pulmonary_left": (
            left,
            np.interp(np.linspace(0, 1, 16), [0, 0.6, 1], [trunk * 0.84, trunk * 0.78, trunk * 0.5]),
        ),
        "superior_vena_cava": (
            curve([*beside((-21, -26, 30), (-24, -24, 0), (-26, -20, -34)), beating.place((0.16, 0.55, 0.82))], 14),
            np.full(14, 9.5),
        ),
    }
    found |= _branches(carina, beside, spine) | _airways(numbers, carina, spine)
    atrium = beating.place((0.42, 0.82, 0.62))
    for side, name, lung in ((-1.0, "pulmonary_vein_right", right), (1.0, "pulmonary_vein_left", left)):
        root = lung[int(0.62 * len(lung))] + np.array([-side * 4.0, -12.0, -16.0])
        found[name] = (
            curve([root, 0.5 * (root + atrium) + np.array([0, 3, 0]), atrium + np.array([side * 14.0, 0, 0])], 7),
            np.full(7, 5.5),
        )
    entry = beating.place((0.2, 0.62, 0.12))
    low = spine.front(13.0) + np.array([-17.0, -16.0, 0.0])
    found["inferior_vena_cava"] = (
        curve(
            [
                entry,
                entry + np.array([0, 4, -22]),
                0.5 * (entry + low) + np.array([0, 6, -8]),
                low,
                spine.front(15.0) + np.array([-16.0, -14.0, 0.0]),
            ],
            16,
        ),
        np.full(16, 11.0),
    )
    gullet = [
        spine.front(t) + np.array([x, y, 0.0])
        for t, x, y in ((-1, 3, -8), (2, 5, -9), (5.5, 4, -11), (8, 6, -14), (10, 12, -20), (11, 20, -26))
    ]
    found["esophagus"] = (curve(gullet, 24), np.full(24, 6.5))
    return found


def _branches(carina: Floats, beside: object, spine: Spine) -> dict[str, tuple[Floats, Floats]]:
    top = spine.front(1.0)

    def line(radius: float, *away: tuple[float, float, float]) -> tuple[Floats, Floats]:
        return curve([carina + np.array(each) for each in away], 12), np.full(12, radius)

    up = float(top[2] - carina[2])
    return {
        "brachiocephalic_trunk": line(6.5, (-3, -24, 12), (-10, -24, 0.5 * up), (-18, -20, 0.8 * up)),
        "subclavian_artery_right": line(4.5, (-18, -20, 0.8 * up), (-40, -12, up + 4), (-78, -8, up - 12)),
        "common_carotid_artery_right": line(3.6, (-18, -20, 0.8 * up), (-22, -20, up + 10), (-24, -22, up + 60)),
        "common_carotid_artery_left": line(
            3.8, (7, -14, 16), (16, -18, 0.6 * up), (22, -20, up + 10), (24, -22, up + 60)
        ),
        "subclavian_artery_left": line(5.0, (15, 2, 14), (24, 0, 0.6 * up), (38, -6, up + 2), (80, -8, up - 12)),
        "brachiocephalic_vein_left": line(6.5, (44, -30, 0.78 * up), (16, -38, 0.6 * up), (-20, -30, 0.5 * up)),
        "brachiocephalic_vein_right": line(7.0, (-36, -26, 0.85 * up), (-26, -28, 0.68 * up), (-21, -27, 0.45 * up)),
    }


def _airways(numbers: Numbers, carina: Floats, spine: Spine) -> dict[str, tuple[Floats, Floats]]:
    radius = numbers.trachea_mm / 2
    top = spine.front(-2.0) + np.array([0.0, -24.0, 0.0])
    right, left = np.deg2rad(numbers.right_main_deg), np.deg2rad(numbers.left_main_deg)
    high = float(top[2] - carina[2])
    middle = carina + np.array([1.0, 0.45 * (top[1] - carina[1]), 0.5 * high])
    ends = [carina + length * np.array([side * np.sin(angle), 0.24, -np.cos(angle)]) for side, angle, length in (
        (-1.0, right, 42.0), (1.0, left, 52.0))]  # fmt: skip
    start = carina + np.array([0.0, 0.0, 5.0])
    return {
        "trachea": (curve([top, middle, carina + np.array([0, 0, 7.0])], 16), np.full(16, radius)),
        "main_right": (
            np.stack([start, carina + (ends[0] - carina) * 0.3, ends[0]]),
            np.array([0.8, 0.78, 0.62]) * radius,
        ),
        "main_left": (
            np.stack([start, carina + (ends[1] - carina) * 0.3, ends[1]]),
            np.array([0.72, 0.7, 0.56]) * radius,
        ),
    }
