"""The experiment that judges BPD's claims: many small cohorts, every start with every schedule.

A cohort of 160 says little: an AUROC from it is known to about .08. So many are drawn, each with infants of its own to
learn from and others to be judged on, and the interval is over cohorts, the unit that is drawn anew; a training on all
160 and fresh infants to judge it on cost a fifth of a five-fold cross-validation and tell more. The published six runs
of five folds are what `train` and the real half use.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from torch import nn

from hilum.learn.weak import one_thread
from hilum.measure.binary import weighted_auroc
from hilum.measure.claim import Judged, judge
from hilum.measure.scored import Scored
from hilum.measure.significance import permutation
from hilum.systems._bpd_bodies import Infants, infants
from hilum.systems._bpd_claims import ARMS, BESIDE, CLAIMS, ORIGINS, arm_name
from hilum.systems._bpd_learn import How, learn, read
from hilum.systems._bpd_plan import PLANS, plan
from hilum.systems._bpd_starts import starting
from hilum.systems._bpd_stats import permutation_floor

Floats = NDArray[np.float64]
EXCHANGES = 10_000


@dataclass(frozen=True)
class Effort:
    """How much to spend.

    Args:
        seeds: starts that are made anew, with cohorts of their own.
        cohorts: of each seed.
        children, tested: infants to learn from, and others to judge on, of each cohort.
        size: rows of a film.
        first: steps of what a network starts from.
        epochs, probe: of every schedule, and of the probe within.
        batch: films of a step.
        rate: factor on the published rates.
        arms: that are trained; those that claims name are among them.
    """

    seeds: int = 3
    cohorts: int = 7
    children: int = 160
    tested: int = 200
    size: int = 48
    first: int = 300
    epochs: int = 15
    probe: int = 5
    batch: int = 16
    rate: float = 4.0
    arms: tuple[str, ...] = ARMS


@dataclass(frozen=True, eq=False)
class Trials:
    """What the arms made of the children that were kept apart.

    Args:
        logits: arm -> (C, T), for each cohort its own children.
        bpd, severity: (C, T), and what an oracle knows.
        seed: (C,), the number of the seed that each cohort belongs to.
    """

    logits: Mapping[str, Floats]
    bpd: NDArray[np.bool_]
    severity: Floats
    seed: NDArray[np.int64]

    def aurocs(self, arm: str) -> Floats:
        """Return the AUROC of an arm, or of the 'oracle', in each cohort: (C,)."""
        scores = self.severity if arm == "oracle" else self.logits[arm]
        return np.array([_one(truth, row) for truth, row in zip(self.bpd, scores, strict=True)])


def _one(truth: NDArray[np.bool_], scores: Floats) -> float:
    return float(weighted_auroc(truth, scores, np.ones((1, len(truth))))[0])


def run(
    held: Sequence[Mapping[str, nn.Module | None]], bodies: NDArray[np.uint8], effort: Effort, *, seed: int,
    say: Callable[[str], None] = lambda line: None,
) -> Trials:  # fmt: skip
    """Draw the cohorts and train every arm on each.

    Args:
        held: what the networks of each seed start from, by origin.
        bodies: uint8 (M, T, T), what infants are made of.
        effort: how much.
        seed: of every draw.
        say: told what is being done.
    """
    found: dict[str, list[Floats]] = {name: [] for name in effort.arms}
    judged: list[Infants] = []
    with one_thread():
        for number in range(effort.seeds):
            for cohort in range(effort.cohorts):
                one = 10_000 + (seed + number) * 1000 + cohort  # not those that grain and rate were chosen on
                known = infants(bodies, effort.children, size=effort.size, seed=2 * one)
                judged.append(infants(bodies, effort.tested, size=effort.size, seed=2 * one + 1))
                for origin in ORIGINS:
                    start = starting(held[number][origin], known.films)
                    for schedule in PLANS:
                        if (name := arm_name(origin, schedule)) in found:
                            stages = plan(schedule, epochs=effort.epochs, probe=effort.probe, rate=effort.rate)
                            net = learn(start(one), known.films, known.bpd, stages, seed=one,
                                        how=How(batch=effort.batch))  # fmt: skip
                            found[name].append(read(net, judged[-1].films))
                say(f"seed {number + 1}: cohort {cohort + 1} of {effort.cohorts}")
    return Trials(
        {name: np.stack(rows) for name, rows in found.items()}, np.stack([each.bpd for each in judged]),
        np.stack([each.severity for each in judged]), np.repeat(np.arange(effort.seeds), effort.cohorts),
    )  # fmt: skip


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
