"""Adult opacity and large hearts: what virtual patients alone teach, and what they add to few real films."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hilum.measure.claim import Claim, Judged, judge
from hilum.measure.scored import Scored, signature
from hilum.measure.stats import auroc_interval
from hilum.systems._drr_rate_real import mean_within
from hilum.systems._virtual_claims import few_name
from hilum.systems._virtual_films import FULL, MASKS, Bools, Films, Floats, toned
from hilum.systems._virtual_real import Real, some

if TYPE_CHECKING:
    from torch import nn

VIRTUAL, CHANCE, CTR = "virtual patients alone", "chance", "ratio of the masks read"
WITHIN = "AUROC within view"
FEW = (25, 100, 400)
OPACITY = Claim("opacity on films that radiologists read is found by virtual patients alone", VIRTUAL, CHANCE, WITHIN)
HEART = Claim("large hearts are found by the cardiothoracic ratio of masks that virtual patients taught", CTR, CHANCE,
              WITHIN)  # fmt: skip
ADDED = tuple(
    Claim(f"virtual patients add to {n} real films for opacity", few_name(n, True), few_name(n, False), WITHIN)
    for n in FEW
)
Say = Callable[[str], None]


def fitted(films: Floats, target: NDArray[np.generic], *, steps: int, seed: int) -> nn.Module:
    """Train the small classifier; arms of one seed start from the same weights."""
    import torch

    from hilum.learn.weak import cross_entropy, labelled, train
    from hilum.nets.weak import WeakNet, small_trunk

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = WeakNet(small_trunk(), classes=1, pooling="lse")
        truth = np.asarray(target, np.float32)[:, None]
        return train(net, labelled(films, truth), cross_entropy, steps=steps, batch=24, rate=5e-3, seed=seed, move=4)


def auroc(real: Real, score: NDArray[np.float64]) -> Scored:
    """Return the AUROC over pairs of films of one source and view: how a film was taken tells how ill a patient is."""
    return mean_within(real.strata, real.truth[:, None], score[:, None], (0,), metric=WITHIN)


def chance(count: int) -> Scored:
    """Return what guessing comes to on every draw of patients."""
    return Scored(WITHIN, np.full(count, np.nan), lambda weights: np.full(len(weights), 0.5), signature(WITHIN, 1))


def learned(made: Films, seed: int) -> tuple[Floats, NDArray[np.float64]]:
    """Return virtual films whose opacity is clear, and 0 or 1 for each; half of them with a tone drawn at random."""
    from hilum.core.seed import generator

    rows = np.flatnonzero(np.isfinite(made.opacity))
    films = made.films[FULL][rows]
    changed = np.stack([toned(film, generator(seed, "opacity tone", i)) for i, film in enumerate(films)])
    return np.concatenate([films, changed]), np.tile(made.opacity[rows], 2)


def judge_opacity(
    made: Films, mined: Real, read: Real, *, seed: int, seeds: int, steps: int, few: Sequence[int] = FEW, say: Say
) -> tuple[list[Judged], list[str]]:
    """Train on virtual films, on few real ones and on both, and judge on films that radiologists read.

    Args:
        made: virtual films.
        mined: real films with text-mined labels to learn from.
        read: real films that were read, of other patients.
        seed, seeds, steps: first seed, trainings of each arm, optimiser steps.
        few: how many real films to learn from.
        say: told what is being done.
    """
    from hilum.learn.weak import probabilities

    trials: dict[str, list[Scored]] = defaultdict(list)
    plain, counts = [], sorted({min(n, len(mined)) for n in few})
    for number in range(seeds):
        at = seed + number
        films, target = learned(made, at)
        say(f"opacity, seed {at}: {VIRTUAL}")
        score = probabilities(fitted(films, target, steps=steps, seed=at), read.films)[:, 0]
        trials[VIRTUAL].append(auroc(read, score))
        plain.append(score)
        for count in counts:
            real = some(mined, count, seed=at)
            often = max(1, round(len(films) / len(real)))
            both = (np.concatenate([films, np.tile(real.films, (often, 1, 1))]),
                    np.concatenate([target, np.tile(real.truth, often)]))  # fmt: skip
            for virtual in (False, True):
                say(f"opacity, seed {at}: {few_name(count, virtual)}")
                net = fitted(*(both if virtual else (real.films, real.truth)), steps=steps, seed=at)
                trials[few_name(count, virtual)].append(auroc(read, probabilities(net, read.films)[:, 0]))
    trials[CHANCE].append(chance(len(read)))
    claims = [OPACITY, *(Claim(f"virtual patients add to {n} real films for opacity", few_name(n, True),
                               few_name(n, False), WITHIN) for n in counts)]  # fmt: skip
    parts = [judge(claim, {name: trials[name] for name in (claim.arm, claim.better_than)}, read.patients, seed=seed)
             for claim in claims]  # fmt: skip
    pooled = auroc_interval(read.truth, np.mean(plain, axis=0), read.patients, seed=seed)
    return parts, [
        f"{len(read)} films that radiologists read ({with_it(read)} with opacity) of {len(set(read.patients))} "
        f"patients judged; {len(mined)} films of other patients with text-mined labels "
        f"({with_it(mined)} with one) to learn from",
        f"opacity, virtual patients alone, over all pairs of films, views mixed (networks averaged): AUROC {pooled}",
    ]


def with_it(real: Real) -> int:
    """Return how many films show what is asked for."""
    return int(real.truth.sum())


def judge_hearts(readers: Sequence[nn.Module], real: Real, *, seed: int) -> tuple[list[Judged], list[str]]:
    """Judge whether the ratio of masks read tells films that reports call cardiomegaly."""
    from hilum.learn.segment import read_masks

    trials: dict[str, list[Scored]] = defaultdict(list)
    ratios = [ratio(read_masks(net, real.films) > 0.5) for net in readers]
    for found in ratios:
        trials[CTR].append(auroc(real, found))
    trials[CHANCE].append(chance(len(real)))
    middle = [float(np.median(np.mean(ratios, axis=0)[real.truth == large])) for large in (True, False)]
    return [judge(HEART, trials, real.patients, seed=seed)], [
        f"{len(real)} films of {len(set(real.patients))} patients, {with_it(real)} whose report names cardiomegaly; "
        f"median ratio {middle[0]:.3f} with, {middle[1]:.3f} without"
    ]


def ratio(masks: Bools) -> NDArray[np.float64]:
    """Return width of the heart over that of both lungs, of masks (N, C, S, S); 0 where either is not seen."""
    heart: Bools = np.any(masks[:, MASKS.index("heart")], axis=1)
    lungs: Bools = np.any(masks[:, [MASKS.index("right lung"), MASKS.index("left lung")]], axis=(1, 2))
    return np.array([_width(h) / _width(w) if h.any() and w.any() else 0.0 for h, w in zip(heart, lungs, strict=True)])


def _width(columns: Bools) -> int:
    used = np.flatnonzero(columns)
    return int(used[-1] - used[0] + 1)
