"""DRR-RATE's classifier as published, for CTs of any number: films rendered once, folds of patients, DenseNet-121.

Recipe (the repository of arXiv 2406.03688): DenseNet-121 from scratch on 512 x 512 films, a random crop of 0.8 to 1 of
the area resized to the whole, sigmoid and binary cross-entropy, Adam at 1e-4 with a weight decay of 1e-5, 20 epochs,
batches of 32, 5 random folds. **The original folds were not grouped by patient** although a patient has several
reconstructions; here they are, so that no film of a training patient is judged.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hilum.core.errors import InputError
from hilum.core.seed import generator
from hilum.learn.weak import as_film, one_thread
from hilum.nets.densenet import DenseNet
from hilum.nets.weak import WeakNet, small_trunk
from hilum.systems._drr_rate_scans import Scan, folds_of, load

NETS = ("densenet121", "small")


@dataclass(frozen=True)
class Recipe:
    """How to train; the defaults are the published ones.

    Args:
        net: 'densenet121', or 'small' for a processor.
        size: rows of a film.
        crop: least share of the area that the random crop keeps.
        rate, decay: of Adam.
        epochs, batch, folds: as they say.
    """

    net: str = "densenet121"
    size: int = 512
    crop: float = 0.8
    rate: float = 1e-4
    decay: float = 1e-5
    epochs: int = 20
    batch: int = 32
    folds: int = 5

    def __post_init__(self) -> None:
        if self.net not in NETS:
            raise InputError(f"net must be {' or '.join(NETS)}, got '{self.net}'")
        if min(self.size, self.epochs, self.batch, self.folds - 1) < 1 or not 0 < self.crop <= 1:
            raise InputError(f"a recipe needs numbers above 0, two folds and a crop in (0, 1], got {self}")


def random_crop(films: Tensor, rng: np.random.Generator, *, least: float) -> Tensor:
    """Return films (B, 1, S, S) each cropped to a random share of its area, 3:4 to 4:3, and resized to the whole."""
    size = films.shape[-1]
    made = []
    for film in films:
        area, aspect = rng.uniform(least, 1.0) * size * size, float(np.exp(rng.uniform(np.log(3 / 4), np.log(4 / 3))))
        rows = min(size, max(1, round(float(np.sqrt(area / aspect)))))
        columns = min(size, max(1, round(float(np.sqrt(area * aspect)))))
        top, left = int(rng.integers(0, size - rows + 1)), int(rng.integers(0, size - columns + 1))
        part = film[None, :, top : top + rows, left : left + columns]
        made.append(nn.functional.interpolate(part, (size, size), mode="bilinear", align_corners=False)[0])
    return torch.stack(made)


def out_of_fold(
    scans: Sequence[Scan], paths: Sequence[Path], recipe: Recipe, *, seed: int, shuffled: bool = False,
    say: Callable[[str], None] = lambda line: None,
) -> NDArray[np.float64]:  # fmt: skip
    """Train one network for each fold and return probabilities (N, K) of scans it never saw.

    Args:
        scans, paths: the labels, and the films of the same scans.
        recipe: how to train.
        seed: of folds, weights, order and crops.
        shuffled: exchange the labels of training films at random (the control).
        say: told what is being done.
    """
    target = np.array([scan.target for scan in scans], np.float32)
    fold = folds_of(scans, recipe.folds, seed=seed)
    found = np.empty(target.shape, np.float64)
    with one_thread() if recipe.net == "small" else nullcontext():  # a small network gains nothing from more
        for number in range(recipe.folds):
            say(f"fold {number + 1} of {recipe.folds}")
            inside, out = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
            known = generator(seed, "shuffle", number).permutation(inside) if shuffled else inside
            net = _fitted([paths[int(i)] for i in inside], target[known], recipe, seed=seed + number)
            for start in range(0, len(out), recipe.batch):
                some = out[start : start + recipe.batch]
                found[some] = _read(net, [paths[int(i)] for i in some])
    return found


@torch.no_grad()
def _read(net: nn.Module, paths: Sequence[Path]) -> NDArray[np.float64]:
    logits: Tensor = net(as_film(load(paths)).to(_device()))
    return np.asarray(logits.sigmoid().double().cpu().numpy())


def network(recipe: Recipe, classes: int) -> nn.Module:
    """Return the recipe's network with random weights."""
    return DenseNet(classes) if recipe.net == "densenet121" else WeakNet(small_trunk(), classes=classes)


def _device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def _fitted(paths: Sequence[Path], target: NDArray[np.float32], recipe: Recipe, *, seed: int) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = network(recipe, target.shape[1]).to(_device()).train()
    adam = torch.optim.Adam(net.parameters(), lr=recipe.rate, weight_decay=recipe.decay)
    for epoch in range(recipe.epochs):
        rng = generator(seed, "drr-rate epoch", epoch)
        order = rng.permutation(len(paths))
        for start in range(0, len(order), recipe.batch):
            some = order[start : start + recipe.batch]
            if len(some) == 1 and len(order) > 1:  # batch normalisation needs two
                continue
            films = random_crop(as_film(load([paths[int(i)] for i in some])), rng, least=recipe.crop).to(_device())
            answer = torch.from_numpy(target[some]).to(_device())
            said = ~torch.isnan(answer)
            logits = net(films)
            loss = nn.functional.binary_cross_entropy_with_logits(logits[said], answer[said])
            adam.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            adam.step()
    return net.eval()
