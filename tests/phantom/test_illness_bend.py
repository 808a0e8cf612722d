"""Organs that give way: their borders stay, nothing folds, and points go where voxels go."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.phantom.illness_bend import Bend, bent, grown_reach

PIVOT = np.array([5.0, -10.0, 20.0])
LOW, HIGH = np.array([60.0, 40.0, 50.0]), np.array([45.0, 55.0, 70.0])
SHIFTS = st.tuples(*[st.floats(-60.0, 60.0)] * 3)


def points(count: int, seed: int = 0) -> np.ndarray:
    return PIVOT + np.random.default_rng(seed).uniform(-75.0, 75.0, (count, 3))


@given(growth=st.floats(0.0, 0.85), shift=SHIFTS)
@settings(max_examples=25, deadline=None)
def test_nothing_folds(growth: float, shift: tuple[float, float, float]) -> None:
    """The determinant of the map's derivative stays above 0, by central differences."""
    for bend in (Bend(PIVOT, LOW, HIGH, growth=growth), Bend(PIVOT, LOW, HIGH, shift=shift)):
        at = points(1500)
        columns = [(bend.source(at + 0.25 * e) - bend.source(at - 0.25 * e)) / 0.5 for e in np.eye(3)]
        assert np.linalg.det(np.stack(columns, axis=-1)).min() > 0.0


@given(growth=st.floats(0.0, 0.8), shift=SHIFTS)
@settings(max_examples=15, deadline=None)
def test_the_border_stays(growth: float, shift: tuple[float, float, float]) -> None:
    outside = points(800)
    bend = Bend(PIVOT, LOW, HIGH, growth=growth, shift=shift)
    outside = outside[bend.reach(outside) >= 1.0]
    assert len(outside)
    assert np.allclose(bend.source(outside), outside)


@given(shift=st.tuples(*[st.floats(-12.0, 12.0)] * 3))
@settings(max_examples=15, deadline=None)
def test_there_and_back(shift: tuple[float, float, float]) -> None:
    for bend in (Bend(PIVOT, LOW, HIGH, growth=0.4), Bend(PIVOT, LOW, HIGH, shift=shift)):
        at = points(60, seed=1)
        assert np.allclose(bend.source(bend.target(at)), at, atol=0.05)


def test_the_pivot_moves_by_the_shift() -> None:
    bend = Bend(PIVOT, LOW, HIGH, shift=(4.0, -3.0, 8.0))
    assert np.allclose(bend.target(PIVOT[None])[0] - PIVOT, [4.0, -3.0, 8.0], atol=0.6)


def test_a_shift_that_would_fold_is_shortened() -> None:
    wild = Bend(PIVOT, LOW, HIGH, shift=(200.0, 0.0, 0.0))
    moved = (PIVOT - wild.source(PIVOT[None])[0])[0]
    assert 10.0 < moved < 45.0


@pytest.mark.parametrize("growth", [0.0, 0.3, 0.7])
def test_growth_of_reach_is_the_map_of_points(growth: float) -> None:
    """Points along one ray from the pivot go as far as the table says."""
    bend = Bend(PIVOT, LOW, HIGH, growth=growth)
    along = PIVOT + np.linspace(0.05, 0.95, 12)[:, None] * np.array([45.0, 0.0, 0.0])
    new = bend.target(along)
    assert np.allclose(bend.reach(new), grown_reach(growth, bend.reach(along)), atol=2e-3)


def test_voxels_follow() -> None:
    """A ball painted at a place is found, after the bend, where that place has gone."""
    step, size = 3.0, (60, 60, 60)
    affine = np.diag([step, step, step, 1.0])
    affine[:3, 3] = PIVOT - step * 30
    grid = np.stack(np.meshgrid(*(affine[a, 3] + step * np.arange(60) for a in range(3)), indexing="ij"), axis=-1)
    at = PIVOT + np.array([15.0, 10.0, -8.0])
    ids = (np.linalg.norm(grid - at, axis=-1) < 7.0).astype(np.uint8)
    hu = np.where(ids > 0, 100.0, -800.0).astype(np.float32)
    bends = (Bend(PIVOT, LOW, HIGH, growth=0.15), Bend(PIVOT, LOW, HIGH, shift=(0.0, 6.0, -9.0)))
    box, new_hu, new_ids = bent(hu, ids, affine, bends)
    expected = bends[1].target(bends[0].target(at[None]))[0]
    found = affine[:3, 3] + step * (np.argwhere(new_ids == 1).mean(axis=0) + [p.start for p in box])
    assert np.allclose(found, expected, atol=2.0)
    assert new_hu[new_ids == 1].mean() > -100.0
    assert ids.shape == size
