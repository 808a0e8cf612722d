"""Round lesions: nodules and masses of several makes, calcified granulomas, and bullae."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hilum.phantom.illness_airspace import lobe_of, sites_of
from hilum.phantom.illness_chest import FREE, GAS, SOLID, Box, Chest, Floats, OneSide, draws, sides_of, spot
from hilum.phantom.illness_registry import Pathology, register
from hilum.phantom.lesions import rippled
from hilum.phantom.patient import Placed, Plan

LOBE_SITES = ("upper", "middle", "lower")
NODULE_KINDS = ("spiculated", "lobulated", "part-solid", "ground glass", "calcified", "cavitary")


@dataclass(frozen=True)
class _Make:
    """How a round lesion is made: its surface's unevenness, its tissue, and the share of its radius that is a core."""

    ripple: float
    hu: tuple[float, float]
    core_hu: float | None = None
    core: float = 0.0


_MAKES = {
    "": _Make(0.34, (25.0, 55.0)),
    "spiculated": _Make(0.5, (25.0, 55.0)),
    "lobulated": _Make(0.75, (25.0, 55.0)),
    "part-solid": _Make(0.5, (-650.0, -520.0), 35.0, 0.5),
    "ground glass": _Make(0.5, (-650.0, -450.0)),
    "calcified": _Make(0.25, (250.0, 600.0)),
    "cavitary": _Make(0.32, (25.0, 55.0), -940.0, 0.72),
    "granuloma": _Make(0.3, (350.0, 900.0)),
    "bulla": _Make(0.35, (-995.0, -980.0)),
}
_CONCEPT_MAKE = {"calcified granuloma": "granuloma", "bullae": "bulla"}
_WALL_HU = 200.0


def nodule_mm(severity: float) -> float:
    """Return the diameter a severity stands for in a nodule, 4 to 30 mm."""
    return 4.0 + 26.0 * severity


def mass_mm(severity: float) -> float:
    """Return the diameter a severity stands for in a mass, 30 to 80 mm."""
    return 30.0 + 50.0 * severity


def _solved(
    chest: Chest, centre: tuple[int, ...], plan: Plan, side: OneSide, diameter: float, ripple: float
) -> tuple[Box, Floats]:
    """The share of each voxel that the lesion fills, its volume that of a ball of the diameter."""
    asked, wanted = diameter, np.pi / 6.0 * diameter**3
    for _ in range(4):
        box, weight = rippled(
            centre, chest.hu.shape, chest.step, diameter_mm=asked, ripple=ripple, rng=draws(plan, "surface", side)
        )
        filled = float(weight.sum()) * chest.step**3
        asked *= (wanted / max(filled, 1e-9)) ** (1.0 / 3.0)
    x, y, z = (slice(part.start, part.start + n) for part, n in zip(box, weight.shape, strict=True))
    return (x, y, z), weight.astype(np.float32)


def _spicules(chest: Chest, centre: tuple[int, ...], diameter: float, rng: np.random.Generator) -> tuple[Box, Floats]:
    """Thin rays out of a ball's surface, each tapering to its end."""
    reach = 1.2 * max(diameter, 12.0)
    step, radius = chest.step, diameter / 2
    n = int(np.ceil(reach / step)) + 1
    x, y, z = (slice(max(c - n, 0), min(c + n + 1, size)) for c, size in zip(centre, chest.hu.shape, strict=True))
    away = np.stack(np.meshgrid(*(np.arange(p.start, p.stop) - c for p, c in zip((x, y, z), centre, strict=True)),
                                indexing="ij"), axis=-1) * step  # fmt: skip
    weight = np.zeros(away.shape[:3], np.float32)
    ways = rng.normal(size=(int(rng.integers(16, 26)), 3))
    for way in ways / np.linalg.norm(ways, axis=1)[:, None]:
        length = radius + rng.uniform(0.4, 1.2) * max(radius, 6.0)
        along = away @ way
        beside = np.sqrt(np.maximum((away**2).sum(axis=-1) - along**2, 0.0))
        thick = 2.4 * np.clip((length - along) / max(length - 0.6 * radius, 1.0), 0.0, 1.0)
        ray = np.clip((thick - beside) / step + 0.5, 0.0, 1.0) * (along > 0) * (thick > 0.1)
        np.maximum(weight, 0.8 * ray, out=weight, casting="same_kind")
    return (x, y, z), weight


def _into(chest: Chest, box: Box, weight: Floats, hu: float, mask: np.ndarray, *, veil: bool, held: int) -> None:
    """Mix a tissue into a box by share, within the lung that is free, and note its voxels in a mask of the grid."""
    values, weight = chest.hu[box], weight * (chest.held[box] == FREE)
    change = hu - values
    values += weight * (np.maximum(change, 0.0) if veil else change)
    mask[box] |= weight >= 0.5


