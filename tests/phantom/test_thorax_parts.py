"""Heart, domes, medial limits, trees and texture of a made thorax, each against a closed form or a law."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hilum.phantom.texture import TILE, texture
from hilum.phantom.thorax_abdomen import _cap
from hilum.phantom.thorax_draw import draw_numbers
from hilum.phantom.thorax_heart import heart
from hilum.phantom.thorax_shape import lung_width_mm, shape
from hilum.phantom.thorax_surfaces import crossing, medial_limits, underside
from tests.phantom.thoraces import MAN, NAMES, places, thorax

NUMBERS = draw_numbers(MAN, seed=3, patient="man")
SPACE = {"midline_mm": 0.0, "bottom_mm": -230.0, "top_mm": -110.0, "back_mm": 60.0, "front_mm": -60.0}


@pytest.mark.parametrize("width", [95.0, 130.0, 175.0])
def test_the_heart_has_its_width_and_share_to_the_right(width: float) -> None:
    found = heart(NUMBERS, width_mm=width, **SPACE)
    assert found.high[0] - found.low[0] == pytest.approx(width)
    assert -found.low[0] == pytest.approx(NUMBERS.heart_right_share * width)
    assert found.low[2] == pytest.approx(SPACE["bottom_mm"])
    assert found.low[1] >= SPACE["front_mm"] - 1e-6
    assert found.high[1] <= SPACE["back_mm"] + 1e-6


def test_extents_of_a_turned_ellipsoid_hold_all_its_places() -> None:
    found = heart(NUMBERS, width_mm=130.0, **SPACE)
    rng = np.random.default_rng(2)
    ways = rng.normal(size=(4000, 3))
    ways /= np.linalg.norm(ways, axis=1)[:, None]
    points = np.concatenate([m + ways @ axes.T for m, axes in zip(found.middle, found.axes, strict=True)])
    assert np.all(points >= found.low - 1e-9)
    assert np.all(points <= found.high + 1e-9)
    assert points.min(axis=0) == pytest.approx(found.low, abs=1.0)


def test_stretching_moves_the_left_border_only() -> None:
    found = heart(NUMBERS, width_mm=120.0, **SPACE)
    wider = found.stretched(float(found.low[0]), 150.0)
    assert wider.low[0] == pytest.approx(found.low[0])
    assert wider.high[0] == pytest.approx(found.low[0] + 150.0)
    assert np.allclose(wider.low[1:], found.low[1:])


def test_lines_cross_an_ellipsoid_where_it_ends() -> None:
    middle, axes = np.array([3.0, -2.0, 5.0]), np.diag([10.0, 20.0, 30.0])
    low, high = crossing(middle, axes, (np.array([-2.0]), np.array([5.0])), axis=0)
    assert (low[0], high[0]) == (pytest.approx(-7.0), pytest.approx(13.0))
    low, high = crossing(middle, axes, (np.array([3.0]), np.array([5.0 + 15.0])), axis=1)
    assert high[0] - low[0] == pytest.approx(2 * 20 * np.sqrt(0.75))
    assert np.isnan(crossing(middle, axes, (np.array([40.0]), np.array([5.0])), axis=0)[0][0])


def test_turning_an_ellipsoid_turns_where_it_is_crossed() -> None:
    angle = np.deg2rad(30.0)
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1.0]])
    axes = turn @ np.diag([10.0, 20.0, 30.0])
    low, high = crossing(np.zeros(3), axes, (np.zeros(1), np.zeros(1)), axis=0)
    assert high[0] == pytest.approx(1 / np.sqrt((np.cos(angle) / 10) ** 2 + (np.sin(angle) / 20) ** 2))
    assert low[0] == pytest.approx(-high[0])


def test_the_underside_is_lowest_under_the_heart_and_missing_beside_it() -> None:
    found = heart(NUMBERS, width_mm=130.0, **SPACE)
    x, y = np.linspace(-150, 150, 151), np.linspace(-90, 90, 91)
    under = underside(found, x, y)
    assert under.min() == pytest.approx(SPACE["bottom_mm"], abs=1.0)
    assert np.isinf(under[0]).all()


def test_lungs_keep_off_what_lies_between_them() -> None:
    found = heart(NUMBERS, width_mm=130.0, **SPACE)
    y, z = np.arange(-90.0, 91.0, 3.0), np.arange(-280.0, 20.0, 3.0)
    ball = (np.array([[30.0, 0.0, -40.0]]), np.array([20.0]))
    right, left = medial_limits([ball], found, y, z, np.zeros(len(z)), fat_mm=3.0, smooth_mm=(0.1, 0.1))
    row, column = int(np.argmin(np.abs(y))), int(np.argmin(np.abs(z + 40.0)))
    assert left[row, column] == pytest.approx(53.0, abs=0.8)
    assert (left > right).all()
    assert left.max() == pytest.approx(found.high[0] + 3.0, abs=2.0)
    assert right.min() == pytest.approx(found.low[0] - 3.0, abs=2.0)


def test_the_estimate_of_the_lungs_width_is_near_the_voxels() -> None:
    made = shape(NUMBERS)
    body = thorax("man", spacing_mm=2.0)
    lungs = places(body, "lung")
    wide = max(np.ptp(lungs[lungs[:, 2] == z][:, 0]) for z in np.unique(lungs[:, 2])) + 2.0
    assert lung_width_mm(made.cage, made.domes) == pytest.approx(wide, rel=0.04)


def test_domes_lie_above_the_edge_and_the_right_one_higher() -> None:
    made = shape(NUMBERS)
    x, y = np.arange(-150.0, 151.0, 4.0), np.arange(-110.0, 121.0, 4.0)
    floor = made.floor(x, y)
    right, left = floor[x < 0].max(), floor[x > 0].max()
    assert right == pytest.approx(made.domes.right, abs=6.0)
    assert left < right
    peak = np.unravel_index(int(np.argmax(np.where(x[:, None] < 0, floor, -1e9))), floor.shape)
    assert -110.0 < x[peak[0]] < -35.0
    behind = floor[peak[0], y > y[peak[1]]]
    assert np.diff(behind)[:20].max() < 1.0  # falls all the way to the back


@pytest.mark.parametrize("name", NAMES[:2])
def test_trees_obey_murray_at_every_fork(name: str) -> None:
    made = thorax(name)
    for tree in (made.vessels, made.airways):
        assert tree is not None
        cubes = np.zeros(len(tree.parent))
        inner = tree.parent >= 0
        np.add.at(cubes, tree.parent[inner], tree.radius_mm[inner] ** 3)
        forks = cubes > 0
        assert cubes[forks] == pytest.approx(tree.radius_mm[forks] ** 3, rel=1e-6)


@pytest.mark.parametrize("name", NAMES[:2])
def test_vessels_run_in_the_lungs(name: str) -> None:
    made = thorax(name)
    assert made.vessels is not None
    lung, affine = made.body.mask("lung"), made.body.volume.affine
    ends = made.vessels.end[made.vessels.terminals]
    index = np.rint((ends - affine[:3, 3]) / made.body.spacing_mm).astype(int)
    assert lung[tuple(index.T)].mean() > 0.95


def test_airways_begin_at_the_main_bronchi_and_hold_air() -> None:
    made = thorax("man", spacing_mm=2.0)
    assert made.airways is not None
    roots = made.airways.start[made.airways.parent < 0]
    assert len(roots) == 2
    assert roots[:, 2].max() < made.carina_mm[2]
    large = made.airways.radius_mm > 2.5
    middle = (made.airways.start[large] + made.airways.end[large]) / 2
    index = np.rint((middle - made.body.volume.affine[:3, 3]) / 2.0).astype(int)
    assert np.median(made.body.volume.voxels[tuple(index.T)]) < -900


def test_the_right_main_bronchus_is_the_steeper() -> None:
    for seed in range(5):
        numbers = draw_numbers(MAN, seed=seed, patient="m")
        made = shape(numbers)
        angles = {}
        for side in ("right", "left"):
            way = made.tubes[f"main_{side}"][0][-1] - made.carina
            angles[side] = np.rad2deg(np.arctan2(abs(way[0]), -way[2]))
        assert angles["right"] == pytest.approx(numbers.right_main_deg, abs=0.5)
        assert angles["left"] == pytest.approx(numbers.left_main_deg, abs=0.5)
        assert angles["right"] < angles["left"]


def test_an_unfolded_aorta_reaches_further_left() -> None:
    young, old = (shape(replace(NUMBERS, unfolding_mm=mm)).tubes["aorta"][0] for mm in (0.0, 18.0))
    assert old[:, 0].max() > young[:, 0].max() + 6.0
    assert old[:, 2].max() > young[:, 2].max() + 5.0


def test_the_left_hilum_is_the_higher() -> None:
    made = shape(NUMBERS)
    tops = [made.tubes[f"pulmonary_{side}"][0][-8:, 2].max() for side in ("right", "left")]
    assert tops[1] > tops[0] + 5.0


@pytest.mark.parametrize("power", [1.6, 2.2, 3.0])
def test_texture_falls_with_frequency_as_told(power: float) -> None:
    tile = texture(spacing_mm=2.0, power=power, seed=1)
    spectrum = np.abs(np.fft.rfftn(tile)) ** 2
    waves = np.meshgrid(*[np.fft.fftfreq(TILE, 2.0)] * 2, np.fft.rfftfreq(TILE, 2.0), indexing="ij")
    radius = np.sqrt(sum(w**2 for w in waves))
    inside = (radius > 0.04) & (radius < 0.2)
    slope = np.polyfit(np.log(radius[inside]), np.log(spectrum[inside]), 1)[0]
    assert slope == pytest.approx(-power, abs=0.06)
    assert tile.mean() == pytest.approx(0.0, abs=1e-4)
    assert tile.std() == pytest.approx(1.0, abs=1e-4)


def test_texture_repeats_without_a_seam() -> None:
    tile = texture(spacing_mm=2.0)
    seam = np.abs(tile[0] - tile[-1]).mean()
    inside = np.abs(np.diff(tile, axis=0)).mean()
    assert seam == pytest.approx(inside, rel=0.1)
    assert texture(spacing_mm=2.0) is tile


def test_a_cap_holds_its_share_of_a_ball() -> None:
    assert _cap(0.5) == pytest.approx(1.0, abs=0.01)
    for share in (0.1, 0.3, 0.8):
        height = _cap(share)
        assert height**2 * (3 - height) / 4 == pytest.approx(share, abs=0.005)
