"""Shapes of warped chests: nothing folds, each number moves what it names and nothing else, and tissue follows age."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hilum.core.seed import generator
from hilum.phantom.families import warp_anatomy
from hilum.phantom.families_base import base_of, named
from hilum.phantom.families_shape import Landmarks, Shape, draw_shape
from hilum.phantom.families_tissue import Breasts, draw_breasts, tissue, with_breasts
from hilum.phantom.patient import Person
from hilum.phantom.warp import Body, draw_warp
from tests.phantom.simple_chest import PERSON, STEP, chest_body

HEART = (np.array([20.0, -20.0, -30.0]), np.full(3, 55.0))
AT = Landmarks(np.zeros(3), np.array([0.0, 15.0, 40.0]), (130.0, 95.0), -70.0, 150.0, HEART)


@pytest.fixture(scope="module")
def base() -> Body:
    return chest_body()


def grid(count: int = 6000, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform([-160, -120, -180], [160, 120, 170], (count, 3))


@pytest.mark.parametrize("number", range(12))
def test_no_drawn_shape_folds_at_full_breath_or_none(number: int) -> None:
    """The determinant of the map's derivative stays above 0 at random places, by central differences."""
    drawn = draw_shape(AT, generator(number, "shape"), age_years=20.0 + 6.0 * number)
    for domes in ((-55.0, -48.0), (40.0, 33.0)):
        shape = replace(drawn, domes_mm=domes)
        points = grid(seed=number)
        slopes = [shape.source(points + 0.5 * e) - shape.source(points - 0.5 * e) for e in np.eye(3)]
        assert np.linalg.det(np.stack(slopes, axis=-1)).min() > 0.05


@pytest.mark.parametrize("scale", [0.6, 1.6])
def test_a_heart_is_scaled_without_the_chest_wall_and_without_folds(base: Body, scale: float) -> None:
    warp = replace(draw_warp(base, 3, "w", heart_scale=scale, amount=0.0), dome_lift_mm=0.0)
    points = grid() + base_of(base).centre_mm
    slopes = [warp.source(points + 0.5 * e) - warp.source(points - 0.5 * e) for e in np.eye(3)]
    assert np.linalg.det(np.stack(slopes, axis=-1)).min() > 0.05
    wall = np.argwhere(named(base, "rib_")) * STEP + base.volume.affine[:3, 3]
    middle = warp.heart[0]
    beside = wall[np.abs(wall[:, 0] - middle[0]) > 110.0]
    assert len(beside) > 50
    assert np.abs(warp.source(beside) - beside).max() < 4.0


def test_domes_move_alone_and_each_side_for_itself() -> None:
    shape = Shape(AT, domes_mm=(-30.0, 0.0))
    dome = np.array([[-60.0, -10.0, -70.0], [60.0, -10.0, -70.0], [0.0, 80.0, -70.0], [-150.0, 0.0, -70.0]])
    moved = shape.source(dome) - dome
    assert moved[0, 2] == pytest.approx(30.0, abs=1.0)  # seen 30 mm lower
    assert np.abs(moved[1:]).max() < 2.0  # the other dome, the spine, the chest wall
    assert shape.source(np.array([[-60.0, -10.0, 100.0]]))[0, 2] == pytest.approx(100.0, abs=0.5)


def test_a_default_shape_moves_nothing() -> None:
    points = grid(500)
    assert np.array_equal(Shape(AT).source(points), points)
    assert Shape(AT).wall_scale(points, 1.4) == pytest.approx(1.4)


def test_slope_curve_and_bulge_move_what_they_name() -> None:
    front = np.array([[60.0, -80.0, 0.0], [60.0, 80.0, 0.0]])
    sunk = Shape(AT, slope=0.1).source(front)[:, 2]
    assert sunk == pytest.approx([8.0, -8.0], abs=0.1)  # the front is seen 8 mm lower
    line = np.column_stack([np.zeros(50), np.full(50, 60.0), np.linspace(-150, 150, 50)])
    curved = Shape(AT, curve_mm=6.0, curve_length_mm=300.0).source(line)
    assert np.ptp(curved[:, 0]) == pytest.approx(12.0, abs=0.3)
    border = np.array([[20.0 + 0.75 * 55.0, -20.0, -30.0 - 0.15 * 55.0]])
    assert Shape(AT, bulges=(8.0, 0.0, 0.0)).source(border)[0, 0] == pytest.approx(border[0, 0] - 8.0, abs=0.1)


def test_two_people_differ_where_one_differs_from_himself_by_nothing(base: Body) -> None:
    """Lungs of two patients of the same size, brought to one middle: they agree far less than 0.9 by Dice."""
    masks = []
    for patient in ("a", "b", "a"):
        body = warp_anatomy(base, PERSON, seed=1, patient=patient, spacing_mm=STEP).body
        lung = named(body, "lung").any(axis=1)
        rows, columns = np.flatnonzero(lung.any(axis=1)), np.flatnonzero(lung.any(axis=0))
        full = np.zeros((100, 100), np.bool_)
        x, z = 50 - int(rows.mean()), 50 - int(columns.mean())
        where = np.argwhere(lung) + np.array([x, z])
        full[tuple(where.T)] = True
        masks.append(full)
    dice = [2.0 * (masks[0] & other).sum() / (masks[0].sum() + other.sum()) for other in masks[1:]]
    assert dice[0] < 0.95
    assert dice[1] == 1.0


def test_the_old_have_thin_bones(base: Body) -> None:
    ready = base_of(base).body
    spine = named(ready, "vertebrae")

    def mean(age: float) -> float:
        made = [tissue(ready, replace(PERSON, age_years=age), generator(k, "t")).volume.voxels[spine] for k in range(6)]
        return float(np.mean(made))

    assert mean(25.0) > 1.15 * mean(88.0)
    assert np.array_equal(ready.volume.voxels, base_of(base).body.volume.voxels)


def test_breasts_are_fat_before_the_skin_of_the_size_asked(base: Body) -> None:
    body = base_of(base).body
    at = base_of(base).centre_mm
    pair = Breasts((at[0] - 65.0, at[2] - 20.0), (at[0] + 65.0, at[2] - 20.0), 55.0, 24.0, 0.0)
    with_them = with_breasts(body, pair)
    change = (with_them.volume.voxels - body.volume.voxels) != 0
    assert with_them.structures is body.structures
    added = float((with_them.volume.voxels[change] + 1000.0).sum()) / 905.0 * STEP**3 / 1000.0  # ml of fat
    half_ellipsoids = 2.0 * (np.pi * 55.0**2 * 24.0 * (1.7 + 0.85) / 2.0 / 1.75) / 1000.0  # integral of (1-r2)^0.75
    assert added == pytest.approx(half_ellipsoids, rel=0.2)
    assert with_them.volume.voxels[change].max() < -90.0
    lying = with_breasts(body, pair, supine=True)
    assert (lying.volume.voxels > -300).sum() < (with_them.volume.voxels > -300).sum()


def test_men_have_none_and_older_women_less_gland(base: Body) -> None:
    logs = [
        warp_anatomy(base, Person(sex, 40.0, 170.0, 24.0), seed=1, patient="p", spacing_mm=STEP).log  # type: ignore[arg-type]
        for sex in ("male", "female")
    ]
    assert logs[0]["breast_mm"] == 0.0 < logs[1]["breast_mm"]
    places = ((-60.0, 0.0), (60.0, 0.0))
    young, old = (
        np.mean([draw_breasts(Person("female", age, 165.0, 25.0), places, generator(k, "b")).gland for k in range(30)])
        for age in (25.0, 80.0)
    )
    assert young > old + 0.15
