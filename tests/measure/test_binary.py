"""Scores against scikit-learn and against counts done by hand."""

from __future__ import annotations

import numpy as np
import pytest

from hilum.core.region import Box
from hilum.measure import binary

metrics = pytest.importorskip("sklearn.metrics")


@pytest.fixture(params=["smooth", "ties"])
def sample(request: pytest.FixtureRequest, draw: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    target = draw.random(300) < 0.3
    score = draw.normal(size=300) + target
    return target, np.round(score, 0) if request.param == "ties" else score


def test_auroc_is_scikit_learns(sample: tuple[np.ndarray, np.ndarray]) -> None:
    assert binary.auroc(*sample) == pytest.approx(metrics.roc_auc_score(*sample), abs=1e-12)


def test_average_precision_is_scikit_learns(sample: tuple[np.ndarray, np.ndarray]) -> None:
    assert binary.average_precision(*sample) == pytest.approx(metrics.average_precision_score(*sample), abs=1e-12)


def test_weighted_auroc_is_the_auroc_of_the_repeated_sample(sample: tuple[np.ndarray, np.ndarray]) -> None:
    target, score = sample
    weights = np.random.default_rng(0).integers(0, 4, (5, len(target))).astype(float)
    found = binary.weighted_auroc(target, score, weights)
    for row, value in zip(weights.astype(int), found, strict=True):
        assert value == pytest.approx(metrics.roc_auc_score(np.repeat(target, row), np.repeat(score, row)), abs=1e-12)


def test_scores_of_one_class_are_not_numbers() -> None:
    assert np.isnan(binary.auroc(np.ones(3), np.arange(3)))
    assert np.isnan(binary.average_precision(np.zeros(3), np.arange(3)))
    assert np.isnan(binary.youden_threshold(np.ones(3), np.arange(3)))


def test_lists_of_different_length_are_refused() -> None:
    with pytest.raises(ValueError, match="one length"):
        binary.auroc(np.ones(3), np.ones(4))


def test_calibration_error_by_hand() -> None:
    probability, target = np.array([0.05, 0.05, 0.95, 0.95]), np.array([0, 1, 1, 1])
    assert binary.calibration_error(target, probability) == pytest.approx((2 * 0.45 + 2 * 0.05) / 4)
    assert binary.calibration_error(np.array([1, 1]), np.array([1.0, 1.0])) == 0.0


def test_operating_point_counts_the_threshold_as_present() -> None:
    point = binary.operating_point(np.array([1, 1, 0, 0]), np.array([0.5, 0.4, 0.5, 0.1]), 0.5)
    assert (point.sensitivity, point.specificity) == (0.5, 0.5)


def test_youden_threshold_separates_what_can_be_separated() -> None:
    threshold = binary.youden_threshold(np.array([0, 0, 1, 1]), np.array([0.1, 0.2, 0.6, 0.9]))
    assert threshold == pytest.approx(0.4)


def test_youden_threshold_is_the_best_of_all(sample: tuple[np.ndarray, np.ndarray]) -> None:
    target, score = sample

    def youden(threshold: float) -> float:
        point = binary.operating_point(target, score, threshold)
        return point.sensitivity + point.specificity

    best = max(youden(level) for level in np.unique(score))
    assert youden(binary.youden_threshold(target, score)) == pytest.approx(best)


def test_dice_by_hand() -> None:
    first, second = np.zeros((4, 4), bool), np.zeros((4, 4), bool)
    assert binary.dice(first, second) == 1.0
    first[:2], second[1:3] = True, True
    assert binary.dice(first, second) == pytest.approx(0.5)


def test_box_overlaps_are_those_of_the_box_type(draw: np.random.Generator) -> None:
    low, high = draw.uniform(0, 50, (7, 2)), draw.uniform(51, 100, (7, 2))
    corners = np.hstack((low, high))
    iou, iobb = binary.box_overlaps(corners[:4], corners[4:])
    for i in range(4):
        for j in range(3):
            first, second = Box(*corners[i]), Box(*corners[4 + j])
            assert iou[i, j] == pytest.approx(first.iou(second))
            assert iobb[i, j] == pytest.approx(first.iobb(second))


def test_boxes_apart_do_not_overlap() -> None:
    iou, iobb = binary.box_overlaps(np.array([[0.0, 0, 1, 1]]), np.array([[2.0, 2, 3, 3]]))
    assert iou.max() == iobb.max() == 0.0
