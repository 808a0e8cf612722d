"""Exact path lengths: chords that can be written down, the float64 reference, and rays that meet faces and edges."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from hilum.core.errors import InputError, MissingError
from hilum.drr import reference, siddon
from hilum.drr.attenuation import mu_map
from hilum.drr.field import Field
from hilum.drr.geometry import Geometry, aim


def every_pixel(geometry: Geometry) -> np.ndarray:
    return np.argwhere(np.ones(geometry.shape, bool))


def chords(field: Field, geometry: Geometry) -> np.ndarray:
    """Length in mm of each ray inside the box of the grid, from its six faces alone."""
    start, way, length = reference.rays(field, geometry, every_pixel(geometry))
    with np.errstate(divide="ignore", invalid="ignore"):
        one, two = (-0.5 - start) / way, (np.array(field.shape) - 0.5 - start) / way
    enter, leave = np.minimum(one, two).max(axis=1), np.maximum(one, two).min(axis=1)
    return (np.maximum(leave - enter, 0) * length).reshape(geometry.shape)


def grid(spacing: tuple[float, float, float] = (1.0, 1.0, 1.0), turn: np.ndarray | None = None) -> np.ndarray:
    affine = np.eye(4)
    affine[:3, :3] = (np.eye(3) if turn is None else turn) @ np.diag(spacing)
    return affine


def whole(field: Field, geometry: Geometry) -> tuple[np.ndarray, np.ndarray]:
    """The kernel's film and the reference's."""
    return siddon.integrals(field, geometry), reference.siddon(field, geometry, every_pixel(geometry)).reshape(
        geometry.shape
    )


def along(axis: int, start: tuple[float, float, float], shape: tuple[int, int] = (1, 1), step: float = 1.0) -> Geometry:
    """Parallel rays of pitch `step` along one axis of patient mm, the first through `start`."""
    way, first, second = np.eye(3)[axis], np.eye(3)[(axis + 1) % 3], np.eye(3)[(axis + 2) % 3]
    corner = np.array(start) + 100 * way
    return Geometry(np.array(start) - 100 * way, corner, step * first, step * second, shape, np.zeros(3), parallel=True)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("dtype", [np.float32, np.uint16])
def test_a_unit_voxel_integrates_to_its_own_length(axis: int, dtype: type) -> None:
    values = np.zeros((5, 6, 7), dtype)
    values[2, 3, 4] = 1
    spacing = (0.7, 1.3, 2.5)
    affine = grid(spacing)
    place = affine[:3, :3] @ (2, 3, 4)
    film = siddon.integrals(Field(values, affine), along(axis, tuple(place)))
    assert film[0, 0] == pytest.approx(spacing[axis], rel=1e-6)
    beside = place + 0.51 * np.roll(np.eye(3)[axis], 1) * np.array(spacing)
    assert siddon.integrals(Field(values, affine), along(axis, tuple(beside)))[0, 0] == 0


def test_fine_parallel_rays_add_up_to_the_volume_of_a_voxel() -> None:
    values = np.zeros((5, 5, 5), np.float32)
    values[2, 2, 2] = 3.0
    geometry = aim(grid(), (5, 5, 5), detector=(301, 301), pitch_mm=(0.01, 0.01), parallel=True).turned((30, 20, 10))
    assert siddon.integrals(Field(values, grid()), geometry).sum() * 1e-4 == pytest.approx(3.0, rel=1e-3)


def test_a_slab_is_longer_by_the_obliquity_of_each_ray() -> None:
    field = Field(np.full((300, 12, 300), 0.02, np.float32), grid((2.0, 2.0, 2.0)))
    geometry = aim(field.affine, field.shape, view="PA", detector=(41, 41), pitch_mm=(5.0, 5.0))
    obliquity = geometry.ray_mm() / geometry.source_detector_mm
    assert np.allclose(siddon.integrals(field, geometry), 24 * 0.02 * obliquity, rtol=1e-6)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.tuples(*[st.integers(1, 9)] * 3), st.tuples(*[st.floats(0.3, 3)] * 3), st.integers(0, 2**31), st.booleans(),
    st.sampled_from(["PA", "AP", "LL", "RL"]),
)  # fmt: skip
def test_a_full_box_gives_the_chord(
    shape: tuple[int, int, int], spacing: tuple[float, float, float], seed: int, parallel: bool, view: str
) -> None:
    turn = Rotation.random(random_state=seed).as_matrix()
    field = Field(np.ones(shape, np.uint16), grid(spacing, turn))
    geometry = aim(field.affine, shape, view=view, detector=(7, 5), pitch_mm=(1.7, 2.3), source_detector_mm=200.0,
                   parallel=parallel)  # fmt: skip
    assert np.allclose(siddon.integrals(field, geometry), chords(field, geometry), atol=2e-5)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.tuples(*[st.integers(1, 12)] * 3), st.integers(0, 2**31), st.booleans(), st.booleans(),
    st.tuples(*[st.floats(-180, 180)] * 3),
)  # fmt: skip
def test_random_fields_agree_with_the_reference(
    shape: tuple[int, int, int], seed: int, coded: bool, parallel: bool, angles: tuple[float, float, float]
) -> None:
    draw = np.random.default_rng(seed)
    values = draw.integers(0, 65536, shape).astype(np.uint16) if coded else draw.normal(0, 1, shape).astype(np.float32)
    affine = grid(tuple(draw.uniform(0.4, 3, 3)), Rotation.random(random_state=seed).as_matrix())
    affine[:3, 1] += draw.uniform(-0.3, 0.3) * affine[:3, 0]  # gantry tilt
    affine[:3, 3] = draw.uniform(-50, 50, 3)
    field = Field(values, affine, scale=draw.uniform(-2, 2) * (1e-4 if coded else 1))
    geometry = aim(affine, shape, detector=(9, 8), pitch_mm=(3.0, 3.0), source_detector_mm=300.0, parallel=parallel)
    found, truth = whole(field, geometry.turned(angles))
    assert np.allclose(found, truth, rtol=1e-5, atol=1e-6 * max(np.abs(truth).max(), 1e-3))


def ct() -> Field:
    from hilum.data.chest_ct import chest_ct

    try:
        return mu_map(chest_ct())
    except MissingError as problem:
        pytest.skip(str(problem))


@pytest.fixture(scope="module")
def chest() -> Field:
    return ct()


@pytest.mark.parametrize(
    ("view", "angles"),
    [("PA", (0, 0, 0)), ("LL", (0, 0, 0)), ("PA", (7, 5, 12)), ("PA", (0, 0, 44)), ("RL", (-60, 10, 130))],
)
def test_real_anatomy_agrees_with_the_reference(
    chest: Field, view: str, angles: tuple[float, float, float], draw: np.random.Generator
) -> None:
    geometry = aim(chest.affine, chest.shape, view=view, angles_deg=angles, detector=(512, 512),
                   source_isocentre_mm=1600.0)  # fmt: skip
    pixels = draw.integers(0, 512, (400, 2))
    truth = reference.siddon(chest, geometry, pixels)
    found = siddon.integrals(chest, geometry)[tuple(pixels.T)]
    assert truth.mean() > 0.5
    off = np.abs(found - truth) / np.maximum(truth, 1e-3)
    assert np.median(off) < 1e-6
    assert off.max() < 1e-5


@pytest.mark.slow
@pytest.mark.parametrize("view", ["PA", "AP", "LL", "RL"])
def test_two_thousand_rays_of_real_anatomy(chest: Field, view: str, draw: np.random.Generator) -> None:
    geometry = aim(chest.affine, chest.shape, view=view, angles_deg=(3, -4, 20), detector=(1024, 1024))
    pixels = draw.integers(0, 1024, (2000, 2))
    truth = reference.siddon(chest, geometry, pixels)
    off = np.abs(siddon.integrals(chest, geometry)[tuple(pixels.T)] - truth) / np.maximum(truth, 1e-3)
    assert np.quantile(off, 0.999) < 1e-5


def test_storage_order_and_flips_do_not_matter(draw: np.random.Generator) -> None:
    values = draw.random((20, 24, 28)).astype(np.float32)
    straight = Field(values, grid((2.0, 3.0, 4.0)))
    flipped = np.diag([-2.0, 3.0, -4.0, 1.0])
    flipped[:3, 3] = (38.0, 0.0, 108.0)
    turned = Field(np.ascontiguousarray(values[::-1, :, ::-1].transpose(2, 1, 0)), flipped[:, [2, 1, 0, 3]])
    fortran = Field(np.asfortranarray(values), straight.affine)
    for view in ("PA", "AP", "LL", "RL"):
        geometry = aim(straight.affine, values.shape, view=view, angles_deg=(5, 9, 3), detector=(40, 40))
        first = siddon.integrals(straight, geometry)
        assert first.max() > 1
        assert np.allclose(first, siddon.integrals(turned, geometry), rtol=1e-5, atol=1e-5)
        assert np.array_equal(first, siddon.integrals(fortran, geometry))


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_ray_along_a_face_takes_one_of_the_two_columns(axis: int, draw: np.random.Generator) -> None:
    values = draw.random((6, 6, 6)).astype(np.float32)
    sums = np.moveaxis(values, axis, -1).sum(axis=-1)
    face = np.full(3, 2.0)
    face[(axis + 1) % 3] = 2.5
    film = siddon.integrals(Field(values, grid()), along(axis, tuple(face)))
    others = [n for n in range(3) if n != axis]
    columns = [sums[tuple(np.where(np.array(others) == (axis + 1) % 3, n, 2))] for n in (2, 3)]
    assert min(abs(film[0, 0] - column) for column in columns) < 1e-5


def test_rays_along_the_outer_faces_stay_within_the_outer_columns(draw: np.random.Generator) -> None:
    values = draw.random((4, 4, 4)).astype(np.float32)
    for edge, column in ((-0.5, 0), (3.5, 3)):
        film = siddon.integrals(Field(values, grid()), along(0, (0.0, edge, 1.0)))[0, 0]
        assert film == 0 or film == pytest.approx(values[:, column, 1].sum(), rel=1e-5)


@pytest.mark.parametrize("slopes", [(1, 1, 1), (1, 1, 0), (1, -1, 1), (2, 1, 1), (4, 2, 1), (3, 3, -1)])
def test_rays_through_edges_and_corners_of_voxels(slopes: tuple[int, int, int], draw: np.random.Generator) -> None:
    """Ties everywhere: the order of crossings that coincide must not change the sum."""
    field = Field(draw.random((12, 12, 12)).astype(np.float32), grid())
    way, across = np.array(slopes, np.float64), np.array([slopes[1], -slopes[0], 0.0])
    middle = np.full(3, 5.5)  # a corner of voxels, and all steps are whole: every ray passes through such corners
    geometry = Geometry(
        middle - 50 * way, middle + 50 * way, across, np.cross(way, across), (3, 3), middle, parallel=True
    )  # fmt: skip
    shift = np.array([3e-7, 2e-7, 1e-7])
    near = replace(geometry, source=geometry.source + shift, corner=geometry.corner + shift)
    found, beside = siddon.integrals(field, geometry), reference.siddon(field, near, every_pixel(near)).reshape(3, 3)
    assert found[0, 0] > 1
    low, high = field.values.min() * chords(field, near), field.values.max() * chords(field, near)
    assert (found >= low - 1e-4).all()
    assert (found <= high + 1e-4).all()
    # a ray that runs in a face may take either side of it; one that only meets edges has one value
    if 0 not in slopes:
        assert np.allclose(found, beside, atol=2e-5)


def test_a_diagonal_through_corners_sums_the_diagonal(draw: np.random.Generator) -> None:
    values = draw.integers(0, 4000, (8, 8, 8)).astype(np.uint16)
    way = np.ones(3)
    geometry = Geometry(-40 * way, 40 * way, np.array([1.0, -1, 0]), np.array([1.0, 1, -2]), (1, 1), np.zeros(3))
    expected = values[range(8), range(8), range(8)].sum() * np.sqrt(3)
    assert siddon.integrals(Field(values, grid()), geometry)[0, 0] == pytest.approx(expected, rel=1e-6)


def test_rays_that_miss_give_nothing(draw: np.random.Generator) -> None:
    field = Field(draw.random((6, 7, 8)).astype(np.float32) + 1, grid())
    geometry = aim(field.affine, field.shape, detector=(61, 61), pitch_mm=(1.0, 1.0), angles_deg=(10, 20, 30))
    film = siddon.integrals(field, geometry)
    assert np.array_equal(film > 0, chords(field, geometry) > 1e-9)
    away = replace(geometry, source=geometry.source + 500, corner=geometry.corner + 500)
    assert not siddon.integrals(field, away).any()


def test_axes_are_chosen_ray_by_ray(draw: np.random.Generator) -> None:
    """A wide fan at 45 degrees: on one side rays cross x fastest, on the other y; the seam is not seen."""
    field = Field(draw.random((30, 30, 10)).astype(np.float32), grid((1.0, 1.0, 2.0)))
    geometry = aim(field.affine, field.shape, angles_deg=(0, 0, 45), detector=(40, 90), pitch_mm=(1.0, 1.0),
                   source_detector_mm=120.0)  # fmt: skip
    found, truth = whole(field, geometry)
    assert {key for key in field.kept if key[0] == "siddon"} == {("siddon", 0), ("siddon", 1)}
    assert np.allclose(found, truth, rtol=1e-5, atol=1e-5)


def test_the_sums_of_one_direction_at_a_time_are_kept() -> None:
    field = Field(np.ones((8, 9, 10), np.uint16), grid())
    for view, axis in (("PA", 1), ("LL", 0), ("AP", 1)):
        siddon.integrals(field, aim(field.affine, field.shape, view=view, detector=(8, 8)))
        assert list(field.kept) == [("siddon", axis)]


def test_codes_and_numbers_give_the_same(draw: np.random.Generator) -> None:
    codes = draw.integers(0, 4096, (20, 21, 22)).astype(np.uint16)
    geometry = aim(grid(), codes.shape, detector=(50, 50), pitch_mm=(0.5, 0.5), angles_deg=(12, 5, 7))
    coded = siddon.integrals(Field(codes, grid(), scale=0.25), geometry)
    assert np.allclose(coded, siddon.integrals(Field(codes.astype(np.float32) / 4, grid()), geometry), rtol=1e-6)


def test_a_field_of_nothing_and_one_that_is_not_a_number() -> None:
    geometry = aim(grid(), (6, 6, 6), detector=(8, 8))
    assert not siddon.integrals(Field(np.zeros((6, 6, 6), np.float32), grid()), geometry).any()
    values = np.ones((6, 6, 6), np.float32)
    values[3, 3, 3] = np.nan
    with pytest.raises(InputError, match="nan or infinite"):
        siddon.integrals(Field(values, grid()), geometry)
