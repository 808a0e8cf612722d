"""The image half of ChestX-ray8 judged on made films: losses, poolings and boxes without boxes to learn from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hilum.measure.claim import Claim, Judged, judge
from hilum.measure.scored import Scored
from hilum.systems._chestx_ray8_films import RARE, Films
from hilum.systems._chestx_ray8_scores import centre_boxes, hit_rate, map_boxes, mean_ap, mean_auroc, others_maps

if TYPE_CHECKING:
    from hilum.nets.weak import Pooling, WeakNet

ARMS: Mapping[str, tuple[str, Pooling]] = {
    "W-CEL, LSE": ("w-cel", "lse"), "CEL, LSE": ("cel", "lse"), "W-CEL, mean": ("w-cel", "mean"),
    "W-CEL, max": ("w-cel", "max"),
}  # fmt: skip
OURS, CENTRE, OTHERS = "W-CEL, LSE", "centre box", "mean map of other films"
_RARE_AUROC, _RARE_AP, _AUROC, _HITS = "rare AUROC", "rare AP", "AUROC", "IoBB>0.1 accuracy"
CLAIMS = (
    Claim("W-CEL beats CEL on rare findings, AUROC", OURS, "CEL, LSE", _RARE_AUROC),
    Claim("W-CEL beats CEL on rare findings, AP", OURS, "CEL, LSE", _RARE_AP),
    Claim("LSE pooling beats the mean, AUROC", OURS, "W-CEL, mean", _AUROC),
    Claim("LSE pooling beats the maximum, AUROC", OURS, "W-CEL, max", _AUROC),
    Claim("LSE pooling beats the mean, boxes", OURS, "W-CEL, mean", _HITS, (CENTRE,)),
    Claim("LSE pooling beats the maximum, boxes", OURS, "W-CEL, max", _HITS, (CENTRE,)),
    Claim("weak labels localise better than the centre of the film", OURS, CENTRE, _HITS, (OTHERS,)),
    Claim("weak labels localise better than the mean map of other films", OURS, OTHERS, _HITS, (CENTRE,)),
)
Trials = dict[str, dict[str, list[Scored]]]


def judge_films(
    source: str, known: Films, judged: Films, *, seed: int, seeds: int, steps: int, say: Callable[[str], None]
) -> tuple[list[Judged], list[str]]:
    """Train every arm on the same films from several seeds and judge the claims on the same test patients.

    Args:
        source: of the films, in words.
        known, judged: films to train on and to judge on, of different patients.
        seed: of the bootstrap, and the first of training.
        seeds: trainings of each arm.
        steps: optimiser steps of each training.
        say: told what is being done.

    Returns:
        The judged claims, and lines for people.
    """
    size = judged.size
    rare = known.target.mean(axis=0) <= RARE
    trials: Trials = defaultdict(lambda: defaultdict(list))
    beside: dict[str, list[list[float]]] = defaultdict(list)
    apart: dict[str, list[NDArray[np.float64]]] = defaultdict(list)
    for number in range(seeds):
        for arm, (loss, pooling) in ARMS.items():
            say(f"seed {number + 1} of {seeds}: {arm}")
            net = fitted(known, loss, pooling, steps=steps, seed=seed + number)
            score, maps = read(net, judged)
            trials[_RARE_AUROC][arm].append(mean_auroc(judged.target[:, rare], score[:, rare]))
            trials[_RARE_AP][arm].append(mean_ap(judged.target[:, rare], score[:, rare]))
            trials[_AUROC][arm].append(mean_auroc(judged.target, score))
            apart[arm].append(_each(judged.target, score))
            found = map_boxes(maps, judged.target, size=size)
            beside[arm].append(_boxes(trials, arm, found, judged))
            if arm == OURS:
                found = map_boxes(others_maps(maps, judged.target), judged.target, size=size)
                beside[OTHERS].append(_boxes(trials, OTHERS, found, judged))
    beside[CENTRE].append(_boxes(trials, CENTRE, centre_boxes(judged.target, size=size), judged))
    parts = [judge(claim, trials[claim.metric], judged.patients, seed=seed) for claim in CLAIMS]
    return parts, _lines(source, known, judged, beside, apart, steps)


def fitted(known: Films, loss: str, pooling: Pooling, *, steps: int, seed: int) -> WeakNet:
    """Train one arm; arms of one seed start from the same weights and see the same batches."""
    import torch

    from hilum.learn.weak import LOSSES, labelled, train
    from hilum.nets.weak import WeakNet, small_trunk

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = WeakNet(small_trunk(), classes=known.target.shape[1], pooling=pooling)
        train(net, labelled(known.pixels, known.target), LOSSES[loss], steps=steps, batch=24, seed=seed)
    return net


def read(net: WeakNet, films: Films) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Return probabilities (N, K) and class maps (N, K, S, S) of films."""
    from hilum.learn.weak import class_maps, probabilities

    return probabilities(net, films.pixels), class_maps(net, films.pixels)


def _boxes(trials: Trials, arm: str, found: object, films: Films) -> list[float]:
    row: list[float] = []
    for above in (0.1, 0.25, 0.5):
        score, false = hit_rate(found, films.boxes, films.names, above=above)  # type: ignore[arg-type]
        if above == 0.1:
            trials[_HITS][arm].append(score)
        row += [score.value, false]
    return row


def _each(target: NDArray[np.bool_], score: NDArray[np.float64]) -> NDArray[np.float64]:
    columns = range(target.shape[1])
    return np.array([[of(target[:, [k]], score[:, [k]]).value for k in columns] for of in (mean_auroc, mean_ap)])


def _lines(
    source: str, known: Films, judged: Films, beside: dict[str, list[list[float]]],
    apart: dict[str, list[NDArray[np.float64]]], steps: int,
) -> list[str]:  # fmt: skip
    lines = [f"{len(known.pixels)} {source} of {known.size} px to train on, {len(judged.pixels)} of other patients "
             f"to judge on; {steps} steps for every arm",
             f"{'AUROC / AP':26}" + "".join(f"{name[:16]:>18}" for name in judged.names),
             f"{'films with it':26}" + "".join(f"{n:>18}" for n in judged.target.sum(axis=0))]  # fmt: skip
    for arm, values in apart.items():
        auroc, ap = np.mean(values, axis=0)
        lines.append(f"{arm:26}" + "".join(f"{a:>11.3f} /{p:5.3f}" for a, p in zip(auroc, ap, strict=True)))
    lines.append(f"{'boxes: accuracy / AFP':26}" + "".join(f"{f'IoBB > {t}':>18}" for t in (0.1, 0.25, 0.5)))
    for arm, rows in beside.items():
        mean = np.mean(rows, axis=0)
        lines.append(f"{arm:26}" + "".join(f"{mean[i]:>11.3f} /{mean[i + 1]:5.2f}" for i in (0, 2, 4)))
    return lines
