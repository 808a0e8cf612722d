"""Oedema, emphysema and fibrosis: as much as asked, where each begins, and what they do to domes and vessels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.phantom.illness_chest import Chest
from hilum.phantom.illness_diffuse import edema_hu, hilum_mm
from tests.phantom.chests import STEP, change, lung_mask, made_chest, mass_g, placed, real_chest


@given(severity=st.floats(0.05, 1.0), side=st.sampled_from(["right", "left", "both"]))
@settings(max_examples=8, deadline=None)
def test_oedema_adds_the_mean_of_its_severity(severity: float, side: str) -> None:
    ill, one = placed("pulmonary edema", severity, side)
    where = lung_mask("right") | lung_mask("left") if side == "both" else lung_mask(side)
    mean = float(change(ill)[where].mean())
    assert mean == pytest.approx(edema_hu(severity), rel=0.02)
    assert one.measures["excess_hu"] == pytest.approx(mean, rel=0.02)
    assert one.labelled == (one.measures["excess_hu"] >= 60.0)
    assert not change(ill)[~where].any()


def test_oedema_is_only_denser_and_the_mask_is_where() -> None:
    ill, one = placed("pulmonary edema", 0.6, "both")
    changed = change(ill)
    assert changed.min() >= 0.0
    assert one.mask is not None
    lungs = lung_mask("right") | lung_mask("left")
    assert np.array_equal(one.mask, lungs & (changed >= 20.0))
    assert ill.body.volume.voxels[lungs].max() <= 60.0


def test_oedema_gathers_at_the_hila_and_the_bases() -> None:
    ill, _ = placed("pulmonary edema", 0.5, "left")
    changed, chest = change(ill), Chest(made_chest())
    places = np.argwhere(lung_mask("left"))
    value = changed[tuple(places.T)]
    near = np.linalg.norm(chest.mm(places) - hilum_mm(chest, "left"), axis=1) < 45.0
    assert value[near].mean() > 1.4 * value[~near].mean()
    low = places[:, 2] < np.quantile(places[:, 2], 0.25)
    high = places[:, 2] > np.quantile(places[:, 2], 0.75)
    assert value[low].mean() > value[high].mean()


def test_septal_lines_stand_at_the_lower_wall() -> None:
    """In rows of the lower outer lung some levels are much denser than those beside them."""
    ill, _ = placed("pulmonary edema", 0.9, "right", base=made_chest())
    changed = np.where(lung_mask("right"), change(ill), np.nan)
    places = np.argwhere(lung_mask("right"))
    left = int(places[:, 0].min())
    outer = np.fmax.reduce(changed[left : left + 5], axis=(0, 1))
    low = outer[places[:, 2].min() + 6 : int(places[:, 2].mean())]
    assert np.nanmax(np.abs(np.diff(low))) > 80.0


@given(severity=st.floats(0.05, 1.0))
@settings(max_examples=6, deadline=None)
def test_emphysema_is_the_share_below_950(severity: float) -> None:
    ill, one = placed("emphysema", severity, "both")
    lungs = lung_mask("right", ill) | lung_mask("left", ill)
    share = float((ill.body.volume.voxels[lungs] < -950.0).mean())
    assert share == pytest.approx(0.45 * severity, rel=0.05)
    assert one.measures["low_attenuation_share"] == pytest.approx(share, rel=0.02)
    assert one.labelled == (one.measures["low_attenuation_share"] >= 0.05)


def test_emphysema_flattens_and_lowers_the_domes() -> None:
    ill, _ = placed("emphysema", 1.0, "both")

    def dome(of: object) -> float:
        liver = of.body.mask("liver")  # type: ignore[attr-defined]
        return float(np.argwhere(liver)[:, 2].max())

    assert dome(ill) < dome(made_chest()) - 1.0
    assert (lung_mask("right", ill) | lung_mask("left", ill)).sum() > (lung_mask("right") | lung_mask("left")).sum()


def test_emphysema_prefers_the_top_and_its_panlobular_kind_the_base() -> None:
    usual, low = (placed("emphysema", 0.5, "left", kind=kind)[1].mask for kind in ("", "panlobular"))
    assert usual is not None
    assert low is not None
    assert np.argwhere(usual)[:, 2].mean() > np.argwhere(low)[:, 2].mean() + 6


@given(severity=st.floats(0.05, 1.0), concept=st.sampled_from(["pulmonary fibrosis", "reticular pattern"]))
@settings(max_examples=6, deadline=None)
def test_fibrosis_takes_its_share(severity: float, concept: str) -> None:
    ill, one = placed(concept, severity, "both")
    assert one.mask is not None
    lungs = lung_mask("right", ill) | lung_mask("left", ill)
    assert one.measures["extent_share"] == pytest.approx(one.mask.sum() / lungs.sum(), rel=0.02)
    assert one.measures["extent_share"] == pytest.approx(0.5 * severity, rel=0.08)
    assert one.labelled == (one.measures["extent_share"] >= 0.05)
    assert one.measures["excess_hu"] > 10.0


def test_fibrosis_begins_under_the_pleura_and_at_the_base() -> None:
    _, one = placed("reticular pattern", 0.25, "right")
    assert one.mask is not None
    chest = Chest(made_chest())
    lung, wall = chest.lung("right"), chest.wall_mm("right")
    inside = one.mask[lung.box]
    assert wall[inside].mean() < 0.8 * wall[lung.mask & ~inside].mean()
    assert np.argwhere(inside)[:, 2].mean() < np.argwhere(lung.mask)[:, 2].mean() - 4
    top = placed("reticular pattern", 0.25, "right", kind="apical")[1].mask
    assert top is not None
    assert np.argwhere(top)[:, 2].mean() > np.argwhere(one.mask)[:, 2].mean() + 10


def test_its_net_has_lines_and_gaps() -> None:
    ill, one = placed("reticular pattern", 0.8, "left")
    changed = change(ill)[one.mask]
    assert np.quantile(changed, 0.95) > 3 * np.median(changed)
    assert (change(ill)[~one.mask] == 0).all()  # type: ignore[operator]


def test_honeycombing_has_cells_of_air() -> None:
    ill, one = placed("pulmonary fibrosis", 0.7, "left", kind="honeycombing")
    hu = ill.body.volume.voxels[one.mask]
    assert (hu < -950.0).mean() > 0.2
    assert (hu > -700.0).mean() > 0.05


def test_fibrosis_draws_the_domes_up() -> None:
    ill, _ = placed("pulmonary fibrosis", 1.0, "both")
    lungs = [(lung_mask("right", b) | lung_mask("left", b)).sum() for b in (made_chest(), ill)]
    assert lungs[1] < lungs[0]


@pytest.mark.parametrize("concept", ["pulmonary edema", "emphysema", "pulmonary fibrosis"])
def test_severities_are_monotone(concept: str) -> None:
    from hilum.phantom.illness import pathology

    name = pathology(concept).measure
    values = [placed(concept, s, "left", seed=3)[1].measures[name] for s in (0.1, 0.3, 0.5, 0.7, 0.9)]
    assert values == sorted(values)
    assert values[0] > 0.0


def test_one_side_leaves_the_other() -> None:
    ill, one = placed("pulmonary edema", 0.7, "right")
    assert one.mask is not None
    assert not (one.mask & lung_mask("left")).any()
    assert one.sites == ("right lung",)
    assert placed("pulmonary edema", 0.7, "both")[1].sites == ("bilateral lungs",)
    assert mass_g(ill, lung_mask("left")) == pytest.approx(mass_g(made_chest(), lung_mask("left")))


def test_oedema_on_a_real_chest() -> None:
    base = real_chest()
    ill, one = placed("pulmonary edema", 0.5, "both", base=base)
    lungs = lung_mask("right", base) | lung_mask("left", base)
    assert float(change(ill, base)[lungs].mean()) == pytest.approx(150.0, rel=0.03)
    assert one.labelled
    assert base.body.spacing_mm < STEP
