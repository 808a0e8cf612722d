"""Where source, patient and detector stand, against what a ruler and a set square say."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from hilum.core.errors import InputError
from hilum.drr.geometry import FIELD_MM, GAP_MM, Geometry, aim, box_corners, check_aim
from hilum.drr.mesh import window

AFFINE = np.array([[2.0, 0, 0, -60], [0, 3.0, 0, 20], [0, 0, 4.0, -100], [0, 0, 0, 1]])
SHAPE = (60, 40, 50)
VIEWS = ("PA", "AP", "LL", "RL")
angle = st.floats(-40.0, 40.0)
angles = st.tuples(angle, angle, angle)
shifts = st.tuples(*[st.floats(-30.0, 30.0)] * 3)


def exposure(**more: object) -> Geometry:
    return aim(AFFINE, SHAPE, **{"detector": (31, 41), "pitch_mm": (5.0, 4.0), **more})  # type: ignore[arg-type]


def middle_of(geometry: Geometry) -> tuple[float, float]:
    return ((geometry.shape[0] - 1) / 2, (geometry.shape[1] - 1) / 2)


# -- the box of a grid ------------------------------------------------------------------------------------------------


def test_a_grids_box_reaches_to_the_outer_faces_of_its_voxels() -> None:
    corners = box_corners(AFFINE, SHAPE)
    assert corners.shape == (8, 3)
    assert np.allclose(corners.min(axis=0), [-60 - 1, 20 - 1.5, -100 - 2])
    assert np.allclose(np.ptp(corners, axis=0), [120, 120, 200])
    assert len(np.unique(corners, axis=0)) == 8


def test_a_turned_grids_box_keeps_its_edges() -> None:
    turn = np.eye(4)
    turn[:3, :3] = Rotation.from_euler("xyz", (20, -10, 35), degrees=True).as_matrix()
    straight, turned = box_corners(AFFINE, SHAPE), box_corners(turn @ AFFINE, SHAPE)
    apart = [np.linalg.norm(c[:, None] - c[None], axis=2) for c in (straight, turned)]
    assert np.allclose(*apart)
    assert np.allclose(turned, straight @ turn[:3, :3].T)


# -- aim --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("view", VIEWS)
def test_distances_are_those_asked_for(view: str) -> None:
    geometry = exposure(view=view, source_detector_mm=1500.0, source_isocentre_mm=1200.0)
    assert geometry.source_detector_mm == pytest.approx(1500)
    assert geometry.source_isocentre_mm == pytest.approx(1200)
    assert geometry.magnification == pytest.approx(1.25)
    assert np.linalg.norm(geometry.isocentre - geometry.source) == pytest.approx(1200)


@pytest.mark.parametrize(
    ("view", "beam"), [("PA", (0, -1, 0)), ("AP", (0, 1, 0)), ("LL", (1, 0, 0)), ("RL", (-1, 0, 0))]
)
def test_the_beam_travels_as_the_view_is_named(view: str, beam: tuple[int, int, int]) -> None:
    """PA enters at the back (+y) and leaves at the front; a left lateral leaves at the patient's left (+x)."""
    geometry = exposure(view=view)
    assert np.allclose(geometry.normal, beam)
    assert np.linalg.norm(geometry.normal) == pytest.approx(1)
    assert geometry.normal @ geometry.row_step == pytest.approx(0)
    assert geometry.normal @ geometry.column_step == pytest.approx(0)


@pytest.mark.parametrize("view", VIEWS)
def test_letters_of_the_orientation_are_the_ways_rows_and_columns_run(view: str) -> None:
    ways = {"L": (1, 0, 0), "P": (0, 1, 0), "F": (0, 0, -1)}
    geometry = exposure(view=view)
    row, column = (np.array(ways[letter]) for letter in geometry.orientation)
    assert np.allclose(geometry.row_step / geometry.pitch_mm[1], row)
    assert np.allclose(geometry.column_step / geometry.pitch_mm[0], column)


@pytest.mark.parametrize("view", VIEWS)
def test_the_isocentre_falls_on_the_middle_of_the_detector(view: str) -> None:
    geometry = exposure(view=view)
    assert np.allclose(geometry.isocentre, box_corners(AFFINE, SHAPE).mean(axis=0))
    assert np.allclose(geometry.shadow(geometry.isocentre)[0], middle_of(geometry))


