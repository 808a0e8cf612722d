"""Line integrals of bodies whose chords can be written down, and the laws every projector must keep."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from scipy.spatial.transform import Rotation

from hilum.core.errors import InputError
from hilum.core.image import Volume
from hilum.drr import reference
from hilum.drr.attenuation import WATER_PER_MM, mu_map
from hilum.drr.field import Field
from hilum.drr.geometry import Geometry, aim
from hilum.drr.project import film_geometry, film_of, project
from hilum.drr.render import batch, line_integrals, line_integrals_many

GRID = np.diag([2.0, 2.0, 2.0, 1.0])
SIZE = 48
OBLIQUE = (12.0, -9.0, 20.0)


def places() -> np.ndarray:
    """(3, n, n, n) mm from the middle of the grid."""
    return (np.indices((SIZE,) * 3) - (SIZE - 1) / 2) * 2.0


def exposure(**more: object) -> Geometry:
    return aim(GRID, (SIZE,) * 3, **{"detector": (40, 40), "pitch_mm": (2.0, 2.0), **more})  # type: ignore[arg-type]


def soft(inside_mm: np.ndarray) -> np.ndarray:
    """Share of a voxel that lies inside, from the distance to the surface in mm: no staircase at the edge."""
    return np.clip(inside_mm / 2.0 + 0.5, 0.0, 1.0).astype(np.float32)


def noise(seed: int) -> Field:
    rng = np.random.default_rng(seed)
    values = ndimage.gaussian_filter(rng.random((SIZE,) * 3), 1.5).astype(np.float32)
    values[:6], values[-6:], values[:, :6], values[:, -6:] = 0, 0, 0, 0
    values[:, :, :6], values[:, :, -6:] = 0, 0
    return Field(values, GRID)


def nearest_mm(geometry: Geometry) -> np.ndarray:
    """How near each ray passes by the isocentre, in mm: the cross product of the line and the way to the point."""
    rows, columns = np.indices(geometry.shape)
    ends = geometry.corner + rows[..., None] * geometry.column_step + columns[..., None] * geometry.row_step
    if geometry.parallel:
        ways = np.broadcast_to(geometry.normal, ends.shape)
    else:
        ways = (ends - geometry.source) / geometry.ray_mm()[..., None]
    return np.linalg.norm(np.cross(geometry.isocentre - ends, ways), axis=2)


@pytest.mark.parametrize("parallel", [True, False])
@pytest.mark.parametrize("angles", [(0.0, 0.0, 0.0), OBLIQUE])
@pytest.mark.parametrize("model", ["trilinear", "siddon"])
def test_a_sphere_shows_the_chord_of_every_ray(parallel: bool, angles: tuple[float, float, float], model: str) -> None:
    radius = 34.0
    x, y, z = places()
    ball = Field(soft(radius - np.sqrt(x**2 + y**2 + z**2)), GRID)
    geometry = exposure(angles_deg=angles, parallel=parallel)
    film = line_integrals(ball, geometry, model=model)  # type: ignore[arg-type]
    near = nearest_mm(geometry)
    chord = 2.0 * np.sqrt(np.maximum(radius**2 - near**2, 0.0))
    inner = near < 0.85 * radius
    assert np.abs(film - chord)[inner].max() < (1.0 if model == "trilinear" else 4.0)  # half a voxel; whole ones
    assert abs(float((film - chord)[inner].mean())) < 0.15
    assert not film[near > radius + 4.0].any()


@pytest.mark.parametrize("model", ["trilinear", "siddon"])
def test_a_cylinder_along_the_body_is_as_deep_as_its_circle(model: str) -> None:
    """Every ray of a parallel frontal view crosses the same circle: 2 sqrt(r^2 - x^2)."""
    x, y, _ = places()
    radius = 30.0
    tube = Field(soft(radius - np.hypot(x, y)), GRID)
    film = line_integrals(tube, exposure(parallel=True), model=model)  # type: ignore[arg-type]
    across = (np.arange(40) - 19.5) * 2.0
    chord = 2.0 * np.sqrt(np.maximum(radius**2 - across**2, 0.0))
    inner = np.abs(across) < 26
    assert np.abs(film[:, inner] - chord[inner]).max() < 0.75
    assert np.allclose(film, film[20], atol=1e-3)


@pytest.mark.parametrize(("view", "depth"), [("PA", 30 * 2.0), ("LL", 20 * 2.0)])
@pytest.mark.parametrize("model", ["trilinear", "siddon"])
def test_a_block_is_as_deep_as_its_side_times_the_obliquity(view: str, depth: float, model: str) -> None:
    values = np.zeros((SIZE,) * 3, np.float32)
    values[14:34, 9:39, 4:44] = 1.0
    geometry = exposure(view=view, source_detector_mm=600.0)
    film = line_integrals(Field(values, GRID), geometry, model=model)  # type: ignore[arg-type]
    slant = geometry.ray_mm() / geometry.source_detector_mm
    assert np.allclose(film[14:26, 14:26], depth * slant[14:26, 14:26], rtol=1e-4)


def test_the_unit_of_the_field_is_the_unit_of_the_film() -> None:
    """The same cube in 2 mm voxels and in inches of the mind: only spacing and scale count, not the stored numbers."""
    codes = np.zeros((SIZE,) * 3, np.uint16)
    codes[12:36, 12:36, 12:36] = 700
    geometry = exposure()
    one = line_integrals(Field(codes, GRID, scale=0.001), geometry)
    two = line_integrals(Field(codes.astype(np.float32), GRID, scale=0.001), geometry)
    three = line_integrals(Field(codes.astype(np.float32) * np.float32(0.001), GRID), geometry)
    assert one[20, 20] == pytest.approx(0.7 * 48.0, rel=1e-3)
    assert np.allclose(one, two, rtol=1e-4, atol=1e-3)
    assert np.allclose(two, three, rtol=1e-4, atol=1e-3)


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 50), st.floats(-3.0, 3.0), st.sampled_from([(0.0, 0.0, 0.0), OBLIQUE]))
def test_projecting_is_linear(seed: int, factor: float, angles: tuple[float, float, float]) -> None:
    one, two, geometry = noise(seed), noise(seed + 100), exposure(angles_deg=angles)
    both = Field(one.values + np.float32(factor) * two.values, GRID)
    films = [line_integrals(each, geometry) for each in (one, two, both)]
    assert np.allclose(films[2], films[0] + factor * films[1], atol=2e-4 * max(films[0].max(), 1.0) * 5)


@settings(max_examples=8, deadline=None)
@given(st.tuples(*[st.floats(-500, 500)] * 3), st.sampled_from(["PA", "RL"]), st.sampled_from(["trilinear", "siddon"]))
def test_where_the_scanner_puts_its_origin_does_not_matter(shift: tuple[float, ...], view: str, model: str) -> None:
    """Patient coordinates of grid and exposure moved together: the film is the same."""
    field = noise(4)
    elsewhere = GRID.copy()
    elsewhere[:3, 3] += shift
    films = [
        line_integrals(
            Field(field.values, affine),
            aim(affine, field.shape, view=view, detector=(40, 40), pitch_mm=(2.0, 2.0)),  # type: ignore[arg-type]
            model=model,  # type: ignore[arg-type]
        )
        for affine in (GRID, elsewhere)
    ]
    assert np.allclose(films[0], films[1], atol=2e-3 * films[0].max())


def test_turning_grid_and_tube_together_changes_nothing() -> None:
    field, geometry = noise(5), exposure(view="AP")
    turn = np.eye(4)
    turn[:3, :3] = Rotation.from_euler("z", 15, degrees=True).as_matrix()
    turned = Geometry(
        turn[:3, :3] @ geometry.source, turn[:3, :3] @ geometry.corner, turn[:3, :3] @ geometry.row_step,
        turn[:3, :3] @ geometry.column_step, geometry.shape, turn[:3, :3] @ geometry.isocentre, "AP",
    )  # fmt: skip
    moved = Field(field.values, turn @ GRID)
    assert np.allclose(line_integrals(field, geometry), line_integrals(moved, turned), atol=2e-3)


@pytest.mark.parametrize("model", ["trilinear", "siddon"])
def test_a_mirrored_patient_mirrors_the_film(model: str) -> None:
    field, geometry = noise(6), exposure(view="PA")
    mirrored = Field(np.ascontiguousarray(field.values[::-1]), GRID)
    films = [line_integrals(each, geometry, model=model) for each in (field, mirrored)]  # type: ignore[arg-type]
    assert np.allclose(films[0][:, ::-1], films[1], atol=2e-3)
    upside = Field(np.ascontiguousarray(field.values[:, :, ::-1]), GRID)
    assert np.allclose(films[0][::-1], line_integrals(upside, geometry, model=model), atol=2e-3)  # type: ignore[arg-type]


def test_rays_in_parallel_keep_the_mass_of_the_body() -> None:
    """What all rays carry times the area of a pixel is the volume integral of the field."""
    field = noise(7)
    truth = float(field.values.sum(dtype=np.float64)) * 8.0
    for angles in ((0.0, 0.0, 0.0), OBLIQUE):
        geometry = exposure(parallel=True, angles_deg=angles, detector=(121, 121), pitch_mm=(1.0, 1.0))
        assert float(line_integrals(field, geometry).sum()) == pytest.approx(truth, rel=2e-3)


def test_finer_pixels_are_the_coarse_ones_in_the_mean() -> None:
    field, coarse = noise(8), exposure(detector=(20, 20), pitch_mm=(4.0, 4.0))
    fine = line_integrals(field, coarse.resized((100, 100))).reshape(20, 5, 20, 5).mean(axis=(1, 3))
    film = line_integrals(field, coarse)
    inner = (slice(3, -3), slice(3, -3))  # beside the body's straight edges a mean is no sample
    assert np.abs(fine - film)[inner].max() < 0.05 * film.max()
    assert fine[inner].sum() == pytest.approx(film[inner].sum(), rel=2e-3)


def test_a_body_in_two_halves_is_the_sum_of_both(draw: np.random.Generator) -> None:
    field, geometry = noise(9), exposure(angles_deg=OBLIQUE)
    part = draw.random(field.shape) < 0.5
    halves = [np.where(part, field.values, 0), np.where(part, 0, field.values)]
    films = [line_integrals(Field(each.astype(np.float32), GRID), geometry, model="siddon") for each in halves]
    assert np.allclose(sum(films), line_integrals(field, geometry, model="siddon"), atol=1e-3)


@pytest.mark.parametrize("kernel", ["auto", "slab", "gather"])
def test_every_kernel_follows_the_exact_integral(kernel: str) -> None:
    field, geometry = noise(10), exposure(view="LL")
    film = line_integrals(field, geometry, kernel=kernel)  # type: ignore[arg-type]
    pixels = np.argwhere(np.ones((40, 40), bool))[::37]
    exact = reference.trilinear(field, geometry, pixels)
    seen = film[tuple(pixels.T)]
    assert np.abs(seen - exact).max() < 0.02 * exact.max()


# -- several at once --------------------------------------------------------------------------------------------------


def test_many_fields_and_many_poses_are_each_their_own(draw: np.random.Generator) -> None:
    fields = [noise(11), noise(12), Field(np.zeros((SIZE,) * 3, np.float32), GRID)]
    geometry = exposure()
    films = line_integrals_many(fields, geometry)
    assert films.shape == (3, 40, 40)
    assert films.dtype == np.float32
    for film, field in zip(films, fields, strict=True):
        assert np.allclose(film, line_integrals(field, geometry), atol=1e-3)
    assert not films[2].any()
    poses = [exposure(), exposure(angles_deg=OBLIQUE), exposure(view="LL")]
    together = batch(fields[0], poses)
    assert together.shape == (3, 40, 40)
    for film, pose in zip(together, poses, strict=True):
        assert np.array_equal(film, line_integrals(fields[0], pose))
    exact = line_integrals_many(fields[:2], geometry, model="siddon")
    assert np.array_equal(exact[1], line_integrals(fields[1], geometry, model="siddon"))


def test_what_cannot_be_integrated_is_one_sentence() -> None:
    field, geometry = noise(13), exposure()
    other = Field(field.values, np.diag([2.0, 2.0, 2.5, 1.0]))
    for fields in ([], [field, other], [field, Field(field.values[1:], GRID)]):
        with pytest.raises(InputError, match="lie on one grid"):
            line_integrals_many(fields, geometry)
    with pytest.raises(InputError, match="model 'cubic' is not known: use trilinear or siddon"):
        line_integrals(field, geometry, model="cubic")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="kernel 'fast' is not known"):
        line_integrals(field, geometry, kernel="fast")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="one detector size, got no exposure"):
        batch(field, [])
    with pytest.raises(InputError, match="one detector size"):
        batch(field, [geometry, exposure(detector=(39, 40))])
    with pytest.raises(InputError, match="trilinear model with its own kernel only"):
        line_integrals(field, geometry, model="siddon", device="cuda")


# -- from a CT to a film ----------------------------------------------------------------------------------------------


def test_a_film_has_the_view_the_spacing_and_the_letters_of_its_geometry() -> None:
    volume = Volume(np.full((20, 20, 20), -1000.0, np.float32), GRID)
    geometry = film_geometry(volume, view="RL", size=(30, 20), field_mm=300.0)
    assert geometry.shape == (30, 20)
    assert geometry.pitch_mm == (10.0, 10.0)
    image = film_of(np.zeros((30, 20), np.float32), geometry, name="x")
    assert (image.view, image.id, image.synthetic) == ("RL", "x", True)
    assert (image.spacing_mm, image.spacing_plane, image.orientation) == ((10.0, 10.0), "detector", ("P", "F"))


def test_the_gap_is_air_between_the_body_and_the_detector() -> None:
    volume = Volume(np.zeros((20, 30, 40), np.float32), GRID)
    for view, deep in (("AP", 30 * 2.0), ("LL", 20 * 2.0)):
        geometry = film_geometry(volume, view=view, gap_mm=25.0)  # type: ignore[arg-type]
        assert geometry.source_detector_mm - geometry.source_isocentre_mm == pytest.approx(25.0 + deep / 2)


@pytest.mark.parametrize("more", [{"size": 0}, {"size": (5, -1)}, {"field_mm": 0.0}])
def test_a_film_needs_pixels_and_a_field(more: dict[str, object]) -> None:
    volume = Volume(np.zeros((20, 20, 20), np.float32), GRID)
    with pytest.raises(InputError, match="needs pixels and a field above 0 mm"):
        film_geometry(volume, **more)  # type: ignore[arg-type]


def test_a_film_of_water_is_its_depth_in_water() -> None:
    """10 cm of water: 0.0195 / mm times 100 mm, whichever model; and what lies in front or behind does not matter."""
    voxels = np.full((SIZE,) * 3, -1000.0, np.float32)
    voxels[:, 0 : 48 // 2] = 0.0
    front = project(Volume(voxels, GRID), size=15, field_mm=30.0, parallel=True)
    back = project(Volume(voxels[:, ::-1], GRID), size=15, field_mm=30.0, parallel=True, model="siddon")
    assert front.pixels[7, 7] == pytest.approx(48.0 * WATER_PER_MM, rel=0.03)
    assert back.pixels[7, 7] == pytest.approx(48.0 * WATER_PER_MM, rel=1e-4)
    assert mu_map(Volume(voxels, GRID)).float32().max() == pytest.approx(WATER_PER_MM)