def _lungs(chest: Chest, side: OneSide) -> Floats:
    """1 in one lung, 0 outside, over the grid; kept with the structures."""
    found: Floats = chest.structures.keep(
        ("illness lung grid", side), lambda: chest.lung(side).whole(chest.hu.shape).astype(np.float32)
    )
    return found


def _place_one(chest: Chest, plan: Plan, side: OneSide, diameter: float, whole: np.ndarray) -> tuple[int, ...] | None:
    from scipy.ndimage import gaussian_filter

    make, rng = _MAKES[_CONCEPT_MAKE.get(plan.concept, plan.kind)], draws(plan, side)
    part = chest.lobe(lobe_of(plan, side, chest), side)
    lung = chest.lung(side)
    inner = tuple(slice(p.start - o.start, p.stop - o.start) for p, o in zip(part.box, lung.box, strict=True))
    centre = spot(chest, part, rng, deep=chest.depth_mm(side)[inner], margin_mm=diameter / 2 + 3.0)
    if centre is None:
        return None
    hu, mask, veil = float(rng.uniform(*make.hu)), np.zeros_like(whole), plan.kind in ("ground glass", "part-solid")
    if plan.kind == "spiculated":
        box, rays = _spicules(chest, centre, diameter, rng)
        _into(chest, box, rays * _lungs(chest, side)[box], hu, mask, veil=True, held=SOLID)
    box, weight = _solved(chest, centre, plan, side, diameter, make.ripple)
    if plan.kind == "spiculated":
        weight = gaussian_filter(weight, 1.0)
    _into(chest, box, weight * _lungs(chest, side)[box], hu, mask, veil=veil, held=SOLID)
    if plan.concept == "bullae":  # a wall thinner than a voxel
        box, wider = _solved(chest, centre, plan, side, diameter + 2.0 * chest.step, make.ripple)
        shell = wider * ~mask[box] * _lungs(chest, side)[box] * (chest.hu[box] < -300.0)
        chest.hu[box] += np.float32(_WALL_HU) * shell
    if make.core_hu is not None:
        box, weight = _solved(chest, centre, plan, side, make.core * diameter, 0.3)
        _into(chest, box, weight * _lungs(chest, side)[box], make.core_hu, mask, veil=False, held=SOLID)
    if not mask.any() and chest.held[centre] == FREE:
        mask[centre] = True  # smaller than half a voxel
    chest.held[mask & (chest.held == FREE)] = GAS if plan.concept == "bullae" else SOLID
    whole |= mask
    return centre


def _round(chest: Chest, plan: Plan, diameter: float) -> Placed:
    whole, points = np.zeros(chest.hu.shape, np.bool_), []
    sites: tuple[str, ...] = ()
    for side in sides_of(plan):
        at = _place_one(chest, plan, side, diameter, whole) if plan.severity > 0 else None
        if at is not None:
            points.append(chest.mm(np.array(at)))
        sites = (*sites, *sites_of(plan, side, chest))
    measures = {"diameter_mm": diameter if points else 0.0, "volume_ml": int(whole.sum()) * chest.voxel_ml}
    return Placed(plan, whole, measures=measures, sites=sites, points_mm=np.reshape(points, (-1, 3)))


def _nodule(chest: Chest, plan: Plan) -> Placed:
    return _round(chest, plan, nodule_mm(plan.severity))


def _mass(chest: Chest, plan: Plan) -> Placed:
    return _round(chest, plan, mass_mm(plan.severity))


def granuloma_mm(severity: float) -> float:
    """Return the diameter a severity stands for in a calcified granuloma, 3 to 10 mm."""
    return 3.0 + 7.0 * severity


def bulla_mm(severity: float) -> float:
    """Return the diameter a severity stands for in a bulla, 15 to 80 mm."""
    return 15.0 + 65.0 * severity


def _granuloma(chest: Chest, plan: Plan) -> Placed:
    return _round(chest, plan, granuloma_mm(plan.severity))


def _bulla(chest: Chest, plan: Plan) -> Placed:
    return _round(chest, plan, bulla_mm(plan.severity))


register(Pathology(
    "bullae", 65, "diameter 15 to 80 mm", _bulla, measure="diameter_mm", least=10.0, sites=LOBE_SITES,
))  # fmt: skip
register(Pathology(
    "calcified granuloma", 72, "diameter 3 to 10 mm", _granuloma, measure="diameter_mm", least=3.0, sites=LOBE_SITES,
))  # fmt: skip
register(Pathology(
    "lung nodule", 71, "diameter 4 to 30 mm", _nodule, measure="diameter_mm", least=6.0, sites=LOBE_SITES,
    kinds=NODULE_KINDS,
))  # fmt: skip
register(Pathology(
    "lung mass", 70, "diameter 30 to 80 mm", _mass, measure="diameter_mm", least=30.0, sites=LOBE_SITES,
    kinds=NODULE_KINDS,
))  # fmt: skip
