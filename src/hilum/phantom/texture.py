"""What lung CT shows below the size of its vessels: noise whose power falls with frequency as a power of it."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from hilum.core.equality import read_only
from hilum.core.seed import generator

TILE = 96


@lru_cache(maxsize=8)
def texture(*, spacing_mm: float, power: float = 2.2, longest_mm: float = 40.0, seed: int = 0) -> NDArray[np.float32]:
    """Return a periodic tile (96, 96, 96) of noise with mean 0 and SD 1.

    Args:
        spacing_mm: of a voxel.
        power: its spectrum falls as frequency to this power.
        longest_mm: waves longer than this have no more power than this one.
        seed: of the tile.
    """
    rng = generator(seed, "texture", TILE)
    waves = [np.fft.fftfreq(TILE, spacing_mm)] * 2 + [np.fft.rfftfreq(TILE, spacing_mm)]
    squares = sum(w**2 for w in np.meshgrid(*waves, indexing="ij"))
    size = np.maximum(np.asarray(squares), 1.0 / longest_mm**2) ** (-power / 4)
    noise = np.fft.irfftn(
        np.fft.rfftn(rng.normal(size=(TILE, TILE, TILE))) * size, s=(TILE, TILE, TILE), axes=(0, 1, 2)
    )
    noise -= noise.mean()
    return read_only((noise / noise.std()).astype(np.float32))