@pytest.mark.parametrize(("view", "axis"), [("PA", 1), ("LL", 0)])
def test_without_a_distance_sixty_millimetres_of_air_are_left(view: str, axis: int) -> None:
    geometry = exposure(view=view)
    ahead = (box_corners(AFFINE, SHAPE) - geometry.corner) @ geometry.normal
    assert -ahead.max() == pytest.approx(GAP_MM)
    assert geometry.source_detector_mm - geometry.source_isocentre_mm == pytest.approx(GAP_MM + 60.0)
    assert np.ptp(box_corners(AFFINE, SHAPE)[:, axis]) == pytest.approx(120.0)


def test_without_a_pitch_the_longer_side_is_that_of_a_cassette() -> None:
    geometry = exposure(pitch_mm=None, detector=(100, 80))
    assert geometry.pitch_mm == pytest.approx((FIELD_MM / 100, FIELD_MM / 100))


def test_an_offset_moves_the_detector_and_not_the_source() -> None:
    straight, moved = exposure(), exposure(offset_mm=(10.0, -8.0))
    assert np.allclose(straight.source, moved.source)
    by = straight.shadow(straight.isocentre) - moved.shadow(moved.isocentre)
    assert np.allclose(by, [[10.0 / 5.0, -8.0 / 4.0]])


def test_parallel_rays_do_not_magnify_and_their_spacing_holds_in_the_patient() -> None:
    point, side = exposure(), exposure(parallel=True)
    assert (point.spacing_plane, side.spacing_plane) == ("detector", "patient")
    assert side.magnification == 1.0
    assert (side.ray_mm() == side.source_detector_mm).all()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"view": "XX"}, "view must be PA, AP, LL or RL, got 'XX'"),
        ({"source_isocentre_mm": -5.0}, "lies inside the volume or behind it"),
        ({"source_isocentre_mm": 1900.0}, "raise the source to detector distance"),
        ({"pitch_mm": (0.0, 1.0)}, "pitch must be above 0 mm"),
        ({"source_isocentre_mm": 40.0}, "lies inside the volume or beside it"),
        ({"detector": (0, 5)}, "at least one row and one column"),
    ],
)
def test_an_impossible_exposure_is_one_sentence(more: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        exposure(**more)
    assert "\n" not in str(caught.value)


def test_parallel_rays_may_start_anywhere() -> None:
    geometry = exposure(parallel=True)
    inside = replace(geometry, source=geometry.isocentre)
    check_aim(inside, AFFINE, SHAPE)  # no complaint: the source only gives the direction
    with pytest.raises(InputError, match="source to isocentre distance"):
        check_aim(replace(inside, parallel=False), AFFINE, SHAPE)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"source": np.array([np.nan, 0, 0])}, "three finite numbers as source"),
        ({"corner": np.zeros(2)}, "three finite numbers as corner"),
        ({"shape": (0, 4)}, "at least one row"),
        ({"row_step": np.zeros(3)}, "a pitch above 0"),
        ({"source": np.array([7.0, 0.0, 9.0])}, "a source outside its plane"),
    ],
)
def test_a_geometry_without_size_is_refused(changes: dict[str, object], said: str) -> None:
    sound: dict[str, object] = {
        "source": np.array([0.0, -1000.0, 0.0]), "corner": np.zeros(3), "row_step": np.array([1.0, 0, 0]),
        "column_step": np.array([0, 0, -1.0]), "shape": (4, 4), "isocentre": np.array([0.0, -100.0, 0.0]),
    }  # fmt: skip
    assert Geometry(**sound).source_detector_mm == pytest.approx(1000)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=said):
        Geometry(**{**sound, **changes})  # type: ignore[arg-type]


def test_a_geometry_cannot_be_written_through() -> None:
    geometry = exposure()
    with pytest.raises(ValueError, match="read-only"):
        geometry.source[0] = 5.0
    assert geometry == exposure()
    assert geometry != exposure(view="AP")


# -- shadows ----------------------------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(VIEWS), angles, st.tuples(st.floats(-5, 40), st.floats(-5, 50)), st.floats(0.1, 0.99), st.booleans()
)
def test_what_lies_on_a_ray_falls_on_its_pixel(
    view: str, turn: tuple[float, ...], pixel: tuple[float, float], share: float, parallel: bool
) -> None:
    geometry = exposure(view=view, angles_deg=turn, parallel=parallel)
    end = geometry.pixel(*pixel)
    start = end - geometry.normal * geometry.source_detector_mm if parallel else geometry.source
    on_the_way = start + share * (end - start)
    assert np.allclose(geometry.shadow(on_the_way)[0], pixel, atol=1e-6)


