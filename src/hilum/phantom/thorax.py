"""Parametric thoraces: bodies drawn from sex, age, height and body mass index alone, with every structure by name.

Nothing of a patient's scan is in them. The same person at another breath or lying keeps all that was drawn and only
moves. Patient mm: x left, y back, z head, 0 in the middle of T1's height.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import InputError
from hilum.core.image import MadeBy, Volume
from hilum.core.seed import generator
from hilum.drr.field import Structures
from hilum.phantom.patient import Anatomy, Person
from hilum.phantom.skeleton_cage import Cage, breastbone, cage, ribs, sternum_line
from hilum.phantom.skeleton_girdle import girdle, shoulder_mm
from hilum.phantom.skeleton_spine import spine, vertebrae
from hilum.phantom.texture import TILE, texture
from hilum.phantom.thorax_abdomen import bowel_gas, organs
from hilum.phantom.thorax_draw import Numbers, draw_numbers
from hilum.phantom.thorax_heart import Heart, courses, heart
from hilum.phantom.thorax_names import IDS, NAMES
from hilum.phantom.thorax_solids import Solids
from hilum.phantom.thorax_surfaces import Domes, domes, floor, medial_limits
from hilum.phantom.thorax_torso import layers, outline
from hilum.phantom.thorax_trees import Trees, as_rows, grown
from hilum.phantom.warp import Body, cardiothoracic_ratio

Floats = NDArray[np.float64]
PLEURA_MM = 5.4
"""From the middle of the ribs to the lung."""
_EVERY_MM = 8.0
_COARSE_MM = 4.0
_FAT_MM = 3.0


@dataclass(frozen=True, eq=False)
class Shape:
    """All surfaces and lines of one body, before any voxel.

    Args:
        numbers: that were drawn.
        cage, domes, heart: see there.
        carina: (3,) mm.
        tubes: (middle line, radii) by name.
        top: z of the shoulders' tops.
    """

    numbers: Numbers
    cage: Cage
    domes: Domes
    heart: Heart
    carina: Floats
    tubes: dict[str, tuple[Floats, Floats]]
    top: float

    def floor(self, x: Floats, y: Floats) -> Floats:
        """Return z of the diaphragm (X, Y)."""
        return floor(self.domes, self.cage, x, y, self.heart)

    def limits(self, y: Floats, z: Floats) -> tuple[Floats, Floats]:
        """Return x of the medial surfaces of the right and the left lung (Y, Z)."""
        spine = self.cage.spine
        names = ("aorta", "trunk", "superior_vena_cava", "esophagus", "trachea", "brachiocephalic_trunk",
                 "common_carotid_artery_left", "subclavian_artery_left", "brachiocephalic_vein_right",
                 "brachiocephalic_vein_left")  # fmt: skip
        balls = [self.tubes[name] for name in names]
        balls += [(self.tubes[name][0][:6], self.tubes[name][1][:6]) for name in ("pulmonary_right", "pulmonary_left")]
        knots = np.arange(-1.0, 14.0, 0.2)
        bodies = np.stack([spine.at(k) for k in knots])
        wide = np.interp(knots + 3, np.arange(len(spine.width)), spine.width) / 2
        balls.append((bodies, wide + 1.0))
        balls += [(bodies + [side * 14.0, 21.0, 4.0], np.full(len(knots), 18.0)) for side in (-1.0, 1.0)]
        front = sternum_line(self.cage)
        balls.append(
            (front[0] + np.linspace(0, 1, 12)[:, None] * (front[1] - front[0]) + [0, 16.0, 0], np.full(12, 15.0))
        )
        return medial_limits(balls, self.heart, y, z, spine.side_mm(z), fat_mm=_FAT_MM)


def shape(numbers: Numbers, *, inspiration: float = 1.0, supine: bool = False) -> Shape:
    """Work out all surfaces of one person at one breath.

    The heart is solved to the drawn cardiothoracic ratio at full inspiration, standing; it is wider by 6 % in
    expiration and by 4 % lying.
    """
    numbers_fat = numbers.fat_mm
    half = (numbers.torso_width_mm - 2 * (2.0 + 0.6 * numbers_fat + 0.75 * numbers.muscle_mm) - 8.0) / 2
    deep = numbers.torso_depth_mm - 4.0 - 8.0 - 1.35 * numbers_fat - 1.7 * numbers.muscle_mm
    deep = float(np.clip(deep, 1.18 * half, 1.62 * half))
    bones = spine(numbers, 0.41 * deep)
    full = cage(numbers, bones, half, deep)
    breath = replace(full, scale=full.scale * [1.0 - 0.02 * (1 - inspiration), 1.0 - 0.04 * (1 - inspiration), 1.0],
                     slope=full.slope * (1.0 + 0.06 * (1 - inspiration)))  # fmt: skip
    found = domes(numbers, breath, inspiration=inspiration, supine=supine)
    best = domes(numbers, full, inspiration=1.0, supine=False)
    fork = bones.front(numbers.carina_vertebra + 0.25 * (inspiration - 1.0)) + [-1.0, -27.0, 0.0]
    width = numbers.ctr * lung_width_mm(full, best) * (1.0 + 0.06 * (1 - inspiration)) * (1.04 if supine else 1.0)
    bottom = best.right - 24.0 + 0.75 * (found.right - best.right)
    seventh = bones.front(8.0)
    line = sternum_line(breath)
    beating = heart(
        numbers, width_mm=width, midline_mm=float(bones.side_mm(np.array([bottom + 50.0]))[0]), bottom_mm=bottom,
        top_mm=float(fork[2]) - 34.0, back_mm=float(seventh[1]) - 9.0, front_mm=float(line[2, 1]) + 9.0,
    )  # fmt: skip
    top = float(shoulder_mm(breath, numbers, 1.0, supine)[2]) + 26.0
    return Shape(numbers, breath, found, beating, fork, courses(numbers, fork, beating, bones), top)


def lung_width_mm(full: Cage, found: Domes) -> float:
    """Return the widest stretch of both lungs from outer wall to outer wall."""
    z = np.arange(found.right - 0.9 * found.height, 0.0, 2.0)
    _, radii, _ = full.sections(z)
    angles = np.deg2rad(np.linspace(0.0, 180.0, radii.shape[1]))
    return float(2.0 * ((radii - PLEURA_MM) * np.sin(angles)).max())


def draw_thorax(
    person: Person, *, spacing_mm: float = 2.0, seed: int, patient: str, inspiration: float = 1.0, supine: bool = False,
    ctr: float | None = None,
) -> Anatomy:  # fmt: skip
    """Draw the thorax of a person: HU, structures, carina, airway and vessel trees.

    Args:
        person: sex, age, height and body mass index.
        spacing_mm: of the grid, 0.5 to 6; 2 to train on, 1 to show.
        seed, patient: of every draw; the same pair is the same person inside.
        inspiration: 1 full, 0 expiration.
        supine: lying, with arms beside and gravity to the back.
        ctr: cardiothoracic ratio at full inspiration, standing, 0.3 to 0.75; drawn where it is not given.

    Returns:
        the body, with everything drawn and solved in its log; 'ctr' is measured on the masks.

    Raises:
        InputError: if a number is out of range.
    """
    if not 0.5 <= spacing_mm <= 6.0:
        raise InputError(f"a thorax is made on a grid of 0.5 to 6 mm, got {spacing_mm:g} mm")
    if not 0.0 <= inspiration <= 1.0:
        raise InputError(f"inspiration runs from 0 (expiration) to 1 (full), got {inspiration:g}")
    if ctr is not None and not 0.3 <= ctr <= 0.75:
        raise InputError(f"a cardiothoracic ratio lies between 0.3 and 0.75, got {ctr:g}")
    numbers = draw_numbers(person, seed=seed, patient=patient, ctr=ctr)
    made = shape(numbers, inspiration=inspiration, supine=supine)
    trees = _trees(numbers, made, seed=seed, patient=patient, inspiration=inspiration, supine=supine)
    body = _written(
        made, trees, spacing_mm=spacing_mm, seed=seed, patient=patient, inspiration=inspiration, supine=supine
    )
    log: dict[str, Any] = {
        "drawn": numbers.as_dict(), "inspiration": inspiration, "supine": supine, "spacing_mm": spacing_mm,
        "dome_right_mm": round(made.domes.right, 2), "dome_left_mm": round(made.domes.left, 2),
        "ctr_wanted": round(numbers.ctr, 4), "ctr": round(cardiothoracic_ratio(body), 4),
    }  # fmt: skip
    voxel_ml = spacing_mm**3 / 1000.0
    counts = np.bincount(body.structures.ids.ravel(), minlength=len(NAMES) + 1)
    lobes = [name for name in IDS if name.startswith("lung")]
    log["lungs_ml"] = {name: round(float(counts[IDS[name]]) * voxel_ml, 1) for name in lobes}
    return Anatomy(body, person, "parametric", made.carina, trees.joined("airways"), trees.joined(""), log)


def _trees(numbers: Numbers, made: Shape, *, seed: int, patient: str, inspiration: float, supine: bool) -> Trees:
    """Trees grown at full inspiration, moved to this breath between apex and dome."""
    best = made if inspiration == 1.0 and not supine else shape(numbers)
    x, y, z = _axes(best, _COARSE_MM, 0.0)
    rng = generator(seed, "thorax", patient, "supplied")
    deep = _lung_distance(best, x, y, z)
    points = {}
    for side, sign in (("right", -1.0), ("left", 1.0)):
        index = np.argwhere((deep < -3.0) & (sign * x[:, None, None] > 0))
        index = index[rng.choice(len(index), 6000)]
        points[side] = np.stack([x[index[:, 0]], y[index[:, 1]], z[index[:, 2]]], axis=1)
        points[side] += rng.uniform(-0.5, 0.5, (6000, 3)) * _COARSE_MM
    roots = {}
    for side, sign in (("right", -1.0), ("left", 1.0)):
        line = best.tubes[f"pulmonary_{side}"][0]
        roots[f"arteries {side}"] = line[int(0.62 * len(line))]
        roots[f"veins {side}"] = line[int(0.62 * len(line))] + [-sign * 4.0, -12.0, -16.0]
        roots[f"airways {side}"] = best.tubes[f"main_{side}"][0][-1]
    trees = grown(points, roots, vessel_mm=numbers.vessel_mm, seed=seed, patient=patient)
    if best is made:
        return trees
    lift = made.domes.right - best.domes.right
    shift = made.carina - best.carina

    def move(places: Floats) -> Floats:
        share = np.clip((places[:, 2] - best.domes.right) / (best.carina[2] - best.domes.right), 0.0, 1.0)
        scale = made.cage.scale / best.cage.scale
        moved = places * scale
        moved[:, 2] = places[:, 2] + (1 - share) * lift + share * shift[2]
        return np.asarray(moved)

    return trees.moved(move)


def _axes(made: Shape, step: float, arms: float) -> tuple[Floats, Floats, Floats]:
    """Coordinates of voxel centres, x symmetric about 0."""
    numbers = made.numbers
    wide = max(numbers.shoulder_mm + 14.0, numbers.torso_width_mm / 2 + 8.0) + arms
    spine = made.cage.spine
    back = float(spine.middle[:, 1].max()) + 62.0 + 0.9 * numbers.fat_mm
    front = -0.5 * numbers.torso_depth_mm - 36.0 - 0.9 * numbers.fat_mm - (50.0 if numbers.breast_ml > 0 else 0.0)
    low, high = float(spine.at(14.6)[2]), float(spine.at(-1.2)[2])
    spans = ((-wide, wide), (front, back), (low, high))
    return tuple((np.arange(np.ceil(a / step), np.floor(b / step) + 1) * step) for a, b in spans)  # type: ignore[return-value]


def _lung_distance(made: Shape, x: Floats, y: Floats, z: Floats) -> Floats:
    """Distance (X, Y, Z) to the surface of the lungs, below 0 inside, on a coarse grid."""
    angles, radii, axis = made.cage.sections(z)
    dx, dy = x[:, None, None] - made.cage.spine.side_mm(z), y[None, :, None] - axis
    theta = np.abs(np.rad2deg(np.arctan2(dx, dy)))
    place = theta / (angles[1] - angles[0])
    low = np.minimum(place.astype(np.int64), len(angles) - 2)
    level = np.arange(len(z))[None, None, :]
    wall = np.hypot(dx, dy) - radii[level, low] + PLEURA_MM
    under = (made.floor(x, y)[:, :, None] - z) * 0.7
    right, left = made.limits(y, z)
    side = np.where(x[:, None, None] > 0, left - x[:, None, None], x[:, None, None] - right)
    return np.asarray(np.maximum(wall, np.maximum(under, side)))


def _written(
    made: Shape, trees: Trees, *, spacing_mm: float, seed: int, patient: str, inspiration: float, supine: bool
) -> Body:
    """Write the body's voxels."""
    from hilum.phantom.thorax_kernels import fill, paint

    numbers, step = made.numbers, spacing_mm
    x, y, z = _axes(made, step, 74.0 if supine else 0.0)
    every = max(1, round(_EVERY_MM / step))
    nodes = [axis[0] + every * step * np.arange(len(axis) // every + 2) for axis in (x, y, z)]
    lattice = layers(numbers, made.cage, outline(numbers, made.cage, nodes[2], made.top), *nodes, acromion_mm=made.top)
    under, (right, left) = made.floor(x, y), made.limits(y, z)
    hu = np.empty((len(x), len(y), len(z)), np.float32)
    ids = np.empty(hu.shape, np.uint8)
    origin = np.array([x[0], y[0], z[0]])
    soft, inner = organs(made, IDS, supine=supine)
    rng = generator(seed, "thorax", patient, "texture")
    fill(
        hu, ids, origin, step, lattice, every, under, _cosine(under, step), np.stack([right, left]),
        np.stack([_cosine(right, step), _cosine(left, step)]), soft, _air(made, inspiration, supine), _fissures(made),
        inner, texture(spacing_mm=step), rng.integers(0, TILE, 3),
    )  # fmt: skip
    for rows, only_air in _solids(made, trees, step, supine):
        paint(hu, ids, origin, step, rows, only_air)
    affine = np.diag([step, step, step, 1.0])
    affine[:3, 3] = origin
    name = f"thorax-{seed}-{patient}"
    return Body(Volume(hu, affine, id=name, made_by=MadeBy("hilum parametric thorax")), Structures(ids, affine, NAMES))


def _cosine(surface: Floats, step: float) -> Floats:
    first, second = np.gradient(surface, step)
    return np.asarray(1.0 / np.sqrt(1.0 + first**2 + second**2))


def _air(made: Shape, inspiration: float, supine: bool) -> Floats:
    """HU of the lungs, SD of their texture, HU per mm along gravity's axis, that axis, its middle."""
    numbers = made.numbers
    base = numbers.lung_hu + 120.0 * (1.0 - inspiration) + (20.0 if supine else 0.0)
    if supine:
        return np.array([base, numbers.texture_hu, 1.6 * numbers.gravity_hu / 170.0, 1.0, 0.0])
    middle = 0.5 * (made.domes.right - made.domes.height)
    return np.array([base, numbers.texture_hu, numbers.gravity_hu / (2 * middle), 2.0, middle])


def _fissures(made: Shape) -> Floats:
    """Oblique fissures from T4 behind to the dome in front, and the horizontal one; see `thorax_kernels.fill`."""
    spine, numbers = made.cage.spine, made.numbers
    rows = []
    for level, dome, phase in ((4.3, made.domes.right, 3.0), (3.8, made.domes.left, 11.0)):
        behind = spine.at(level)
        y_back, y_front = behind[1] + 30.0, float(made.cage.points(np.array([6.0]), np.array([150.0]))[0, 1])
        z_back, z_front = behind[2] + numbers.fissure_level * 0.5, dome - 26.0
        slope = (z_front - z_back) / (y_front - y_back)
        rows.append([z_back, slope, y_back, 1.0 / np.hypot(1.0, slope), phase])
    level = float(made.cage.points(np.array([4.0]), np.array([140.0]))[0, 2])
    rows.append([level - 4.0 + numbers.fissure_level, 0.0, -30.0, 1.0, 7.0])
    return np.array(rows)


def _solids(made: Shape, trees: Trees, step: float, supine: bool) -> list[tuple[Floats, bool]]:
    """All solids in the order of writing: arms, then soft organs and vessels, then airways' air, then bones."""
    numbers, blood = made.numbers, made.numbers.blood_hu
    arms = Solids()
    for side in (1.0, -1.0):
        head = shoulder_mm(made.cage, numbers, side, supine)
        arm = head + (np.array([side * 30.0, 4.0, -400.0]) if supine else np.array([side * 120.0, -46.0, -95.0]))
        arms.tube(np.stack([head, arm]), 44.0 + 0.5 * numbers.fat_mm, shell_mm=3.0 + 0.5 * numbers.fat_mm, shell_hu=-95.0,
                  core_hu=50.0)  # fmt: skip
    soft = Solids()
    for name, (places, radii) in made.tubes.items():
        if name in ("trachea", "main_right", "main_left"):
            soft.tube(places, radii + 1.3, core_hu=30.0, id=-1)
        else:
            soft.tube(places, radii, core_hu=30.0 if name == "esophagus" else blood, id=IDS.get(name, -1))
    soft.extend(made.heart.solids(IDS["heart"], blood))
    spine = made.cage.spine
    soft.tube(spine.middle + np.stack([0 * spine.depth, spine.depth / 2 + 9.0, 0 * spine.depth], axis=1), 6.0,
              id=IDS["spinal_cord"], core_hu=30.0)  # fmt: skip
    vessels = np.concatenate([as_rows(trees.joined(word), step, core_hu=blood) for word in ("arteries", "veins")])
    walls = as_rows(trees.joined("airways"), step, core_hu=-60.0, grow_mm=0.9)
    lumen = Solids()
    for name in ("trachea", "main_right", "main_left"):
        places, radii = made.tubes[name]
        lumen.tube(places, radii, core_hu=-995.0, id=IDS["trachea"])
    air = np.concatenate([lumen.table(), as_rows(trees.joined("airways"), step, core_hu=-985.0)])
    hard = vertebrae(spine, numbers, dict(IDS))
    hard.extend(breastbone(made.cage, numbers, dict(IDS)))
    hard.extend(girdle(made.cage, numbers, dict(IDS), supine=supine))
    hard.extend(ribs(made.cage, numbers, dict(IDS)))
    gas = bowel_gas(made, IDS)
    return [(arms.table(), True), (gas.table(), False), (np.concatenate([vessels, walls, soft.table()]), False),
            (air, False), (hard.table(), False)]  # fmt: skip
