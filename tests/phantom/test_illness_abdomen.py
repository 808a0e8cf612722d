"""Free gas under the domes, and a stomach behind the heart."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.phantom.illness_abdomen import crescent_mm, firm, hernia_mm
from hilum.phantom.illness_chest import Chest
from tests.phantom.chests import STEP, change, lung_mask, made_chest, mass_g, placed, real_chest, voxel_ml


@given(severity=st.floats(0.1, 1.0), side=st.sampled_from(["right", "left"]))
@settings(max_examples=6, deadline=None)
def test_gas_is_as_thick_as_asked(severity: float, side: str) -> None:
    ill, one = placed("pneumoperitoneum", severity, side)
    assert one.mask is not None
    lost = -change(ill)
    thickest = float((lost / (made_chest().body.volume.voxels + 1000.0).clip(1.0)).sum(axis=2).max()) * STEP
    assert thickest == pytest.approx(crescent_mm(severity), abs=STEP)
    assert one.measures["thickness_mm"] == pytest.approx(thickest, abs=0.05)
    assert one.labelled == (one.measures["thickness_mm"] >= 2.0)
    assert one.sites == (f"{side} hemidiaphragm",)


def test_gas_lies_under_the_dome_and_nowhere_else() -> None:
    ill, one = placed("pneumoperitoneum", 0.9, "right")
    assert one.mask is not None
    assert not (one.mask & (lung_mask("right") | lung_mask("left"))).any()
    assert (change(ill) <= 0.0).all()
    lung = lung_mask("right")
    for x, y in {(int(a), int(b)) for a, b, _ in np.argwhere(one.mask)[::9]}:
        assert lung[x, y].any()
        assert np.flatnonzero(one.mask[x, y]).max() < np.flatnonzero(lung[x, y]).min()
    top = np.argwhere(one.mask)[:, 2].max()
    liver = np.argwhere(made_chest().body.mask("liver"))[:, 2].max()
    assert abs(top - liver) <= 3


def test_it_thins_towards_the_side() -> None:
    ill, one = placed("pneumoperitoneum", 1.0, "right")
    assert one.measures["volume_ml"] > 20.0
    thick = (-change(ill) / 1058.0).sum(axis=2)
    middle = (np.array([-60.0, -5.0]) - made_chest().body.volume.affine[:2, 3]) / STEP  # of the made dome
    away = np.hypot(*(np.indices(thick.shape) - middle[:, None, None])) * STEP
    edge, top = thick[(thick > 0) & (away > 50.0)], thick[away < 20.0]
    assert edge.size
    assert edge.mean() < 0.7 * top.mean()


def test_lying_shows_none() -> None:
    ill, one = placed("pneumoperitoneum", 1.0, "right", supine=True)
    assert not change(ill).any()
    assert not one.labelled
    assert one.measures["thickness_mm"] == 0.0


def test_a_little_is_right_and_much_is_on_both_sides() -> None:
    assert placed("pneumoperitoneum", 0.3)[1].sites == ("right hemidiaphragm",)
    assert len(placed("pneumoperitoneum", 0.8)[1].sites) == 2


def test_under_two_millimetres_is_not_called() -> None:
    _, one = placed("pneumoperitoneum", 0.04, "right")
    assert one.measures["thickness_mm"] < 2.0
    assert not one.labelled


@given(severity=st.floats(0.05, 1.0), seed=st.integers(0, 40), supine=st.booleans())
@settings(max_examples=6, deadline=None)
def test_a_hernia_takes_no_bone_heart_or_vessel(severity: float, seed: int, supine: bool) -> None:
    ill, one = placed("hiatal hernia", severity, seed=seed, supine=supine)
    assert one.mask is not None
    assert one.mask.any()
    chest = Chest(made_chest())
    whole = tuple(slice(0, n) for n in one.mask.shape)
    assert not (one.mask & firm(chest, whole)).any()  # type: ignore[arg-type]
    for side in ("right", "left"):
        rest = lung_mask(side) & ~one.mask
        assert mass_g(ill, rest) == pytest.approx(mass_g(made_chest(), lung_mask(side)), rel=0.01)
    assert one.labelled == (hernia_mm(severity) >= 30.0)
    across = np.argwhere(one.mask)
    assert (np.ptp(across[:, 0]) + 1) * STEP <= hernia_mm(severity) + STEP


@pytest.mark.parametrize("supine", [False, True])
def test_its_fluid_lies_below_its_gas(supine: bool) -> None:
    ill, one = placed("hiatal hernia", 0.9, supine=supine)
    hu = ill.body.volume.voxels
    gas, rest = one.mask & (hu == -1000.0), one.mask & (hu > -100.0)
    axis, way = (1, -1) if supine else (2, 1)
    heights = [way * np.argwhere(m)[:, axis] for m in (gas, rest)]
    assert heights[0].mean() > heights[1].mean() + 8.0 / STEP
    up = np.moveaxis(gas, axis, 2)[..., ::way]
    columns = np.argwhere(up.any(axis=2))
    level = up.argmax(axis=2)[tuple(columns.T)] * STEP
    design = np.column_stack([columns * STEP, np.ones(len(columns))])
    plane, *_ = np.linalg.lstsq(design, level, rcond=None)
    assert np.abs(plane[:2]).max() < 0.4  # nearly level, and not ruled
    assert np.median(np.abs(level - design @ plane)) < 2.0 * STEP
    assert one.measures["gas_ml"] == pytest.approx(gas.sum() * voxel_ml(ill))


def test_it_lies_behind_the_heart() -> None:
    _, one = placed("hiatal hernia", 0.7)
    heart = np.argwhere(made_chest().body.mask("heart"))
    assert one.mask is not None
    assert np.argwhere(one.mask)[:, 1].mean() > heart[:, 1].mean() + 4
    assert one.sites == ("retrocardiac region",)


def test_no_severity_no_hernia() -> None:
    ill, one = placed("hiatal hernia", 0.0)
    assert not change(ill).any()
    assert not one.labelled


def test_on_a_real_chest() -> None:
    base = real_chest()
    _, gas = placed("pneumoperitoneum", 0.6, "right", base=base)
    assert gas.measures["thickness_mm"] == pytest.approx(12.0, abs=3.0)
    _, hernia = placed("hiatal hernia", 0.7, base=base)
    assert hernia.mask is not None
    assert not (hernia.mask & base.body.mask("heart")).any()
