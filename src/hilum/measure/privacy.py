"""Did a generator copy its training films: by pixels, by features, and judged against real neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import InputError
from hilum.measure.neighbours import nearest
from hilum.measure.pictures import Floats, shrunk, unit

Ints = NDArray[np.intp]
SMALL, SHIFT = 32, 1
"""Side that films are brought to for the search of copies, and pixels of it that they may be shifted by."""
QUANTILE = 0.02
"""Share of held-out films, which cannot be copies, that the threshold lets through."""
SURE = 0.01
"""Chance of calling a generator a copier that is none, by Fisher's exact test."""


@dataclass(frozen=True, eq=False)
class Nearest:
    """For each film the distance to (M,), and number of (M,), the nearest training film."""

    distance: Floats
    which: Ints


@dataclass(frozen=True)
class CopyVerdict:
    """Whether more made films lie as near to a training film than real films of other patients do.

    Args:
        outcome: 'copies' or 'no sign of copies'.
        threshold: a film nearer than this to a training film counts.
        made: how many made films count, of `of_made`.
        held_out: how many held-out real films count, of `of_held_out`; near `QUANTILE` by construction.
        p: one-sided, by Fisher's exact test.
    """

    outcome: Literal["copies", "no sign of copies"]
    threshold: float
    made: int
    of_made: int
    held_out: int
    of_held_out: int
    p: float

    def __str__(self) -> str:
        """One line with the threshold and both counts."""
        return (
            f"{self.outcome}: {self.made} of {self.of_made} made films lie within {self.threshold:.4g} of a training "
            f"film, {self.held_out} of {self.of_held_out} held-out films do (p = {self.p:.2g})"
        )


def threshold(held_out: Floats, quantile: float = QUANTILE) -> float:
    """Return the distance under which a `quantile` of held-out films find their nearest training film.

    Raises:
        InputError: if there are too few held-out films to tell.
    """
    if len(held_out) * quantile < 1:
        raise InputError(
            f"a threshold that lets {quantile:.0%} of held-out films through takes {int(np.ceil(1 / quantile))} of "
            f"them or more, got {len(held_out)}"
        )
    return float(np.quantile(held_out, quantile, method="lower"))


def verdict(made: Floats, held_out: Floats, *, quantile: float = QUANTILE) -> CopyVerdict:
    """Judge distances of made films to their nearest training film by those of held-out real films.

    Args:
        made: (M,) distances of made films.
        held_out: (N,) distances of real films whose patients are not in training.
        quantile: see `threshold`.

    Raises:
        InputError: if there are too few held-out films.
    """
    from scipy.stats import fisher_exact

    limit = threshold(held_out, quantile)
    near, real = int((made < limit).sum()), int((held_out < limit).sum())
    p = float(fisher_exact([[near, len(made) - near], [real, len(held_out) - real]], alternative="greater")[1])
    return CopyVerdict(
        "copies" if p < SURE else "no sign of copies", limit, near, len(made), real, len(held_out), p,
    )  # fmt: skip


def nearest_pixels(
    films: Sequence[Any], train: Sequence[Any], *, data_range: float | None = None, mirrored: bool = True
) -> Nearest:
    """Return the smallest RMS pixel difference to a training film, in parts of the data range, and whose it is.

    Films are brought to 32 x 32 first, and tried shifted by up to one pixel of that (3 % of the film) either way and,
    unless `mirrored` is False, flipped left to right: a copy that was nudged or flipped is found all the same.

    Raises:
        InputError: if there are no films, or one cannot be used.
    """
    if not len(films) or not len(train):
        raise InputError("copies are looked for among films: give made and training films")
    made, known = (np.stack([shrunk(unit(i, data_range), SMALL, SMALL) for i in s]) for s in (films, train))
    inner = known[:, SHIFT : SMALL - SHIFT, SHIFT : SMALL - SHIFT].reshape(len(known), -1).astype(np.float64)
    best, which = np.full(len(made), np.inf), np.zeros(len(made), dtype=np.intp)
    side = SMALL - 2 * SHIFT
    for shown in (made, made[:, :, ::-1])[: 1 + mirrored]:
        for top in range(2 * SHIFT + 1):
            for left in range(2 * SHIFT + 1):
                cut = shown[:, top : top + side, left : left + side].reshape(len(made), -1).astype(np.float64)
                distance, found = nearest(cut, inner)
                closer = distance < best
                best[closer], which[closer] = distance[closer], found[closer]
    return Nearest(best / side, which)


