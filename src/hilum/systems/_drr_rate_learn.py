"""Films of every arm, and the small network that learns from them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from hilum.systems._drr_rate_claims import DRAWN, LINEAR, THRESHOLD
from hilum.systems._drr_rate_film import Grey, Paths, coarsened, drawn_film, linear_film, threshold_film
from hilum.systems._drr_rate_real import RealFilms

VERSIONS = {THRESHOLD: 2, LINEAR: 2, DRAWN: 4}
"""How often each exposure is made into a training film; half of them are coarse, and drawn physics differs in each."""


@dataclass(frozen=True)
class Effort:
    """How much to train.

    Args:
        seed: the first.
        seeds: trainings of each arm.
        steps: optimiser steps of each.
        batch: films of a step.
        folds: of the arm that learns from real films.
    """

    seed: int
    seeds: int
    steps: int
    batch: int = 24
    folds: int = 2


def films(arm: str, paths: Sequence[Paths], seed: int, part: str, *, versions: int = 1) -> NDArray[np.uint8]:
    """Return the films (versions x N, S, S) of an arm; of more than one version every other one is coarse."""
    made: list[Grey] = []
    for version in range(versions):
        for number, each in enumerate(paths):
            film = (
                threshold_film(each) if arm == THRESHOLD
                else linear_film(each) if arm == LINEAR
                else drawn_film(each, seed, part, number, version)
            )  # fmt: skip
            made.append(coarsened(film) if version % 2 else film)
    return np.stack(made)


def trained(
    pixels: NDArray[np.uint8], target: NDArray[np.bool_], effort: Effort, *, seed: int
) -> Callable[[NDArray[np.uint8]], NDArray[np.float64]]:
    """Train the small network and return its reader: films (N, S, S) to probabilities (N, K)."""
    import torch

    from hilum.learn.weak import LOSSES, labelled, probabilities, train
    from hilum.nets.weak import WeakNet, small_trunk

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = WeakNet(small_trunk(), classes=target.shape[1], pooling="lse")
        train(
            net,
            labelled(pixels, target),
            LOSSES["cel"],
            steps=effort.steps,
            batch=effort.batch,
            rate=5e-3,
            seed=seed,
            move=3,
        )
    return partial(probabilities, net)


def cross_validated(real: RealFilms, effort: Effort, *, seed: int) -> NDArray[np.float64]:
    """Return probabilities (N, K) of real films, each by a network that saw no film of its patient."""
    score = np.empty(real.target.shape)
    fold = real.folds(effort.folds, seed=seed)
    for number in range(effort.folds):
        out = fold == number
        if out.any():
            score[out] = trained(real.pixels[~out], real.target[~out], effort, seed=seed)(real.pixels[out])
    return score
