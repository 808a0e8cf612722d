"""A linear softmax on features, fitted with a penalty: numpy to read, scipy to fit, the same result every time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import InputError
from hilum.learn.distance import Arrays, Floats, checked


@dataclass(frozen=True, eq=False)
class Softmax:
    """Log-probabilities of K classes from features.

    Args:
        weight: (K, F).
        bias: (K,).
    """

    weight: Floats
    bias: Floats

    def __call__(self, features: Floats) -> Floats:
        """Return log-probabilities, (N, F) -> (N, K)."""
        logits = features @ self.weight.T + self.bias
        top = logits.max(axis=1, keepdims=True)
        return np.asarray(logits - top - np.log(np.exp(logits - top).sum(axis=1, keepdims=True)))

    @classmethod
    def fit(cls, features: Floats, target: NDArray[np.intp], *, penalty: float, steps: int = 300) -> Softmax:
        """Fit on examples; every class counts alike, however many examples it has.

        Args:
            features: (N, F); scaled to mean 0 and deviation 1 for the fit.
            target: class of each row, 0 to K - 1, each at least once.
            penalty: of the squared weights on scaled features divided by sqrt(F).
            steps: of L-BFGS at most.

        Raises:
            InputError: if there is but one class, or one has no example.
        """
        from scipy.optimize import minimize

        rows = checked(features)
        counts = np.bincount(target)
        if len(counts) < 2 or not counts.all():
            raise InputError(f"each of at least two kinds needs examples, got {counts.tolist()} films of each")
        mean, scale = rows.mean(axis=0), (rows.std(axis=0) + 1e-3) * np.sqrt(rows.shape[1])
        scaled, classes = (rows - mean) / scale, len(counts)
        truth = np.eye(classes)[target]
        share = (1.0 / counts / classes)[target]

        def loss(flat: Floats) -> tuple[float, Floats]:
            weight, bias = flat[:-classes].reshape(classes, -1), flat[-classes:]
            told = cls(weight, bias)(scaled)
            value = -float((share * told[np.arange(len(told)), target]).sum()) + penalty * float((weight**2).sum())
            slope = (np.exp(told) - truth) * share[:, None]
            return value, np.concatenate(((slope.T @ scaled + 2 * penalty * weight).ravel(), slope.sum(axis=0)))

        start = np.zeros(classes * (rows.shape[1] + 1))
        found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": steps}).x
        weight, bias = found[:-classes].reshape(classes, -1) / scale, found[-classes:]
        return cls(weight, bias - weight @ mean)

    def arrays(self, prefix: str) -> dict[str, NDArray[np.float32]]:
        """Return what is to be kept, by name."""
        return {f"{prefix}.weight": self.weight.astype(np.float32), f"{prefix}.bias": self.bias.astype(np.float32)}

    @classmethod
    def of(cls, arrays: Arrays, prefix: str) -> Softmax:
        """Build from what `arrays` kept."""
        return cls(*(np.asarray(arrays[f"{prefix}.{name}"], np.float64) for name in ("weight", "bias")))
