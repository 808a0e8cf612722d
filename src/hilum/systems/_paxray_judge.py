"""PAXRay judged: does a segmenter taught by projected labels read real films, and does anatomy ground a sentence?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hilum.measure.claim import Claim, Judged, judge
from hilum.measure.scored import Scored, averaged, signature
from hilum.systems import _paxray_ground as ground
from hilum.systems._paxray_films import NAMES, SEEN, Films, Grounded, anatomy_films, base_body, lesion_films
from hilum.systems._paxray_tone import burned, random_tone

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


def real_films(root: Path, size: int) -> tuple[Floats, Bools, tuple[str, ...]]:
    """Return frontal films of a pack that have lung masks: films (N, S, S), masks (N, S, S), patients."""
    from hilum.data import pack
    from hilum.learn.frame import frame

    films, masks, patients = [], [], []
    for row in pack.rows(root, ("hannover", "covid_cc")):
        outline = pack.mask(root, row) if row.mask and row.view in ("PA", "AP") else None
        if outline is not None:
            films.append(frame(pack.pixels(root, row), size)[0])
            masks.append(_framed(outline, size))
            patients.append(row.patient)
    return np.stack(films), np.stack(masks), tuple(patients)


def _framed(mask: Bools, size: int) -> Bools:
    from PIL import Image as Picture

    from hilum.core.geometry import Letterbox

    box = Letterbox(mask.shape[0], mask.shape[1], size)
    rows, columns = box.inner
    top, left = box.pad
    out = np.zeros((size, size), bool)
    small = Picture.fromarray(mask.astype(np.uint8) * 255).resize((columns, rows), Picture.Resampling.BOX)
    out[top : top + rows, left : left + columns] = np.asarray(small) > 127
    return out


def dice(answer: Bools, truth: Bools) -> NDArray[np.float64]:
    """Return the Dice overlap of masks (N, S, S), film by film."""
    both = (answer & truth).sum(axis=(1, 2))
    found: NDArray[np.float64] = 2.0 * both / np.maximum(answer.sum(axis=(1, 2)) + truth.sum(axis=(1, 2)), 1)
    return found


def mean_iou(answer: Bools, truth: Bools) -> NDArray[np.float64]:
    """Return IoU of masks (N, C, S, S) averaged over the classes that a film shows."""
    both = (answer & truth).sum(axis=(2, 3)).astype(float)
    either = (answer | truth).sum(axis=(2, 3)).astype(float)
    shown = truth.any(axis=(2, 3))
    each = np.where(shown, both / np.maximum(either, 1), 0.0)
    found: NDArray[np.float64] = each.sum(axis=1) / np.maximum(shown.sum(axis=1), 1)
    return found


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
    looked = _unseen_tone(judged.films, seed)
    reports = _unseen_tone(lesions.films, seed + 1)
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
                trials[_DICE][arm].append(_averaged(_DICE, dice(_lungs(answers[arm]), real[1])))
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
    shape = np.broadcast_to(_lungs(mean[None].astype(np.float32)), real[1].shape)
    trials[_DICE][MEAN].append(_averaged(_DICE, dice(shape, real[1])))
    parts = [*(judge(claim, trials[_DICE], real[2], seed=seed) for claim in REAL), *parts]
    beside.append(judge(BESIDE_REAL, trials[_DICE], real[2], seed=seed))
    lines.append(f"{len(real[2])} real films with V7 lung masks (Hannover, covid_cc), of {len(set(real[2]))} patients")
    whole = dice(_lungs(answers[RANDOM], ("right lung", "left lung")), real[1])
    lines.append(f"the whole projected lungs, also behind the domes, where V7's masks end: Dice {whole.mean():.3f}")
    figure = {"Real films: V7's lung mask in green, the segmenter's in red": _picture(real, answers[RANDOM])}
    return parts, beside, lines, figure


def _lungs(probability: Floats, names: Sequence[str] = SEEN) -> Bools:
    chosen = probability[:, [NAMES.index(name) for name in names]]
    found: Bools = np.asarray((chosen > 0.5).any(axis=1))
    return found


def _unseen_tone(films: Floats, seed: int) -> Floats:
    """Films by a curve that training never draws: a steep sigmoid or a logarithm, with coarse grain."""
    from hilum.core.seed import generator
    from hilum.systems._paxray_tone import stretched

    shown = []
    for number, film in enumerate(films):
        rng = generator(seed, "unseen tone", number)
        steep, middle = rng.uniform(5, 11), rng.uniform(0.3, 0.6)
        curve = 1 / (1 + np.exp(-steep * (film - middle))) if rng.random() < 0.5 else np.log1p(steep * film)
        grain = np.kron(rng.normal(0, 0.01, (film.shape[0] // 2 + 1,) * 2), np.ones((2, 2)))
        shown.append(stretched((curve + grain[: film.shape[0], : film.shape[1]]).astype(np.float32)))
    return np.stack(shown)


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


def _picture(real: tuple[Floats, Bools, tuple[str, ...]], answer: Floats) -> bytes:
    """Return a PNG of eight real films with both outlines."""
    from io import BytesIO

    from PIL import Image as Picture
    from scipy.ndimage import binary_erosion

    tiles = []
    for index in np.linspace(0, len(real[0]) - 1, 8).astype(int):
        film = np.kron(real[0][index], np.ones((2, 2)))
        tile = np.stack([film] * 3, -1) * 0.9
        for mask, colour in ((real[1][index], (0, 1, 0)), (_lungs(answer[index : index + 1])[0], (1, 0.2, 0.1))):
            large = np.kron(mask, np.ones((2, 2), bool))
            tile[large & ~binary_erosion(large)] = colour
        tiles.append(tile)
    rows = np.vstack([np.hstack(tiles[:4]), np.hstack(tiles[4:])])
    stream = BytesIO()
    Picture.fromarray(np.rint(rows * 255).astype(np.uint8)).save(stream, "PNG")
    return stream.getvalue()
