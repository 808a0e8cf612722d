"""Cross-validation of a plan on a site: what each network makes of patients it never saw."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from torch import nn

from hilum.systems._bpd_folds import FOLDS, Kind, folds
from hilum.systems._bpd_learn import PLAIN, How, learn, read
from hilum.systems._bpd_plan import Stage
from hilum.systems._bpd_site import Site

Floats = NDArray[np.float64]


def out_of_fold(
    site: Site, start: Callable[[int], nn.Module], stages: Sequence[Stage], *, seed: int, runs: int, count: int = FOLDS,
    kind: Kind = "balanced", how: How = PLAIN, say: Callable[[str], None] = lambda line: None,
) -> Floats:  # fmt: skip
    """Train one network for each fold of each run, and return logits (runs, N); NaN where a run did not test.

    Args:
        site: the patients.
        start: seed -> a network to begin with.
        stages: of a plan.
        seed: of folds and trainings.
        runs, count, kind: of the folds.
        how: batch, variation, device.
        say: told what is being done.

    Raises:
        InputError: if a class has fewer patients than folds.
    """
    found = np.full((runs, len(site.patients)), np.nan)
    for run in range(runs):
        fold = folds(site.bpd, run=run, seed=seed, count=count, kind=kind)
        for number in range(count):
            inside, out = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
            rows = site.films_of(inside)
            one = seed + 1009 * run + 31 * number
            net = learn(start(one), site.films[rows], site.bpd[site.owner[rows]], stages, seed=one, how=how)
            found[run, out] = read(net, site.films[site.first(out)])
        say(f"run {run + 1} of {runs}")
    return found
