"""What RadZero's frozen encoder sees of films: kept in several versions, or looked at when asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hilum.learn.label_trunk import film_batch
from hilum.learn.weak import one_thread
from hilum.nets.similarity import Standardised

ENOUGH, IN_MEMORY = 5_000, 4 << 30
"""Films that mean and deviation are taken from where there are more, and bytes of patches that are kept in memory."""


@dataclass(frozen=True, eq=False)
class Cached:
    """What a frozen encoder sees of N films in V versions: pooled (V, N, D), patches (V, N, P, D), float16, grid."""

    pooled: Tensor
    patches: Tensor
    grid: tuple[int, int]

    def __call__(self, rows: NDArray[np.intp], rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Return pooled and patches of some films, each in a version that is drawn."""
        version, at = torch.from_numpy(rng.integers(0, len(self.pooled), len(rows))), torch.from_numpy(rows)
        return self.pooled[version, at].float(), self.patches[version, at].float()


Look = Callable[[NDArray[np.intp], np.random.Generator], tuple[Tensor, Tensor]]
"""Films by number, and a draw -> what the frozen encoder sees: pooled (B, D) and patches (B, P, D)."""


@torch.no_grad()
def cached(
    encoder: nn.Module, films: NDArray[np.uint8], *, versions: int = 1, seed: int = 0, batch: int = 64
) -> Cached:
    """Look at films (N, S, S) once as they are and `versions` - 1 times varied; in evaluation mode."""
    encoder.eval()
    device = device_of(encoder)
    pooled, patches, grid = [], [], (0, 0)
    with one_thread():
        for version in range(versions):
            parts = []
            for at in range(0, len(films), batch):
                vary = {} if version else {"vary": None}
                film = film_batch(films[at : at + batch], seed=seed, step=version * 100_003 + at, **vary)
                parts.append(encoder(film.to(device)))
            pooled.append(torch.cat([each.pooled.cpu() for each in parts]).half())
            patches.append(torch.cat([each.patches.cpu() for each in parts]).half())
            grid = parts[0].grid
    return Cached(torch.stack(pooled), torch.stack(patches), grid)


def standardised(encoder: nn.Module, films: NDArray[np.uint8], width: int) -> Standardised:
    """Return an encoder whose channels have mean 0 and deviation 1 over the patches of films, or of some of many."""
    few = films[:: max(1, len(films) // ENOUGH)]
    return Standardised(encoder, width).learn(cached(encoder, few).patches).eval()


@torch.no_grad()
def too_many(encoder: nn.Module, films: NDArray[np.uint8], versions: int) -> bool:
    """Tell whether what an encoder sees of films, in several versions, is more than is kept in memory."""
    patches = encoder.eval()(film_batch(films[:1], seed=0, step=0, vary=None).to(device_of(encoder))).patches
    return bool(patches.numel() * 2 * len(films) * versions > IN_MEMORY)


def looking(encoder: nn.Module, films: NDArray[np.uint8], *, seed: int = 0) -> Look:
    """Return a way to look at films when they are asked for, where too many to keep what is seen of them."""
    device = device_of(encoder)

    @torch.no_grad()
    def look(rows: NDArray[np.intp], rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        found = encoder(film_batch(films[rows], seed=seed, step=int(rng.integers(1 << 30))).to(device))
        return found.pooled, found.patches

    return look


def device_of(net: nn.Module) -> torch.device:
    """Return where a network's weights lie; the processor for one without weights."""
    return next((each.device for each in net.parameters()), torch.device("cpu"))
