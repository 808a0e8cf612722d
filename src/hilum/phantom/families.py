"""Two families of bodies that stand on a real CT: warps of it (W), and made thoraces with its lung texture (H).

A warp is drawn for a person: the cage follows height, sex and body mass index, the chest wall the index, the domes of
the diaphragm inspiration and posture, and the heart's width is solved for a drawn cardiothoracic ratio. Everything
drawn or solved for is in the anatomy's log. Lengths in mm, patient axes (LPS).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import InputError
from hilum.core.image import Volume
from hilum.core.seed import generator
from hilum.drr.field import Structures
from hilum.phantom.families_base import Base, base_of, named
from hilum.phantom.families_shape import Landmarks, Shape, draw_shape
from hilum.phantom.families_tissue import Breasts, draw_breasts, tissue, with_breasts
from hilum.phantom.patient import Anatomy, Person
from hilum.phantom.warp import Body, Warp, cardiothoracic_ratio, draw_warp, warped

NORMAL_CTR = (0.44, 0.04)
"""Mean and standard deviation of a sound heart's width over the chest's, erect."""
SUPINE_CTR = 0.03
"""What lying adds to it."""
EXPIRED_HU, PARENCHYMA_HU = 150.0, (-865.0, 20.0)
"""How much denser lungs are at full expiration; median of lungs at full inspiration, mean and deviation."""
GRAIN_HU = (45.0, 105.0)
"""Standard deviation of lung structure too fine for voxels of 2 mm; with it films have the spectrum of real ones."""
_DOME_MM, _EXPIRED_MM, _SUPINE_MM = -34.0, 55.0, 8.0  # the CT was taken lying, half breathed in
_APART_MM = (-2.0, 7.0)  # how much more the right dome stands above the left one than in the CT
_CTR_LIMITS, _HEART_LIMITS = (0.34, 0.72), (0.6, 1.6)
_TOP_MM, _NECK_MM, _FEET_MM, _EVEN_MM, _FLESH_HU, _SKIN_HU = 3.0, 55.0, 35.0, 22.0, 0.0, -300.0
_SMOOTH_MM = 5.0
_SWAPPED, _TURNED = 0.5, 0.5  # shares of hybrid lungs read from the other side, and with front and back exchanged
_AIR_SHARE = 0.45  # density in g/cm3 below which lung counts as parenchyma, not as vessel
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class _Size:
    """A person's torso beside the CT's: scale along left, back, head; the chest wall's; lift of the domes in mm."""

    scale: tuple[float, float, float]
    wall_scale: float
    dome_lift_mm: float


