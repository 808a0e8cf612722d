"""Projection against line integrals that can be written down."""

from __future__ import annotations

import numpy as np
import pytest

from hilum.core.errors import InputError
from hilum.core.image import Volume
from hilum.drr.attenuation import WATER_PER_MM, attenuation
from hilum.drr.axes import to_patient_axes
from hilum.drr.project import project
from tests.drr.beams import line_integrals

LPS = np.diag([1.0, 1.0, 1.0, 1.0])


def body(shape: tuple[int, int, int] = (60, 40, 50), fill: float = -1000.0) -> np.ndarray:
    return np.full(shape, fill, dtype=np.float32)


def test_attenuation_is_linear_and_air_is_nothing() -> None:
    values = attenuation(np.array([-1000.0, -500.0, 0.0, 1000.0, -2000.0], np.float32))
    assert np.allclose(values, WATER_PER_MM * np.array([0, 0.5, 1.0, 2.0, 0.0]))


@pytest.mark.parametrize("view", ["PA", "AP", "LL", "RL"])
def test_a_slab_of_water_integrates_to_its_thickness(view: str) -> None:
    volume = Volume(body((80, 80, 80), 0.0), np.diag([2.0, 2.0, 2.0, 1.0]))
    film = project(volume, view=view, size=65, field_mm=130.0)  # type: ignore[arg-type]
    assert film.pixels[32, 32] == pytest.approx(160 * WATER_PER_MM, rel=1e-3)


def test_an_oblique_ray_is_longer_by_its_angle() -> None:
    mu = np.ones((400, 20, 400), np.float32)
    film = line_integrals(mu, (1.0, 1.0, 1.0), source_mm=300, detector_mm=400, shape=(101, 101), pixel_mm=2.0)
    assert film[50, 50] == pytest.approx(20.0, rel=1e-3)
    assert film[50, 100] == pytest.approx(20.0 * np.hypot(100, 400) / 400, rel=1e-3)


def test_a_unit_cube_is_magnified_about_the_beam() -> None:
    mu = np.zeros((101, 101, 101), np.float32)
    mu[40:61, 50, 40:61] = 1.0
    film = line_integrals(mu, (1.0, 1.0, 1.0), source_mm=500, detector_mm=1000, shape=(121, 121), pixel_mm=1.0)
    assert film[60, 60] == pytest.approx(1.0, rel=1e-3)
    assert (film[60] > 0.5).sum() == pytest.approx(42, abs=2)


def test_total_is_kept_by_a_parallel_like_beam() -> None:
    rng = np.random.default_rng(0)
    mu = np.zeros((40, 40, 40), np.float32)
    mu[10:30, 10:30, 10:30] = rng.random((20, 20, 20))
    film = line_integrals(mu, (1.0, 1.0, 1.0), source_mm=1e6, detector_mm=1e6, shape=(40, 40), pixel_mm=1.0)
    assert np.allclose(film, mu.sum(axis=1).T, atol=2e-2)


def spot(axis_value: dict[str, int]) -> Volume:
    """A dense spot in a (left, posterior, head) grid of air."""
    voxels = body((60, 60, 60))
    place = tuple(axis_value.get(axis, 30) for axis in "xyz")
    voxels[tuple(slice(p - 2, p + 3) for p in place)] = 3000.0
    return Volume(voxels, LPS)


def brightest(volume: Volume, view: str) -> tuple[int, int]:
    film = project(volume, view=view, size=101, field_mm=101.0)  # type: ignore[arg-type]
    row, column = np.unravel_index(int(film.pixels.argmax()), film.pixels.shape)
    return int(row), int(column)


@pytest.mark.parametrize("view", ["PA", "AP"])
def test_the_patients_left_is_on_image_right(view: str) -> None:
    assert brightest(spot({"x": 50}), view)[1] > 60
    assert brightest(spot({"x": 10}), view)[1] < 40


@pytest.mark.parametrize("view", ["PA", "AP", "LL", "RL"])
def test_the_head_is_up(view: str) -> None:
    assert brightest(spot({"z": 50}), view)[0] < 40


@pytest.mark.parametrize("view", ["LL", "RL"])
def test_the_front_is_on_image_left_of_a_lateral(view: str) -> None:
    assert brightest(spot({"y": 10}), view)[1] < 40


def test_what_lies_near_the_source_is_magnified_more() -> None:
    """The heart, in front, looks larger on an AP film than on a PA film."""
    voxels = body((60, 60, 60))
    voxels[20:41, 5:8, 20:41] = 1000.0
    widths = {
        view: int((project(Volume(voxels, LPS), view=view, size=300, field_mm=90.0, source_detector_mm=400.0,
                           gap_mm=60.0).pixels > 0.01).any(axis=0).sum())
        for view in ("PA", "AP")
    }  # fmt: skip
    assert widths["AP"] > widths["PA"] + 5


def test_storage_order_and_direction_do_not_matter() -> None:
    rng = np.random.default_rng(1)
    voxels = rng.normal(0, 300, (20, 24, 28)).astype(np.float32)
    straight = Volume(voxels, np.diag([2.0, 3.0, 4.0, 1.0]))
    flipped = np.diag([-2.0, 3.0, -4.0, 1.0])
    flipped[:3, 3] = (38.0, 0.0, 108.0)
    turned = Volume(np.ascontiguousarray(voxels[::-1, :, ::-1].transpose(2, 1, 0)), flipped[:, [2, 1, 0, 3]])
    (first, steps), (second, others) = to_patient_axes(straight), to_patient_axes(turned)
    assert np.array_equal(first, second)
    assert steps == others == (2.0, 3.0, 4.0)


def test_turning_by_ninety_degrees_swaps_frontal_and_lateral() -> None:
    volume = spot({"x": 45})
    turned = project(volume, view="PA", angles_deg=(0.0, 0.0, 90.0), size=101, field_mm=101.0).pixels
    lateral = project(volume, view="LL", size=101, field_mm=101.0).pixels
    middle = np.average(np.arange(101), weights=turned.sum(axis=0))
    assert middle == pytest.approx(50, abs=1.5)
    assert np.average(np.arange(101), weights=project(volume, size=101, field_mm=101.0).pixels.sum(axis=0)) > 60
    assert turned.max() == pytest.approx(lateral.max(), rel=0.05)


def test_a_film_knows_where_its_spacing_holds() -> None:
    film = project(spot({}), view="LL", size=64, field_mm=320.0)
    assert film.spacing_mm == (5.0, 5.0)
    assert film.spacing_plane == "detector"
    assert film.view == "LL"
    assert film.orientation == ("P", "F")
    assert film.synthetic


def test_misuse_is_refused() -> None:
    with pytest.raises(InputError, match="view must be"):
        project(spot({}), view="XX")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="lies inside the volume"):
        project(spot({}), view="PA", source_detector_mm=80.0, gap_mm=60.0)
