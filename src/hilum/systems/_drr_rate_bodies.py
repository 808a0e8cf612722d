"""Many bodies with findings, rendered once: what rays cross, for every arm of DRR-RATE's claim.

A family is one warp of the CT; all of a family's films are on one side of the split. Findings are drawn apart from one
another, each into about a third of the films, except for the heart, which a family has in all of its films.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import InputError
from hilum.core.seed import generator
from hilum.phantom.lesions import Lesion, Side, blob, effusion, lung, pneumothorax
from hilum.phantom.warp import Body, cardiothoracic_ratio, draw_warp, warped
from hilum.systems._drr_rate_exposure import exposure, materials, pose
from hilum.systems._drr_rate_film import Paths

NAMES = ("cardiomegaly", "pleural effusion", "consolidation", "lung nodule", "pneumothorax", "ground glass opacity")
LOW_DENSITY = ("ground glass opacity", "pneumothorax")
"""Findings that change only what is less dense than the threshold of -100 HU."""
CHANCE = 0.33
_SIDES: tuple[Side, Side] = ("right", "left")
_ENLARGED_CTR = 0.50


@dataclass(frozen=True, eq=False)
class Rendered:
    """Exposures of many bodies.

    Args:
        published: by DRR-RATE's geometry.
        upright: of the same bodies by a film's geometry (PA, source 1800 mm away); empty where none was wanted.
        target: bool (N, K), columns as `NAMES`.
        families: of each film.
    """

    published: tuple[Paths, ...]
    upright: tuple[Paths, ...]
    target: NDArray[np.bool_]
    families: tuple[str, ...]


def rendered(
    base: Body, families: int, each: int, *, size: int, seed: int, part: str, upright: bool = False,
    say: Callable[[str], None] = lambda line: None,
) -> Rendered:  # fmt: skip
    """Make bodies with findings and expose them.

    Args:
        base: the CT on a grid.
        families: warps.
        each: films of a warp.
        size: rows of a film.
        seed: of all draws.
        part: 'train', 'test': other parts are other bodies.
        upright: expose each body by a film's geometry too.
        say: told how far it is.
    """
    published: list[Paths] = []
    second: list[Paths] = []
    target, names = [], []
    for number in range(families):
        if number % 20 == 0:
            say(f"bodies to {part} on: {number} of {families}")
        family = f"{part} {number}"
        body = new_body(base, seed, family)
        large = cardiothoracic_ratio(body) > _ENLARGED_CTR
        for film in range(each):
            changed, found = with_findings(body, seed, family, film)
            fields = materials(changed)
            published.append(exposure(fields, pose(changed, size, seed, family, film)))
            if upright:
                second.append(exposure(fields, pose(changed, size, seed, family, film, upright=True)))
            target.append([large, *(name in found for name in NAMES[1:])])
            names.append(family)
    return Rendered(tuple(published), tuple(second), np.array(target, np.bool_).reshape(-1, len(NAMES)), tuple(names))


def new_body(base: Body, seed: int, family: str) -> Body:
    """Return the warp of a family: half of them have a heart narrowed to a normal width, half a widened one."""
    rng = generator(seed, "heart", family)
    scale = float(rng.uniform(0.66, 0.84) if rng.random() < 0.5 else rng.uniform(1.05, 1.45))
    return warped(base, draw_warp(base, seed, family, heart_scale=scale))


def with_findings(body: Body, seed: int, family: str, film: int) -> tuple[Body, frozenset[str]]:
    """Return the body with findings drawn into it, and their names; air first, then fluid, then what lies in lung."""
    rng = generator(seed, "findings", family, film)
    present = {name: bool(rng.random() < CHANCE) for name in NAMES[1:]}
    sides = [_SIDES[int(k)] for k in rng.permutation(2)]
    taken = np.zeros(body.volume.voxels.shape, np.bool_)

    def add(lesion: Lesion) -> Body:
        np.logical_or(taken, lesion.mask, out=taken)
        return lesion.body

    if present["pneumothorax"]:
        rim = float(rng.uniform(8.0, 35.0))
        body = add(pneumothorax(body, sides[0], rim_mm=rim, low_share=float(rng.uniform(0.2, 0.6))))
    if present["pleural effusion"]:
        ml = float(rng.uniform(0.06, 0.35)) * float(lung(body, sides[1]).sum()) * body.spacing_mm**3 / 1000.0
        body = add(effusion(body, sides[1], volume_ml=max(ml, 100.0), rise_mm=float(rng.uniform(20, 50))))
    for name, (low, high, darkest, brightest) in {
        "consolidation": (35.0, 75.0, 20.0, 50.0), "ground glass opacity": (45.0, 95.0, -650.0, -450.0),
        "lung nodule": (10.0, 30.0, 25.0, 55.0),
    }.items():  # fmt: skip
        if present[name]:
            body = add(_in_lung(body, taken, rng, float(rng.uniform(low, high)), float(rng.uniform(darkest, brightest)),
                                veil=name == "ground glass opacity", lobar=name == "consolidation"))  # fmt: skip
    return body, frozenset(name for name, there in present.items() if there)


def _in_lung(
    body: Body, taken: NDArray[np.bool_], rng: np.random.Generator, diameter_mm: float, hu: float, *, veil: bool,
    lobar: bool,
) -> Lesion:  # fmt: skip
    """A blob where nothing else is, so that no finding hides another in the volume; a lobe bounds consolidation."""
    free = (lung(body, "right") | lung(body, "left")) & ~taken
    places = np.argwhere(free)
    if not len(places):
        raise InputError("no lung is left to put a finding into")
    spot = places[int(rng.integers(0, len(places)))]
    at = (int(spot[0]), int(spot[1]), int(spot[2]))
    if lobar:
        free &= body.structures.ids == body.structures.ids[at]
    return blob(body, at, diameter_mm=diameter_mm, hu=hu, within=free, seed=int(rng.integers(1 << 31)), ripple=0.25,
                veil=veil)  # fmt: skip
