"""Fluid and air in the pleural space, under gravity: the lung keeps its mass in the room they leave it."""

from __future__ import annotations

import numpy as np

from hilum.phantom.illness_bend import Bend
from hilum.phantom.illness_chest import FLUID, GAS, SIDES, Bools, Chest, Floats, OneSide, Part, draws, sides_of, waves
from hilum.phantom.illness_registry import Pathology, register
from hilum.phantom.lesions import lowest
from hilum.phantom.patient import Placed, Plan

_MOST = 0.75  # of the room of a lung that fluid may take
_RISE_MM, _RISE_SUPINE_MM = 38.0, 12.0
_WALL_MM, _BACK_MM, _UNEVEN_MM = 13.0, 14.0, 2.0  # a meniscus fades from the wall; fluid stands higher behind
_DENSEST_G_ML = 0.9
_LAYER_MM = 35.0
_PLEURA_HU = 230.0  # over the two voxels at the lung's surface


def effusion_ml(severity: float, *, both: bool = False) -> float:
    """Return the fluid a severity stands for, 50 to 2000 ml on one side, to 1120 ml on each of both; 0 for none."""
    return 50.0 + 1950.0 * severity * (1.0 - 0.45 * severity * both) if severity > 0 else 0.0


def _surface_mm(chest: Chest, plan: Plan, side: OneSide) -> Floats:
    """How much lower than it lies each place of a lung's box counts, as fluid climbs at the wall and behind."""
    box, wall = chest.lung(side).box, chest.wall_mm(side)
    climb = (_RISE_SUPINE_MM if chest.supine else _RISE_MM) * np.exp(-wall / _WALL_MM)
    _, y, _ = chest.axes_mm(box)
    back = 0.0 if chest.supine else _BACK_MM * np.clip((y - y.mean()) / max(float(np.ptp(y)) / 2, 1.0), -1.0, 1.0)
    uneven = _UNEVEN_MM * waves(chest, box, draws(plan, "surface", side), length_mm=70.0)
    return np.asarray(climb + back + uneven, np.float32)


def _fluid(chest: Chest, plan: Plan, side: OneSide) -> Part:
    lung = chest.lung(side)
    room, box = chest.aired(lung), lung.box
    mixed = any(p.concept == "pneumothorax" and p.severity > 0 and side in sides_of(p) for p in chest.plans)
    level = np.broadcast_to(chest.height_mm(box), room.shape)
    level = level if mixed else level - _surface_mm(chest, plan, side)  # beside air it is flat
    tissue = round(chest.mass_g(Part(box, room)) / _DENSEST_G_ML / chest.voxel_ml)  # no lung is smaller than that
    most = max(min(int(_MOST * room.sum()), int(room.sum()) - tissue), 0)
    amount = effusion_ml(plan.severity, both=plan.side == "both")
    wanted = min(round(amount / chest.voxel_ml), most)
    mask = lowest(level + 1e-3 * chest.wall_mm(side), room, wanted, exact=True)  # of one level, the wall's side first
    if not mask.any():
        return Part(box, mask)
    rng = draws(plan)
    pushed = chest.mass_g(Part(box, mask))
    above = level - level[mask].max()
    chest.hu[box][mask] = rng.uniform(8.0, 18.0)
    chest.held[box][mask] = FLUID
    rest = room & ~mask
    near = np.where(rest, np.exp(-np.maximum(above, 0.0) / _LAYER_MM), 0.0).astype(np.float32)
    left = chest.spread(box, near, pushed, cap_hu=-100.0)
    chest.spread(box, rest.astype(np.float32), left)
    return Part(box, mask)


def _effusion(chest: Chest, plan: Plan) -> Placed:
    whole, measures = np.zeros(chest.hu.shape, np.bool_), {"volume_ml": 0.0}
    for side in sides_of(plan):
        part = _fluid(chest, plan, side)
        whole[part.box] |= part.mask
        measures[f"volume_{side}_ml"] = part.count * chest.voxel_ml
        measures["volume_ml"] = max(measures["volume_ml"], measures[f"volume_{side}_ml"])
    sites = tuple(f"{side} pleural space" for side in sides_of(plan))
    return Placed(plan, whole, measures=measures, sites=sites)


def retraction_mm(severity: float) -> float:
    """Return how far a severity draws the lung off its apex, up to 60 mm."""
    return 60.0 * severity


def _gap(chest: Chest, side: OneSide, severity: float, *, even: bool) -> tuple[Bools, Floats]:
    """Where the lung has left the chest wall, and how much of each other voxel is its new surface.

    Its uppermost point comes down by the retraction, to a voxel; the gap narrows from there down.
    """
    lung = chest.lung(side)
    room, depth = chest.aired(lung), chest.wall_mm(side)
    _, y, z = chest.axes_mm(lung.box)
    up: Floats = np.broadcast_to(-0.8 * y - 0.6 * z if chest.supine else z, room.shape)
    heights = up[room]
    above = room & (up > heights.max() - retraction_mm(severity) + 1e-3) if heights.size else room
    if severity <= 0 or not above.any():
        return np.zeros_like(room), np.zeros(room.shape, np.float32)
    top, low = float(heights.max()), float(np.quantile(heights, 0.0 if even else 0.5 * (1.0 - severity)))
    fall = np.clip((up - low) / max(top - low, 1.0), 1e-6, 1.0)
    narrow = fall * (2.0 - fall) if not even else 0.6 + 0.6 * np.sin(np.pi * fall)
    needed = depth / narrow
    edge = float(needed[above].max())
    least = round(chest.mass_g(Part(lung.box, room)) / _DENSEST_G_ML / chest.voxel_ml)
    values = needed[room]  # no lung is smaller than its tissue
    edge = min(edge, float(np.partition(values, -least)[-least]) * (1.0 - 1e-6)) if 0 < least < values.size else edge
    thick = max(1.6 * chest.step, 3.0)
    surface = np.clip(1.0 - np.abs((depth - edge * narrow) / thick - 0.5) * 1.6, 0.0, 1.0) * np.clip(
        4.0 * fall, 0.0, 1.0
    )
    return room & (needed <= edge), np.where(room & (needed > edge), surface, 0.0).astype(np.float32)


