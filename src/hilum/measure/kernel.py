"""Kernel distance (KID): the unbiased squared maximum mean discrepancy under a cubic polynomial kernel."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import InputError
from hilum.core.seed import generator

Floats = NDArray[np.float64]
BLOCK = 1024
"""Rows of a kernel matrix held at a time."""


@dataclass(frozen=True)
class Kid:
    """KID over subsets.

    Args:
        value: mean over the subsets; expected 0 for two sets of one distribution, and may be below 0.
        spread: SD of one subset's value about it. It tells how sure a study of `size` films would be, not how sure
            the mean is: subsets overlap.
        size: films of either kind in a subset.
        subsets: how many.
    """

    value: float
    spread: float
    size: int
    subsets: int


def polynomial(first: Floats, second: Floats) -> Floats:
    """Return the kernel (x'y / D + 1)^3 of rows (N, D) and (M, D): (N, M)."""
    found: Floats = (first @ second.T / first.shape[1] + 1.0) ** 3
    return found


def _blocks(count: int) -> Iterator[slice]:
    return (slice(start, min(start + BLOCK, count)) for start in range(0, count, BLOCK))


def mmd(real: Floats, fake: Floats, weights: Floats | None = None) -> Floats:
    """Return the unbiased squared discrepancy (R,) of two sets, for R weightings of the fakes.

    Args:
        real: (N, D), N > 1.
        fake: (M, D), M > 1.
        weights: (R, M) how often each fake counts; once each where None. A fake is never compared with itself,
            so that drawing one twice does not look like a collapse.

    Raises:
        InputError: if a set has fewer than two films.
    """
    if min(len(real), len(fake)) < 2:
        raise InputError(f"KID takes two films or more on either side, got {len(real)} real and {len(fake)} made")
    drawn = np.ones((1, len(fake))) if weights is None else np.asarray(weights, dtype=np.float64)
    count, totals = len(real), drawn.sum(axis=1)
    among_real = sum(float(polynomial(real[b], real).sum()) for b in _blocks(count))
    among_real -= float(np.sum((np.sum(real**2, axis=1) / real.shape[1] + 1.0) ** 3))
    own = (np.sum(fake**2, axis=1) / fake.shape[1] + 1.0) ** 3
    across, among = np.zeros(len(drawn)), np.zeros(len(drawn))
    for block in _blocks(len(fake)):
        across += drawn[:, block] @ polynomial(fake[block], real).sum(axis=1)
        among += np.sum(drawn[:, block] * (drawn @ polynomial(fake, fake[block])), axis=1)
    pairs = totals**2 - np.sum(drawn**2, axis=1)
    usable = pairs > 0
    inside = (among - drawn**2 @ own) / np.where(usable, pairs, 1.0)
    found = among_real / (count * (count - 1)) + inside - 2 * across / (count * np.maximum(totals, 1.0))
    return np.where(usable, found, np.nan)


def kid(real: Floats, fake: Floats, *, size: int | None = None, subsets: int = 100, seed: int = 0) -> Kid:
    """Return KID as mean and spread over subsets drawn without replacement.

    Args:
        real, fake: (N, D) and (M, D).
        size: of a subset; half of the smaller set, at most 1000, where None.
        subsets: how many to draw.
        seed: of the draws.

    Raises:
        InputError: if a subset would be the whole of a set: every subset would then be the same, and the spread 0.
    """
    smaller = min(len(real), len(fake))
    chosen = min(1000, smaller // 2) if size is None else size
    if not 2 <= chosen < smaller:
        raise InputError(
            f"a KID subset must be smaller than both sets ({len(real)} and {len(fake)}) and hold 2 or more, "
            f"got {chosen}: subsets as large as the set have no spread"
        )
    rng = generator(seed, "kid")
    values = [
        float(mmd(real[rng.choice(len(real), chosen, False)], fake[rng.choice(len(fake), chosen, False)])[0])
        for _ in range(subsets)
    ]
    return Kid(float(np.mean(values)), float(np.std(values, ddof=1)) if subsets > 1 else float("nan"), chosen, subsets)
