"""From signal to grey values: each step does what it says and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from hilum.core.errors import InputError
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


def test_more_matter_is_brighter_on_every_curve() -> None:
    signal = np.array([[1.0, 0.5, 0.1, 0.01]], np.float32)
    for curve in ("log", "sqrt", "linear"):
        assert (np.diff(curve_of(signal, curve)[0]) > 0).all()
    assert curve_of(signal, "log")[0, 2] == pytest.approx(np.log(10))


@pytest.mark.parametrize("shape", [(64, 64), (65, 71), (40, 333), (9, 9)])
def test_a_pyramid_gives_the_image_back(draw: np.random.Generator, shape: tuple[int, int]) -> None:
    image = draw.normal(size=shape).astype(np.float32)
    assert np.allclose(collapsed(*pyramid(image, 6)), image, atol=1e-5)


def test_bands_hold_their_own_frequencies() -> None:
    x = np.arange(256)
    for period, band in ((3, 0), (7, 1), (14, 2), (28, 3)):
        wave = np.broadcast_to(np.sin(2 * np.pi * x / period), (256, 256)).astype(np.float32)
        bands, _ = pyramid(wave, 5)
        energy = [float((b**2).sum()) * 4**level for level, b in enumerate(bands)]
        assert int(np.argmax(energy)) == band


def test_detail_of_power_one_changes_nothing(draw: np.random.Generator) -> None:
    image = draw.normal(size=(64, 64)).astype(np.float32)
    assert detailed(image, power=1.0, edge=1.0) is image
    assert np.allclose(detailed(image, power=0.9999), image, atol=1e-2)


def test_faint_detail_is_raised_and_strong_edges_are_not() -> None:
    image = np.zeros((256, 256), np.float32)
    image[:, 128:] = 1.0
    image[60:68, 40:48] += 0.02
    raised = detailed(image, power=0.6)
    faint = raised[60:68, 40:48].mean() - raised[60:68, 20:28].mean()
    strong = raised[200, 200:240].mean() - raised[200, 20:60].mean()
    assert faint > 0.05
    assert strong == pytest.approx(1.0, abs=0.12)


def test_edges_are_raised_more_than_what_is_coarse() -> None:
    x = np.arange(256)
    fine, coarse = (np.broadcast_to(np.sin(2 * np.pi * x / p), (256, 256)).astype(np.float32) for p in (4, 60))
    gain = [detailed(wave, power=1.0, edge=3.0).std() / wave.std() for wave in (fine, coarse)]
    assert gain[0] > 2.0
    assert gain[1] < 1.6


def test_a_constant_image_stays_so() -> None:
    flat = np.full((40, 40), 3.0, np.float32)
    assert np.allclose(detailed(flat, power=0.5, edge=2.0), 3.0)


def test_the_window_is_taken_from_the_body() -> None:
    image = np.linspace(0, 10, 10_000, dtype=np.float32).reshape(100, 100)
    body = image > 5
    assert window_of(image, body, (0, 100)) == pytest.approx((5, 10), abs=0.01)
    assert window_of(image, np.zeros_like(body), (10, 90)) == pytest.approx((1, 9), abs=0.01)
    assert window_of(np.ones((5, 5), np.float32), np.ones((5, 5), bool), (0, 100))[1] > 1.0


@pytest.mark.parametrize("tone", ["linear", "sigmoid", "power"])
def test_tones_rise_from_black_to_white(tone: str) -> None:
    values = np.linspace(-1, 4, 200, dtype=np.float32)[None]
    shown = toned(values, Processing(tone=tone, gamma=1.5), (0.0, 3.0))[0]  # type: ignore[arg-type]
    assert (np.diff(shown) >= 0).all()
    assert shown[values[0] <= 0].max() == pytest.approx(0, abs=1e-6)
    assert shown[values[0] >= 3].min() == pytest.approx(1, abs=1e-6)


def test_a_sigmoid_has_a_toe_and_a_shoulder() -> None:
    values = np.linspace(0, 1, 101, dtype=np.float32)[None]
    shown = toned(values, Processing(contrast=5.0), (0.0, 1.0))[0]
    slopes = np.diff(shown)
    assert slopes[50] > 2 * slopes[2]
    assert slopes[50] > 2 * slopes[-2]


def test_a_random_histogram_rises_and_keeps_its_ends() -> None:
    ramp = np.linspace(0, 1, 500, dtype=np.float32)[None]
    curves = [random_histogram(ramp, np.random.default_rng(seed), points=8) for seed in range(20)]
    for shown, points in curves:
        assert (np.diff(shown[0]) >= -1e-6).all()
        assert (shown[0, 0], shown[0, -1]) == pytest.approx((0, 1))
        assert len(points) == 10
    assert np.std([shown[0, 250] for shown, _ in curves]) > 0.05
    same, points = random_histogram(ramp, np.random.default_rng(3), points=8)
    assert np.array_equal(same, curves[3][0])
    assert np.allclose(np.interp(ramp, *zip(*points, strict=True)), same, atol=1e-3)


def test_letters_are_as_high_as_asked_and_read_from_the_left() -> None:
    sign = letters("L", 40)
    assert 20 <= sign.shape[0] <= 45
    assert sign[:, : sign.shape[1] // 3].sum() > sign[:, -(sign.shape[1] // 3) :].sum()
    assert letters("AP PORTABLE", 20).shape[1] > 4 * letters("L", 20).shape[1]


def test_a_stamp_is_cut_at_the_edge() -> None:
    image, stamp = np.zeros((10, 10), np.float32), np.ones((4, 6), np.float32)
    for row, column, size in ((2, 2, (4, 6)), (-2, 7, (2, 3)), (20, 20, (0, 0))):
        down, along, part = stamped(image, stamp, row, column)
        assert part.shape == image[down, along].shape
        assert part.shape == size or part.size == 0


def test_impossible_processing_is_refused() -> None:
    wrong = ({"detail_power": 0.0}, {"edge_gain": 0.0}, {"window_percent": (50.0, 50.0)}, {"tone": "jazz"},
             {"curve": "cube"}, {"border_mm": (-1.0, 0, 0, 0)}, {"histogram_points": 1})  # fmt: skip
    for setting in wrong:
        with pytest.raises(InputError, match="processing needs"):
            Processing(**setting)  # type: ignore[arg-type]


def test_headroom_leaves_greys_below_the_darkest_of_the_body() -> None:
    image = np.linspace(1.0, 3.0, 101, dtype=np.float32)[None]
    body = np.ones(image.shape, bool)
    tight, wide = (window_of(image, body, (0.0, 100.0), headroom=share) for share in (0.0, 0.5))
    assert tight == pytest.approx((1.0, 3.0))
    assert wide == pytest.approx((0.0, 3.0))
    with pytest.raises(InputError):
        Processing(headroom=-0.1)


def test_a_random_histogram_parts_no_greys() -> None:
    """No piece is so steep that 256 greys of it would fall into fewer than a dozen steps."""
    ramp = np.linspace(0, 1, 2000, dtype=np.float32)[None]
    for seed in range(60):
        _, points = random_histogram(ramp, np.random.default_rng(seed), points=12)
        given_points, taken = np.array(points).T
        steep = np.diff(taken) / np.maximum(np.diff(given_points), 1e-9)
        assert steep.max() < 12.0
        assert steep.min() > 0.08
