"""Boxes, frames, calibration and draws: laws on made data."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.core.geometry import Letterbox
from hilum.learn.batch import draw as draw_rows
from hilum.learn.calibrate import Platt, fit_platt
from hilum.learn.frame import frame, stretch, unframe
from hilum.learn.localise import boxes_of, enlarge, largest

SIZE = 80


def blobs(*places: tuple[int, int, float]) -> np.ndarray:
    """Squares of 12 x 12 of the given height on a map of zeros, at the frame's own size."""
    field = np.zeros((SIZE, SIZE), np.float32)
    for row, column, height in places:
        field[row : row + 12, column : column + 12] = height
    return field


def test_two_equal_blobs_give_two_boxes_where_they_are() -> None:
    found = boxes_of(blobs((10, 8, 5.0), (50, 60, 5.0)), size=SIZE)
    assert {box[:4] for box in found} == {(8.0, 10.0, 20.0, 22.0), (60.0, 50.0, 72.0, 62.0)}
    assert {box.score for box in found} == {5.0}


@pytest.mark.parametrize(("grey", "boxed"), [(58, False), (62, True), (178, True), (182, True)])
def test_a_second_blob_counts_from_the_lower_grey_level(grey: int, boxed: bool) -> None:
    found = boxes_of(blobs((10, 8, 255.0), (50, 60, float(grey))), size=SIZE)
    assert ((60.0, 50.0, 72.0, 62.0) in {box[:4] for box in found}) == boxed
    assert found[0][:4] == (8.0, 10.0, 20.0, 22.0)


@pytest.mark.parametrize(("core", "boxes"), [(170.0, 1), (190.0, 2)])
def test_the_upper_grey_level_boxes_the_core_of_a_halo(core: float, boxes: int) -> None:
    field = blobs((60, 60, 255.0))
    field[10:40, 10:40] = 100.0
    field[20:30, 20:30] = core
    found = [box for box in boxes_of(field, size=SIZE, keep=9) if box.x1 <= 40]
    assert len(found) == boxes
    assert (10.0, 10.0, 40.0, 40.0) in {box[:4] for box in found}
    assert ((20.0, 20.0, 30.0, 30.0) in {box[:4] for box in found}) == (boxes == 2)


@pytest.mark.parametrize("value", [0.0, -7.5, float("nan")])
def test_a_map_that_says_nothing_has_no_boxes(value: float) -> None:
    assert boxes_of(np.full((8, 8), value, np.float32), size=SIZE) == []


def test_crumbs_below_the_smallest_share_are_left_out() -> None:
    field = blobs((50, 50, 5.0))
    field[5:8, 5:8] = 5.0
    assert len(boxes_of(field, size=SIZE, smallest=0.01)) == 1
    assert len(boxes_of(field, size=SIZE, smallest=0.001)) == 2


@given(st.integers(0, 66), st.integers(0, 66), st.floats(0.5, 20), st.floats(-9, 9))
@settings(max_examples=40, deadline=None)
def test_boxes_move_with_the_map_and_ignore_its_scale(row: int, column: int, gain: float, shift: float) -> None:
    field = blobs((row, column, 1.0))
    (box,) = boxes_of(field * np.float32(gain) + np.float32(shift), size=SIZE)
    assert box[:4] == (column, row, column + 12, row + 12)
    assert box.score == pytest.approx(gain + shift, abs=1e-4)
    (flipped,) = boxes_of(np.ascontiguousarray(field[:, ::-1]), size=SIZE)
    assert (flipped.x0, flipped.x1) == (SIZE - column - 12, SIZE - column)


def test_enlarging_stays_within_the_range_of_the_map(draw: np.random.Generator) -> None:
    field = draw.normal(size=(7, 7)).astype(np.float32)
    large = enlarge(field, SIZE)
    assert large.shape == (SIZE, SIZE)
    assert field.min() - 1e-5 <= large.min() <= large.max() <= field.max() + 1e-5
    assert large.mean() == pytest.approx(field.mean(), abs=0.1)


def test_the_largest_parts_are_a_subset_and_doing_it_twice_changes_nothing(draw: np.random.Generator) -> None:
    ndimage = pytest.importorskip("scipy.ndimage")
    for share in (0.3, 0.45, 0.6):
        mask = draw.random((30, 30)) < share
        kept = largest(mask)
        assert not (kept & ~mask).any()
        assert np.array_equal(largest(kept), kept)
        assert ndimage.label(kept)[1] <= 2
        areas = np.bincount(ndimage.label(mask)[0].ravel())[1:]
        assert np.bincount(ndimage.label(kept)[0].ravel())[1:].max() == areas.max()


