from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.core.errors import InputError
from hilum.core.geometry import Letterbox
from hilum.core.region import Box
from hilum.learn.reader.boxes import CODECS, clipped, codec_of, frame_of

CROPS = ("whole", "centre_square", "letterbox")
NAMES = tuple(CODECS)
sizes = st.tuples(st.integers(20, 3_000), st.integers(20, 3_000))  # hardly ever square


@st.composite
def cases(draw: st.DrawFn) -> tuple[tuple[int, int], Box]:
    """A film and a box that may reach far out of it."""
    height, width = draw(sizes)
    x = sorted(draw(st.lists(st.floats(-0.5 * width, 1.5 * width), min_size=2, max_size=2)))
    y = sorted(draw(st.lists(st.floats(-0.5 * height, 1.5 * height), min_size=2, max_size=2)))
    return (height, width), Box(x[0], y[0], max(x[1], x[0] + 1e-3), max(y[1], y[0] + 1e-3))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("crop", CROPS)
@settings(max_examples=40, deadline=None)
@given(case=cases())
def test_a_box_comes_back_within_half_a_bin_of_what_lies_in_the_frame(name, crop, case):
    size, box = case
    codec, frame = codec_of(name), frame_of(size, crop)
    edges, lost = clipped(box, frame)
    coded = codec.encode(box, size, crop)
    assert coded.lost == lost
    if edges is None:
        assert (coded.text, coded.lost) == ("", 1.0)
        return
    back = codec.decode(coded.text, size, crop)
    film = (0.0, 0.0, float(size[1]), float(size[0]))
    if clipped(Box(*edges), film)[0] is None:  # all of it on the padding of a letterbox
        return
    if not back.boxes:  # a sliver at the film's edge that rounds onto the padding
        assert any("outside the film" in each for each in back.errors)
        return
    step = codec.step(frame)
    slack = 1.0 if coded.thin else 0.5
    for axis, edge in enumerate(back.boxes[0].corners):
        wanted = min(max(edges[axis], film[axis % 2]), film[axis % 2 + 2])
        assert abs(edge - wanted) <= slack * step[axis % 2] + 1e-6 * max(size)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=30, deadline=None)
@given(case=cases())
def test_the_share_lost_is_the_area_outside_the_frame(name, case):
    size, box = case
    lost = codec_of(name).encode(box, size, "centre_square").lost
    x0, y0, x1, y1 = frame_of(size, "centre_square")
    width = max(0.0, min(box.x1, x1) - max(box.x0, x0))
    height = max(0.0, min(box.y1, y1) - max(box.y0, y0))
    assert lost == pytest.approx(1 - width * height / box.area, abs=1e-6)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=50, deadline=None)
@given(text=st.text(alphabet="<>xy0123456789[](),.|/box -and", max_size=80))
def test_any_text_is_read_without_a_fault_and_boxes_lie_on_the_film(name, text):
    found = codec_of(name).decode(text, (60, 90), "letterbox")
    for box in found.boxes:
        assert 0 <= box.x0 < box.x1 <= 90
        assert 0 <= box.y0 < box.y1 <= 60


@pytest.mark.parametrize(
    "name, text",
    [
        ("bin_tokens", "<box><x10><y20><x49><y59></box>"),
        ("tagged_int", "<|box|>(10,20),(50,60)<|/box|>"),
        ("decimal_text", "[0.10, 0.20, 0.50, 0.60]"),
        ("pixel_text", "(20, 20), (100, 60)"),
    ],
)
def test_each_codec_writes_as_its_system_does(name, text):
    assert codec_of(name).encode(Box(20.5, 20.2, 99.6, 59.8), (100, 200)).text == text


def test_bins_are_read_at_their_middle():
    (box,) = codec_of("bin_tokens").decode("<box><x0><y0><x99><y49></box>", (200, 400)).boxes
    assert box.corners == pytest.approx((0.5 * 4, 0.5 * 2, 99.5 * 4, 49.5 * 2))


