"""Laws that scores obey whatever the data, beside scikit-learn and scipy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.core.region import Box
from hilum.measure import binary, stats

SCORES = st.lists(st.tuples(st.booleans(), st.integers(-20, 20)), min_size=2, max_size=60)


def split(sample: list[tuple[bool, int]]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([truth for truth, _ in sample]), np.array([score for _, score in sample], float)


@given(SCORES)
@settings(max_examples=60, deadline=None)
def test_auroc_knows_only_the_order_and_mirrors_with_the_labels(sample: list[tuple[bool, int]]) -> None:
    target, score = split(sample)
    area = binary.auroc(target, score)
    if target.all() or not target.any():
        assert np.isnan(area)
        return
    assert 0 <= area <= 1
    assert binary.auroc(target, np.exp(score / 5) + 3) == pytest.approx(area, abs=1e-12)
    assert binary.auroc(~target, score) == pytest.approx(1 - area, abs=1e-12)
    assert binary.auroc(target, -score) == pytest.approx(1 - area, abs=1e-12)


@given(SCORES)
@settings(max_examples=40, deadline=None)
def test_auroc_is_the_mann_whitney_statistic(sample: list[tuple[bool, int]]) -> None:
    scipy_stats = pytest.importorskip("scipy.stats")
    target, score = split(sample)
    if target.all() or not target.any():
        return
    wins = scipy_stats.mannwhitneyu(score[target], score[~target]).statistic
    assert binary.auroc(target, score) == pytest.approx(wins / (target.sum() * (~target).sum()))


@given(SCORES, st.integers(-20, 20))
@settings(max_examples=40, deadline=None)
def test_a_higher_threshold_trades_sensitivity_for_specificity(sample: list[tuple[bool, int]], at: int) -> None:
    target, score = split(sample)
    low, high = (binary.operating_point(target, score, t) for t in (at, at + 3))
    if target.any():
        assert high.sensitivity <= low.sensitivity
    if not target.all():
        assert high.specificity >= low.specificity
        mirrored = binary.operating_point(~target, -score, -at + 0.5)
        assert mirrored.sensitivity == pytest.approx(binary.operating_point(target, score, at - 0.5 + 1e-9).specificity)


def test_a_calibrated_probability_has_little_error_and_a_bold_one_much(draw: np.random.Generator) -> None:
    probability = draw.random(40_000)
    target = draw.random(40_000) < probability
    assert binary.calibration_error(target, probability) < 0.01
    # always sure, right half of the time: off by one half
    assert binary.calibration_error(draw.random(40_000) < 0.5, np.ones(40_000)) == pytest.approx(0.5, abs=0.01)
    assert binary.calibration_error(np.array([True, False]), np.array([1.0, 0.0])) == 0.0
    assert np.isnan(binary.calibration_error(np.array([], bool), np.array([])))


def test_calibration_error_is_that_of_scikit_learns_curve(draw: np.random.Generator) -> None:
    curve = pytest.importorskip("sklearn.calibration").calibration_curve
    probability = draw.beta(2, 5, 700)
    target = draw.random(700) < probability**2
    observed, predicted = curve(target, probability, n_bins=10)
    count = np.histogram(probability, np.linspace(0, 1, 11))[0]
    expected = (np.abs(observed - predicted) * count[count > 0]).sum() / 700
    assert binary.calibration_error(target, probability) == pytest.approx(expected)


def test_dice_is_twice_the_jaccard_over_one_more(draw: np.random.Generator) -> None:
    for _ in range(20):
        first, second = draw.random((2, 13, 9)) < draw.uniform(0.1, 0.9)
        jaccard = np.logical_and(first, second).sum() / np.logical_or(first, second).sum()
        assert binary.dice(first, second) == pytest.approx(2 * jaccard / (1 + jaccard))
        assert binary.dice(first, second) == binary.dice(second, first)
        assert binary.dice(first, first) == 1.0
        assert binary.dice(first, ~first) == 0.0


@given(st.lists(st.integers(0, 19), min_size=8, max_size=8))
@settings(max_examples=60, deadline=None)
def test_box_overlaps_are_those_of_painted_pixels(ends: list[int]) -> None:
    boxes = []
    for x, y, w, h in (ends[:4], ends[4:]):
        boxes.append((x, y, x + 1 + w, y + 1 + h))
    canvas = np.zeros((2, 40, 40), bool)
    for painted, (x0, y0, x1, y1) in zip(canvas, boxes, strict=True):
        painted[y0:y1, x0:x1] = True
    shared = (canvas[0] & canvas[1]).sum()
    iou, iobb = binary.box_overlaps(*(np.array([box], float) for box in boxes))
    assert iou[0, 0] == pytest.approx(shared / (canvas[0] | canvas[1]).sum())
    assert iobb[0, 0] == pytest.approx(shared / canvas[0].sum())
    assert iou[0, 0] == pytest.approx(Box(*boxes[0]).iou(Box(*boxes[1])))


def test_an_interval_knows_only_the_order_and_mirrors_with_the_labels(draw: np.random.Generator) -> None:
    target = np.arange(80) % 3 == 0
    score, patients = draw.normal(size=80) + target, [f"p{n // 2}" for n in range(80)]
    found = stats.auroc_interval(target, score, patients, replicates=300)
    assert found.low < found.value < found.high
    curved = stats.auroc_interval(target, np.exp(score), patients, replicates=300)
    assert curved == found
    mirrored = stats.auroc_interval(~target, score, patients, replicates=300)
    assert (1 - mirrored.high, 1 - mirrored.low) == pytest.approx((found.low, found.high))


def test_a_wider_level_gives_a_wider_interval_and_more_patients_a_narrower(draw: np.random.Generator) -> None:
    values = draw.normal(size=400)
    names = [str(n) for n in range(400)]
    most, some = (stats.mean_interval(values, names, level=level) for level in (0.99, 0.8))
    assert most.low < some.low < some.high < most.high
    few = stats.mean_interval(values[:25], names[:25])
    many = stats.mean_interval(values, names)
    assert many.high - many.low < 0.5 * (few.high - few.low)
    # the normal theory of a mean: 1.96 standard errors on each side
    error = values.std() / np.sqrt(400)
    assert (many.high - many.low) / 2 == pytest.approx(1.96 * error, rel=0.12)


def test_one_class_gives_neither_value_nor_bounds() -> None:
    found = stats.auroc_interval(np.ones(9, bool), np.arange(9.0), [str(n) for n in range(9)], replicates=50)
    assert np.isnan([found.value, found.low, found.high]).all()


def test_a_single_positive_patient_gives_a_value_without_pretending_to_certainty() -> None:
    # the one positive is drawn in 63 % of replicates; where it is, it always wins
    target, score = np.arange(30) == 29, np.arange(30.0)
    found = stats.auroc_interval(target, score, [str(n) for n in range(30)], replicates=400)
    assert found.value == found.low == found.high == 1.0
    one_patient = stats.auroc_interval(target, score, ["a"] * 30, replicates=40)
    assert one_patient.low == one_patient.high == one_patient.value
    never = stats.bounds(0.8, np.array([0.8] * 4 + [np.nan] * 6), 0.95)
    assert np.isnan([never.low, never.high]).all()


def test_every_replicate_draws_as_many_patients_as_there_are() -> None:
    patients = ["a", "b", "b", "c", "d", "d", "d"]
    weights = stats.patient_weights(patients, replicates=200)
    first = weights[:, [0, 1, 3, 4]]
    assert (first.sum(axis=1) == 4).all()
    assert np.array_equal(weights[:, 1], weights[:, 2])
    assert first.mean(axis=0) == pytest.approx(np.ones(4), abs=0.2)
    assert not np.array_equal(weights, stats.patient_weights(patients, replicates=200, seed=1))
