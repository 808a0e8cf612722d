"""Shapes and levels of lungs and heart against drawn chests whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from hilum.core.errors import InputError
from hilum.measure.realism_shape import lung_contrast, lung_shape, silhouette_ctr


def chest(heart: float, *, size: int = 200, lung: float = 0.2, middle: float = 0.8) -> tuple[np.ndarray, np.ndarray]:
    """A film with a box of lungs, 0.8 wide and high, and a heart of a share of that width in its lower half."""
    film, lungs = np.full((size, size), middle), np.zeros((size, size), bool)
    inside = slice(size // 10, size - size // 10)
    lungs[inside, inside] = True
    film[inside, inside] = lung
    width = 0.8 * size
    for half, rows in ((0.05 * width, slice(size // 10, size // 2)), (heart * width / 2, slice(size // 2, size))):
        film[rows, round(size / 2 - half) : round(size / 2 + half)] = middle
    return film, lungs


def test_a_drawn_box_has_its_own_area_aspect_and_width() -> None:
    mask = np.zeros((100, 200), bool)
    mask[10:70, 20:60] = mask[10:70, 100:140] = True
    found = lung_shape(mask)
    assert found.area == pytest.approx(2 * 60 * 40 / (100 * 200))
    assert found.aspect == pytest.approx(60 / 120)
    assert found.width == pytest.approx(120 / 200)


def test_the_whole_frame_is_all_lung() -> None:
    found = lung_shape(np.ones((30, 60)))
    assert (found.area, found.aspect, found.width) == (1.0, 0.5, 1.0)


@pytest.mark.parametrize("heart", [0.35, 0.45, 0.55, 0.7])
def test_the_ratio_of_a_drawn_heart_is_found(heart: float) -> None:
    assert silhouette_ctr(*chest(heart)) == pytest.approx(heart, abs=0.025)


@pytest.mark.parametrize("heart", [0.4, 0.6])
def test_the_ratio_does_not_know_grey_levels_or_size(heart: float) -> None:
    film, lungs = chest(heart)
    assert silhouette_ctr(0.3 * film + 0.5, lungs) == pytest.approx(silhouette_ctr(film, lungs), abs=1e-9)
    assert silhouette_ctr(*chest(heart, size=400)) == pytest.approx(silhouette_ctr(film, lungs), abs=0.02)


def test_noise_does_not_move_a_heart_border(draw: np.random.Generator) -> None:
    film, lungs = chest(0.5)
    noisy = np.clip(film + 0.05 * draw.normal(size=film.shape), 0, 1)
    assert silhouette_ctr(noisy, lungs) == pytest.approx(0.5, abs=0.04)


def test_rows_below_the_dome_do_not_count() -> None:
    film, lungs = chest(0.5)
    film[150:180] = 0.8  # the abdomen is as white as the heart over the whole width
    assert silhouette_ctr(film, lungs) == pytest.approx(0.5, abs=0.03)


def test_a_white_side_has_no_heart_border() -> None:
    film, lungs = chest(0.5)
    film[:, 100:] = 0.8
    assert np.isnan(silhouette_ctr(film, lungs))


def test_contrast_is_the_step_over_the_range() -> None:
    film, lungs = chest(0.4)
    assert lung_contrast(film, lungs) == pytest.approx(1.0, abs=0.02)
    film[:16], film[-16:] = 0.0, 1.0  # 8 % of black and of white make the range from 5 to 95 % the whole one
    assert lung_contrast(film, lungs) == pytest.approx(0.6)


def test_what_cannot_be_measured_is_said() -> None:
    film, lungs = chest(0.4)
    with pytest.raises(InputError, match="some lung in it"):
        lung_shape(np.zeros((10, 10)))
    with pytest.raises(InputError, match="bring them to one size"):
        silhouette_ctr(film, lungs[:50])
    with pytest.raises(InputError, match="constant film"):
        lung_contrast(np.full((200, 200), 0.5), lungs)
