"""Lungs of real films read by a U-Net that saw virtual patients alone, block by block of what makes them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from io import BytesIO

import numpy as np

from hilum.measure.claim import Claim, Judged, judge
from hilum.measure.stats import Interval
from hilum.systems._virtual_arms import (
    LungTrial,
    Say,
    family_arms,
    few_arms,
    judge_held_out,
    main_arm,
    physics_arms,
    scored,
)  # fmt: skip
from hilum.systems._virtual_claims import (
    FAMILIAL,
    LUNGS,
    MEAN,
    PHYSICAL,
    READS,
    TARGET,
    VIRTUAL,
    few_claims,
    few_counts,
)  # fmt: skip
from hilum.systems._virtual_films import MASKS, Films, Floats
from hilum.systems._virtual_real import Real


def judge_lungs(
    made: Films, judged: Real | None, dev: Real | None, *, seed: int, seeds: int, steps: int, parts: Collection[str],
    say: Say,
) -> tuple[list[Judged], list[Judged], list[str], LungTrial]:  # fmt: skip
    """Train every arm from several seeds and judge the claims about lungs.

    Args:
        made: virtual films of every physics.
        judged, dev: real films to judge on, and to choose by and learn from; None where there is no pack.
        seed, seeds, steps: first seed, trainings, optimiser steps of each.
        parts: 'physics', 'families', 'few': which arms run beside the main one.
        say: told what is being done.

    Returns:
        The judged claims, the ablation beside them, lines for people, and what was trained.
    """
    found = LungTrial()
    for number in range(seeds):
        at = seed + number
        if judged is not None and dev is not None:
            main_arm(found, made, judged, dev, steps=steps, seed=at, say=say)
            if "physics" in parts:
                physics_arms(found, made, judged, steps=steps, seed=at, say=say)
            if "few" in parts:
                few_arms(found, made, judged, dev, steps=steps, seed=at, say=say)
        if "families" in parts:
            family_arms(found, made, judged, steps=steps, seed=at, say=say)
    held_out = judge_held_out(found, made, seed) if found.held_out else []
    if judged is None or dev is None:
        return held_out, [], ["lungs of real films: cannot be tested here (give the pack: --data FOLDER)"], found
    trials = {arm: [scored(each[found.read], judged.truth) for each in masks] for arm, masks in found.answers.items()}
    trials |= {arm: [scored(each, judged.truth) for each in masks] for arm, masks in found.few.items()}
    trials[MEAN] = [scored(np.broadcast_to(dev.truth.mean(axis=0) > 0.5, judged.truth.shape), judged.truth)]

    def told(claims: Sequence[Claim]) -> list[Judged]:
        return [judge(claim, {name: trials[name] for name in (claim.arm, claim.better_than)}, judged.patients,
                      seed=seed) for claim in claims if {claim.arm, claim.better_than} <= set(trials)]  # fmt: skip

    counts = few_counts(dev) if found.few else []
    main = told(LUNGS)
    lines = _lines(found, main[0].arms[VIRTUAL], judged, dev)
    return [*main, *told(few_claims(counts)), *held_out], told((*PHYSICAL, *FAMILIAL)), lines, found


def _lines(found: LungTrial, value: Interval, judged: Real, dev: Real) -> list[str]:
    first, second = (f"{name} {score:.3f}" for name, score in zip(READS, np.mean(found.dev, axis=0), strict=True))
    return [
        f"{len(judged)} real films with V7 lung masks of {len(set(judged.patients))} patients judged; {len(dev)} films "
        f"of {len(set(dev.patients))} other patients to choose by and to learn from",
        f"what is compared, '{READS[found.read]}', was chosen on those other films: Dice of {first}, of {second}",
        f"target, Dice {TARGET:.2f}: {'reached' if value.value >= TARGET else 'not reached'} ({value})",
        f"whole lungs, also behind the domes, where V7's masks end: Dice {np.mean(found.whole):.3f}",
    ]


def picture(real: Real, answers: Floats, *, name: str) -> bytes:
    """Return a PNG of eight real films: V7's mask in green, a class's answer in red, the heart's in yellow."""
    from PIL import Image as Picture
    from scipy.ndimage import binary_erosion

    tiles = []
    for index in np.linspace(0, len(real) - 1, 8).astype(int):
        tile = np.stack([np.kron(real.films[index], np.ones((2, 2)))] * 3, -1) * 0.9
        answer = answers[index] > 0.5
        for mask, colour in ((answer[MASKS.index("heart")], (1, 0.9, 0)), (real.truth[index], (0, 1, 0)),
                             (answer[MASKS.index(name)], (1, 0.2, 0.1))):  # fmt: skip
            large = np.kron(mask, np.ones((2, 2), bool))
            tile[large & ~binary_erosion(large)] = colour
        tiles.append(tile)
    rows = np.vstack([np.hstack(tiles[:4]), np.hstack(tiles[4:])])
    stream = BytesIO()
    Picture.fromarray(np.rint(rows * 255).astype(np.uint8)).save(stream, "PNG")
    return stream.getvalue()
