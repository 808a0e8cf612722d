"""The models of the multi-model report: which slices of a film each one sees, and how it is trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hilum.systems._chestx_ray8_films import Films

if TYPE_CHECKING:
    from torch import nn

OURS, ONE, WHOLE = "binary models", "one model", "no slices"


def slices(size: int, *, overlap: int = 0) -> tuple[tuple[int, int], ...]:
    """Return the rows of the upper, middle and lower slice, half-open: 0-43, 43-86, 86-128 of 128.

    Args:
        size: rows of the film.
        overlap: rows that a slice reaches into its neighbours.
    """
    edges = [0, -(-size // 3), -(-2 * size // 3), size]
    return tuple((max(a - overlap, 0), min(b + overlap, size)) for a, b in pairwise(edges))


def arms(size: int, overlap: int) -> Mapping[str, Sequence[tuple[Sequence[int], Sequence[tuple[int, int]], float]]]:
    """Return the models of each arm: labels (columns) it answers, slices it sees, and its width beside the first's."""
    upper, middle, lower = slices(size, overlap=overlap)
    seen = ((middle, lower), (lower,), (upper, middle, lower))  # heart, effusion, consolidation
    whole = ((0, size),)
    return {
        OURS: [((k,), seen[k], 1.0) for k in range(3)],
        ONE: [((0, 1, 2), (upper, middle, lower), 3**0.5)],
        WHOLE: [((k,), whole, 1.0) for k in range(3)],
    }


def fitted(
    known: Films, columns: Sequence[int], spans: Sequence[tuple[int, int]], wide: float, steps: int, seed: int
) -> nn.Module:
    """Train one model of an arm on its columns of the labels, with class weights n / (2 n_c)."""
    import torch

    from hilum.learn.weak import class_balanced, labelled, train
    from hilum.nets.weak import SliceNet

    target = known.target[:, list(columns)]
    with torch.random.fork_rng():
        torch.manual_seed(seed * 97 + columns[0])
        net = SliceNet(spans, classes=len(columns), widths=[round(wide * each) for each in (16, 32, 64, 128)])
        return train(net, labelled(known.pixels, target), class_balanced(target), steps=steps, batch=16, seed=seed)


def read(nets: Sequence[nn.Module], films: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return the probabilities of an arm's models side by side, (N, K)."""
    from hilum.learn.weak import probabilities

    return np.concatenate([probabilities(net, films) for net in nets], axis=1)


def weights(nets: Sequence[nn.Module]) -> float:
    """Return how many numbers an arm learns."""
    from hilum.learn.weak import weights_count

    return float(sum(map(weights_count, nets)))
