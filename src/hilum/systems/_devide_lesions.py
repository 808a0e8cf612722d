"""Lesions with the look of a disease, drawn into the lungs of made films."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import InputError
from hilum.core.seed import generator
from hilum.systems._devide_diseases import WORDS, Diseases, Look
from hilum.systems._devide_trunk import PATCH, patches_of

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]
RADIUS = {"small": 0.034, "large": 0.075}
"""Share of the film's side."""
AMOUNT = {"faint": 0.16, "dense": 0.42}
FEWEST = 60
"""Pixels of a lung field, below which nothing is drawn."""


def draw_lesion(film: Floats, lung: Bools, look: Look, rng: np.random.Generator, taken: list[tuple[int, int]]) -> Bools:
    """Draw a lesion into a film (S, S) in place, away from those before it where there is room; return its mask.

    Args:
        film: float32 in [0, 1].
        lung: bool, the lung fields.
        look: of the disease.
        rng: of place, side and angle.
        taken: centres so far; this one is added.
    """
    size = film.shape[0]
    rows, columns = np.nonzero(_zone(lung, look.zone))
    if not len(rows):
        return np.zeros_like(lung)
    picks = rng.integers(len(rows), size=8)
    room = [min((np.hypot(rows[p] - r, columns[p] - c) for r, c in taken), default=np.inf) for p in picks]
    best = picks[int(np.argmax(np.minimum(room, 0.22 * size)))]
    row, column = int(rows[best]), int(columns[best])
    taken.append((row, column))
    radius, turn = RADIUS[look.size] * size, np.deg2rad(rng.uniform(-25, 25))
    down, across = np.mgrid[:size, :size].astype(np.float32) - np.array([row, column], np.float32)[:, None, None]
    along = across * np.cos(turn) + down * np.sin(turn)
    aside = down * np.cos(turn) - across * np.sin(turn)
    long, thick = (2.0, 0.5) if look.shape == "band" else (1.0, 1.0)
    far = np.hypot(along / long, aside / thick) / radius
    step = np.maximum(far - 1.0, -30.0) * radius * thick
    weight = 1.0 / (1.0 + np.exp(np.minimum(step / 0.35, 30.0))) if look.margin == "sharp" else np.exp(-1.2 * far**2)
    weight = (weight * np.where(lung, 1.0, 0.25)).astype(np.float32)
    film += (AMOUNT[look.density] if look.density in AMOUNT else -0.65 * film) * weight
    np.clip(film, 0.0, 1.0, out=film)
    mask: Bools = weight > 0.25
    return mask


def _zone(lung: Bools, zone: str) -> Bools:
    """The third of the lung fields that is called so, less a rim."""
    inner = lung.copy()
    for axis in (0, 1):
        for step in (-2, 2):
            inner &= np.roll(lung, step, axis=axis)
    rows = np.flatnonzero(lung.any(axis=1))
    if len(rows) < 6:
        return np.zeros_like(lung)
    edges = np.linspace(rows[0], rows[-1] + 1, 4).round().astype(int)
    at = list(WORDS["zone"]).index(zone)
    third = np.zeros_like(lung)
    third[edges[at] : edges[at + 1]] = inner[edges[at] : edges[at + 1]]
    return third


@dataclass(frozen=True, eq=False)
class Drawn:
    """Films with lesions.

    Args:
        films: uint8 (N, S, S).
        target: bool (N, C) of all diseases, taught and not.
        places: bool (N, C, S / 8, S / 8), patches of which a lesion covers a tenth or more.
        patients: of the films beneath (N,).
    """

    films: NDArray[np.uint8]
    target: Bools
    places: Bools
    patients: NDArray[np.str_]


def draw_films(
    films: NDArray[np.uint8], lungs: Bools, patients: NDArray[np.str_], diseases: Diseases, count: int, *, seed: int,
    untaught: bool = False, most: int = 5,
) -> Drawn:  # fmt: skip
    """Draw one to `most` lesions of different diseases into made films, which take turns and are mirrored at random.

    Args:
        films, lungs, patients: beneath, (M, S, S) and (M,).
        diseases: to draw from.
        count: films to make.
        seed: of all draws.
        untaught: every film shows exactly one disease that is never taught, so that neither the number of lesions nor
            the sight of something new tells which.
        most: lesions of a film.

    Raises:
        InputError: if no film has a lung field.
    """
    usable = np.flatnonzero(lungs.reshape(len(lungs), -1).sum(axis=1) >= FEWEST)
    if not len(usable):
        raise InputError("no film has lungs to draw into: expected lung fields of some size")
    kinds, size = len(diseases.looks), films.shape[1]
    side = size // PATCH
    made, target = [], np.zeros((count, kinds), np.bool_)
    places = np.zeros((count, kinds, side, side), np.bool_)
    for number in range(count):
        rng = generator(seed, "lesions", number)
        at = usable[number % len(usable)]
        way = slice(None, None, -1 if rng.random() < 0.5 else 1)
        film, lung, taken = films[at][:, way].astype(np.float32) / 255.0, lungs[at][:, way], list[tuple[int, int]]()
        masks = np.zeros((kinds, size, size), np.bool_)
        for disease in _which(diseases, int(rng.integers(1, most + 1)), untaught, rng):
            masks[disease] |= draw_lesion(film, lung, diseases.looks[disease], rng, taken)
        made.append(np.rint(film * 255).astype(np.uint8))
        target[number] = masks.any(axis=(1, 2))
        places[number] = patches_of(masks)
    return Drawn(np.stack(made), target, places, patients[usable[np.arange(count) % len(usable)]])


def _which(diseases: Diseases, count: int, untaught: bool, rng: np.random.Generator) -> Sequence[int]:
    """Diseases of a film: all of those that are taught, or one of the others and the rest of those."""
    kept = [int(rng.integers(diseases.seen, len(diseases.looks)))] if untaught else []
    return [*kept, *rng.choice(diseases.seen, size=min(count - len(kept), diseases.seen), replace=False).tolist()]
