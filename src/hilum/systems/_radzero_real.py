"""RadZero on real films, untuned: opacity as RSNA's radiologists read it, with boxes, and text-mined labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from hilum.learn.pairs import Pairs
from hilum.measure.claim import Claim, Judged, judge
from hilum.measure.scored import Scored
from hilum.systems._aligned import OPACITY, judged_names
from hilum.systems._radzero_claims import ON_LABELS, ON_READ, OURS, REAL

Trials = Mapping[str, Mapping[str, Sequence[Scored]]]


def concerned(claim: Claim, trials: Trials) -> dict[str, Sequence[Scored]]:
    """Return the results of the arms that a claim is about, so that the others are not told again."""
    return {name: trials[claim.metric][name] for name in (claim.arm, claim.better_than, *claim.controls)}


def on_real(trials: Trials, films: Pairs, *, seed: int) -> tuple[list[Judged], list[str]]:
    """Judge what was scored on real films; return it, and lines for people."""
    patients = films.patient.tolist()
    parts = [judge(claim, concerned(claim, trials), patients, seed=seed) for claim in REAL]
    at = films.column(OPACITY)
    read = films.known[:, at]
    sick = read & (films.target[:, at] > 0)
    names = ", ".join(name for name in judged_names(films) if name != OPACITY)
    line = (
        f"real films: {len(films)} frontal ones of {len(set(patients))} patients; on {int(read.sum())} opacity was "
        f"read by radiologists ({int(sick.sum())} with, {int((sick & films.marked[:, at]).sum())} with "
        f"boxes), asked for as 'There is consolidation.'; labels mined from text: {names}"
    )
    chance = [
        f"    against chance, {what}: {OURS} {part.arms[OURS]}: "
        f"{'above .5' if np.isfinite(part.arms[OURS].low) and part.arms[OURS].low > 0.5 else 'not above .5'}"
        for what, part in ((ON_READ, parts[0]), (ON_LABELS, parts[4]))
    ]
    return parts, [line, *chance]
