"""Films of the experiment: adults to learn from first, small bodies with a weak texture label, and textures of nothing.

Bodies are the drawn films of virtual patients. An infant is one of them made small, wide and grey, with fine granular
texture in its lungs whose strength follows a latent severity; severity is normal in both classes and as far apart as
gives one who knows it an AUROC of `ORACLE`. Nothing else tells the classes apart.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import affine_transform, gaussian_filter, zoom
from scipy.stats import norm

from hilum.core.errors import InputError
from hilum.core.seed import generator

Films = NDArray[np.uint8]
ORACLE, PREVALENCE = 0.85, 0.4
"""AUROC of one who knows the severity; share of moderate or severe disease."""
APART = float(np.sqrt(2.0) * norm.ppf(ORACLE))
"""Distance of the classes' mean severities, in standard deviations: the AUROC is Phi(APART / sqrt 2)."""
GRAIN, SPREAD = 0.20, 0.7
"""Amplitude of the texture at the mean severity, in grey levels of 1, and the log of its rise with one deviation."""
MOST = 0.45
"""Amplitude that the worst come near to."""
KINDS = 12
"""Classes of textures that the generic start is taught."""


@dataclass(frozen=True, eq=False)
class Infants:
    """Films of a site's children.

    Args:
        films: uint8 (N, S, S).
        bpd: bool (N,), moderate or severe.
        severity: float (N,), what an oracle knows.
    """

    films: Films
    bpd: NDArray[np.bool_]
    severity: NDArray[np.float64]

    def __len__(self) -> int:
        """Number of children, one film each."""
        return len(self.films)


def infants(bodies: Films, count: int, *, size: int, seed: int, prevalence: float = PREVALENCE) -> Infants:
    """Draw children of one site from films of drawn bodies.

    Args:
        bodies: uint8 (M, T, T), frontal, from which each child takes one.
        count: how many children.
        size: rows of their films.
        seed: of every draw.
        prevalence: share with moderate or severe disease, met exactly but for rounding.

    Raises:
        InputError: if there is no body, or the share leaves a class empty.
    """
    ill = round(prevalence * count)
    if not len(bodies) or not 0 < ill < count:
        raise InputError(f"{len(bodies)} bodies and {ill} of {count} ill: it takes a body, and children of both kinds")
    rng = generator(seed, "infants")
    bpd = rng.permutation(np.arange(count) < ill)
    severity = rng.normal(0.0, 1.0, count) + APART * (bpd - 0.5)
    films = np.stack([_child(bodies[rng.integers(len(bodies))], level, size, rng) for level in severity])
    return Infants(films, bpd, severity)


def _child(body: Films, severity: float, size: int, rng: np.random.Generator) -> Films:
    """One film: a small wide chest on black, flat tone, grain in the lungs, noise of few quanta."""
    high, wide = rng.uniform(0.62, 0.80), rng.uniform(0.72, 0.92)
    angle = np.deg2rad(rng.uniform(-6.0, 6.0))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = turn @ np.diag([body.shape[0] / (size * high), body.shape[1] / (size * wide)])
    centre = np.array([size, size]) / 2.0 + rng.uniform(-0.05, 0.05, 2) * size
    film = affine_transform(body.astype(np.float64) / 255.0, matrix, (np.array(body.shape) / 2.0) - matrix @ centre,
                            output_shape=(size, size), order=1)  # fmt: skip
    film = film ** np.exp(rng.uniform(-0.35, 0.35))
    grain = _grain(size, rng) * MOST * np.tanh(GRAIN * np.exp(SPREAD * severity) / MOST) * _lungs(film)
    haze = gaussian_filter(rng.normal(0.0, 1.0, (size, size)), size / 8.0) * size / 8.0 * 0.06 * _lungs(film)
    film = (film + grain + haze) * rng.uniform(0.75, 1.0) + rng.uniform(0.0, 0.12)
    film = film + rng.normal(0.0, rng.uniform(0.01, 0.035), film.shape)
    return np.asarray(np.rint(np.clip(film, 0.0, 1.0) * 255), np.uint8)


def _grain(size: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Noise of one scale, with a deviation of 1: finer than vessels, coarser than quanta."""
    fine = rng.uniform(0.7, 1.0)
    noise = rng.normal(0.0, 1.0, (size, size))
    band = gaussian_filter(noise, fine) - gaussian_filter(noise, 2.0 * fine)
    return np.asarray(band / band.std())


def _lungs(film: NDArray[np.float64]) -> NDArray[np.float64]:
    """How much of a lung each pixel is, 0 to 1: dark, and inside a body."""
    size = film.shape[0]
    smooth = gaussian_filter(film, size / 40.0)
    body = gaussian_filter((film > 0.06).astype(np.float64), size / 14.0)
    bright = max(float(np.percentile(smooth, 90)), 1e-3)
    dark: NDArray[np.float64] = np.clip(1.3 - 1.6 * smooth / bright, 0.0, 1.0)
    return np.asarray(dark * np.clip((body - 0.55) * 4.0, 0.0, 1.0))


def textures(count: int, *, size: int, seed: int) -> tuple[Films, NDArray[np.int64]]:
    """Draw pictures of no chest, and which of `KINDS` textures each is: what a generic start is taught.

    Three kinds each of waves (by direction), of clouds (by how fast their power falls), of spots (by size) and of
    tiles (by pitch), each with a tone of its own.
    """
    rng = generator(seed, "textures")
    kind = rng.integers(0, KINDS, count)
    made = np.stack([_texture(int(each), size, rng) for each in kind])
    return made, kind.astype(np.int64)


def _texture(kind: int, size: int, rng: np.random.Generator) -> Films:
    family, part = divmod(kind, 3)
    rows, columns = np.mgrid[:size, :size] / size
    if family == 0:
        angle = np.deg2rad(60.0 * part + rng.uniform(-20, 20))
        field = np.sin(2 * np.pi * rng.uniform(3, 14) * (rows * np.sin(angle) + columns * np.cos(angle)))
    elif family == 1:
        field = _cloud(size, (0.6, 1.3, 2.2)[part] + rng.uniform(-0.2, 0.2), rng)
    elif family == 2:
        seeds = (rng.random((size, size)) < 0.02).astype(np.float64)
        field = gaussian_filter(seeds, (0.8, 1.8, 3.5)[part] * rng.uniform(0.85, 1.15))
    else:
        tiles = (4, 8, 16)[part]
        field = zoom(rng.normal(0.0, 1.0, (tiles, tiles)), size / tiles, order=0, grid_mode=True, mode="nearest")
    field = (field - field.mean()) / (field.std() + 1e-9) + rng.normal(0.0, rng.uniform(0.05, 0.4), field.shape)
    film = 0.5 + field * rng.uniform(0.08, 0.22) + rng.uniform(-0.2, 0.2)
    return np.asarray(np.rint(np.clip(film, 0.0, 1.0) * 255), np.uint8)


def _cloud(size: int, fall: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Noise whose amplitude falls with frequency to a power."""
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(size), np.fft.rfftfreq(size), indexing="ij"))
    frequency[0, 0] = 1.0
    spectrum = np.fft.rfft2(rng.normal(0.0, 1.0, (size, size))) / frequency**fall
    spectrum[0, 0] = 0.0
    return np.asarray(np.fft.irfft2(spectrum, s=(size, size)))
