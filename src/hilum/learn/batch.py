"""Films held in memory as small frames, and batches drawn from groups of them by weight."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import InputError
from hilum.core.seed import generator


@dataclass(frozen=True)
class FilmSet:
    """N films and what is known of each; one row per film in every array.

    Args:
        frames: uint8 (N, S, S), letterboxed.
        target, known: float32 and bool (N, K), findings; unknown is not 0.
        chest: bool (N,), a chest film or not.
        views: bool (N, 3), views not ruled out (PA, AP, lateral).
        lung: uint8 (N, S, S) 0 or 255, only read where lung_weight > 0.
        lung_weight: float32 (N,).
        group, patient, split, name: str (N,).
    """

    frames: NDArray[np.uint8]
    target: NDArray[np.float32]
    known: NDArray[np.bool_]
    chest: NDArray[np.bool_]
    views: NDArray[np.bool_]
    lung: NDArray[np.uint8]
    lung_weight: NDArray[np.float32]
    group: NDArray[np.str_]
    patient: NDArray[np.str_]
    split: NDArray[np.str_]
    name: NDArray[np.str_]

    def __len__(self) -> int:
        """Number of films."""
        return len(self.frames)

    def take(self, rows: NDArray[Any]) -> FilmSet:
        """Return the films at the given rows (indices or a bool mask)."""
        return FilmSet(**{item.name: getattr(self, item.name)[rows] for item in fields(self)})

    def with_lungs(self, lung: NDArray[np.uint8], weight: NDArray[np.float32]) -> FilmSet:
        """Return the films with other lung masks."""
        return replace(self, lung=lung, lung_weight=weight)

    def save(self, path: Path) -> None:
        """Write all arrays to an .npz file."""
        np.savez(path, **{item.name: getattr(self, item.name) for item in fields(self)})

    @classmethod
    def load(cls, path: Path) -> FilmSet:
        """Read what `save` wrote."""
        with np.load(path) as stored:
            return cls(**{item.name: stored[item.name] for item in fields(cls)})


def join(parts: list[FilmSet]) -> FilmSet:
    """Return the films of several sets as one."""
    return FilmSet(**{item.name: np.concatenate([getattr(p, item.name) for p in parts]) for item in fields(FilmSet)})


def draw(
    groups: NDArray[np.str_], weights: Mapping[str, float], *, size: int, seed: int, step: int
) -> NDArray[np.intp]:
    """Draw the rows of one batch: a fixed share per group, films within a group at random.

    The draw depends on the seed and the step alone, so a resumed run sees the same batches.

    Args:
        groups: (N,) group of each film.
        weights: share of each group; groups that are absent here are left out.
        size: films per batch.
        seed, step: what the draw depends on.

    Raises:
        InputError: if no film belongs to a weighted group.
    """
    present = {name: share for name, share in weights.items() if share > 0 and bool((groups == name).any())}
    if not present:
        raise InputError(f"no film belongs to a group with weight: have {sorted(set(groups.tolist()))}")
    rng = generator(seed, "draw", step)
    names = list(present)
    shares = np.array([present[name] for name in names]) / sum(present.values())
    counts = np.floor(np.cumsum(shares) * size + rng.random()).astype(int)
    counts = np.diff(np.concatenate(([0], np.minimum(counts, size))))
    counts[-1] += size - counts.sum()
    rows = [rng.choice(np.flatnonzero(groups == name), count) for name, count in zip(names, counts, strict=True)]
    return np.concatenate(rows).astype(np.intp)
