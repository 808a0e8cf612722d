"""Writing a made thorax into voxels: tissues first, then solids over them; the heart is solved on the voxels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hilum.core.image import MadeBy, Volume
from hilum.core.seed import generator
from hilum.drr.field import Structures
from hilum.phantom.skeleton_cage import breastbone, ribs
from hilum.phantom.skeleton_girdle import elbow_mm, girdle, shoulder_mm
from hilum.phantom.skeleton_spine import vertebrae
from hilum.phantom.texture import TILE, texture
from hilum.phantom.thorax_abdomen import bowel_gas, organs
from hilum.phantom.thorax_heart import Heart
from hilum.phantom.thorax_names import IDS, NAMES
from hilum.phantom.thorax_shape import Shape, axes
from hilum.phantom.thorax_solids import Matter, Solids
from hilum.phantom.thorax_surfaces import domes
from hilum.phantom.thorax_torso import layers, outline
from hilum.phantom.thorax_trees import Trees, as_rows
from hilum.phantom.warp import Body

Floats = NDArray[np.float64]
_EVERY_MM = 4.0
_FISSURE_RISES = 0.6
"""How far the horizontal fissure rises of what the dome does."""


def written(
    made: Shape, trees: Trees, *, spacing_mm: float, seed: int, patient: str, inspiration: float, supine: bool
) -> Body:
    """Write the body's voxels."""
    from hilum.phantom.thorax_kernels import fill, paint

    numbers, step = made.numbers, spacing_mm
    x, y, z = axes(made, step, 74.0 if supine else 0.0)
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
    if inspiration == 1.0 and not supine:
        made = replace(made, heart=_solved(made, ids, x[0], step))
    for rows, only_air in _solids(made, trees, step, supine):
        paint(hu, ids, origin, step, rows, only_air)
    affine = np.diag([step, step, step, 1.0])
    affine[:3, 3] = origin
    name = f"thorax-{seed}-{patient}"
    return Body(Volume(hu, affine, id=name, made_by=MadeBy("hilum parametric thorax")), Structures(ids, affine, NAMES))


def _solved(made: Shape, ids: NDArray[np.uint8], origin_mm: float, step: float) -> Heart:
    """The heart as wide as the drawn ratio of the lungs' width on this grid, its borders between voxels."""
    lobes = [number for number, name in NAMES.items() if name.startswith("lung")]
    lungs = np.asarray(np.isin(ids, lobes).any(axis=1), np.bool_)
    first, last = lungs.argmax(axis=0), len(lungs) - lungs[::-1].argmax(axis=0)
    widest = int((last - first)[lungs.any(axis=0)].max())
    width = round(made.numbers.ctr * widest) * step
    found, now = made.heart, float(made.heart.high[0] - made.heart.low[0])
    border = found.low[0] - made.numbers.heart_right_share * (width - now)
    border = origin_mm + step * (np.rint((border - origin_mm) / step + 0.5) - 0.5)
    return found.stretched(border, width)


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
        rows.append([z_back, slope, y_back, 1.0 / np.hypot(1.0, slope), phase, 0.0, numbers.fissure_hu_mm])
    level = float(made.cage.points(np.array([4.0]), np.array([140.0]))[0, 2])
    lift = made.domes.right - domes(numbers, made.cage, inspiration=1.0, supine=False).right
    level += _FISSURE_RISES * lift  # or nothing is left of the middle lobe in expiration
    rows.append([level - 2.0 + numbers.fissure_level, numbers.fissure_slope, -30.0, 1.0, 7.0, numbers.fissure_bow_mm,
                 numbers.fissure_hu_mm])  # fmt: skip
    return np.array(rows)


def _number(name: str) -> int:
    """Id of a vessel; -1, which clears lobes, for arteries that have none."""
    return IDS["pulmonary_vein"] if name.startswith("pulmonary_vein") else IDS.get(name, -1)


def _solids(made: Shape, trees: Trees, step: float, supine: bool) -> list[tuple[Floats, bool]]:
    """All solids in the order of writing: arms, then soft organs and vessels, then airways' air, then bones."""
    numbers, blood = made.numbers, made.numbers.blood_hu
    arms = Solids()
    arm_matter = Matter(50.0, 3.0 + 0.5 * numbers.fat_mm, -95.0)
    for side in (1.0, -1.0):
        head = shoulder_mm(made.cage, numbers, side, supine)
        arm = elbow_mm(head, numbers, side, supine)
        arms.tube(np.stack([head, arm]), [38.0 + 0.4 * numbers.fat_mm, 33.0 + 0.4 * numbers.fat_mm], matter=arm_matter)
    soft = Solids()
    for name, (places, radii) in made.tubes.items():
        if name in ("trachea", "main_right", "main_left"):
            soft.tube(places, radii + 1.3, matter=Matter(30.0), id=-1)
        else:
            soft.tube(places, radii, matter=Matter(30.0 if name == "esophagus" else blood), id=_number(name))
    soft.extend(made.heart.solids(IDS["heart"], blood))
    spine = made.cage.spine
    soft.tube(spine.middle + np.stack([0 * spine.depth, spine.depth / 2 + 9.0, 0 * spine.depth], axis=1), 6.0,
              id=IDS["spinal_cord"], matter=Matter(30.0))  # fmt: skip
    vessels = np.concatenate([as_rows(trees.joined(word), step, core_hu=blood) for word in ("arteries", "veins")])
    walls = as_rows(trees.joined("airways"), step, core_hu=-60.0, grow_mm=0.9)
    lumen = Solids()
    for name in ("trachea", "main_right", "main_left"):
        places, radii = made.tubes[name]
        lumen.tube(places, radii, matter=Matter(-995.0), id=IDS["trachea"])
    air = np.concatenate([lumen.table(), as_rows(trees.joined("airways"), step, core_hu=-985.0)])
    hard = vertebrae(spine, numbers, dict(IDS))
    hard.extend(breastbone(made.cage, numbers, dict(IDS)))
    hard.extend(girdle(made.cage, numbers, dict(IDS), supine=supine))
    hard.extend(ribs(made.cage, numbers, dict(IDS)))
    gas = bowel_gas(made, IDS)
    return [(arms.table(), True), (gas.table(), False), (np.concatenate([vessels, walls, soft.table()]), False),
            (air, False), (hard.table(), False)]  # fmt: skip
