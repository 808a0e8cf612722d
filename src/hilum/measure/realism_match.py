"""Take spectrum and tone out of films, so that what still tells two sets apart is their content."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import InputError
from hilum.measure.features import squeeze
from hilum.measure.pictures import Floats

SIZE = 96


@dataclass(frozen=True, eq=False)
class Look:
    """What a set of films looks like apart from content.

    Args:
        power: mean power by ring of frequency, in whole cycles per picture, films at mean 0 and SD 1.
        levels: mean of the sorted grey levels (SIZE * SIZE,).
    """

    power: Floats
    levels: Floats


def _rings(size: int) -> NDArray[np.intp]:
    down, across = np.fft.fftfreq(size, 1.0 / size), np.fft.rfftfreq(size, 1.0 / size)
    found: NDArray[np.intp] = np.rint(np.hypot(down[:, None], across)).astype(np.intp)
    return found


def _standard(film: Floats) -> Floats:
    deviation = film.std()
    if deviation < 1e-9:
        raise InputError("a constant picture has no spectrum to match")
    return np.asarray((film - film.mean()) / deviation)


def _power(film: Floats, ring: NDArray[np.intp]) -> tuple[NDArray[np.complex128], Floats]:
    waves = np.fft.rfft2(film)
    power = np.abs(waves) ** 2
    mean = np.bincount(ring.ravel(), power.ravel()) / np.bincount(ring.ravel())
    return waves, np.asarray(mean)


def look(films: Sequence[Any], *, size: int = SIZE) -> Look:
    """Return the mean look of films of any sizes.

    Raises:
        InputError: if there are none, or one is constant.
    """
    if not len(films):
        raise InputError("there are no films to take a look from")
    ring = _rings(size)
    small = [squeeze(film, size).astype(np.float64) for film in films]
    power = np.mean([_power(_standard(film), ring)[1] for film in small], axis=0)
    return Look(power, np.mean([np.sort(film.ravel()) for film in small], axis=0))


def matched(film: Any, to: Look) -> NDArray[np.float32]:
    """Return a film (size, size) that has the power of a look in every ring, and then exactly its grey levels.

    Raises:
        InputError: if the film is constant or cannot be used.
    """
    size = round(len(to.levels) ** 0.5)
    ring = _rings(size)
    waves, power = _power(_standard(squeeze(film, size).astype(np.float64)), ring)
    gain = np.sqrt(to.power / np.maximum(power, 1e-12))
    changed = np.fft.irfft2(waves * gain[ring], s=(size, size))
    found = np.empty(size * size, np.float32)
    found[np.argsort(changed.ravel(), kind="stable")] = to.levels
    return found.reshape(size, size)
