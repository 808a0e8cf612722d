"""Solids written into voxels: volumes and masses against closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from hilum.phantom.thorax_kernels import paint
from hilum.phantom.thorax_solids import COLUMNS, Matter, Solids, curve
from hilum.phantom.thorax_trees import as_rows
from hilum.phantom.trees import Tree

STEP = 1.0


def written(
    solids: Solids, *, step: float = STEP, size_mm: float = 60.0, ground: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """Return HU and ids of a cube about 0 with these solids in it."""
    count = round(size_mm / step)
    values, ids = np.full((count,) * 3, ground, np.float32), np.zeros((count,) * 3, np.uint8)
    origin = np.full(3, -(count - 1) / 2 * step)
    paint(values, ids, origin, step, solids.table(), False)
    return values, ids


@pytest.mark.parametrize("radius", [5.0, 9.3, 14.0])
def test_a_ball_has_its_volume(radius: float) -> None:
    solids = Solids()
    solids.add(
        [0, 0, 0], [0, 0, 0], [1, 0, 0], (radius, radius), (radius, radius), cap_mm=radius, id=7, matter=Matter(100.0)
    )
    values, ids = written(solids)
    volume = 4 / 3 * np.pi * radius**3
    assert values.sum() / 100.0 == pytest.approx(volume, rel=0.015)
    assert (ids == 7).sum() == pytest.approx(volume, rel=0.06)


def test_an_ellipsoid_has_its_volume_however_it_is_turned() -> None:
    for normal in ([1, 0, 0], [0.5, 0.7, -0.2], [0, 1, 1]):
        solids = Solids()
        solids.add([1, 2, -1], [1, 2, -1], normal, (8.0, 8.0), (14.0, 14.0), cap_mm=11.0, matter=Matter(100.0))
        values, _ = written(solids)
        assert values.sum() / 100.0 == pytest.approx(4 / 3 * np.pi * 8 * 14 * 11, rel=0.02)


def test_a_rod_with_round_ends_has_its_volume() -> None:
    solids = Solids()
    solids.tube(np.array([[-10.0, -4.0, 2.0], [12.0, 6.0, 8.0]]), 5.0, matter=Matter(100.0))
    values, _ = written(solids)
    length = np.linalg.norm([22.0, 10.0, 6.0])
    assert values.sum() / 100.0 == pytest.approx(np.pi * 25 * (length + 4 / 3 * 5), rel=0.01)


def test_flat_ends_cut_a_rod_off() -> None:
    solids = Solids()
    solids.add([0, 0, -10], [0, 0, 10], [1, 0, 0], (6.0, 6.0), (6.0, 6.0), flat=True, matter=Matter(100.0))
    values, _ = written(solids)
    assert values.sum() / 100.0 == pytest.approx(np.pi * 36 * 20, rel=0.02)
    assert not values[:, :, :18].any()


def test_a_tapering_rod_lies_between_its_ends() -> None:
    solids = Solids()
    solids.add([0, 0, -15], [0, 0, 15], [1, 0, 0], (4.0, 8.0), (4.0, 8.0), flat=True, matter=Matter(100.0))
    values, _ = written(solids)
    assert values.sum() / 100.0 == pytest.approx(np.pi * 30 / 3 * (16 + 32 + 64), rel=0.03)


def test_a_shell_is_as_thick_as_told() -> None:
    solids = Solids()
    solids.add(
        [0, 0, 0], [0, 0, 0], [1, 0, 0], (12.0, 12.0), (12.0, 12.0), cap_mm=12.0, matter=Matter(0.0, 1.5, 1000.0)
    )
    values, _ = written(solids)
    assert values.sum() / 1000.0 == pytest.approx(4 / 3 * np.pi * (12**3 - 10.5**3), rel=0.03)
    assert values[30, 30, 30] == pytest.approx(0.0, abs=1e-3)


def test_solids_of_one_writing_are_joined_not_stacked() -> None:
    """Two halves of one rod have no wall between them."""
    whole, halves = Solids(), Solids()
    bone = Matter(100.0, 1.5, 900.0)
    whole.tube(np.array([[-14.0, 0, 0], [14.0, 0, 0]]), 6.0, matter=bone)
    halves.tube(np.array([[-14.0, 0, 0], [0.0, 0, 0], [14.0, 0, 0]]), 6.0, matter=bone)
    assert np.abs(written(whole)[0] - written(halves)[0]).max() < 1.0


def test_ids_may_be_kept_or_cleared() -> None:
    count = 20
    for number, after in ((0, 5), (-1, 0), (9, 9)):
        values, ids = np.zeros((count,) * 3, np.float32), np.full((count,) * 3, 5, np.uint8)
        solids = Solids()
        solids.tube(np.array([[0.0, 0, -3], [0, 0, 3]]), 4.0, id=number)
        paint(values, ids, np.full(3, -9.5), 1.0, solids.table(), False)
        assert ids[10, 10, 10] == after
        assert ids[0, 0, 0] == 5


def test_writing_on_air_alone_leaves_tissue() -> None:
    values, ids = np.full((20, 20, 20), -1000.0, np.float32), np.zeros((20, 20, 20), np.uint8)
    values[:10] = 40.0
    solids = Solids()
    solids.tube(np.array([[-5.0, 0, 0], [5.0, 0, 0]]), 4.0, matter=Matter(70.0))
    paint(values, ids, np.full(3, -9.5), 1.0, solids.table(), True)
    assert (values[:10] == 40.0).all()
    assert values[12, 10, 10] == pytest.approx(70.0)


@pytest.mark.parametrize("radius", [0.55, 0.7, 1.0, 1.6, 3.0])
@pytest.mark.parametrize("step", [1.0, 2.0])
def test_vessels_keep_their_mass_on_any_grid(radius: float, step: float) -> None:
    """A branch thinner than a voxel must not weigh more than it does: within 10 % of pi r2 l, over many offsets."""
    rng = np.random.default_rng(4)
    total = 0.0
    for _ in range(6):
        shift, way = rng.uniform(-1, 1, 3), rng.normal(size=3)
        way *= 22.0 / np.linalg.norm(way)
        tree = Tree((shift - way)[None], (shift + way)[None], np.array([radius]), np.array([-1]))
        rows = as_rows(tree, step, core_hu=100.0)
        solids = Solids()
        solids.rows = list(rows)
        total += written(solids, step=step)[0].sum() * step**3 / 100.0 / 6
    assert total == pytest.approx(np.pi * radius**2 * (44.0 + 4 / 3 * radius), rel=0.1)


def test_a_curve_passes_its_points_and_stays_near() -> None:
    points = np.array([[0, 0, 0], [10, 4, 0], [20, -3, 5], [26, 0, 9.0]])
    course = curve(points, 31)
    assert course.shape == (31, 3)
    assert np.allclose(course[[0, 10, 20, 30]], points)
    steps = np.linalg.norm(np.diff(course, axis=0), axis=1)
    assert steps.max() < 2.5 * steps.min() + 0.5
    assert np.allclose(curve([[0, 0, 0], [6, 0, 3]], 4), [[0, 0, 0], [2, 0, 1], [4, 0, 2], [6, 0, 3]])


def test_an_empty_list_is_an_empty_table() -> None:
    assert Solids().table().shape == (0, COLUMNS)
    values, ids = written(Solids(), size_mm=8.0, ground=3.0)
    assert (values == 3.0).all()
    assert not ids.any()
