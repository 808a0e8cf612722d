"""Shapes and levels of lungs against drawn chests whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from hilum.core.errors import InputError
from hilum.measure.realism_shape import lung_contrast, lung_shape


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
        lung_contrast(film, lungs[:50])
    with pytest.raises(InputError, match="constant film"):
        lung_contrast(np.full((200, 200), 0.5), lungs)
