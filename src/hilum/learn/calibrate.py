"""Platt scaling: a logit becomes a probability that validation films bear out."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Platt:
    """probability = sigmoid(slope * logit + offset), fitted on `fitted_on` (n films, n positive)."""

    slope: float
    offset: float
    fitted_on: str = ""
    films: int = 0
    positives: int = 0

    @property
    def id(self) -> str:
        """Name of this calibration: 'platt-' and a hash of its parameters and origin."""
        text = f"{self.slope:.6f} {self.offset:.6f} {self.fitted_on} {self.films} {self.positives}"
        return "platt-" + hashlib.sha256(text.encode()).hexdigest()[:8]

    def __call__(self, logit: NDArray[np.floating] | float) -> Floats:
        """Map logits to probabilities, any shape."""
        return 1.0 / (1.0 + np.exp(-np.clip(self.slope * np.asarray(logit, np.float64) + self.offset, -60, 60)))


def fit_platt(logit: Floats, target: NDArray[np.generic], *, fitted_on: str, steps: int = 100) -> Platt:
    """Fit slope and offset by Newton's method on the smoothed targets of Platt (1999).

    The slope is kept positive, so that calibration never changes the order of films.

    Args:
        logit: (N,).
        target: (N,) of 0 and 1.
        fitted_on: what the films were, for the record.
        steps: Newton steps at most.

    Raises:
        ValueError: if one class is absent.
    """
    truth, x = np.asarray(target).astype(bool), np.asarray(logit, dtype=np.float64)
    positives, negatives = int(truth.sum()), int((~truth).sum())
    if positives == 0 or negatives == 0:
        raise ValueError("a calibration needs films with and without the finding")
    goal = np.where(truth, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    design = np.stack((x, np.ones_like(x)), axis=1)
    weights = np.array([1.0, np.log((positives + 1) / (negatives + 1))])
    for _ in range(steps):
        probability = 1.0 / (1.0 + np.exp(-np.clip(design @ weights, -60, 60)))
        gradient = design.T @ (probability - goal) + 1e-3 * (weights - (1.0, 0.0))
        curve = (design * (probability * (1 - probability))[:, None]).T @ design + 1e-3 * np.eye(2)
        change = np.linalg.solve(curve, gradient)
        weights = weights - change * min(1.0, 2.0 / max(1e-9, float(np.abs(change).max())))
        if np.abs(change).max() < 1e-9:
            break
    return Platt(float(max(weights[0], 1e-3)), float(weights[1]), fitted_on, len(x), positives)
