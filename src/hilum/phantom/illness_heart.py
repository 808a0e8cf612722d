"""A heart that is too large: it grows about a pivot on its right, so that the left border moves most."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hilum.phantom.illness_bend import Bend, grown_reach
from hilum.phantom.illness_chest import SIDES, Chest, Part
from hilum.phantom.illness_registry import Pathology, register
from hilum.phantom.patient import Placed, Plan
from hilum.phantom.warp import cardiothoracic_ratio

_LOW, _SPAN, _GROWTH = 0.48, 0.20, 0.85


def target_ratio(severity: float) -> float:
    """Return the cardiothoracic ratio a severity stands for: 0.48 to 0.68, 0.50 at a tenth."""
    return _LOW + _SPAN * severity


def _region(chest: Chest, heart: Part) -> Bend:
    """A growth of nothing over the room the heart has: chest wall, sternum and spine stay."""
    places = np.argwhere(heart.mask) + [part.start for part in heart.box]
    low, high = chest.mm(places.min(axis=0)), chest.mm(places.max(axis=0))
    half = (high - low) / 2
    pivot = chest.mm(places.mean(axis=0)) + half * np.array([-0.35, 0.0, 0.35])
    lungs = [chest.lung(side) for side in SIDES]
    ends = np.array([[part.box[axis].start for part in lungs] for axis in range(3)]).min(axis=1)
    stops = np.array([[part.box[axis].stop for part in lungs] for axis in range(3)]).max(axis=1)
    first, last = chest.mm(ends), chest.mm(stops)
    room_low = np.array([pivot[0] - first[0], max(pivot[1] - first[1], 0.9 * (pivot[1] - low[1])), 1.45 * half[2]])
    room_high = np.array([last[0] - pivot[0], 1.5 * half[1], 1.0 * half[2]])
    return Bend(pivot, np.maximum(room_low, 10.0), np.maximum(room_high, 10.0))


def _solved(chest: Chest, heart: Part, region: Bend, ratio: float) -> float:
    """The growth whose heart is as wide as a ratio of the lungs' widest stretch asks; 0 where it is so already."""
    places = chest.mm(np.argwhere(heart.mask) + [part.start for part in heart.box])
    reach, away = region.reach(places), places[:, 0] - region.pivot[0]
    now = cardiothoracic_ratio(chest.body)
    span = float(np.ptp(away)) + chest.step
    wanted = span / now * ratio

    def width(growth: float) -> float:
        factor = np.where(reach > 0, grown_reach(growth, reach) / np.maximum(reach, 1e-9), 1.0)
        return float(np.ptp(away * factor)) + chest.step

    low, high = 0.0, _GROWTH
    for _ in range(14):
        middle = (low + high) / 2
        low, high = (middle, high) if width(middle) < wanted else (low, middle)
    return low


def _shape(chest: Chest, plan: Plan) -> tuple[Bend, ...]:
    heart = chest.part("heart")
    region = _region(chest, heart)
    growth = _solved(chest, heart, region, target_ratio(plan.severity)) if plan.severity > 0 else 0.0
    return (Bend(region.pivot, region.low, region.high, growth=growth),) if growth > 0 else ()


def _fill(chest: Chest, plan: Plan) -> Placed:
    heart = chest.part("heart")
    wide: NDArray[np.intp] = np.flatnonzero(heart.mask.any(axis=(1, 2)))
    measures = {
        "ctr": cardiothoracic_ratio(chest.body), "heart_width_mm": float(np.ptp(wide) + 1) * chest.step,
        "volume_ml": heart.count * chest.voxel_ml,
    }  # fmt: skip
    return Placed(plan, heart.whole(chest.hu.shape), measures=measures, sites=("cardiac silhouette",))


register(Pathology(
    "cardiomegaly", 10, "cardiothoracic ratio 0.48 to 0.68, never less than the body's own", _fill, shape=_shape,
    measure="ctr", least=0.50, above=True, sides=(),
))  # fmt: skip
