"""What the four views share, and what turning and distance do to a projection."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from hilum.core.image import Volume
from hilum.drr.attenuation import WATER_PER_MM
from hilum.drr.field import Field
from hilum.drr.geometry import aim
from hilum.drr.project import project
from hilum.drr.render import line_integrals as integrals
from tests.drr.beams import line_integrals


def lump(draw: np.random.Generator, scale: float = 1.0) -> Volume:
    """Random soft tissue in the middle of air, unlike in every direction."""
    voxels = np.full((36, 36, 36), -1000.0, np.float32)
    voxels[10:24, 8:28, 12:30] = draw.uniform(-800, 400, (14, 20, 18))
    return Volume(voxels, np.diag([scale, scale, scale, 1.0]))


def far(volume: Volume, view: str, **more: object) -> np.ndarray:
    """Project from so far away that rays are parallel."""
    settings = {"size": 61, "field_mm": 61.0, "source_detector_mm": 1e6, "gap_mm": 0.0, **more}
    return project(volume, view=view, **settings).pixels  # type: ignore[arg-type]


@pytest.mark.parametrize("views", [("PA", "AP"), ("LL", "RL")])
def test_parallel_rays_see_the_same_from_both_ends(draw: np.random.Generator, views: tuple[str, str]) -> None:
    volume = lump(draw)
    first, second = (far(volume, view) for view in views)
    assert first.max() > 0.1
    assert np.allclose(first, second, atol=1e-4)
    assert not np.allclose(first, first[:, ::-1], atol=1e-2)


@pytest.mark.parametrize("views", [("PA", "AP"), ("LL", "RL")])
def test_near_a_source_the_two_ends_differ(draw: np.random.Generator, views: tuple[str, str]) -> None:
    first, second = (far(lump(draw), view, source_detector_mm=150.0) for view in views)
    assert not np.allclose(first, second, atol=1e-2)


def test_every_view_weighs_the_same_body(draw: np.random.Generator) -> None:
    volume = lump(draw)
    mass = float((1 + volume.voxels / 1000).sum()) * WATER_PER_MM
    for view in ("PA", "AP", "LL", "RL"):
        assert far(volume, view).sum() == pytest.approx(mass, rel=2e-3)


@pytest.mark.parametrize("angles", [(25.0, 0.0, 0.0), (0.0, -40.0, 0.0), (10.0, 20.0, 30.0)])
def test_turning_keeps_the_mass_and_moves_the_shadow_as_the_patient_turns(angles: tuple[float, float, float]) -> None:
    grid = np.indices((40, 40, 40)) - 19.5
    ball = np.exp(-((grid[0] - 4) ** 2 + grid[1] ** 2 + (grid[2] + 3) ** 2) / 40).astype(np.float32)
    affine = np.eye(4)
    affine[:3, 3] = -19.5
    field = Field(ball, affine)
    still = aim(affine, ball.shape, view="AP", detector=(61, 61), pitch_mm=(1.0, 1.0), parallel=True)
    shadow = integrals(field, still.turned(angles))
    assert shadow.sum() == pytest.approx(ball.sum(), rel=1e-2)
    middle = np.array([(axis * ball).sum() for axis in grid]) / ball.sum()
    where = Rotation.from_euler("xyz", angles, degrees=True).as_matrix() @ middle
    down, along = (np.average(np.arange(61) - 30, weights=shadow.sum(axis=axis)) for axis in (1, 0))
    assert (along, -down) == pytest.approx((where[0], where[2]), abs=0.05)


def test_half_a_turn_about_the_head_axis_mirrors_the_film(draw: np.random.Generator) -> None:
    volume = lump(draw)
    turned = far(volume, "PA", angles_deg=(0.0, 0.0, 180.0))
    assert np.allclose(turned, far(volume, "PA")[:, ::-1], atol=1e-3)


@pytest.mark.parametrize("source_mm", [300.0, 500.0, 800.0])
def test_a_sphere_is_magnified_by_detector_over_source_distance(source_mm: float) -> None:
    grid = np.indices((61, 61, 61)) - 30
    ball = ((grid**2).sum(axis=0) <= 10**2).astype(np.float32)
    film = line_integrals(
        ball, (1.0, 1.0, 1.0), source_mm=source_mm, detector_mm=1000.0, shape=(161, 161), pixel_mm=0.5
    )  # fmt: skip
    # a ball of radius R at distance s has its half-chord points at R sqrt(3) / 2: there the ray is R long
    across = (film[80] >= 10.0).sum() * 0.5
    assert across == pytest.approx(2 * 10 * np.sqrt(3) / 2 * 1000 / source_mm, rel=0.08)
    assert film[80, 80] == pytest.approx(21, rel=0.01)


def test_the_size_of_a_voxel_does_not_change_what_a_ray_meets() -> None:
    fine = Volume(np.zeros((60, 60, 60), np.float32), np.diag([1.0, 1.0, 1.0, 1.0]))
    rough = Volume(np.zeros((20, 30, 15), np.float32), np.diag([3.0, 2.0, 4.0, 1.0]))
    for view in ("PA", "LL"):
        first, second = (project(v, view=view, size=21, field_mm=40.0) for v in (fine, rough))  # type: ignore[arg-type]
        assert np.allclose(first.pixels[5:16, 5:16], second.pixels[5:16, 5:16], rtol=1e-3)


def test_twice_the_density_is_twice_the_film(draw: np.random.Generator) -> None:
    mu = draw.random((20, 20, 20)).astype(np.float32)
    how = {"source_mm": 200.0, "detector_mm": 300.0, "shape": (15, 17), "pixel_mm": 2.0}
    once, twice = (line_integrals(part, (1.0, 1.5, 2.0), **how) for part in (mu, 2 * mu))  # type: ignore[arg-type]
    assert once.shape == (15, 17)
    assert np.allclose(twice, 2 * once, rtol=1e-5)
    assert np.array_equal(once, line_integrals(mu, (1.0, 1.5, 2.0), **how))  # type: ignore[arg-type]