def warp_anatomy(
    base: Body,
    person: Person,
    *,
    seed: int,
    patient: str,
    inspiration: float = 1.0,
    supine: bool = False,
    ctr: float | None = None,
    spacing_mm: float = 2.0,
) -> Anatomy:
    """Warp a real CT into a person's chest (family W).

    Args:
        base: the CT with TotalSegmentator's structures, e.g. `resampled` to 2 mm; made ready once, then kept.
        person: whose body it becomes.
        seed, patient: of every draw; a patient keeps the same shape at every inspiration and posture.
        inspiration: 1 full, 0 expiration: high domes and denser lungs.
        supine: lying: higher domes, a flatter chest.
        ctr: cardiothoracic ratio that the heart's width is solved for; None draws a normal one.
        spacing_mm: step of the new grid.

    Returns:
        the anatomy; its log holds the ratio asked for and 'ctr' as measured on the new masks, which is what counts: a
        ratio that the heart's widest or narrowest warp does not reach stays short of what was asked.

    Raises:
        InputError: if the CT lacks lungs, heart, ribs or trachea, or the ratio or inspiration is out of range.
    """
    if not 0.0 <= inspiration <= 1.2 or (ctr is not None and not _CTR_LIMITS[0] <= ctr <= _CTR_LIMITS[1]):
        raise InputError(
            f"a warped chest needs an inspiration in [0, 1.2] and a cardiothoracic ratio in "
            f"[{_CTR_LIMITS[0]}, {_CTR_LIMITS[1]}], got {inspiration:g} and {ctr}"
        )
    ready = base_of(base)
    rng = generator(seed, "warped chest", patient)
    size = _size(person, ready, rng, inspiration=inspiration, supine=supine)
    drawn = float(np.clip(rng.normal(*NORMAL_CTR), 0.36, 0.495)) + (SUPINE_CTR if supine else 0.0)
    lung_hu = float(rng.normal(*PARENCHYMA_HU)) + EXPIRED_HU * (1.0 - inspiration)
    grain_hu = float(rng.uniform(*GRAIN_HU)) * (2.0 / spacing_mm) ** 1.5
    wanted = drawn if ctr is None else ctr
    warp = replace(
        draw_warp(ready.body, seed, f"patient {patient}", amount=0.7), centre=ready.centre_mm, scale=size.scale,
        dome_lift_mm=0.0, cage=ready.cage_mm, wall_scale=size.wall_scale, top_mm=float(ready.box_mm[1, 2]) - _TOP_MM,
    )  # fmt: skip
    warp = replace(warp, shape=_shape(ready, warp, person, size, generator(seed, "warped shape", patient)))
    warp = replace(warp, heart_scale=_heart_scale(ready, warp, wanted))
    breasts = _breasts(ready, warp, person, generator(seed, "warped breasts", patient))
    affine, shape = _grid(ready, warp, spacing_mm, breasts)
    own = tissue(ready.body, person, generator(seed, "warped tissue", patient), supine=supine)
    body = _lengthened(warped(own, warp, affine=affine, shape=shape), ready, warp)
    body = body if breasts is None else with_breasts(body, breasts, supine=supine)
    lung = named(body, "lung")
    voxels = body.volume.voxels.copy()
    voxels[lung] = _grained(_denser(voxels[lung], ready.lung_hu, lung_hu), grain_hu, generator(seed, "grain", patient))
    log: dict[str, Any] = {
        "family": "warped", "inspiration": inspiration, "supine": supine, "spacing_mm": spacing_mm,
        "torso_scale": [round(v, 4) for v in size.scale], "wall_scale": round(size.wall_scale, 4),
        "dome_lift_mm": round(size.dome_lift_mm, 2), "heart_scale": round(warp.heart_scale, 4),
        "ctr_wanted": round(wanted, 4), "ctr": round(cardiothoracic_ratio(body), 4), "lung_hu": round(lung_hu, 1),
        "grain_hu": round(grain_hu, 1), "breast_mm": round(breasts.ahead_mm, 1) if breasts else 0.0,
        "domes_mm": [round(v, 2) for v in warp.shape.domes_mm] if warp.shape else [],
        "lung_ml": round(float(lung.sum()) * spacing_mm**3 / 1000.0, 1), "masses_filled": ready.filled,
    }  # fmt: skip
    return Anatomy(body.with_hu(voxels), person, "warped", warp.goes_to(ready.carina_mm[None])[0], log=log)


def hybrid_anatomy(base: Body, made: Anatomy, *, seed: int, patient: str) -> Anatomy:
    """Map a real CT's lung texture into the lungs of a made thorax (family H); its outlines and skeleton stay.

    Each lung's box is mapped on a lung of the CT, of that side or the other one in a mirror, turned about its hilum and
    bent by smooth waves, so that vessels and parenchyma are real and their pattern differs from patient to patient.
    What lies between the two outlines takes the nearest lung. Parenchyma keeps the median density of the made lungs.

    Args:
        base: the CT with TotalSegmentator's structures; made ready once, then kept.
        made: a made thorax with lobes under TotalSegmentator's names.
        seed, patient: of the draw.

    Raises:
        InputError: if either lacks a lung.
    """
    ready = base_of(base)
    texture = ready.body.structures.keep("lung texture", lambda: _lung_everywhere(ready.body))
    rng = generator(seed, "hybrid chest", patient)
    voxels = made.body.volume.voxels.copy()
    medians = {}
    for side in ("right", "left"):
        target = _lung(made.body, side)
        place = np.argwhere(target)
        low, high = place.min(axis=0), place.max(axis=0)
        share = _shuffled((place - low) / np.maximum(high - low, 1), rng, side=side)
        swapped = {"right": "left", "left": "right"}[side] if rng.random() < _SWAPPED else side
        if swapped != side:
            share[:, 0] = 1.0 - share[:, 0]  # the other lung in a mirror: its hilum stays in the middle
        own = np.argwhere(_lung(ready.body, swapped))
        found = _read(texture, own.min(axis=0) + share * np.ptp(own, axis=0))
        medians[side] = float(np.median(voxels[target]))
        voxels[target] = _denser(found, float(np.median(found)), medians[side])
    log = {**made.log, "family": "hybrid", "lung_hu": {side: round(hu, 1) for side, hu in medians.items()}}
    return Anatomy(made.body.with_hu(voxels), made.person, "hybrid", made.carina_mm, airways=made.airways, log=log)


