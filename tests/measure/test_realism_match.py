"""Films with their look taken out, and pictures whose spectral slope is known from how they were made."""

from __future__ import annotations

import numpy as np
import pytest

from hilum.core.errors import InputError
from hilum.measure.realism_match import look, matched
from hilum.measure.spectrum import radial_spectrum_slope


def coloured(draw: np.random.Generator, slope: float, size: int = 320) -> np.ndarray:
    """A picture whose power falls as frequency to the given slope, in [0, 1]."""
    down, across = np.fft.fftfreq(size), np.fft.rfftfreq(size)
    frequency = np.hypot(down[:, None], across)
    frequency[0, 0] = 1.0
    waves = np.fft.rfft2(draw.normal(size=(size, size))) * frequency ** (slope / 2)
    picture = np.fft.irfft2(waves, s=(size, size))
    return (picture - picture.min()) / np.ptp(picture)


@pytest.mark.parametrize("slope", [0.0, -1.0, -2.0, -3.0])
def test_pictures_of_a_power_law_have_its_slope(draw: np.random.Generator, slope: float) -> None:
    assert radial_spectrum_slope(coloured(draw, slope)) == pytest.approx(slope, abs=0.15)


def test_a_matched_film_has_exactly_the_grey_levels_of_the_look(draw: np.random.Generator) -> None:
    wanted = look([coloured(draw, -2.0) for _ in range(4)])
    found = matched(coloured(draw, -3.0) * 0.2, wanted)
    assert found.shape == (96, 96)
    assert np.sort(found.ravel()) == pytest.approx(wanted.levels, abs=1e-6)


def test_a_matched_film_has_the_spectrum_of_the_look(draw: np.random.Generator) -> None:
    wanted, film = look([coloured(draw, -2.0) for _ in range(4)]), coloured(draw, -4.0)

    def off(picture: np.ndarray) -> float:
        return float(np.abs(np.log(look([picture]).power / wanted.power))[2:40].mean())

    assert off(np.clip(matched(film, wanted), 0, 1)) < 0.3  # setting grey levels last moves it a little
    assert off(film) > 1.0


def test_matching_keeps_where_things_are(draw: np.random.Generator) -> None:
    wanted = look([coloured(draw, -3.0) for _ in range(4)])
    film = np.full((96, 96), 0.7)
    film[30:60, 10:40] = 0.2
    found = matched(np.clip(film + 0.02 * draw.normal(size=film.shape), 0, 1), wanted)
    assert found[35:55, 15:35].mean() < found[35:55, 55:75].mean()


def test_nothing_can_be_matched_to_nothing() -> None:
    with pytest.raises(InputError, match="no films"):
        look([])
    with pytest.raises(InputError, match="constant"):
        look([np.full((20, 20), 0.5)])
