"""Fields, structures, axes and other grids: nothing is lost between an index and a millimetre."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from scipy.spatial.transform import Rotation

from hilum.core.errors import InputError
from hilum.core.image import MadeBy, Volume
from hilum.drr.attenuation import WATER_PER_MM, attenuation, mu_map
from hilum.drr.axes import axis_order, to_patient_axes
from hilum.drr.conventions import CONVENTIONS, bilinear, clamped, linear, thresholded
from hilum.drr.field import Field, Structures
from hilum.drr.resample import resampled, structures_resampled

EYE = np.eye(4)
ORDERS = list(itertools.permutations(range(3)))


def affine_of(order: tuple[int, ...], signs: tuple[int, ...], steps: tuple[float, ...]) -> np.ndarray:
    """An affine whose array axis order[i] runs along patient axis i, with a sign and a step."""
    made = np.eye(4)
    made[:3, :3] = 0
    for patient, (axis, sign) in enumerate(zip(order, signs, strict=True)):
        made[patient, axis] = sign * steps[axis]
    made[:3, 3] = (7.0, -20.0, 3.0)
    return made


# -- fields -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "values",
    [
        np.zeros((2, 2), np.float32), np.zeros((2, 0, 2), np.float32), np.zeros((2, 2, 2)),
        np.zeros((2, 2, 2), np.int16), np.zeros((2, 2, 2), bool),
    ],
)  # fmt: skip
def test_a_field_is_three_dimensional_and_of_two_kinds(values: np.ndarray) -> None:
    with pytest.raises(InputError, match="float32 or uint16 values of shape"):
        Field(values, EYE)
    with pytest.raises(InputError, match="uint8 or uint16 ids of shape"):
        Structures(values, EYE, {})


def test_a_field_needs_a_grid_that_can_be_inverted() -> None:
    values = np.zeros((2, 2, 2), np.float32)
    flat = np.diag([1.0, 1.0, 0.0, 1.0])
    with pytest.raises(InputError, match="invertible"):
        Field(values, flat)
    with pytest.raises(InputError, match="invertible"):
        Structures(np.zeros((2, 2, 2), np.uint8), flat, {})


def test_a_field_says_its_size_and_cannot_be_changed() -> None:
    turn = np.eye(4)
    turn[:3, :3] = Rotation.from_euler("xyz", (30, 40, 50), degrees=True).as_matrix() @ np.diag([1.5, 2.0, 0.7])
    field = Field(np.ones((3, 4, 5), np.uint16), turn, scale=0.25)
    assert field.shape == (3, 4, 5)
    assert field.spacing_mm == pytest.approx((1.5, 2.0, 0.7))
    assert (field.float32() == 0.25).all()
    assert field.float32().dtype == np.float32
    for array in (field.values, field.affine):
        with pytest.raises(ValueError, match="read-only"):
            array[0, 0] = 9


def test_what_is_kept_is_made_once_and_takes_no_part_in_equality() -> None:
    field, twin = (Field(np.ones((2, 2, 2), np.float32), EYE) for _ in range(2))
    calls: list[int] = []

    def make() -> str:
        calls.append(1)
        return "layout"

    assert [field.keep("key", make) for _ in range(3)] == ["layout"] * 3
    assert len(calls) == 1
    assert field.keep("other", lambda: 2) == 2
    assert field == twin
    assert field != Field(np.ones((2, 2, 2), np.float32), EYE, scale=2.0)
    ids = Structures(np.ones((2, 2, 2), np.uint8), EYE, {1: "heart"})
    assert ids.keep("a", lambda: 1) == ids.keep("a", lambda: 2) == 1


# -- structures -------------------------------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 300), min_size=1, max_size=24))
def test_present_is_every_id_that_a_voxel_carries(ids: list[int]) -> None:
    array = np.resize(np.array(ids, np.uint16), (2, 3, 4))
    assert Structures(array, EYE, {}).present() == tuple(sorted(set(array.ravel().tolist()) - {0}))


def test_names_are_found_whole_or_by_their_beginning() -> None:
    names = {1: "rib_left_1", 2: "rib_left_10", 3: "lung_upper_lobe_left", 4: "lung", 5: "heart", 6: "rib_right_1"}
    found = Structures(np.zeros((1, 1, 1), np.uint8), EYE, names)
    assert found.wanted(["rib_left_1"]) == (1,)  # the whole name wins over its namesakes
    assert found.wanted(["ribs"]) == (1, 2, 6)
    assert found.wanted(["lung"]) == (4,)
    assert found.wanted(["heart", "rib_left", "heart"]) == (5, 1, 2)
    assert found.wanted([]) == ()
    with pytest.raises(InputError, match="no structure is named 'liver'; there are: rib_left_1"):
        found.wanted(["heart", "liver"])


# -- attenuation ------------------------------------------------------------------------------------------------------


@settings(max_examples=50, deadline=None)
@given(st.floats(-1000, 3000, width=32), st.floats(-1000, 3000, width=32), st.floats(0, 1))
def test_attenuation_of_a_mixture_is_the_mixture_of_attenuations(one: float, two: float, share: float) -> None:
    mixed = share * one + (1 - share) * two
    ends = attenuation(np.array([one, two], np.float32)).astype(np.float64)
    found = float(attenuation(np.array([mixed], np.float32))[0])
    assert found == pytest.approx(share * ends[0] + (1 - share) * ends[1], abs=2e-8)


def test_attenuation_rises_with_hounsfield_units_and_scales_with_water() -> None:
    hu = np.linspace(-1200, 3000, 500).astype(np.float32)
    mu = attenuation(hu)
    assert (np.diff(mu) >= 0).all()
    assert mu[0] == 0.0
    assert np.allclose(attenuation(hu, water_per_mm=2 * WATER_PER_MM), 2 * mu, rtol=1e-6)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(-1024, 4000), min_size=8, max_size=8))
def test_whole_hounsfield_numbers_are_coded_without_loss(numbers: list[int]) -> None:
    voxels = np.array(numbers, np.float32).reshape(2, 2, 2)
    field = mu_map(Volume(voxels, EYE))
    assert field.values.dtype == np.uint16
    assert np.allclose(field.float32(), attenuation(voxels), rtol=2e-6, atol=1e-9)


@pytest.mark.parametrize("odd", [0.5, 64536.0])
def test_what_has_no_code_stays_a_number(odd: float) -> None:
    voxels = np.zeros((3, 2, 2), np.float32)
    voxels[2, 1, 1] = odd
    field = mu_map(Volume(voxels, EYE))
    assert field.values.dtype == np.float32
    assert np.array_equal(field.float32(), attenuation(voxels))


def test_the_largest_code_is_still_a_code() -> None:
    voxels = np.full((1, 1, 2), 64535.0, np.float32)
    field = mu_map(Volume(voxels, EYE))
    assert field.values.dtype == np.uint16
    assert field.values.max() == 65535


@pytest.mark.parametrize("name", list(CONVENTIONS))
def test_every_convention_keeps_shape_type_and_order(name: str, draw: np.random.Generator) -> None:
    hu = np.sort(draw.uniform(-1000, 1500, 60)).astype(np.float32).reshape(3, 4, 5)
    found = CONVENTIONS[name](hu)
    assert (found.shape, found.dtype) == (hu.shape, np.float32)
    assert (np.diff(found.ravel()) >= 0).all()
    assert found.min() >= 0


def test_conventions_are_their_own_formulas() -> None:
    hu = np.array([-1000, -800, -500, -100, 0, 40, 1000], np.float32)
    assert np.allclose(linear(hu), WATER_PER_MM * (1 + hu / 1000))
    assert np.allclose(thresholded(hu), np.maximum(hu + 100, 0))
    assert np.allclose(thresholded(hu, threshold_hu=-500), np.maximum(hu + 500, 0))
    assert clamped(hu)[[0, 1, 2, -1]].tolist() == [0.0, 0.0, 0.0, 1.0]
    assert np.allclose(clamped(hu)[3:], (hu[3:] + 500) / 1500)  # its floor is the lowest voxel above the clamp
    assert not clamped(np.full((2, 2), -900.0, np.float32)).any()
    assert np.allclose(bilinear(hu)[[0, 4, 6]], [0.0, 0.0193, 0.0573], atol=1e-7)


# -- axes -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ORDERS)
def test_the_axes_of_any_storage_are_named(order: tuple[int, ...]) -> None:
    for signs in itertools.product((1, -1), repeat=3):
        affine = affine_of(order, signs, (2.0, 3.0, 4.0))
        assert axis_order(affine) == (order, signs)


@pytest.mark.parametrize("order", ORDERS)
def test_patient_axes_run_left_back_and_up(order: tuple[int, ...], draw: np.random.Generator) -> None:
    """A voxel's value is its own place, so the voxels returned must rise along each axis by the spacing."""
    signs = tuple(int(s) for s in draw.choice([-1, 1], 3))
    steps = (2.0, 3.0, 4.0)
    affine = affine_of(order, signs, steps)
    index = np.indices((4, 5, 6)).reshape(3, -1)
    mm = affine[:3, :3] @ index + affine[:3, 3:]
    for patient in range(3):
        voxels, spacing = to_patient_axes(Volume(mm[patient].reshape(4, 5, 6), affine))
        assert spacing == tuple(steps[axis] for axis in order)
        assert np.allclose(np.diff(voxels, axis=patient), spacing[patient], atol=1e-4)
        others = [axis for axis in range(3) if axis != patient]
        assert all(not np.diff(voxels, axis=axis).any() for axis in others)


