"""Overlap and surface distance of masks against areas known in closed form, brute force and reference packages."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from hilum.core.errors import InputError
from hilum.core.region import Mask
from hilum.measure import binary, masks

shapes = st.sampled_from([(6, 7), (4, 5, 6)])


def blobs(seed: int, shape: tuple[int, ...], share: float = 0.4) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    return draw.random(shape) < share, draw.random(shape) < share


def square(left: int, top: int, side: int, shape: tuple[int, int] = (60, 60)) -> np.ndarray:
    made = np.zeros(shape, bool)
    made[top : top + side, left : left + side] = True
    return made


@pytest.mark.parametrize("apart", [0.0, 40.0, 100.0, 150.0])
def test_dice_of_two_discs_is_the_area_of_their_lens(apart: float) -> None:
    radius, (y, x) = 100.0, np.mgrid[:260, :420]
    one = np.hypot(x - 130, y - 130) < radius
    two = np.hypot(x - 130 - apart, y - 130) < radius
    lens = 2 * radius**2 * np.arccos(apart / (2 * radius)) - apart / 2 * np.sqrt(4 * radius**2 - apart**2)
    share = lens / (np.pi * radius**2)
    assert masks.dice(one, two) == pytest.approx(share, abs=2e-3)
    assert masks.iou(one, two) == pytest.approx(share / (2 - share), abs=2e-3)


@given(st.integers(0, 10_000), shapes)
@settings(max_examples=30, deadline=None)
def test_overlap_is_scikit_learns_and_symmetric(seed: int, shape: tuple[int, ...]) -> None:
    sklearn = pytest.importorskip("sklearn.metrics")
    one, two = blobs(seed, shape)
    if one.any() or two.any():
        assert masks.dice(one, two) == pytest.approx(sklearn.f1_score(one.ravel(), two.ravel()))
        assert masks.iou(one, two) == pytest.approx(sklearn.jaccard_score(one.ravel(), two.ravel()))
        assert masks.dice(one, two) == masks.dice(Mask(two), Mask(one)) == binary.dice(one, two)


def brute(one: np.ndarray, two: np.ndarray, spacing: tuple[float, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Distances between surfaces, neighbour by neighbour and pair by pair."""

    def edge(mask: np.ndarray) -> np.ndarray:
        wide = np.pad(mask, 1)
        whole = wide.copy()
        for axis in range(mask.ndim):
            whole &= np.roll(wide, 1, axis) & np.roll(wide, -1, axis)
        return (np.argwhere(wide & ~whole) - 1) * np.array(spacing)

    table = cdist(edge(one), edge(two))
    return table.min(axis=1), table.min(axis=0)


@given(st.integers(0, 10_000), shapes, st.booleans())
@settings(max_examples=30, deadline=None)
def test_surface_distances_are_those_of_brute_force(seed: int, shape: tuple[int, ...], pooled: bool) -> None:
    one, two = blobs(seed, shape)
    if not one.any() or not two.any():
        return
    spacing = (0.7, 1.3, 2.0)[: len(shape)]
    there, back = brute(one, two, spacing)
    expected = (
        np.percentile(np.concatenate([there, back]), 95)
        if pooled
        else max(np.percentile(there, 95), np.percentile(back, 95))
    )
    assert masks.hausdorff(one, two, spacing_mm=spacing, pooled=pooled) == pytest.approx(expected)
    within = np.concatenate([there, back]) <= 1.3 + 1e-9
    assert masks.surface_dice(one, two, tolerance=1.3 + 1e-9, spacing_mm=spacing) == pytest.approx(within.mean())


def test_a_shifted_square_is_as_far_as_it_was_shifted_and_mm_follow_the_axes() -> None:
    one, two = square(10, 10, 20), square(17, 10, 20)
    assert masks.hausdorff(one, two, percentile=100) == 7
    assert masks.hausdorff(one, two, percentile=100, spacing_mm=(9.0, 0.5)) == pytest.approx(3.5)
    assert masks.hausdorff(one, one) == 0
    assert masks.surface_dice(one, two, tolerance=7) == 1
    assert masks.surface_dice(one, two, tolerance=0) < 1


def test_the_whole_hausdorff_distance_is_scikit_images() -> None:
    skimage = pytest.importorskip("skimage.metrics")
    for seed in range(5):
        one, two = blobs(seed, (30, 30), 0.05)
        expected = skimage.hausdorff_distance(masks.surface(one), masks.surface(two))
        assert masks.hausdorff(one, two, percentile=100) == pytest.approx(expected)


def test_the_array_s_edge_is_surface() -> None:
    assert masks.surface(np.ones((4, 5), bool)).sum() == 14


def test_empty_masks_are_undefined_together_and_worst_alone() -> None:
    none, some = np.zeros((5, 5), bool), square(1, 1, 2, (5, 5))
    for each in (masks.dice, masks.iou, masks.hausdorff):
        assert np.isnan(each(none, none))
    assert np.isnan(masks.surface_dice(none, none, tolerance=1))
    assert masks.dice(none, some) == masks.iou(some, none) == masks.surface_dice(none, some, tolerance=9) == 0
    assert masks.hausdorff(some, none) == float("inf")


@pytest.mark.parametrize(
    ("one", "two", "said"),
    [
        (np.zeros((3, 3)), np.zeros((3, 4)), "one shape"),
        (np.full((3, 3), np.nan), np.zeros((3, 3)), "only 0 and 1, got nan"),
        (np.full((3, 3), 0.5), np.zeros((3, 3)), "threshold"),
        (np.zeros(4), np.zeros(4), r"\(H, W\)"),
        (np.zeros((0, 3)), np.zeros((0, 3)), "at least one pixel"),
    ],
)
def test_malformed_masks_are_refused(one: np.ndarray, two: np.ndarray, said: str) -> None:
    with pytest.raises(InputError, match=said):
        masks.dice(one, two)


def test_malformed_options_are_refused() -> None:
    some = square(1, 1, 2, (5, 5))
    with pytest.raises(InputError, match="2 sizes above 0"):
        masks.hausdorff(some, some, spacing_mm=(1.0, 0.0))
    with pytest.raises(InputError, match="percentile"):
        masks.hausdorff(some, some, percentile=0)
    with pytest.raises(InputError, match="tolerance"):
        masks.surface_dice(some, some, tolerance=float("nan"))
