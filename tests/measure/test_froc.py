"""FROC against a count threshold by threshold, and its rule on cases by hand."""

from __future__ import annotations

import numpy as np
import pytest

from hilum.core.errors import InputError
from hilum.core.region import Box, Mask
from hilum.measure.froc import RATES, Image, Point, froc, inside


def drawn(seed: int, count: int = 12) -> list[Image]:
    draw = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        truths = [Box(x, y, x + 25, y + 25) for x, y in draw.uniform(0, 75, (draw.integers(0, 3), 2))]
        points = [Point(x, y, round(s, 1)) for x, y, s in draw.uniform(0, 1, (draw.integers(0, 12), 3)) * (100, 100, 1)]
        made.append(Image(points, truths))
    return made


def slow(images: list[Image]) -> float:
    """At each threshold count regions found and points outside all; best sensitivity at each rate."""
    levels = sorted({p.score for image in images for p in image.points})
    total = sum(len(image.truths) for image in images)
    steps = [(0.0, 0.0)]
    for level in levels:
        found = false = 0
        for image in images:
            points = [p for p in image.points if p.score >= level]
            found += sum(any(inside(p, region) for p in points) for region in image.truths)
            false += sum(not any(inside(p, region) for region in image.truths) for p in points)
        steps.append((false / len(images), found / total))
    return float(np.mean([max(s for f, s in steps if f <= rate) for rate in RATES]))


@pytest.mark.parametrize("seed", range(8))
def test_the_curve_is_its_definition_threshold_by_threshold(seed: int) -> None:
    images = drawn(seed)
    assert froc(images).value == pytest.approx(slow(images))


def test_a_resampled_set_is_scored_as_that_set() -> None:
    images, rows = drawn(20), [0, 0, 3, 5, 5, 5, 7, 1, 8, 9, 11, 11]
    weights = np.bincount(rows, minlength=12).astype(float)[None, :]
    assert froc(images).at(weights)[0] == pytest.approx(slow([images[row] for row in rows]))


def test_duplicates_count_once_and_points_outside_are_false() -> None:
    truth = Box(0, 0, 10, 10)
    twice = Image([Point(5, 5, 0.9), Point(6, 6, 0.8)], [truth])
    assert froc([twice]).value == 1
    first_false = Image([Point(50, 50, 0.95), Point(5, 5, 0.9)], [truth])
    assert froc([first_false]).value == pytest.approx(4 / 7)  # found only where 1 or more per image are allowed


def test_a_point_lies_in_half_open_boxes_and_in_masks() -> None:
    pixels = np.zeros((4, 6), bool)
    pixels[1, 2] = True
    assert inside(Point(0, 0, 1), Box(0, 0, 1, 1))
    assert not inside(Point(1, 0, 1), Box(0, 0, 1, 1))
    assert inside(Point(2.7, 1.2, 1), Mask(pixels))
    assert not inside(Point(9, 1, 1), Mask(pixels))


def test_images_without_regions_have_no_value_but_their_points_count() -> None:
    empty = Image([Point(1, 1, 0.99)], [])
    found = Image([Point(5, 5, 0.5)], [Box(0, 0, 10, 10)])
    scored = froc([empty, found])
    assert scored.unscored == {0: "no true region in this image"}
    assert scored.value == pytest.approx(5 / 7)
    assert np.isnan(froc([empty]).value)


def test_what_cannot_be_scored_is_refused() -> None:
    with pytest.raises(InputError, match="at least one image"):
        froc([])
    with pytest.raises(InputError, match="NaN"):
        froc([Image([Point(1, 1, float("nan"))], [])])
    with pytest.raises(InputError, match="place must be finite"):
        froc([Image([Point(float("nan"), 1, 0.5)], [Box(0, 0, 9, 9)])])
    with pytest.raises(InputError, match="project it first"):
        froc([Image([Point(1, 1, 0.5)], [Mask(np.ones((2, 3, 4), bool))])])


def test_points_of_endless_score_are_one_step_of_the_curve() -> None:
    truth = Box(0, 0, 10, 10)
    both = Image([Point(5, 5, float("inf")), *(Point(50, 50, float("inf")) for _ in range(3))], [truth])
    assert froc([both]).value == pytest.approx(2 / 7)  # three false points come with the right one
