"""What spreads through both lungs: oedema, emphysema, fibrosis."""

from __future__ import annotations

import numpy as np

from hilum.core.seed import generator
from hilum.drr.attenuation import AIR_HU
from hilum.phantom.illness_airspace import airways, around_mm
from hilum.phantom.illness_bend import Bend
from hilum.phantom.illness_chest import LOBES, Bools, Box, Chest, Floats, OneSide, Part, draws, sides_of, waves
from hilum.phantom.illness_pleura import dome_bend
from hilum.phantom.illness_registry import Pathology, register
from hilum.phantom.lesions import lowest
from hilum.phantom.patient import Placed, Plan

_MARK_HU = 20.0  # a change of less is not in the mask of an oedema
_LINE_MM = (10.0, 20.0)


def up_share(chest: Chest, part: Part) -> Floats:
    """Return 0 at the foot of a part's box and 1 at its head, shaped to broadcast."""
    size = part.mask.shape[2]
    return np.linspace(0.0, 1.0, size, dtype=np.float32).reshape(1, 1, size)


def hilum_mm(chest: Chest, side: OneSide) -> np.ndarray:
    """Return (3,) where a main bronchus enters its lung, reckoned from the carina."""
    found: np.ndarray = chest.carina_mm + np.array([-32.0 if side == "right" else 32.0, 6.0, -25.0])
    return found


def edema_hu(severity: float) -> float:
    """Return the mean rise of the lungs' HU a severity stands for, 0 to 300."""
    return 300.0 * severity


def _central(chest: Chest, part: Part, side: OneSide) -> Floats:
    """How close to the hilum each voxel lies, 1 there."""
    x, y, z = chest.axes_mm(part.box)
    at = hilum_mm(chest, side).astype(np.float32)
    far2 = (x - at[0]) ** 2 + (y - at[1]) ** 2 + (z - at[2]) ** 2
    return np.asarray(np.exp(-far2 / np.float32(55.0**2)), np.float32)


def _septa(chest: Chest, part: Part, side: OneSide, amount: float) -> None:
    """Short level lines at the lung's lower outer wall, 1-2 mm thick and 10-20 mm long, here and there."""
    rng, size = generator(7, "septa", side), part.mask.shape
    for z in range(int(0.10 * size[2]), int(0.5 * size[2]), max(2, round(5.0 / chest.step))):
        section = part.mask[:, :, z]
        columns = np.flatnonzero(section.any(axis=1))
        if not columns.size or rng.random() < 0.35:
            continue
        length = max(2, round(float(rng.uniform(*_LINE_MM)) / chest.step))
        first = columns[0] if side == "right" else max(columns[-1] - length, 0)
        reach = slice(first, first + length)
        rows = np.flatnonzero(section[reach].any(axis=0))
        middle = int(rows[int(rng.integers(len(rows)))])
        deep = slice(max(middle - round(12.0 / chest.step), 0), middle + round(12.0 / chest.step))
        values = chest.hu[part.box[0], part.box[1], part.box[2].start + z][reach, deep]
        chosen = section[reach, deep] & (values < -300.0)
        values[chosen] += np.float32(300.0 * amount)


def _cuffs(chest: Chest, side: OneSide, amount: float) -> None:
    """Thick walls around the bronchi near the hilum."""
    at = chest.index(hilum_mm(chest, side)).round().astype(int)
    reach = round(45.0 / chest.step)
    x, y, z = (slice(max(int(a) - reach, 0), min(int(a) + reach, n)) for a, n in zip(at, chest.hu.shape, strict=True))
    lobe = next(lobe for lobe in LOBES[side] if chest.has(f"lung_{lobe}_lobe_{side}"))
    tree = airways(chest, side, lobe)
    away = around_mm(chest, (x, y, z), tree, least_mm=1.2, reach_mm=3.0)
    values = chest.hu[x, y, z]
    lung = np.isin(chest.structures.ids[x, y, z], chest.lobe_ids(side))
    ring = lung & (away > -0.5) & (away < 2.0) & (values < -300.0) & (values > -940.0)
    values[ring] += np.float32(220.0 * amount)