@pytest.mark.parametrize(("degrees", "fine"), [(0, True), (30, True), (40, True), (46, False), (80, False)])
def test_an_oblique_grid_has_names_up_to_45_degrees(degrees: float, fine: bool) -> None:
    affine = np.eye(4)
    affine[:3, :3] = Rotation.from_euler("z", degrees, degrees=True).as_matrix()
    if fine:
        assert axis_order(affine) == ((0, 1, 2), (1, 1, 1))
    else:  # past it the other axis is nearer, and names swap without ambiguity
        assert axis_order(affine)[0] == (1, 0, 2)


def test_an_axis_that_two_patient_axes_claim_is_refused() -> None:
    affine = np.eye(4)
    affine[:3, :3] = np.array([[0.9, 0.1, 0.1], [0.8, 0.15, 0.2], [0.1, 0.9, 1.0]])
    affine[:3, :3] /= np.linalg.norm(affine[:3, :3], axis=0)
    with pytest.raises(InputError, match="too oblique to name: resample it"):
        axis_order(affine)


# -- other grids ------------------------------------------------------------------------------------------------------


@settings(max_examples=15, deadline=None)
@given(st.floats(0.7, 5.0), st.integers(0, 99))
def test_resampling_is_scipys_linear_interpolation(spacing: float, seed: int) -> None:
    voxels = np.random.default_rng(seed).normal(0, 300, (7, 8, 9)).astype(np.float32)
    affine = np.diag([2.0, 1.5, 3.0, 1.0])
    made = resampled(Volume(voxels, affine), spacing)
    places = np.indices(made.voxels.shape) * spacing / np.array([2.0, 1.5, 3.0])[:, None, None, None]
    expected = ndimage.map_coordinates(voxels, places, order=1, mode="nearest")
    assert np.allclose(made.voxels, expected, atol=0.05)
    assert made.spacing_mm == pytest.approx((spacing,) * 3)


