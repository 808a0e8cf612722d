"""Fluid and air beside the lung: as much as asked, where gravity wants them, and the lung's mass kept."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.phantom.illness import labelled_on, place
from hilum.phantom.illness_pleura import effusion_ml, retraction_mm
from hilum.phantom.patient import Plan
from tests.phantom.chests import (
    STEP,
    change,
    lung_mask,
    made_chest,
    mass_g,
    placed,
    plan,
    real_chest,
    top_mm,
    voxel_ml,
)  # fmt: skip

SIDES = st.sampled_from(["right", "left"])


@given(severity=st.floats(0.03, 0.6), side=SIDES)
@settings(max_examples=7, deadline=None)
def test_fluid_has_the_volume_of_its_severity(severity: float, side: str) -> None:
    _, one = placed("pleural effusion", severity, side)
    assert one.mask is not None
    counted = one.mask.sum() * STEP**3 / 1000.0
    assert counted == pytest.approx(effusion_ml(severity), rel=0.02)
    assert one.measures["volume_ml"] == pytest.approx(counted)
    assert one.labelled == (counted >= 200.0)
    assert labelled_on(one, "LL") == (counted >= 75.0)


@given(severity=st.floats(0.05, 0.9), side=SIDES, supine=st.booleans())
@settings(max_examples=7, deadline=None)
def test_fluid_lies_in_its_own_lung_and_keeps_its_mass(severity: float, side: str, supine: bool) -> None:
    ill, one = placed("pleural effusion", severity, side, supine=supine)
    lung, other = lung_mask(side), lung_mask("left" if side == "right" else "right")
    assert one.mask is not None
    assert not (one.mask & ~lung).any()
    assert (change(ill)[other] == 0).all()
    hu = ill.body.volume.voxels[one.mask]
    assert 5.0 <= hu.min() == hu.max() <= 20.0
    rest = lung & ~one.mask
    assert mass_g(ill, rest) == pytest.approx(mass_g(made_chest(), lung), rel=0.01)


def test_no_fluid_lies_above_a_plane_but_what_climbs_the_wall() -> None:
    """Erect, in each slice away from the wall, fluid lies below what is dry but for ripples; it is higher behind."""
    _, one = placed("pleural effusion", 0.4, "right")
    assert one.mask is not None
    lung = lung_mask("right")
    inner = lung.copy()
    for axis in range(3):
        for way in range(-8, 9):
            inner &= np.roll(lung, way, axis)  # 32 mm or more from any border
    z = np.arange(lung.shape[2])[None, None, :]
    tops = []
    for y in np.flatnonzero(inner.any(axis=(0, 2))):
        height = np.broadcast_to(z[0], inner[:, y].shape)
        wet, dry = height[inner[:, y] & one.mask[:, y]], height[inner[:, y] & ~one.mask[:, y]]
        if wet.size and dry.size:
            assert wet.max() <= dry.min() + 1 + 12.0 / STEP
            tops.append(wet.max())
    assert len(tops) > 3
    assert np.polyfit(np.arange(len(tops)), tops, 1)[0] > 0.0


def test_supine_the_layer_is_behind_and_erect_below() -> None:
    _, erect = placed("pleural effusion", 0.25, "left")
    _, lying = placed("pleural effusion", 0.25, "left", supine=True)
    assert erect.mask is not None
    assert lying.mask is not None
    below, behind = np.argwhere(erect.mask).mean(axis=0), np.argwhere(lying.mask).mean(axis=0)
    assert below[2] < behind[2] - 5
    assert behind[1] > below[1] + 5


def test_more_fluid_holds_less_fluid() -> None:
    """The same lesion grows: what was wet stays wet."""
    small, large = (placed("pleural effusion", s, "right", seed=4)[1].mask for s in (0.15, 0.45))
    assert small is not None
    assert large is not None
    assert not (small & ~large).any()
    assert large.sum() > small.sum()


def test_the_lung_above_the_fluid_is_pressed() -> None:
    ill, one = placed("pleural effusion", 0.4, "right")
    assert one.mask is not None
    above = np.zeros_like(one.mask)
    above[:, :, 3:] = one.mask[:, :, :-3]
    above &= lung_mask("right") & ~one.mask
    hu = ill.body.volume.voxels[above]
    assert hu.mean() > made_chest().body.volume.voxels[above].mean() + 40.0
    assert hu.max() <= -50.0


def test_a_lung_holds_no_more_than_its_room() -> None:
    _, one = placed("pleural effusion", 1.0, "left")
    assert one.mask is not None
    assert one.mask.sum() <= 0.86 * lung_mask("left").sum()


def test_fluid_on_both_sides_is_measured_by_side() -> None:
    _, one = placed("pleural effusion", 0.2, "both")
    assert one.measures["volume_right_ml"] == pytest.approx(one.measures["volume_left_ml"], rel=0.02)
    assert one.sites == ("right pleural space", "left pleural space")
    assert one.mask is not None
    assert one.mask.sum() * voxel_ml(made_chest()) == pytest.approx(2 * one.measures["volume_ml"], rel=0.02)


@given(severity=st.floats(0.1, 1.0), side=SIDES)
@settings(max_examples=7, deadline=None)
def test_the_apex_comes_down_by_the_retraction(severity: float, side: str) -> None:
    _, one = placed("pneumothorax", severity, side)
    assert one.mask is not None
    lung = lung_mask(side)
    fallen = top_mm(made_chest(), lung) - top_mm(made_chest(), lung & ~one.mask)
    assert fallen == pytest.approx(retraction_mm(severity), abs=STEP)
    assert one.measures["retraction_mm"] == pytest.approx(fallen, abs=1e-3)
    assert one.labelled == (fallen >= 5.0)


@given(severity=st.floats(0.1, 1.0), side=SIDES, supine=st.booleans(), kind=st.sampled_from(["", "tension"]))
@settings(max_examples=7, deadline=None)
def test_the_gap_is_air_and_the_lung_keeps_its_mass(severity: float, side: str, supine: bool, kind: str) -> None:
    ill, one = placed("pneumothorax", severity, side, supine=supine, kind=kind)
    assert one.mask is not None
    assert (ill.body.volume.voxels[one.mask] == -1000.0).all()
    lung = lung_mask(side, ill)
    assert not (one.mask & ~lung).any()
    assert mass_g(ill, lung) == pytest.approx(mass_g(made_chest(), lung_mask(side)), rel=0.01)


def test_what_is_left_of_the_lung_is_denser() -> None:
    ill, one = placed("pneumothorax", 0.8, "right")
    assert one.mask is not None
    rest = lung_mask("right") & ~one.mask
    assert ill.body.volume.voxels[rest].mean() > made_chest().body.volume.voxels[rest].mean() + 15.0


def test_supine_the_gap_is_in_front_and_low() -> None:
    _, erect = placed("pneumothorax", 0.5, "right")
    _, lying = placed("pneumothorax", 0.5, "right", supine=True)
    assert erect.mask is not None
    assert lying.mask is not None
    up, front = np.argwhere(erect.mask).mean(axis=0), np.argwhere(lying.mask).mean(axis=0)
    assert front[1] < up[1] - 2
    assert front[2] < up[2] - 5


def test_more_air_is_more_air() -> None:
    volumes = [placed("pneumothorax", s, "left")[1].measures["volume_ml"] for s in (0.1, 0.3, 0.5, 0.8, 1.0)]
    assert volumes == sorted(volumes)
    assert volumes[0] > 0


def test_tension_pushes_the_heart_away_and_the_dome_down() -> None:
    base = made_chest()
    for side, sign in (("right", 1.0), ("left", -1.0)):
        ill, one = placed("pneumothorax", 0.9, side, kind="tension")
        before, after = (np.argwhere(b.body.mask("heart"))[:, 0].mean() * STEP for b in (base, ill))
        assert sign * (after - before) > 8.0
        assert sign * (ill.carina_mm[0] - base.carina_mm[0]) > 1.0
        assert one.measures["shift_mm"] == pytest.approx(32.5)
    low = [np.argwhere(lung_mask("left", b)).astype(float)[:, 2].min() for b in (base, ill)]
    assert low[1] <= low[0]


def test_air_and_fluid_share_a_side_without_overlap() -> None:
    plans = [plan("pneumothorax", 0.5, "right"), plan("pleural effusion", 0.3, "right")]
    ill, (air, fluid) = place(made_chest(), plans)
    assert air.mask is not None
    assert fluid.mask is not None
    assert not (air.mask & fluid.mask).any()
    assert fluid.measures["volume_ml"] == pytest.approx(effusion_ml(0.3), rel=0.02)
    z = np.arange(air.mask.shape[2])
    tops = np.where(fluid.mask, z, -1).max(axis=2)[fluid.mask.any(axis=2)]
    assert tops.max() == np.where(fluid.mask, z, -1).max()  # flat: every column that has room reaches the one level
    lung = lung_mask("right")
    assert not (lung & ~fluid.mask & (z < tops.max())).any()
    assert ill.body.volume.voxels[air.mask].max() == -1000.0


def test_nothing_is_put_in_at_severity_nought() -> None:
    for concept in ("pleural effusion", "pneumothorax"):
        ill, one = placed(concept, 0.0, "right")
        assert one.mask is not None
        assert not one.mask.any()
        assert not one.labelled
        assert np.array_equal(ill.body.volume.voxels, made_chest().body.volume.voxels)


def test_a_side_not_named_is_drawn_from_the_seed() -> None:
    sides = {placed("pleural effusion", 0.3, seed=seed)[1].sites[0] for seed in range(12)}
    assert sides == {"right pleural space", "left pleural space"}


def test_on_a_real_chest() -> None:
    base = real_chest()
    ill, (fluid, air) = place(
        base, [Plan("a", "pleural effusion", 0.3, "left"), Plan("b", "pneumothorax", 0.4, "right")]
    )
    assert fluid.mask is not None
    assert fluid.mask.sum() * voxel_ml(base) == pytest.approx(effusion_ml(0.3), rel=0.02)
    assert air.measures["retraction_mm"] == pytest.approx(24.0, abs=3.0)
    for side in ("left", "right"):
        dry = lung_mask(side, base) & ~fluid.mask
        assert mass_g(ill, dry) == pytest.approx(mass_g(base, lung_mask(side, base)), rel=0.01)
