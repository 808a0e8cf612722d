"""What the experiment's networks start from: findings of adults' films, textures of nothing, or nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image as Picture
from torch import Tensor, nn

from hilum.core.errors import InputError
from hilum.core.seed import generator
from hilum.learn.fit import Fit, fit
from hilum.learn.objectives.classify import binary_cross_entropy
from hilum.learn.pairs import Pairs
from hilum.systems._bpd_augment import Vary, varied
from hilum.systems._bpd_bodies import KINDS, Films, textures
from hilum.systems._bpd_claims import GENERIC, IN_DOMAIN, RANDOM
from hilum.systems._bpd_learn import as_film
from hilum.systems._bpd_net import SiteNet, settle_norms, small

BATCH, RATE, STEPS, PICTURES = 32, 3e-3, 400, 1500
_VARY = Vary(zoom=(0.8, 1.15), rotate_deg=8.0, blur=0.0, mask=0.0)


class _Labels(nn.Module):
    """An encoder with a layer for other labels than the site's."""

    def __init__(self, encoder: nn.Module, width: int, labels: int) -> None:
        super().__init__()
        self.encoder, self.head = encoder, nn.Linear(width, labels)

    def forward(self, film: Tensor) -> Tensor:
        return self.head(self.encoder(film).pooled)  # type: ignore[no-any-return]


def smaller(films: Films, size: int) -> Films:
    """Return films uint8 (N, S, S) at another side."""
    if films.shape[-1] == size:
        return films
    return np.stack(
        [np.asarray(Picture.fromarray(each).resize((size, size), Picture.Resampling.BOX)) for each in films]
    )


def taught(
    films: Films, target: NDArray[np.float32], known: NDArray[np.bool_], *, seed: int, steps: int = STEPS
) -> nn.Module:
    """Return a small encoder fitted to labels of films by masked cross-entropy.

    Half of each batch is drawn evenly over the labels, so that rare ones are seen.

    Args:
        films: uint8 (N, S, S).
        target, known: (N, K).
        seed: of weights and draws.
        steps: of 32 films.

    Raises:
        InputError: if there is no film.
    """
    if not len(films):
        raise InputError("no film to learn from first")
    made = small(seed=seed)
    encoder, width = made.encoder, made.head.in_features
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = _Labels(encoder, width, target.shape[1])
    rows_with = [
        rows for at in range(target.shape[1]) if len(rows := np.flatnonzero((target[:, at] > 0) & known[:, at]))
    ]

    def batch(step: int) -> tuple[Tensor, Tensor, Tensor]:
        rng = generator(seed, "first", step)
        rows = rng.integers(0, len(films), BATCH)
        for place in range(0, BATCH, 2) if rows_with else ():
            rows[place] = rng.choice(rows_with[int(rng.integers(len(rows_with)))])
        film = varied(as_film(films[rows]), rng, _VARY)
        return film, torch.from_numpy(target[rows]), torch.from_numpy(known[rows])

    def loss(model: nn.Module, drawn: tuple[Tensor, Tensor, Tensor]) -> tuple[Tensor, dict[str, float]]:
        return binary_cross_entropy(model(drawn[0]), drawn[1], drawn[2]), {}

    fit(net, batch, loss, Fit(steps=steps, rate=RATE, bf16=False, average=0.0, warmup=0.1, log_every=100), seed=seed)
    return encoder.eval()


def origins(adults: Pairs, *, size: int, seed: int, steps: int = STEPS) -> Mapping[str, nn.Module | None]:
    """Return the encoders that the arms of one seed start from; None for the one that starts from nothing.

    Args:
        adults: films with findings.
        size: side that films are made.
        seed: of pictures, weights and draws.
        steps: of either fit.
    """
    pictures, kind = textures(PICTURES, size=size, seed=seed)
    hot = np.eye(KINDS, dtype=np.float32)[kind]
    return {
        IN_DOMAIN: taught(smaller(adults.films, size), adults.target, adults.known, seed=seed, steps=steps),
        GENERIC: taught(pictures, hot, np.ones(hot.shape, np.bool_), seed=seed, steps=steps),
        RANDOM: None,
    }


def starting(origin: nn.Module | None, films: Films) -> Callable[[int], SiteNet]:
    """Return seed -> a network on an encoder's weights, or on none with norms settled on the site's own films."""

    def start(seed: int) -> SiteNet:
        net = small(seed=seed)
        if origin is not None:
            net.encoder.load_state_dict(origin.state_dict())
        else:
            settle_norms(net, as_film(films[:128]))
        return net

    return start