def _size(person: Person, base: Base, rng: np.random.Generator, *, inspiration: float, supine: bool) -> _Size:
    """Draw a torso: cage within 15 % of the CT's, wall to the girth that sex and body mass index stand for."""
    male, excess = person.sex == "male", person.bmi - 25.0
    stretch = np.array([
        (1.00 if male else 0.93) + 0.006 * np.clip(excess, -6, 10),
        (1.02 if male else 0.96) + 0.006 * np.clip(excess, -6, 10),
        1.02 * person.height_cm / (172.0 if male else 166.0) - 0.002 * np.clip(excess, 0, 15),
    ])  # fmt: skip
    stretch = np.clip(stretch + rng.normal(0.0, (0.045, 0.045, 0.05)), 0.85, 1.15)
    depth_mm = (230.0 if male else 210.0) + (5.0 if excess > 0 else 3.0) * excess + rng.normal(0.0, 15.0)
    half_wall = (depth_mm / stretch[1] / 2 - base.cage_mm[1]) / base.wall_mm[1]
    if supine:
        stretch[1] *= 0.96
    lift = _DOME_MM + rng.normal(0.0, 8.0) + (1.0 - inspiration) * _EXPIRED_MM + _SUPINE_MM * supine
    return _Size(
        (float(stretch[0]), float(stretch[1]), float(stretch[2])), float(np.clip(half_wall, 0.7, 3.0)), float(lift)
    )


def _shape(base: Base, warp: Warp, person: Person, size: _Size, rng: np.random.Generator) -> Shape:
    marks = Landmarks(base.centre_mm, base.carina_mm, base.cage_mm, float(warp.dome[2]), warp.top_mm, warp.heart)
    shape = draw_shape(marks, rng, age_years=person.age_years)
    apart = float(rng.normal(*_APART_MM)) / 2
    right, left = (float(np.clip(size.dome_lift_mm + each, -55.0, 40.0)) for each in (apart, -apart))
    return replace(shape, domes_mm=(right, left))


def _breasts(base: Base, warp: Warp, person: Person, rng: np.random.Generator) -> Breasts | None:
    if person.sex == "male":
        return None
    sides = np.array([[-68.0, -base.cage_mm[1], -8.0], [68.0, -base.cage_mm[1], -8.0]])
    (right, left) = warp.goes_to(base.centre_mm + sides)
    return draw_breasts(person, ((right[0], right[2]), (left[0], left[2])), rng)


def _heart_scale(base: Base, warp: Warp, wanted: float) -> float:
    """Solve for the heart's width at which the ratio, of the masks' lateral points, is the one wanted."""
    low, high = _HEART_LIMITS
    for _ in range(9):
        middle = (low + high) / 2
        if _ratio(base, replace(warp, heart_scale=middle)) < wanted:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _ratio(base: Base, warp: Warp) -> float:
    heart, lungs = (warp.goes_to(points, rounds=6) for points in (base.heart_mm[::2], base.lung_mm[::3]))
    level = np.round((lungs[:, 2] - lungs[:, 2].min()) / 6.0).astype(int)
    first, last = np.full(level.max() + 1, np.inf), np.full(level.max() + 1, -np.inf)
    np.minimum.at(first, level, lungs[:, 0])
    np.maximum.at(last, level, lungs[:, 0])
    return float(np.ptp(heart[:, 0]) / (last - first).max())


def _grid(base: Base, warp: Warp, spacing_mm: float, breasts: Breasts | None) -> tuple[Floats, tuple[int, int, int]]:
    """Affine and shape of a grid around the warped body, a little air before and behind it."""
    away = base.box_mm - base.centre_mm
    for axis in (0, 1):
        cage = base.cage_mm[axis]
        over = np.maximum(np.abs(away[:, axis]) - cage, 0.0)
        away[:, axis] = np.sign(away[:, axis]) * (np.abs(away[:, axis]) + over * (warp.wall_scale - 1.0))
    ahead = breasts.ahead_mm if breasts is not None else 0.0
    room = np.array([[-18.0, -26.0 - ahead, -_FEET_MM], [18.0, 26.0, _NECK_MM]])
    low, high = base.centre_mm + away * np.array(warp.scale) + room
    width, depth, height = (int(n) for n in np.ceil((high - low) / spacing_mm))
    affine = np.diag([spacing_mm, spacing_mm, spacing_mm, 1.0])
    affine[:3, 3] = low + spacing_mm / 2
    return affine, (width, depth, height)


