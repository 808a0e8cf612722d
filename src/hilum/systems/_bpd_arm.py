"""What the out-of-fold scores of one arm say: AUROC with both intervals, a table over runs, and calibration."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from hilum.measure.binary import auroc, operating_point
from hilum.measure.calibration import brier, expected_error
from hilum.measure.delong import auroc_delong
from hilum.measure.stats import Interval, auroc_interval
from hilum.systems._bpd_stats import REPLICATES, Floats, averaged


@dataclass(frozen=True)
class Arm:
    """One arm of a cross-validation.

    Args:
        delong, bootstrap: AUROC over patients with either interval.
        folds: mean and standard deviation of AUROC, balanced accuracy and F1 over runs (the paper: over folds).
        brier, calibration: of probabilities; a balanced sampler and balanced folds shift them from the prevalence.
        tested, patients: how many were tested at all, and are there.
    """

    delong: Interval
    bootstrap: Interval
    folds: dict[str, tuple[float, float]]
    brier: float
    calibration: float
    tested: int
    patients: int

    def __str__(self) -> str:
        """One line."""
        told = ", ".join(f"{name} {mean:.3f} ± {sd:.3f}" for name, (mean, sd) in self.folds.items())
        return (
            f"AUROC {self.bootstrap} (DeLong {self.delong.low:.3f} to {self.delong.high:.3f}), {self.tested} of "
            f"{self.patients} patients tested; over runs {told}; Brier {self.brier:.3f}, calibration error "
            f"{self.calibration:.3f}"
        )


def arm(
    target: NDArray[np.bool_], scores: Floats, *, patients: tuple[str, ...], seed: int = 0, replicates: int = REPLICATES
) -> Arm:
    """Return what the out-of-fold logits (runs, N) of an arm say.

    Raises:
        InputError: if fewer than two patients of a class were tested.
    """
    mean, tested = averaged(scores)
    truth, logits = target[tested], mean[tested]
    names = np.array(patients)[tested]
    table: dict[str, list[float]] = {"AUROC": [], "balanced accuracy": [], "F1": []}
    for row in scores:
        told = np.isfinite(row)
        at = operating_point(target[told], expit(row[told]), 0.5)
        hits = float(((row[told] >= 0) & target[told]).sum())
        table["AUROC"].append(auroc(target[told], row[told]))
        table["balanced accuracy"].append((at.sensitivity + at.specificity) / 2)
        table["F1"].append(2 * hits / max(1.0, float((row[told] >= 0).sum() + target[told].sum())))
    chance = expit(logits)
    folds = {name: (float(np.mean(each)), float(np.std(each))) for name, each in table.items()}
    return Arm(
        auroc_delong(truth, logits), auroc_interval(truth, logits, names, replicates=replicates, seed=seed), folds,
        brier(truth, chance).score, expected_error(truth, chance), int(tested.sum()), len(target),
    )  # fmt: skip