def test_resampling_keeps_the_first_centre_the_name_and_a_constant() -> None:
    affine = affine_of((2, 0, 1), (1, -1, 1), (2.0, 3.0, 4.0))
    made = resampled(Volume(np.full((6, 6, 6), -350.0), affine, id="ct", made_by=MadeBy("scanner")), 1.0)
    assert np.allclose(made.affine[:3, 3], affine[:3, 3])
    assert (made.id, made.made_by) == ("ct", MadeBy("scanner"))
    assert made.voxels.shape == (12, 18, 24)
    assert (made.voxels == -350.0).all()


def test_resampling_to_the_same_spacing_changes_nothing(draw: np.random.Generator) -> None:
    volume = Volume(draw.normal(0, 100, (5, 6, 7)), np.diag([2.0, 2.0, 2.0, 1.0]))
    assert np.array_equal(resampled(volume, 2.0).voxels, volume.voxels)
    ids = Structures(draw.integers(0, 9, (5, 6, 7)).astype(np.uint8), volume.affine, {1: "heart"})
    assert structures_resampled(ids, 2.0) == ids


@pytest.mark.parametrize("spacing", [0.0, -1.0, np.nan])
def test_voxels_have_a_size(spacing: float) -> None:
    with pytest.raises(InputError, match="size above 0 mm"):
        resampled(Volume(np.zeros((3, 3, 3)), EYE), spacing)
    with pytest.raises(InputError, match="size above 0 mm"):
        structures_resampled(Structures(np.zeros((3, 3, 3), np.uint8), EYE, {}), spacing)


def test_structures_on_a_finer_grid_invent_no_id(draw: np.random.Generator) -> None:
    ids = draw.choice(np.array([0, 4, 9, 200], np.uint8), (6, 7, 8))
    made = structures_resampled(Structures(ids, np.diag([3.0, 3.0, 3.0, 1.0]), {4: "aorta"}), 1.0)
    assert made.ids.dtype == np.uint8
    assert made.names == {4: "aorta"}
    assert made.ids.shape == (18, 21, 24)
    assert set(np.unique(made.ids)) <= {0, 4, 9, 200}
    assert np.array_equal(made.ids[::3, ::3, ::3], ids)  # where centres coincide, ids are the old ones
