"""Parametric thoraces: bodies drawn from sex, age, height and body mass index alone, with every structure by name.

Nothing of a patient's scan is in them. The same person at another breath or lying keeps all that was drawn and only
moves. Patient mm: x left, y back, z head, 0 in the middle of T1's height.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import InputError
from hilum.core.seed import generator
from hilum.phantom.patient import Anatomy, Person
from hilum.phantom.thorax_draw import Numbers, draw_numbers
from hilum.phantom.thorax_names import IDS, NAMES
from hilum.phantom.thorax_shape import Shape, axes, lung_distance, shape
from hilum.phantom.thorax_trees import Trees, grown
from hilum.phantom.thorax_write import written
from hilum.phantom.warp import cardiothoracic_ratio

Floats = NDArray[np.float64]
_COARSE_MM = 4.0


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
    body = written(
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
    x, y, z = axes(best, _COARSE_MM, 0.0)
    rng = generator(seed, "thorax", patient, "supplied")
    deep = lung_distance(best, x, y, z)
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