def test_reversed_corners_are_swapped_and_told():
    for name, text in (
        ("bin_tokens", "<box><x50><y59><x10><y20></box>"),
        ("tagged_int", "<|box|>(50,60),(10,20)<|/box|>"),
        ("decimal_text", "[0.5, 0.6, 0.1, 0.2]"),
        ("pixel_text", "(50,60),(10,20)"),
    ):
        found = codec_of(name).decode(text, (100, 100))
        assert found.boxes[0].x0 < found.boxes[0].x1
        assert len([each for each in found.errors if "reversed" in each]) == 2, name


def test_numbers_outside_the_range_are_clipped_and_told():
    found = codec_of("tagged_int").decode("<|box|>(-5,20),(130,60)<|/box|>", (100, 100))
    assert found.boxes[0].corners == (0, 20, 100, 60)
    assert any("outside 0 to 100" in each for each in found.errors)


@pytest.mark.parametrize(
    "name, text, why",
    [
        ("bin_tokens", "<box><x1><y1><x2></box>", "x y x y"),
        ("bin_tokens", "<box><x1><y1><x2><y2>", "not closed"),
        ("tagged_int", "<|box|>(1,2)<|/box|>", "four numbers, got 2"),
        ("decimal_text", "[0.1, 0.2, 0.3]", "four numbers, got 3"),
        ("decimal_text", "[0.1, 0.2, 0.3, 0.4", "not closed"),
        ("pixel_text", "at 12, 14", "no box of two corners"),
    ],
)
def test_what_is_no_box_is_told_and_left_out(name, text, why):
    found = codec_of(name).decode(text, (100, 100))
    assert found.boxes == ()
    assert why in found.errors[0]


@pytest.mark.parametrize("name", [each for each in NAMES if each != "pixel_text"])
def test_equal_corners_become_one_bin(name):
    coded = codec_of(name).encode(Box(30.2, 40.2, 30.4, 40.4), (100, 200))
    assert coded.thin
    (box,) = codec_of(name).decode(coded.text, (100, 200)).boxes
    assert (box.x1 - box.x0, box.y1 - box.y0) == pytest.approx((2.0, 1.0))


def test_several_boxes_are_read_in_order():
    two = codec_of("decimal_text").decode("on the left [0.1, 0.1, 0.2, 0.2] and [0.5, 0.5, 0.75, 1.0].", (100, 100))
    assert [box.corners for box in two.boxes] == [(10, 10, 20, 20), (50, 50, 75, 100)]
    four = codec_of("pixel_text").decode("[1, 2, 3, 4] and (5,6),(7,8) or (1.5, 2) to (9, 10)", (100, 100), image="a")
    assert [box.corners for box in four.boxes] == [(1, 2, 3, 4), (5, 6, 7, 8), (1.5, 2, 9, 10)]
    assert {box.image for box in four.boxes} == {"a"}


def test_the_letterbox_frame_is_that_of_the_geometry():
    """The frame of a real letterbox, by mapping its corners back, differs by less than a frame pixel."""
    height, width, side = 60, 90, 512
    box = Letterbox(height, width, side)
    rows, columns = box.inner
    top, left = box.pad
    corners = (
        -left * width / columns,
        -top * height / rows,
        (side - left) * width / columns,
        (side - top) * height / rows,
    )
    assert np.abs(np.subtract(frame_of((height, width), "letterbox"), corners)).max() <= width / side


def test_unknown_names_are_refused():
    with pytest.raises(InputError, match="no box codec is called 'polar'"):
        codec_of("polar")
    with pytest.raises(InputError, match="unknown crop 'round'"):
        frame_of((10, 10), "round")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="rows and columns"):
        frame_of((0, 10))


def test_tokens_and_words_cover_what_is_written():
    for codec in CODECS.values():
        coded = codec.encode(Box(12, 34, 56, 78), (100, 100))
        control = {piece.text for piece in coded.pieces if piece.kind == "control"}
        assert control <= set(codec.tokens())
        letters = {letter for piece in coded.pieces if piece.kind == "text" for letter in piece.text}
        assert letters <= set("".join(codec.words()))
