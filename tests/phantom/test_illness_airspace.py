"""Filled airspaces: as much as asked, within their lobe, nested as they grow, with bronchi left open."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.core.errors import InputError
from hilum.drr.field import Structures
from hilum.phantom.illness_airspace import airways, around_mm, lobe_of, lumen, sites_of
from hilum.phantom.illness_chest import Chest
from hilum.phantom.patient import Plan
from hilum.phantom.trees import Tree
from hilum.phantom.warp import Body
from tests.phantom.chests import STEP, change, lung_mask, made_chest, placed, plan, real_chest, voxel_ml

WHERE = st.sampled_from(
    [("right", "upper"), ("right", "middle"), ("right", "lower"), ("left", "upper"), ("left", "lower")]
)
AIRSPACE = st.sampled_from(["consolidation", "ground glass opacity"])


@given(severity=st.floats(0.02, 1.0), where=WHERE, concept=AIRSPACE, seed=st.integers(0, 50))
@settings(max_examples=7, deadline=None)
def test_the_mask_is_where_hu_changed(severity: float, where: tuple[str, str], concept: str, seed: int) -> None:
    side, site = where
    ill, one = placed(concept, severity, side, site=site, seed=seed)
    assert one.mask is not None
    changed = change(ill)
    assert np.array_equal(changed != 0, one.mask)
    assert (changed[one.mask] > 0).all()
    lobe = made_chest().body.mask(f"lung_{site}_lobe_{side}")
    assert not (one.mask & ~lobe).any()  # it stops at the fissure
    assert one.sites == (f"{side} {site} lobe",)


@given(severity=st.floats(0.05, 1.0), where=WHERE)
@settings(max_examples=8, deadline=None)
def test_volume_is_a_share_of_the_lobe_and_gives_the_label(severity: float, where: tuple[str, str]) -> None:
    side, site = where
    _, one = placed("consolidation", severity, side, site=site)
    assert one.mask is not None
    volume = one.mask.sum() * voxel_ml(made_chest())
    lobe = made_chest().body.mask(f"lung_{site}_lobe_{side}").sum() * voxel_ml(made_chest())
    assert one.measures["volume_ml"] == pytest.approx(volume)
    assert 0.7 * 0.85 * severity * lobe < volume <= 0.851 * severity * lobe  # less what the bronchi take
    assert one.labelled == (volume >= 15.0)


def test_a_trace_is_not_called_by_name() -> None:
    _, one = placed("consolidation", 0.005, "right", site="middle")
    assert 0.0 < one.measures["volume_ml"] < 15.0
    assert not one.labelled


@pytest.mark.parametrize("concept", ["consolidation", "ground glass opacity"])
def test_it_grows_out_of_itself(concept: str) -> None:
    masks = [placed(concept, s, "right", site="lower", seed=9)[1].mask for s in (0.1, 0.3, 0.6, 1.0)]
    for small, large in pairwise(masks):
        assert small is not None
        assert large is not None
        assert not (small & ~large).any()


def test_consolidation_is_dense_and_ground_glass_is_not() -> None:
    dense, one = placed("consolidation", 0.8, "left", site="lower")
    assert one.mask is not None
    core = dense.body.volume.voxels[one.mask]
    assert 0.0 < np.quantile(core, 0.9) < 90.0
    glass, two = placed("ground glass opacity", 0.8, "left", site="lower")
    assert two.mask is not None
    veil = glass.body.volume.voxels[two.mask]
    assert -850.0 < np.median(veil) < -550.0
    assert one.measures["excess_hu"] > 3 * two.measures["excess_hu"]


def test_bronchi_stay_open_within() -> None:
    """Where the tree of airways runs through the filled lobe, the air is still there."""
    base = made_chest()
    at = np.array([66.0, 30.0, -40.0])
    tube = Tree(at[None] - [0.0, 0.0, 30.0], at[None] + [0.0, 0.0, 30.0], np.array([6.0]), np.array([-1]))
    ill, one = placed("consolidation", 1.0, "left", site="lower", base=replace(base, airways=tube))
    assert one.mask is not None
    chest = Chest(base)
    x, y, z = chest.index(at).round().astype(int)
    assert not one.mask[x, y, z - 5 : z + 6].any()
    assert (ill.body.volume.voxels[x, y, z - 5 : z + 6] < -800.0).all()
    assert one.mask[x + 5, y, z]


def test_a_grown_tree_reaches_its_lobe_and_is_kept() -> None:
    chest = Chest(made_chest())
    tree = airways(chest, "right", "lower")
    assert airways(chest, "right", "lower") is tree
    lobe = chest.lobe("lower", "right")
    ends = np.rint(chest.index(tree.end[tree.terminals])).astype(int)
    inside = lobe.whole(chest.hu.shape)[tuple(ends.T)]
    assert inside.mean() > 0.9
    share = lumen(chest, lobe.box, "right", "lower")
    assert 0.0 <= share.min() <= share.max() <= 1.0
    assert 0.0 < share.sum() < 0.2 * lobe.count


def test_distance_about_a_tree_is_exact_and_far_branches_do_not_matter() -> None:
    chest = Chest(made_chest())
    box = (slice(40, 52), slice(20, 30), slice(30, 44))
    at = chest.mm(np.array([46.0, 25.0, 37.0]))
    near = Tree(at[None], at[None] + 1e-6, np.array([3.0]), np.array([-1]))
    both = Tree(np.stack([at, at + 200.0]), np.stack([at + 1e-6, at + 210.0]), np.array([3.0, 5.0]), np.array([-1, -1]))
    found, same = (around_mm(chest, box, tree, least_mm=1.0, reach_mm=10.0) for tree in (near, both))
    assert np.array_equal(found, same)
    assert found[6, 5, 7] == pytest.approx(-3.0, abs=1e-4)
    assert found[7, 5, 7] == pytest.approx(STEP - 3.0, abs=1e-4)
    thin = around_mm(chest, box, near, least_mm=4.0, reach_mm=10.0)
    assert (thin == 10.0).all()


def test_lingula_and_retrocardiac_lie_where_they_should() -> None:
    _, lingula = placed("consolidation", 0.5, "left", site="lingula")
    assert lingula.mask is not None
    upper = made_chest().body.mask("lung_upper_lobe_left")
    assert not (lingula.mask & ~upper).any()
    assert np.argwhere(lingula.mask)[:, 2].mean() < np.argwhere(upper)[:, 2].mean() - 3
    assert lingula.sites == ("lingula", "left upper lobe")
    _, behind = placed("consolidation", 0.5, "left", site="retrocardiac")
    assert behind.mask is not None
    heart = np.argwhere(made_chest().body.mask("heart"))
    hidden = np.argwhere(behind.mask)
    assert hidden[:, 1].mean() > heart[:, 1].mean()
    assert hidden[:, 0].max() <= heart[:, 0].max() + 1
    assert behind.sites == ("retrocardiac region", "left lower lobe")


@pytest.mark.parametrize(("side", "site"), [("left", "middle"), ("right", "lingula"), ("right", "retrocardiac")])
def test_lobes_that_are_not_there_are_refused(side: str, site: str) -> None:
    with pytest.raises(InputError, match=site):
        placed("consolidation", 0.5, side, site=site)


def test_a_lobe_not_named_is_drawn_and_stays() -> None:
    lobes = {lobe_of(plan("consolidation", seed=n), "right") for n in range(30)}
    assert lobes == {"upper", "middle", "lower"}
    first = Plan("a", "consolidation", 0.2, "right", seed=3)
    assert lobe_of(first, "right") == lobe_of(replace(first, severity=0.9, key="b"), "right")
    assert sites_of(first, "right") == (f"right {lobe_of(first, 'right')} lobe",)


def test_both_sides_are_filled() -> None:
    _, one = placed("consolidation", 0.4, "both", site="lower")
    assert one.mask is not None
    for side in ("right", "left"):
        assert (one.mask & lung_mask(side)).any()
    assert one.sites == ("right lower lobe", "left lower lobe")


def test_on_a_real_chest_vessels_are_left() -> None:
    base = real_chest()
    ill, one = placed("consolidation", 0.7, "right", site="upper", base=base)
    assert one.mask is not None
    assert np.array_equal(change(ill, base) != 0, one.mask)
    vessels = base.body.mask("lung_upper_lobe_right") & (base.body.volume.voxels > 20.0)
    assert np.array_equal(ill.body.volume.voxels[vessels], base.body.volume.voxels[vessels])


def test_a_lobe_that_is_not_there_is_not_drawn_and_is_refused_by_name() -> None:
    """In a body without a middle lobe a plan that names none finds another, and one that names it is told."""
    base = made_chest()
    ids = base.body.structures.ids.copy()
    ids[base.body.mask("lung_middle_lobe_right")] = 0
    bare = replace(
        base, body=Body(base.body.volume, Structures(ids, base.body.volume.affine, base.body.structures.names))
    )
    for concept in ("consolidation", "lung nodule", "atelectasis"):
        for seed in range(6):
            _, one = placed(concept, 0.5, "right", base=bare, seed=seed)
            assert one.mask is not None
            assert one.mask.any()
            assert one.sites[0] in ("right upper lobe", "right lower lobe")
        with pytest.raises(InputError, match="lung_middle_lobe_right"):
            placed(concept, 0.5, "right", base=bare, site="middle")
