"""What a network answers to prompts on films, and its maps as pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hilum.learn.weak import one_thread
from hilum.learn.wording import Wording
from hilum.nets.similarity import Aligner, centre_of, heat
from hilum.systems._radzero_look import Cached
from hilum.systems._radzero_texts import LONGEST, prompt

MAP, ATTENTION = "map of likeness", "map of attention"


@dataclass(frozen=True, eq=False)
class Reading:
    """A network's answers to K prompts 'There is X' on N films, and to the same at either side.

    Args:
        names: K findings.
        logits: (N, K).
        maps: (N, K, P) cos / tau.
        attention: (N, K, P) of the patches.
        sided: (N, K, 2, P), maps of the right and of the left prompt.
        grid: of the patches.
        first: centre of the first patch, see `nets.similarity.heat`.
    """

    names: tuple[str, ...]
    logits: NDArray[np.float32]
    maps: Tensor
    attention: Tensor
    sided: Tensor
    grid: tuple[int, int]
    first: float = 0.5


@torch.no_grad()
def read_films(net: Aligner, seen: Cached, wording: Wording, names: Sequence[str], *, batch: int = 64) -> Reading:
    """Ask a network for findings on films that its encoder has seen, without any tuning."""
    count = len(names)
    said = [prompt(name, side) for side in ("", "right", "left") for name in names]
    parts = []
    with one_thread():
        texts = net.tell(*wording.code(said, longest=LONGEST))
        for at in range(0, seen.pooled.shape[1], batch):
            tokens = net.tokens(*(each[0, at : at + batch].float() for each in (seen.pooled, seen.patches)))
            parts.append(net.head(texts, tokens))
    maps = torch.cat([part.maps for part in parts])
    return Reading(
        tuple(names), torch.cat([part.logits for part in parts])[:, :count].numpy(), maps[:, :count],
        torch.cat([part.attention[..., 1:] for part in parts])[:, :count],
        torch.stack((maps[:, count : 2 * count], maps[:, 2 * count :]), dim=2), seen.grid, centre_of(net.image),
    )  # fmt: skip


Maps = Callable[[NDArray[np.intp], int], NDArray[np.float32]]
"""Rows of films and the place of a finding -> maps (n, S, S)."""


def maps_of(reading: Reading, size: int, kind: str = MAP) -> Maps:
    """Return a reading's maps as pictures: of likeness, or of attention."""
    given = reading.attention if kind == ATTENTION else reading.maps

    def maps(rows: NDArray[np.intp], place: int) -> NDArray[np.float32]:
        found: NDArray[np.float32] = heat(
            given[torch.from_numpy(rows), place], reading.grid, size, first=reading.first
        ).numpy()
        return found

    return maps


def centre(size: int) -> Maps:
    """Return the same for every film and finding: a round hill in the middle of the film, the floor of grounding."""
    at = (np.arange(size) + 0.5) / size - 0.5
    hill = np.exp(-(at[:, None] ** 2 + at[None] ** 2) / (2 * 0.25**2)).astype(np.float32)
    return lambda rows, place: np.broadcast_to(hill, (len(rows), size, size))
