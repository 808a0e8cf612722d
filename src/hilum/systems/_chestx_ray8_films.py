"""Films for the image half of ChestX-ray8: made ones, as common and as rare as in the published set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import InputError
from hilum.core.region import Mask
from hilum.phantom.shadows import draw_film

PREVALENCE: Mapping[str, float] = {
    "atelectasis": 0.10, "cardiomegaly": 0.03, "pleural effusion": 0.12, "infiltration": 0.16, "lung mass": 0.05,
    "lung nodule": 0.06, "pneumothorax": 0.05,
}  # fmt: skip
"""Near the shares of ChestX-ray14; pneumonia has no look of its own here and is left out."""
RARE = 0.10
"""A finding of at most this prevalence is rare (the claim: 1 to 10 %)."""
_TEST = 500_000  # seeds apart from those of training films, so that no patient is in both


@dataclass(frozen=True, eq=False)
class Films:
    """Films in memory.

    Args:
        pixels: uint8 (N, S, S).
        target: bool (N, K), columns as `names`.
        boxes: for each film, finding -> x0, y0, x1, y1 in pixels, tight about its mask.
        patients: of each film.
        names: of the columns.
    """

    pixels: NDArray[np.uint8]
    target: NDArray[np.bool_]
    boxes: tuple[Mapping[str, tuple[float, float, float, float]], ...]
    patients: tuple[str, ...]
    names: tuple[str, ...]

    @property
    def size(self) -> int:
        """Rows of a film."""
        return int(self.pixels.shape[1])


def made_films(
    count: int, *, size: int, seed: int, prevalence: Mapping[str, float] = PREVALENCE, shift: float = 0.0
) -> Films:
    """Draw films with labels and boxes.

    Args:
        count: films.
        size: rows and columns.
        seed: of all draws.
        prevalence: chance of each finding; its keys are the columns.
        shift: of the chest downwards, share of the film.
    """
    pixels, target, boxes, patients = [], [], [], []
    for number in range(count):
        patient, film = draw_film(number, prevalence, size=size, seed=seed, shift=shift)
        found = {name: box.corners for name, mask in film.masks.items() if (box := Mask(mask).box())}
        pixels.append(np.rint(film.pixels * 255).astype(np.uint8))
        target.append([name in film.masks for name in prevalence])
        boxes.append(found)
        patients.append(patient)
    return Films(np.stack(pixels), np.array(target), tuple(boxes), tuple(patients), tuple(prevalence))


def train_and_test(count: int, tests: int, *, size: int, seed: int) -> tuple[Films, Films]:
    """Return training and test films of different patients."""
    return made_films(count, size=size, seed=seed), made_films(tests, size=size, seed=seed + _TEST)


def whole(**given: int | str) -> tuple[int, ...]:
    """Return choices as whole numbers of 1 or more, in order.

    Raises:
        InputError: if one is not.
    """
    for name, value in given.items():
        if not str(value).isdigit() or int(value) < 1:
            raise InputError(f"{name} must be a whole number of 1 or more, got '{value}'")
    return tuple(int(value) for value in given.values())