def _redistributed(chest: Chest, part: Part, amount: float) -> None:
    """Wider vessels in the upper half: each voxel takes up some of its densest neighbour."""
    from scipy.ndimage import maximum_filter

    half = part.mask.shape[2] // 2
    box = (*part.box[:2], slice(part.box[2].start + half, part.box[2].stop))
    values, mask = chest.hu[box], part.mask[:, :, half:] & (chest.hu[box] < -200.0)
    wider = maximum_filter(values, size=3)
    grown = mask & (wider > -600.0) & (wider < 120.0)
    values[grown] += 0.45 * amount * (np.minimum(wider[grown], 20.0) - values[grown])


def _edema(chest: Chest, plan: Plan) -> Placed:
    whole, excess = np.zeros(chest.hu.shape, np.bool_), []
    for side in sides_of(plan):
        lung = chest.lung(side)
        room, rng = chest.aired(lung), draws(plan, side)
        if not room.any() or not plan.severity:
            continue
        before = chest.hu[lung.box].copy()
        part = Part(lung.box, room)
        if plan.severity > 0.2:
            _septa(chest, part, side, plan.severity)
            _cuffs(chest, side, plan.severity)
        _redistributed(chest, part, plan.severity)
        weight = 0.25 + 1.3 * _central(chest, lung, side) + 0.7 * (1.0 - up_share(chest, lung)) ** 2
        weight = weight * np.clip(1.0 + 0.30 * waves(chest, lung.box, rng, length_mm=14.0), 0.2, 2.0)
        done = float((chest.hu[lung.box] - before)[room].mean())
        more = (edema_hu(plan.severity) - done) / 1000.0 * room.sum() * chest.voxel_ml
        chest.spread(lung.box, np.where(room, weight, 0.0).astype(np.float32), max(more, 0.0), cap_hu=10.0)
        change = chest.hu[lung.box] - before
        whole[lung.box] |= room & (change >= _MARK_HU)
        excess.append(float(change[room].mean()))
    measures = {"excess_hu": float(np.mean(excess)) if excess else 0.0, "volume_ml": int(whole.sum()) * chest.voxel_ml}
    return Placed(plan, whole, measures=measures, sites=lung_sites(plan))


def lung_sites(plan: Plan) -> tuple[str, ...]:
    """Return the vocabulary's name of the lung or lungs of a plan."""
    sides = sides_of(plan)
    return ("bilateral lungs",) if len(sides) == 2 else (f"{sides[0]} lung",)


def _emphysema(chest: Chest, plan: Plan) -> Placed:
    whole, total = np.zeros(chest.hu.shape, np.bool_), 0
    for side in sides_of(plan):
        lung = chest.lung(side)
        room, rng, box = chest.aired(lung), draws(plan, side), lung.box
        room &= chest.hu[box] < -500.0
        total += lung.count
        field = 0.8 * waves(chest, box, rng, length_mm=14.0) + 0.5 * waves(chest, box, rng, length_mm=40.0)
        upper = {"panlobular": -1.2}.get(plan.kind, 1.6)
        field = field + upper * (up_share(chest, lung) - 0.5)
        holes = lowest(-field, room, round(0.45 * plan.severity * lung.count), exact=True)
        if not holes.any():
            continue
        values = chest.hu[box]
        floor = -970.0 - 15.0 * np.clip(field, 0.0, 1.0)
        values[holes] = np.minimum(floor, values)[holes]
        veins = room & ~holes & (values > -780.0)  # fewer and thinner vessels
        values[veins] -= np.float32(0.35 * plan.severity) * (values[veins] + 850.0)
        whole[box] |= holes
    share = int(whole.sum()) / max(total, 1)
    return Placed(plan, whole, measures={"low_attenuation_share": share}, sites=lung_sites(plan))


