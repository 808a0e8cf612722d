"""The experiment that judges BPD's claims: many small cohorts, every start with every schedule.

A cohort of 160 says little: an AUROC from it is known to about .08. So many are drawn, each with infants of its own to
learn from and others to be judged on, and the interval is over cohorts, the unit that is drawn anew; a training on all
160 and fresh infants to judge it on cost a fifth of a five-fold cross-validation and tell more. The published six runs
of five folds are what `train` and the real half use.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import nn

from hilum.learn.weak import one_thread
from hilum.measure.binary import weighted_auroc
from hilum.systems._bpd_bodies import Infants, infants
from hilum.systems._bpd_claims import ARMS, ORIGINS, arm_name
from hilum.systems._bpd_learn import How, learn, read
from hilum.systems._bpd_plan import PLANS, plan
from hilum.systems._bpd_starts import starting

Floats = NDArray[np.float64]


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
