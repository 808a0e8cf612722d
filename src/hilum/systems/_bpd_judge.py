"""BPD's claims judged on the trials of many cohorts, which are the unit that a bootstrap draws."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from hilum.measure.claim import Judged, judge
from hilum.measure.scored import Scored
from hilum.measure.significance import permutation
from hilum.systems._bpd_claims import BESIDE, CLAIMS, ORIGINS, arm_name
from hilum.systems._bpd_plan import PLANS
from hilum.systems._bpd_stats import permutation_floor
from hilum.systems._bpd_trials import Trials

Floats = NDArray[np.float64]
EXCHANGES = 10_000


def scored(trials: Trials, arm: str) -> list[Scored]:
    """Return the arm's score of each seed: the mean AUROC over its cohorts, which are what a bootstrap draws."""
    each = trials.aurocs(arm)
    made = []
    for number in np.unique(trials.seed):
        mine = np.where(trials.seed == number, each, np.nan)
        made.append(Scored("auroc", mine, partial(_mean, mine), "mean AUROC over cohorts"))
    return made


def _mean(values: Floats, weights: Floats) -> Floats:
    """Mean over the cohorts of one seed, (R,), by weights (R, C) of all."""
    drawn = weights * np.isfinite(values)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(drawn @ np.nan_to_num(values) / drawn.sum(axis=1))


def judged(trials: Trials, *, seed: int = 0, replicates: int = 2000) -> tuple[list[Judged], list[Judged], list[str]]:
    """Return the claims as judged, what stands beside them, and lines about the power of the test."""
    table = {name: scored(trials, name) for name in trials.logits}
    cohorts = [f"{number:03d}" for number in range(len(trials.seed))]
    parts, beside = (
        [judge(claim, {name: table[name] for name in (claim.arm, claim.better_than, *claim.controls)}, cohorts,
               seed=seed, replicates=replicates) for claim in claims]
        for claims in (CLAIMS, BESIDE)
    )  # fmt: skip
    return parts, beside, lines_of(trials, seed=seed)


def lines_of(trials: Trials, *, seed: int = 0) -> list[str]:
    """Return what is said beside the claims: the oracle, the table of arms, and each comparison over cohorts."""
    count = len(trials.seed)
    oracle = trials.aurocs("oracle")
    lines = [f"{count} cohorts drawn independently; an oracle that knows the severity: AUROC {oracle.mean():.3f}"]
    lines.append(f"{'mean AUROC over cohorts':24}" + "".join(f"{schedule:>32}" for schedule in PLANS))
    for origin in ORIGINS:
        names = [arm_name(origin, each) for each in PLANS]
        cells = [f"{trials.aurocs(name).mean():.3f}" if name in trials.logits else "not run" for name in names]
        lines.append(f"{origin:24}" + "".join(f"{cell:>32}" for cell in cells))
    for claim in (*CLAIMS, *BESIDE):
        gain = trials.aurocs(claim.arm) - trials.aurocs(claim.better_than)
        p = permutation(gain, permutations=EXCHANGES, seed=seed)
        error = gain.std(ddof=1) / np.sqrt(count) if count > 1 else float("nan")
        lines.append(
            f"{claim.arm} over {claim.better_than}: gain {gain.mean():+.3f}, sd over cohorts {gain.std():.3f}, clear "
            f"of 0 from about {1.96 * error:.3f}; {int((gain > 0).sum())} of {count} cohorts, exchange p {p:.2g} "
            f"(floor {max(permutation_floor(EXCHANGES), 2.0 ** (1 - count)):.2g})"
        )
    return lines
