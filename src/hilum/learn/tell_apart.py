"""How well a small network tells two sets of films apart, on patients it has not seen."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import rankdata

from hilum.core.errors import InputError
from hilum.core.seed import generator
from hilum.learn.weak import class_balanced, labelled, probabilities, train
from hilum.measure.stats import Interval, auroc_interval
from hilum.nets.weak import WeakNet, small_trunk

WIDTHS = (8, 16, 24, 32)


def told_apart(
    first: NDArray[np.float32], second: NDArray[np.float32], first_patients: Sequence[str],
    second_patients: Sequence[str], *, folds: int = 3, steps: int = 150, seed: int = 0,
) -> Interval:  # fmt: skip
    """Return the AUROC of a small network for 'second, not first', cross-validated by patient: 0.5 for equal sets.

    Args:
        first, second: films (N, H, W) and (M, H, W) in [0, 1].
        first_patients, second_patients: of each film; a patient is in one fold only.
        folds: networks; each judges the patients it was not trained on, by the rank of its score in its fold.
        steps: of training, 32 films each.
        seed: of folds and training.

    Raises:
        InputError: if a set has fewer patients than folds.
    """
    films = np.concatenate([first, second]).astype(np.float32)
    target = np.repeat([0, 1], [len(first), len(second)])
    patients = np.array([*(f"a {p}" for p in first_patients), *(f"b {p}" for p in second_patients)])
    if len(patients) != len(films):
        raise InputError(f"{len(films)} films for {len(patients)} patients: give one patient for each film")
    fold, score = _folds(patients, target, folds, seed), np.zeros(len(films))
    for number in range(folds):
        out, rest = fold == number, fold != number
        torch.manual_seed(seed)
        net = WeakNet(small_trunk(WIDTHS), channels=WIDTHS[-1], classes=1, width=WIDTHS[-1], pooling="mean")
        known = target[rest][:, None]
        train(net, labelled(films[rest], known), class_balanced(known), steps=steps, seed=seed + number)
        score[out] = rankdata(probabilities(net, films[out])[:, 0]) / out.sum()
    return auroc_interval(target, score, patients, seed=seed)


def _folds(patients: NDArray[np.str_], target: NDArray[np.int_], folds: int, seed: int) -> NDArray[np.intp]:
    """The fold of each film, patients whole, both sets spread evenly."""
    found = np.zeros(len(patients), np.intp)
    for side in (0, 1):
        names, which = np.unique(patients[target == side], return_inverse=True)
        if len(names) < folds:
            raise InputError(f"{folds} folds take {folds} patients or more in either set, got {len(names)}")
        found[target == side] = (generator(seed, "apart", side).permutation(len(names)) % folds)[which]
    return found
