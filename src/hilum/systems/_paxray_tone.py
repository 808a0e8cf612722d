"""What a film's grey levels may be: the plain projection, or drawn at random as films of different makers are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hilum.core.seed import generator

Floats = NDArray[np.float32]


def random_tone(film: Floats, rng: np.random.Generator) -> Floats:
    """Return a film (H, W) in [0, 1] with a random monotone curve, edge processing, blur, haze and noise.

    Geometry is untouched, so masks stay true; the network is left with shape alone to go by.
    """
    from scipy.ndimage import gaussian_filter

    count = int(rng.integers(4, 13))
    knots = np.sort(np.concatenate([[0.0, 1.0], rng.uniform(0, 1, count - 2)]))
    levels = np.sort(np.concatenate([[0.0, 1.0], rng.uniform(0, 1, count - 2)]))
    low, high = np.percentile(film, (rng.uniform(0, 6), rng.uniform(94, 100)))
    shown = np.clip((film - low) / max(float(high - low), 1e-6), 0, 1) ** rng.uniform(0.7, 2.2)
    shown = 0.5 * shown + 0.5 * np.interp(shown, knots, levels)
    shown = shown + rng.uniform(0, 3.0) * (shown - gaussian_filter(shown, rng.uniform(1.5, 6.0)))
    if rng.random() < 0.5:
        shown = gaussian_filter(shown, rng.uniform(0.2, 0.9))
    down = np.linspace(-1, 1, shown.shape[0])[:, None]
    along = np.linspace(-1, 1, shown.shape[1])[None, :]
    shown = shown + rng.normal(0, 0.06) * down + rng.normal(0, 0.06) * along
    grain = gaussian_filter(rng.normal(size=shown.shape), rng.uniform(0.3, 1.0))
    shown = shown + rng.uniform(0.0, 0.05) * grain / grain.std()
    return stretched(shown.astype(np.float32))


def stretched(film: Floats) -> Floats:
    """Return a film from its 0.5th to its 99.5th percentile as [0, 1]."""
    low, high = np.percentile(film, (0.5, 99.5))
    scaled: Floats = np.clip((film - low) / max(float(high - low), 1e-6), 0, 1).astype(np.float32)
    return scaled


def burned(film: Floats, rng: np.random.Generator) -> Floats:
    """Return a film with what surrounds real ones: a dark or bright collimated border and a side marker."""
    made = film.copy()
    size = made.shape[0]
    if rng.random() < 0.4:
        edge = [int(v) for v in rng.integers(0, max(2, size // 14), 4)]
        level = float(rng.choice([0.0, 0.02, 1.0]))
        made[: edge[0]], made[size - edge[1] :] = level, level
        made[:, : edge[2]], made[:, size - edge[3] :] = level, level
    if rng.random() < 0.5:
        side = max(3, size // 24)
        row, column = (int(v) for v in rng.integers(0, (size // 4, size - side)))
        made[row : row + side, column : column + max(2, side // 2)] = 1.0
    return made


def unseen_tone(films: Floats, seed: int) -> Floats:
    """Films by a curve that training never draws: a steep sigmoid or a logarithm, with coarse grain."""
    shown = []
    for number, film in enumerate(films):
        rng = generator(seed, "unseen tone", number)
        steep, middle = rng.uniform(5, 11), rng.uniform(0.3, 0.6)
        curve = 1 / (1 + np.exp(-steep * (film - middle))) if rng.random() < 0.5 else np.log1p(steep * film)
        grain = np.kron(rng.normal(0, 0.01, (film.shape[0] // 2 + 1,) * 2), np.ones((2, 2)))
        shown.append(stretched((curve + grain[: film.shape[0], : film.shape[1]]).astype(np.float32)))
    return np.stack(shown)
