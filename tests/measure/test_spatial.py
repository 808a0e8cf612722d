"""Areas of unions of boxes against a fine grid, and RadFact's own pixel masks."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.core.errors import InputError
from hilum.measure.spatial import Corners, area, checked, on_grid, overlap, share_inside

FINE = 200
_SIDE = st.integers(0, FINE)


@st.composite
def boxes(draw: st.DrawFn, most: int = 4) -> tuple[Corners, ...]:
    """Boxes whose sides lie on the fine grid, so that the grid's count is exact."""
    made = []
    for _ in range(draw(st.integers(0, most))):
        (x0, x1), (y0, y1) = (sorted(draw(st.sets(_SIDE, min_size=2, max_size=2))) for _ in range(2))
        made.append((x0 / FINE, y0 / FINE, x1 / FINE, y1 / FINE))
    return tuple(made)


def drawn(told: tuple[Corners, ...]) -> np.ndarray:
    mask = np.zeros((FINE, FINE), dtype=bool)
    for x0, y0, x1, y1 in told:
        mask[round(y0 * FINE) : round(y1 * FINE), round(x0 * FINE) : round(x1 * FINE)] = True
    return mask


@settings(max_examples=60, deadline=None)
@given(boxes(), boxes())
def test_unions_and_what_they_share_equal_a_fine_grid(one: tuple[Corners, ...], other: tuple[Corners, ...]) -> None:
    a, b = drawn(one), drawn(other)
    assert area(one) == pytest.approx(a.mean())
    assert area(one, other) == pytest.approx((a & b).mean())
    if a.any():
        assert share_inside(one, other) == pytest.approx((a & b).sum() / a.sum())
    else:
        assert math.isnan(share_inside(one, other))
    if (a | b).any():
        assert overlap(one, other) == pytest.approx((a & b).sum() / (a | b).sum())
        assert overlap(one, other) == overlap(other, one)
    else:
        assert math.isnan(overlap(one, other))


@settings(max_examples=30, deadline=None)
@given(boxes())
def test_the_exact_area_is_near_that_of_radfacts_mask(told: tuple[Corners, ...]) -> None:
    assert abs(area(told) - on_grid(told).mean()) < 0.04


@settings(max_examples=30, deadline=None)
@given(boxes(), boxes())
def test_the_share_by_pixels_is_that_of_radfacts_masks(one: tuple[Corners, ...], other: tuple[Corners, ...]) -> None:
    a, b = on_grid(one), on_grid(other)
    share = share_inside(one, other, pixels=True)
    assert math.isnan(share) if not a.any() else share == pytest.approx((a & b).sum() / a.sum())


def test_a_box_thinner_than_a_pixel_is_lost_in_pixels_only() -> None:
    thin = ((0.5, 0.1, 0.501, 0.9),)
    assert math.isnan(share_inside(thin, ((0.0, 0.0, 1.0, 1.0),), pixels=True))
    assert share_inside(thin, ((0.0, 0.0, 1.0, 1.0),)) == pytest.approx(1.0)


def test_by_hand() -> None:
    square = ((0.0, 0.0, 0.5, 0.5),)
    assert area(square * 3) == 0.25  # the same box thrice is one
    assert area(((0.0, 0.0, 0.5, 1.0), (0.25, 0.0, 0.75, 1.0))) == 0.75
    assert share_inside(((0.4, 0.4, 0.5, 0.5),), ((0.0, 0.0, 1.0, 1.0),)) == pytest.approx(1.0)  # a tiny box passes,
    assert overlap(((0.4, 0.4, 0.5, 0.5),), ((0.0, 0.0, 1.0, 1.0),)) == pytest.approx(0.01)  # and the overlap tells
    assert area(()) == 0.0
    assert on_grid(((0.0, 0.0, 1.0, 0.5),), size=4).tolist() == [[True] * 4] * 2 + [[False] * 4] * 2


@pytest.mark.parametrize(
    "box", [(0.5, 0, 0.5, 1), (0.6, 0, 0.5, 1), (0, 0, 1, 1.1), (-0.1, 0, 1, 1), (0, 0, 1), (0, 0, math.nan, 1)]
)
def test_what_is_no_box_is_refused(box: tuple[float, ...]) -> None:
    with pytest.raises(InputError, match="x0 < x1"):
        checked([box])


def test_boxes_come_back_as_numbers() -> None:
    assert checked([[0, 0, 1, 1]]) == ((0.0, 0.0, 1.0, 1.0),)
