"""The working chest: parts, mass that is moved, noise, and places drawn for lesions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.core.errors import InputError
from hilum.core.seed import generator
from hilum.drr.field import Structures
from hilum.phantom.illness_bend import Bend
from hilum.phantom.illness_chest import GAS, Chest, draws, sides_of, spot, waves
from hilum.phantom.patient import Plan
from hilum.phantom.trees import Tree
from tests.phantom.chests import LOBES, STEP, lung_mask, made_chest, mass_g


def test_a_part_is_its_structure() -> None:
    chest = Chest(made_chest())
    heart = chest.part("heart", pad_mm=8.0)
    assert np.array_equal(heart.whole(chest.hu.shape), made_chest().body.mask("heart"))
    assert heart.count == made_chest().body.mask("heart").sum()
    assert not heart.mask[0].any()  # the pad
    for side in ("right", "left"):
        assert np.array_equal(chest.lung(side).whole(chest.hu.shape), lung_mask(side))  # type: ignore[arg-type]


def test_what_is_missing_is_said() -> None:
    chest = Chest(made_chest())
    with pytest.raises(InputError, match="shows no pancreas"):
        chest.part("pancreas")
    with pytest.raises(InputError, match="lung_middle_lobe_left"):
        chest.lobe("middle", "left")
    assert chest.has("heart", "aorta")
    assert not chest.has("heart", "pancreas")


def test_places_and_indices_agree() -> None:
    chest = Chest(made_chest())
    index = np.array([[3.0, 4.0, 5.0], [10.0, 0.0, 7.0]])
    assert np.allclose(chest.index(chest.mm(index)), index)
    box = (slice(3, 6), slice(4, 9), slice(5, 7))
    x, y, z = chest.axes_mm(box)
    assert [x.ravel()[0], y.ravel()[0], z.ravel()[0]] == pytest.approx(list(chest.mm(index[0])))
    assert np.broadcast_shapes(x.shape, y.shape, z.shape) == (3, 5, 2)


def test_up_is_the_head_or_the_front() -> None:
    box = (slice(0, 4), slice(0, 4), slice(0, 4))
    erect, lying = (Chest(made_chest(), supine=s).height_mm(box) for s in (False, True))
    assert (np.diff(erect.ravel()) > 0).all()
    assert (np.diff(lying.ravel()) < 0).all()  # y counts to the back


@given(grams=st.floats(-40.0, 300.0))
@settings(max_examples=15, deadline=None)
def test_mass_is_added_to_the_gram(grams: float) -> None:
    chest = Chest(made_chest())
    lung = chest.lung("right")
    before = chest.mass_g(lung)
    left = chest.spread(lung.box, lung.mask.astype(np.float32), grams)
    assert left == pytest.approx(0.0, abs=1e-6)
    assert chest.mass_g(lung) - before == pytest.approx(grams, abs=0.02)
    assert chest.hu.min() >= -1000.0
    outside = ~lung.whole(chest.hu.shape)
    assert np.array_equal(chest.hu[outside], made_chest().body.volume.voxels[outside])


def test_what_finds_no_room_comes_back() -> None:
    chest = Chest(made_chest())
    lung = chest.lung("left")
    most = (1000.0 - 50.0) / 1000.0 * lung.count * chest.voxel_ml
    left = chest.spread(lung.box, lung.mask.astype(np.float32), 10_000.0)
    assert chest.mass_g(lung) == pytest.approx(most, rel=0.01)
    assert left > 5_000.0


def test_vessels_take_up_nothing() -> None:
    chest = Chest(made_chest())
    lung = chest.lung("left")
    at = tuple(int(v) + p.start for v, p in zip(np.argwhere(lung.mask)[500], lung.box, strict=True))
    chest.hu[at] = 40.0
    chest.spread(lung.box, lung.mask.astype(np.float32), 100.0)
    assert chest.hu[at] == 40.0


def test_the_anatomy_given_is_left_alone() -> None:
    before = made_chest().body.volume.voxels.copy()
    chest = Chest(made_chest())
    chest.hu[...] = 0.0
    chest.held[...] = GAS
    assert np.array_equal(made_chest().body.volume.voxels, before)


def test_depth_counts_the_hilum_and_the_wall_does_not() -> None:
    chest = Chest(made_chest())
    lung, depth, wall = chest.lung("right"), chest.depth_mm("right"), chest.wall_mm("right")
    assert (depth[~lung.mask] == 0).all()
    assert (wall[~lung.mask] == 0).all()
    inside = np.argwhere(lung.mask)
    medial = lung.mask & (np.arange(lung.mask.shape[0])[:, None, None] > inside[:, 0].mean() + 8)
    assert wall[medial].mean() > depth[medial].mean() + 2 * STEP
    lateral = lung.mask & (np.arange(lung.mask.shape[0])[:, None, None] < inside[:, 0].min() + 3)
    assert wall[lateral].mean() < 4 * STEP


@pytest.mark.parametrize("length_mm", [15.0, 30.0, 60.0])
def test_noise_is_smooth_and_of_unit_spread(length_mm: float) -> None:
    chest = Chest(made_chest())
    box = chest.lung("left").box
    fields = [waves(chest, box, generator(n, "noise"), length_mm=length_mm) for n in range(8)]
    assert np.mean([f.std() for f in fields]) == pytest.approx(1.0, abs=0.2)
    assert abs(np.mean([f.mean() for f in fields])) < 0.35
    near = np.mean([np.corrcoef(f[:-1].ravel(), f[1:].ravel())[0, 1] for f in fields])
    assert near > 0.5  # a voxel is like its neighbour


def test_noise_does_not_depend_on_the_box() -> None:
    chest = Chest(made_chest())
    large = (slice(10, 40), slice(5, 45), slice(20, 60))
    small = (slice(18, 30), slice(9, 33), slice(25, 50))
    whole, part = (waves(chest, box, generator(3, "noise"), length_mm=25.0) for box in (large, small))
    assert np.allclose(whole[8:20, 4:28, 5:30], part, atol=1e-5)


def test_noise_shows_no_stripes_when_rays_add_it() -> None:
    """Summed along y, no single frequency carries much of the power."""
    chest = Chest(made_chest())
    box = (slice(5, 69), slice(3, 67), slice(10, 74))
    shares = []
    for seed in range(4):
        seen = waves(chest, box, generator(seed, "n"), length_mm=14.0).sum(axis=1)
        power = np.abs(np.fft.rfft2(seen - seen.mean())) ** 2
        shares.append(float(power.max() / power.sum()))
    assert max(shares) < 0.03


def test_a_spot_is_aired_deep_enough_and_the_same_again() -> None:
    chest = Chest(made_chest())
    lung = chest.lung("right")
    first, again = (
        spot(chest, lung, generator(5, "spot"), deep=chest.depth_mm("right"), margin_mm=20.0) for _ in range(2)
    )
    assert first is not None
    assert first == again
    inner = tuple(v - p.start for v, p in zip(first, lung.box, strict=True))
    assert lung.mask[inner]
    assert chest.depth_mm("right")[inner] >= 20.0
    chest.held[lung.box][lung.mask] = GAS
    assert spot(chest, lung, generator(5, "spot"), deep=chest.depth_mm("right"), margin_mm=20.0) is None


def test_spots_lie_all_over_a_lobe() -> None:
    chest = Chest(made_chest())
    part = chest.lobe("upper", "left")
    deep = np.where(part.mask, 50.0, 0.0).astype(np.float32)
    found = np.array([spot(chest, part, generator(n, "spot"), deep=deep, margin_mm=0.0) for n in range(60)], float)
    extent = np.argwhere(part.mask)
    assert (np.ptp(found, axis=0) > 0.6 * np.ptp(extent, axis=0)).all()


def test_lungs_keep_their_mass_when_organs_move() -> None:
    base = made_chest()
    chest = Chest(base)
    before = {side: mass_g(base, lung_mask(side)) for side in ("right", "left")}
    pivot = np.array([0.0, -20.0, -40.0])
    chest.bend([Bend(pivot, np.full(3, 90.0), np.full(3, 90.0), growth=0.4)])
    for side, mass in before.items():
        part = chest.part(*LOBES[side])
        assert chest.mass_g(part) == pytest.approx(mass, rel=0.005)
        assert part.count < lung_mask(side).sum()


def test_points_and_trees_go_with_the_organs() -> None:
    from dataclasses import replace

    base = made_chest()
    tree = Tree(base.carina_mm[None], base.carina_mm[None] + 10.0, np.ones(1), np.array([-1]))
    chest = Chest(replace(base, airways=tree))
    half = np.full(3, 80.0)
    chest.bend([Bend(base.carina_mm, half, half, shift=(6.0, 0.0, -5.0))])
    assert np.allclose(chest.carina_mm - base.carina_mm, [6.0, 0.0, -5.0], atol=0.6)
    assert chest.airways is not None
    assert np.allclose(chest.airways.start[0], chest.carina_mm)
    assert chest.vessels is None


def test_no_bend_changes_nothing() -> None:
    chest = Chest(made_chest())
    chest.bend([])
    assert np.array_equal(chest.hu, made_chest().body.volume.voxels)
    assert chest.structures is made_chest().body.structures


def test_draws_are_of_concept_and_seed_alone() -> None:
    one, two = Plan("a", "lung nodule", 0.2, seed=3), Plan("b", "lung nodule", 0.9, side="left", seed=3)
    other = Plan("a", "lung mass", 0.2, seed=3)
    assert draws(one).random() == draws(two).random()
    assert draws(one).random() != draws(other).random()
    assert sides_of(two) == ("left",)
    assert sides_of(Plan("c", "lung mass", 0.2, side="both")) == ("right", "left")
    assert sides_of(one) == sides_of(Plan("z", "lung nodule", 1.0, seed=3))


def test_new_labels_of_the_same_lungs_keep_their_depths() -> None:
    chest = Chest(made_chest())
    depth = chest.depth_mm("left")
    chest.relabel(chest.structures.ids.copy(), same_lungs=True)
    assert chest.depth_mm("left") is depth
    chest.relabel(chest.structures.ids.copy())
    assert chest.depth_mm("left") is not depth
    assert isinstance(chest.structures, Structures)
