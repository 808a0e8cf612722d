"""Airspaces filled: consolidation and ground glass as fields of blobs that stop at fissures and leave bronchi open."""

from __future__ import annotations

import numpy as np

from hilum.core.errors import InputError
from hilum.phantom.illness_chest import (
    FREE,
    LOBES,
    SOLID,
    Bools,
    Chest,
    Floats,
    OneSide,
    Part,
    draws,
    sides_of,
    spot,
    waves,
)  # fmt: skip
from hilum.phantom.illness_registry import Pathology, register
from hilum.phantom.lesions import lowest
from hilum.phantom.patient import Placed, Plan
from hilum.phantom.trees import Tree, grow, paint

_MOST = 0.85  # of a lobe
_BLOBS, _EDGE = 5, 0.30
PARTS = ("upper", "middle", "lower", "lingula", "retrocardiac")


def lobe_of(plan: Plan, side: OneSide, chest: Chest | None = None) -> str:
    """Return the lobe ('upper', 'middle', 'lower') a plan means on a side; '' is drawn from its seed.

    Where a chest is given and the lobe drawn has no voxels in it, the next one that has takes its place.

    Raises:
        InputError: for a middle lobe on the left, or a lingula or heart on the right.
    """
    if plan.site in ("lingula", "retrocardiac"):
        if side == "right":
            raise InputError(f"'{plan.key}': there is no {plan.site} site on the right; take side 'left'")
        return "upper" if plan.site == "lingula" else "lower"
    if not plan.site:
        first = int(draws(plan, "lobe").integers(len(LOBES[side])))
        order = LOBES[side][first:] + LOBES[side][:first]
        there = [lobe for lobe in order if chest is None or chest.has(f"lung_{lobe}_lobe_{side}")]
        return (there or order)[0]
    if plan.site not in LOBES[side]:
        raise InputError(f"'{plan.key}': there is no {plan.site} lobe on the {side}; take {' or '.join(LOBES[side])}")
    return plan.site


def sites_of(plan: Plan, side: OneSide, chest: Chest | None = None) -> tuple[str, ...]:
    """Return the vocabulary's names of where a plan's lobe lies."""
    lobe = f"{side} {lobe_of(plan, side, chest)} lobe"
    return {"lingula": ("lingula", lobe), "retrocardiac": ("retrocardiac region", lobe)}.get(plan.site, (lobe,))


def airways(chest: Chest, side: OneSide, lobe: str) -> Tree:
    """Return the body's own airways, or a tree grown into a lobe from where its main bronchus ends; kept once made."""
    if chest.airways is not None:
        return chest.airways

    def make() -> Tree:
        part = chest.lobe(lobe, side)
        points = chest.mm(np.argwhere(part.mask)[::7] + [p.start for p in part.box])
        sign = -1.0 if side == "right" else 1.0
        root = chest.carina_mm + np.array([sign * 28.0, 8.0, -22.0])
        count = min(48, len(points))
        return grow(
            points, tuple(root), terminals=count, terminal_radius_mm=0.75, seed=1, name=f"bronchi {side} {lobe}"
        )

    found: Tree = chest.structures.keep(("illness airways", side, lobe), make)
    return found


def around_mm(chest: Chest, box: tuple[slice, slice, slice], tree: Tree, *, least_mm: float, reach_mm: float) -> Floats:
    """Return the distance of a box's voxels to the surface of a tree's wider branches, below 0 inside, to a reach.

    Args:
        chest: whose grid it is.
        box: of the grid.
        tree: in patient mm.
        least_mm: radius of the branches that count.
        reach_mm: distances beyond are not worked out.
    """
    shape = (box[0].stop - box[0].start, box[1].stop - box[1].start, box[2].stop - box[2].start)
    corner = chest.mm(np.array([part.start for part in box]))
    start, end, margin = tree.start - corner, tree.end - corner, tree.radius_mm[:, None] + reach_mm
    near = (np.maximum(start, end) + margin > 0) & (np.minimum(start, end) - margin < np.array(shape) * chest.step)
    kept = near.all(axis=1) & (tree.radius_mm >= least_mm)
    some = Tree(start[kept], end[kept], tree.radius_mm[kept], tree.parent[kept])
    return paint(some, shape, (chest.step, chest.step, chest.step), reach_mm=reach_mm)


def lumen(chest: Chest, box: tuple[slice, slice, slice], side: OneSide, lobe: str) -> Floats:
    """Return the share of each voxel of a box that is the lumen of a bronchus of 1 mm radius or more."""
    tree = airways(chest, side, lobe)
    away = around_mm(chest, box, tree, least_mm=1.0, reach_mm=chest.step)
    return np.asarray(np.clip(0.5 - away / chest.step, 0.0, 1.0), np.float32)


