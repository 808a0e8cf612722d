"""Three ways from what rays cross to grey levels: two published kinds of DRR, and films whose physics is drawn.

The drawn physics: a harder or softer beam (the weight of bone), scatter as a blurred part of the primary beam, photon
noise, focal blur, logarithm or square root, percentile window, and a curve: a power and a random rising polygon for
training, a sigmoid with edge processing for the films that networks are judged on and never trained on.
Attenuation at 60 to 80 keV: NIST, mass attenuation of water 0.206 to 0.184 and of cortical bone 0.315 to 0.223 cm2/g.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, zoom

from hilum.core.seed import generator
from hilum.systems._drr_rate_render import eight_bit

Floats = NDArray[np.float32]
Grey = NDArray[np.uint8]
_WATER, _BONE = (0.206, 0.184), (0.315, 0.223)  # cm2/g at 60 and 80 keV
_ROWS = 96
"""Rows that blurs are given for; other films scale them."""
_COARSE = 64
"""Rows of the coarsest real films; half of all training films are read through as few, in every arm."""


@dataclass(frozen=True, eq=False)
class Paths:
    """What the rays of one exposure cross.

    Args:
        above: (H, W) HU over the threshold of DRR-RATE times mm.
        soft, bone: (H, W) areal density in g/cm2.
    """

    above: Floats
    soft: Floats
    bone: Floats


@dataclass(frozen=True)
class Look:
    """One draw of film physics.

    Args:
        hardness: 0 for 60 keV, 1 for 80 keV.
        scatter: scattered over primary signal.
        scatter_px: blur of the scatter, in pixels of a film of 96 rows, as all blurs here.
        noise: standard deviation of the signal, share of its root, at a signal of 1.
        blur_px: focal spot and screen.
        root: the film shows the square root of the signal instead of its logarithm.
        low, high: percentiles of the window.
        power: of the curve.
        edge: how much of the difference to a blurred film is added.
        sigmoid: steepness of a sigmoid, 0 for none.
        knots: heights that a rising polygon is made of, () for none.
    """

    hardness: float
    scatter: float
    scatter_px: float
    noise: float
    blur_px: float
    root: bool = False
    low: float = 0.5
    high: float = 99.5
    power: float = 1.0
    edge: float = 0.0
    sigmoid: float = 0.0
    knots: tuple[float, ...] = ()

    def as_dict(self) -> dict[str, object]:
        """Return the draw for a log."""
        return asdict(self)


def threshold_film(paths: Paths) -> Grey:
    """Return DRR-RATE's picture: minimum to maximum of what lies above the threshold."""
    return eight_bit(paths.above)


def linear_film(paths: Paths) -> Grey:
    """Return the raw DRR of linear attenuation: minimum to maximum of the line integral."""
    return eight_bit(paths.soft + paths.bone)


def drawn_film(paths: Paths, seed: int, *names: str | int) -> Grey:
    """Return a film whose physics is drawn as for training."""
    rng = generator(seed, "film", *names)
    look = Look(
        hardness=float(rng.uniform(0, 1)), scatter=float(rng.uniform(0, 1.2)), scatter_px=float(rng.uniform(6, 16)),
        noise=float(10 ** rng.uniform(-3.0, -1.3)), blur_px=float(rng.uniform(0, 0.8)), root=bool(rng.random() < 0.15),
        low=float(rng.uniform(0, 6)), high=float(rng.uniform(92, 100)), power=float(2 ** rng.uniform(-0.9, 0.9)),
        edge=float(rng.uniform(0, 1.5)) if rng.random() < 0.5 else 0.0,
        knots=tuple(rng.dirichlet(np.full(6, 4.0))) if rng.random() < 0.5 else (),
    )  # fmt: skip
    return exposed(paths, look, rng)


def held_out_film(paths: Paths, seed: int, *names: str | int) -> Grey:
    """Return a film with physics that no network was trained on: another curve, always scatter and edges."""
    rng = generator(seed, "held-out film", *names)
    look = Look(
        hardness=0.6, scatter=float(rng.uniform(0.5, 1.0)), scatter_px=11.0, noise=float(rng.uniform(0.002, 0.01)),
        blur_px=0.4, low=1.0, high=99.0, edge=float(rng.uniform(0.4, 1.0)), sigmoid=float(rng.uniform(4.0, 7.0)),
    )  # fmt: skip
    return exposed(paths, look, rng)


def exposed(paths: Paths, look: Look, rng: np.random.Generator) -> Grey:
    """Return a film (H, W) by one draw of physics; dense is bright."""
    water, bone = (low + look.hardness * (high - low) for low, high in (_WATER, _BONE))
    primary = np.exp(-(water * paths.soft + bone * paths.bone))
    step = len(primary) / _ROWS
    signal = primary + look.scatter * gaussian_filter(primary, look.scatter_px * step)
    signal = gaussian_filter(signal, look.blur_px * step) if look.blur_px > 0 else signal
    signal = signal + look.noise * np.sqrt(signal * signal.mean()) * rng.standard_normal(signal.shape)
    signal = np.maximum(signal, 1e-6)
    shown = -np.sqrt(signal) if look.root else -np.log(signal)
    if look.edge:
        shown = shown + look.edge * (shown - gaussian_filter(shown, 3.0 * step))
    low, high = np.percentile(shown, (look.low, look.high))
    grey = np.clip((shown - low) / max(high - low, 1e-6), 0.0, 1.0) ** look.power
    if look.sigmoid:
        grey = 1.0 / (1.0 + np.exp(-look.sigmoid * (grey - 0.5)))
        grey = (grey - grey.min()) / max(float(np.ptp(grey)), 1e-6)
    if look.knots:
        heights = np.concatenate(([0.0], np.cumsum(look.knots)))
        grey = np.interp(grey, np.linspace(0, 1, len(heights)), heights)
    return np.asarray(np.rint(grey * 255.0), np.uint8)


def coarsened(film: Grey) -> Grey:
    """Return a film (H, H) as it looks when it was stored with 64 rows and enlarged again."""
    if len(film) <= _COARSE:
        return film
    small = zoom(gaussian_filter(film.astype(np.float32), 0.4 * len(film) / _COARSE), _COARSE / len(film), order=1)
    large = np.clip(zoom(small, len(film) / _COARSE, order=1), 0, 255)
    return np.asarray(np.rint(large), np.uint8)
