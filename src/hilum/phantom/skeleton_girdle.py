"""The shoulder girdle: clavicles, scapulae and the heads of the humeri, as solids in mm."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hilum.phantom.skeleton_cage import Cage, sternum_line
from hilum.phantom.thorax_draw import Numbers
from hilum.phantom.thorax_solids import Matter, Solids, curve

Floats = NDArray[np.float64]


def shoulder_mm(cage: Cage, numbers: Numbers, side: float, supine: bool) -> Floats:
    """Return the middle (3,) of a humeral head: rolled forward for a PA film, further back and up when lying."""
    notch = sternum_line(cage)[0]
    reach = numbers.clavicle_mm * 0.93
    away = (62.0, 4.0) if supine else (48.0, -8.0 + numbers.shoulder_lift_mm)
    return np.array([side * (22.0 + reach + 6.0), notch[1] + away[0], notch[2] + away[1]])


def elbow_mm(head: Floats, numbers: Numbers, side: float, supine: bool) -> Floats:
    """Return where the upper arm (3,) that begins at a humeral head ends: beside the body, or as far out as drawn."""
    if supine:
        return np.asarray(head + np.array([side * 34.0, 4.0, -300.0]))
    out = np.deg2rad(numbers.arm_out_deg)
    return np.asarray(head + 290.0 * np.array([side * np.sin(out), -0.22, -np.cos(out)]))


def girdle(cage: Cage, numbers: Numbers, ids: dict[str, int], *, supine: bool) -> Solids:
    """Return both clavicles, scapulae and upper humeri.

    Args:
        cage: that the scapulae slide on.
        numbers: length of the clavicle; how far the scapulae are turned out of the lungs.
        ids: of the structures by name.
        supine: lying with the arms beside: scapulae lie further over the lungs.
    """
    made = Solids()
    notch = sternum_line(cage)[0]
    matter = Matter(numbers.marrow_hu, 1.2 * numbers.cortex_mm, numbers.cortex_hu)
    head_matter = Matter(0.9 * numbers.marrow_hu, 1.0, 0.8 * numbers.cortex_hu)
    shaft = Matter(20.0, 3.0, numbers.cortex_hu)
    for side, word in ((1.0, "left"), (-1.0, "right")):
        head = shoulder_mm(cage, numbers, side, supine)
        inner = notch + np.array([side * 17.0, 3.0, 3.0])
        outer = head + np.array([-side * 16.0, 6.0, 24.0])
        way = outer - inner
        bend = [
            inner,
            inner + 0.33 * way + np.array([0, -9.0, -3.0]),
            inner + 0.72 * way + np.array([0, 6.0, 6.0]),
            outer,
        ]
        radius = np.interp(np.linspace(0, 1, 14), [0, 0.15, 0.5, 0.85, 1], [9.0, 6.8, 5.2, 6.0, 7.0])
        made.tube(curve(bend, 14), radius, id=ids.get(f"clavicula_{word}", 0), matter=matter)
        _scapula(made, cage, head, outer, side, ids.get(f"scapula_{word}", 0), numbers, supine)
        number = ids.get(f"humerus_{word}", 0)
        arm = elbow_mm(head, numbers, side, supine)
        made.add(head, head, [1, 0, 0], (22.0, 22.0), (22.0, 22.0), id=number, cap_mm=22.0, matter=head_matter)
        made.tube(np.stack([head, head + 0.14 * (arm - head), arm]), [19.0, 13.0, 11.0], id=number, matter=shaft)
    return made


def _scapula(
    made: Solids, cage: Cage, head: Floats, outer: Floats, side: float, number: int, numbers: Numbers, supine: bool
) -> None:
    """A thin triangular blade on the back of the cage, its thick outer border, spine, glenoid and coracoid."""
    out = numbers.scapula_out_mm - (26.0 if supine else 0.0)
    matter = Matter(numbers.marrow_hu, 0.9 * numbers.cortex_mm, 0.8 * numbers.cortex_hu)
    blade = Matter(numbers.marrow_hu, 1.0, 0.55 * numbers.cortex_hu)
    glenoid = head + np.array([-side * 25.0, 8.0, -2.0])
    sx = cage.scale[0]

    def on_back(far: float, level: float) -> Floats:
        """A place 12 mm outside the cage at a distance from the midline and a vertebra's height."""
        z = float(cage.spine.at(level)[2])
        angles, radii, axis = cage.sections(np.array([z]))
        theta = np.deg2rad(angles)
        x, y = radii[0] * np.sin(theta), axis[0] + radii[0] * np.cos(theta)
        behind = angles < 95
        near = int(np.argmin(np.abs(x[behind] - far))) if far < x[behind].max() else int(np.argmax(x[behind]))
        return np.array([side * max(far, 10.0), y[behind][near] + 12.0, z])

    inner_top, inner_mid = on_back((74 + out) * sx, 2.2), on_back((72 + out) * sx, 4.2)
    low = on_back((102 + out) * sx, 7.6)
    outer_mid = 0.5 * (glenoid + low) + np.array([side * 3.0, 4.0, 0.0])
    top = 0.55 * inner_top + 0.45 * glenoid + np.array([0, 4.0, 8.0])
    normal = np.cross(low - inner_top, glenoid - inner_top)
    steps = np.linspace(0.0, 1.0, 9)
    medial = curve([inner_top, inner_mid, low], 9)
    lateral = curve([top, 0.6 * glenoid + 0.4 * outer_mid, outer_mid, low], 9)
    for n, _ in enumerate(steps[:-1]):  # strips from border to border, wide enough to overlap
        for a, b in ((medial[n], lateral[n]), (0.5 * (medial[n] + medial[n + 1]), 0.5 * (lateral[n] + lateral[n + 1]))):
            made.add(a, b, normal, (1.3, 1.3), (7.5, 7.5), id=number, cap_mm=2.0, matter=blade)  # fmt: skip
    made.tube(curve([glenoid, outer_mid, low], 9), np.linspace(6.0, 3.5, 9), id=number, matter=matter)
    made.tube(curve([inner_top, inner_mid, low], 9), np.full(9, 2.6), id=number, matter=matter)
    made.add(glenoid, glenoid, [1, 0, 0], (7.0, 7.0), (13.0, 13.0), id=number, cap_mm=17.0, matter=matter)
    root = inner_mid + np.array([0, 3.0, 12.0])
    acromion = outer + np.array([side * 16.0, 10.0, 0.0])
    made.tube(
        curve([root, 0.5 * (root + acromion) + np.array([0, 14.0, 2.0]), acromion], 8),
        np.linspace(3.5, 7.0, 8),
        id=number,
        matter=matter,
    )
    made.tube(
        curve(
            [
                glenoid + np.array([0, -4, 14]),
                glenoid + np.array([0, -18, 20]),
                glenoid + np.array([side * 6, -34, 12]),
            ],
            6,
        ),
        5.5,
        id=number,
        matter=matter,
    )
