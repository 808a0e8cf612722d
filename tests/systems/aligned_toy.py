"""Films whose findings are bright discs at a side: what an aligned network learns within seconds."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from hilum.learn.frame import frame
from hilum.learn.pairs import Pairs
from hilum.nets.towers import Seen, SmallImage, sine_places
from hilum.systems._radzero_claims import ARMS, OURS
from hilum.systems._radzero_fit import Size, align, network
from hilum.systems._radzero_look import cached, standardised
from hilum.systems._radzero_model import Model, calibrated, concepts_told
from hilum.systems._radzero_texts import told, wording_of

SIZE = Size(width=32, steps=100, batch=16, rate=3e-3, versions=1)
NAMES = ("lung nodule", "pleural effusion")
PX = 64
_PLACES = {("lung nodule", 1): (16, 16), ("lung nodule", 2): (16, 47), ("pleural effusion", 1): (47, 16),
           ("pleural effusion", 2): (47, 47)}  # fmt: skip


def framed(film: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Return a film of 0 to 255 as `learn.frame` gives it to a network."""
    return np.rint(frame((np.clip(film, 0, 255) / 255).astype(np.float32), PX)[0] * 255).astype(np.uint8)


def toy_pairs(count: int = 64, *, seed: int = 0, split: str = "train") -> Pairs:
    """Return films with a small disc above (nodule) or a wide one below (effusion), right or left, or none."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:PX, :PX]
    films = rng.normal(70, 6, (count, PX, PX))
    target, sides = np.zeros((count, 2), np.float32), np.zeros((count, 2), np.int8)
    masks = np.zeros((count, 2, PX, PX), np.bool_)
    sentences: list[tuple[str, ...]] = []
    for row in range(count):
        said: list[str] = []
        for at, name in enumerate(NAMES):
            side = int(rng.integers(0, 3))
            if not side:
                said.append(f"There is no {name}.")
                continue
            cy, cx = (value + int(rng.integers(-3, 4)) for value in _PLACES[name, side])
            masks[row, at] = (y - cy) ** 2 + ((x - cx) / (1.0 + 0.7 * at)) ** 2 <= (9 - 2 * at) ** 2
            films[row][masks[row, at]] += 120
            target[row, at], sides[row, at] = 1, side
            said.append(f"There is a {name} of the {'right' if side == 1 else 'left'} lung.")
        sentences.append(tuple(said))
    names = np.array([f"{split}-{row}" for row in range(count)])
    return Pairs(
        films=np.stack([framed(each) for each in films]), view=np.array(["PA"] * count), study=names, patient=names,
        group=np.array(["toy"] * count), split=np.array([split] * count), visit=np.zeros(count, np.int32),
        report=tuple(" ".join(each) for each in sentences), indication=("",) * count, sentences=tuple(sentences),
        names=NAMES, target=target, known=np.ones((count, 2), np.bool_), marked=target > 0,
        bits=np.packbits(masks, axis=-1), sides=sides,
    )  # fmt: skip


class PatchMeans(nn.Module):
    """An encoder that sees nothing but how bright each patch of 8 pixels is, and where it lies."""

    def forward(self, film: torch.Tensor) -> Seen:
        """Return the brightness of each patch along one fixed direction, and its place."""
        bright = functional.avg_pool2d(film, 8)
        grid = (int(bright.shape[2]), int(bright.shape[3]))
        way = torch.linspace(-2, 2, SIZE.width)
        patches = bright.flatten(1).unsqueeze(-1) * way + sine_places(grid, SIZE.width)
        return Seen(patches.mean(1), patches, grid)


@cache
def toy_model(arm: str = OURS, *, small: bool = False) -> Model:
    """Return a network of one arm, fitted to toy films and calibrated on others.

    Args:
        arm: of `ARMS`.
        small: over an untaught small encoder, as is written to a folder; few steps.
    """
    pairs, words = toy_pairs(), wording_of(toy_pairs())
    torch.manual_seed(0)
    inner = SmallImage(SIZE.width) if small else PatchMeans()
    encoder = standardised(inner.eval(), pairs.films, SIZE.width)
    how, size = ARMS[arm], replace(SIZE, steps=5) if small else SIZE
    net = network(encoder, len(words), size, how.how, seed=0)
    texts = told(pairs, words, whole=how.whole, shuffled=0 if how.shuffled else None)
    align(net, cached(encoder, pairs.films), texts, how, size, seed=0, films=pairs)
    shape = {"how": how.how, "image": "small", "stride": 8, "width": SIZE.width, "heads": 4, "layers": 2}
    card = {"size": PX, "views": ["PA", "AP"], "concepts": concepts_told(pairs), "open": False, "data": "toy films",
            "network": shape}  # fmt: skip
    model = Model(net, words, card)
    model.card = {**card, **calibrated(model, toy_pairs(40, seed=1, split="val"), source="toy films")}
    return model
