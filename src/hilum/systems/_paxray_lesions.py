"""Films with one lesion in a lobe and the sentence that reports it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hilum.core.seed import generator
from hilum.drr.field import Field
from hilum.drr.render import line_integrals
from hilum.phantom.lesions import blob
from hilum.phantom.warp import Body
from hilum.systems._paxray_films import CLASSES, LOBES, MIN_PATH_MM, bodies, exposure, paxray_film

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Grounded:
    """Films with one lesion and the sentence that reports it.

    Args:
        films: float32 (N, S, S).
        boxes: (N, 4) x0, y0, x1, y1 of the lesion in pixels.
        sentences: what the report says.
        lobes: where the lesion truly lies.
        patients: of each film.
    """

    films: Floats
    boxes: NDArray[np.float64]
    sentences: tuple[str, ...]
    lobes: tuple[str, ...]
    patients: tuple[str, ...]


def lesion_films(base: Body, count: int, *, size: int, family: str, seed: int) -> Grounded:
    """Return films of bodies with one consolidation or mass in a lobe, its true box and a sentence that reports it."""
    films, boxes, said, lobes, patients = [], [], [], [], []
    for number, (patient, body) in enumerate(bodies(base, count, family=family, seed=seed)):
        rng = generator(seed, "lesion", patient)
        lobe = LOBES[number % len(LOBES)]
        within = body.mask(*CLASSES[lobe])
        index = np.argwhere(within)
        x, y, z = (int(v) for v in index[int(rng.integers(len(index)))])
        kind, hu = (("consolidation", 30.0), ("mass", 45.0), ("ground glass opacity", -450.0))[int(rng.integers(3))]
        lesion = blob(body, (x, y, z), diameter_mm=float(rng.uniform(24, 55)), hu=hu, within=within, seed=number,
                      ripple=0.15, veil=True)  # fmt: skip
        geometry = exposure(body, size, generator(seed, "exposure", patient))
        shadow = line_integrals(Field(lesion.mask.astype(np.float32), body.volume.affine), geometry) > MIN_PATH_MM
        if not shadow.any():
            continue
        rows, columns = np.flatnonzero(shadow.any(axis=1)), np.flatnonzero(shadow.any(axis=0))
        films.append(paxray_film(lesion.body, geometry))
        boxes.append((columns[0], rows[0], columns[-1] + 1, rows[-1] + 1))
        form = ("There is {} in the {}.", "New {} in the {}.", "{} in the {}, no effusion.")[int(rng.integers(3))]
        sentence = form.format(f"a {kind}" if form.startswith("There") and kind == "mass" else kind, lobe)
        said.append(sentence[0].upper() + sentence[1:])
        lobes.append(lobe)
        patients.append(patient)
    return Grounded(np.stack(films), np.array(boxes, np.float64), tuple(said), tuple(lobes), tuple(patients))
