"""Made thoraces that many tests look at: made once on a coarse grid, as each costs tenths of a second."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from hilum.phantom.patient import Anatomy, Person
from hilum.phantom.person import draw_person
from hilum.phantom.thorax import draw_thorax

SEED = 3
NAMES = ("one", "two")
MAN, WOMAN = Person("male", 45.0, 176.0, 24.0), Person("female", 45.0, 163.0, 24.0)


@lru_cache(maxsize=32)
def thorax(
    name: str, *, spacing_mm: float = 3.0, inspiration: float = 1.0, supine: bool = False, ctr: float | None = None
) -> Anatomy:
    """Return the thorax of a drawn person; 'man' and 'woman' are average ones of 45 years."""
    person = {"man": MAN, "woman": WOMAN}.get(name) or draw_person(SEED, name)
    return draw_thorax(
        person, spacing_mm=spacing_mm, seed=SEED, patient=name, inspiration=inspiration, supine=supine, ctr=ctr
    )


def places(anatomy: Anatomy, *names: str) -> np.ndarray:
    """Return the places (N, 3) in patient mm of all voxels of these structures."""
    index = np.argwhere(anatomy.body.mask(*names))
    affine = anatomy.body.volume.affine
    return index @ affine[:3, :3].T + affine[:3, 3]


def hu(anatomy: Anatomy, *names: str) -> np.ndarray:
    """Return the HU of all voxels of these structures."""
    return anatomy.body.volume.voxels[anatomy.body.mask(*names)]
