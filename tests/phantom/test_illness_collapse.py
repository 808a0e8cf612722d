"""A lobe that loses volume keeps its mass, its neighbours keep theirs, and organs follow."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.phantom.illness_collapse import loss_share, plate_mm
from tests.phantom.chests import LOBES, STEP, change, lung_mask, made_chest, mass_g, placed, real_chest, voxel_ml

WHERE = [("right", "upper"), ("right", "middle"), ("right", "lower"), ("left", "upper"), ("left", "lower")]


def lobe(side: str, site: str, of: object = None) -> np.ndarray:
    return (of or made_chest()).body.mask(f"lung_{site}_lobe_{side}")  # type: ignore[attr-defined,no-any-return]


@given(severity=st.floats(0.05, 1.0), where=st.sampled_from(WHERE))
@settings(max_examples=6, deadline=None)
def test_the_lobe_is_smaller_by_its_share(severity: float, where: tuple[str, str]) -> None:
    side, site = where
    ill, one = placed("atelectasis", severity, side, site=site)
    left = lobe(side, site, ill)
    loss = 1.0 - left.sum() / lobe(side, site).sum()
    assert loss == pytest.approx(max(loss_share(severity), loss), abs=0.01)
    assert loss >= loss_share(severity) - 0.01
    assert one.measures["volume_loss_share"] == pytest.approx(loss, abs=0.01)
    assert one.labelled == (one.measures["volume_loss_share"] >= 0.20)
    assert one.mask is not None
    assert np.array_equal(one.mask, left)
    assert one.measures["volume_ml"] == pytest.approx(left.sum() * voxel_ml(ill))


@pytest.mark.parametrize(("side", "site"), WHERE)
def test_mass_is_kept_by_lung_and_by_lobe(side: str, site: str) -> None:
    base = made_chest()
    ill, _ = placed("atelectasis", 0.6, side, site=site)
    assert mass_g(ill, lung_mask(side, ill)) == pytest.approx(mass_g(base, lung_mask(side)), rel=0.01)
    assert mass_g(ill, lobe(side, site, ill)) == pytest.approx(mass_g(base, lobe(side, site)), rel=0.06)


@pytest.mark.parametrize(("side", "site"), WHERE)
def test_the_lobe_is_denser_and_its_neighbours_larger(side: str, site: str) -> None:
    base = made_chest()
    ill, one = placed("atelectasis", 0.8, side, site=site)
    denser = ill.body.volume.voxels[lobe(side, site, ill)].mean() - base.body.volume.voxels[lobe(side, site)].mean()
    assert denser > 120.0
    others = [n for n in LOBES[side] if site not in n]
    grown = [ill.body.mask(n).sum() / base.body.mask(n).sum() for n in others]
    assert max(grown) > 1.05
    assert one.measures["fissure_shift_mm"] > 5.0


def test_organs_are_drawn_to_it() -> None:
    base = made_chest()
    for side, sign in (("right", -1.0), ("left", 1.0)):
        ill, _ = placed("atelectasis", 1.0, side, site="lower")
        before, after = (np.argwhere(b.body.mask("heart"))[:, 0].mean() * STEP for b in (base, ill))
        assert sign * (after - before) > 2.0
        under = "liver" if side == "right" else "spleen"
        low, high = (np.argwhere(b.body.mask(under))[:, 2].max() for b in (base, ill))
        assert high > low


def test_a_lower_lobe_goes_to_the_back_and_the_middle_and_an_upper_one_up() -> None:
    low = placed("atelectasis", 0.9, "left", site="lower")[1].mask
    up = placed("atelectasis", 0.9, "right", site="upper")[1].mask
    assert low is not None
    assert up is not None
    was, now = np.argwhere(lobe("left", "lower")).mean(axis=0), np.argwhere(low).mean(axis=0)
    assert now[1] > was[1]  # back
    assert now[0] < was[0]  # towards the spine
    was, now = np.argwhere(lobe("right", "upper")).mean(axis=0), np.argwhere(up).mean(axis=0)
    assert now[2] > was[2] + 2


def test_more_is_smaller() -> None:
    volumes = [
        placed("atelectasis", s, "right", site="lower")[1].measures["volume_ml"] for s in (0.2, 0.4, 0.6, 0.8, 1.0)
    ]
    assert volumes == sorted(volumes, reverse=True)


def test_on_a_real_chest() -> None:
    base = real_chest()
    ill, one = placed("atelectasis", 0.7, "right", site="upper", base=base)
    assert one.measures["volume_loss_share"] == pytest.approx(0.56, abs=0.02)
    assert mass_g(ill, lung_mask("right", ill)) == pytest.approx(mass_g(base, lung_mask("right", base)), rel=0.02)


@given(severity=st.floats(0.05, 1.0), side=st.sampled_from(["right", "left"]), seed=st.integers(0, 30))
@settings(max_examples=8, deadline=None)
def test_plates_are_flat_low_and_as_long_as_asked(severity: float, side: str, seed: int) -> None:
    ill, one = placed("linear atelectasis", severity, side, seed=seed)
    assert one.mask is not None
    assert one.measures["length_mm"] == pytest.approx(plate_mm(severity))
    assert one.labelled == (plate_mm(severity) >= 20.0)
    assert not (one.mask & ~lung_mask(side)).any()
    assert (change(ill) >= 0.0).all()
    assert change(ill)[one.mask].min() > 20.0
    heights = np.argwhere(one.mask)[:, 2]
    lung = np.argwhere(lung_mask(side))[:, 2]
    assert heights.mean() < lung.min() + 0.6 * np.ptp(lung)
    assert 1 <= len(one.points_mm) <= 2
    assert one.sites == (f"{side} lower lung zone",)


def test_no_severity_no_plate() -> None:
    ill, one = placed("linear atelectasis", 0.0, "left")
    assert not change(ill).any()
    assert one.measures["length_mm"] == 0.0
    assert not one.labelled
