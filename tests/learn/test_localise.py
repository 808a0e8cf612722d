"""Boxes by the ChestX-ray8 method on maps whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from hilum.learn.localise import THRESHOLDS, boxes_of, enlarge, largest


def bump(places: list[tuple[int, int, float]], size: int = 16) -> np.ndarray:
    y, x = np.mgrid[:size, :size]
    field = np.full((size, size), -4.0)
    for row, column, height in places:
        field = np.maximum(field, -4 + height * np.exp(-((y - row) ** 2 + (x - column) ** 2) / 4.0))
    return field.astype(np.float32)


def test_a_bump_is_boxed_at_both_thresholds() -> None:
    found = boxes_of(bump([(8, 4, 6.0)]), size=256)
    assert len(found) == len(THRESHOLDS)
    for box in found:
        assert box.x0 < 4.5 * 16 < box.x1
        assert box.y0 < 8.5 * 16 < box.y1
        assert box.score == pytest.approx(2.0, abs=0.4)
    small, large = sorted(found, key=lambda b: b.x1 - b.x0)
    assert large.x0 < small.x0
    assert small.x1 < large.x1


def test_the_box_is_tight_about_the_threshold() -> None:
    field = np.zeros((16, 16), np.float32)
    field[4:8, 10:14] = 1.0
    found = boxes_of(field, size=16)
    assert found[0][:4] == (10.0, 4.0, 14.0, 8.0)


def test_identical_boxes_are_given_once() -> None:
    field = np.zeros((16, 16), np.float32)
    field[4:8, 10:14] = 1.0
    assert len(boxes_of(field, size=16)) == 1


def test_the_stronger_of_two_bumps_comes_first() -> None:
    found = boxes_of(bump([(4, 4, 4.0), (12, 12, 7.0)]), size=256, keep=4)
    assert found[0].x0 > 100
    assert found[0].score > found[-1].score


def test_a_flat_map_has_no_boxes() -> None:
    assert boxes_of(np.full((16, 16), 3.0, np.float32), size=64) == []


def test_adding_a_constant_changes_only_the_score() -> None:
    field = bump([(5, 9, 5.0)])
    first, second = boxes_of(field, size=128), boxes_of(field + 3, size=128)
    assert [b[:4] for b in first] == [b[:4] for b in second]
    assert second[0].score == pytest.approx(first[0].score + 3, abs=1e-4)


def test_regions_stay_within_the_given_mask() -> None:
    within = np.zeros((256, 256), bool)
    within[:, 128:] = True
    found = boxes_of(bump([(8, 3, 7.0), (8, 12, 5.0)]), size=256, within=within)
    assert found
    assert all(box.x0 >= 128 for box in found)


def test_an_empty_mask_is_ignored() -> None:
    field = bump([(8, 3, 7.0)])
    assert boxes_of(field, size=64, within=np.zeros((64, 64), bool)) == boxes_of(field, size=64)


def test_keep_limits_the_boxes() -> None:
    places = [(3, 3, 5.0), (3, 12, 5.5), (12, 3, 6.0), (12, 12, 6.5)]
    assert len(boxes_of(bump(places), size=256, keep=2)) == 2


def test_enlarging_keeps_a_constant() -> None:
    assert np.allclose(enlarge(np.full((16, 16), 1.5, np.float32), 64), 1.5)


def test_largest_keeps_two_parts_and_drops_crumbs() -> None:
    mask = np.zeros((40, 40), bool)
    mask[2:20, 2:12] = mask[2:20, 20:30] = mask[25:30, 2:10] = mask[35, 35] = True
    kept = largest(mask)
    assert kept.sum() == 2 * 18 * 10
    assert not kept[27, 5]
    assert largest(np.zeros((4, 4), bool)).sum() == 0
