"""What surrounds a nodule, against spheres, planes and cylinders whose distances can be written down."""

from __future__ import annotations

import numpy as np
import pytest

from hilum.core.errors import InputError
from hilum.measure.surroundings import Lung, Surroundings, Tubes, signed_distance_mm, surface_mm, surroundings
from hilum.measure.surroundings_branches import branches

SPACINGS = [(1.0, 1.0, 1.0), (2.0, 0.8, 0.8), (0.7, 1.3, 2.0)]
SIDE_MM = 64.0
Spacing = tuple[float, float, float]


def grid(spacing: Spacing, side: float = SIDE_MM) -> list[np.ndarray]:
    counts = [int(side / step) for step in spacing]
    return list(np.meshgrid(*[np.arange(n) * s for n, s in zip(counts, spacing, strict=True)], indexing="ij"))


def ball(spacing: Spacing, centre: tuple[float, float, float], radius: float) -> np.ndarray:
    return sum((g - c) ** 2 for g, c in zip(grid(spacing), centre, strict=False)) <= radius**2


def rod(
    spacing: Spacing, start: tuple[float, float, float], end: tuple[float, float, float], radius: float
) -> np.ndarray:
    run = np.subtract(end, start)
    axes = [g - s for g, s in zip(grid(spacing), start, strict=True)]
    share = np.clip(sum(a * r for a, r in zip(axes, run, strict=False)) / (run @ run), 0, 1)
    return sum((a - share * r) ** 2 for a, r in zip(axes, run, strict=False)) <= radius**2


def lung(spacing: Spacing, *, airway: np.ndarray | None = None, vessel: np.ndarray | None = None) -> Lung:
    held = ball(spacing, (32, 32, 32), 30)
    none = np.zeros(held.shape, bool)
    given = [Tubes(none if mask is None else mask, spacing) for mask in (airway, vessel)]
    return Lung(held, *given, spacing)


def measured(nodule: np.ndarray, where: Lung) -> Surroundings:
    spots = np.argwhere(nodule)
    low, high = spots.min(axis=0), spots.max(axis=0) + 1
    box = nodule[tuple(slice(a, b) for a, b in zip(low, high, strict=False))]
    return surroundings(box, tuple(int(v) for v in low), where)


@pytest.mark.parametrize("spacing", SPACINGS)
def test_distances_of_spheres_and_rods_are_what_geometry_says(spacing: Spacing) -> None:
    airway = rod(spacing, (4, 32.2, 14.3), (60, 32.2, 14.3), 3.0)
    vessel = rod(spacing, (32.4, 46.3, 4), (32.4, 46.3, 60), 2.0)
    found = measured(ball(spacing, (32.4, 32.2, 32.3), 5.0), lung(spacing, airway=airway, vessel=vessel))
    most = 0.4 * max(spacing)
    assert found.airway_mm == pytest.approx(18 - 5 - 3, abs=most)
    assert found.vessel_mm == pytest.approx(14.1 - 5 - 2, abs=most)
    assert found.pleura_mm == pytest.approx(30 - 0.54 - 5, abs=1.5 * most)
    assert found.diameter_mm == pytest.approx(10.0, rel=0.05)


@pytest.mark.parametrize("spacing", SPACINGS)
def test_signed_distance_is_that_of_a_sphere(spacing: Spacing) -> None:
    centre, radius = (31.3, 32.2, 30.9), 14.0
    found = signed_distance_mm(ball(spacing, centre, radius), spacing)
    exact = np.sqrt(sum((g - c) ** 2 for g, c in zip(grid(spacing), centre, strict=False))) - radius
    error = found - exact
    assert abs(float(error.mean())) < 0.25 * max(spacing)
    assert float(np.abs(error).max()) < 1.0 * max(spacing)
    assert np.array_equal(found < 0, ball(spacing, centre, radius))


def test_signed_distance_to_a_plane_is_exact_and_a_mask_needs_a_surface() -> None:
    half = np.zeros((20, 4, 4), bool)
    half[:8] = True
    found = signed_distance_mm(half, (2.0, 1.0, 1.0))
    assert found[:, 1, 1] == pytest.approx(2.0 * (np.arange(20) - 7.5))
    for mask in (np.zeros((3, 3, 3), bool), np.ones((3, 3, 3), bool)):
        with pytest.raises(InputError, match="no surface"):
            signed_distance_mm(mask, (1, 1, 1))


def test_surface_points_of_a_single_voxel_lie_half_way_to_its_neighbours() -> None:
    mask = np.zeros((3, 3, 3), bool)
    mask[1, 1, 1] = True
    found = {tuple(point) for point in surface_mm(mask, (2.0, 1.0, 1.0), (10, 0, 0)).tolist()}
    assert found == {(21, 1, 1), (23, 1, 1), (22, 0.5, 1), (22, 1.5, 1), (22, 1, 0.5), (22, 1, 1.5)}


def test_touching_and_overlapping_is_no_distance() -> None:
    spacing = (1.0, 1.0, 1.0)
    through = lung(spacing, vessel=rod(spacing, (4, 32, 32), (60, 32, 32), 2.0))
    found = measured(ball(spacing, (32, 32, 32), 6.0), through)
    assert (found.vessel_mm, found.vessel_count) == (0.0, 1)
    at_the_wall = measured(ball(spacing, (32, 32, 58), 6.0), through)
    assert at_the_wall.pleura_mm == 0.0


