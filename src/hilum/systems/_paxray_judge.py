"""PAXRay judged: does a segmenter taught by projected labels read real films, and does anatomy ground a sentence?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hilum.measure.claim import Claim, Judged, judge
from hilum.measure.scored import Scored, averaged, signature
from hilum.systems import _paxray_ground as ground
from hilum.systems._paxray_films import NAMES, Films, anatomy_films, base_body
from hilum.systems._paxray_lesions import Grounded, lesion_films
from hilum.systems._paxray_real import dice, lungs, mean_iou, picture, real_films
from hilum.systems._paxray_tone import burned, random_tone, unseen_tone

if TYPE_CHECKING:
    from torch import nn

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]
RANDOM, PLAIN, MEAN = "random tone", "plain projection", "mean mask of the training bodies"
INSIDE, ANYWHERE, OTHER = "proposal inside the anatomy", "region proposal alone", "inside another sentence's anatomy"
ANATOMY, WHOLE = "box of the anatomy", "whole film"
_DICE, _IOU, _HIT, _BOX = "Dice of the lungs", "mean IoU", "hit rate", "IoU of boxes"
REAL = (Claim("a segmenter taught by projections reads real lungs better than one mask for all", RANDOM, MEAN, _DICE),)
MADE = (Claim("a segmenter beats one mask for all on unseen bodies", RANDOM, MEAN, _IOU),)
GROUND = (
    Claim("anatomy of the phrase finds the finding better than region proposals", INSIDE, ANYWHERE, _HIT, (OTHER,)),
    Claim("it is the phrase's own anatomy that does it", INSIDE, OTHER, _HIT),
    Claim("the anatomy's box alone beats the whole film", ANATOMY, WHOLE, _BOX),
)
CLAIMS = (*REAL, *MADE, *GROUND)
BESIDE_REAL = Claim("(beside) random tone carries over to real films", RANDOM, PLAIN, _DICE, (MEAN,))
BESIDE_MADE = Claim("(beside) random tone carries over to unseen tones of unseen bodies", RANDOM, PLAIN, _IOU, (MEAN,))
"""Our ablation, not PAXRay's claim: judged and printed, but no part of the verdict on it."""
Trials = dict[str, dict[str, list[Scored]]]


def tone(film: Floats, rng: np.random.Generator) -> Floats:
    """The training change of a film's look: random curve and noise, then borders and marker."""
    return burned(random_tone(film, rng), rng)


def fitted(films: Films, arm: str, *, steps: int, seed: int) -> nn.Module:
    """Train one arm; arms of one seed start from the same weights and see the same bodies."""
    import torch

    from hilum.learn.segment import fit_masks
    from hilum.nets.resunet import ResUNet

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = ResUNet(classes=len(NAMES))
        return fit_masks(net, films.films, films.masks, steps=steps, seed=seed, tone=tone if arm == RANDOM else None)