def _zone(chest: Chest, plan: Plan, side: OneSide) -> Part:
    """The lobe, or the part of it that the site means."""
    part = chest.lobe(lobe_of(plan, side, chest), side)
    x, y, z = chest.axes_mm(part.box)
    if plan.site == "lingula":
        z_all = np.broadcast_to(z, part.mask.shape)[part.mask]
        return Part(part.box, part.mask & (z < np.quantile(z_all, 0.4)))
    if plan.site == "retrocardiac" and chest.has("heart"):
        heart = chest.part("heart")
        edge = [chest.mm(np.array([h.start for h in heart.box])), chest.mm(np.array([h.stop for h in heart.box]))]
        behind = (x < edge[1][0]) & (y > edge[0][1] + 0.5 * (edge[1][1] - edge[0][1])) & (z < edge[1][2])
        return Part(part.box, part.mask & behind) if (part.mask & behind).any() else part
    return part


def blobs(chest: Chest, part: Part, rng: np.random.Generator, side: OneSide) -> Floats | None:
    """Return a field over a part's box, highest in the middle of a few blobs, uneven: its level sets are nested.

    None where no air is left in the part.
    """
    lung = chest.lung(side)
    offset = [p.start - o.start for p, o in zip(part.box, lung.box, strict=True)]
    inner = tuple(slice(o, o + n) for o, n in zip(offset, part.mask.shape, strict=True))
    centre = spot(chest, part, rng, deep=chest.depth_mm(side)[inner], margin_mm=10.0)
    if centre is None:
        return None
    size = np.ptp(np.argwhere(part.mask), axis=0) * chest.step
    x, y, z = chest.axes_mm(part.box)
    middle = chest.mm(np.array(centre))
    best = np.full(part.mask.shape, -np.inf, np.float32)
    for number in range(_BLOBS):
        away = rng.normal(0.0, 0.16, 3) * size if number else np.zeros(3)
        radius = rng.uniform(0.5, 1.0) * 0.5 * float(size.mean()) * (1.3 if not number else 1.0)
        at = (middle + away).astype(np.float32)
        far = np.sqrt((x - at[0]) ** 2 + (y - at[1]) ** 2 + (z - at[2]) ** 2)
        np.maximum(best, 1.0 - far / np.float32(radius), out=best)
    best += 0.10 * waves(chest, part.box, rng, length_mm=32.0)
    best += 0.05 * waves(chest, part.box, rng, length_mm=11.0)
    return best


def _softened(mask: Bools) -> Floats:
    """1 well within a mask, about a half at its border, as voxels share what a fissure cuts through."""
    from scipy.ndimage import uniform_filter

    return np.asarray(np.clip(uniform_filter(mask.astype(np.float32), 3) * 1.25 - 0.1, 0.25, 1.0), np.float32)


def _fill(chest: Chest, plan: Plan) -> Placed:
    glass = plan.concept == "ground glass opacity"
    whole, measures = np.zeros(chest.hu.shape, np.bool_), {"volume_ml": 0.0, "excess_hu": 0.0}
    sites: tuple[str, ...] = ()
    for side in sides_of(plan):
        rng = draws(plan, side)
        part = _zone(chest, plan, side)
        box, room = part.box, chest.aired(part)
        sites = (*sites, *sites_of(plan, side, chest))
        target = float(rng.uniform(-600.0, -480.0) if glass else rng.uniform(20.0, 50.0))
        if not plan.severity or not room.any():
            continue
        height = blobs(chest, part, rng, side)
        if height is None:
            continue
        open_air = lumen(chest, box, side, lobe_of(plan, side, chest))
        room &= (open_air < 0.5) & (chest.hu[box] < target - 20.0)
        mask = lowest(-height, room, round(_MOST * plan.severity * room.sum()), exact=True)
        if not mask.any():
            continue
        share = np.clip((height - height[mask].min()) / (0.9 if glass else _EDGE), 0.0, 1.0) * 0.75 + 0.25
        share *= (1.0 - 0.9 * open_air) * _softened(part.mask) * mask
        grain = 0.0 if glass else 14.0 * waves(chest, box, rng, length_mm=7.0)
        before = chest.hu[box]
        change = np.where(mask, np.maximum(share * (target + grain - before), 1.0), 0.0).astype(np.float32)
        chest.hu[box] = before + change
        chest.held[box][mask & (chest.held[box] == FREE)] = SOLID
        whole[box] |= mask
        measures["volume_ml"] += int(mask.sum()) * chest.voxel_ml
        measures["excess_hu"] = max(measures["excess_hu"], float(change[mask].mean()))
    return Placed(plan, whole, measures=measures, sites=sites)


for _concept, _order in (("consolidation", 60), ("ground glass opacity", 61)):
    register(Pathology(
        _concept, _order, "share of the lobe's air that is filled, up to 85 %", _fill, measure="volume_ml",
        least=15.0, sites=PARTS,
    ))  # fmt: skip
