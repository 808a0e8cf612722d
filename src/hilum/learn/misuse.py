"""Right films used wrongly: the tones turned over, the film turned, or a part given for the whole; numpy only."""

from __future__ import annotations

import numpy as np

from hilum.learn.decoys import Picture, crop

TURNS = {"turned 90": 1, "turned 180": 2, "turned 270": 3}
"""Quarter turns counter-clockwise."""
INVERTED, CROPPED = "inverted", "cropped"


def turned(film: Picture, kind: str) -> Picture:
    """Return a film (H, W) turned as a kind of `TURNS` says."""
    return np.ascontiguousarray(np.rot90(film, TURNS[kind]))


def part(film: Picture, share: float, *, down: float = 0.5, across: float = 0.5) -> Picture:
    """Cut a part of a film out.

    Args:
        film: (H, W).
        share: of its height and of its width that is kept, (0, 1].
        down: where the part lies, 0 at the top, 1 at the bottom.
        across: likewise from the left of the picture to its right.
    """
    height, width = (max(1, round(side * share)) for side in film.shape)
    top, left = round(down * (film.shape[0] - height)), round(across * (film.shape[1] - width))
    return np.ascontiguousarray(film[top : top + height, left : left + width])


def misused(film: Picture, rng: np.random.Generator, *, low: float = 0.25, high: float = 0.65) -> dict[str, Picture]:
    """Return one film in three wrong forms: inverted, turned one of three ways, and a part of it.

    Args:
        film: float32 (H, W) in [0, 1].
        rng: chooses the turn and the part.
        low: least share of a side that the part keeps.
        high: greatest share.
    """
    way = tuple(TURNS)[int(rng.integers(len(TURNS)))]
    cut = np.ascontiguousarray(crop(film, rng, low=low, high=high))
    return {INVERTED: 1.0 - film, way: turned(film, way), CROPPED: cut}
