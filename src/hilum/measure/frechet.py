"""Fréchet distance between sets of feature vectors, without the square root of a matrix ever turning complex."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import InputError
from hilum.core.seed import generator

Floats = NDArray[np.float64]
STORED = 2**21
"""Numbers of a matrix product held at a time, 16 MiB."""


@dataclass(frozen=True, eq=False)
class Gaussian:
    """Mean (D,) of a set, and a root (K, D) of its covariance: root.T @ root is the covariance (D, D)."""

    mean: Floats
    root: Floats

    @property
    def covariance(self) -> Floats:
        """Covariance (D, D)."""
        found: Floats = self.root.T @ self.root
        return found


def gaussian(features: Floats, weights: Floats | None = None) -> Gaussian:
    """Return the Gaussian of a set (N, D), covariance over N - 1.

    Args:
        features: one row for each film.
        weights: (N,) how often each row counts; once each where None.

    Raises:
        InputError: if there are fewer than two rows, or a value is not finite.
    """
    rows = np.asarray(features, dtype=np.float64)
    if rows.ndim != 2 or not np.isfinite(rows).all():
        raise InputError(f"features must be finite and of shape (N, D), got {rows.shape}")
    counts = np.ones(len(rows)) if weights is None else np.asarray(weights, dtype=np.float64)
    total = counts.sum()
    if total < 2:
        raise InputError(f"a set of {int(total)} has no covariance: it takes two films or more")
    mean = counts @ rows / total
    centred = (rows - mean) * np.sqrt(counts / (total - 1.0))[:, None]
    centred = centred[counts > 0]
    root: Floats = centred if len(centred) <= rows.shape[1] else np.asarray(np.linalg.qr(centred, mode="r"))
    return Gaussian(mean, root)


def from_moments(mean: Floats, covariance: Floats) -> Gaussian:
    """Return the Gaussian of known moments; the covariance (D, D) must be symmetric and positive semi-definite.

    Raises:
        InputError: if it is not.
    """
    moments = np.asarray(covariance, dtype=np.float64)
    if moments.ndim != 2 or moments.shape[0] != moments.shape[1] or not np.allclose(moments, moments.T, atol=1e-8):
        raise InputError(f"a covariance must be square and symmetric, got shape {moments.shape}")
    values, vectors = np.linalg.eigh(moments)
    if values.min() < -1e-6 * max(1.0, values.max()):
        raise InputError(f"a covariance has no eigenvalue below 0, got {values.min():.3g}")
    return Gaussian(np.asarray(mean, dtype=np.float64), np.sqrt(np.maximum(values, 0.0))[:, None] * vectors.T)


def frechet_distance(first: Gaussian, second: Gaussian) -> float:
    """Return |m1 - m2|^2 + Tr(S1 + S2 - 2 (S1 S2)^(1/2)), at least 0.

    With S = R'R, the trace of (S1 S2)^(1/2) is the sum of the singular values of R1 R2', which are real and not
    negative whatever the rank: nothing is rounded away, and no 1e-6 is added to a diagonal.

    Raises:
        InputError: if the two have other numbers of features.
    """
    if first.mean.shape != second.mean.shape:
        raise InputError(f"one set has {len(first.mean)} features, the other {len(second.mean)}: use one network")
    shared = float(np.linalg.svd(first.root @ second.root.T, compute_uv=False).sum())
    gap = float(np.sum((first.mean - second.mean) ** 2))
    return max(0.0, gap + float(np.sum(first.root**2) + np.sum(second.root**2)) - 2.0 * shared)


def fid(real: Floats, fake: Floats) -> float:
    """Return the Fréchet distance between two sets of features (N, D) and (M, D).

    It falls as N and M grow even when nothing else changes; compare only values of equal N, M and network.
    """
    return frechet_distance(gaussian(real), gaussian(fake))


def weighted_distances(real: Gaussian, fake: Floats, weights: Floats) -> Floats:
    """Return the Fréchet distances (R,) of a set to R weightings (R, M) of another (M, D), a matrix product for all.

    Made for a bootstrap: the square root is taken of eigenvalues, good to about 1e-6 of the distance where
    `frechet_distance` is exact. NaN where fewer than two films were drawn.
    """
    rows = np.asarray(fake, dtype=np.float64)
    centre = rows.mean(axis=0)
    moved, wide = rows - centre, rows.shape[1]
    upper = np.triu_indices(wide)
    step = max(1, STORED // len(upper[0]))
    found = np.full(len(weights), np.nan)
    for start in range(0, len(weights), step):
        drawn = np.asarray(weights[start : start + step], dtype=np.float64)
        products = np.zeros((len(drawn), len(upper[0])))
        for first in range(0, len(moved), step):
            part = moved[first : first + step]
            products += drawn[:, first : first + step] @ (part[:, upper[0]] * part[:, upper[1]])
        totals = drawn.sum(axis=1)
        enough = totals >= 2
        safe = np.where(enough, totals, 2.0)
        means = drawn @ moved / safe[:, None]
        scatter = np.zeros((len(drawn), wide, wide))
        scatter[:, upper[0], upper[1]] = scatter[:, upper[1], upper[0]] = products
        scatter -= safe[:, None, None] * means[:, :, None] * means[:, None, :]
        scatter /= (safe - 1.0)[:, None, None]
        shared = np.linalg.eigvalsh(real.root @ scatter @ real.root.T)
        gaps = np.sum((means + centre - real.mean) ** 2, axis=1)
        spread = np.trace(scatter, axis1=1, axis2=2) + np.sum(real.root**2)
        each = gaps + spread - 2.0 * np.sqrt(np.maximum(shared, 0.0)).sum(axis=1)
        found[start : start + step] = np.where(enough, np.maximum(each, 0.0), np.nan)
    return found


def excess(real: Gaussian, fake: Floats, *, draws: int = 10, seed: int = 0) -> float:
    """Return by how much the distance rises when the made films are halved: the first term of its bias, c / M.

    To first order a set of M films lies c / M too far; a half lies 2 c / M too far, and the gap between them is
    c / M. Estimated from `draws` random halves.
    """
    rng, count = generator(seed, "fid-excess"), len(fake)
    halves = np.zeros((draws, count))
    for row in halves:
        row[rng.choice(count, max(2, count // 2), replace=False)] = 1.0
    whole = frechet_distance(real, gaussian(fake))
    return float(np.mean(weighted_distances(real, fake, halves))) - whole
