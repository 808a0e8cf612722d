"""Lungs of real films read by a U-Net that saw virtual patients alone, block by block of what makes them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np

from hilum.measure.claim import Claim, Judged, judge
from hilum.measure.stats import Interval, mean_interval
from hilum.systems._paxray_real import dice
from hilum.systems._virtual_arms import (
    LungTrial,
    Say,
    family_arms,
    few_arms,
    judge_held_out,
    main_arm,
    physics_arms,
    small_arm,
)  # fmt: skip
from hilum.systems._virtual_claims import (
    FAMILIAL,
    LUNGS,
    MEAN,
    PHYSICAL,
    PRETRAINED,
    READS,
    TARGET,
    VIRTUAL,
    few_claims,
    few_counts,
)  # fmt: skip
from hilum.systems._virtual_films import MASKS, Films, Floats
from hilum.systems._virtual_lung_masks import lungs_of, scored
from hilum.systems._virtual_real import Real

if TYPE_CHECKING:
    from hilum.nets.unet import LiteUNet


def judge_lungs(
    made: Films, readers: Sequence[LiteUNet], judged: Real | None, dev: Real | None, *, seed: int, seeds: int,
    steps: int, parts: Collection[str], say: Say,
) -> tuple[list[Judged], list[Judged], list[str], LungTrial]:  # fmt: skip
    """Train every arm from several seeds and judge the claims about lungs.

    Args:
        made: virtual films of every physics.
        readers: that saw virtual patients alone, of each seed.
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
            main_arm(found, readers[number], judged, dev)
            if {"physics", "families"} & set(parts):
                small_arm(found, made, judged, dev, steps=steps, seed=at, say=say)
            if "physics" in parts:
                physics_arms(found, made, judged, steps=steps, seed=at, say=say)
            if "few" in parts:
                few_arms(found, readers[number], judged, dev, steps=steps // 4, seed=at, say=say)
        if "families" in parts:
            family_arms(found, made, judged, steps=steps, seed=at, say=say)
    held_out = judge_held_out(found, made, seed) if found.held_out else []
    if judged is None or dev is None:
        return held_out, [], ["lungs of real films: cannot be tested here (give the pack: --data FOLDER)"], found
    trials = {
        arm: [scored(each[found.read(arm)], judged.truth) for each in masks] for arm, masks in found.answers.items()
    }
    trials |= {arm: [scored(each, judged.truth) for each in masks] for arm, masks in found.few.items()}
    trials[MEAN] = [scored(np.broadcast_to(dev.truth.mean(axis=0) > 0.5, judged.truth.shape), judged.truth)]

    def told(claims: Sequence[Claim]) -> list[Judged]:
        return [judge(claim, {name: trials[name] for name in (claim.arm, claim.better_than)}, judged.patients,
                      seed=seed) for claim in claims if {claim.arm, claim.better_than} <= set(trials)]  # fmt: skip

    counts = few_counts(dev) if found.few else []
    main = told(LUNGS)
    lines = _lines(found, main[0].arms[VIRTUAL], judged, dev)
    return [*main, *told(few_claims(counts)), *held_out], told((PRETRAINED, *PHYSICAL, *FAMILIAL)), lines, found


def _lines(found: LungTrial, value: Interval, judged: Real, dev: Real) -> list[str]:
    at, table = found.read(VIRTUAL), np.mean(found.dev[VIRTUAL], axis=0)
    tried = ", ".join(f"{name} from {level} {score:.3f}" for (name, level), score in zip(READS, table, strict=True))
    films = [dice(masks[at], judged.truth) for masks in found.answers[VIRTUAL]]
    strata = np.array(judged.strata)
    by = [f"{name} {np.mean([each[strata == name].mean() for each in films]):.3f} ({int((strata == name).sum())})"
          for name in sorted(set(judged.strata))]  # fmt: skip
    given = [] if judged.given is None else [
        "against the masks as the pack has them, Hannover's stretched from the middle square to the film: Dice "
        f"{np.mean([dice(masks[at], judged.given).mean() for masks in found.answers[VIRTUAL]]):.3f}"
    ]  # fmt: skip
    return [
        f"{len(judged)} real films with V7 lung masks of {len(set(judged.patients))} patients judged; {len(dev)} films "
        f"of {len(set(dev.patients))} other patients to choose by and to learn from",
        f"what is compared, '{READS[at][0]}' from {READS[at][1]}, was chosen on those other films: Dice of {tried}",
        f"target, Dice {TARGET:.2f}: {'reached' if value.value >= TARGET else 'not reached'} ({value})",
        _averaged(found, judged, dev),
        f"by source and view (films): {', '.join(by)}",
        *given,
        f"whole lungs, also behind the domes, where V7's masks end: Dice {np.mean(found.whole):.3f}",
    ]


def _averaged(found: LungTrial, judged: Real, dev: Real) -> str:
    """Say what the mean of the networks' maps comes to, read as the films to choose by say."""
    on_judged, on_dev = (np.mean([maps[half] for maps in found.maps], axis=0) for half in (0, 1))
    table = [float(dice(mask, dev.truth).mean()) for mask in lungs_of(on_dev, READS)]
    at = int(np.argmax(table))
    value = mean_interval(dice(lungs_of(on_judged, READS)[at], judged.truth), list(judged.patients))
    return (
        f"the {len(found.maps)} networks' maps averaged, '{READS[at][0]}' from {READS[at][1]} (Dice {table[at]:.3f} on "
        f"the films to choose by): Dice {value}; target {'reached' if value.value >= TARGET else 'not reached'}"
    )


def picture(real: Real, answers: Floats, name: str, level: float) -> bytes:
    """Return a PNG of eight real films: V7's mask in green, a class's answer in red, the heart's in yellow."""
    from PIL import Image as Picture
    from scipy.ndimage import binary_erosion

    tiles = []
    for index in np.linspace(0, len(real) - 1, 8).astype(int):
        tile = np.stack([np.kron(real.films[index], np.ones((2, 2)))] * 3, -1) * 0.9
        answer = answers[index]
        for mask, colour in ((answer[MASKS.index("heart")] > 0.5, (1, 0.9, 0)), (real.truth[index], (0, 1, 0)),
                             (lungs_of(answer[None], ((name, level),))[0, 0], (1, 0.2, 0.1))):  # fmt: skip
            large = np.kron(mask, np.ones((2, 2), bool))
            tile[large & ~binary_erosion(large)] = colour
        tiles.append(tile)
    rows = np.vstack([np.hstack(tiles[:4]), np.hstack(tiles[4:])])
    stream = BytesIO()
    Picture.fromarray(np.rint(rows * 255).astype(np.uint8)).save(stream, "PNG")
    return stream.getvalue()
