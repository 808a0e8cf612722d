"""From matter to grey values: masses, quanta, tone curves, dual energies and poses by the laws they must keep."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.core.errors import InputError
from hilum.core.image import Volume
from hilum.core.seed import generator
from hilum.drr.beam import CESIUM_IODIDE, IDEAL, SPECTRA, Spectrum, log_attenuation
from hilum.drr.coefficients import density_g_cm3
from hilum.drr.detector import Exposure, detected, quanta_per_ugy
from hilum.drr.detector_display import (
    Processing,
    collapsed,
    curve_of,
    detailed,
    letters,
    pyramid,
    random_histogram,
    stamped,
    toned,
    window_of,
)
from hilum.drr.dual_energy import HIGH, LOW, cancelling_weight, dual_energy, quiet, without_bone
from hilum.drr.field import Field
from hilum.drr.film import added, developed, film
from hilum.drr.geometry import aim
from hilum.drr.materials import BONE, SOFT, decompose
from hilum.drr.randomise import KV, random_exposure, random_processing

CLEAN = Exposure(scatter=0.0, quanta=False, mtf=False, focal_mm=0.0)
PLAIN = Processing(detail_power=1.0, edge_gain=1.0, tone="linear", window_percent=(0.0, 100.0))
GEOMETRY = aim(np.eye(4), (60, 40, 60), detector=(48, 48), pitch_mm=(2.0, 2.0))
seeds = st.integers(0, 10_000)


def chest_maps() -> dict[str, np.ndarray]:
    soft = np.full((48, 48), 14.0, np.float32)
    soft[10:30, 6:20] = soft[10:30, 28:42] = 6.0
    bone = np.zeros((48, 48), np.float32)
    bone[:, 22:26] = 2.0
    return {SOFT: soft, BONE: bone}


# -- materials --------------------------------------------------------------------------------------------------------


@settings(max_examples=20, deadline=None)
@given(seeds, st.tuples(st.floats(0.5, 4), st.floats(0.5, 4), st.floats(0.5, 4)))
def test_mass_is_density_times_volume_whatever_the_voxels(seed: int, steps: tuple[float, float, float]) -> None:
    hu = np.random.default_rng(seed).integers(-1000, 1500, (5, 6, 7)).astype(np.float32)
    made = decompose(Volume(hu, np.diag([*steps, 1.0])))
    grams = float((1 + hu.astype(np.float64) / 1000).sum() * np.prod(steps) / 1000)
    assert sum(made.mass_g().values()) == pytest.approx(grams, rel=1e-3, abs=1e-3)
    mirrored = decompose(Volume(hu[::-1], np.diag([*steps, 1.0])))
    assert mirrored.mass_g() == pytest.approx(made.mass_g())


@settings(max_examples=15, deadline=None)
@given(seeds)
def test_bone_and_soft_tissue_are_never_negative_and_bone_grows_with_its_number(seed: int) -> None:
    hu = np.sort(np.random.default_rng(seed).integers(-1000, 3000, 60)).astype(np.float32).reshape(3, 4, 5)
    made = decompose(Volume(hu, np.eye(4)), bone=np.ones(hu.shape, bool))
    hard, soft = (made.fields[name].float32() for name in (BONE, SOFT))
    assert min(hard.min(), soft.min()) >= 0
    share = hard / np.maximum(hard + soft, 1e-6)
    assert (np.diff(share.ravel()[hu.ravel() > -1000]) >= -2e-3).all()
    assert share.ravel()[hu.ravel() >= 1500] == pytest.approx(1.0)
    assert not hard[hu <= 40].any()


@pytest.mark.parametrize("length", [0.0, 10.0, 35.0])
def test_a_longer_patient_repeats_its_ends_where_they_were(length: float) -> None:
    hu = np.zeros((6, 5, 8), np.float32)
    hu[..., 0], hu[..., -1] = 100.0, 300.0
    affine = np.diag([2.0, 2.0, 5.0, 1.0])
    affine[:3, 3] = (1, 2, 3)
    short = decompose(Volume(hu, affine))
    long = short.extended(length)
    count = round(length / 5.0)
    field = long.fields[SOFT]
    assert field.shape == (6, 5, 8 + 2 * count)
    assert np.array_equal(field.values[..., count : count + 8], short.fields[SOFT].values)
    assert np.allclose((field.affine @ [0, 0, count, 1])[:3], (1, 2, 3))
    assert (field.values[..., : count + 1] == short.fields[SOFT].values[..., :1]).all()
    assert long.log["extended_mm"] == length


def test_maps_are_centimetres_of_density() -> None:
    """A box of water 40 mm deep weighs 4 g/cm2 along the beam."""
    volume = Volume(np.zeros((60, 40, 60), np.float32), np.eye(4))
    maps = decompose(volume).maps(GEOMETRY)
    assert maps[SOFT][24, 24] == pytest.approx(4.0, rel=2e-3)
    assert not maps[BONE].any()


def test_maps_are_added_and_nothing_is_taken_out() -> None:
    one, two = chest_maps(), {SOFT: np.ones((48, 48), np.float32), "iron": np.full((48, 48), 2.0, np.float32)}
    both = added(one, two)
    assert np.array_equal(both[SOFT], one[SOFT] + 1)
    assert set(both) == {SOFT, BONE, "iron"}
    assert set(one) == {SOFT, BONE}
    assert added({}, two)["iron"] is not None
    with pytest.raises(InputError, match=r"map of iron is \(3, 3\) and the others are \(48, 48\)"):
        added(one, {"iron": np.ones((3, 3), np.float32)})
    with pytest.raises(InputError, match="map of iron holds negative areal density"):
        added(one, {"iron": -np.ones((48, 48), np.float32)})


# -- the detector -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dose", [0.5, 2.0, 8.0])
def test_quanta_follow_poisson_and_the_dose(dose: float) -> None:
    """An even field: variance over mean of the counts is 1, and relative noise falls as the root of the dose."""
    primary = np.full((120, 120), 0.2, np.float32)
    exposure = replace(CLEAN, quanta=True, electronic_quanta=0.0, detector_ugy=dose)
    signal, facts = detected(primary, exposure, generator(1), pitch_mm=0.2)
    counts = signal * facts["open_beam_quanta"]
    assert counts.var() / counts.mean() == pytest.approx(1.0, abs=0.06)
    assert counts.mean() == pytest.approx(facts["quanta_per_pixel"], rel=0.02)
    expected = quanta_per_ugy(exposure.spectrum, exposure.response) * dose * 0.04
    assert facts["quanta_per_pixel"] == pytest.approx(expected)


def test_without_noise_and_blur_the_signal_is_the_primary() -> None:
    primary = np.linspace(0.01, 1, 2500, dtype=np.float32).reshape(50, 50)
    signal, facts = detected(primary, CLEAN, generator(0), pitch_mm=1.0)
    assert np.allclose(signal, primary, rtol=1e-4)
    assert facts["scatter_fraction"] == 0.0
    covered, _ = detected(primary, CLEAN, generator(0), pitch_mm=1.0, cover=np.full((50, 50), 0.5, np.float32))
    assert np.allclose(covered, primary / 2, rtol=1e-4)


@pytest.mark.parametrize("name", ["detector_ugy", "focal_mm", "scatter", "electronic_quanta"])
def test_every_number_of_an_exposure_is_checked(name: str) -> None:
    for value in (-0.1, np.nan, np.inf):
        with pytest.raises(InputError, match=f"needs {name} of 0 or more"):
            replace(CLEAN, **{name: value})
    if name == "detector_ugy":
        with pytest.raises(InputError, match="the air kerma above 0"):
            replace(CLEAN, detector_ugy=0.0)
    assert set(json.loads(json.dumps(CLEAN.as_dict()))) >= {"kv", "filters_mm", "absorber", name}


# -- the picture ------------------------------------------------------------------------------------------------------


@settings(max_examples=20, deadline=None)
@given(st.integers(8, 70), st.integers(8, 70), st.integers(0, 7))
def test_a_pyramid_of_any_size_is_put_together_again(rows: int, columns: int, levels: int) -> None:
    image = np.random.default_rng(rows + columns).random((rows, columns)).astype(np.float32)
    bands, rest = pyramid(image, levels)
    assert len(bands) <= levels
    assert np.allclose(collapsed(list(bands), rest), image, atol=1e-5)
    flat, _ = pyramid(np.full((rows, columns), 5.0, np.float32), levels)
    assert all(np.abs(band).max() < 1e-4 for band in flat)


@settings(max_examples=15, deadline=None)
@given(seeds, st.floats(0.5, 0.95), st.floats(0.5, 20.0))
def test_detail_does_not_depend_on_the_unit(seed: int, power: float, scale: float) -> None:
    image = np.random.default_rng(seed).random((40, 40)).astype(np.float32)
    one = detailed(image, power=power, edge=1.5, levels=3)
    two = detailed(image * np.float32(scale), power=power, edge=1.5, levels=3)
    assert np.allclose(two, one * scale, atol=2e-3 * scale)
    assert one.std() > image.std()


@pytest.mark.parametrize("curve", ["log", "sqrt", "linear"])
def test_curves_are_their_formulas_and_the_open_beam_is_nought(curve: str) -> None:
    signal = np.array([0.04, 0.25, 1.0], np.float32)
    expected = {"log": -np.log(signal), "sqrt": [0.8, 0.5, 0.0], "linear": [0.96, 0.75, 0.0]}[curve]
    assert np.allclose(curve_of(signal, curve), expected, atol=1e-6)  # type: ignore[arg-type]


@settings(max_examples=20, deadline=None)
@given(seeds, st.floats(0, 40), st.floats(60, 100))
def test_a_window_is_numpys_percentiles_of_the_body(seed: int, low: float, high: float) -> None:
    rng = np.random.default_rng(seed)
    image, body = rng.random((30, 30)).astype(np.float32), rng.random((30, 30)) < 0.5
    assert window_of(image, body, (low, high)) == pytest.approx(
        tuple(np.percentile(image[body], (low, high))), rel=1e-5
    )
    whole = window_of(image, np.zeros_like(body), (low, high))
    assert whole == pytest.approx(tuple(np.percentile(image, (low, high))), rel=1e-5)
    flat = window_of(np.ones((5, 5), np.float32), body[:5, :5], (low, high))
    assert flat[1] > flat[0]


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(["linear", "sigmoid", "power"]), st.floats(1, 6), st.floats(0.5, 2))
def test_tones_go_from_black_to_white_without_turning(tone: str, contrast: float, gamma: float) -> None:
    ramp = np.linspace(-1, 3, 101, dtype=np.float32)[None]
    shown = toned(ramp, Processing(tone=tone, contrast=contrast, gamma=gamma), (0.0, 2.0))[0]  # type: ignore[arg-type]
    assert (shown[0], shown[-1]) == (0.0, 1.0)
    assert (np.diff(shown) >= 0).all()
    if tone == "power":
        assert shown[50] == pytest.approx(0.5**gamma, rel=1e-4)
    else:
        assert shown[50] == pytest.approx(0.5, abs=1e-5)  # both are symmetric about the middle


@settings(max_examples=20, deadline=None)
@given(seeds, st.integers(2, 12))
def test_a_random_curve_is_read_off_its_own_pairs(seed: int, points: int) -> None:
    image = np.linspace(0, 1, 50, dtype=np.float32).reshape(5, 10)
    changed, pairs = random_histogram(image, generator(seed), points=points)
    assert len(pairs) == points + 2
    assert (pairs[0], pairs[-1]) == ((0.0, 0.0), (1.0, 1.0))
    given_points, taken = np.array(pairs).T
    assert (np.diff(given_points) >= 0).all()
    assert (np.diff(taken) >= 0).all()
    assert np.allclose(changed, np.interp(image, given_points, taken), atol=1e-6)


@settings(max_examples=40, deadline=None)
@given(st.integers(-15, 25), st.integers(-15, 25))
def test_a_stamp_lies_where_it_is_put_and_is_cut_at_every_edge(row: int, column: int) -> None:
    image, stamp = np.zeros((20, 18), np.float32), np.arange(1, 31, dtype=np.float32).reshape(5, 6)
    down, along, part = stamped(image, stamp, row, column)
    image[down, along] = part
    wide = np.zeros((60, 60), np.float32)
    wide[20 + row : 25 + row, 20 + column : 26 + column] = stamp
    assert np.array_equal(image, wide[20:40, 20:38])


def test_letters_are_ink_between_none_and_all() -> None:
    left, right = letters("L", 20), letters("R", 20)
    assert 0 <= min(left.min(), right.min()) <= max(left.max(), right.max()) <= 1
    rows, columns = np.indices(left.shape)
    assert np.average(columns, weights=left) < (left.shape[1] - 1) / 2  # the upright of an L stands on the left
    assert np.average(rows, weights=left) > (left.shape[0] - 1) / 2  # and its foot below


def test_what_is_covered_is_black_and_the_rest_is_developed() -> None:
    signal = np.linspace(0.05, 0.9, 900, dtype=np.float32).reshape(30, 30)
    processing = replace(PLAIN, border_mm=(4.0, 2.0, 6.0, 8.0))
    shown, drawn = developed(signal, signal < 2, processing, pitch_mm=2.0)
    assert not shown[:2].any()
    assert not shown[-1:].any()
    assert not shown[:, :3].any()
    assert not shown[:, -4:].any()
    inner = -np.log(signal)[2:29, 3:26]
    assert drawn["window"] == pytest.approx([inner.min(), inner.max()], abs=1e-4)
    assert np.allclose(shown[2:29, 3:26], (inner - inner.min()) / np.ptp(inner), atol=1e-4)


@pytest.mark.parametrize(
    "change",
    [
        {"detail_power": 0.0}, {"detail_power": 1.1}, {"edge_gain": 0.0}, {"detail_levels": 13},
        {"window_percent": (5.0, 5.0)}, {"window_percent": (-1.0, 99.0)}, {"contrast": 0.0}, {"gamma": -1.0},
        {"histogram_points": 1}, {"border_mm": (0.0, -1.0, 0.0, 0.0)}, {"curve": "cube"}, {"tone": "warm"},
    ],
)  # fmt: skip
def test_every_setting_of_the_processing_is_checked(change: dict[str, object]) -> None:
    with pytest.raises(InputError, match="processing needs"):
        replace(PLAIN, **change)  # type: ignore[arg-type]


# -- whole films ------------------------------------------------------------------------------------------------------


def test_a_clean_film_is_the_log_of_the_beam_stretched_to_its_range() -> None:
    maps = chest_maps()
    made = film(maps, GEOMETRY, exposure=CLEAN, processing=PLAIN)
    shown = log_attenuation(maps, CLEAN.spectrum, CLEAN.response)
    assert np.allclose(made.image.pixels, (shown - shown.min()) / np.ptp(shown), atol=2e-3)
    mirrored = film({name: each[:, ::-1] for name, each in maps.items()}, GEOMETRY, exposure=CLEAN, processing=PLAIN)
    assert np.allclose(mirrored.image.pixels, made.image.pixels[:, ::-1], atol=1e-5)
    turned = film(maps, GEOMETRY, exposure=CLEAN, processing=replace(PLAIN, inverted=True))
    assert np.allclose(turned.image.pixels, 1 - made.image.pixels, atol=1e-6)
    assert np.allclose(turned.image.display(), made.image.display(), atol=1e-5)


def test_maps_of_another_detector_are_refused() -> None:
    with pytest.raises(InputError, match=r"is \(10, 10\) and the detector \(48, 48\): project it again"):
        film({SOFT: np.ones((10, 10), np.float32)}, GEOMETRY)


@settings(max_examples=25, deadline=None)
@given(seeds, st.sampled_from(sorted(KV)))
def test_random_settings_keep_their_ranges(seed: int, view: str) -> None:
    exposure = random_exposure(seed, view=view)
    assert KV[view][0] - 0.05 <= exposure.spectrum.kv <= KV[view][1] + 0.05
    assert 1.5 <= exposure.detector_ugy <= 5.0
    assert 0.6 <= exposure.focal_mm <= 1.2
    assert 0.7 <= exposure.scatter <= 1.3
    assert exposure == random_exposure(seed, view=view)
    start = Processing(marker="L", text="AP", inverted=True, border_mm=(1.0, 2.0, 3.0, 4.0))
    drawn = random_processing(seed, start=start, histogram=False)
    assert (drawn.marker, drawn.text, drawn.inverted, drawn.border_mm) == ("L", "AP", True, (1.0, 2.0, 3.0, 4.0))
    assert drawn.histogram_points == 0
    assert 4 <= random_processing(seed).histogram_points <= 12


def test_a_view_without_settings_is_refused() -> None:
    with pytest.raises(InputError, match="view must be PA, AP, LL, RL, got 'LLO'"):
        random_exposure(0, view="LLO")


# -- two energies -----------------------------------------------------------------------------------------------------


@settings(max_examples=15, deadline=None)
@given(st.floats(5.0, 25.0), st.sampled_from([BONE, SOFT]))
def test_the_cancelling_weight_cancels_a_thin_layer(soft: float, material: str) -> None:
    """High less weight times low does not change when a thin layer is added: checked by adding another one."""
    low, high = SPECTRA["dual-energy low"], SPECTRA["dual-energy high"]
    weight = cancelling_weight(material, low, high, IDEAL, soft_g_cm2=soft)
    layer = np.array([[0.0, 0.02]], np.float32)
    maps = {SOFT: np.full((1, 2), soft, np.float32)}
    maps[material] = maps.get(material, np.float32(0)) + layer
    shown = [np.diff(log_attenuation(maps, beam, IDEAL, exact=True))[0, 0] for beam in (low, high)]
    assert shown[1] - weight * shown[0] == pytest.approx(0.0, abs=0.03 * float(shown[1]))
    assert 0.3 < weight < 1.0


def test_bone_is_replaced_by_as_much_volume_of_soft_tissue() -> None:
    maps = chest_maps()
    plain = {SOFT: maps[SOFT] + maps[BONE] * np.float32(density_g_cm3(SOFT) / density_g_cm3(BONE))}
    expected = log_attenuation(plain, HIGH.spectrum, HIGH.response)
    assert np.allclose(without_bone(maps, HIGH), expected, atol=1e-6)
    assert np.allclose(without_bone({SOFT: maps[SOFT]}, HIGH),
                       log_attenuation({SOFT: maps[SOFT]}, HIGH.spectrum, HIGH.response))  # fmt: skip
    assert set(maps) == {SOFT, BONE}


def test_a_quiet_pair_without_motion_is_its_formulas() -> None:
    made = dual_energy(chest_maps(), GEOMETRY, low=quiet(LOW), high=quiet(HIGH))
    assert np.allclose(made.soft, (made.high - made.weight * made.low) / (1 - made.weight), atol=1e-5)
    assert np.allclose(made.bone, made.soft_weight * made.low - made.high, atol=1e-5)
    for shot, exposure in ((made.low, LOW), (made.high, HIGH)):
        expected = log_attenuation(chest_maps(), exposure.spectrum, exposure.response)
        assert np.allclose(shot, expected, atol=2e-3)
    assert quiet(HIGH).spectrum == HIGH.spectrum


def test_a_lower_voltage_sees_bone_better() -> None:
    contrast = []
    for kv in (60.0, 90.0, 140.0):
        shown = log_attenuation(chest_maps(), Spectrum(kv), CESIUM_IODIDE)
        contrast.append(float((shown[40, 24] - shown[40, 10]) / shown[40, 10]))
    assert contrast == sorted(contrast, reverse=True)


# -- poses and likeness -----------------------------------------------------------------------------------------------


@settings(max_examples=20, deadline=None)
@given(st.tuples(*[st.floats(-2, 2)] * 3))
def test_a_rotation_vector_is_scipys(vector: tuple[float, float, float]) -> None:
    torch = pytest.importorskip("torch", reason="poses need hilum[train]")
    from scipy.spatial.transform import Rotation

    from hilum.drr.gradient import rotation

    found = rotation(torch.tensor(vector, dtype=torch.float64)).numpy()
    assert np.allclose(found, Rotation.from_rotvec(vector).as_matrix(), atol=1e-9)


@pytest.mark.parametrize("parallel", [True, False])
def test_a_pose_of_nothing_is_the_exposure_itself(parallel: bool) -> None:
    torch = pytest.importorskip("torch", reason="poses need hilum[train]")
    from hilum.drr.gradient import Projector, lengths_mm, pencils, posed

    geometry = aim(np.eye(4), (6, 6, 6), detector=(5, 4), pitch_mm=(2.0, 2.0), parallel=parallel)
    rays = posed(geometry, torch.zeros(1, 6))
    pencil = np.stack(geometry.pencil(np.eye(4)))
    assert np.allclose(pencils(rays, np.eye(4), parallel=parallel)[0].numpy(), pencil, atol=1e-9)
    assert np.allclose(lengths_mm(rays, (5, 4), parallel=parallel)[0].numpy(), geometry.ray_mm(), rtol=1e-9)
    again = Projector(Field(np.ones((6, 6, 6), np.float32), np.eye(4)), geometry).exposure(torch.zeros(6))
    assert np.allclose(again.corner, geometry.corner)


@settings(max_examples=15, deadline=None)
@given(seeds, st.floats(0.1, 9.0), st.floats(-5.0, 5.0))
def test_likeness_does_not_see_scale_and_offset(seed: int, scale: float, offset: float) -> None:
    torch = pytest.importorskip("torch", reason="likeness needs hilum[train]")
    from hilum.drr.similarity import gradient_correlation, likeness

    draw = torch.Generator().manual_seed(seed)
    held, moved = torch.randn(20, 24, generator=draw).double(), torch.randn(2, 20, 24, generator=draw).double()
    for measure in (gradient_correlation, likeness):
        usual = measure(held, moved)
        assert usual.shape == (2,)
        assert bool((usual.abs() <= 1.0 + 1e-9).all())
        torch.testing.assert_close(measure(held, moved * scale + offset), usual, atol=1e-6, rtol=1e-6)
        torch.testing.assert_close(measure(held, -moved), -usual, atol=1e-6, rtol=1e-6)
        assert float(measure(held, held[None])) == pytest.approx(1.0, abs=0.01)


@settings(max_examples=15, deadline=None)
@given(seeds, st.floats(1.0, 9.0))
def test_coarser_voxels_keep_the_mean_of_whole_blocks(seed: int, voxel_mm: float) -> None:
    from hilum.drr.register import coarser

    values = np.random.default_rng(seed).random((12, 12, 12)).astype(np.float32)
    field = Field(values, np.diag([1.0, 2.0, 3.0, 1.0]), scale=0.5)
    small = coarser(field, voxel_mm)
    factors = [max(1, round(voxel_mm / step)) for step in (1.0, 2.0, 3.0)]
    assert small.spacing_mm == pytest.approx([f * s for f, s in zip(factors, (1.0, 2.0, 3.0), strict=True)])
    mass = [each.float32().sum(dtype=np.float64) * abs(np.linalg.det(each.affine[:3, :3])) for each in (field, small)]
    assert mass[0] == pytest.approx(mass[1], rel=1e-5)
    block = values[: factors[0], : factors[1], : factors[2]]
    assert small.float32()[0, 0, 0] == pytest.approx(0.5 * block.mean(), rel=1e-5)
