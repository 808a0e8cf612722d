"""What out-of-fold scores of a small cohort say: by patient, averaged over runs; and what its tests can say at most.

Runs share their patients, so that they are no independent trials: six runs that all agree give a Wilcoxon p of
2 / 2 ** 6 = .03125 whatever the gain, which is the smallest that six can give and what the paper prints. The patient is
the unit here: DeLong, a bootstrap over patients, and an exchange of the two arms' ranks patient by patient.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from hilum.core.errors import InputError
from hilum.core.seed import generator
from hilum.measure.binary import auroc, weighted_auroc
from hilum.measure.delong import paired
from hilum.measure.stats import Interval, bounds, patient_weights

Floats = NDArray[np.float64]
REPLICATES, PERMUTATIONS = 2_000, 2_000
_BLOCK = 500


@dataclass(frozen=True)
class Beaten:
    """One arm against another on the same patients.

    Args:
        delong: the gain in AUROC with DeLong's interval, and its p.
        p_delong: two-sided.
        bootstrap: the gain with its interval over patients.
        p_permutation: two-sided, by exchange of the arms' ranks.
        floor: the smallest that p can be with so many permutations.
        runs, agreeing: drawings of folds, and how many of them have a gain of the sign of the mean.
        p_runs_floor: the smallest p of a Wilcoxon test over so many runs.
    """

    delong: Interval
    p_delong: float
    bootstrap: Interval
    p_permutation: float
    floor: float
    runs: int
    agreeing: int
    p_runs_floor: float

    def __str__(self) -> str:
        """One line."""
        return (
            f"{self.bootstrap} (bootstrap), DeLong p {self.p_delong:.3g}, permutation p {self.p_permutation:.3g} "
            f"(floor {self.floor:.2g}); {self.agreeing} of {self.runs} runs agree (Wilcoxon over runs cannot be below "
            f"{self.p_runs_floor:.3g})"
        )


def averaged(scores: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """Return each patient's mean logit over the runs that tested it, (N,), and who was tested at all.

    Args:
        scores: (runs, N), NaN where a run did not test a patient.
    """
    tested: NDArray[np.bool_] = np.asarray(np.isfinite(scores).any(axis=0))
    mean = np.full(scores.shape[1], np.nan)
    mean[tested] = np.nanmean(scores[:, tested], axis=0)
    return mean, tested


def permutation_floor(permutations: int) -> float:
    """Return the smallest p of a permutation test: the observed order counts as one more, 1 / (n + 1)."""
    return 1.0 / (permutations + 1)


def runs_floor(runs: int) -> float:
    """Return the smallest two-sided p of a Wilcoxon signed-rank test over so many pairs: 2 / 2 ** runs, at most 1."""
    return min(1.0, 2.0 / 2.0**runs)


def permuted(
    target: NDArray[np.bool_], first: Floats, second: Floats, *, permutations: int = PERMUTATIONS, seed: int = 0
) -> float:
    """Return the two-sided p of a difference of AUROCs under exchange of the two ranks of each patient.

    Scores of two arms have no scale in common, so that ranks within each arm are exchanged (Venkatraman and Begg 1996).

    Args:
        target: (N,).
        first, second: (N,) scores of the same patients.
        permutations: drawn, beside the observed one.
        seed: of the exchanges.
    """
    ranks = np.stack([rankdata(first), rankdata(second)])
    observed = abs(auroc(target, first) - auroc(target, second))
    rng, reached = generator(seed, "exchange"), 0
    for start in range(0, permutations, _BLOCK):
        swap = rng.random((min(_BLOCK, permutations - start), len(target))) < 0.5
        one, two = np.where(swap, ranks[1], ranks[0]), np.where(swap, ranks[0], ranks[1])
        reached += int((np.abs(_areas(target, one) - _areas(target, two)) >= observed - 1e-12).sum())
    return (reached + 1) / (permutations + 1)


def _areas(target: NDArray[np.bool_], scores: Floats) -> Floats:
    """AUROC of each row of scores (P, N)."""
    ranks = rankdata(scores, axis=1)
    ill, well = int(target.sum()), int((~target).sum())
    return np.asarray((ranks[:, target].sum(axis=1) - ill * (ill + 1) / 2) / (ill * well))


def beaten(
    target: NDArray[np.bool_], first: Floats, second: Floats, *, patients: tuple[str, ...], seed: int = 0,
    replicates: int = REPLICATES, permutations: int = PERMUTATIONS,
) -> Beaten:  # fmt: skip
    """Compare two arms by their out-of-fold scores.

    Args:
        target: bool (N,).
        first, second: (runs, N) logits from the same folds.
        patients: N names.
        seed: of the draws.
        replicates, permutations: how many.

    Raises:
        InputError: if the arms did not test the same patients in the same runs.
    """
    if first.shape != second.shape or (np.isfinite(first) != np.isfinite(second)).any():
        raise InputError("two arms must be scored in the same folds, to be compared patient by patient")
    (one, tested), (two, _) = averaged(first), averaged(second)
    one, two, truth = one[tested], two[tested], target[tested]
    test = paired(truth, one, two)
    weights = patient_weights(np.array(patients)[tested], replicates=replicates, seed=seed)
    drawn = weighted_auroc(truth, one, weights) - weighted_auroc(truth, two, weights)
    by_run = np.array([_run_auroc(target, a) - _run_auroc(target, b) for a, b in zip(first, second, strict=True)])
    agreeing = int((np.sign(by_run) == np.sign(test.difference)).sum())
    return Beaten(
        Interval(test.difference, test.difference - 1.96 * test.error, test.difference + 1.96 * test.error), test.p,
        bounds(test.difference, drawn), permuted(truth, one, two, permutations=permutations, seed=seed),
        permutation_floor(permutations), len(first), agreeing, runs_floor(len(first)),
    )  # fmt: skip


def _run_auroc(target: NDArray[np.bool_], scores: Floats) -> float:
    told = np.isfinite(scores)
    return auroc(target[told], scores[told])