@pytest.mark.parametrize("depth", [-40.0, 0.0, 35.0])
def test_a_rod_across_the_beam_is_magnified_by_detector_over_source_distance(depth: float) -> None:
    geometry = exposure(view="AP", source_detector_mm=1800.0, source_isocentre_mm=1600.0)
    at = geometry.isocentre + np.array([0.0, depth, 0.0])
    ends = geometry.shadow(at + np.array([[-10.0, 0, 0], [10.0, 0, 0]]))
    seen_mm = (ends[1, 1] - ends[0, 1]) * geometry.pitch_mm[1]
    assert seen_mm == pytest.approx(20.0 * 1800.0 / (1600.0 + depth))
    assert ends[0, 0] == pytest.approx(ends[1, 0])


def test_a_point_behind_the_source_has_no_shadow() -> None:
    geometry = exposure()
    with pytest.raises(InputError, match="behind the source casts no shadow"):
        geometry.shadow(geometry.source - geometry.normal)
    with pytest.raises(InputError, match="behind the source"):
        geometry.shadow(np.stack([geometry.isocentre, geometry.source]))


def test_many_points_are_their_points_one_by_one(draw: np.random.Generator) -> None:
    geometry = exposure(angles_deg=(5.0, -8.0, 12.0))
    points = geometry.isocentre + draw.uniform(-40, 40, (20, 3))
    together = geometry.shadow(points)
    assert together.shape == (20, 2)
    assert np.allclose(together, np.concatenate([geometry.shadow(point) for point in points]))


# -- rays in the index space of a grid --------------------------------------------------------------------------------


@settings(max_examples=30, deadline=None)
@given(st.booleans(), angles, st.integers(0, 30), st.integers(0, 40))
def test_a_pencil_ends_at_its_pixel_after_one_unit(
    parallel: bool, turn: tuple[float, ...], row: int, column: int
) -> None:
    geometry = exposure(parallel=parallel, angles_deg=turn)
    pencil = geometry.pencil(AFFINE)
    start = pencil.start + row * pencil.start_row + column * pencil.start_column
    way = pencil.way + row * pencil.way_row + column * pencil.way_column
    end = AFFINE[:3, :3] @ (start + way) + AFFINE[:3, 3]
    assert np.allclose(end, geometry.pixel(row, column), atol=1e-8)
    length = np.linalg.norm(AFFINE[:3, :3] @ way)
    assert length == pytest.approx(geometry.ray_mm()[row, column])
    if parallel:
        assert not np.stack([pencil.way_row, pencil.way_column]).any()
    else:
        assert not np.stack([pencil.start_row, pencil.start_column]).any()
        assert np.allclose(AFFINE[:3, :3] @ start + AFFINE[:3, 3], geometry.source)


def test_rays_grow_longer_towards_the_corners_by_pythagoras() -> None:
    geometry = exposure(source_detector_mm=1000.0)
    lengths = geometry.ray_mm()
    rows, columns = np.indices(geometry.shape)
    down = (rows - middle_of(geometry)[0]) * geometry.pitch_mm[0]
    along = (columns - middle_of(geometry)[1]) * geometry.pitch_mm[1]
    assert np.allclose(lengths, np.sqrt(1000.0**2 + down**2 + along**2))


# -- turning ----------------------------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(angles, shifts)
def test_turning_the_patient_is_turning_the_tube_the_other_way(
    turn: tuple[float, ...], shift: tuple[float, ...]
) -> None:
    """The shadow of a point of the turned patient is where the point itself, turned and moved, would have fallen."""
    geometry = exposure()
    point = geometry.isocentre + np.array([12.0, -7.0, 25.0])
    rotation = Rotation.from_euler("xyz", turn, degrees=True).as_matrix()
    moved = rotation @ (point - geometry.isocentre) + geometry.isocentre + np.array(shift)
    assert np.allclose(geometry.turned(turn, shift).shadow(point), geometry.shadow(moved), atol=1e-6)  # type: ignore[arg-type]


