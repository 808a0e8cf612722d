"""Round lesions: as wide, as dense and where they were planned."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.phantom.illness import place
from hilum.phantom.illness_nodule import bulla_mm, granuloma_mm, mass_mm, nodule_mm
from hilum.phantom.patient import Plan
from tests.phantom.chests import STEP, change, lung_mask, made_chest, placed, plan, real_chest, voxel_ml

SIDES = st.sampled_from(["right", "left"])


def ball_ml(diameter_mm: float) -> float:
    return np.pi / 6.0 * diameter_mm**3 / 1000.0


@given(severity=st.floats(0.3, 1.0), side=SIDES, seed=st.integers(0, 99))
@settings(max_examples=6, deadline=None)
def test_a_nodule_holds_the_mass_of_its_ball(severity: float, side: str, seed: int) -> None:
    """What it adds, over what its tissue adds per volume, is the volume of a ball of its diameter."""
    ill, one = placed("lung nodule", severity, side, seed=seed, site="lower")
    added = change(ill)
    assert (added >= -1e-3).all()
    tissue = ill.body.volume.voxels[one.mask].max()
    volume = added.sum() * voxel_ml(made_chest()) / (tissue + 850.0)
    assert volume == pytest.approx(ball_ml(nodule_mm(severity)), rel=0.10)
    assert one.measures["diameter_mm"] == pytest.approx(nodule_mm(severity))


@pytest.mark.parametrize(("severity", "named"), [(0.05, False), (0.076, False), (0.08, True), (0.5, True)])
def test_six_millimetres_make_a_nodule(severity: float, named: bool) -> None:
    _, one = placed("lung nodule", severity, "left")
    assert one.labelled == named == (one.measures["diameter_mm"] >= 6.0)


@given(severity=st.floats(0.0, 1.0))
@settings(max_examples=30, deadline=None)
def test_sizes_grow_and_keep_to_their_range(severity: float) -> None:
    assert 4.0 <= nodule_mm(severity) <= 30.0 <= mass_mm(severity) <= 80.0
    assert 3.0 <= granuloma_mm(severity) <= 10.0
    assert 15.0 <= bulla_mm(severity) <= 80.0
    for size in (nodule_mm, mass_mm, granuloma_mm, bulla_mm):
        assert size(severity) <= size(min(severity + 0.1, 1.0))


@given(
    severity=st.floats(0.0, 1.0),
    side=SIDES,
    seed=st.integers(0, 20),
    concept=st.sampled_from(["lung nodule", "lung mass"]),
)
@settings(max_examples=6, deadline=None)
def test_it_lies_in_the_lung_of_its_side(severity: float, side: str, seed: int, concept: str) -> None:
    ill, one = placed(concept, max(severity, 0.01), side, seed=seed)
    assert one.mask is not None
    assert one.mask.any()
    assert not (one.mask & ~lung_mask(side)).any()
    assert not change(ill)[~lung_mask(side)].any()
    assert one.sites[0].startswith(side)


def test_the_same_lesion_stays_where_it_is() -> None:
    places = [placed("lung nodule", s, "right", site="upper", seed=8)[1].points_mm[0] for s in (0.2, 0.4, 0.6)]
    assert np.linalg.norm(places[0] - places[2]) < 25.0  # deeper as it grows, so that it stays within the lung
    again = placed("lung nodule", 0.2, "right", site="upper", seed=8)[1].points_mm[0]
    assert np.array_equal(places[0], again)


def test_the_mask_is_the_lesion() -> None:
    ill, one = placed("lung mass", 0.2, "left", site="upper")
    assert one.mask is not None
    assert one.mask.sum() * voxel_ml(made_chest()) == pytest.approx(ball_ml(mass_mm(0.2)), rel=0.12)
    assert one.measures["volume_ml"] == pytest.approx(one.mask.sum() * voxel_ml(made_chest()))
    changed = change(ill) > 0
    assert not (one.mask & ~changed).any()
    for axis in range(3):  # what changed beside the mask is a soft edge of one voxel
        near = np.zeros_like(changed)
        for way in (-1, 0, 1):
            near |= np.roll(one.mask, way, axis)
        changed &= ~near
    assert changed.sum() < 0.02 * one.mask.sum()


KIND_HU = {
    "": (20.0, 60.0), "lobulated": (20.0, 60.0), "ground glass": (-660.0, -440.0), "calcified": (240.0, 610.0),
}  # fmt: skip


@pytest.mark.parametrize("kind", list(KIND_HU))
def test_each_make_has_its_density(kind: str) -> None:
    ill, one = placed("lung mass", 0.3, "right", site="lower", kind=kind)
    core = ill.body.volume.voxels[one.mask]
    low, high = KIND_HU[kind]
    assert low <= np.median(core) <= high


def test_a_cavity_is_hollow_and_a_part_solid_nodule_is_not() -> None:
    hollow, one = placed("lung mass", 0.5, "right", site="lower", kind="cavitary")
    at = tuple(np.rint((one.points_mm[0] - made_chest().body.volume.affine[:3, 3]) / STEP).astype(int))
    assert hollow.body.volume.voxels[at] < -900.0
    assert hollow.body.volume.voxels[one.mask].max() > 0.0
    solid, two = placed("lung nodule", 1.0, "right", site="lower", kind="part-solid")
    at = tuple(np.rint((two.points_mm[0] - made_chest().body.volume.affine[:3, 3]) / STEP).astype(int))
    assert solid.body.volume.voxels[at] > 0.0
    assert np.median(solid.body.volume.voxels[two.mask]) < -400.0


def test_spicules_reach_beyond_the_ball() -> None:
    def reach(kind: str) -> float:
        ill, one = placed("lung nodule", 0.8, "left", site="lower", seed=2, kind=kind)
        away = np.argwhere(change(ill) > 60.0) * STEP + made_chest().body.volume.affine[:3, 3] - one.points_mm[0]
        return float(np.linalg.norm(away, axis=1).max())

    assert reach("spiculated") > reach("") + 3.0


def test_a_lobulated_surface_is_less_even() -> None:
    def spread(kind: str) -> float:
        _, one = placed("lung mass", 0.6, "left", site="lower", seed=4, kind=kind)
        assert one.mask is not None
        inner = one.mask.copy()
        for axis in range(3):
            inner &= np.roll(one.mask, 1, axis) & np.roll(one.mask, -1, axis)
        edge = np.argwhere(one.mask & ~inner) * STEP + made_chest().body.volume.affine[:3, 3] - one.points_mm[0]
        return float(np.linalg.norm(edge, axis=1).std())

    assert spread("lobulated") > 1.3 * spread("calcified")


def test_a_granuloma_is_small_and_bright() -> None:
    ill, one = placed("calcified granuloma", 0.9, "left", site="upper")
    assert one.labelled
    assert ill.body.volume.voxels[one.mask].max() > 200.0
    assert one.measures["diameter_mm"] == pytest.approx(granuloma_mm(0.9))


def test_a_bulla_is_air_in_a_wall() -> None:
    ill, one = placed("bullae", 0.5, "right", site="upper")
    assert one.mask is not None
    assert np.median(ill.body.volume.voxels[one.mask]) < -970.0
    shell = np.zeros_like(one.mask)
    for axis in range(3):
        for way in (-1, 1):
            shell |= np.roll(one.mask, way, axis)
    shell &= ~one.mask & lung_mask("right")
    assert change(ill)[shell].mean() > 30.0


def test_a_lobe_under_fluid_takes_no_nodule() -> None:
    plans = [
        Plan("fluid", "pleural effusion", 1.0, "left"),
        Plan("nodule", "lung nodule", 0.8, "left", "lower", seed=1),
    ]
    _, (fluid, nodule) = place(made_chest(), plans)
    assert fluid.mask is not None
    assert nodule.mask is not None
    assert not (fluid.mask & nodule.mask).any()
    if not nodule.mask.any():  # all of the lobe is under fluid
        assert not nodule.labelled
        assert nodule.measures["diameter_mm"] == 0.0


def test_severity_nought_is_no_lesion() -> None:
    for concept in ("lung nodule", "lung mass", "bullae", "calcified granuloma"):
        ill, one = placed(concept, 0.0, "left")
        assert not change(ill).any()
        assert not one.labelled
        assert one.points_mm.shape == (0, 3)


def test_small_lesions_on_a_real_chest_have_their_size() -> None:
    base = real_chest()
    ill, one = placed("lung nodule", 0.5, "right", base=base, site="lower")
    added = change(ill, base)
    assert one.mask is not None
    assert added.sum() * voxel_ml(base) / 890.0 == pytest.approx(ball_ml(17.0), rel=0.2)
    assert not (one.mask & ~base.body.mask("lung_lower_lobe_right")).any() or one.mask.sum() > 0


def test_one_on_each_side() -> None:
    _, one = placed("lung nodule", 0.6, "both")
    assert one.mask is not None
    assert len(one.points_mm) == 2
    assert all((one.mask & lung_mask(side)).any() for side in ("right", "left"))
    assert plan("lung nodule").side == ""
