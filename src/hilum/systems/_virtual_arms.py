"""Arms about lungs: what each is trained on, and what it answers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hilum.measure.claim import Judged, judge
from hilum.measure.scored import Scored
from hilum.systems._paxray_real import dice
from hilum.systems._virtual_claims import (
    HELD_OUT,
    MAPS,
    ONE_FAMILY,
    READS,
    SHAPE,
    SMALL,
    VIRTUAL,
    few_counts,
    few_name,
)  # fmt: skip
from hilum.systems._virtual_films import FULL, MASKS, Bools, Films, Floats
from hilum.systems._virtual_lung_masks import lungs_of, read, scored
from hilum.systems._virtual_readers import small, tuned
from hilum.systems._virtual_real import Real, some

if TYPE_CHECKING:
    from hilum.nets.unet import LiteUNet

Say = Callable[[str], None]


@dataclass(eq=False)
class LungTrial:
    """What the trainings of one run left.

    Args:
        answers: arm -> masks (K, N, S, S) of `READS` on the real films judged, of each seed.
        dev: arm -> Dice on the films to choose by, of each seed and of each of `READS`.
        few: arm -> masks (N, S, S) by networks that learned from real films, of each seed.
        held_out: arm -> score of each seed on virtual films of other families.
        whole: Dice of the whole lungs, of the main arm, at each seed.
        shown: the main arm's probabilities on the films judged, of the last seed.
        maps: the main arm's probabilities on the films judged and on those to choose by, of each seed.
        readers: the main arm's network at each seed.
    """

    answers: dict[str, list[Bools]] = field(default_factory=lambda: defaultdict(list))
    dev: dict[str, list[list[float]]] = field(default_factory=lambda: defaultdict(list))
    few: dict[str, list[Bools]] = field(default_factory=lambda: defaultdict(list))
    held_out: dict[str, list[Scored]] = field(default_factory=lambda: defaultdict(list))
    whole: list[float] = field(default_factory=list)
    shown: Floats | None = None
    maps: list[tuple[Floats, Floats]] = field(default_factory=list)
    readers: list[LiteUNet] = field(default_factory=list)

    def read(self, arm: str) -> int:
        """Return which of `READS` fits the films to choose by best; arms without a choice take the small network's."""
        found = self.dev.get(arm) or self.dev.get(SMALL) or self.dev.get(VIRTUAL)
        return int(np.argmax(np.mean(found, axis=0))) if found else 0


def _seen(found: LungTrial, arm: str, on_judged: Floats, on_dev: Floats, dev: Real) -> None:
    found.answers[arm].append(lungs_of(on_judged, READS))
    found.dev[arm].append([float(dice(mask, dev.truth).mean()) for mask in lungs_of(on_dev, READS)])


def main_arm(found: LungTrial, net: LiteUNet, judged: Real, dev: Real) -> None:
    """Read the films to judge on and to choose by with one seed's reader."""
    from hilum.learn.segment import read_zoomed

    found.shown, on_dev = read_zoomed(net, judged.films), read_zoomed(net, dev.films)
    _seen(found, VIRTUAL, found.shown, on_dev, dev)
    found.maps.append((found.shown, on_dev))
    sides = [MASKS.index("right lung"), MASKS.index("left lung")]
    whole: Bools = np.any(found.shown[:, sides] > 0.5, axis=1)
    found.whole.append(float(dice(whole, judged.truth).mean()))
    found.readers.append(net)


def small_arm(found: LungTrial, made: Films, judged: Real, dev: Real, *, steps: int, seed: int, say: Say) -> None:
    """Train the small network on the main arm's films, for arms of the same network to be compared with."""
    from hilum.learn.segment import read_zoomed

    say(f"lungs, seed {seed}: {SMALL}")
    net = small(made.films[FULL], made.masks, steps=steps, seed=seed, tone=True)
    _seen(found, SMALL, read_zoomed(net, judged.films), read_zoomed(net, dev.films), dev)


def physics_arms(found: LungTrial, made: Films, judged: Real, *, steps: int, seed: int, say: Say) -> None:
    """Train an arm for each physics, without a tone drawn for every step."""
    for arm in made.films:
        say(f"lungs, seed {seed}: {arm}")
        net = small(made.films[arm], made.masks, steps=steps, seed=seed, tone=False)
        found.answers[arm].append(read(net, judged.films, READS))


def family_arms(found: LungTrial, made: Films, judged: Real | None, *, steps: int, seed: int, say: Say) -> None:
    """Train an arm for each family, and read virtual films of the others."""
    for family, arm in ONE_FAMILY.items():
        rows, others = made.of([family]), made.of([name for name in ONE_FAMILY if name != family])
        if not len(rows) or not len(others) or (judged is None and family != "parametric"):
            continue
        say(f"lungs, seed {seed}: {arm}")
        net = small(made.films[FULL][rows], made.masks[rows], steps=steps, seed=seed, tone=True)
        if judged is not None:
            found.answers[arm].append(read(net, judged.films, READS))
        if family == "parametric":
            answer = read(net, made.films[FULL][others], READS[:1])[0]
            found.held_out[arm].append(scored(answer, _domes(made, others)))


def few_arms(found: LungTrial, net: LiteUNet, judged: Real, dev: Real, *, steps: int, seed: int, say: Say) -> None:
    """Train on some real films, from photographs alone and from a reader of virtual patients."""
    from hilum.learn.segment import read_zoomed

    row = MASKS.index(MAPS[READS[found.read(VIRTUAL)][0]][-1])
    for count in few_counts(dev):
        real = some(dev, count, seed=seed)
        for virtual in (False, True):
            arm = few_name(len(real), virtual)
            say(f"lungs, seed {seed}: {arm}")
            taught = tuned(net if virtual else None, real.films, real.truth, row=row, steps=steps, seed=seed)
            found.few[arm].append(read_zoomed(taught, judged.films)[:, 0] > 0.5)


def judge_held_out(found: LungTrial, made: Films, seed: int) -> list[Judged]:
    """Judge what parametric bodies taught on the other families."""
    others = made.of([name for name in ONE_FAMILY if name != "parametric"])
    mean, truth = _domes(made, made.of(["parametric"])).mean(axis=0) > 0.5, _domes(made, others)
    found.held_out[SHAPE].append(scored(np.broadcast_to(mean, truth.shape), truth))
    return [judge(claim, found.held_out, [str(p) for p in made.patients[others]], seed=seed) for claim in HELD_OUT]


def _domes(made: Films, rows: NDArray[np.intp]) -> Bools:
    found: Bools = made.masks[rows, MASKS.index(READS[0][0])]
    return found
