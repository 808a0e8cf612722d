"""How far features lie from those of training films: Mahalanobis, relative Mahalanobis, neighbours, energy; numpy only.

Sources: Lee et al. (NeurIPS 2018) for class-conditional Mahalanobis distance, Ren et al. (2021) for the relative one,
Sun et al. (ICML 2022) for neighbours, Liu et al. (NeurIPS 2020) for energy, Ledoit and Wolf (2004) for the shrinkage.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import InputError

Floats = NDArray[np.float64]
Arrays = Mapping[str, NDArray[np.float32]]


def checked(features: NDArray[np.generic], width: int = 0) -> Floats:
    """Return features as float64 (N, F); one film's (F,) becomes (1, F).

    Raises:
        InputError: if there are no columns, not `width` of them where that is given, or a value is not finite.
    """
    rows = np.asarray(features, np.float64)
    rows = rows[None] if rows.ndim == 1 else rows
    if rows.ndim != 2 or rows.shape[1] == 0 or (width and rows.shape[1] != width):
        wanted = f"(N, {width or 'F'})"
        raise InputError(f"features must be {wanted}, one row a film, got shape {np.shape(features)}: "
                         "give the encoder's pooled features")  # fmt: skip
    wrong = np.flatnonzero(~np.isfinite(rows).all(axis=1))
    if wrong.size:
        raise InputError(f"{wrong.size} of {len(rows)} films have features that are not finite, the first is number "
                         f"{wrong[0]}: the encoder's output is broken for them")  # fmt: skip
    return rows


def ledoit_wolf(centred: Floats) -> float:
    """Return how far to shrink a covariance towards a sphere, [0, 1], by Ledoit and Wolf's formula.

    Args:
        centred: (N, F), each class's mean taken off.
    """
    count, width = centred.shape
    gram = centred @ centred.T if count < width else centred.T @ centred
    size, total = float((gram**2).sum()) / count**2, float((centred**2).sum()) / count
    apart = (size - total**2 / width) / width
    if apart <= 0:
        return 1.0
    noise = (float(((centred**2).sum(axis=1) ** 2).sum()) / count - size) / (width * count)
    return float(np.clip(noise / apart, 0.0, 1.0))


@dataclass(frozen=True, eq=False)
class Gaussians:
    """Classes that share one covariance: their centres, its main directions, and one variance for all others.

    Args:
        centers: (C, F).
        axes: (D, F) orthonormal.
        variances: (D,) along them, shrunk.
        rest: variance of every direction that is left; unused where D = F.
    """

    centers: Floats
    axes: Floats
    variances: Floats
    rest: float

    @classmethod
    def fit(
        cls, features: Floats, classes: NDArray[np.str_] | None = None, *, directions: int = 128,
        shrinkage: float | None = None,
    ) -> Gaussians:  # fmt: skip
        """Fit on films.

        Args:
            features: (N, F).
            classes: (N,) each film's class, such as its view; None for one class.
            directions: kept; the others share their mean variance.
            shrinkage: of the covariance towards a sphere, [0, 1]; None for Ledoit and Wolf's.

        Raises:
            InputError: if there are too few films to tell a spread, or they are all alike.
        """
        rows = checked(features)
        names, which = np.unique(np.zeros(len(rows)) if classes is None else classes, return_inverse=True)
        if len(rows) < len(names) + 2:
            raise InputError(f"a distance needs at least {len(names) + 2} films for {len(names)} classes, "
                             f"got {len(rows)}")  # fmt: skip
        centers = np.stack([rows[which == index].mean(axis=0) for index in range(len(names))])
        centred = rows - centers[which]
        share = ledoit_wolf(centred) if shrinkage is None else shrinkage
        _, scale, axes = np.linalg.svd(centred, full_matrices=False)
        width = rows.shape[1]
        raw = np.zeros(width)
        raw[: len(scale)] = scale**2 / len(rows)
        if raw.sum() <= 0:
            raise InputError(f"all {len(rows)} films have the same features: a distance from them means nothing")
        shrunk = (1 - share) * raw + share * raw.mean()
        keep = min(directions, int((shrunk[: len(scale)] > 1e-12 * raw[0]).sum()))
        rest = float(shrunk[keep:].mean()) if keep < width else 1.0
        return cls(centers, axes[:keep], shrunk[:keep], max(rest, 1e-12 * float(raw[0])))

    def scores(self, features: Floats) -> Floats:
        """Return the squared distance from the nearest class: (N, F) -> (N,)."""
        nearest = np.full(len(features), np.inf)
        for center in self.centers:
            apart = features - center
            along = apart @ self.axes.T
            left = np.maximum((apart**2).sum(axis=1) - (along**2).sum(axis=1), 0.0)
            here = (along**2 / self.variances).sum(axis=1)
            full = len(self.axes) == self.axes.shape[1]
            nearest = np.minimum(nearest, here if full else here + left / self.rest)
        return nearest

    def arrays(self, prefix: str) -> dict[str, NDArray[np.float32]]:
        """Return what is to be kept, by name."""
        kept = {"centers": self.centers, "axes": self.axes, "variances": self.variances, "rest": np.array([self.rest])}
        return {f"{prefix}.{name}": value.astype(np.float32) for name, value in kept.items()}

    @classmethod
    def of(cls, arrays: Arrays, prefix: str) -> Gaussians:
        """Build from what `arrays` kept."""
        centers, axes, variances, rest = (
            np.asarray(arrays[f"{prefix}.{name}"], np.float64) for name in ("centers", "axes", "variances", "rest")
        )
        return cls(centers, axes, variances, float(rest[0]))


@dataclass(frozen=True, eq=False)
class Relative:
    """Relative Mahalanobis distance: from the nearest class, less that from all films taken as one Gaussian."""

    classes: Gaussians
    all: Gaussians

    @classmethod
    def fit(cls, features: Floats, classes: NDArray[np.str_] | None = None) -> Relative:
        """Fit both on films (N, F) of classes (N,)."""
        return cls(Gaussians.fit(features, classes), Gaussians.fit(features))

    def scores(self, features: Floats) -> Floats:
        """Return the difference of the two squared distances, (N, F) -> (N,); may be negative."""
        return self.classes.scores(features) - self.all.scores(features)

    def arrays(self, prefix: str) -> dict[str, NDArray[np.float32]]:
        """Return what is to be kept, by name."""
        return self.classes.arrays(f"{prefix}.classes") | self.all.arrays(f"{prefix}.all")

    @classmethod
    def of(cls, arrays: Arrays, prefix: str) -> Relative:
        """Build from what `arrays` kept."""
        return cls(Gaussians.of(arrays, f"{prefix}.classes"), Gaussians.of(arrays, f"{prefix}.all"))


@dataclass(frozen=True, eq=False)
class Neighbours:
    """Squared distance from the k-th nearest training film, features brought to length 1.

    Args:
        bank: (M, F) unit rows.
        nearest: k.
    """

    bank: Floats
    nearest: int = 10

    @classmethod
    def fit(
        cls, features: Floats, classes: NDArray[np.str_] | None = None, *, bank: int = 1000, nearest: int = 10
    ) -> Neighbours:
        """Keep at most `bank` films, evenly drawn from those given; classes do not matter to neighbours."""
        rows = checked(features)
        chosen = np.unique(np.linspace(0, len(rows) - 1, min(bank, len(rows))).astype(int))
        return cls(_unit(rows[chosen]), min(nearest, len(chosen)))

    def scores(self, features: Floats) -> Floats:
        """Return the squared distance, (N, F) -> (N,), in [0, 4]."""
        apart = 2.0 - 2.0 * _unit(features) @ self.bank.T
        return np.asarray(np.maximum(np.partition(apart, self.nearest - 1, axis=1)[:, self.nearest - 1], 0.0))

    def arrays(self, prefix: str) -> dict[str, NDArray[np.float32]]:
        """Return what is to be kept, by name."""
        return {f"{prefix}.bank": self.bank.astype(np.float32), f"{prefix}.nearest": np.array([self.nearest], "f4")}

    @classmethod
    def of(cls, arrays: Arrays, prefix: str) -> Neighbours:
        """Build from what `arrays` kept."""
        return cls(np.asarray(arrays[f"{prefix}.bank"], np.float64), int(arrays[f"{prefix}.nearest"][0]))


@dataclass(frozen=True)
class Energy:
    """The energy of logits, in place of a distance: what it is given are logits, not features."""

    @classmethod
    def fit(cls, features: Floats, classes: NDArray[np.str_] | None = None) -> Energy:
        """Need no films: the model's own logits tell."""
        return cls()

    def scores(self, features: Floats) -> Floats:
        """Return the energy of logits, (N, K) -> (N,)."""
        return energy(features)

    def arrays(self, prefix: str) -> dict[str, NDArray[np.float32]]:
        """Return nothing: there is nothing to keep."""
        return {}

    @classmethod
    def of(cls, arrays: Arrays, prefix: str) -> Energy:
        """Build from nothing."""
        return cls()


Far = Gaussians | Relative | Neighbours | Energy
DISTANCES: Mapping[str, type[Far]] = {
    "mahalanobis": Gaussians, "relative": Relative, "neighbours": Neighbours, "energy": Energy
}  # fmt: skip


def _unit(rows: Floats) -> Floats:
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12))


def energy(logits: NDArray[np.generic], *, exclusive: bool = True) -> Floats:
    """Return the energy of logits (N, K) -> (N,): the higher, the less any class claims the film.

    Args:
        logits: of classes.
        exclusive: one class holds (softmax: -log sum exp); otherwise several may (sigmoid: minus the sum of
            log(1 + exp), Wang et al. 2021).
    """
    rows = checked(logits)
    if not exclusive:
        return np.asarray(-np.logaddexp(0.0, rows).sum(axis=1))
    top = rows.max(axis=1)
    return np.asarray(-(top + np.log(np.exp(rows - top[:, None]).sum(axis=1))))