def test_no_tubes_no_distance_no_count() -> None:
    found = measured(ball((1, 1, 1), (32, 32, 32), 5.0), lung((1.0, 1.0, 1.0)))
    assert np.isnan([found.airway_mm, found.vessel_mm]).all()
    assert (found.airway_count, found.vessel_count, found.airway_share, found.vessel_share) == (0, 0, 0.0, 0.0)


@pytest.mark.parametrize("spacing", SPACINGS[:2])
def test_volume_in_the_shell_is_that_of_the_rod_in_it(spacing: Spacing) -> None:
    vessel = rod(spacing, (32, 32, 39), (32, 32, 60), 2.0)
    found = measured(ball(spacing, (32, 32, 32), 7.0), lung(spacing, vessel=vessel))
    shell = 4 / 3 * np.pi * (12.0**3 - 7.0**3)
    inside = np.pi * 2.0**2 * 5.0  # 5 mm of rod
    assert found.vessel_share == pytest.approx(inside / shell, rel=0.2)
    assert found.vessel_per_nodule == pytest.approx(inside / (4 / 3 * np.pi * 7.0**3), rel=0.2)


def star(count: int, gap: float, spacing: Spacing = (1.0, 1.0, 1.0)) -> np.ndarray:
    """Rods that all point at the middle and end at some distance from it, none touching another."""
    draw = np.random.default_rng(count)
    turn = np.linalg.qr(draw.normal(size=(3, 3)))[0]
    ways = np.vstack([turn, -turn])[:count]
    middle = np.array([32.0, 32, 32])
    rods = [rod(spacing, tuple(middle + gap * way), tuple(middle + 26 * way), 1.5) for way in ways]
    return np.any(rods, axis=0)


@pytest.mark.parametrize("count", [1, 2, 4, 6])
@pytest.mark.parametrize("gap", [6.0, 11.0])
def test_branches_that_touch_and_that_point_at_it_are_counted(count: int, gap: float) -> None:
    """The nodule has 5 mm: rods that end 6 mm from its middle touch it, those that end 11 mm away point at it."""
    found = measured(ball((1, 1, 1), (32, 32, 32), 5.0), lung((1.0, 1.0, 1.0), vessel=star(count, gap)))
    assert found.vessel_count == count
    assert (found.vessel_mm < 1.0) == (gap < 8)


def test_a_branch_that_passes_by_is_not_counted() -> None:
    aside = rod((1, 1, 1), (4, 46, 32), (60, 46, 32), 1.5) | rod((1, 1, 1), (32, 20, 4), (32, 20, 24), 1.5)
    found = measured(ball((1, 1, 1), (32, 32, 32), 5.0), lung((1.0, 1.0, 1.0), vessel=aside))
    assert found.vessel_count == 0


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_nothing_depends_on_the_direction_of_an_axis(axis: int) -> None:
    spacing = (1.6, 0.9, 1.1)
    airway, vessel = rod(spacing, (4, 30, 14), (58, 36, 20), 3.0), star(3, 9.0, spacing)
    nodule = ball(spacing, (32, 32, 32), 5.0)
    plain = measured(nodule, lung(spacing, airway=airway, vessel=vessel))
    lungs = lung(spacing, airway=airway, vessel=vessel)
    turned = Lung(
        np.flip(lungs.lung, axis), Tubes(np.flip(airway, axis), spacing), Tubes(np.flip(vessel, axis), spacing), spacing
    )
    other = measured(np.flip(nodule, axis), turned)
    for name in ("diameter_mm", "pleura_mm", "airway_mm", "vessel_mm", "airway_share", "vessel_share"):
        assert getattr(other, name) == pytest.approx(getattr(plain, name), abs=1e-6)
    assert (other.airway_count, other.vessel_count) == (plain.airway_count, plain.vessel_count)


def test_a_tree_of_known_forks_has_its_branches_and_free_ends() -> None:
    """Two levels of forks: 1 trunk, 2 branches, 4 twigs; 5 free ends counting the trunk's."""
    spacing = (1.0, 1.0, 1.0)
    parts = [((6, 32, 32), (22, 32, 32))]
    for side in (-1, 1):
        fork = (38, 32 + 14 * side, 32)
        parts.append(((22, 32, 32), fork))
        parts += [(fork, (54, 32 + 14 * side, 32 + 11 * other)) for other in (-1, 1)]
    mask = np.any([rod(spacing, *ends, 2.0) for ends in parts], axis=0)
    found = branches(mask, spacing)
    assert (found.count, len(found.ends_mm)) == (7, 5)
    tip = int(np.argmin(np.linalg.norm(found.ends_mm - np.array([6.0, 32, 32]), axis=1)))
    assert found.ways[tip] == pytest.approx([-1, 0, 0], abs=0.1)


def test_what_cannot_be_measured_is_said() -> None:
    where = lung((1.0, 1.0, 1.0))
    with pytest.raises(InputError, match="mask is empty"):
        surroundings(np.zeros((3, 3, 3), bool), (5, 5, 5), where)
    with pytest.raises(InputError, match="leaves the grid"):
        surroundings(np.ones((3, 3, 3), bool), (62, 5, 5), where)
