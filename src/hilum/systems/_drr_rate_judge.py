"""DRR-RATE's claim on transfer, judged: one small network for each way to render, read on DRRs and on real films."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hilum.core.seed import generator
from hilum.measure.claim import Claim, Judged, Trials, judge
from hilum.measure.scored import Scored
from hilum.measure.stats import Interval
from hilum.systems._drr_rate_bodies import NAMES, Rendered
from hilum.systems._drr_rate_claims import (
    CLAIMS,
    COLUMNS,
    DRAWN,
    FILMS,
    LINEAR,
    OWN,
    PHYSICS,
    REAL_ONLY,
    SHUFFLED,
    THRESHOLD,
)
from hilum.systems._drr_rate_film import held_out_film
from hilum.systems._drr_rate_learn import VERSIONS, Effort, cross_validated, films, trained
from hilum.systems._drr_rate_real import REAL, RealFilms, mean_within

Arms = dict[str, list[NDArray[np.float64]]]


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
            scores[FILMS][REAL_ONLY].append(cross_validated(real, effort, seed=seed))
    parts = [_one(where, claim, scores.get(where, {}), judged, real, effort.seed) for where, claim in CLAIMS]
    return parts, _lines(scores, known, judged, real, effort)


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
    columns = COLUMNS[claim.metric]

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
