"""The made chest: parts lie where anatomy has them, and what is drawn stays in its bounds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.phantom.anatomy import SIDES, Chest, bones, draw_chest, torso, vessels
from hilum.phantom.chords import Grid, covered
from hilum.phantom.film import FIELD_MM, Pose, grid, render

FRAME = grid(128, Pose())


def lung_path(chest: Chest, side: int, frame: Grid = FRAME) -> np.ndarray:
    lung = chest.lung(side).depths(frame)
    cut = [solid.depths(frame) for solid in (chest.heart, chest.middle(), chest.dome(side))]
    return lung.length - covered(lung, cut)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_a_drawn_chest_is_within_bounds_and_its_lungs_lie_in_its_body(seed: int) -> None:
    chest = draw_chest(seed, "p")
    assert chest == draw_chest(seed, "p")
    assert 0.36 <= chest.ctr <= 0.485
    body = torso(chest, FRAME)
    for side in SIDES:
        path = lung_path(chest, side)
        assert path.min() > -1e-3
        assert (path <= body + 1e-3)[body > 60].all()
        assert (body[path > 20] > 60).mean() > 0.99


def test_patients_differ_and_a_given_ratio_is_kept() -> None:
    assert draw_chest(0, "a") != draw_chest(0, "b")
    assert draw_chest(0, "a", ctr=0.6).ctr == 0.6
    assert draw_chest(0, "a", ctr=0.6).width == draw_chest(0, "a").width


@pytest.mark.parametrize("side", SIDES)
def test_a_lung_is_on_its_side(side: int) -> None:
    path = lung_path(Chest(), side)
    assert (side * FRAME.x[path > 0] > 0).all()


def test_the_heart_points_left_and_more_of_it_is_left() -> None:
    path = Chest().heart.depths(FRAME).length
    left, right = (path[FRAME.x * side > 0].sum() for side in (1, -1))
    assert left > 1.5 * right
    lowest = FRAME.x[(path > 0) & (FRAME.z > FRAME.z[path > 0].max() - 10)]
    assert lowest.mean() > 0  # the apex


def test_the_right_dome_is_higher() -> None:
    chest = Chest()
    tops = {side: FRAME.z[chest.dome(side).depths(FRAME).length > 0].min() for side in SIDES}
    assert tops[-1] < tops[1]
    lifted = FRAME.z[chest.dome(-1, 20.0).depths(FRAME).length > 0].min()
    assert lifted == pytest.approx(tops[-1] - 20, abs=FIELD_MM / 128 + 1)


def test_the_torso_and_the_bones_are_symmetric() -> None:
    chest = Chest()
    for part in (torso(chest, FRAME), bones(chest, FRAME)):
        assert np.allclose(part, part[:, ::-1], atol=1e-3)
        assert part.dtype == np.float32
        assert part.min() >= 0


def test_bone_is_in_the_spine_and_stays_in_the_body() -> None:
    chest = Chest()
    path = bones(chest, FRAME)
    spine = np.abs(FRAME.x) < 8
    assert path[spine].min() > 5
    assert (torso(chest, FRAME)[path > 0.5] > 0).mean() > 0.98
    assert np.allclose(bones(Chest(bone=2.0), FRAME), 2 * path, rtol=1e-5)


def test_ten_ribs_cross_a_line_through_the_lung() -> None:
    frame = grid(512, Pose())
    column = int((75 / FIELD_MM + 0.5) * 512)
    inside = bones(Chest(), frame)[:, column] > 0.5
    rises = int((np.diff(inside.astype(int)) == 1).sum())
    assert 6 <= rises <= 21  # posterior and anterior ribs may touch


def test_vessels_lie_in_lung_only_and_scale_with_their_strength() -> None:
    chest = Chest(seed=3)
    lungs = np.asarray(sum(lung_path(chest, side) for side in SIDES), dtype=np.float32)
    path = vessels(chest, FRAME, lungs)
    assert (path[lungs <= 0] == 0).all()
    assert path.sum() > 0
    assert np.allclose(vessels(Chest(seed=3, vessels=2.0), FRAME, lungs), 2 * path)
    assert not np.allclose(vessels(Chest(seed=4), FRAME, lungs), path)


def test_a_film_is_dark_in_lung_bright_in_the_middle_and_black_outside() -> None:
    film = render(Chest(), pose=Pose(noise=0.0))
    middle = (np.abs(FRAME.x) < 10) & (np.abs(FRAME.z) < 100)
    outside = torso(Chest(), FRAME) == 0
    assert film.pixels[film.lungs].mean() < 0.75 * film.pixels[middle].mean()
    assert film.pixels[outside].mean() < 0.1


@pytest.mark.parametrize("size", [32, 64, 128])
def test_the_grid_is_in_millimetres_with_the_middle_at_zero(size: int) -> None:
    frame = grid(size, Pose())
    assert frame.x.shape == (size, size)
    assert frame.x[0, 0] == pytest.approx(-FIELD_MM / 2 + FIELD_MM / size / 2, abs=1e-3)
    assert frame.x.mean() == pytest.approx(0, abs=1e-3)
    assert (np.diff(frame.x, axis=1) > 0).all()
    assert (np.diff(frame.z, axis=0) > 0).all()


def test_a_pose_shifts_magnifies_turns_and_mirrors() -> None:
    plain = grid(64, Pose())
    assert np.allclose(grid(64, Pose(right=0.25)).x, plain.x - FIELD_MM / 4, atol=1e-3)
    assert np.allclose(grid(64, Pose(down=-0.25)).z, plain.z + FIELD_MM / 4, atol=1e-3)
    assert np.allclose(grid(64, Pose(scale=2.0)).x, plain.x / 2, atol=1e-3)
    assert np.allclose(grid(64, Pose(mirror=True)).x, -plain.x)
    turned = grid(64, Pose(turn_deg=90.0))
    assert np.allclose(turned.x, plain.z, atol=1e-2)
    assert np.allclose(np.hypot(*turned), np.hypot(*plain), atol=1e-2)
