"""A published claim as data: an arm that should beat another on a metric, judged on the same patients over seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from hilum.core.errors import InputError
from hilum.measure.scored import Better, Scored
from hilum.measure.stats import Interval, bounds, patient_weights
from hilum.measure.verdict import Outcome, Verdict

SEEDS = 3
Trials = Mapping[str, Sequence[Scored]]
"""Arm -> one Scored for each seed (one in all for an arm that draws nothing), over the same items in one order."""


@dataclass(frozen=True)
class Claim:
    """One claim of a published system.

    Args:
        text: in one sentence.
        arm: the arm it speaks for.
        better_than: the arm that it should beat.
        metric: registered name, or what the recipe calls the score.
        controls: arms that must have run beside it, or no outcome is given.
        better: which way of the metric is good.
    """

    text: str
    arm: str
    better_than: str
    metric: str
    controls: tuple[str, ...] = ()
    better: Better = "higher"


@dataclass(frozen=True)
class Judged:
    """What a claim came to.

    Args:
        claim: the claim.
        outcome: 'holds' where the interval of the gain is clear of 0, else 'fails'; or 'cannot be tested here'.
        gain: arm minus rival, signed so that above 0 speaks for the claim, averaged over seeds.
        arms: every arm's own value, averaged over seeds.
        seeds: how many.
        reason: why it cannot be tested.
    """

    claim: Claim
    outcome: Outcome
    gain: Interval
    arms: Mapping[str, Interval] = field(default_factory=dict)
    seeds: int = 0
    reason: str = ""


def judge(
    claim: Claim, trials: Trials, patients: Sequence[str], *, replicates: int = 1000, seed: int = 0,
    deterministic: bool = False,
) -> Judged:  # fmt: skip
    """Judge a claim by a paired bootstrap over patients: every arm meets the same draws.

    Args:
        claim: what to judge.
        trials: scores of every arm; an arm scored once stands for every seed.
        patients: of each item.
        replicates: of the bootstrap.
        seed: of the bootstrap.
        deterministic: no arm draws anything, so that one run is all there is; else 3 seeds are asked for.

    Raises:
        InputError: if an arm or a control is missing, or arms differ in items.
    """
    for name in dict.fromkeys((claim.arm, claim.better_than, *claim.controls)):
        if not trials.get(name):
            raise InputError(f"no result for '{claim.text}': the arm '{name}' did not run beside it")
    for name, runs in trials.items():
        if any(len(run.values) != len(patients) for run in runs):
            raise InputError(f"the arm '{name}' was not scored on the same {len(patients)} items as the others")
    weights = patient_weights(patients, replicates=replicates, seed=seed)
    weights = np.concatenate([np.ones((1, len(patients))), weights])
    seeds = max(len(runs) for runs in trials.values())
    drawn = {name: np.stack([run.at(weights) for run in runs]).mean(axis=0) for name, runs in trials.items()}
    arms = {name: bounds(float(values[0]), values[1:]) for name, values in drawn.items()}
    sign = 1.0 if claim.better == "higher" else -1.0
    gap = sign * (drawn[claim.arm] - drawn[claim.better_than])
    gain = bounds(float(gap[0]), gap[1:])
    if not np.isfinite(gain.low):
        return Judged(claim, "cannot be tested here", gain, arms, seeds, "the gain is undefined on these items")
    if seeds < SEEDS and not deterministic:
        return Judged(claim, "cannot be tested here", gain, arms, seeds, f"it takes {SEEDS} seeds, {seeds} ran")
    return Judged(claim, "holds" if gain.low > 0 else "fails", gain, arms, seeds)


def verdict(text: str, parts: Sequence[Judged], *, notes: Sequence[str] = ()) -> Verdict:
    """Return one verdict of several judged claims: it holds where all that could be tested hold.

    Args:
        text: the system's claim as a whole.
        parts: its parts as judged.
        notes: more lines of evidence: data, protocol, published figures.

    Raises:
        InputError: if there is no part.
    """
    if not parts:
        raise InputError(f"nothing was judged for '{text}'")
    tested = {part.outcome for part in parts} - {"cannot be tested here"}
    outcome: Outcome = "cannot be tested here" if not tested else "fails" if "fails" in tested else "holds"
    lines = list(notes)
    for part in parts:
        lines.append(f"{part.claim.text}: {part.outcome}{f' ({part.reason})' if part.reason else ''}")
        lines += [f"    {name:28} {part.claim.metric} {value}" for name, value in part.arms.items()]
        lines.append(f"    gain of {part.claim.arm} over {part.claim.better_than}: {part.gain}, seeds: {part.seeds}")
    scores = {part.claim.text: part for part in parts}
    return Verdict(text, outcome, tuple(lines), scores)