def _lengthened(body: Body, base: Base, warp: Warp) -> Body:
    """The body with flesh, not spine, that grows even beyond the CT's ends, or films would show slices as streaks."""
    from scipy.ndimage import gaussian_filter1d

    ends = np.array([[*base.centre_mm[:2], warp.top_mm], [*base.centre_mm[:2], base.box_mm[0, 2] + _TOP_MM]])
    top, bottom = ((z - body.volume.affine[2, 3]) / body.spacing_mm for z in warp.goes_to(ends)[:, 2])
    ids, voxels = body.structures.ids.copy(), body.volume.voxels.copy()
    kept = [i for i, name in body.structures.names.items() if name.startswith(("vertebrae", "trachea", "esophagus"))]
    for part, over in (
        (slice(int(top) + 1, None), np.arange(int(top) + 1, voxels.shape[2]) - top),
        (slice(0, max(int(bottom), 0)), bottom - np.arange(max(int(bottom), 0))),
    ):
        known, values = ids[:, :, part], voxels[:, :, part]
        loose = ~np.isin(known, kept)
        known[loose] = 0
        loose &= values > _SKIN_HU
        share = np.broadcast_to(np.clip(over * body.spacing_mm / _EVEN_MM, 0.0, 1.0).astype(np.float32), values.shape)
        values[loose] += share[loose] * (np.float32(_FLESH_HU) - values[loose])
        values[...] = np.where(share > 0, gaussian_filter1d(values, _SMOOTH_MM / body.spacing_mm, axis=0), values)
    structures = Structures(ids, body.structures.affine, body.structures.names)
    return Body(Volume(voxels, body.volume.affine, id=body.volume.id), structures)


def _denser(values: NDArray[np.float32], old_hu: float, new_hu: float) -> NDArray[np.float32]:
    """Lung (N,) in HU at another density: by a factor, which vessels are spared."""
    density = (values + np.float32(1000.0)) * np.float32(0.001)
    spared = np.clip((density - _AIR_SHARE) / (0.9 - _AIR_SHARE), 0.0, 1.0)
    factor = 1.0 + (np.float32((1000.0 + new_hu) / (1000.0 + old_hu)) - 1.0) * (1.0 - spared)
    return np.asarray(density * factor * 1000.0 - 1000.0, np.float32)


def _grained(values: NDArray[np.float32], grain_hu: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Lung (N,) in HU with the structure that its voxels do not hold, as independent noise; vessels are spared."""
    density = (values + np.float32(1000.0)) * np.float32(0.001)
    share = np.clip((_AIR_SHARE - density) / 0.2, 0.0, 1.0).astype(np.float32)
    grain = rng.standard_normal(values.shape, np.float32) * np.float32(grain_hu) * share
    return np.asarray(np.maximum(values + grain, np.float32(-1000.0)), np.float32)


def _lung(body: Body, side: str) -> NDArray[np.bool_]:
    lobes = [n for n in body.structures.names.values() if n.startswith("lung") and n.endswith(side)]
    found = named(body, *lobes) if lobes else np.zeros((1, 1, 1), np.bool_)
    if not found.any():
        raise InputError(f"lung texture is mapped from lung to lung, and a body has no {side} lung: segment its lobes")
    return found


def _lung_everywhere(body: Body) -> NDArray[np.float32]:
    """The CT with every voxel outside the lungs, and of their outermost layer, replaced by the nearest within."""
    from scipy import ndimage

    inner = ndimage.binary_erosion(named(body, "lung"), iterations=2)
    nearest = ndimage.distance_transform_edt(~inner, return_distances=False, return_indices=True)
    found: NDArray[np.float32] = body.volume.voxels[tuple(nearest)]
    return found


def _shuffled(share: Floats, rng: np.random.Generator, *, side: str) -> Floats:
    """Places (N, 3) in a lung's box, 0 to 1, moved so that no two patients have one pattern; the hilum stays in place.

    Front and back change places in some, all is turned about the hilum and bent by smooth waves.
    """
    hilum = np.array([1.0 if side == "right" else 0.0, 0.5, 0.5])
    away = share - hilum
    if rng.random() < _TURNED:
        away[:, 1] *= -1.0
    for first, second, spread in ((0, 2, 14.0), (1, 2, 18.0), (0, 1, 12.0)):
        angle = np.deg2rad(np.clip(rng.normal(0.0, spread), -2.0 * spread, 2.0 * spread))
        a, b = away[:, first].copy(), away[:, second].copy()
        away[:, first], away[:, second] = np.cos(angle) * a - np.sin(angle) * b, np.sin(angle) * a + np.cos(angle) * b
    ways, phases = rng.normal(0.0, 5.0, (3, 3)), rng.uniform(0.0, 2.0 * np.pi, 3)
    away = away + np.sin(away @ ways.T + phases) @ rng.normal(0.0, 0.022, (3, 3))
    found: Floats = hilum + away * rng.uniform(0.85, 1.0, 3)
    return np.asarray(1.0 - np.abs(1.0 - np.abs(found)))  # what leaves the box comes back from its border


def _read(texture: NDArray[np.float32], at: Floats) -> NDArray[np.float32]:
    from scipy import ndimage

    found: NDArray[np.float32] = ndimage.map_coordinates(texture, at.T, order=1, mode="nearest")
    return found