def _pneumothorax(chest: Chest, plan: Plan) -> Placed:
    whole = np.zeros(chest.hu.shape, np.bool_)
    measures = {"retraction_mm": 0.0, "volume_ml": 0.0, "width_mm": 0.0, "collapse_share": 0.0, "shift_mm": 0.0}
    for side in sides_of(plan):
        lung = chest.lung(side)
        room = chest.aired(lung)
        mask, edge = _gap(chest, side, plan.severity, even=plan.kind == "tension")
        gap = Part(lung.box, mask)
        if not gap.count:
            continue
        pushed = chest.mass_g(gap)
        rest = room & ~gap.mask
        chest.hu[lung.box][gap.mask], chest.held[lung.box][gap.mask] = -1000.0, GAS
        values = chest.hu[lung.box]
        line = edge * np.float32(_PLEURA_HU) * (values < -200.0)
        values += line
        pushed -= float(line.sum(dtype=np.float64)) * chest.voxel_ml / 1000.0
        chest.spread(lung.box, rest.astype(np.float32), pushed)
        whole[lung.box] |= gap.mask
        _measure(chest, side, gap, room, measures)
    if plan.kind == "tension":
        measures["shift_mm"] = _shift_mm(plan)
    sites = tuple(f"{side} pleural space" for side in sides_of(plan))
    return Placed(plan, whole, measures=measures, sites=sites)


def _measure(chest: Chest, side: OneSide, gap: Part, room: Bools, measures: dict[str, float]) -> None:
    _, y, z = chest.axes_mm(gap.box)
    up = np.broadcast_to(-0.8 * y - 0.6 * z if chest.supine else z, room.shape)
    rest = room & ~gap.mask
    bottom = float(up[rest].max()) if rest.any() else float(up[room].min())
    found = {
        "retraction_mm": float(up[room].max()) - bottom, "volume_ml": gap.count * chest.voxel_ml,
        "width_mm": float(chest.wall_mm(side)[gap.mask].max()), "collapse_share": gap.count / max(int(room.sum()), 1),
    }  # fmt: skip
    for name, value in found.items():
        measures[name] = max(measures[name], value)


def _shift_mm(plan: Plan) -> float:
    return 10.0 + 25.0 * plan.severity


def _tension(chest: Chest, plan: Plan) -> tuple[Bend, ...]:
    """The mediastinum goes to the other side, and the dome of the ill side down."""
    if plan.kind != "tension" or plan.severity <= 0:
        return ()
    (side,) = sides_of(plan)[:1]
    heart, sign = chest.part("heart"), 1.0 if side == "right" else -1.0
    middle = chest.mm(np.array([(part.start + part.stop - 1) / 2 for part in heart.box]))
    lungs = [chest.lung(each) for each in SIDES]
    first = chest.mm(np.array([min(p.box[a].start for p in lungs) for a in range(3)]))
    last = chest.mm(np.array([max(p.box[a].stop for p in lungs) for a in range(3)]))
    half = np.array(
        [min(middle[0] - first[0], last[0] - middle[0]), (last[1] - first[1]) * 0.6, (last[2] - first[2]) * 0.7]
    )
    aside = Bend(middle, half, half, shift=(sign * _shift_mm(plan), 0.0, 0.0))
    return (aside, dome_bend(chest, side, -15.0 * plan.severity))


def dome_bend(chest: Chest, side: OneSide, lift_mm: float) -> Bend:
    """Return the bend that moves one dome of the diaphragm towards the head by so much, below 0 down and flatter."""
    lung = chest.lung(side)
    flat = np.argwhere(lung.mask.any(axis=2))
    middle = np.median(flat, axis=0)
    column = lung.mask[int(middle[0]), int(middle[1])]
    bottom = int(column.argmax()) if column.any() else 0
    at = chest.mm(np.array([middle[0] + lung.box[0].start, middle[1] + lung.box[1].start, bottom + lung.box[2].start]))
    half = np.ptp(flat, axis=0) * chest.step * 0.55
    reach = np.array([half[0], half[1], max(2.2 * abs(lift_mm), 50.0)])
    return Bend(at, reach, reach, shift=(0.0, 0.0, lift_mm))


register(Pathology(
    "pleural effusion", 20, "50 to 2000 ml on one side, to 1120 ml on each of both", _effusion,
    measure="volume_ml", least=200.0, by_view={"LL": 75.0, "RL": 75.0},
))  # fmt: skip
register(Pathology(
    "pneumothorax", 30, "the lung 0 to 60 mm off its apex; supine, off its front and base", _pneumothorax,
    shape=_tension, measure="retraction_mm", least=5.0, kinds=("tension",),
))  # fmt: skip
