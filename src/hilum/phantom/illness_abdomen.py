"""Free gas under the domes, and a stomach that has come up behind the heart."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hilum.drr.attenuation import AIR_HU
from hilum.phantom.illness_chest import (
    FREE,
    GAS,
    SIDES,
    SOLID,
    Bools,
    Box,
    Chest,
    Floats,
    OneSide,
    Part,
    draws,
    sides_of,
    waves,
)
from hilum.phantom.illness_registry import Pathology, register
from hilum.phantom.patient import Placed, Plan

_DIAPHRAGM_MM, _FALL_MM, _WALL_MM = 3.0, 32.0, 3.0
_MARKED = 0.2  # share of a voxel that is gas, from which it is in the mask: thin crescents fill none
_FIRM = ("vertebrae", "rib_", "heart", "aorta", "spinal", "autochthon", "trachea", "sternum", "costal", "pulmonary",
         "inferior_vena", "superior_vena", "scapula")  # fmt: skip
"""Beginnings of the names of what neither gas nor a hernia takes the place of."""


def firm_ids(chest: Chest) -> list[int]:
    """Return the ids of what neither gas nor a hernia takes the place of."""
    return [i for i, name in chest.structures.names.items() if name.startswith(_FIRM)]


def firm(chest: Chest, box: Box) -> Bools:
    """Return bool of a box's shape: bones, heart and great vessels."""
    return np.asarray(np.isin(chest.structures.ids[box], firm_ids(chest)) | (chest.hu[box] > 250.0))


def crescent_mm(severity: float) -> float:
    """Return the thickness a severity stands for, 0 to 20 mm."""
    return 20.0 * severity


def _soft_below(chest: Chest, columns: tuple[slice, slice], bottom: NDArray[np.intp]) -> Bools:
    """Which columns of a lung stand on soft tissue over 12 mm: neither on the heart nor on ribs or spine."""
    soft, (x, y) = bottom > 0, columns
    for down in range(1, max(2, round(12.0 / chest.step)) + 1):
        level = np.maximum(bottom - down, 0)[..., None]
        ids = np.take_along_axis(chest.structures.ids[x, y], level, axis=2)[..., 0]
        hu = np.take_along_axis(chest.hu[x, y], level, axis=2)[..., 0]
        soft &= ~np.isin(ids, firm_ids(chest)) & (hu < 250.0) & ((hu > -300.0) | (down > 1))
    return soft


def _crescent(chest: Chest, side: OneSide, thick_mm: float) -> tuple[Part, Floats, float]:
    """Gas under one dome, thickest at its top, as shares of voxels, and that thickness."""
    from scipy.ndimage import binary_closing, gaussian_filter

    lung, step = chest.lung(side), chest.step
    down = round((thick_mm + _DIAPHRAGM_MM) / step) + 2
    x, y, z = lung.box
    box = (x, y, slice(max(z.start - down, 0), z.stop))
    bottom = np.where(lung.mask.any(axis=2), lung.mask.argmax(axis=2) + z.start, -1)
    seat = _soft_below(chest, (x, y), bottom)
    seat = binary_closing(seat, iterations=3) & (bottom > 0)
    if not seat.any():
        none = np.zeros((x.stop - x.start, y.stop - y.start, box[2].stop - box[2].start), np.float32)
        return Part(box, none > 0), none, 0.0
    smooth = gaussian_filter(np.where(seat, bottom, 0.0), 1.5) / np.maximum(gaussian_filter(seat * 1.0, 1.5), 1e-3)
    bottom = np.where(seat, smooth, -1.0)
    middle = np.median(np.argwhere(seat), axis=0)
    x_near, y_near = (np.abs(np.arange(n) - m) * step < 28.0 for n, m in zip(seat.shape, middle, strict=True))
    near = seat & x_near[:, None] & y_near
    high = float(np.quantile(bottom[near if near.any() else seat], 0.8))
    seat &= bottom <= high + 8.0 / step  # what stands higher stands on the mediastinum
    roof = bottom - 0.5 - _DIAPHRAGM_MM / step  # in voxels, from their lower faces
    thick = np.where(seat, thick_mm / step * np.clip(1.0 - (high - bottom) * step / _FALL_MM, 0.0, 1.0), 0.0)
    level = np.arange(box[2].start, box[2].stop)
    upper, lower = roof[..., None], (roof - thick)[..., None]
    share = np.clip(np.minimum(level + 0.5, upper) - np.maximum(level - 0.5, lower), 0.0, 1.0)
    taken = firm(chest, box) | (chest.held[box] != FREE) | np.isin(chest.structures.ids[box], lungs_ids(chest))
    share = np.where(taken, 0.0, share).astype(np.float32)
    return Part(box, share >= _MARKED), share, float(share.sum(axis=2).max()) * step


def lungs_ids(chest: Chest) -> list[int]:
    """Return the ids of all lobes."""
    return [number for side in SIDES for number in chest.lobe_ids(side)]


def _gas(chest: Chest, plan: Plan) -> Placed:
    whole, thickest, volume = np.zeros(chest.hu.shape, np.bool_), 0.0, 0.0
    sides = sides_of(plan) if plan.side else SIDES if plan.severity > 0.5 else SIDES[:1]
    if not chest.supine:  # lying, the gas is in front of the bowel, and no film from in front shows it
        for side in sides:
            part, share, thick = _crescent(chest, side, crescent_mm(plan.severity))
            chest.hu[part.box] += share * (AIR_HU - chest.hu[part.box])
            chest.held[part.box][part.mask] = GAS
            whole[part.box] |= part.mask
            thickest, volume = max(thickest, thick), volume + float(share.sum()) * chest.voxel_ml
    measures = {"thickness_mm": thickest, "volume_ml": volume}
    return Placed(plan, whole, measures=measures, sites=tuple(f"{side} hemidiaphragm" for side in sides))


