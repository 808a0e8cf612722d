"""Scatter, blur and noise against published figures and against arithmetic."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hilum.core.errors import InputError
from hilum.drr.beam import CESIUM_IODIDE, SPECTRA, Spectrum, transmit
from hilum.drr.detector import (
    Exposure,
    detected,
    detector_blur,
    focal_blur,
    grown,
    mtf,
    quanta_per_ugy,
    scatter,
    scatter_fraction,
    shrunken,
)

PITCH = 1.0


def chest(size: int = 400) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Primary of a schematic chest of 400 mm: two lungs of 8, a mediastinum of 22, a wall of 14 g/cm2; and masks."""
    soft = np.full((size, size), 14.0, np.float32)
    bone = np.zeros((size, size), np.float32)
    lungs, middle = np.zeros((size, size), bool), np.zeros((size, size), bool)
    lungs[80:300, 60:160] = lungs[80:300, 240:340] = True
    middle[40:400, 170:230] = True
    soft[lungs], soft[middle], bone[middle] = 8.0, 22.0, 2.5
    soft[300:] = np.maximum(soft[300:], 20.0)
    maps = {"soft tissue": soft, "cortical bone": bone}
    return transmit(maps, SPECTRA["chest PA"], CESIUM_IODIDE), lungs, middle


def centre(mask: np.ndarray, image: np.ndarray) -> float:
    inner = mask.copy()
    inner[:120], inner[280:] = False, False
    return float(np.median(image[inner]))


def test_scatter_fractions_are_those_measured_in_chests() -> None:
    """About 0.5 in lung and 0.9 behind the mediastinum without a grid, 0.3 in lung and still over 0.5 with one."""
    primary, lungs, middle = chest()
    bare = scatter_fraction(primary, scatter(primary, PITCH, grid=False))
    grid = scatter_fraction(primary, scatter(primary, PITCH, grid=True))
    assert centre(lungs, bare) == pytest.approx(0.5, abs=0.1)
    assert centre(middle, bare) == pytest.approx(0.9, abs=0.06)
    assert centre(lungs, grid) == pytest.approx(0.3, abs=0.08)
    assert 0.5 < centre(middle, grid) < 0.85


def test_scatter_is_smooth_grows_with_strength_and_needs_matter() -> None:
    primary, _, _ = chest()
    scattered = scatter(primary, PITCH)
    assert np.abs(np.diff(scattered)).max() < 0.05 * scattered.max()
    assert np.allclose(scatter(primary, PITCH, strength=2.0), 2 * scattered, rtol=1e-4)
    assert scatter(np.ones((50, 50), np.float32), PITCH).max() == 0
    assert scatter(primary, PITCH, strength=0.0).max() == 0


def test_scatter_does_not_depend_on_how_finely_it_is_sampled() -> None:
    primary, _, _ = chest()
    fine = np.repeat(np.repeat(primary, 2, 0), 2, 1)
    assert np.allclose(shrunken(scatter(fine, PITCH / 2), 2), scatter(primary, PITCH), rtol=0.02)


def test_blocks_come_and_go_at_any_size(draw: np.random.Generator) -> None:
    assert np.array_equal(shrunken(np.arange(16, dtype=np.float32).reshape(4, 4), 2), [[2.5, 4.5], [10.5, 12.5]])
    assert shrunken(np.zeros((5, 7), np.float32), 3).shape == (2, 3)
    slope = np.add.outer(np.arange(60.0), 2 * np.arange(45.0)).astype(np.float32)
    back = grown(shrunken(slope, 5), 5, slope.shape)
    assert np.allclose(back[5:-5, 5:-5], slope[5:-5, 5:-5], atol=1e-3)


def test_the_modulation_is_that_of_cesium_iodide() -> None:
    assert mtf(np.array([0.0, 1.0, 2.0])) == pytest.approx([1.0, 0.6, 0.3], abs=0.01)


@pytest.mark.parametrize("cycles", [0.5, 1.0, 2.0])
def test_a_sine_is_weakened_by_the_modulation(cycles: float) -> None:
    x = np.arange(512) * 0.1
    wave = np.broadcast_to(np.sin(2 * np.pi * cycles * x), (64, 512)).astype(np.float32)
    shown = detector_blur(wave, 0.1)[20:44, 100:400]
    assert shown.std() / wave[20:44, 100:400].std() == pytest.approx(float(mtf(np.array(cycles))), rel=0.02)


def test_blur_keeps_what_is_even() -> None:
    even = np.full((61, 47), 7.0, np.float32)
    assert np.allclose(detector_blur(even, 0.2), 7.0, atol=1e-4)
    assert np.allclose(focal_blur(even, 0.1, focal_mm=2.0, magnification=2.0), 7.0, atol=1e-4)


