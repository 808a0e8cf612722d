"""What lies on the chest wall and in it: pleural thickening and plaques, broken and healed ribs."""

from __future__ import annotations

import numpy as np

from hilum.core.errors import InputError
from hilum.phantom.illness_chest import FREE, SOLID, Box, Chest, OneSide, Part, draws, sides_of
from hilum.phantom.illness_registry import Pathology, register
from hilum.phantom.patient import Placed, Plan

Points = np.ndarray
_RIBS = range(3, 11)
_MARK_HU = 5.0  # a smaller change is not in the mask of a fracture


def thickening_mm(severity: float) -> float:
    """Return the thickness a severity stands for, 1 to 13 mm; 0 for none."""
    return 1.0 + 12.0 * severity if severity > 0 else 0.0


def _patch(chest: Chest, side: OneSide, rng: np.random.Generator, *, apical: bool) -> tuple[Points, float]:
    """The middle of a patch on the outer surface of a lung, and its radius in mm."""
    lung, depth = chest.lung(side), chest.wall_mm(side)
    places = np.argwhere((depth > 0) & (depth <= 1.5 * chest.step))
    share = (places - places.min(axis=0)) / np.maximum(np.ptp(places, axis=0), 1)
    lateral = 1.0 - share[:, 0] if side == "right" else share[:, 0]
    fits = share[:, 2] > 0.93 if apical else (lateral > 0.75) & (share[:, 2] > 0.15) & (share[:, 2] < 0.75)
    chosen = places[fits] if fits.any() else places
    at = chosen[int(rng.integers(len(chosen)))]
    return chest.mm(at + [p.start for p in lung.box]), float(
        rng.uniform(28.0, 40.0) if apical else rng.uniform(15.0, 38.0)
    )


def _thick(chest: Chest, plan: Plan) -> Placed:
    whole, thick = np.zeros(chest.hu.shape, np.bool_), thickening_mm(plan.severity)
    calcified, apical = plan.concept.startswith("calcified"), plan.concept.startswith("apical")
    deepest = 0.0
    for side in sides_of(plan):
        rng, lung, depth = draws(plan, side), chest.lung(side), chest.wall_mm(side)
        for _ in range(3 if calcified else 1):
            at, radius = _patch(chest, side, rng, apical=apical)
            x, y, z = (axis - value for axis, value in zip(chest.axes_mm(lung.box), at, strict=True))
            slope = np.clip(1.0 - (x**2 + y**2 + z**2) / radius**2, 0.0, 1.0)
            edge = thick * np.sqrt(slope)
            share = np.clip((edge - depth) / chest.step + 1.0, 0.0, 1.0) * (slope > 0) * chest.aired(lung)
            values, hu = chest.hu[lung.box], float(rng.uniform(150.0, 350.0) if calcified else rng.uniform(30.0, 60.0))
            values += (share * np.maximum(hu - values, 0.0)).astype(np.float32)
            mask = share >= 0.5
            whole[lung.box] |= mask
            chest.held[lung.box][mask & (chest.held[lung.box] == FREE)] = SOLID
            deepest = max(deepest, float(depth[mask].max()) if mask.any() else 0.0)
    measures = {"thickness_mm": thick if deepest else 0.0, "volume_ml": int(whole.sum()) * chest.voxel_ml}
    sites = tuple(f"{side} apical zone" if apical else f"{side} pleura" for side in sides_of(plan))
    return Placed(plan, whole, measures=measures, sites=sites)


def _break(chest: Chest, name: str, rng: np.random.Generator) -> tuple[Points, Points]:
    """Where a rib breaks (3,) mm, and its direction there (3,)."""
    rib = chest.part(name)
    places = chest.mm(np.argwhere(rib.mask) + [p.start for p in rib.box])
    middle = np.array([chest.carina_mm[0], chest.carina_mm[1] + 15.0])
    angle = np.arctan2(np.abs(places[:, 0] - middle[0]), -(places[:, 1] - middle[1]))  # 0 in front, pi at the back
    order = np.argsort(angle, kind="stable")
    near = places[order[int(float(rng.uniform(0.3, 0.85)) * (len(order) - 1))]]
    close = places[np.linalg.norm(places - near, axis=1) < 12.0]
    at = close[np.linalg.norm(close - near, axis=1) < 7.0].mean(axis=0)
    along = np.linalg.svd(close - close.mean(axis=0), full_matrices=False)[2][0] if len(close) > 3 else np.eye(3)[0]
    return at, along


def _around(chest: Chest, at: Points, reach_mm: float) -> tuple[Box, Points]:
    """A box about a place, and its voxels' offsets (..., 3) in mm."""
    index, n = chest.index(at).round().astype(int), int(np.ceil(reach_mm / chest.step))
    x, y, z = (
        slice(max(int(i) - n, 0), min(int(i) + n + 1, size)) for i, size in zip(index, chest.hu.shape, strict=True)
    )
    away = np.stack(np.broadcast_arrays(*chest.axes_mm((x, y, z))), axis=-1) - at
    return (x, y, z), away


