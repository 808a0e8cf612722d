"""Lungs of real films read by a U-Net that saw virtual patients alone, block by block of what makes them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hilum.measure.claim import Claim, Judged, judge
from hilum.measure.scored import Scored, averaged, signature
from hilum.measure.stats import Interval
from hilum.systems._paxray_real import dice
from hilum.systems._virtual_films import FIXED, FULL, MASKS, NO_NOISE, NO_SCATTER, RAW, Bools, Films, Floats, toned
from hilum.systems._virtual_real import Real, some

if TYPE_CHECKING:
    from torch import nn

VIRTUAL, MEAN, TARGET = "virtual patients alone", "mean mask of real films", 0.90
ONE_FAMILY = {"parametric": "parametric bodies alone", "warped": "warps of one CT alone", "hybrid": "hybrids alone"}
SHAPE = "mean mask of the bodies trained on"
DICE, READS = "Dice of the lungs", ("lungs above the dome", "lung fields")
"""READS: classes that may be compared with V7's masks; films to choose by say which."""
LUNGS = (Claim("lungs of real films are read by a segmenter that saw virtual patients alone", VIRTUAL, MEAN, DICE),)
PHYSICAL = (
    *(Claim(f"(beside) full film physics beats films {name}", FULL, name, DICE) for name in (NO_SCATTER, NO_NOISE)),
    Claim("(beside) drawn processing beats one look-up table", FULL, FIXED, DICE),
    Claim("(beside) film physics beats raw line integrals", FULL, RAW, DICE),
    Claim("(beside) a tone drawn for every step helps film physics", VIRTUAL, FULL, DICE),
)
FAMILIAL = tuple(Claim(f"(beside) all families beat {name}", VIRTUAL, name, DICE) for name in ONE_FAMILY.values())
HELD_OUT = (
    Claim("lungs of anatomy families never seen are read from parametric bodies alone", ONE_FAMILY["parametric"],
          SHAPE, DICE),
)  # fmt: skip
FEW = (10, 1000)
Say = Callable[[str], None]


@dataclass(eq=False)
class LungTrial:
    """What the trainings of one run left.

    Args:
        answers: arm -> masks (K, N, S, S) of `READS` on the real films judged, of each seed.
        dev: Dice of the main arm on the films to choose by, of each seed and of each class of `READS`.
        few: arm -> masks (N, S, S) by networks that learned from real films, of each seed.
        held_out: arm -> score of each seed on virtual films of other families.
        whole: Dice of the whole lungs, of the main arm, at each seed.
        shown: the main arm's probabilities on the films judged, of the last seed.
        readers: the main arm's network at each seed.
    """

    answers: dict[str, list[Bools]] = field(default_factory=lambda: defaultdict(list))
    dev: list[list[float]] = field(default_factory=list)
    few: dict[str, list[Bools]] = field(default_factory=lambda: defaultdict(list))
    held_out: dict[str, list[Scored]] = field(default_factory=lambda: defaultdict(list))
    whole: list[float] = field(default_factory=list)
    shown: Floats | None = None
    readers: list[nn.Module] = field(default_factory=list)

    @property
    def read(self) -> int:
        """Return which of `READS` fits the films to choose by better."""
        return int(np.argmax(np.mean(self.dev, axis=0))) if self.dev else 0


def few_name(count: int, virtual: bool) -> str:
    """Return the name of an arm that learns from some real films."""
    return f"{count} real films{' + virtual' if virtual else ' alone'}"


def few_counts(dev: Real) -> list[int]:
    """Return how many real films to learn from: ten, and all that there are."""
    return sorted({min(count, len(dev)) for count in FEW})


def few_claims(counts: Sequence[int]) -> list[Claim]:
    """Return the claims that virtual patients add to some real films."""
    return [Claim(f"virtual patients add to {count} real films with lung masks", few_name(count, True),
                  few_name(count, False), DICE) for count in counts]  # fmt: skip


def fitted(films: Floats, masks: Bools, *, steps: int, seed: int, tone: bool) -> nn.Module:
    """Train one segmenter; arms of one seed start from the same weights."""
    import torch

    from hilum.learn.segment import fit_masks
    from hilum.nets.resunet import ResUNet

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = ResUNet(classes=masks.shape[1])
        return fit_masks(net, films, masks, steps=steps, seed=seed, tone=toned if tone else None)