@settings(max_examples=30, deadline=None)
@given(angles, shifts)
def test_turning_changes_no_distance(turn: tuple[float, ...], shift: tuple[float, ...]) -> None:
    straight = exposure()
    turned = straight.turned(turn, shift)  # type: ignore[arg-type]
    assert turned.source_detector_mm == pytest.approx(straight.source_detector_mm)
    assert turned.pitch_mm == pytest.approx(straight.pitch_mm)
    assert np.allclose(turned.ray_mm(), straight.ray_mm())
    assert np.allclose(turned.isocentre, straight.isocentre)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_turning_back_restores_the_geometry(axis: int) -> None:
    geometry = exposure()
    one = tuple(33.0 if axis == a else 0.0 for a in range(3))
    back = geometry.turned(one).turned(tuple(-value for value in one))  # type: ignore[arg-type]
    for name in ("source", "corner", "row_step", "column_step"):
        assert np.allclose(getattr(back, name), getattr(geometry, name))
    whole = geometry
    for _ in range(4):
        whole = whole.turned(tuple(90.0 if axis == a else 0.0 for a in range(3)))  # type: ignore[arg-type]
    assert np.allclose(whole.corner, geometry.corner)


def test_a_shift_alone_moves_the_tube_against_it() -> None:
    geometry = exposure()
    moved = geometry.turned((0.0, 0.0, 0.0), (3.0, -4.0, 5.0))
    assert np.allclose(moved.source - geometry.source, [-3, 4, -5])
    assert np.allclose(moved.corner - geometry.corner, [-3, 4, -5])


def test_a_patient_turned_half_round_stands_as_for_the_opposite_view() -> None:
    """Half a turn about the head axis: the beam that came from behind comes from the front."""
    pa, ap = exposure(view="PA", angles_deg=(0.0, 0.0, 180.0)), exposure(view="AP")
    assert np.allclose(pa.normal, ap.normal)
    assert np.allclose(pa.source, ap.source)
    assert np.allclose(pa.row_step, -ap.row_step)


# -- other pixels on the same area -----------------------------------------------------------------------------------


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 200), st.integers(1, 200), angles)
def test_resizing_keeps_the_area_and_its_edges(rows: int, columns: int, turn: tuple[float, ...]) -> None:
    before = exposure(angles_deg=turn)
    after = before.resized((rows, columns))
    assert after.shape == (rows, columns)
    assert np.allclose(before.pixel(-0.5, -0.5), after.pixel(-0.5, -0.5))
    assert np.allclose(
        before.pixel(before.shape[0] - 0.5, before.shape[1] - 0.5), after.pixel(rows - 0.5, columns - 0.5)
    )
    assert after.source_detector_mm == pytest.approx(before.source_detector_mm)
    back = after.resized(before.shape)
    assert np.allclose(back.corner, before.corner)


def test_halving_pixels_puts_four_centres_around_each_old_one() -> None:
    before = exposure()
    fine = before.resized((62, 82))
    four = [fine.pixel(2 * 7 + i, 2 * 9 + j) for i in (0, 1) for j in (0, 1)]
    assert np.allclose(np.mean(four, axis=0), before.pixel(7, 9))


@pytest.mark.parametrize("parallel", [True, False])
def test_a_window_of_the_detector_sees_points_at_the_same_places(parallel: bool) -> None:
    geometry = exposure(parallel=parallel, angles_deg=(4.0, 6.0, -9.0))
    points = geometry.isocentre + np.array([[5.0, 0, 10], [15, 4, -10], [9, -6, 3]])
    places = geometry.shadow(points)
    part, (rows, columns) = window(geometry, places, margin=2)
    assert part.shape == (rows.stop - rows.start, columns.stop - columns.start)
    assert np.allclose(part.shadow(points) + np.array([rows.start, columns.start]), places)
    assert rows.start <= places[:, 0].min() <= places[:, 0].max() <= rows.stop - 1
    assert np.allclose(part.ray_mm(), geometry.ray_mm()[rows, columns])


def test_a_window_beside_the_detector_is_empty() -> None:
    _, (rows, columns) = window(exposure(), np.array([[500.0, 3.0], [510.0, 8.0]]))
    assert rows.start == rows.stop
    assert columns.start == columns.stop


@pytest.mark.parametrize("view", VIEWS)
def test_the_account_for_json_holds_the_geometry(view: str) -> None:
    geometry = exposure(view=view, angles_deg=(1.0, 2.0, 3.0))
    told = json.loads(json.dumps(geometry.as_dict()))
    again = Geometry(
        told["source_mm_lps"], told["corner_mm_lps"], told["row_step_mm_lps"], told["column_step_mm_lps"],
        tuple(told["shape"]), told["isocentre_mm_lps"], told["view"], tuple(told["orientation"]), told["parallel"],
    )  # fmt: skip
    assert again == geometry
    assert told["magnification"] == pytest.approx(geometry.magnification)
