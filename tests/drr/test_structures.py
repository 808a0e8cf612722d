"""Path lengths through structures, against lengths that can be written down and against float64 references."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.core.errors import InputError, TooLargeError
from hilum.drr import joseph, reference
from hilum.drr.field import Field, Structures
from hilum.drr.geometry import Geometry, aim
from hilum.drr.structures import maxima, path_lengths
from tests.drr import chest

UNIT = np.eye(4)
POSES = [("PA", (0, 0, 0)), ("LL", (0, 0, 0)), ("AP", (4, -6, 11)), ("PA", (2, 1, 44)), ("RL", (0, 30, 0))]


def blobs(seed: int = 0, affine: np.ndarray = UNIT, shape: tuple[int, int, int] = (30, 26, 22)) -> Structures:
    """Three balls of random place and size, the later one over the earlier."""
    rng = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(*(np.arange(size) for size in shape), indexing="ij"), axis=-1)
    ids = np.zeros(shape, np.uint8)
    for number in (3, 7, 9):
        ids[np.linalg.norm(grid - rng.uniform(0, shape), axis=-1) < rng.uniform(3, 9)] = number
    return Structures(ids, affine, {3: "a", 7: "b", 9: "c"})


def exposure(found: Structures, view: str, angles: tuple[float, ...], size: int = 60, **more: object) -> Geometry:
    return aim(
        found.affine, found.ids.shape, view=view, angles_deg=angles, detector=(size, size + 3),  # type: ignore[arg-type]
        pitch_mm=(80 / size, 75 / size), source_detector_mm=500, **more,
    )  # fmt: skip


def everywhere(geometry: Geometry) -> np.ndarray:
    return np.stack(np.meshgrid(*(np.arange(n) for n in geometry.shape), indexing="ij"), axis=-1).reshape(-1, 2)


def test_a_cube_is_as_deep_as_its_chord() -> None:
    ids = np.zeros((60, 60, 60), np.uint8)
    ids[20:40, 20:40, 20:40] = 5
    found = Structures(ids, np.diag([1.0, 0.5, 2.0, 1.0]), {5: "cube"})
    for model in ("trilinear", "siddon"):
        geometry = aim(found.affine, ids.shape, view="PA", detector=(41, 41), pitch_mm=(1, 1))
        lengths = path_lengths(found, geometry, model=model)  # type: ignore[arg-type]
        assert lengths.shape == (1, 41, 41)
        tilt = np.hypot(5.0, geometry.source_detector_mm) / geometry.source_detector_mm
        assert lengths[0, 20, 20] == pytest.approx(10.0, rel=1e-3)
        assert lengths[0, 20, 25] == pytest.approx(10.0 * tilt, rel=1e-3)


@pytest.mark.parametrize("angles", [(0, 0, 0), (20, 10, 30)])
def test_a_ball_shows_its_chords_from_all_sides(angles: tuple[float, float, float]) -> None:
    grid = np.stack(np.meshgrid(*[np.arange(81) - 40.0] * 3, indexing="ij"), axis=-1) / 2
    ids = (np.linalg.norm(grid, axis=-1) <= 15.0).astype(np.uint8)
    found = Structures(ids, np.diag([0.5, 0.5, 0.5, 1.0]), {1: "ball"})
    geometry = aim(found.affine, ids.shape, angles_deg=angles, detector=(61, 61), pitch_mm=(1, 1), parallel=True)
    lengths = path_lengths(found, geometry)[0]
    away = np.hypot(*np.meshgrid(np.arange(61) - 30, np.arange(61) - 30))
    inside = away < 13
    assert np.allclose(lengths[inside], 2 * np.sqrt(15.0**2 - away[inside] ** 2), atol=0.8)
    assert lengths.sum() == pytest.approx(4 / 3 * np.pi * 15.0**3, rel=0.01)
    assert not lengths[away > 16].any()


@pytest.mark.parametrize(("view", "angles"), POSES)
@pytest.mark.parametrize("parallel", [False, True])
def test_each_structure_equals_the_reference_of_its_mask(view: str, angles: tuple, parallel: bool) -> None:
    found = blobs(affine=np.array([[0.9, 0, 0, -20], [0, -0.8, 0, 12], [0, 0, 1.7, 5], [0, 0, 0, 1.0]]))
    geometry = exposure(found, view, angles, parallel=parallel)
    lengths = path_lengths(found, geometry)
    pixels = everywhere(geometry)
    truth = np.stack([reference.trilinear(chest.mask_field(found, i), geometry, pixels) for i in found.present()])
    error = np.abs(lengths.reshape(truth.shape) - truth)
    near_45 = 40 < max(angles) < 50  # the planes of the grid then cut a ray most sparsely
    assert error.mean() < (0.03 if near_45 else 0.01) * truth.mean()
    assert error.max() < 0.6


@pytest.mark.parametrize(("view", "angles"), POSES)
def test_whole_voxels_are_exact(view: str, angles: tuple) -> None:
    found = blobs(1, np.diag([0.9, 0.8, 1.7, 1.0]))
    geometry = exposure(found, view, angles, 30)
    lengths = path_lengths(found, geometry, model="siddon")
    for index, number in enumerate(found.present()):
        truth = reference.siddon(chest.mask_field(found, number), geometry, everywhere(geometry))
        assert np.allclose(lengths[index].ravel(), truth, atol=1e-4)
    whole = Field((found.ids > 0).astype(np.float32), found.affine)
    assert np.allclose(lengths.sum(axis=0).ravel(), reference.siddon(whole, geometry, everywhere(geometry)), atol=1e-3)


@pytest.mark.parametrize("model", ["trilinear", "siddon"])
@pytest.mark.parametrize(("view", "angles"), POSES[:3])
def test_a_field_is_integrated_inside_each_structure_alone(model: str, view: str, angles: tuple) -> None:
    found = blobs(2)
    codes = np.random.default_rng(3).integers(0, 4000, found.ids.shape).astype(np.uint16)
    field = Field(codes, found.affine, scale=0.001)
    geometry = exposure(found, view, angles, 30)
    got = path_lengths(found, geometry, [9, 3], field=field, model=model)  # type: ignore[arg-type]
    for index, number in enumerate((9, 3)):
        masked = Field(np.where(found.ids == number, field.float32(), 0).astype(np.float32), found.affine)
        truth = getattr(reference, model)(masked, geometry, everywhere(geometry))
        assert np.abs(got[index].ravel() - truth).mean() < 0.01 * max(truth.mean(), 1e-6)


def test_the_maximum_inside_a_structure_is_found_and_no_other() -> None:
    found = blobs(4)
    values = np.full(found.ids.shape, 100.0, np.float32)
    place = tuple(np.argwhere(found.ids == 9)[0])
    values[found.ids == 9] = 1.0
    values[place] = 5.0
    geometry = exposure(found, "PA", (0, 0, 0), parallel=True)
    peak = maxima(found, geometry, Field(values, found.affine), [9], outside=-1.0)[0]
    depth = path_lengths(found, geometry, [9], model="siddon")[0]
    assert set(np.unique(peak)) == {-1.0, 1.0, 5.0}
    assert np.array_equal(peak > 0, depth > 0)
    row, column = np.rint(geometry.shadow(np.array([place], float))[0]).astype(int)
    assert peak[row, column] == 5.0


@given(
    seed=st.integers(0, 10_000), view=st.sampled_from(["PA", "AP", "LL", "RL"]), size=st.sampled_from([17, 40, 310]),
    turn=st.sampled_from([(0, 0, 0), (3, -8, 20), (10, 60, 45)]), parallel=st.booleans(),
    swap=st.permutations(range(3)),
)  # fmt: skip
@settings(max_examples=25, deadline=None)
def test_cropping_to_footprints_never_loses_a_pixel(
    seed: int, view: str, size: int, turn: tuple, parallel: bool, swap: list[int]
) -> None:
    """Whatever the pose, the order of the array and the detector, each pixel the plain kernel fills is filled."""
    straight = blobs(seed, shape=(14, 12, 10))
    affine = np.diag([1.5, 1.2, 2.5, 1.0])[:, [*swap, 3]]
    found = Structures(np.ascontiguousarray(straight.ids.transpose(swap)), affine, straight.names)
    geometry = aim(
        affine, found.ids.shape, view=view, angles_deg=turn, detector=(size, size), parallel=parallel,  # type: ignore[arg-type]
        pitch_mm=(60 / size, 60 / size), source_detector_mm=400,
    )  # fmt: skip
    lengths = path_lengths(found, geometry)
    for index, number in enumerate(found.present()):
        plain = joseph.integrals(chest.mask_field(found, number), geometry)
        assert np.abs(lengths[index] - plain).max() < 0.75
        assert (lengths[index][plain > 0.5] > 0).all()
        assert not lengths[index][plain == 0].max(initial=0) > 0.75


def test_a_detector_that_the_body_misses_stays_empty() -> None:
    found = blobs()
    away = replace(exposure(found, "PA", (0, 0, 0)), corner=np.array([900.0, -100.0, 0.0]))
    for geometry in (away, away.turned((0, 0, 20), (0, 500, 0))):
        assert not path_lengths(found, geometry).any()
    empty = Structures(np.zeros((4, 4, 4), np.uint8), UNIT, {})
    assert path_lengths(empty, exposure(empty, "PA", (0, 0, 0))).shape[0] == 0
    assert not path_lengths(found, exposure(found, "PA", (0, 0, 0)), [200]).any()


def test_what_cannot_be_asked_is_said() -> None:
    found = blobs()
    geometry = exposure(found, "PA", (0, 0, 0))
    with pytest.raises(InputError, match="asked for once"):
        path_lengths(found, geometry, [3, 3])
    with pytest.raises(InputError, match="between 1 and 255"):
        path_lengths(found, geometry, [0])
    with pytest.raises(InputError, match="another grid"):
        path_lengths(found, geometry, field=Field(np.zeros((2, 2, 2), np.float32), UNIT))
    with pytest.raises(InputError, match="use trilinear or siddon"):
        path_lengths(found, geometry, model="nearest")  # type: ignore[arg-type]
    with pytest.raises(TooLargeError, match="fewer structures"):
        path_lengths(found, geometry.resized((40_000, 40_000)))


NAMES = (
    "lung_upper_lobe_left", "heart", "aorta", "trachea", "rib_left_1", "rib_left_5", "rib_right_9", "rib_left_12",
    "clavicula_left", "clavicula_right", "scapula_right", "vertebrae_T6", "sternum",
)  # fmt: skip


@pytest.mark.parametrize(
    ("view", "angles", "size", "p99_mm"),
    [("PA", (0, 0, 0), 256, 0.02), ("LL", (0, 0, 0), 256, 0.02), ("PA", (5, 7, 12), 256, 0.1),
     ("PA", (5, 7, 12), 400, 0.4), ("LL", (0, 0, 44), 256, 0.4)],
)  # fmt: skip
def test_masks_of_the_real_ct_agree_with_brute_force(view: str, angles: tuple, size: int, p99_mm: float) -> None:
    """Each structure on its own, 60 random pixels in its shadow and at its edge, by the float64 reference."""
    found = chest.structures()
    geometry = aim(found.affine, found.ids.shape, view=view, angles_deg=angles, detector=(size, size))  # type: ignore[arg-type]
    numbers = [chest.number_of(found, name) for name in NAMES]
    lengths = path_lengths(found, geometry, numbers)
    rng, got, truth, name_of = np.random.default_rng(0), [], [], []
    for index, number in enumerate(numbers):
        rows, columns = np.nonzero(lengths[index] > 0)
        chosen = rng.choice(len(rows), min(len(rows), 60), replace=False)
        pixels = np.stack([rows[chosen], columns[chosen]], axis=1)
        truth.append(reference.trilinear(chest.mask_field(found, number), geometry, pixels))
        got.append(lengths[index][rows[chosen], columns[chosen]])
        name_of += [index] * len(chosen)
    mine, exact = np.concatenate(got), np.concatenate(truth)
    assert np.percentile(np.abs(mine - exact), 99) < p99_mm
    for least_mm in (0.5, 2.0):
        a, b = mine >= least_mm, exact >= least_mm
        assert 2 * (a & b).sum() / (a.sum() + b.sum()) >= 0.995
