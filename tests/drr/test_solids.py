"""Bodies in a beam: volumes of textbooks, meshes that close, paths that add up, objects that weigh what they are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import ConvexHull
from scipy.spatial.transform import Rotation

from hilum.core.errors import InputError
from hilum.core.image import Volume
from hilum.core.seed import generator
from hilum.drr import objects
from hilum.drr.coefficients import materials
from hilum.drr.geometry import Geometry, aim
from hilum.drr.insert import Insertion, insert, outline, read_rfo_row, rfo_row
from hilum.drr.mesh import path_mm
from hilum.drr.solids import Solid, ball, curve, disc, frames, plate, prism, rod, sweep, tube

STRAIGHT = np.array([[0.0, 0, 0], [0, 0, 10], [0, 0, 20]])
seeds = st.integers(0, 10_000)
corner, side = st.integers(0, 30), st.integers(1, 20)


def exposure(**more: object) -> Geometry:
    return aim(np.eye(4), (60, 60, 60), **{"detector": (81, 81), "pitch_mm": (1.0, 1.0), **more})  # type: ignore[arg-type]


def turn_of(seed: int) -> np.ndarray:
    return Rotation.random(random_state=np.random.default_rng(seed)).as_matrix()


def euler(faces: np.ndarray) -> int:
    """Corners less edges plus faces: 2 for a ball, 0 for a ring."""
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    return len(np.unique(faces)) - len(np.unique(np.sort(edges, axis=1), axis=0)) + len(faces)


# -- solids -----------------------------------------------------------------------------------------------------------


@settings(max_examples=20, deadline=None)
@given(st.floats(0.5, 40), st.floats(0.5, 40), st.floats(0.5, 40))
def test_simple_bodies_have_their_textbook_volumes(a: float, b: float, c: float) -> None:
    assert plate("iron", 7.9, (a, b, c)).volume_mm3 == pytest.approx(a * b * c)
    assert disc("iron", 7.9, a, b).volume_mm3 == pytest.approx(np.pi * a**2 * b)
    assert ball("iron", 7.9, a).volume_mm3 == pytest.approx(4 / 3 * np.pi * a**3)
    assert rod("iron", 7.9, STRAIGHT, a).volume_mm3 == pytest.approx(np.pi * a**2 * 20)
    assert tube("pvc", 1.3, STRAIGHT, a + b, a).volume_mm3 == pytest.approx(np.pi * ((a + b) ** 2 - a**2) * 20)


def test_rounded_corners_take_away_what_their_circles_leave_out() -> None:
    """Four corners of r: the square r^2 becomes a quarter of pi r^2 (a little less, as its arc has six sides)."""
    whole, rounded = plate("iron", 7.9, (40, 30, 2)), plate("iron", 7.9, (40, 30, 2), round_mm=8)
    gone = (whole.volume_mm3 - rounded.volume_mm3) / 2
    assert gone == pytest.approx((4 - np.pi) * 64, rel=0.06)
    assert np.allclose(np.ptp(rounded.vertices, axis=0), (40, 30, 2))


@settings(max_examples=15, deadline=None)
@given(st.integers(3, 12), st.floats(0.5, 9.0), seeds)
def test_a_prism_of_any_convex_outline_has_its_area_times_its_depth(corners: int, deep: float, seed: int) -> None:
    angles = np.sort(np.random.default_rng(seed).uniform(0, 2 * np.pi, corners))
    outline_mm = 10 * np.stack([np.cos(angles), np.sin(angles)], -1)
    area = ConvexHull(outline_mm).volume  # of points in a plane, the hull's volume is its area
    made = prism("iron", 7.9, outline_mm, deep)
    assert made.volume_mm3 == pytest.approx(area * deep, rel=1e-6)
    assert euler(made.faces) == 2


@settings(max_examples=20, deadline=None)
@given(seeds, st.tuples(*[st.floats(-100, 100)] * 3))
def test_moving_changes_place_and_nothing_else(seed: int, shift: tuple[float, ...]) -> None:
    body, turn = plate("iron", 7.9, (20, 10, 5), round_mm=2, part="blade"), turn_of(seed)
    moved = body.moved(rotation=turn, shift_mm=shift)
    assert moved.volume_mm3 == pytest.approx(body.volume_mm3)
    assert np.allclose(moved.vertices, body.vertices @ turn.T + shift)
    assert np.array_equal(moved.faces, body.faces)
    assert (moved.material, moved.density_g_cm3, moved.part) == ("iron", 7.9, "blade")
    back = moved.moved(shift_mm=tuple(-v for v in shift)).moved(rotation=turn.T)
    assert np.allclose(back.vertices, body.vertices, atol=1e-9)


@settings(max_examples=20, deadline=None)
@given(seeds, st.integers(3, 20))
def test_a_rod_along_any_curve_closes(seed: int, sides: int) -> None:
    rng = np.random.default_rng(seed)
    points = curve(np.cumsum(rng.uniform(2, 9, (5, 3)), axis=0), step_mm=2.0)
    body = rod("iron", 7.9, points, 0.5, sides=sides)
    assert euler(body.faces) == 2
    length = np.linalg.norm(np.diff(points, axis=0), axis=1).sum()
    assert body.volume_mm3 == pytest.approx(np.pi * 0.25 * length, rel=0.02)
    outer, inner = tube("pvc", 1.3, points, 1.0, 0.4), rod("pvc", 1.3, points, 0.4, sides=24)
    assert euler(outer.faces) == 0  # a hollow tube is a ring
    assert outer.volume_mm3 == pytest.approx(rod("pvc", 1.3, points, 1.0, sides=24).volume_mm3 - inner.volume_mm3)


def test_a_taper_has_the_volume_of_its_cones() -> None:
    points = np.stack([np.zeros(11), np.zeros(11), np.linspace(0, 30, 11)], -1)
    radius = np.linspace(1.0, 4.0, 11)
    assert rod("iron", 7.9, points, radius, sides=40).volume_mm3 == pytest.approx(
        np.pi * 30 / 3 * (1 + 4 + 16), rel=1e-3
    )


@settings(max_examples=20, deadline=None)
@given(seeds, st.booleans())
def test_frames_stand_across_the_curve_and_on_each_other(seed: int, closed: bool) -> None:
    rng = np.random.default_rng(seed)
    angle = 2 * np.pi * np.arange(12) / 12
    waypoints = np.stack([30 * np.cos(angle), 20 * np.sin(angle), rng.uniform(-4, 4, 12)], -1)
    points = curve(waypoints if closed else waypoints[:9], step_mm=1.0, closed=closed)
    first, second = frames(points, closed)
    assert np.allclose(np.linalg.norm(first, axis=1), 1)
    assert np.allclose(np.linalg.norm(second, axis=1), 1)
    assert np.abs(np.einsum("ij,ij->i", first, second)).max() < 1e-9
    ahead = np.roll(points, -1, axis=0) - np.roll(points, 1, axis=0)
    inner = slice(1, -1)
    assert np.abs(np.einsum("ij,ij->i", first[inner], ahead[inner])).max() < 1e-9
    assert np.einsum("ij,ij->i", first[1:], first[:-1]).min() > 0.9  # no sudden twist


@settings(max_examples=20, deadline=None)
@given(seeds, st.floats(0.3, 5.0))
def test_a_curve_passes_its_waypoints_in_even_steps(seed: int, step: float) -> None:
    waypoints = np.cumsum(np.random.default_rng(seed).uniform(4, 9, (6, 3)), axis=0)
    points = curve(waypoints, step_mm=step)
    assert np.allclose(points[[0, -1]], waypoints[[0, -1]])
    chord = np.linalg.norm(np.diff(waypoints, axis=0), axis=1).sum()
    assert len(points) == max(2, round(chord / step) + 1)
    near = np.linalg.norm(waypoints[:, None] - points[None], axis=2).min(axis=1)
    assert near.max() < 0.8 * step
    ring = curve(waypoints[:4], step_mm=step, closed=True)
    gap, steps = np.linalg.norm(ring[0] - ring[-1]), np.linalg.norm(np.diff(ring, axis=0), axis=1)
    assert gap < 3 * steps.max()


def test_meshes_that_are_none_are_refused() -> None:
    vertices, faces = sweep(STRAIGHT, 2.0)
    with pytest.raises(InputError, match="vertices \\(N, 3\\) and faces \\(M, 3\\)"):
        Solid("iron", 7.9, vertices[:, :2], faces)
    with pytest.raises(InputError, match="vertices \\(N, 3\\) and faces"):
        Solid("iron", 7.9, vertices, faces[:0])
    with pytest.raises(InputError, match="not numbers"):
        Solid("iron", 7.9, np.where(vertices == 0, np.nan, vertices), faces)
    with pytest.raises(InputError, match="do not join two faces"):
        Solid("iron", 7.9, vertices, np.concatenate([faces, faces[:1]]))


# -- paths ------------------------------------------------------------------------------------------------------------


@settings(max_examples=8, deadline=None)
@given(seeds)
def test_a_body_sawn_in_two_is_the_sum_of_its_parts(seed: int) -> None:
    geometry, turn = exposure(), turn_of(seed)
    place = {"rotation": turn, "shift_mm": tuple(geometry.isocentre)}

    def seen(size: tuple[float, float, float], at: float) -> np.ndarray:
        part = plate("iron", 7.9, size).moved(shift_mm=(at, 0, 0)).moved(**place)  # type: ignore[arg-type]
        return path_mm(part.vertices, part.faces, geometry)

    whole, halves = seen((20, 12, 8), 0.0), [seen((10, 12, 8), at) for at in (-5.0, 5.0)]
    assert np.allclose(whole, sum(halves), atol=1e-3)


def test_a_convex_body_is_as_deep_as_its_half_spaces_say() -> None:
    """The chord through a convex polyhedron by clipping each ray with the planes of its faces."""
    geometry = exposure(angles_deg=(10.0, 25.0, -15.0))
    body = plate("iron", 7.9, (24, 16, 10)).moved(rotation=turn_of(3), shift_mm=tuple(geometry.isocentre))
    seen = path_mm(body.vertices, body.faces, geometry, fine=1)
    hull = ConvexHull(body.vertices)
    for row, column in ((40, 40), (38, 45), (44, 36), (41, 49)):
        end = geometry.pixel(row, column)
        way = end - geometry.source
        slope, height = hull.equations[:, :3] @ way, hull.equations[:, :3] @ geometry.source + hull.equations[:, 3]
        at = -height / slope
        near, far = at[slope < 0].max(), at[slope > 0].min()
        assert seen[row, column] == pytest.approx(max(far - near, 0.0) * np.linalg.norm(way), abs=2e-3)


def test_twice_as_large_is_twice_as_deep() -> None:
    geometry = exposure(parallel=True)
    paths = []
    for size in (1.0, 2.0):
        body = ball("iron", 7.9, 8.0 * size).moved(shift_mm=tuple(geometry.isocentre))
        paths.append(path_mm(body.vertices, body.faces, geometry, fine=1))
    assert paths[1][40, 40] == pytest.approx(2 * paths[0][40, 40], rel=1e-5)
    assert (paths[1] >= paths[0] - 1e-4).all()


# -- objects ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", objects.names())
def test_objects_are_of_known_matter_and_move_as_one(name: str) -> None:
    thing = objects.make(name, generator(5, name))
    assert thing.name == name
    assert {part.material for part in thing.solids} <= set(materials())
    assert all(part.part for part in thing.solids)
    assert len(thing.vertices) == sum(len(part.vertices) for part in thing.solids)
    turn = turn_of(1)
    moved = thing.moved(rotation=turn, shift_mm=(5.0, -3.0, 2.0))
    assert np.allclose(moved.vertices, thing.vertices @ turn.T + [5.0, -3.0, 2.0])
    assert (moved.name, moved.critical) == (thing.name, thing.critical)


@settings(max_examples=15, deadline=None)
@given(seeds, st.tuples(st.floats(20, 100), st.floats(20, 100), st.floats(5, 20)), st.floats(50, 300))
def test_a_folded_thread_stays_in_its_box(seed: int, box: tuple[float, float, float], length: float) -> None:
    thread = objects.wander(np.random.default_rng(seed), box, length)
    outside = (np.abs(thread) - np.array(box) / 2).max()
    assert outside < 5.0  # the smooth curve may swing out a little between its waypoints
    again = objects.wander(np.random.default_rng(seed), box, length)
    assert np.array_equal(thread, again)


KINDS = ("endotracheal tube", "central venous catheter", "picc", "nasogastric tube", "chest tube", "pacemaker lead")


@pytest.mark.parametrize("kind", KINDS)
def test_a_line_follows_its_path_to_the_tip(kind: str) -> None:
    points = curve(np.array([[0.0, 0, 80], [5, 8, 40], [-3, 4, 0]]), step_mm=1.5)
    thing = objects.line(kind, points)
    assert not thing.critical
    lowest = thing.vertices[thing.vertices[:, 2].argmin()]
    assert np.linalg.norm(lowest - points[-1]) < 7.0
    away = np.linalg.norm(thing.vertices[:, None] - points[None], axis=2).min(axis=1)
    assert away.max() < 6.5  # the widest tube is 5.5 mm in radius


def test_a_line_of_no_kind_lists_the_kinds() -> None:
    with pytest.raises(InputError, match=r"no line is named 'rope'; there are: endotracheal tube, .*pacemaker lead"):
        objects.line("rope", STRAIGHT)


# -- in the beam ------------------------------------------------------------------------------------------------------


def test_an_object_adds_its_path_times_its_density_and_leaves_the_given_maps_alone() -> None:
    geometry = exposure()
    body = plate("iron", 7.9, (10, 6, 10)).moved(shift_mm=tuple(geometry.isocentre))
    thing = objects.Thing("slug", True, (body,))
    before = {"iron": np.full(geometry.shape, 0.5, np.float32)}
    after, (seen,) = insert(before, [thing], geometry)
    assert (before["iron"] == 0.5).all()
    assert np.allclose(after["iron"] - 0.5, path_mm(body.vertices, body.faces, geometry) * 0.79, atol=1e-5)
    assert np.allclose(seen.areal, after["iron"] - 0.5, atol=1e-5)
    assert after["iron"].max() - 0.5 == pytest.approx(7.9 * 0.6, rel=0.01)


def test_two_objects_are_the_sum_of_each(draw: np.random.Generator) -> None:
    geometry = exposure()
    things = [objects.make(name, draw).moved(shift_mm=tuple(geometry.isocentre)) for name in ("needle", "retractor")]
    both, shown = insert({}, things, geometry)
    each = [insert({}, [thing], geometry)[0]["iron"] for thing in things]
    assert np.allclose(both["iron"], each[0] + each[1], atol=1e-5)
    assert [item.name for item in shown] == ["needle", "retractor"]
    assert insert({}, [], geometry) == ({}, ())


def test_heavier_surroundings_are_pushed_aside_by_their_own_density() -> None:
    geometry = exposure()
    hu = 500.0
    volume = Volume(np.full((60, 60, 60), hu, np.float32), np.eye(4))
    thing = objects.Thing("cube", False, (plate("iron", 7.9, (10, 10, 10)).moved(shift_mm=tuple(geometry.isocentre)),))
    maps = {"soft tissue": np.full(geometry.shape, 9.0, np.float32)}
    after, _ = insert(maps, [thing], geometry, volume=volume)
    assert 9.0 - after["soft tissue"].min() == pytest.approx(1.0 * 1.5, rel=0.02)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.booleans(), corner, corner, side, side), max_size=4))
def test_rows_of_boxes_are_read_back(rows: list[tuple[bool, int, int, int, int]]) -> None:
    shown = []
    for critical, x, y, w, h in rows:
        mask = np.zeros((60, 60), bool)
        mask[y : y + h, x : x + w] = True
        box = (float(x), float(y), float(x + w), float(y + h))
        shown.append(Insertion("x", critical, mask.astype(np.float32), mask, box, mask.astype(np.float32)))
    found = read_rfo_row(rfo_row(shown))
    assert [critical for critical, _ in found] == [row[0] for row in rows]
    assert [tuple(points.ravel()) for _, points in found] == [item.box for item in shown]


@settings(max_examples=15, deadline=None)
@given(st.integers(2, 12), st.integers(2, 12), st.integers(0, 8), st.integers(0, 8))
def test_the_outline_of_a_block_encloses_it(rows: int, columns: int, top: int, left: int) -> None:
    mask = np.zeros((24, 24), bool)
    mask[top : top + rows, left : left + columns] = True
    x, y = outline(mask).T
    area = abs(float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum())) / 2
    assert area == pytest.approx(rows * columns, abs=0.51)  # the four corners are cut off by an eighth each
    assert (x.min(), y.min(), x.max(), y.max()) == (left, top, left + columns, top + rows)


def test_an_empty_mask_has_no_outline() -> None:
    with pytest.raises(InputError, match="empty mask has no outline"):
        outline(np.zeros((5, 5), bool))