@given(st.integers(3, 90), st.integers(3, 90), st.sampled_from([32, 33, 64]))
@settings(max_examples=50, deadline=None)
def test_odd_sizes_are_framed_and_come_back_whole(height: int, width: int, size: int) -> None:
    ramp = np.linspace(0, 1, width, dtype=np.float32)[None, :].repeat(height, 0)
    square, box = frame(ramp, size)
    assert square.shape == (size, size)
    assert (square.min(), square.max()) == (0.0, 1.0) or box.inner[1] < 3
    top, left = box.pad
    rows, columns = box.inner
    outside = np.ones_like(square, bool)
    outside[top : top + rows, left : left + columns] = False
    assert not square[outside].any()
    back = unframe(square, box)
    assert back.shape == (height, width)
    assert (np.diff(back[height // 2]) >= -1e-6).all()


@given(st.integers(5, 900), st.integers(5, 900), st.tuples(*[st.floats(0.05, 0.95)] * 4))
@settings(max_examples=60, deadline=None)
def test_boxes_come_back_through_the_letterbox(height: int, width: int, at: tuple[float, ...]) -> None:
    box = Letterbox(height, width, 64)
    x0, x1 = sorted((at[0] * width, at[1] * width))
    y0, y1 = sorted((at[2] * height, at[3] * height))
    there = box.to_frame((x0, y0, x1, y1))
    assert min(there) >= -1e-6
    assert max(there) <= 64 + 1e-6
    assert box.to_source(there) == pytest.approx((x0, y0, x1, y1), abs=1e-6 * max(height, width))
    assert box.to_source((-9, -9, 99, 99)) == (0.0, 0.0, float(width), float(height))


def test_stretching_twice_is_stretching_once_but_for_the_cut_ends(draw: np.random.Generator) -> None:
    once = stretch(draw.normal(size=(60, 70)).astype(np.float32))
    assert np.allclose(stretch(once, low=0, high=100), once, atol=1e-6)
    assert np.mean(once == 0) == pytest.approx(0.005, abs=0.002)


@given(st.lists(st.tuples(st.booleans(), st.floats(-6, 6)), min_size=4, max_size=50))
@settings(max_examples=50, deadline=None)
def test_calibration_keeps_the_order_of_films_whatever_they_are(films: list[tuple[bool, float]]) -> None:
    target, logit = np.array([t for t, _ in films]), np.array([x for _, x in films])
    if target.all() or not target.any():
        with pytest.raises(ValueError, match="with and without"):
            fit_platt(logit, target, fitted_on="made")
        return
    platt = fit_platt(logit, target, fitted_on="made")
    said = platt(np.sort(logit))
    assert platt.slope > 0
    assert all(a <= b for a, b in pairwise(said))
    assert ((said > 0) & (said < 1)).all()
    order = np.random.default_rng(len(films)).permutation(len(films))
    again = fit_platt(logit[order], target[order], fitted_on="made")
    assert again(logit) == pytest.approx(platt(logit), abs=1e-6)


def test_the_id_of_a_calibration_stays_and_changes_with_every_part() -> None:
    base = Platt(1.25, -0.5, "made films", 40, 12)
    assert base.id == "platt-" + __import__("hashlib").sha256(b"1.250000 -0.500000 made films 40 12").hexdigest()[:8]
    others = [Platt(1.26, -0.5, "made films", 40, 12), Platt(1.25, -0.4, "made films", 40, 12),
              Platt(1.25, -0.5, "other films", 40, 12), Platt(1.25, -0.5, "made films", 41, 12),
              Platt(1.25, -0.5, "made films", 40, 13)]  # fmt: skip
    assert len({base.id, *(other.id for other in others)}) == 6


@given(st.dictionaries(st.sampled_from("abcde"), st.floats(0.01, 5), min_size=1), st.integers(1, 64), st.integers(0, 9))
@settings(max_examples=50, deadline=None)
def test_a_batch_is_full_and_no_group_is_off_its_share_by_a_film(
    shares: dict[str, float], size: int, step: int
) -> None:
    groups = np.array(list("abcde") * 3 + ["z"] * 40)
    rows = draw_rows(groups, shares, size=size, seed=1, step=step)
    drawn = groups[rows]
    assert len(rows) == size
    assert set(drawn) <= set(shares)
    for name, share in shares.items():
        assert abs((drawn == name).sum() - size * share / sum(shares.values())) < 1 + 1e-9
    assert np.array_equal(rows, draw_rows(groups, shares, size=size, seed=1, step=step))