def hernia_mm(severity: float) -> float:
    """Return the width a severity stands for, 20 to 90 mm; 0 for none."""
    return 20.0 + 70.0 * severity if severity > 0 else 0.0


def _sac(x: Floats, y: Floats, z: Floats, half: NDArray[np.float64], wide: float, rng: np.random.Generator) -> Floats:
    """How far each place lies out in a sac of uneven outline, 1 at its border; it is as wide as told, at its widest."""
    ways = rng.normal(size=(5, 3))
    ways *= rng.uniform(1.2, 3.6, 5)[:, None] / np.linalg.norm(ways, axis=1)[:, None]
    phases, sizes = rng.uniform(0.0, 2 * np.pi, 5), rng.normal(0.0, 0.09, 5)

    def border(u: Floats, v: Floats, w: Floats) -> Floats:
        found = 1.0 - 0.18 * w * (w > 0)  # narrower at the top
        for way, phase, size in zip(ways, phases, sizes, strict=True):
            found = found + size * np.sin(way[0] * u + way[1] * v + way[2] * w + phase)
        return np.asarray(found)

    shell = rng.normal(size=(2000, 3))
    shell /= np.linalg.norm(shell, axis=1)[:, None]
    factor = wide / float(np.ptp(border(*shell.T) * shell[:, 0] * half[0]))
    u, v, w = x / half[0], y / half[1], z / half[2]
    far = np.maximum(np.sqrt(u**2 + v**2 + w**2), 1e-6)
    return np.asarray(far / (border(u / far, v / far, w / far) * factor))


def _hernia(chest: Chest, plan: Plan) -> Placed:
    rng, wide = draws(plan), hernia_mm(plan.severity)
    whole = np.zeros(chest.hu.shape, np.bool_)
    if not wide:
        return Placed(plan, whole, measures={"width_mm": 0.0}, sites=("mediastinum",))
    heart = chest.part("heart")
    low, high = (chest.mm(np.array([getattr(p, end) for p in heart.box])) for end in ("start", "stop"))
    half = 0.5 * wide * np.array([1.0, 0.75, 0.9])
    x0 = chest.carina_mm[0] + float(rng.uniform(0.3, 0.7)) * half[0]
    at = np.array([x0, high[1] + 0.35 * half[1], low[2] + 1.05 * half[2]])
    first, last = chest.index(at - half).astype(int), chest.index(at + half).astype(int) + 2
    box: Box = tuple(slice(max(int(a), 0), min(int(b), n)) for a, b, n in zip(first, last, chest.hu.shape, strict=True))  # type: ignore[assignment]
    x, y, z = chest.axes_mm(box)
    far = _sac(x - at[0], y - at[1], z - at[2], half, wide, draws(plan, "sac"))
    mask = (far <= 1.0) & ~firm(chest, box) & (chest.held[box] == FREE)
    pushed = {
        side: chest.mass_g(Part(box, mask & np.isin(chest.structures.ids[box], chest.lobe_ids(side)))) for side in SIDES
    }
    fold = 1.0 + 0.45 * waves(chest, box, draws(plan, "folds"), length_mm=16.0)
    hollow = mask & (far <= 1.0 - _WALL_MM * np.clip(fold, 0.4, 2.5) / half.min())
    slope = rng.normal(0.0, 0.05, 2)  # no one stands or lies quite straight, and food floats
    up = chest.height_mm(box) + slope[0] * (x - at[0]) + slope[1] * ((z if chest.supine else y) - at[1 + chest.supine])
    up = np.broadcast_to(up, mask.shape) + 1.2 * waves(chest, box, draws(plan, "level"), length_mm=20.0)
    level = float(np.quantile(up[hollow], rng.uniform(0.35, 0.6))) if hollow.any() else 0.0
    gas = hollow & (up > level)
    chest.hu[box][mask] = 40.0
    chest.hu[box][hollow] = (20.0 + 14.0 * waves(chest, box, draws(plan, "food"), length_mm=14.0))[hollow]
    chest.hu[box][gas] = AIR_HU
    chest.held[box][mask], chest.held[box][gas] = SOLID, GAS
    for side, mass in pushed.items():
        if mass > 0:
            lung = chest.lung(side)
            chest.spread(lung.box, chest.aired(lung).astype(np.float32), mass)
    whole[box] = mask
    measures = {
        "width_mm": wide,
        "volume_ml": int(mask.sum()) * chest.voxel_ml,
        "gas_ml": int(gas.sum()) * chest.voxel_ml,
    }
    return Placed(plan, whole, measures=measures, sites=("retrocardiac region",), points_mm=at[None])


register(Pathology(
    "pneumoperitoneum", 110, "a crescent up to 20 mm thick, erect only", _gas, measure="thickness_mm", least=2.0,
))  # fmt: skip
register(Pathology(
    "hiatal hernia", 18, "20 to 90 mm wide", _hernia, measure="width_mm", least=30.0, sides=(),
))  # fmt: skip
