"""The one road from film to network input, and back."""

from __future__ import annotations

import numpy as np
import pytest

from hilum.core.errors import InputError
from hilum.learn.frame import frame, stretch, unframe


def film(height: int, width: int) -> np.ndarray:
    return np.linspace(0.2, 0.7, height * width, dtype=np.float32).reshape(height, width)


@pytest.mark.parametrize(("height", "width"), [(100, 50), (50, 100), (64, 64), (301, 200), (7, 500)])
def test_a_film_keeps_its_shape_and_is_padded_with_black(height: int, width: int) -> None:
    square, box = frame(film(height, width), 64)
    rows, columns = box.inner
    top, left = box.pad
    assert square.shape == (64, 64)
    assert square.dtype == np.float32
    inside = np.zeros((64, 64), dtype=bool)
    inside[top : top + rows, left : left + columns] = True
    assert square[~inside].sum() == 0.0
    assert rows / columns == pytest.approx(height / width, rel=0.15) or min(rows, columns) == 1


def test_window_and_gain_do_not_matter() -> None:
    base = film(80, 60)
    first, second = frame(base, 64)[0], frame(base * 0.3 + 0.1, 64)[0]
    assert np.abs(first - second).max() < 2e-3


def test_polarity_does_matter() -> None:
    base = film(80, 60)
    assert (
        np.corrcoef(frame(base, 64)[0][8:56, 12:50].ravel(), frame(1 - base, 64)[0][8:56, 12:50].ravel())[0, 1] < -0.9
    )


def test_a_flat_film_is_black_and_finite() -> None:
    assert frame(np.full((40, 40), 0.5, np.float32), 32)[0].max() == 0.0
    assert stretch(np.zeros((4, 4), np.float32)).max() == 0.0


def test_stretch_spans_zero_to_one() -> None:
    shown = stretch(film(50, 50))
    assert shown.min() == 0.0
    assert shown.max() == 1.0


def test_a_colour_film_is_refused() -> None:
    with pytest.raises(InputError, match="H, W"):
        frame(np.zeros((4, 4, 3), np.float32), 32)


@pytest.mark.parametrize(("height", "width"), [(400, 300), (300, 400), (90, 90)])
def test_a_field_on_the_frame_lands_on_the_same_place_of_the_source(height: int, width: int) -> None:
    y, x = np.mgrid[:height, :width]
    truth = ((y - height * 0.6) ** 2 + (x - width * 0.3) ** 2 < (min(height, width) * 0.2) ** 2).astype(np.float32)
    square, box = frame(truth, 128)
    back = unframe(square, box) > 0.5
    assert back.shape == truth.shape
    overlap = 2 * (back & (truth > 0.5)).sum() / (back.sum() + truth.sum())
    assert overlap > 0.97


def test_boxes_go_there_and_back() -> None:
    _, box = frame(film(500, 333), 256)
    corners = (20.0, 40.0, 200.0, 444.0)
    assert np.allclose(box.to_source(box.to_frame(corners)), corners, atol=1e-6)
