"""DRR-RATE's claim on transfer, judged: one small network for each way to render, read on DRRs and on real films."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from hilum.core.seed import generator
from hilum.measure.claim import Claim, Judged, Trials, judge
from hilum.measure.scored import Scored
from hilum.measure.stats import Interval
from hilum.systems._drr_rate_bodies import NAMES, Rendered
from hilum.systems._drr_rate_film import (
    Grey,
    Paths,
    coarsened,
    drawn_film,
    held_out_film,
    linear_film,
    threshold_film,
)
from hilum.systems._drr_rate_real import REAL, RealFilms, mean_within

THRESHOLD, LINEAR, DRAWN, SHUFFLED, REAL_ONLY = (
    "threshold -100 HU", "linear mu", "linear mu, drawn film physics", "shuffled labels", "real films only",
)  # fmt: skip
OWN, PHYSICS, FILMS = "DRRs of their own kind", "films of unseen physics", "real films"
VERSIONS = {THRESHOLD: 2, LINEAR: 2, DRAWN: 4}
"""How often each exposure is made into a training film; half of them are coarse, and drawn physics differs in each."""
_MEAN, _GROUND, _AIR, _CORE = (
    "mean AUROC",
    "AUROC of ground glass",
    "AUROC of pneumothorax",
    "mean AUROC, heart and fluid",
)
_COLUMNS: Mapping[str, tuple[int, ...]] = {
    _MEAN: tuple(range(len(NAMES))), _GROUND: (NAMES.index("ground glass opacity"),),
    _AIR: (NAMES.index("pneumothorax"),), _CORE: (0, 1),
}  # fmt: skip
CLAIMS: tuple[tuple[str, Claim], ...] = (
    (OWN, Claim("classifiers trained on DRR-RATE's DRRs read such DRRs of other bodies", THRESHOLD, SHUFFLED, _MEAN)),
    (OWN, Claim("linear mu beats the threshold on ground glass, each on its own kind of DRR", LINEAR, THRESHOLD,
                _GROUND, (SHUFFLED,))),
    (OWN, Claim("linear mu beats the threshold on pneumothorax, each on its own kind of DRR", LINEAR, THRESHOLD,
                _AIR, (SHUFFLED,))),
    (PHYSICS, Claim("linear mu beats the threshold on ground glass, on films of unseen physics", LINEAR, THRESHOLD,
                    _GROUND, (SHUFFLED,))),
    (PHYSICS, Claim("linear mu beats the threshold on pneumothorax, on films of unseen physics", LINEAR, THRESHOLD,
                    _AIR, (SHUFFLED,))),
    (PHYSICS, Claim("drawn physics beats the threshold on films of unseen physics", DRAWN, THRESHOLD, _MEAN,
                    (SHUFFLED,))),
    (PHYSICS, Claim("drawn physics beats plain linear mu on films of unseen physics", DRAWN, LINEAR, _MEAN,
                    (SHUFFLED,))),
    (FILMS, Claim("what DRR-RATE's DRRs teach transfers to real films (cardiomegaly, effusion)", THRESHOLD, SHUFFLED,
                  _CORE, (REAL_ONLY,))),
    (FILMS, Claim("what drawn physics teaches transfers to real films (cardiomegaly, effusion)", DRAWN, SHUFFLED,
                  _CORE, (REAL_ONLY,))),
    (FILMS, Claim("drawn physics beats the threshold on real films (cardiomegaly, effusion)", DRAWN, THRESHOLD, _CORE,
                  (SHUFFLED, REAL_ONLY))),
    (FILMS, Claim("drawn physics beats plain linear mu on real films (cardiomegaly, effusion)", DRAWN, LINEAR, _CORE,
                  (SHUFFLED, REAL_ONLY))),
)  # fmt: skip
Arms = dict[str, list[NDArray[np.float64]]]


@dataclass(frozen=True)
class Effort:
    """How much to train.

    Args:
        seed: the first.
        seeds: trainings of each arm.
        steps: optimiser steps of each.
        batch: films of a step.
        folds: of the arm that learns from real films.
    """

    seed: int
    seeds: int
    steps: int
    batch: int = 24
    folds: int = 2


def films(arm: str, paths: Sequence[Paths], seed: int, part: str, *, versions: int = 1) -> NDArray[np.uint8]:
    """Return the films (versions x N, S, S) of an arm; of more than one version every other one is coarse."""
    made: list[Grey] = []
    for version in range(versions):
        for number, each in enumerate(paths):
            film = (
                threshold_film(each) if arm == THRESHOLD
                else linear_film(each) if arm == LINEAR
                else drawn_film(each, seed, part, number, version)
            )  # fmt: skip
            made.append(coarsened(film) if version % 2 else film)
    return np.stack(made)


def judge_transfer(
    known: Rendered, judged: Rendered, real: RealFilms | None, effort: Effort, *, say: Callable[[str], None]
) -> tuple[list[Judged], list[str]]:
    """Train every arm on the same bodies, read it on other bodies and on real films, and judge the claims.

    Args:
        known, judged: bodies to train on and to judge on, of different families; `judged` with film geometry too.
        real: real films, or None where there are none.
        effort: how much to train.
        say: told what is being done.
    """
    scores: dict[str, Arms] = defaultdict(lambda: defaultdict(list))
    hard = np.stack([held_out_film(each, effort.seed, number) for number, each in enumerate(judged.upright)])
    for number in range(effort.seeds):
        seed = effort.seed + number
        for arm in (THRESHOLD, LINEAR, DRAWN, SHUFFLED):
            say(f"seed {number + 1} of {effort.seeds}: {arm}")
            if arm != SHUFFLED:  # the control reads the films of the arm before it
                pixels = films(arm, known.published, seed, "train", versions=VERSIONS[arm])
                target, own = np.tile(known.target, (VERSIONS[arm], 1)), films(arm, judged.published, seed, "judged")
            else:
                target = target[generator(seed, "shuffle").permutation(len(target))]
            read = trained(pixels, target, effort, seed=seed)
            scores[OWN][arm].append(read(own))
            scores[PHYSICS][arm].append(read(hard))
            if real is not None:
                scores[FILMS][arm].append(read(real.pixels)[:, : len(REAL)])
        if real is not None:
            say(f"seed {number + 1} of {effort.seeds}: {REAL_ONLY}, {effort.folds} folds by patient")
            scores[FILMS][REAL_ONLY].append(_cross_validated(real, effort, seed=seed))
    parts = [_one(where, claim, scores.get(where, {}), judged, real, effort.seed) for where, claim in CLAIMS]
    return parts, _lines(scores, known, judged, real, effort)


def trained(
    pixels: NDArray[np.uint8], target: NDArray[np.bool_], effort: Effort, *, seed: int
) -> Callable[[NDArray[np.uint8]], NDArray[np.float64]]:
    """Train the small network and return its reader: films (N, S, S) to probabilities (N, K)."""
    import torch

    from hilum.learn.weak import LOSSES, labelled, probabilities, train
    from hilum.nets.weak import WeakNet, small_trunk

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = WeakNet(small_trunk(), classes=target.shape[1], pooling="lse")
        train(
            net,
            labelled(pixels, target),
            LOSSES["cel"],
            steps=effort.steps,
            batch=effort.batch,
            rate=5e-3,
            seed=seed,
            move=3,
        )
    return partial(probabilities, net)


def _cross_validated(real: RealFilms, effort: Effort, *, seed: int) -> NDArray[np.float64]:
    score = np.empty(real.target.shape)
    fold = real.folds(effort.folds, seed=seed)
    for number in range(effort.folds):
        out = fold == number
        if out.any():
            score[out] = trained(real.pixels[~out], real.target[~out], effort, seed=seed)(real.pixels[out])
    return score


def _set(
    where: str, judged: Rendered, real: RealFilms | None
) -> tuple[NDArray[np.bool_], Sequence[str], Sequence[str]]:
    """Target, patients and strata of one test set."""
    if where == FILMS and real is not None:
        return real.target, real.patients, real.strata
    return judged.target, judged.families, ("",) * len(judged.target)


def _one(where: str, claim: Claim, arms: Arms, judged: Rendered, real: RealFilms | None, seed: int) -> Judged:
    """Judge one claim on its test set; an arm that learned nothing beats no other, whatever the interval says."""
    if not arms:
        nothing = Interval(float("nan"), float("nan"), float("nan"))
        return Judged(claim, "cannot be tested here", nothing, reason="no NIH films: give their folder with --data")
    target, patients, strata = _set(where, judged, real)
    columns = _COLUMNS[claim.metric]

    def scored(runs: list[NDArray[np.float64]]) -> list[Scored]:
        return [mean_within(strata, target, run, columns, metric=claim.metric) for run in runs]

    trials: Trials = {arm: scored(runs) for arm, runs in arms.items()}
    part = judge(claim, trials, patients, seed=seed)
    if part.outcome == "holds" and claim.better_than != SHUFFLED:
        control = judge(Claim("", claim.arm, SHUFFLED, claim.metric), trials, patients, seed=seed)
        if control.outcome != "holds":
            reason = f"'{claim.arm}' is not above its control of shuffled labels: {control.gain}"
            return replace(part, outcome="cannot be tested here", reason=reason)
    return part


def _lines(
    scores: Mapping[str, Arms], known: Rendered, judged: Rendered, real: RealFilms | None, effort: Effort
) -> list[str]:
    lines = [
        f"{len(known.target)} exposures of {len(set(known.families))} warped bodies to train on, {len(judged.target)} "
        f"of {len(set(judged.families))} others to judge on; {effort.steps} steps of {effort.batch} films for every arm"
    ]
    if real is not None:
        lines.append(f"{len(real.target)} real films of {len(set(real.patients))} patients with text-mined labels; "
                     f"pairs within {', '.join(sorted(set(real.strata)))}")  # fmt: skip
    for where, arms in scores.items():
        target, patients, strata = _set(where, judged, real)
        lines.append(f"AUROC on {where}:")
        lines.append(f"{'':30}" + "".join(f"{name[:20]:>22}" for name in NAMES[: target.shape[1]]))
        lines.append(f"{'films with it':30}" + "".join(f"{n:>22}" for n in target.sum(axis=0)))
        claim, rows = Claim("", LINEAR, THRESHOLD, "AUROC"), {arm: f"{arm:30}" for arm in arms}
        for k in range(target.shape[1]):
            each = {arm: [mean_within(strata, target, run, (k,), metric="AUROC") for run in runs]
                    for arm, runs in arms.items()}  # fmt: skip
            for arm, value in judge(claim, each, patients, replicates=400, seed=effort.seed).arms.items():
                rows[arm] += f"{value!s:>22}"
        lines += rows.values()
    return lines
