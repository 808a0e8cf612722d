"""Fréchet distance between sets of feature vectors, without the square root of a matrix ever turning complex."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import InputError

Floats = NDArray[np.float64]


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