def _flat_domes(chest: Chest, plan: Plan) -> tuple[Bend, ...]:
    fall = -24.0 * plan.severity
    return tuple(dome_bend(chest, side, fall) for side in sides_of(plan)) if plan.severity > 0 else ()


def _subpleural(chest: Chest, plan: Plan, side: OneSide, room: Bools, rng: np.random.Generator) -> Floats:
    """Rank of involvement: low under the pleura and at the base (at the apex for that kind)."""
    lung = chest.lung(side)
    high = up_share(chest, lung)
    level = (1.0 - high) if plan.kind == "apical" else high
    rank = chest.wall_mm(side) / 16.0 + 2.6 * level + 0.35 * waves(chest, lung.box, rng, length_mm=28.0)
    return np.asarray(rank, np.float32)


def _net(chest: Chest, box: Box, rng: np.random.Generator) -> Floats:
    """Sheets about 9 mm apart, 1 on them and 0 between: where two smooth fields pass through 0."""
    one, two = waves(chest, box, rng, length_mm=20.0), waves(chest, box, rng, length_mm=20.0)
    return np.asarray(np.clip(1.0 - np.minimum(np.abs(one), np.abs(two)) / 0.28, 0.0, 1.0), np.float32)


def _fibrosis(chest: Chest, plan: Plan) -> Placed:
    whole, total, sums = np.zeros(chest.hu.shape, np.bool_), 0, [0.0, 0]
    for side in sides_of(plan):
        lung = chest.lung(side)
        room, rng, box = chest.aired(lung) & (chest.hu[lung.box] < -300.0), draws(plan, side), lung.box
        total += lung.count
        rank = _subpleural(chest, plan, side, room, rng)
        region = lowest(rank, room, round(0.5 * plan.severity * lung.count), exact=True)
        if not region.any():
            continue
        fade = np.clip((rank[region].max() - rank) / 0.8, 0.15, 1.0)
        values, before = chest.hu[box], chest.hu[box][region]
        change = fade * (30.0 + 60.0 * plan.severity + (330.0 + 200.0 * plan.severity) * _net(chest, box, rng))
        values[region] = np.maximum(np.minimum(values + change, 20.0), values)[region]
        if plan.kind == "honeycombing":
            cells = region & (change < 90.0)
            values[cells] = AIR_HU + 30.0
        whole[box] |= region
        sums = [sums[0] + float((values[region] - before).sum()), sums[1] + int(region.sum())]
    measures = {"extent_share": int(whole.sum()) / max(total, 1), "excess_hu": sums[0] / max(sums[1], 1)}
    return Placed(plan, whole, measures=measures, sites=lung_sites(plan))


def _shrunk(chest: Chest, plan: Plan) -> tuple[Bend, ...]:
    rise = 14.0 * plan.severity
    return tuple(dome_bend(chest, side, rise) for side in sides_of(plan)) if plan.severity > 0 else ()


register(Pathology(
    "emphysema", 40, "0 to 45 % of each lung below -950 HU, domes up to 24 mm lower", _emphysema, shape=_flat_domes,
    measure="low_attenuation_share", least=0.05, kinds=("panlobular",),
))  # fmt: skip
for _concept, _order in (("pulmonary fibrosis", 45), ("reticular pattern", 46)):
    register(Pathology(
        _concept, _order, "0 to 50 % of each lung, from the pleura and the base inwards", _fibrosis,
        shape=_shrunk if _concept == "pulmonary fibrosis" else None, measure="extent_share", least=0.05,
        kinds=("honeycombing", "apical"),
    ))  # fmt: skip
register(Pathology(
    "pulmonary edema", 50, "lungs 0 to 300 HU denser in the mean", _edema, measure="excess_hu", least=60.0,
))  # fmt: skip
