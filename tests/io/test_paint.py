"""The painted film: right size, boxes where they belong, the caution always, nothing outside the drawings."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.core.errors import InputError
from hilum.core.finding import Finding
from hilum.core.image import Image, MadeBy
from hilum.core.region import Box, Mask, Points
from hilum.io.paint import COLOURS, MASK_COLOUR, paint, words
from tests.io.written import READER


def grey_film(rows: int = 400, columns: int = 300, *, inverted: bool = False) -> Image:
    """Mid grey with a dark and a bright corner, so that display spans its whole range."""
    pixels = np.full((rows, columns), 128.0)
    pixels[0, -1], pixels[0, -2] = 0, 255
    return Image(pixels, id="film", inverted=inverted)


def places(picture: np.ndarray, colour: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    return np.nonzero((picture == colour).all(2))


def test_nothing_to_draw_leaves_the_film_as_displayed() -> None:
    film = grey_film()
    picture = paint(film, [])
    assert picture.shape == (400, 300, 3)
    assert picture.dtype == np.uint8
    shown = np.rint(film.display() * 255).astype(np.uint8)
    assert np.array_equal(picture[:350], np.repeat(shown[:350, :, None], 3, axis=2))


def test_polarity_is_the_displays() -> None:
    film = grey_film(inverted=True)
    assert paint(film, [])[0, -1].tolist() == [255] * 3
    assert paint(grey_film(), [])[0, -1].tolist() == [0] * 3


def test_a_box_is_drawn_on_its_edge_pixels() -> None:
    finding = Finding("lung mass", regions=(Box(50, 100, 150, 220, "film"),))
    rows, columns = places(paint(grey_film(), [finding], opacity=1.0), COLOURS[0])
    edge = (rows >= 100) & (rows < 220) & (columns >= 50) & (columns < 150)
    assert (rows[edge].min(), rows[edge].max()) == (100, 219)
    assert (columns[edge].min(), columns[edge].max()) == (50, 149)
    inner = (rows > 105) & (rows < 210) & (columns > 55) & (columns < 145)
    assert not inner.any(), "the inside stays free to look at"
    label = paint(grey_film(), [finding], opacity=1.0)[80:100, 50:110]
    assert (label == 0).all(2).any(), "the label's ground stands above the box"
    assert (label[..., 0] > label[..., 2].astype(int) + 60).any(), "in the box's colour"


def test_a_smaller_picture_moves_the_box_with_it() -> None:
    finding = Finding("lung mass", regions=(Box(100, 200, 200, 400, "film"),))
    picture = paint(grey_film(800, 600), [finding], opacity=1.0, longest=400)
    assert picture.shape == (400, 300, 3)
    rows, columns = places(picture, COLOURS[0])
    below = rows >= 100
    assert (columns[below].min(), columns[below].max(), rows.max()) == (50, 99, 199)


def test_a_film_is_never_enlarged() -> None:
    assert paint(grey_film(40, 30), [], longest=1000).shape == (40, 30, 3)


def test_each_finding_has_its_colour_and_others_films_are_left_out() -> None:
    findings = [
        Finding("lung mass", regions=(Box(10, 100, 60, 150, "film"),)),
        Finding("lung nodule", regions=(Box(10, 200, 60, 250, "another"),)),
        Finding("hernia", regions=(Box(150, 200, 200, 250),)),
    ]
    picture = paint(grey_film(), findings, opacity=1.0)
    assert places(picture, COLOURS[0])[0].size > 0
    assert places(picture, COLOURS[1])[0].size == 0
    assert places(picture, COLOURS[2])[0].size > 0


def test_masks_and_points_are_framed() -> None:
    inside = np.zeros((400, 300), bool)
    inside[100:140, 50:90] = True
    line = Points(np.array([[150, 200], [180, 240]]), "film")
    flat = Points(np.array([[10, 10], [20, 10]]), "film")
    findings = [Finding("lung opacity", regions=(Mask(inside, "film"),)), Finding("fracture", regions=(line, flat))]
    picture = paint(grey_film(), findings, opacity=1.0)
    rows, columns = places(picture, COLOURS[0])
    assert (rows.max(), columns[rows >= 100].min(), columns[rows >= 100].max()) == (139, 50, 89)
    assert places(picture, COLOURS[1])[0].max() == 239


def test_a_contour_follows_the_mask_from_inside() -> None:
    inside = np.zeros((400, 300), bool)
    inside[100:200, 50:150] = True
    picture = paint(grey_film(), [], [Mask(inside, "film", "lungs")], opacity=1.0)
    rows, columns = places(picture, MASK_COLOUR)
    assert inside[rows, columns].all()
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (100, 199, 50, 149)
    assert (picture[150, 100] != MASK_COLOUR).any()
    assert rows.size < 500


def test_opacity_blends_drawings_but_not_the_caution() -> None:
    finding = Finding("lung mass", regions=(Box(50, 100, 150, 220, "film"),))
    clear, half, full = (paint(grey_film(), [finding], opacity=value)[219, 100] for value in (0.0, 0.5, 1.0))
    assert clear.tolist() == [128] * 3
    assert full.tolist() == list(COLOURS[0])
    assert np.abs(half.astype(int) - (clear.astype(int) + full) / 2).max() <= 1
    strip = paint(grey_film(), [], opacity=0.0)[-15:]
    assert (strip > 230).all(2).any(), "white letters"
    assert (strip == 0).all(2).any(), "on black"


def test_the_caution_names_the_model_and_fits_any_width() -> None:
    long = MadeBy("a model with a very long name indeed", "12.34.56", "ab" * 32)
    for columns in (60, 120, 1000):
        film = grey_film(200, columns)
        plain, named = paint(film, []), paint(film, [], made_by=long)
        assert (plain != named).any()
        black = np.nonzero((named[-4] == 0).all(1))[0]
        assert black.max() <= columns - 1
        if columns == 1000:
            assert black.max() < 990, "the line ends inside the picture"
    assert (paint(grey_film(), [], made_by=READER) != paint(grey_film(), [], made_by=long)).any()


def test_labels_do_not_cover_each_other() -> None:
    def black(count: int) -> int:
        same = [Finding("lung mass", regions=(Box(50, 100, 150, 220, "film"),)) for _ in range(count)]
        picture = paint(grey_film(), same, opacity=1.0)
        return int((picture[:300] == 0).all(2).sum())

    one, two, three = (black(count) for count in (1, 2, 3))
    assert two > 1.8 * one, "a second label has its own ground"
    assert three > 2.6 * one


def test_words_state_what_is_known() -> None:
    assert words(Finding("pneumothorax", probability=0.834)) == "pneumothorax 0.83"
    assert words(Finding("pneumothorax", "absent")) == "no pneumothorax"
    assert words(Finding("pneumothorax", "uncertain", 0.5)) == "possible pneumothorax 0.50"


def test_wrong_arguments_are_told() -> None:
    with pytest.raises(InputError, match="opacity"):
        paint(grey_film(), [], opacity=1.5)
    with pytest.raises(InputError, match=r"lungs.*\(3, 4\)"):
        paint(grey_film(), [], [Mask(np.ones((3, 4), bool), label="lungs")])


@settings(max_examples=20, deadline=None)
@given(
    st.integers(1, 90),
    st.integers(1, 90),
    st.lists(st.tuples(*[st.floats(-200, 200)] * 2, *[st.floats(0.01, 300)] * 2), max_size=3),
    st.one_of(st.none(), st.integers(1, 200)),
    st.text(min_size=1, max_size=12),
)
def test_any_box_on_any_film_can_be_painted(
    rows: int, columns: int, boxes: list[tuple[float, ...]], longest: int | None, name: str
) -> None:
    film = Image(np.arange(rows * columns, dtype=float).reshape(rows, columns), id="film")
    finding = Finding(name, regions=tuple(Box(x, y, x + w, y + h, "film") for x, y, w, h in boxes))
    picture = paint(film, [finding], longest=longest)
    assert picture.ndim == 3
    assert max(picture.shape[:2]) == min(max(rows, columns), longest or max(rows, columns))
