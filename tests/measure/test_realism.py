"""Measures of realism against pictures whose grain and tones are known."""

from __future__ import annotations

import numpy as np
import pytest

from hilum.core.errors import InputError
from hilum.measure.realism import flat_lung_snr, grey_quantiles, tone_distance


def chest(noise: float, draw: np.random.Generator, size: int = 420) -> np.ndarray:
    """Two dark lungs in a bright body, smooth but for white noise."""
    y, x = np.mgrid[0:size, 0:size] / size
    lungs = np.exp(-((np.abs(x - 0.5) - 0.22) ** 2 / 0.01 + (y - 0.42) ** 2 / 0.06))
    return 0.8 - 0.55 * lungs + noise * draw.normal(size=(size, size))


@pytest.mark.parametrize("noise", [0.003, 0.01, 0.03])
def test_grain_is_the_noise_that_was_added(draw: np.random.Generator, noise: float) -> None:
    image = np.clip(chest(noise, draw), 0, 1)
    low, high = np.percentile(image[42:-42, 42:-42], [5, 95])
    assert (high - low) / flat_lung_snr(image) == pytest.approx(noise, rel=0.2)


def test_slow_changes_are_no_grain(draw: np.random.Generator) -> None:
    assert flat_lung_snr(chest(0.0, draw)) > 500


def test_wide_films_are_judged_by_their_central_square(draw: np.random.Generator) -> None:
    image = np.clip(chest(0.01, draw), 0, 1)
    wide = np.pad(image, ((0, 0), (40, 40)))
    assert flat_lung_snr(wide) == pytest.approx(flat_lung_snr(image))
    assert np.array_equal(grey_quantiles(wide), grey_quantiles(image))


def test_tones_are_as_far_apart_as_they_were_moved(draw: np.random.Generator) -> None:
    image = draw.uniform(0.2, 0.6, (100, 100))
    assert tone_distance(image, image) == 0
    assert tone_distance(image, image + 0.15) == pytest.approx(0.15)
    shuffled = draw.permutation(image.ravel()).reshape(image.shape)
    assert tone_distance(image, shuffled) < 0.02
    assert tone_distance(image, 1 - image) > 0.1


def test_films_without_lungs_or_pixels_are_refused(draw: np.random.Generator) -> None:
    with pytest.raises(InputError, match="168 pixels"):
        flat_lung_snr(np.ones((100, 100)))
    with pytest.raises(InputError, match="no patch of lung"):
        flat_lung_snr(np.zeros((300, 300)))
