"""The slope of a picture with a known power law is that law, and blur and noise move it the way they must."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from hilum.core.errors import InputError
from hilum.measure.metric import metric
from hilum.measure.sets import ImageSets
from hilum.measure.spectrum import radial_spectrum, radial_spectrum_slope


def fractal(rng: np.random.Generator, slope: float, side: int = 320) -> np.ndarray:
    """A picture whose power falls as frequency to the power of `slope`, in [0, 1]."""
    f = np.fft.fftfreq(side)
    radius = np.hypot(f[:, None], f[None, :])
    radius[0, 0] = np.inf
    spectrum = np.fft.fft2(rng.normal(size=(side, side))) * radius ** (slope / 2)
    picture = np.fft.ifft2(spectrum).real
    return (picture - picture.min()) / np.ptp(picture)


@pytest.mark.parametrize("slope", [0.0, -1.0, -2.0, -3.0])
def test_the_slope_is_the_power_law_that_was_put_in(slope, draw) -> None:
    found = np.mean([radial_spectrum_slope(fractal(draw, slope)) for _ in range(5)])
    assert found == pytest.approx(slope, abs=0.12)


def test_grey_scale_does_not_matter_but_blur_and_noise_do(draw) -> None:
    film = fractal(draw, -3.0)
    slope = radial_spectrum_slope(film)
    assert radial_spectrum_slope(0.3 * film + 0.2) == pytest.approx(slope, abs=1e-6)
    assert radial_spectrum_slope(film * 1000, data_range=1000) == pytest.approx(slope)
    assert radial_spectrum_slope(gaussian_filter(film, 1.5)) < slope - 0.3
    assert radial_spectrum_slope(np.clip(film + draw.normal(0, 0.1, film.shape), 0, 1)) > slope + 0.3


def test_size_hardly_matters(draw) -> None:
    film = fractal(draw, -2.5, 640)
    assert radial_spectrum_slope(film) == pytest.approx(-2.5, abs=0.35)  # brought down to 256 by a filter that blurs


def test_a_single_wave_stands_in_its_own_ring() -> None:
    x = np.arange(320)
    wave = np.tile(0.5 + 0.4 * np.sin(2 * np.pi * 20 * x / 256), (320, 1))
    assert radial_spectrum(wave)[4:].argmax() + 4 == 20


def test_constant_films_are_unscored_and_the_gap_is_that_of_the_means(draw) -> None:
    real, made = ([fractal(draw, slope) for _ in range(4)] for slope in (-3.0, -2.0))
    scored = metric("radial-spectrum-slope")(ImageSets(real, [*made, np.zeros((64, 64))]))
    assert scored.value == pytest.approx(1.0, abs=0.2)
    assert scored.unscored == {4: "a constant picture has no spectrum"}
    assert scored.values[:4].mean() == pytest.approx(-2.0, abs=0.3)
    with pytest.raises(InputError, match="ImageSets"):
        metric("radial-spectrum-slope")([1, 2])
