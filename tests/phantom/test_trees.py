"""Trees: Murray's law, filling of space, exact distances, and what is painted of them."""

from __future__ import annotations

import numpy as np
import pytest

from hilum.core.errors import InputError
from hilum.phantom.lung_ct import AIR_HU, BLOOD_HU, PARENCHYMA_HU, draw_lung
from hilum.phantom.trees import Tree, distance_mm, grow, paint


def ball(count: int, radius: float = 50.0) -> np.ndarray:
    draw = np.random.default_rng(4)
    points = draw.uniform(-radius, radius, (count * 3, 3))
    return points[np.linalg.norm(points, axis=1) < radius][:count]


@pytest.fixture(scope="module")
def tree() -> Tree:
    return grow(ball(400), (0.0, 0.0, -70.0), terminals=200, terminal_radius_mm=0.6, seed=2)


@pytest.mark.parametrize("exponent", [2.0, 3.0])
def test_murrays_law_holds_at_every_fork(exponent: float) -> None:
    tree = grow(ball(90), (0.0, 0.0, -70.0), terminals=60, terminal_radius_mm=0.6, murray=exponent, seed=2)
    below = np.bincount(tree.parent[1:], tree.radius_mm[1:] ** exponent, len(tree.parent))
    forks = np.bincount(tree.parent[1:], minlength=len(tree.parent)) > 0
    assert below[forks] == pytest.approx(tree.radius_mm[forks] ** exponent)
    assert tree.radius_mm[tree.terminals] == pytest.approx(0.6)


def test_a_tree_forks_in_two_and_has_a_terminal_for_every_point(tree: Tree) -> None:
    assert len(tree.terminals) == 200
    assert len(tree.parent) == 2 * 200 - 1
    children = np.bincount(tree.parent[1:], minlength=len(tree.parent))
    assert set(children.tolist()) == {0, 2}
    assert np.array_equal(tree.start[1:], tree.end[tree.parent[1:]])
    assert (tree.parent[1:] < np.arange(1, len(tree.parent))).all()


def test_it_fills_its_space(tree: Tree) -> None:
    assert (np.linalg.norm(tree.end, axis=1) < 50.0).all()
    spots = ball(500)
    even = (4 / 3 * np.pi * 50**3 / 200) ** (1 / 3)  # side of the cube that each terminal would fill
    assert distance_mm(tree, spots).max() < 2.0 * even
    assert distance_mm(tree, spots).mean() < 0.6 * even


def test_no_child_turns_back(tree: Tree) -> None:
    ways = (tree.end - tree.start) / tree.length_mm[:, None]
    turn = (ways[1:] * ways[tree.parent[1:]]).sum(axis=1)
    assert turn.min() >= np.cos(np.deg2rad(65.0)) - 1e-9


def test_the_same_seed_grows_the_same_tree(tree: Tree) -> None:
    again = grow(ball(400), (0.0, 0.0, -70.0), terminals=200, terminal_radius_mm=0.6, seed=2)
    other = grow(ball(400), (0.0, 0.0, -70.0), terminals=200, terminal_radius_mm=0.6, seed=3)
    assert np.array_equal(again.end, tree.end)
    assert not np.array_equal(other.end, tree.end)


def test_distance_to_a_capsule_is_exact() -> None:
    one = Tree(np.array([[0.0, 0, 0]]), np.array([[10.0, 0, 0]]), np.array([2.0]), np.array([-1]))
    points = np.array([[5.0, 5, 0], [-3.0, 4, 0], [13.0, 0, 4], [5.0, 0, 0]])
    assert distance_mm(one, points) == pytest.approx([3.0, 3.0, 3.0, -2.0])


def test_painting_agrees_with_the_distance_on_an_anisotropic_grid(tree: Tree) -> None:
    moved = Tree(tree.start + 60, tree.end + 60, tree.radius_mm, tree.parent)
    spacing = (2.5, 2.0, 1.5)
    shape = (48, 60, 80)
    painted = paint(moved, shape, spacing, reach_mm=3.0)
    spots = np.random.default_rng(0).integers(0, shape, (2000, 3))
    exact = np.minimum(distance_mm(moved, spots * np.array(spacing)), 3.0)
    assert painted[tuple(spots.T)] == pytest.approx(exact, abs=1e-4)


@pytest.mark.parametrize(
    "changes", [{"terminals": 0}, {"terminals": 91}, {"terminal_radius_mm": 0.0}, {"share": 1.0}, {"turn_deg": 0.0}]
)
def test_what_cannot_be_grown_is_refused(changes: dict[str, float]) -> None:
    with pytest.raises(InputError, match="tree"):
        grow(ball(90), (0, 0, 0), **{"terminals": 9, "terminal_radius_mm": 1.0, **changes})  # type: ignore[arg-type]


def test_a_made_lung_has_the_values_of_its_tissues() -> None:
    made = draw_lung(1, "a", scale=0.4, vessels=80)
    hu = made.volume.voxels
    plain = made.lung & (made.airway_mm >= 3) & (made.vessel_mm >= 3)
    assert np.median(hu[plain]) == pytest.approx(PARENCHYMA_HU, abs=8)
    inner = made.airway_mm <= 0.7 * made.airway_mm.min()  # the deepest voxels of the largest airway
    assert np.median(hu[inner]) == pytest.approx(AIR_HU, abs=15)
    away = made.lung & (made.airway_mm >= 3)
    vessel = away & (made.vessel_mm <= 0.7 * made.vessel_mm[away].min())
    blood = float(np.median(hu[vessel]))  # thin vessels share their voxels with lung
    assert PARENCHYMA_HU + 600 < blood < BLOOD_HU + 40
    assert hu[made.trachea] < -900
    assert np.array_equal(draw_lung(1, "a", scale=0.4, vessels=80).volume.voxels, hu)


def test_uneven_cuts_leave_stems_that_run_on() -> None:
    """The larger child carries more of its parent where cuts are uneven; the count stays."""
    shares = {}
    for uneven in (0.0, 0.35):
        tree = grow(ball(400), (0.0, 0.0, -70.0), terminals=300, terminal_radius_mm=0.5, uneven=uneven, seed=2)
        assert len(tree.terminals) == 300
        cubes = tree.radius_mm**3
        first = np.array([cubes[tree.parent == n].max() / cubes[n] for n in range(1, 120) if (tree.parent == n).any()])
        shares[uneven] = first.mean()
    assert shares[0.35] > shares[0.0] + 0.05


def test_a_short_trunk_forks_at_the_root() -> None:
    long, short = (
        grow(ball(90), (0.0, 0.0, -70.0), terminals=60, terminal_radius_mm=0.6, trunk_share=share, seed=2)
        for share in (None, 0.05)
    )
    assert short.length_mm[0] < 0.2 * long.length_mm[0]
