"""Chords of solids against their closed forms by hand and against sampling along the beam."""

from __future__ import annotations

import numpy as np
import pytest

from hilum.phantom.chords import Depths, Grid, Solid, add_tube, below, covered, shared


def plane(half: float = 2.0, count: int = 41) -> Grid:
    line = np.linspace(-half, half, count, dtype=np.float32)
    x, z = np.meshgrid(line, line)
    return Grid(x, z)


def test_a_unit_spheres_chord_is_two_roots_of_one_minus_r_squared() -> None:
    grid = plane()
    found = Solid((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)).depths(grid).length
    expected = 2 * np.sqrt(np.maximum(1 - grid.x**2 - grid.z**2, 0))
    assert np.allclose(found, expected, atol=1e-6)


def test_the_chords_of_an_ellipsoid_sum_to_its_volume() -> None:
    grid = plane(4.0, 801)
    step = 8.0 / 800
    found = Solid((0.3, 1.0, -0.2), (1.5, 0.7, 2.2), turn_deg=30.0).depths(grid).length.sum() * step**2
    assert found == pytest.approx(4 / 3 * np.pi * 1.5 * 0.7 * 2.2, rel=1e-3)


@pytest.mark.parametrize("turn", [0.0, 20.0, 65.0])
def test_the_half_width_of_a_turned_ellipsoid_is_where_its_shadow_ends(turn: float) -> None:
    grid = plane(4.0, 1601)
    solid = Solid((0.0, 0.0, 0.0), (1.0, 1.0, 2.0), turn_deg=turn)
    seen = grid.x[solid.depths(grid).length > 0]
    assert seen.max() == pytest.approx(solid.half_width, abs=0.01)


def test_a_superellipsoid_fills_more_of_its_corners() -> None:
    grid = plane()
    round_, square = (Solid((0, 0, 0), (1, 1, 1), power=p).depths(grid).length for p in (2.0, 4.0))
    assert (square >= round_ - 1e-6).all()
    assert square.sum() > round_.sum()


def test_a_union_counts_overlaps_once_as_sampling_does(draw: np.random.Generator) -> None:
    inside = Depths(np.zeros((1, 50), np.float32), np.full((1, 50), 10.0, np.float32))
    parts = []
    for _ in range(4):
        near = draw.uniform(-3, 9, (1, 50)).astype(np.float32)
        parts.append(Depths(near, near + draw.uniform(0, 5, (1, 50)).astype(np.float32)))
    depth = np.linspace(0, 10, 20_001)[:, None, None]
    hit = np.any([(depth >= p.near) & (depth < p.far) for p in parts], axis=0)
    assert np.allclose(covered(inside, parts), hit.mean(axis=0) * 10, atol=5e-3)
    assert (covered(inside, []) == 0).all()


def test_what_two_intervals_share_is_never_negative() -> None:
    first, second = (Depths(np.array([[a]], np.float32), np.array([[b]], np.float32)) for a, b in ((0, 1), (2, 3)))
    assert shared(first, second).length.item() == 0
    assert shared(first, first).length.item() == 1


def test_fluid_lies_below_its_level() -> None:
    grid = plane()
    ball = Solid((0, 0, 0), (1, 1, 1)).depths(grid)
    low = below(grid, ball, 0.0).length
    assert (low[grid.z < 0] == 0).all()
    assert np.array_equal(low[grid.z >= 0], ball.length[grid.z >= 0])


def test_a_tube_is_crossed_by_two_roots_and_adds_where_it_is_only() -> None:
    grid = plane(4.0, 81)
    onto = np.zeros_like(grid.x)
    add_tube(onto, grid, ((-2.0, 0.0), (2.0, 0.0)), 0.5, 3.0)
    expected = 3.0 * 2 * np.sqrt(np.maximum(0.25 - grid.z**2, 0))
    middle = np.abs(grid.x) <= 2.0
    assert np.allclose(onto[middle], expected[middle], atol=1e-5)
    assert (onto[np.hypot(np.maximum(np.abs(grid.x) - 2, 0), grid.z) > 0.5] == 0).all()
