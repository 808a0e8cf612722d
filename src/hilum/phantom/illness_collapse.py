"""A lobe without its air: smaller at the same mass, its neighbours larger at theirs; and plates of collapsed lung."""

from __future__ import annotations

import numpy as np

from hilum.phantom.illness_airspace import lobe_of, sites_of
from hilum.phantom.illness_bend import Bend
from hilum.phantom.illness_chest import LOBES, SIDES, Chest, Floats, OneSide, Part, draws, sides_of, spot
from hilum.phantom.illness_diffuse import hilum_mm
from hilum.phantom.illness_pleura import dome_bend
from hilum.phantom.illness_registry import Pathology, register
from hilum.phantom.lesions import lowest
from hilum.phantom.patient import Placed, Plan

_LOSS = 0.8


def loss_share(severity: float) -> float:
    """Return the share of its volume that a lobe loses at a severity, 0 to 0.8."""
    return _LOSS * severity


def _shape(chest: Chest, plan: Plan) -> tuple[Bend, ...]:
    """Hilum towards the lobe, mediastinum to its side, dome up."""
    bends: list[Bend] = []
    for side in sides_of(plan):
        loss, lobe = loss_share(plan.severity), lobe_of(plan, side, chest)
        sign = -1.0 if side == "right" else 1.0
        if loss <= 0:
            continue
        rise = {"upper": 22.0, "middle": 0.0, "lower": -20.0}[lobe] * loss
        half = np.array([55.0, 60.0, 70.0])
        bends.append(Bend(hilum_mm(chest, side), half, half, shift=(0.0, 0.0, rise)))
        lungs = [chest.lung(each) for each in SIDES]
        low = chest.mm(np.min([[p.start for p in part.box] for part in lungs], axis=0))
        high = chest.mm(np.max([[p.stop for p in part.box] for part in lungs], axis=0))
        middle = (low + high) / 2 + np.array([0.0, 0.0, 0.15 if lobe == "upper" else -0.15]) * (high - low)
        reach = (high - low) * np.array([0.45, 0.6, 0.5])
        bends.append(Bend(middle, reach, reach, shift=(sign * 16.0 * loss, 0.0, 0.0)))
        if lobe != "middle":
            bends.append(dome_bend(chest, side, (28.0 if lobe == "lower" else 14.0) * loss))
    return tuple(bends)


def _order(chest: Chest, part: Part, side: OneSide, lobe: str) -> Floats:
    """Which voxels of a lobe are given up last: low where it shrinks to."""
    places = np.argwhere(part.mask)
    low, span = places.min(axis=0), np.maximum(np.ptp(places, axis=0), 1)
    x, y, z = ((np.arange(n, dtype=np.float32) - low[a]) / span[a] for a, n in enumerate(part.mask.shape))
    lateral = (1.0 - x if side == "right" else x)[:, None, None]
    back, up = y[None, :, None], z[None, None, :]
    if lobe == "lower":  # against the spine and down: a triangle behind the heart
        order = lateral + 0.7 * (1.0 - back) + 0.9 * up
    elif lobe == "middle":  # a wedge against the heart
        order = lateral + 1.2 * np.abs(up - 0.45) + 0.2 * back
    elif side == "right":  # up and to the middle, the minor fissure rising like a fan
        order = 0.7 * lateral + 1.4 * (1.0 - up) + 0.1 * back
    else:  # the left upper lobe lies down on the front wall
        order = 1.5 * back + 0.35 * lateral + 0.3 * (1.0 - up)
    return np.asarray(order, np.float32)


def _give(chest: Chest, part: Part, freed: np.ndarray, side: OneSide, lobe: str) -> None:
    """Name freed voxels after the lobe that moves into them."""
    others = [other for other in LOBES[side] if other != lobe and chest.has(f"lung_{other}_lobe_{side}")]
    if not others:
        return
    numbers = {name: i for i, name in chest.structures.names.items()}
    ids = chest.structures.ids.copy()
    z = np.arange(part.mask.shape[2])[None, None, :]
    middle = float(np.argwhere(part.mask)[:, 2].mean())
    first = "upper" if "upper" in others else others[0]
    second = "middle" if "middle" in others and lobe == "lower" else others[-1]
    for chosen, other in ((freed & (z >= middle), first), (freed & (z < middle), second)):
        ids[part.box][chosen] = numbers[f"lung_{other}_lobe_{side}"]
    chest.relabel(ids, same_lungs=True)