def _snapped(
    chest: Chest, at: Points, along: Points, rng: np.random.Generator, gap_mm: float, offset_mm: float
) -> Part:
    """One break: the outer fragment stands off, and a gap of soft tissue runs obliquely through the bone."""
    from scipy.ndimage import map_coordinates

    tilt = rng.normal(0.0, 0.35, 3)
    across = along + tilt - (tilt @ along) * along
    across /= np.linalg.norm(across)
    box, away = _around(chest, at, 28.0)
    before = chest.hu[box].copy()
    d, beside = away @ across, np.linalg.norm(away - (away @ along)[..., None] * along, axis=-1)
    ids = chest.structures.ids[box]
    bone = np.isin(ids, [i for i, n in chest.structures.names.items() if n.startswith("rib_")])
    moved = offset_mm * np.clip(1.0 - d / 24.0, 0.0, 1.0) * (d > 0) * np.clip(1.6 - beside / 10.0, 0.0, 1.0)
    way = along * along[2] - np.array([0.0, 0.0, 1.0])  # down, across the rib
    way /= max(float(np.linalg.norm(way)), 1e-6)
    index = np.indices(before.shape) - (moved[None] * way[:, None, None, None]) / chest.step
    after = map_coordinates(before, index, order=1, mode="nearest") if offset_mm > 0 else before.copy()
    here = map_coordinates(bone.astype(np.float32), index, order=1, mode="nearest") > 0.5 if offset_mm > 0 else bone
    share = np.clip((gap_mm / 2 - np.abs(d)) / chest.step + 0.5, 0.0, 1.0) * here * (beside < 14.0)
    share = np.minimum(share, 1.0) * min(1.0, gap_mm / chest.step + 0.3)
    after += share * np.minimum(30.0 - after, 0.0)
    chest.hu[box] = after.astype(np.float32)
    return Part(box, np.abs(chest.hu[box] - before) > 0.0)


def _callus(chest: Chest, at: Points, rng: np.random.Generator, size_mm: float) -> Part:
    """A cuff of new bone around an old break."""
    box, away = _around(chest, at, size_mm + 2.0)
    before = chest.hu[box].copy()
    share = np.clip((size_mm / 2 - np.linalg.norm(away, axis=-1)) / chest.step + 0.5, 0.0, 1.0)
    hu = float(rng.uniform(300.0, 500.0))
    chest.hu[box] = before + (share * np.maximum(hu - before, 0.0)).astype(np.float32)
    return Part(box, chest.hu[box] > before)


def _fracture(chest: Chest, plan: Plan) -> Placed:
    whole, points, count = np.zeros(chest.hu.shape, np.bool_), [], 0
    healed = plan.concept.startswith("healed")
    offset = 4.0 + 4.0 * plan.severity if plan.kind == "displaced" else 0.0
    gap, before = 0.0, chest.hu.copy()
    for side in sides_of(plan) if plan.severity > 0 else ():
        rng = draws(plan, side)
        there = [n for n in _RIBS if chest.has(f"rib_{side}_{n}")]
        if not there:
            raise InputError(f"the body shows no rib 3 to 10 on the {side}: '{plan.key}' cannot be placed in it")
        many = 1 + int(plan.severity > 0.4) + int(plan.severity > 0.75)
        first = int(rng.integers(max(len(there) - many + 1, 1)))
        gap = float(rng.uniform(0.5, 2.0))
        for number in there[first : first + many]:
            at, along = _break(chest, f"rib_{side}_{number}", rng)
            part = (
                _callus(chest, at, rng, 11.0 + 6.0 * plan.severity)
                if healed
                else _snapped(chest, at, along, rng, gap, offset)
            )
            whole[part.box] |= part.mask
            points.append(at)
            count += 1
    whole &= np.abs(chest.hu - before) > _MARK_HU
    measures = {"ribs": float(count), "gap_mm": 0.0 if healed else gap, "offset_mm": offset}
    sites = tuple(f"{side} rib" for side in sides_of(plan))
    return Placed(plan, whole, measures=measures, sites=sites, points_mm=np.reshape(points, (-1, 3)))


for _concept, _place in (
    ("pleural thickening", 80),
    ("apical pleural thickening", 81),
    ("calcified pleural plaques", 82),
):
    register(Pathology(
        _concept, _place, "1 to 13 mm thick", _thick, measure="thickness_mm", least=3.0,
    ))  # fmt: skip
register(Pathology(
    "rib fracture", 100, "one to three ribs; displaced by 4 to 8 mm", _fracture, measure="ribs", least=1.0,
    kinds=("displaced",),
))  # fmt: skip
register(Pathology("healed rib fracture", 101, "one to three ribs", _fracture, measure="ribs", least=1.0))
