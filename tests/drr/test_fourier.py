"""Filters by frequency and the undoing of voxels' blur, on waves whose fate can be computed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from hilum.drr.detector import MTF_HALF_PER_MM, detector_blur, focal_blur, grown, mtf, scatter, shrunken
from hilum.drr.field import Field
from hilum.drr.fourier import filtered
from hilum.drr.geometry import Geometry, aim
from hilum.drr.restore import restored

ROWS, COLUMNS = 64, 96


def wave(down_per_mm: float, across_per_mm: float, pitch: tuple[float, float]) -> np.ndarray:
    """A cosine whose mirror images join up: half-sample symmetric about both edges."""
    rows, columns = np.arange(ROWS)[:, None] + 0.5, np.arange(COLUMNS)[None] + 0.5
    return (np.cos(2 * np.pi * down_per_mm * pitch[0] * rows)
            * np.cos(2 * np.pi * across_per_mm * pitch[1] * columns)).astype(np.float32)  # fmt: skip


@pytest.mark.parametrize("margin", [0, 7, 32, 500])
def test_a_gain_of_one_gives_the_image_back(margin: int, draw: np.random.Generator) -> None:
    image = draw.random((37, 51)).astype(np.float32)
    same = filtered(image, (1.0, 1.0), lambda down, across: np.ones(np.broadcast_shapes(down.shape, across.shape)),
                    margin=margin)  # fmt: skip
    assert same.dtype == np.float32
    assert np.allclose(same, image, atol=1e-5)


def test_a_gain_at_zero_alone_gives_the_mean_of_the_mirrored_image(draw: np.random.Generator) -> None:
    image = draw.random((64, 64)).astype(np.float32)
    flat = filtered(image, (1.0, 1.0), lambda down, across: (down == 0) * (across == 0) * 1.0, margin=32)
    assert float(np.ptp(flat)) < 1e-5
    assert float(flat[0, 0]) == pytest.approx(float(image.mean()), abs=0.05)


@pytest.mark.parametrize(("half_down", "half_across"), [(4, 0), (0, 6), (8, 12)])
@pytest.mark.parametrize("pitch", [(1.0, 1.0), (0.5, 2.0)])
def test_frequencies_are_in_cycles_per_millimetre(half_down: int, half_across: int, pitch: tuple[float, float]) -> None:
    """Mirrored by a full period, a cosine is one frequency: it comes out times the gain at that frequency."""
    down, across = half_down / (2 * ROWS * pitch[0]), half_across / (2 * COLUMNS * pitch[1])
    image = wave(down, across, pitch)

    def gain(down: np.ndarray, across: np.ndarray) -> np.ndarray:
        return 1.0 / (1.0 + 40.0 * (down**2 + 2.0 * across**2))

    weakened = filtered(image, pitch, gain, margin=32)
    inner = (slice(16, -16), slice(24, -24))
    expected = image[inner] * gain(np.array(down), np.array(across))
    assert np.abs(weakened[inner] - expected).max() < 0.02


def test_filtering_is_linear_and_blind_to_mirror_images(draw: np.random.Generator) -> None:
    one, two = (draw.random((40, 56)).astype(np.float32) for _ in range(2))

    def blur(image: np.ndarray) -> np.ndarray:
        return filtered(image, (1.0, 1.0), lambda down, across: np.exp(-20 * (down**2 + across**2)))

    assert np.allclose(blur(one + 2 * two), blur(one) + 2 * blur(two), atol=1e-5)
    assert np.allclose(blur(one[::-1]), blur(one)[::-1], atol=1e-5)
    assert np.allclose(blur(one[:, ::-1]), blur(one)[:, ::-1], atol=1e-5)


def test_a_gaussian_gain_is_a_gaussian_blur(draw: np.random.Generator) -> None:
    image = draw.random((60, 80)).astype(np.float32)
    sigma = 2.0
    made = filtered(image, (1.0, 1.0), lambda d, a: np.exp(-2 * (np.pi * sigma) ** 2 * (d**2 + a**2)), margin=16)
    assert np.allclose(made, ndimage.gaussian_filter(image, sigma, mode="reflect", truncate=6), atol=2e-3)


# -- the detector -----------------------------------------------------------------------------------------------------


@settings(max_examples=30, deadline=None)
@given(st.floats(0.0, 10.0), st.floats(0.0, 10.0))
def test_modulation_falls_from_one(one: float, two: float) -> None:
    low, high = sorted((one, two))
    assert 0 < mtf(np.array(high)) <= mtf(np.array(low)) <= 1
    assert float(mtf(np.array(-one))) == float(mtf(np.array(one)))
    assert float(mtf(np.array(MTF_HALF_PER_MM))) == pytest.approx(0.5)


def test_the_detectors_blur_keeps_the_sum_of_what_lies_inside() -> None:
    image = np.zeros((80, 80), np.float32)
    image[30:50, 35:45] = 100.0
    blurred = detector_blur(image, 0.2)
    assert float(blurred.sum()) == pytest.approx(float(image.sum()), rel=2e-3)
    assert 0 < float(blurred[:, 40].max()) <= 101.0
    assert np.allclose(detector_blur(np.full((30, 30), 4.0, np.float32), 0.2), 4.0, atol=1e-5)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 9))
def test_blocks_hold_the_mean_and_grow_back_to_size(rows: int, columns: int, step: int) -> None:
    image = np.random.default_rng(rows * 100 + columns).random((rows, columns)).astype(np.float32)
    small = shrunken(image, step)
    assert small.shape == (-(-rows // step), -(-columns // step))
    whole = image[: rows // step * step, : columns // step * step]
    blocks = whole.reshape(rows // step, step, columns // step, step).mean(axis=(1, 3))
    assert np.allclose(small[: rows // step, : columns // step], blocks, atol=1e-6)
    back = grown(small, step, (rows, columns))
    assert back.shape == image.shape
    assert small.min() - 1e-6 <= back.min() <= back.max() <= small.max() + 1e-6


def test_a_ramp_survives_shrinking_and_growing() -> None:
    ramp = np.tile(np.arange(40, dtype=np.float32), (24, 1))
    back = grown(shrunken(ramp, 4), 4, ramp.shape)
    assert np.allclose(back[:, 2:-2], ramp[:, 2:-2], atol=1e-4)


@pytest.mark.parametrize(("focal_mm", "magnification"), [(0.0, 1.3), (1.0, 1.0)])
def test_a_point_source_or_no_magnification_does_not_blur(focal_mm: float, magnification: float) -> None:
    image = np.eye(20, dtype=np.float32)
    assert np.array_equal(focal_blur(image, 0.2, focal_mm=focal_mm, magnification=magnification), image)


@pytest.mark.parametrize("strength", [0.5, 2.0])
def test_scatter_is_proportional_to_its_strength_and_divided_by_the_grid(strength: float) -> None:
    primary = np.full((60, 60), 0.2, np.float32)
    usual = scatter(primary, 2.0, grid=False)
    assert np.allclose(scatter(primary, 2.0, strength=strength, grid=False), strength * usual, rtol=1e-5)
    assert np.allclose(scatter(primary, 2.0), usual / 2.4, rtol=1e-5)
    assert not scatter(primary, 2.0, strength=0.0).any()
    assert np.allclose(usual, 0.6 * 0.2 * -np.log(0.2), rtol=1e-4)  # an endless even body: what each ray gives off


def test_scatter_does_not_depend_on_left_and_right(draw: np.random.Generator) -> None:
    primary = ndimage.gaussian_filter(draw.uniform(0.02, 1, (64, 64)), 3).astype(np.float32)
    assert np.allclose(scatter(primary[:, ::-1], 4.0), scatter(primary, 4.0)[:, ::-1], atol=1e-6)


# -- restoring --------------------------------------------------------------------------------------------------------


def exposure(spacing: tuple[float, float, float]) -> tuple[Field, Geometry]:
    grid = Field(np.zeros((40, 40, 40), np.float32), np.diag([*spacing, 1.0]))
    return grid, aim(grid.affine, grid.shape, detector=(ROWS, COLUMNS), pitch_mm=(1.0, 1.0), parallel=True)


def test_restoring_keeps_what_is_even_and_never_goes_below_nothing(draw: np.random.Generator) -> None:
    grid, geometry = exposure((2.0, 2.0, 4.0))
    even = restored({"soft tissue": np.full((ROWS, COLUMNS), 3.0, np.float32)}, grid, geometry)["soft tissue"]
    assert np.allclose(even, 3.0, atol=1e-4)
    rough = restored({"bone": (draw.random((ROWS, COLUMNS)) < 0.1).astype(np.float32)}, grid, geometry)["bone"]
    assert rough.min() >= 0.0


@pytest.mark.parametrize("most", [1.0, 0.5])
def test_a_gain_of_one_leaves_maps_as_they_are(most: float, draw: np.random.Generator) -> None:
    grid, geometry = exposure((2.0, 2.0, 2.0))
    maps = {"soft tissue": draw.random((ROWS, COLUMNS)).astype(np.float32)}
    made = restored(maps, grid, geometry, most=most)
    assert np.array_equal(made["soft tissue"], maps["soft tissue"])
    assert made is not maps


@pytest.mark.parametrize("most", [1.5, 2.0, 3.0, 5.0])
def test_no_wave_is_raised_by_more_than_the_largest_gain(most: float) -> None:
    grid, geometry = exposure((2.0, 2.0, 4.0))
    gains = []
    for half_periods in (2, 6, 10, 16, 24, 32, 44, 60):
        along = wave(half_periods / (2 * ROWS), 0.0, (1.0, 1.0))
        made = restored({"m": along * 0.5 + 5.0}, grid, geometry, most=most)["m"] - 5.0
        gains.append(float(np.ptp(made[16:-16]) / np.ptp(0.5 * along[16:-16])))
    assert max(gains) <= most * 1.05
    assert max(gains) > 1.1
    assert gains[0] == pytest.approx(1.0, abs=0.1)  # what is coarse needs nothing
    assert gains[-1] == pytest.approx(1.0, abs=0.1)  # beyond half the sampling rate nothing is known


def test_rows_run_along_the_body_so_thick_slices_are_sharpened_down_the_film() -> None:
    grid, geometry = exposure((1.0, 1.0, 4.0))
    down, across = wave(0.1, 0.0, (1.0, 1.0)), wave(0.0, 0.1, (1.0, 1.0))
    spread = [
        float(np.ptp((restored({"m": each + 5.0}, grid, geometry)["m"] - 5.0)[16:-16, 24:-24]) / np.ptp(each))
        for each in (down, across)
    ]
    assert spread[0] > spread[1] + 0.15
    assert spread[1] == pytest.approx(1.0, abs=0.1)
