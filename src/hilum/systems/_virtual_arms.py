"""Arms about lungs: what each is trained on, and what it answers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hilum.measure.claim import Judged, judge
from hilum.measure.scored import Scored, averaged, signature
from hilum.systems._paxray_real import dice
from hilum.systems._virtual_claims import DICE, HELD_OUT, ONE_FAMILY, READS, SHAPE, VIRTUAL, few_counts, few_name
from hilum.systems._virtual_films import FULL, MASKS, Bools, Films, Floats, toned
from hilum.systems._virtual_real import Real, some

if TYPE_CHECKING:
    from torch import nn

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


def main_arm(found: LungTrial, made: Films, judged: Real, dev: Real, *, steps: int, seed: int, say: Say) -> None:
    """Train the main arm and read the films to judge on and to choose by."""
    from hilum.learn.segment import read_masks

    say(f"lungs, seed {seed}: {VIRTUAL}")
    net = fitted(made.films[FULL], made.masks, steps=steps, seed=seed, tone=True)
    found.answers[VIRTUAL].append(read(net, judged.films, READS))
    found.dev.append([float(dice(mask, dev.truth).mean()) for mask in read(net, dev.films, READS)])
    found.shown = read_masks(net, judged.films)
    whole: Bools = np.any(read(net, judged.films, ("right lung", "left lung")), axis=0)
    found.whole.append(float(dice(whole, judged.truth).mean()))
    found.readers.append(net)


def physics_arms(found: LungTrial, made: Films, judged: Real, *, steps: int, seed: int, say: Say) -> None:
    """Train an arm for each physics, without a tone drawn for every step."""
    for arm in made.films:
        say(f"lungs, seed {seed}: {arm}")
        net = fitted(made.films[arm], made.masks, steps=steps, seed=seed, tone=False)
        found.answers[arm].append(read(net, judged.films, READS))


def family_arms(found: LungTrial, made: Films, judged: Real | None, *, steps: int, seed: int, say: Say) -> None:
    """Train an arm for each family, and read virtual films of the others."""
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


def few_arms(found: LungTrial, made: Films, judged: Real, dev: Real, *, steps: int, seed: int, say: Say) -> None:
    """Train arms on some real films, alone and with virtual ones."""
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


def judge_held_out(found: LungTrial, made: Films, seed: int) -> list[Judged]:
    """Judge what parametric bodies taught on the other families."""
    others = made.of([name for name in ONE_FAMILY if name != "parametric"])
    mean, truth = _domes(made, made.of(["parametric"])).mean(axis=0) > 0.5, _domes(made, others)
    found.held_out[SHAPE].append(scored(np.broadcast_to(mean, truth.shape), truth))
    return [judge(claim, found.held_out, [str(p) for p in made.patients[others]], seed=seed) for claim in HELD_OUT]


def _single(net: nn.Module, films: Floats) -> Bools:
    from hilum.learn.segment import read_masks

    found: Bools = read_masks(net, films)[:, 0] > 0.5
    return found


def _domes(made: Films, rows: NDArray[np.intp]) -> Bools:
    found: Bools = made.masks[rows, MASKS.index(READS[0])]
    return found
