"""Two sets of films: a measure's gap with a test over patients, and feature distances from floor to ceiling."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import InputError
from hilum.core.seed import generator
from hilum.measure.frechet import fid
from hilum.measure.kernel import mmd
from hilum.measure.neighbours import manifold
from hilum.measure.stats import Interval, mean_interval

Floats = NDArray[np.float64]
DISTANCES = ("fid", "kid", "precision", "recall", "density", "coverage")
NEIGHBOURS = 5


@dataclass(frozen=True)
class Spread:
    """One measure over one set: mean with its interval over patients, SD over films, number of films that have it."""

    mean: Interval
    sd: float
    count: int


@dataclass(frozen=True)
class Gap:
    """A made set's measure beside the real one's.

    Args:
        real, made: of each set.
        in_sd: difference of the means over the real SD; within 1 is the target for shapes.
        p: of a permutation of patients between the sets: how often chance alone makes means so far apart.
    """

    real: Spread
    made: Spread
    in_sd: float
    p: float


def spread(values: Sequence[float] | Floats, patients: Sequence[str], *, seed: int = 0) -> Spread:
    """Return the spread of a measure; films without it (NaN) are left out.

    Raises:
        InputError: if there is not one patient for each value.
    """
    each, known = _known(values, patients)
    if not each.size:
        return Spread(Interval(float("nan"), float("nan"), float("nan")), float("nan"), 0)
    return Spread(mean_interval(each, known, seed=seed), float(each.std()), int(each.size))


def gap(
    real: tuple[Sequence[float] | Floats, Sequence[str]], made: tuple[Sequence[float] | Floats, Sequence[str]],
    *, permutations: int = 2000, seed: int = 0,
) -> Gap:  # fmt: skip
    """Compare a measure between two sets, each (values, patients).

    Raises:
        InputError: if there is not one patient for each value.
    """
    first, second = spread(*real, seed=seed), spread(*made, seed=seed)
    steps = (second.mean.value - first.mean.value) / first.sd if first.sd > 0 else float("nan")
    return Gap(first, second, steps, _permuted(_by_patient(*real), _by_patient(*made), permutations, seed))


def _known(values: Sequence[float] | Floats, patients: Sequence[str]) -> tuple[Floats, NDArray[np.str_]]:
    each, names = np.asarray(values, dtype=np.float64), np.asarray(patients, dtype=np.str_)
    if each.shape != names.shape:
        raise InputError(f"{each.shape} values for {names.shape} patients: give one patient for each value")
    there = np.isfinite(each)
    return each[there], names[there]


def _by_patient(values: Sequence[float] | Floats, patients: Sequence[str]) -> Floats:
    each, names = _known(values, patients)
    _, which = np.unique(names, return_inverse=True)
    return np.asarray(np.bincount(which, each) / np.bincount(which)) if each.size else each


def _permuted(first: Floats, second: Floats, permutations: int, seed: int) -> float:
    """Two-sided p of the difference of means when patients change sets by chance."""
    if not first.size or not second.size:
        return float("nan")
    rng, pool = generator(seed, "realism-permutation"), np.concatenate([first, second])
    seen = abs(first.mean() - second.mean())
    total, count = pool.sum(), len(first)
    sums = np.array([rng.permutation(pool)[:count].sum() for _ in range(permutations)])
    drawn = np.abs(sums / count - (total - sums) / len(second))
    return float((1 + (drawn >= seen - 1e-12).sum()) / (permutations + 1))


@dataclass(frozen=True)
class Distances:
    """Feature distances of one set from real films, means and ranges over splits of the real patients.

    Args:
        count: films on either side of every distance: all are taken at this one number, as FID falls with it.
        values: by name of `DISTANCES`: mean, and 2.5 to 97.5 % over splits.
    """

    count: int
    values: dict[str, Interval]


def distances(
    real: Floats, patients: Sequence[str], sets: dict[str, Floats], *, splits: int = 10, most: int = 500, seed: int = 0
) -> dict[str, Distances]:
    """Return the distances of each set from real films, and of real films of other patients as 'floor'.

    Each split halves the real patients: one half is what all are measured against, the other is the floor.

    Args:
        real: features (N, D).
        patients: of each real film.
        sets: features (M, D) by name, e.g. {'cohort': ..., 'raw': ...}.
        splits: how many.
        most: films on either side at most.
        seed: of splits and choices.

    Raises:
        InputError: if a set has too few films for five neighbours.
    """
    names = np.unique(np.asarray(patients))
    which = np.searchsorted(names, np.asarray(patients))
    count = min([most, len(real) // 3, *(len(each) for each in sets.values())])
    if count <= NEIGHBOURS + 1:
        raise InputError(f"feature distances take {NEIGHBOURS + 2} films or more on either side, got {count}")
    found: dict[str, list[list[float]]] = {name: [] for name in ("floor", *sets)}
    for split in range(splits):
        rng = generator(seed, "realism-split", split)
        side = (rng.permutation(len(names)) % 2).astype(bool)[which]
        taken = [rng.permutation(np.flatnonzero(side == half))[:count] for half in (False, True)]
        against = real[taken[0]]
        for name, rows in {"floor": real[taken[1]], **sets}.items():
            found[name].append(_distance(against, rows[rng.permutation(len(rows))[:count]]))
    return {name: Distances(count, _ranges(np.array(rows))) for name, rows in found.items()}


def _distance(real: Floats, made: Floats) -> list[float]:
    balls = manifold(real, made, k=NEIGHBOURS)
    means = (balls.precision, balls.recall, balls.density, balls.coverage)
    return [fid(real, made), float(mmd(real, made)[0]), *(float(each.mean()) for each in means)]


def _ranges(rows: Floats) -> dict[str, Interval]:
    low, high = np.percentile(rows, [2.5, 97.5], axis=0)
    return {name: Interval(float(rows[:, k].mean()), float(low[k]), float(high[k])) for k, name in enumerate(DISTANCES)}


def above_floor(found: dict[str, Distances], name: str, *, ceiling: str = "raw", metric: str = "fid") -> float:
    """Return a set's distance above the floor over the ceiling's: 0 is as near as real films, 1 as far as raw ones."""
    at = {key: found[key].values[metric].value for key in ("floor", name, ceiling)}
    reach = at[ceiling] - at["floor"]
    return (at[name] - at["floor"]) / reach if reach > 0 else float("nan")