def latent_distance(first: Floats, second: Floats) -> Floats:
    """Return |a - b| / sqrt(D) of feature vectors (N, D), row by row: (N,)."""
    found: Floats = np.linalg.norm(first - second, axis=1) / np.sqrt(first.shape[1])
    return found


def nearest_latent(fake: Floats, train: Floats, *, same: bool = False) -> Nearest:
    """Return the smallest latent distance to a training film (T, D) for each of (M, D), and whose it is."""
    distance, which = nearest(fake, train, same=same)
    return Nearest(distance / np.sqrt(fake.shape[1]), which)


def likeness(first: Floats, second: Floats) -> Floats:
    """Return a re-identification score (N,) in [0, 1] of identity vectors (N, D), row by row: (1 + cosine) / 2.

    It stands in for a network trained to tell whether two films are of one patient (Packhäuser et al. 2022); any
    network whose cosine grows with that may be given.
    """
    lengths = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    cosine = np.einsum("ij,ij->i", first, second) / np.maximum(lengths, 1e-12)
    found: Floats = 0.5 + 0.5 * np.clip(cosine, -1.0, 1.0)
    return found


def nearest_likeness(films: Floats, train: Floats) -> Nearest:
    """Return the highest likeness (as `distance`) of each identity vector to a training film's, and whose it is."""
    one, other = (rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12) for rows in (films, train))
    cosine = one @ other.T
    which = cosine.argmax(axis=1)
    return Nearest(0.5 + 0.5 * np.clip(cosine[np.arange(len(films)), which], -1.0, 1.0), which)


def authentic(fake: Floats, train: Floats) -> Floats:
    """Return 1 (M,) where a made film is farther from its nearest training film than that is from its own nearest.

    Alaa et al. 2022 (authenticity): a copy lies nearer to its source than any other real film does.
    """
    own, _ = nearest(train, train, same=True)
    distance, which = nearest(fake, train)
    return (distance > own[which]).astype(np.float64)


def closer_to_train(fake: Floats, train: Floats, held_out: Floats, *, seed: int = 0) -> tuple[Floats, Floats]:
    """Return for each made film whether training films are nearer than as many held-out ones, and by what ratio.

    Returns:
        (M,) 1 where the nearest film is a training film, 0.5 at a tie: 0.5 on average where nothing was memorised.
        (M,) distance to the nearest training film over that to the nearest held-out one.
    """
    from hilum.core.seed import generator

    count, rng = min(len(train), len(held_out)), generator(seed, "closer-to-train")
    chosen = [rows[rng.choice(len(rows), count, replace=False)] for rows in (train, held_out)]
    (to_train, _), (to_held_out, _) = (nearest(fake, rows) for rows in chosen)
    ratio = to_train / np.maximum(to_held_out, 1e-12)
    return np.where(to_train == to_held_out, 0.5, (to_train < to_held_out).astype(np.float64)), ratio


def worst(values: Floats, prompts: Sequence[str], *, worst_is: Literal["lowest", "highest"]) -> Floats:
    """Return the worst value of each prompt over its seeds (P,), prompts in order of first appearance.

    Raises:
        InputError: if there is not one prompt for each value.
    """
    if len(values) != len(prompts):
        raise InputError(f"{len(values)} values but {len(prompts)} prompts: give one for each")
    rows: dict[str, list[float]] = {prompt: [] for prompt in dict.fromkeys(prompts)}
    for value, prompt in zip(values, prompts, strict=True):
        rows[prompt].append(float(value))
    pick = min if worst_is == "lowest" else max
    return np.array([pick(each) for each in rows.values()])