def read(net: nn.Module, films: NDArray[np.generic], names: Sequence[str]) -> Bools:
    """Return where each of some classes is more likely than not: (K, N, S, S)."""
    from hilum.learn.segment import read_masks

    found: Bools = read_masks(net, films)[:, [MASKS.index(name) for name in names]].swapaxes(0, 1) > 0.5
    return found


def scored(answer: Bools, truth: Bools) -> Scored:
    """Return the Dice of each film as a score."""
    return averaged(DICE, dice(answer, truth), signature(DICE, 1, films="each"))


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
            _main(found, made, judged, dev, steps=steps, seed=at, say=say)
            if "physics" in parts:
                _physics(found, made, judged, steps=steps, seed=at, say=say)
            if "few" in parts:
                _few(found, made, judged, dev, steps=steps, seed=at, say=say)
        if "families" in parts:
            _families(found, made, judged, steps=steps, seed=at, say=say)
    held_out = _held_out(found, made, seed) if found.held_out else []
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


def _main(found: LungTrial, made: Films, judged: Real, dev: Real, *, steps: int, seed: int, say: Say) -> None:
    from hilum.learn.segment import read_masks

    say(f"lungs, seed {seed}: {VIRTUAL}")
    net = fitted(made.films[FULL], made.masks, steps=steps, seed=seed, tone=True)
    found.answers[VIRTUAL].append(read(net, judged.films, READS))
    found.dev.append([float(dice(mask, dev.truth).mean()) for mask in read(net, dev.films, READS)])
    found.shown = read_masks(net, judged.films)
    whole = read(net, judged.films, ("right lung", "left lung")).any(axis=0)
    found.whole.append(float(dice(whole, judged.truth).mean()))
    found.readers.append(net)


def _physics(found: LungTrial, made: Films, judged: Real, *, steps: int, seed: int, say: Say) -> None:
    for arm in made.films:
        say(f"lungs, seed {seed}: {arm}")
        net = fitted(made.films[arm], made.masks, steps=steps, seed=seed, tone=False)
        found.answers[arm].append(read(net, judged.films, READS))


def _families(found: LungTrial, made: Films, judged: Real | None, *, steps: int, seed: int, say: Say) -> None:
    for family, arm in ONE_FAMILY.items():
        rows, others = made.of([family]), made.of([name for name in ONE_FAMILY if name != family])
        if not len(rows) or not len(others) or (judged is None and family != "parametric"):
            continue
        say(f"lungs, seed {seed}: {arm}")
        net = fitted(made.films[FULL][rows], made.masks[rows], steps=steps, seed=seed, tone=True)
        if judged is not None:
            found.answers[arm].append(read(net, judged.films, READS))
        if family == "parametric":
            answer = read(net, made.films[FULL][others], READS[:1])[0]
            found.held_out[arm].append(scored(answer, _domes(made, others)))


def _few(found: LungTrial, made: Films, judged: Real, dev: Real, *, steps: int, seed: int, say: Say) -> None:
    for count in few_counts(dev):
        real = some(dev, count, seed=seed)
        often = max(1, round(len(made.masks) / len(real)))  # real films come as often as virtual ones
        both = np.concatenate([made.films[FULL], np.tile(real.films, (often, 1, 1))])
        target = np.concatenate([made.masks[:, MASKS.index(READS[found.read])], np.tile(real.truth, (often, 1, 1))])
        for virtual in (False, True):
            arm = few_name(len(real), virtual)
            say(f"lungs, seed {seed}: {arm}")
            films, masks = (both, target) if virtual else (real.films, real.truth)
            net = fitted(films, masks[:, None], steps=steps, seed=seed, tone=True)
            found.few[arm].append(_single(net, judged.films))


def _single(net: nn.Module, films: Floats) -> Bools:
    from hilum.learn.segment import read_masks

    found: Bools = read_masks(net, films)[:, 0] > 0.5
    return found


def _domes(made: Films, rows: NDArray[np.intp]) -> Bools:
    found: Bools = made.masks[rows, MASKS.index(READS[0])]
    return found


def _held_out(found: LungTrial, made: Films, seed: int) -> list[Judged]:
    others = made.of([name for name in ONE_FAMILY if name != "parametric"])
    mean, truth = _domes(made, made.of(["parametric"])).mean(axis=0) > 0.5, _domes(made, others)
    found.held_out[SHAPE].append(scored(np.broadcast_to(mean, truth.shape), truth))
    return [judge(claim, found.held_out, [str(p) for p in made.patients[others]], seed=seed) for claim in HELD_OUT]


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
