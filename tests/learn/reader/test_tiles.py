from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.core.errors import InputError
from hilum.core.image import Image
from hilum.learn.reader.tiles import cut, tiling

sides = st.integers(16, 4_000)


@settings(max_examples=30, deadline=None)
@given(height=sides, width=sides, tile=st.integers(8, 400), most=st.integers(1, 9))
def test_the_grid_is_the_one_that_llava_chooses(height, width, tile, most):
    reference = pytest.importorskip("transformers.image_processing_utils", reason="the reference is transformers'")
    grids = [(rows * tile, columns * tile) for rows in range(1, most + 1) for columns in range(1, most // rows + 1)]
    wanted = reference.select_best_resolution((height, width), grids)
    rows, columns = tiling((height, width), tile, most=most).grid
    assert (rows * tile, columns * tile) == wanted


@settings(max_examples=30, deadline=None)
@given(height=sides, width=sides, tile=st.integers(8, 400), data=st.data())
def test_a_box_goes_to_a_tile_and_back(height, width, tile, data):
    made = tiling((height, width), tile)
    number = data.draw(st.integers(0, made.grid[0] * made.grid[1]))
    x = sorted(data.draw(st.lists(st.floats(0, width), min_size=2, max_size=2)))
    y = sorted(data.draw(st.lists(st.floats(0, height), min_size=2, max_size=2)))
    back = made.to_film(made.to_tile((x[0], y[0], x[1], y[1]), number), number)
    assert back == pytest.approx((x[0], y[0], x[1], y[1]), abs=1e-6 * max(height, width))


@settings(max_examples=20, deadline=None)
@given(height=sides, width=sides, tile=st.integers(8, 400))
def test_the_tiles_cover_the_film_without_gaps(height, width, tile):
    made = tiling((height, width), tile)
    rows, columns = made.grid
    first, last = made.frame(1), made.frame(rows * columns)
    assert first[0] <= 0 <= width <= last[2] + 1e-6 * width
    assert first[1] <= 0 <= height <= last[3] + 1e-6 * height
    for number in range(1, rows * columns):
        here, following = made.frame(number), made.frame(number + 1)
        assert following[0] == pytest.approx(here[2] if number % columns else first[0])


def test_a_bright_square_lies_where_the_map_says():
    """A film that is not square: what is at a place of it is at that place of its tile."""
    pixels = np.zeros((120, 200), np.float32)
    pixels[70:90, 150:180] = 1.0
    tiles, made = cut(Image(pixels), 64)
    assert tiles.shape == (1 + made.grid[0] * made.grid[1], 64, 64)
    seen = 0
    for number, tile in enumerate(tiles):
        x0, y0, x1, y1 = np.clip(made.to_tile((150, 70, 180, 90), number), 0, 64)
        if (x1 - x0) * (y1 - y0) < 4:
            assert tile.max() < 0.2 or number == 0
            continue
        seen += 1
        inside = tile[int(np.ceil(y0 + 2)) : int(y1 - 2), int(np.ceil(x0 + 2)) : int(x1 - 2)]
        assert inside.size == 0 or inside.min() > 0.9
    assert seen >= 2


def test_a_film_that_fits_one_tile_is_not_enlarged_into_many():
    assert tiling((60, 60), 64).grid == (1, 1)
    assert tiling((128, 64), 64).grid == (2, 1)
    assert tiling((1000, 1000), 64).grid == (3, 3)


def test_what_cannot_be_cut_is_refused():
    with pytest.raises(InputError, match="positive numbers"):
        tiling((10, 0), 8)
    with pytest.raises(InputError, match="the tiles 0 to 1, got 2"):
        tiling((10, 10), 16).frame(2)
