"""The compiled distance against scipy's, on masks of every kind."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import distance_transform_edt

from hilum.phantom.depth import depth_voxels


def depth(mask: np.ndarray) -> np.ndarray:
    out = np.empty(mask.shape, np.float32)
    depth_voxels(np.ascontiguousarray(mask), out)
    return out


@given(seed=st.integers(0, 10_000), share=st.floats(0.02, 0.98), shape=st.tuples(*[st.integers(1, 14)] * 3))
@settings(max_examples=40, deadline=None)
def test_distances_are_exact(seed: int, share: float, shape: tuple[int, int, int]) -> None:
    mask = np.random.default_rng(seed).random(shape) < share
    mask.flat[seed % mask.size] = False  # somewhere to be distant from
    assert np.allclose(depth(mask), distance_transform_edt(mask), atol=1e-4)


def test_nothing_inside_is_nowhere_deep() -> None:
    assert not depth(np.zeros((3, 4, 5), bool)).any()


def test_a_ball_is_as_deep_as_its_radius() -> None:
    grid = np.indices((41, 41, 41)) - 20
    ball = (grid**2).sum(axis=0) <= 15**2
    assert depth(ball).max() == pytest.approx(15.5, abs=1.0)
    assert depth(ball)[20, 20, 20] == depth(ball).max()


def test_beyond_the_array_is_not_outside() -> None:
    mask = np.ones((5, 5, 9), bool)
    mask[:, :, 0] = False
    assert np.array_equal(depth(mask)[2, 2], np.arange(9, dtype=np.float32))
