"""Thickened pleura and broken ribs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.core.errors import InputError
from hilum.drr.field import Structures
from hilum.phantom.illness_chest import Chest
from hilum.phantom.illness_wall import thickening_mm
from hilum.phantom.warp import Body
from tests.phantom.chests import STEP, change, lung_mask, made_chest, placed, real_chest

SIDES = st.sampled_from(["right", "left"])
PLEURA = ("pleural thickening", "apical pleural thickening", "calcified pleural plaques")


@given(severity=st.floats(0.1, 1.0), side=SIDES, seed=st.integers(0, 30), concept=st.sampled_from(PLEURA))
@settings(max_examples=7, deadline=None)
def test_it_lines_the_lung_from_within(severity: float, side: str, seed: int, concept: str) -> None:
    ill, one = placed(concept, severity, side, seed=seed)
    assert one.mask is not None
    assert one.mask.any()
    assert not (one.mask & ~lung_mask(side)).any()
    assert (change(ill) >= 0.0).all()
    assert change(ill)[one.mask].min() > 0.0
    chest = Chest(made_chest())
    deep = chest.wall_mm(side)[one.mask[chest.lung(side).box]]  # type: ignore[arg-type]
    assert deep.max() <= thickening_mm(severity) + STEP
    assert one.measures["thickness_mm"] == pytest.approx(thickening_mm(severity))
    assert one.labelled == (thickening_mm(severity) >= 3.0)


def test_a_cap_lies_at_the_apex_and_a_plaque_at_the_side() -> None:
    _, cap = placed("apical pleural thickening", 0.6, "left")
    _, plaque = placed("calcified pleural plaques", 0.6, "left")
    assert cap.mask is not None
    assert plaque.mask is not None
    lung = np.argwhere(lung_mask("left"))
    top = lung[:, 2].max()
    assert np.argwhere(cap.mask)[:, 2].mean() > top - 12
    assert cap.sites == ("left apical zone",)
    assert np.argwhere(plaque.mask)[:, 0].mean() > lung[:, 0].mean() + 3
    assert plaque.sites == ("left pleura",)


def test_lime_is_denser_than_scar() -> None:
    scar, one = placed("pleural thickening", 0.9, "right", seed=2)
    lime, two = placed("calcified pleural plaques", 0.9, "right", seed=2)
    assert scar.body.volume.voxels[one.mask].max() <= 61.0
    assert lime.body.volume.voxels[two.mask].max() > 140.0


def test_more_is_thicker() -> None:
    counts = [int(placed("pleural thickening", s, "right", seed=5)[1].mask.sum()) for s in (0.2, 0.5, 0.9)]  # type: ignore[union-attr]
    assert counts == sorted(counts)
    assert counts[0] < counts[-1]
    assert thickening_mm(0.0) == 0.0
    assert not placed("pleural thickening", 0.0, "right")[1].labelled


@pytest.mark.parametrize(("severity", "count"), [(0.2, 1), (0.6, 2), (0.9, 3)])
@pytest.mark.parametrize("concept", ["rib fracture", "healed rib fracture"])
def test_one_to_three_neighbouring_ribs(concept: str, severity: float, count: int) -> None:
    ill, one = placed(concept, severity, "left", seed=1)
    assert one.measures["ribs"] == count
    assert len(one.points_mm) == count
    assert one.labelled
    assert one.sites == ("left rib",)
    numbers = sorted(nearest_rib(place) for place in one.points_mm)
    assert numbers == list(range(numbers[0], numbers[0] + count))
    assert change(ill)[one.mask].any()


def nearest_rib(place: np.ndarray) -> int:
    body = made_chest().body
    at = np.rint((place - body.volume.affine[:3, 3]) / STEP).astype(int)
    box = body.structures.ids[tuple(slice(v - 2, v + 3) for v in at)]
    names = [body.structures.names[int(i)] for i in np.unique(box) if i]
    ribs = [int(name.rpartition("_")[2]) for name in names if name.startswith("rib_left")]
    assert ribs
    return ribs[0]


@given(severity=st.floats(0.1, 1.0), side=SIDES, seed=st.integers(0, 30), kind=st.sampled_from(["", "displaced"]))
@settings(max_examples=7, deadline=None)
def test_a_break_changes_its_place_alone(severity: float, side: str, seed: int, kind: str) -> None:
    ill, one = placed("rib fracture", severity, side, seed=seed, kind=kind)
    assert one.mask is not None
    assert one.mask.any()
    changed = np.abs(change(ill)) > 5.0
    assert np.array_equal(changed, one.mask)
    places = np.argwhere(changed) * STEP + made_chest().body.volume.affine[:3, 3]
    away = np.linalg.norm(places[:, None] - one.points_mm[None], axis=-1).min(axis=1)
    assert away.max() < 55.0  # the box's corners
    assert 0.5 <= one.measures["gap_mm"] <= 2.0
    assert one.measures["offset_mm"] == pytest.approx(4.0 + 4.0 * severity if kind else 0.0)


def test_an_undisplaced_break_only_thins_bone() -> None:
    ill, one = placed("rib fracture", 0.3, "right", seed=3)
    assert change(ill).max() <= 0.0
    assert made_chest().body.volume.voxels[one.mask].min() > 300.0  # bone it was


def test_a_displaced_one_puts_bone_where_there_was_none() -> None:
    ill, _ = placed("rib fracture", 1.0, "right", seed=3, kind="displaced")
    assert change(ill).max() > 150.0
    assert change(ill).min() < -150.0


def test_callus_is_new_bone_and_no_gap() -> None:
    ill, one = placed("healed rib fracture", 0.8, "left", seed=3)
    assert change(ill).min() >= 0.0
    assert change(ill)[one.mask].max() > 200.0
    assert one.measures["gap_mm"] == 0.0


def test_a_body_without_ribs_says_so() -> None:
    base = made_chest()
    names = {i: n for i, n in base.body.structures.names.items() if not n.startswith("rib_left")}
    ids = base.body.structures.ids.copy()
    ids[base.body.mask("rib_left")] = 0
    bare = replace(base, body=Body(base.body.volume, Structures(ids, base.body.volume.affine, names)))
    with pytest.raises(InputError, match="no rib 3 to 10 on the left"):
        placed("rib fracture", 0.5, "left", base=bare)


def test_on_a_real_chest() -> None:
    base = real_chest()
    ill, one = placed("rib fracture", 0.9, "left", base=base, kind="displaced")
    assert one.measures["ribs"] == 3
    where = base.body.mask("rib_left")
    assert (np.abs(change(ill, base)[where]) > 50.0).any()
