"""Spine and rib cage before any voxel: lengths, angles and joints."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hilum.phantom.skeleton_cage import cage, rib_path, ribs, sternum_line
from hilum.phantom.skeleton_girdle import girdle
from hilum.phantom.skeleton_spine import FIRST, LEVELS, spine, vertebrae
from hilum.phantom.thorax_draw import Numbers, draw_numbers
from hilum.phantom.thorax_names import IDS
from tests.phantom.thoraces import MAN, WOMAN

NUMBERS = draw_numbers(MAN, seed=3, patient="man")
STRAIGHT = replace(NUMBERS, scoliosis_deg=0.0)


def made_cage(numbers: Numbers = STRAIGHT, half_mm: float = 135.0, depth_mm: float = 190.0):
    return cage(numbers, spine(numbers, 78.0), half_mm, depth_mm)


def test_the_spine_is_as_long_as_drawn() -> None:
    found = spine(NUMBERS, 78.0)
    assert found.middle[FIRST, 2] == pytest.approx(0.0)
    assert found.middle[FIRST, 2] - found.middle[FIRST + 11, 2] == pytest.approx(NUMBERS.spine_mm)
    assert len(found.middle) == len(LEVELS)
    assert (np.diff(found.middle[:, 2]) < 0).all()


def test_bodies_grow_downwards_as_the_specification_says() -> None:
    """T1 to L1: 28 to 42 wide, 18 to 32 deep, 16 to 26 high, within a fifth."""
    found = spine(NUMBERS, 78.0)
    for values, first, last in ((found.width, 28, 42), (found.depth, 18, 32), (found.height, 16, 26)):
        assert values[FIRST] == pytest.approx(first, rel=0.2)
        assert values[FIRST + 12] == pytest.approx(last, rel=0.2)


def test_bodies_never_touch_but_for_a_disc() -> None:
    found = spine(NUMBERS, 78.0)
    gaps = -np.diff(found.middle[:, 2]) - (found.height[1:] + found.height[:-1]) / 2
    assert (gaps > 2.0).all()
    assert (gaps < 9.0).all()


@pytest.mark.parametrize("degrees", [20.0, 35.0, 55.0])
def test_more_kyphosis_bends_the_spine_more(degrees: float) -> None:
    """The angle between the ends of T2 and T11, as a Cobb angle, follows the drawn one."""
    found = spine(replace(STRAIGHT, kyphosis_deg=degrees), 78.0)
    lean = np.rad2deg(np.arctan2(found.lean[:, 0], found.lean[:, 1]))
    cobb = abs(lean[FIRST + 1] - lean[FIRST + 10])
    assert cobb == pytest.approx(degrees, rel=0.35)


def test_scoliosis_moves_the_spine_aside_and_none_does_not() -> None:
    assert np.abs(spine(STRAIGHT, 78.0).middle[:, 0]).max() < 1e-9
    bent = spine(replace(NUMBERS, scoliosis_deg=12.0), 78.0)
    assert 4.0 < np.abs(bent.middle[:, 0]).max() < 25.0


def test_the_front_of_t7_lies_where_it_is_put() -> None:
    found = spine(STRAIGHT, 78.0)
    assert found.front(7.0)[1] == pytest.approx(78.0)
    assert found.at(7.5)[2] == pytest.approx((found.at(7.0)[2] + found.at(8.0)[2]) / 2)


def test_every_vertebra_gets_its_id() -> None:
    table = vertebrae(spine(NUMBERS, 78.0), NUMBERS, dict(IDS)).table()
    assert set(table[:, 18].astype(int)) == {IDS[f"vertebrae_{level}"] for level in LEVELS}


def test_the_cage_is_as_wide_and_deep_as_told() -> None:
    narrow, wide = made_cage(half_mm=120.0), made_cage(half_mm=150.0)
    k, angles = np.full(61, 8.0), np.linspace(0.0, 180.0, 61)
    ratio = wide.points(k, angles)[:, 0].max() / narrow.points(k, angles)[:, 0].max()
    assert ratio == pytest.approx(150.0 / 120.0, rel=0.01)
    deep = made_cage(depth_mm=210.0).points(k, angles)[:, 1]
    flat = made_cage(depth_mm=180.0).points(k, angles)[:, 1]
    assert np.ptp(deep) / np.ptp(flat) == pytest.approx(210.0 / 180.0, rel=0.01)


def test_ribs_lie_on_the_surface_that_sections_give() -> None:
    """Radii by height must give back the places they were made of."""
    found = made_cage()
    for number in (3, 5, 7, 9):
        course = rib_path(found, number, 1.0)[8:-2]
        angles, radii, axis = found.sections(course[:, 2])
        theta = np.rad2deg(np.arctan2(course[:, 0], course[:, 1] - axis))
        expected = [np.interp(t, angles, row) for t, row in zip(theta, radii, strict=True)]
        assert np.hypot(course[:, 0], course[:, 1] - axis) == pytest.approx(expected, abs=1.5)


def test_right_ribs_mirror_left_ones_on_a_straight_spine() -> None:
    found = made_cage()
    for number in (1, 4, 8, 12):
        left, right = rib_path(found, number, 1.0), rib_path(found, number, -1.0)
        assert np.allclose(left * [-1, 1, 1], right)


def test_ribs_follow_each_other_downwards() -> None:
    found = made_cage()
    flanks = [found.points(np.array([float(n)]), np.array([75.0]))[0, 2] for n in range(1, 12)]
    steps = -np.diff(flanks)
    assert (steps > 8.0).all()
    assert (steps < 45.0).all()


def test_upper_ribs_reach_further_round_than_the_last() -> None:
    found = made_cage()
    lengths = [np.linalg.norm(np.diff(rib_path(found, n, 1.0), axis=0), axis=1).sum() for n in range(1, 13)]
    assert int(np.argmax(lengths)) + 1 in (5, 6, 7, 8)
    assert lengths[0] < 0.7 * max(lengths)
    assert lengths[11] < 0.5 * max(lengths)
    assert 200.0 < max(lengths) < 380.0


def test_steeper_ribs_end_lower() -> None:
    flat, steep = (made_cage(replace(STRAIGHT, rib_slope=slope)) for slope in (0.85, 1.15))
    assert rib_path(steep, 5, 1.0)[-1, 2] < rib_path(flat, 5, 1.0)[-1, 2] - 10.0


def test_the_sternum_lies_in_front_of_the_ribs_ends_and_is_as_long_as_one() -> None:
    """Manubrium and body together measure about 150 to 200 mm in adults."""
    found = made_cage()
    line = sternum_line(found)
    assert line[:, 1].max() < 0.0
    assert (np.diff(line[:, 2]) < 0).all()
    assert 115.0 < line[0, 2] - line[3, 2] < 210.0
    assert abs(line[1, 2] - rib_path(found, 2, 1.0)[-1, 2]) < 10.0  # the second rib meets its angle


def test_all_ribs_and_the_girdle_carry_their_ids() -> None:
    found = made_cage()
    table = ribs(found, STRAIGHT, dict(IDS)).table()
    assert set(table[:, 18].astype(int)) == {IDS[f"rib_{side}_{n}"] for side in ("left", "right") for n in range(1, 13)}
    for supine in (False, True):
        bones = girdle(found, STRAIGHT, dict(IDS), supine=supine).table()
        wanted = {IDS[f"{bone}_{side}"] for bone in ("scapula", "clavicula", "humerus") for side in ("left", "right")}
        assert set(bones[:, 18].astype(int)) == wanted


def test_clavicles_are_as_long_as_drawn() -> None:
    bones = girdle(made_cage(), STRAIGHT, dict(IDS), supine=False).table()
    left = bones[bones[:, 18] == IDS["clavicula_left"]]
    length = np.linalg.norm(left[:, 3:6] - left[:, 0:3], axis=1).sum()
    assert length == pytest.approx(STRAIGHT.clavicle_mm, rel=0.15)


def test_women_have_smaller_bones_on_average() -> None:
    men, women = ([draw_numbers(person, seed=n, patient="x") for n in range(40)] for person in (MAN, WOMAN))
    for name in ("spine_mm", "rib_height_mm", "clavicle_mm", "shoulder_mm", "trachea_mm", "torso_width_mm"):
        assert np.mean([getattr(each, name) for each in men]) > np.mean([getattr(each, name) for each in women])
