"""Films of the same shots with each block of film physics taken away, and the masks that all of them share."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hilum.core.seed import generator
from hilum.drr.coefficients import mass_attenuation
from hilum.drr.detector import shrunken
from hilum.drr.film import PROCESSING
from hilum.drr.randomise import random_exposure
from hilum.learn.frame import stretch
from hilum.phantom.imaging import expose
from hilum.phantom.patient import Shot
from hilum.systems._paxray_tone import burned, random_tone
from hilum.systems._virtual_shots import Taken

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]
FULL, NO_SCATTER, NO_NOISE = "full film physics", "without scatter", "without noise"
FIXED, RAW = "one look-up table and processing", "raw line integrals"
PHYSICS = (FULL, NO_SCATTER, NO_NOISE, FIXED, RAW)
"""Each is the full chain less one block; the last is none of it."""
LESIONS: dict[str, tuple[str, ...]] = {
    "consolidation": ("consolidation",), "edema": ("pulmonary edema",), "effusion": ("pleural effusion",),
    "atelectasis": ("atelectasis", "linear atelectasis"), "nodule or mass": ("lung nodule", "lung mass"),
}  # fmt: skip
MASKS = ("right lung", "left lung", "heart", "lungs above the dome", "lung fields", *LESIONS)
DOME_MM, LUNG_MM, FIELD_MM, LEAST_MM = 15.0, 50.0, 10.0, 3.0
"""Lungs above the dome end where rays run farther through liver, stomach and spleen, or less far through lung; lung
fields, which end beside the spine, where rays run less far in them. V7's masks hold the lung behind the heart."""
_KEV = 70.0


@dataclass(frozen=True, eq=False)
class Films:
    """Films of virtual patients.

    Args:
        films: of each physics, float32 (V N, S, S) in [0, 1]: all N patients, then all of them again.
        masks: bool (V N, C, S, S), columns as `MASKS`.
        opacity: 1, 0, or NaN where none is clear enough to count (V N,).
        patients, families: of each film.
    """

    films: dict[str, Floats]
    masks: Bools
    opacity: NDArray[np.float64]
    patients: NDArray[np.str_]
    families: NDArray[np.str_]

    def of(self, families: Sequence[str]) -> NDArray[np.intp]:
        """Return the rows of films of some families."""
        return np.flatnonzero(np.isin(self.families, families))


def virtual_films(taken: Iterable[Taken], *, physics: Sequence[str] = PHYSICS, versions: int = 2) -> Films:
    """Expose every shot by each physics, each version with draws of its own, which all physics share.

    Args:
        taken: patients and their shots.
        physics: of `PHYSICS`.
        versions: exposures of each shot.
    """
    made: dict[tuple[str, int], list[Floats]] = defaultdict(list)
    masks, opacity, patients, families = [], [], [], []
    for each in taken:
        for version in range(versions):
            seed = int(generator(each.pose.exposure_seed, each.patient, version).integers(1 << 31))
            for name in physics:
                made[name, version].append(film_of(each, name, seed))
        masks.append(masks_of(each.shot))
        opacity.append(np.nan if each.opacity is None else float(each.opacity))
        patients.append(each.patient)
        families.append(each.family)
    films = {name: np.stack([film for v in range(versions) for film in made[name, v]]) for name in physics}
    return Films(
        films, np.concatenate([np.stack(masks)] * versions), np.tile(opacity, versions), np.tile(patients, versions),
        np.tile(families, versions),
    )  # fmt: skip


def film_of(taken: Taken, physics: str, seed: int) -> Floats:
    """Return one film (S, S) in [0, 1] by one physics; the seed is of everything that is drawn."""
    if physics == RAW:
        return line_integrals(taken.shot)
    exposure = random_exposure(seed, view=taken.shot.view)
    if physics == NO_SCATTER:
        exposure = replace(exposure, scatter=0.0)
    if physics == NO_NOISE:
        exposure = replace(exposure, quanta=False, electronic_quanta=0.0)
    processing = PROCESSING if physics == FIXED else None
    made = expose(taken.shot, taken.pose, seed=seed, exposure=exposure, processing=processing)
    return stretch(made.image.display())


def line_integrals(shot: Shot) -> Floats:
    """Return what rays of 70 keV lose on their way, stretched to [0, 1]: what a simulated radiograph usually is."""
    total = np.zeros(shot.geometry.shape, np.float32)
    for name, areal in shot.maps.items():
        total += np.float32(mass_attenuation(name, _KEV)) * areal
    return stretch(shrunken(total, shot.fine))


def masks_of(shot: Shot) -> Bools:
    """Return masks (C, S, S) as `MASKS`, read from path lengths."""
    below = sum((shot.paths[name] for name in ("liver", "stomach", "spleen")), np.zeros(shot.size, np.float32))
    least = {name: shot.paths[name] >= LEAST_MM for name in ("right lung", "left lung", "heart")}
    dome = (shot.paths["lungs"] >= LUNG_MM) & (below <= DOME_MM)
    found = [*least.values(), dome, shot.paths["lung fields"] >= FIELD_MM]
    return np.stack([*found, *(_lesions(shot, concepts) for concepts in LESIONS.values())])


def _lesions(shot: Shot, concepts: Sequence[str]) -> Bools:
    """Where any finding of some concepts lies, by the rule that its own mask is made by."""
    seen = np.zeros(shot.size, np.bool_)
    for key, concept in shot.log.get("present", {}).items():
        if concept in concepts and key in shot.lesions:
            seen |= shot.lesions[key] > shot.least_mm[key]
    return seen


def toned(film: Floats, rng: np.random.Generator) -> Floats:
    """Return a film with a tone drawn at random, borders and a marker: `learn.segment`'s change for every step."""
    return burned(random_tone(film, rng), rng)
