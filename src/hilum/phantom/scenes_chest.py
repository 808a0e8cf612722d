"""The chest of a scene in three dimensions: one patient's anatomy at one visit, and what its facts add to it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hilum.core.seed import generator
from hilum.phantom.anatomy import SIDES, Chest, draw_chest
from hilum.phantom.chords import Solid
from hilum.phantom.scenes_facts import TIPS_CM, Fact, Facts

Spots = NDArray[np.float32]
_CTR = ((0.39, 0.46), (0.53, 0.57), (0.63, 0.69))
_LEVEL_MM = (1e9, 26.0, -22.0, -72.0)  # of fluid against the top of the dome, for each grade of an effusion
_RADIUS_MM = (0.0, 20.0, 29.0, 38.0)
_BEHIND_MM = ((0.0, 0.0, 0.0), (28.0, 8.0, 18.0), (34.0, 9.5, 25.0), (38.0, 11.0, 32.0))
"""Half-lengths of what lies behind the heart: thin along a frontal beam, long along a lateral one."""
_COLLAPSE = (0.0, 0.16, 0.38)
_DEPTH_MM = {"anterior": (18.0, 46.0), "posterior": (-58.0, -30.0)}
_SHARE = {"upper": (0.12, 0.28), "mid": (0.42, 0.56), "lower": (0.72, 0.86)}
"""Height of a centre, share of the way from apex to dome."""


@dataclass(frozen=True, eq=False)
class Scene:
    """Solids of one visit, patient's millimetres: x to the left, y to the front, z to the feet.

    Args:
        chest: anatomy.
        facts: what is true.
        carina: z in mm.
        tubes: float32 (T, 2, 3), ends of vessels and bronchi; `radii` float32 (T,) in mm.
        lesions: solids that fill with tissue, by concept.
        levels: of fluid by side, z in mm; `collapse` by side, share of its width a lung has lost.
        tip: of the endotracheal tube, z in mm, or None.
    """

    chest: Chest
    facts: Facts
    carina: float
    tubes: Spots
    radii: NDArray[np.float32]
    lesions: dict[str, tuple[Solid, ...]]
    levels: dict[int, float]
    collapse: dict[int, float]
    tip: float | None

    def fact(self, concept: str) -> Fact:
        """Return the fact of a concept."""
        return next(fact for fact in self.facts if fact.concept == concept)

    def lung(self, side: int) -> Solid:
        """Return the outline of a lung, upright, so that it is a closed form in both views."""
        solid, lower = self.chest.lung(side), 24.0
        (x, y, z), (a, b, c) = solid.center, solid.axes
        return solid._replace(center=(x, y, z + lower), axes=(a, b, c + lower), turn_deg=0.0)

    def dome(self, side: int) -> Solid:
        """Return one half of the diaphragm, its top before the middle so that a gutter is left behind it."""
        solid = self.chest.dome(side)
        (x, _, z), (a, _, c) = solid.center, solid.axes
        return solid._replace(center=(x, 20.0, z), axes=(1.25 * a, 1.06 * self.chest.depth, c), power=3.0)


def draw_scene(facts: Facts, *, seed: int, patient: str, visit: str) -> Scene:
    """Draw the solids of a visit: the patient's own anatomy, breathing and the finding's exact place anew.

    Args:
        facts: what is true.
        seed, patient: of the anatomy, which visits share.
        visit: name of the visit, for what differs between visits.
    """
    own, now = generator(seed, "scene", patient), generator(seed, "scene", patient, visit)
    chest = draw_chest(seed, patient)
    gap, breath = own.uniform(15.0, 21.0), now.normal(0.0, 3.5)
    low, high = _CTR[next(fact.grade for fact in facts if fact.concept == "cardiomegaly")]
    place = own.random()
    ctr = low + (high - low) * float(np.clip(place + now.normal(0.0, 0.15), 0.0, 1.0))
    right = float(np.clip(chest.dome_right, 58.0, 84.0)) + float(breath)
    chest = replace(chest, dome_right=right, dome_left=right + float(gap), ctr=ctr)
    carina = float(own.uniform(-46.0, -34.0))
    tubes, radii = _tree(chest, carina, own)
    lesions, levels, collapse, tip = {}, {}, {}, None
    for fact in facts:
        if not fact.grade:
            continue
        if fact.concept == "pleural effusion":
            top = chest.dome_right if fact.side < 0 else chest.dome_left
            levels[fact.side] = top + _LEVEL_MM[fact.grade] + float(now.uniform(-5, 5))
        elif fact.concept == "pneumothorax":
            collapse[fact.side] = _COLLAPSE[fact.grade] + float(now.uniform(-0.03, 0.03))
        elif fact.concept == "endotracheal tube":
            tip = carina - 10.0 * TIPS_CM[fact.tip]
        elif fact.concept in ("consolidation", "lung nodule"):
            lesions[fact.concept] = _lesion(fact, chest, own, now)
    return Scene(chest, facts, carina, tubes, radii, lesions, levels, collapse, tip)


def _tree(chest: Chest, carina: float, rng: np.random.Generator) -> tuple[Spots, NDArray[np.float32]]:
    """Vessels of both lungs from their hila outwards."""
    ends, radii = [], []
    for side in SIDES:
        root = np.array([side * (chest.mediastinum + 4.0), -8.0, carina + 18.0 + 5.0 * side])
        for _ in range(9):
            angle, tilt = rng.uniform(-1.35, 1.4), rng.uniform(-0.7, 0.7)
            way = np.array([side * np.cos(angle) * np.cos(tilt), np.sin(tilt), np.sin(angle) * np.cos(tilt)])
            middle = root + way * rng.uniform(26, 38)
            radius = rng.uniform(2.6, 4.2)
            ends += [(root, middle), (middle, middle + way * rng.uniform(25, 40) + rng.normal(0, 6, 3))]
            radii += [radius, 0.7 * radius]
        ends.append((root + np.array([0, 0, -12.0]), root + np.array([6.0 * side, 0, 14.0])))
        radii.append(rng.uniform(7, 9))
    return np.array(ends, dtype=np.float32), np.array(radii, dtype=np.float32)


def _lesion(fact: Fact, chest: Chest, own: np.random.Generator, now: np.random.Generator) -> tuple[Solid, ...]:
    """Solids of a consolidation or nodule; the place is the patient's own, its detail the visit's."""
    share = own.uniform(*_SHARE[fact.zone]) if fact.zone in _SHARE else 0.0
    top = chest.dome_right if fact.side < 0 else chest.dome_left
    z = chest.apex + share * (top - chest.apex)
    across, y = own.uniform(0.42, 0.7), own.uniform(*_DEPTH_MM[fact.depth])
    if fact.zone == "retrocardiac":
        wide, deep, high = _BEHIND_MM[fact.grade]
        behind = (44.0, float(own.uniform(-62.0, -54.0)), chest.dome_left - 6.0 - high)
        return (Solid(behind, (wide, deep, high), float(now.uniform(-12, 12))),)
    center = (fact.side * across * chest.width, float(y), float(z))
    if fact.concept == "lung nodule":
        radius = float(own.uniform(12.5, 15.0))
        return (Solid(center, (radius, radius, radius)),)
    radius = _RADIUS_MM[fact.grade]
    return tuple(
        Solid(
            (center[0] + float(a), center[1] + float(b), center[2] + float(c)),
            (radius * float(u), radius * float(v), radius * float(w)), float(now.uniform(-40, 40)),
        )
        for a, b, c, u, v, w in np.hstack([now.normal(0, 0.45 * radius, (4, 3)), now.uniform(0.6, 0.9, (4, 3))])
    )  # fmt: skip