def judge_paxray(
    data: Path | None, *, seed: int, seeds: int, size: int, bodies: int, tests: int, steps: int,
    say: Callable[[str], None],
) -> tuple[list[Judged], list[Judged], list[str], Mapping[str, bytes | str]]:  # fmt: skip
    """Train both arms from several seeds, judge every claim on the same films, controls beside them.

    Args:
        data: pack with real films and lung masks, or None.
        seed: of the bodies, and the first of training.
        seeds, size, bodies, tests, steps: trainings, rows of a film, bodies to train and to judge on, optimiser steps.
        say: told what is being done.

    Returns:
        The judged claims, the ablation beside them, lines for people, and figures.
    """
    from hilum.learn.segment import read_masks

    say("warping the CT into bodies and projecting them")
    base = base_body()
    known = anatomy_films(base, bodies, size=size, family="train", seed=seed)
    judged = anatomy_films(base, tests, size=size, family="test", seed=seed)
    lesions = lesion_films(base, tests, size=size, family="lesion", seed=seed)
    looked = unseen_tone(judged.films, seed)
    reports = unseen_tone(lesions.films, seed + 1)
    real = real_films(data, size) if data else None
    ranked = [ground.proposals(film) for film in reports]
    trials: Trials = defaultdict(lambda: defaultdict(list))
    mean = known.masks.mean(axis=0) > 0.5
    answers: dict[str, Floats] = {}
    for number in range(seeds):
        for arm in (RANDOM, PLAIN):
            say(f"seed {number + 1} of {seeds}: {arm}")
            net = fitted(known, arm, steps=steps, seed=seed + number)
            trials[_IOU][arm].append(_averaged(_IOU, mean_iou(read_masks(net, looked) > 0.5, judged.masks)))
            if real is not None:
                answers[arm] = read_masks(net, real[0])
                trials[_DICE][arm].append(_averaged(_DICE, dice(lungs(answers[arm]), real[1])))
            if arm == RANDOM:
                _ground(trials, read_masks(net, reports) > 0.5, lesions, ranked, size)
    trials[_IOU][MEAN].append(_averaged(_IOU, mean_iou(np.broadcast_to(mean, judged.masks.shape), judged.masks)))
    parts = [judge(claim, trials[_IOU], judged.patients, seed=seed) for claim in MADE]
    parts += [judge(claim, trials[claim.metric], lesions.patients, seed=seed) for claim in GROUND]
    beside = [judge(BESIDE_MADE, trials[_IOU], judged.patients, seed=seed)]
    lines = [f"{bodies} bodies to train on, {tests} of another family to judge on, {size} px, {steps} steps; "
             f"{len(lesions.sentences)} sentences"]  # fmt: skip
    if real is None:
        lines.append(
            "real films: cannot be tested here (give a pack with hannover/ and covid_cc/ masks: --data FOLDER)"
        )
        return parts, beside, lines, {}
    shape = np.broadcast_to(lungs(mean[None].astype(np.float32)), real[1].shape)
    trials[_DICE][MEAN].append(_averaged(_DICE, dice(shape, real[1])))
    parts = [*(judge(claim, trials[_DICE], real[2], seed=seed) for claim in REAL), *parts]
    beside.append(judge(BESIDE_REAL, trials[_DICE], real[2], seed=seed))
    lines.append(f"{len(real[2])} real films with V7 lung masks (Hannover, covid_cc), of {len(set(real[2]))} patients")
    whole = dice(lungs(answers[RANDOM], ("right lung", "left lung")), real[1])
    lines.append(f"the whole projected lungs, also behind the domes, where V7's masks end: Dice {whole.mean():.3f}")
    figure = {"Real films: V7's lung mask in green, the segmenter's in red": picture(real, answers[RANDOM])}
    return parts, beside, lines, figure


def _ground(
    trials: Trials, masks: Bools, lesions: Grounded, ranked: list[list[tuple[float, ground.Box]]], size: int
) -> None:
    names = list(NAMES)
    said = [names.index(ground.anatomy_of(sentence)) for sentence in lesions.sentences]
    # every sentence is moved to a film whose own sentence names another lobe
    moved = [next(said[(i + k) % len(said)] for k in range(1, len(said) + 1)
                  if said[(i + k) % len(said)] != said[i]) for i in range(len(said))]  # fmt: skip
    whole: ground.Box = (0.0, 0.0, float(size), float(size))
    arms: dict[str, list[ground.Box | None]] = {
        INSIDE: [ground.best_inside(r, m[k]) for r, m, k in zip(ranked, masks, said, strict=True)],
        ANYWHERE: [ground.best_inside(r, None) for r in ranked],
        OTHER: [ground.best_inside(r, m[k]) for r, m, k in zip(ranked, masks, moved, strict=True)],
        ANATOMY: [ground.mask_box(m[k]) for m, k in zip(masks, said, strict=True)],
        WHOLE: [whole for _ in said],
    }  # fmt: skip
    truths: list[ground.Box] = [(b[0], b[1], b[2], b[3]) for b in lesions.boxes.tolist()]
    for arm, boxes in arms.items():
        hits = [ground.hit(box, truth) for box, truth in zip(boxes, truths, strict=True)]
        overlaps = [ground.iou(box, truth) for box, truth in zip(boxes, truths, strict=True)]
        trials[_HIT][arm].append(_averaged(_HIT, np.array(hits)))
        trials[_BOX][arm].append(_averaged(_BOX, np.array(overlaps)))


def _averaged(name: str, values: NDArray[np.float64]) -> Scored:
    return averaged(name, values, signature(name, 1, films="each"))
