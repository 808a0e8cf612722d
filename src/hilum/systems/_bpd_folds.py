"""Folds of a small cohort, by patient: the published balanced ones, and ones of the cohort's own prevalence."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import InputError
from hilum.core.seed import generator

RUNS, FOLDS = 6, 5
"""As published: six drawings of five folds."""
Kind = Literal["balanced", "prevalence"]
KINDS: tuple[Kind, ...] = ("balanced", "prevalence")
NEVER = -1
"""Fold of a patient who always trains and is never tested in a run."""


def folds(
    positive: NDArray[np.bool_], *, run: int, seed: int, count: int = FOLDS, kind: Kind = "balanced"
) -> NDArray[np.int64]:
    """Return the fold that tests each patient in one run: (N,), `NEVER` for those whom it does not test.

    Args:
        positive: (N,), one for each patient.
        run: number of the drawing.
        seed: of all drawings.
        count: folds.
        kind: 'balanced' parts the positives and draws as many negatives for each fold; surplus negatives always train,
            and prevalence is one half in every test. 'prevalence' parts both classes, so that every patient is tested
            once in a run and each test has the cohort's own prevalence, but for rounding.

    Raises:
        InputError: if a class has fewer patients than there are folds, or there is no such kind.
    """
    ill, well = np.flatnonzero(positive), np.flatnonzero(~positive)
    if kind not in KINDS:
        raise InputError(f"no folds '{kind}': choose from {', '.join(KINDS)}")
    if count < 2 or min(len(ill), len(well)) < count:
        raise InputError(f"{count} folds take {count} patients of each class at least: there are {len(ill)} with and "
                         f"{len(well)} without the disease")  # fmt: skip
    rng = generator(seed, "folds", run)
    ill, well = rng.permutation(ill), rng.permutation(well)
    found = np.full(len(positive), NEVER, np.int64)
    found[ill] = np.arange(len(ill)) % count
    if kind == "balanced":
        fewer = min(len(ill), len(well))  # where negatives are the rarer, it is positives that are left over
        found[ill[fewer:]] = NEVER
        found[well[:fewer]] = np.arange(fewer) % count
    else:  # the second class fills the folds from the other end, so that their sizes differ by one at most
        found[well] = (count - 1 - np.arange(len(well))) % count
    return found