def test_a_focal_spot_blurs_by_its_shadow() -> None:
    """A spot of 1.2 mm at magnification 1.5 throws 0.6 mm: a standard deviation of 0.6 / sqrt(12) mm."""
    point = np.zeros((101, 101), np.float32)
    point[50, 50] = 1.0
    shadow = focal_blur(point, 0.05, focal_mm=1.2, magnification=1.5)
    x = (np.arange(101) - 50) * 0.05
    assert np.sqrt((shadow.sum(axis=0) * x**2).sum()) == pytest.approx(0.6 / np.sqrt(12), rel=0.03)
    assert focal_blur(point, 0.05, focal_mm=1.2, magnification=1.0) is point


def even(value: float, exposure: Exposure, *, seed: int = 0, size: int = 256) -> np.ndarray:
    primary = np.full((size, size), value, np.float32)
    return detected(primary, exposure, np.random.default_rng(seed), pitch_mm=0.2)[0]


STILL = Exposure(scatter=0.0, focal_mm=0.0, mtf=False, electronic_quanta=0.0)


def test_noise_is_that_of_counted_photons() -> None:
    expected = quanta_per_ugy(STILL.spectrum, STILL.response) * STILL.detector_ugy * 0.2**2
    shown = even(0.1, STILL)
    assert shown.mean() == pytest.approx(0.1, rel=1e-3)
    assert (shown.std() / shown.mean()) ** -2 == pytest.approx(expected, rel=0.03)
    four = even(0.1, replace(STILL, detector_ugy=10.0))
    assert four.std() == pytest.approx(shown.std() / 2, rel=0.03)


def test_a_detector_uses_less_than_the_photons_there_are() -> None:
    """About 3.1e4 photons per mm2 and microgray behind a chest; a layer stops 60 to 90 % of them."""
    for spectrum in (SPECTRA["chest PA"], SPECTRA["portable AP"], Spectrum(70.0)):
        share = quanta_per_ugy(spectrum, CESIUM_IODIDE) / 3.05e4
        assert 0.5 < share < 0.9


def test_noise_is_correlated_by_the_blur() -> None:
    sharp, soft = (even(0.1, replace(STILL, mtf=on)) for on in (False, True))
    beside = [np.corrcoef(image[:, :-1].ravel(), image[:, 1:].ravel())[0, 1] for image in (sharp, soft)]
    assert abs(beside[0]) < 0.02
    assert beside[1] > 0.2
    assert soft.std() < 0.75 * sharp.std()


def test_electronic_noise_shows_where_hardly_anything_arrives() -> None:
    quiet, loud = (even(0.1, replace(STILL, electronic_quanta=n)) for n in (0.0, 40.0))
    assert loud.std() ** 2 - quiet.std() ** 2 == pytest.approx(
        (40.0 * 0.2 / 0.15 * 0.1 / (quanta_per_ugy(STILL.spectrum, STILL.response) * 2.5 * 0.04)) ** 2, rel=0.1
    )


def test_a_cover_on_the_detector_stops_scatter_too() -> None:
    primary, _, _ = chest()
    cover = np.ones_like(primary)
    cover[100:120, 100:120] = 0.01
    exposure = Exposure(quanta=False, mtf=False)
    open_, covered = (
        detected(primary, exposure, np.random.default_rng(0), pitch_mm=PITCH, cover=each)[0] for each in (None, cover)
    )
    assert np.allclose(covered[105:115, 105:115], 0.01 * open_[105:115, 105:115], rtol=1e-4)
    assert np.allclose(covered[200:], open_[200:])


def test_the_log_says_what_was_measured_and_the_seed_decides() -> None:
    primary, _, _ = chest()
    first, facts = detected(primary, Exposure(), np.random.default_rng(5), pitch_mm=PITCH)
    again, _ = detected(primary, Exposure(), np.random.default_rng(5), pitch_mm=PITCH)
    assert np.array_equal(first, again)
    assert first.min() > 0
    assert 0.2 < facts["scatter_fraction"] < 0.8
    assert facts["quanta_per_pixel"] == pytest.approx(quanta_per_ugy(SPECTRA["chest PA"], CESIUM_IODIDE) * 2.5)


def test_impossible_exposures_are_refused() -> None:
    for wrong in ({"scatter": -1.0}, {"detector_ugy": 0.0}, {"focal_mm": float("nan")}):
        with pytest.raises(InputError, match="an exposure needs"):
            Exposure(**wrong)
