"""Path lengths through meshes against chords and volumes that can be written down."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from hilum.core.errors import InputError
from hilum.drr.geometry import Geometry, aim
from hilum.drr.mesh import path_mm
from hilum.drr.solids import Solid, ball, curve, disc, plate, prism, rod, sweep, tube


def beam(pixels: int = 161, pitch: float = 0.5, **more: object) -> Geometry:
    return aim(np.eye(4), (60, 60, 60), detector=(pixels, pixels), pitch_mm=(pitch, pitch), **more)  # type: ignore[arg-type]


def through(solid: Solid, geometry: Geometry, **more: int) -> np.ndarray:
    placed = solid.moved(shift_mm=tuple(geometry.isocentre))
    return path_mm(placed.vertices, placed.faces, geometry, **more)


def mass(path: np.ndarray, geometry: Geometry) -> float:
    """The volume a film shows, in mm3: exact for parallel rays, near enough close to the isocentre."""
    down, along = geometry.pitch_mm
    return float(path.sum()) * down * along / geometry.magnification**2


def test_a_cube_is_as_deep_as_its_side() -> None:
    geometry = beam(parallel=True)
    path = through(plate("iron", 7.9, (20, 20, 20)), geometry, fine=1)
    assert path.max() == pytest.approx(20, rel=1e-6)
    assert mass(path, geometry) == pytest.approx(8000, rel=0.03)


def test_an_oblique_ray_through_a_plate_is_longer_by_its_angle() -> None:
    geometry = beam(parallel=True, angles_deg=(30.0, 0.0, 0.0))
    path = through(plate("iron", 7.9, (50, 4, 50)), geometry)
    assert path[80, 80] == pytest.approx(4 / np.cos(np.radians(30)), rel=1e-6)


@pytest.mark.parametrize("parallel", [True, False])
def test_a_ball_shows_its_chords_and_its_volume(parallel: bool) -> None:
    geometry = beam(parallel=parallel, angles_deg=(10.0, 20.0, 30.0))
    path = through(ball("iron", 7.9, 15.0), geometry)
    assert path.max() == pytest.approx(30, rel=5e-3)
    assert mass(path, geometry) == pytest.approx(4 / 3 * np.pi * 15**3, rel=1e-3)
    distance = 8.0 * geometry.magnification / geometry.pitch_mm[1]
    assert path[80, 80 + round(distance)] == pytest.approx(2 * np.sqrt(15**2 - 8**2), rel=0.02)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.booleans())
def test_no_ray_is_counted_twice_or_lost_at_shared_edges(seed: int, parallel: bool) -> None:
    """The volume seen is the volume enclosed, however the body is turned; no pixel is negative or too deep."""
    rng = np.random.default_rng(seed)
    geometry = beam(parallel=parallel)
    turn = Rotation.random(random_state=rng).as_matrix()
    solid = plate("iron", 7.9, (30, 20, 10), round_mm=4).moved(rotation=turn)
    path = through(solid, geometry)
    assert mass(path, geometry) == pytest.approx(solid.volume_mm3, rel=2e-3)
    assert path.min() >= 0
    assert path.max() <= np.linalg.norm((30, 20, 10))


def test_vertices_on_pixel_centres_are_counted_once() -> None:
    """Edges that run exactly through pixel centres are where naive rules count twice or not at all."""
    geometry = beam(pixels=41, pitch=1.0, parallel=True)
    path = through(plate("iron", 7.9, (20, 20, 20)), geometry, fine=1)
    assert set(np.unique(path)) == {0.0, 20.0}
    assert (path > 0).sum() in (20 * 20, 20 * 21, 21 * 21)


def test_a_needle_thinner_than_a_pixel_keeps_its_mass() -> None:
    geometry = beam(pixels=61, pitch=1.5)
    needle = rod("iron", 7.9, curve(np.array([[-15.0, 0, -5], [0, 3, 4], [15, 0, -2]])), 0.2)
    length = np.linalg.norm(np.diff(curve(np.array([[-15.0, 0, -5], [0, 3, 4], [15, 0, -2]])), axis=0), axis=1).sum()
    assert needle.volume_mm3 == pytest.approx(np.pi * 0.2**2 * length, rel=5e-3)
    assert mass(through(needle, geometry, fine=8), geometry) == pytest.approx(needle.volume_mm3, rel=0.05)


def test_a_tube_is_hollow() -> None:
    geometry = beam(parallel=True)
    wall = tube("pvc", 1.35, np.array([[0, -20.0, 0], [0, 20.0, 0]]), 6.0, 4.0)
    assert wall.volume_mm3 == pytest.approx(np.pi * (36 - 16) * 40, rel=0.01)
    path = through(wall, geometry)
    assert path[80, 80] == 0
    assert path[80, 90] == pytest.approx(40, rel=1e-6)


def test_a_ring_and_a_disc_have_their_volumes() -> None:
    angle = 2 * np.pi * np.arange(12) / 12
    ring = rod("gold", 15.0, curve(10 * np.stack([np.cos(angle), np.sin(angle), 0 * angle], -1), closed=True), 1.0,
               closed=True)  # fmt: skip
    assert ring.volume_mm3 == pytest.approx(2 * np.pi**2 * 10, rel=0.01)
    assert disc("iron", 7.9, 5.0, 2.0).volume_mm3 == pytest.approx(np.pi * 25 * 2, rel=1e-9)


def test_a_body_beside_the_film_leaves_no_shadow() -> None:
    geometry = beam()
    far = ball("iron", 7.9, 5.0).moved(shift_mm=(500.0, 30.0, 30.0))
    assert not path_mm(far.vertices, far.faces, geometry).any()
    half = ball("iron", 7.9, 8.0).moved(shift_mm=tuple(geometry.isocentre + np.array([38.0, 0, 0])))
    seen = path_mm(half.vertices, half.faces, geometry)
    assert seen[:, -1].max() > 5
    assert not seen[:, :100].any()


def test_a_body_behind_the_source_is_refused() -> None:
    geometry = beam()
    behind = ball("iron", 7.9, 5.0).moved(shift_mm=tuple(geometry.source - 50 * geometry.normal))
    with pytest.raises(InputError, match="behind the source"):
        path_mm(behind.vertices, behind.faces, geometry)


def test_an_open_mesh_is_refused_and_a_turned_one_is_turned_back() -> None:
    vertices, faces = sweep(np.array([[0.0, 0, 0], [10, 0, 0]]), 2.0)
    with pytest.raises(InputError, match="not closed: 3 of its edges"):
        Solid("iron", 7.9, vertices, faces[1:])
    assert Solid("iron", 7.9, vertices, faces[:, ::-1]).volume_mm3 > 0
    with pytest.raises(InputError, match="density"):
        Solid("iron", 0.0, vertices, faces)
    with pytest.raises(InputError, match="vertex it has not"):
        Solid("iron", 7.9, vertices, faces + 1000)


def test_a_prism_of_any_outline_is_closed() -> None:
    outline = np.array([[0, 0], [10, 0], [7, 6], [2, 6]], float)
    assert prism("iron", 7.9, outline, 3.0).volume_mm3 == pytest.approx(45.0 * 3)


def test_a_curve_needs_places_to_go() -> None:
    with pytest.raises(InputError, match="at least two points"):
        curve(np.zeros((1, 3)))
    with pytest.raises(InputError, match="same point twice"):
        curve(np.zeros((3, 3)))
    points = curve(np.array([[0.0, 0, 0], [10, 0, 0], [20, 0, 0]]), step_mm=1.0)
    assert len(points) == 21
    assert np.allclose(points[:, 1:], 0)