def _collapse(chest: Chest, plan: Plan, side: OneSide, measures: dict[str, float]) -> Part:
    lobe = lobe_of(plan, side, chest)
    name = f"lung_{lobe}_lobe_{side}"
    part, lung = chest.lobe(lobe, side), chest.lung(side)
    original = Chest(chest.anatomy).part(name).count
    order = _order(chest, part, side, lobe)
    kept = lowest(order, part.mask, min(round((1.0 - loss_share(plan.severity)) * original), part.count), exact=True)
    freed = part.mask & ~kept
    rest = lung.mask.copy()
    inner = tuple(slice(p.start - o.start, p.stop - o.start) for p, o in zip(part.box, lung.box, strict=True))
    rest[inner] &= ~part.mask
    masses = chest.mass_g(part), chest.mass_g(Part(lung.box, rest))
    if freed.any() and rest.any():
        chest.spread(part.box, kept.astype(np.float32), masses[0] - chest.mass_g(Part(part.box, kept)), cap_hu=60.0)
        rest[inner] |= freed
        wider = Part(lung.box, rest)
        chest.spread(lung.box, rest.astype(np.float32), masses[1] - chest.mass_g(wider))
        before, after = (np.argwhere(m).mean(axis=0) for m in (part.mask, kept))
        measures["fissure_shift_mm"] = float(np.linalg.norm(after - before)) * chest.step
        _give(chest, part, freed, side, lobe)
    measures["volume_loss_share"] = max(measures["volume_loss_share"], 1.0 - int(kept.sum()) / max(original, 1))
    measures["volume_ml"] = int(kept.sum()) * chest.voxel_ml
    return Part(part.box, kept)


def _fill(chest: Chest, plan: Plan) -> Placed:
    whole, sites = np.zeros(chest.hu.shape, np.bool_), tuple[str, ...]()
    measures = {"volume_loss_share": 0.0, "volume_ml": 0.0, "fissure_shift_mm": 0.0}
    for side in sides_of(plan):
        part = _collapse(chest, plan, side, measures)
        whole[part.box] |= part.mask
        sites = (*sites, *sites_of(plan, side, chest))
    return Placed(plan, whole, measures=measures, sites=sites)


def plate_mm(severity: float) -> float:
    """Return the length a severity stands for in a plate of atelectasis, 10 to 90 mm; 0 for none."""
    return 10.0 + 80.0 * severity if severity > 0 else 0.0


def _plates(chest: Chest, plan: Plan) -> Placed:
    whole, points, sites = np.zeros(chest.hu.shape, np.bool_), [], tuple[str, ...]()
    length = plate_mm(plan.severity)
    for side in sides_of(plan):
        rng = draws(plan, side)
        lung = chest.lung(side)
        sites = (*sites, f"{side} lower lung zone")
        low = Part(lung.box, lung.mask & (np.arange(lung.mask.shape[2]) < 0.45 * lung.mask.shape[2]))
        for _ in range(int(rng.integers(1, 3))):
            at = spot(chest, low, rng, deep=chest.depth_mm(side), margin_mm=12.0)
            tilt, thick = rng.normal(0.0, 0.25, 2), float(rng.uniform(2.0, 4.0))
            if at is None or not length:
                continue
            points.append(chest.mm(np.array(at)))
            x, y, z = (axis - value for axis, value in zip(chest.axes_mm(lung.box), points[-1], strict=True))
            away = np.abs(z - tilt[0] * x - tilt[1] * y)
            inside = (x / (length / 2)) ** 2 + (y / max(length / 3, 12.0)) ** 2 <= 1.0
            share = np.clip((thick / 2 - away) / chest.step + 0.5, 0.0, 1.0) * inside * chest.aired(lung)
            values = chest.hu[lung.box]
            values += (0.8 * share * np.maximum(20.0 - values, 0.0)).astype(np.float32)
            whole[lung.box] |= share > 0.25
    measures = {"length_mm": length if points else 0.0, "volume_ml": int(whole.sum()) * chest.voxel_ml}
    return Placed(plan, whole, measures=measures, sites=sites, points_mm=np.reshape(points, (-1, 3)))


register(Pathology(
    "atelectasis", 15, "0 to 80 % of a lobe's volume lost at the same mass", _fill, shape=_shape,
    measure="volume_loss_share", least=0.20, sites=("upper", "middle", "lower"),
))  # fmt: skip
register(Pathology(
    "linear atelectasis", 62, "one or two plates 10 to 90 mm long", _plates, measure="length_mm", least=20.0,
))  # fmt: skip
