"""Made nodules in made lungs: patients, classes and sizes, put into place by processes that are known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import InputError
from hilum.core.seed import generator
from hilum.measure.surroundings import Lung, Surroundings, Tubes, surroundings
from hilum.measure.surroundings_masks import airways, vessels
from hilum.phantom.lung_ct import LungCT, draw_lung
from hilum.phantom.trees import distance_mm

Floats = NDArray[np.float64]
AIRWAY_FALL_MM, VESSEL_FALL_MM, PLEURA_FALL_MM = 25.0, 3.0, 10.0
NEAR, BOTH, NULL, SIZE = "near", "near and twice the size", "same process (null)", "twice the size only"
ARMS: Mapping[str, tuple[bool, float]] = {NEAR: (True, 1.0), BOTH: (True, 2.0), NULL: (False, 1.0), SIZE: (False, 2.0)}
"""Arm -> whether the malignant are drawn near the structures, and how much larger they are."""
_POOL = 4000
_RADIUS_MM, _SPREAD, _RANGE_MM = 3.5, 0.35, (1.5, 9.0)
"""Log-normal radius. With this spread, twice the size gives diameter alone the AUROC it has in LIDC-IDRI (0.89)."""


@dataclass(frozen=True, eq=False)
class Layout:
    """Who has which nodules: patient of each, whether it is malignant; the same for every arm and seed."""

    patients: NDArray[np.str_]
    malignant: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Site:
    """A place to put nodules in.

    Args:
        lung: what is measured against.
        pool_mm: (P, 3) possible centres, even over the parenchyma.
        chance: (P,) how likely a centre is under the biased process.
    """

    lung: Lung
    pool_mm: Floats
    chance: Floats


def layout(count: int, *, seed: int) -> Layout:
    """Draw patients of one to four nodules; a patient's nodules tend to be of one class.

    Raises:
        InputError: if there are fewer than 20 nodules.
    """
    if count < 20:
        raise InputError(f"nodules must be 20 or more, got {count}")
    rng = generator(seed, "nodules", "layout")
    patients: list[str] = []
    malignant: list[bool] = []
    while len(patients) < count:
        many, rate = int(rng.integers(1, 5)), rng.beta(1.0, 1.0)
        patients += [f"p{len(patients):04d}"] * many
        malignant += (rng.random(many) < rate).tolist()
    return Layout(np.array(patients[:count]), np.array(malignant[:count]))


def segmented(made: LungCT) -> Lung:
    """Return a made lung as the tool sees it: airways and vessels segmented from its CT, the pleura given."""
    spacing = made.volume.spacing_mm
    lumen = airways(made.volume.voxels, spacing, made.trachea).mask
    tubes = vessels(made.volume.voxels, spacing, made.lung, airway=lumen)
    return Lung(made.lung, Tubes(lumen, spacing), Tubes(tubes, spacing), spacing)


def made_site(seed: int, number: int, *, scale: float = 1.0) -> tuple[Site, LungCT]:
    """Draw a lung, segment it, and work out from the true trees where the biased process would put a nodule."""
    made = draw_lung(seed, f"{number}", scale=scale, vessels=max(60, int(3000 * scale**3)))
    clear = made.lung & (made.airway_mm > 0) & (made.vessel_mm > 0)
    pool = even_pool(clear, made.volume.spacing_mm, seed, number)
    near = np.exp(-distance_mm(made.airways, pool) / AIRWAY_FALL_MM - distance_mm(made.vessels, pool) / VESSEL_FALL_MM)
    return Site(segmented(made), pool, near / near.sum()), made


def even_pool(clear: NDArray[np.bool_], spacing_mm: tuple[float, float, float], seed: int, number: int) -> Floats:
    """Return centres drawn evenly from the voxels of a mask, in mm along its axes."""
    rng, voxels = generator(seed, "nodules", "pool", number), np.argwhere(clear)
    return np.asarray(voxels[rng.choice(len(voxels), _POOL)] * np.asarray(spacing_mm))


def sphere(centre_mm: Floats, radius_mm: float, lung: Lung) -> tuple[NDArray[np.bool_], tuple[int, int, int]]:
    """Return the mask of a nodule cut to the lung, and the voxel of the lung's grid at its corner."""
    step = np.asarray(lung.spacing_mm)
    low = np.maximum(np.floor((centre_mm - radius_mm) / step).astype(int), 0)
    high = np.minimum(np.ceil((centre_mm + radius_mm) / step).astype(int) + 1, lung.lung.shape)
    axes = [(np.arange(a, b) * s - c) ** 2 for a, b, s, c in zip(low, high, step, centre_mm, strict=True)]
    ball = sum(np.ix_(*axes)) <= radius_mm**2
    box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    return ball & lung.lung[box], (int(low[0]), int(low[1]), int(low[2]))


def place(
    given: Layout, sites: list[Site], *, seed: int, say: Callable[[str], None], doing: str = ""
) -> dict[str, Mapping[str, Floats]]:
    """Put every nodule into place under every arm and measure what surrounds it: arm -> feature -> (N,).

    Benign nodules stand where they stand in every arm; malignant ones of the two arms that are not near share places
    too, so that these differ by size only.
    """
    patient = np.unique(given.patients, return_inverse=True)[1]
    rng = generator(seed, "nodules", "places")
    radius = np.clip(_RADIUS_MM * np.exp(_SPREAD * rng.standard_normal(len(patient))), *_RANGE_MM)
    even = rng.integers(0, _POOL, len(patient))
    near = [int(rng.choice(_POOL, p=sites[who % len(sites)].chance)) for who in patient]
    found: dict[str, Mapping[str, Floats]] = {}
    benign: dict[int, Surroundings] = {}
    for arm, (biased, larger) in ARMS.items():
        say(f"{doing}{arm}: measuring {len(patient)} nodules")
        rows = []
        for number, who in enumerate(patient):
            site, ill = sites[who % len(sites)], bool(given.malignant[number])
            if not ill and number in benign:
                rows.append(benign[number])
                continue
            spot = site.pool_mm[near[number] if ill and biased else even[number]]
            mask, corner = sphere(spot, float(radius[number]) * (larger if ill else 1.0), site.lung)
            rows.append(surroundings(mask, corner, site.lung))
            if not ill:
                benign[number] = rows[-1]
        found[arm] = table(rows)
    return found


def table(rows: list[Surroundings]) -> Mapping[str, Floats]:
    """Return measured nodules as columns."""
    return {each.name: np.array([getattr(row, each.name) for row in rows], np.float64) for each in fields(Surroundings)}
