"""A heart as wide as asked, with the lungs giving way and the chest wall staying."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.phantom.illness import labelled_on
from hilum.phantom.illness_heart import target_ratio
from hilum.phantom.warp import cardiothoracic_ratio
from tests.phantom.chests import STEP, lung_mask, made_chest, mass_g, placed, real_chest

WIDTH_MM = 4 * 62.0  # of the made chest's lungs, about


def span(ill: object, axis: int) -> tuple[int, int]:
    at = np.argwhere(ill.body.mask("heart"))[:, axis]  # type: ignore[attr-defined]
    return int(at.min()), int(at.max())


@given(severity=st.floats(0.05, 1.0))
@settings(max_examples=8, deadline=None)
def test_the_ratio_is_the_severitys_and_the_label_follows(severity: float) -> None:
    ill, one = placed("cardiomegaly", severity)
    ratio = cardiothoracic_ratio(ill.body)
    assert ratio == pytest.approx(target_ratio(severity), abs=2.0 * STEP / WIDTH_MM)  # a voxel at either border
    assert one.measures["ctr"] == pytest.approx(ratio)
    assert one.labelled == (ratio > 0.50)
    assert labelled_on(one, "AP") == (ratio > 0.50)
    assert ill.log["ctr"] == pytest.approx(ratio)


def test_the_threshold_is_of_the_body_and_does_not_ask_for_the_view() -> None:
    """The ratio is measured without magnification, so a portable film needs no higher one."""
    _, erect = placed("cardiomegaly", 0.3)
    _, lying = placed("cardiomegaly", 0.3, supine=True)
    assert 0.50 < erect.measures["ctr"] < 0.55
    assert erect.labelled
    assert lying.labelled == (lying.measures["ctr"] > 0.50)


def test_the_mask_is_the_heart_that_came_of_it() -> None:
    ill, one = placed("cardiomegaly", 0.7)
    assert one.mask is not None
    assert np.array_equal(one.mask, ill.body.mask("heart"))
    assert one.measures["volume_ml"] == pytest.approx(one.mask.sum() * STEP**3 / 1000.0)
    wide = np.flatnonzero(one.mask.any(axis=(1, 2)))
    assert one.measures["heart_width_mm"] == pytest.approx((np.ptp(wide) + 1) * STEP)


def test_more_is_more() -> None:
    ratios = [placed("cardiomegaly", s)[1].measures["ctr"] for s in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)]
    assert ratios == sorted(ratios)
    volumes = [placed("cardiomegaly", s)[1].measures["volume_ml"] for s in (0.2, 0.6, 1.0)]
    assert volumes == sorted(volumes)


def test_the_left_border_moves_most() -> None:
    ill, _ = placed("cardiomegaly", 0.8)
    before, after = span(made_chest(), 0), span(ill, 0)
    assert after[1] - before[1] > before[0] - after[0] > 0


def test_the_lungs_give_way_and_keep_their_mass() -> None:
    base = made_chest()
    ill, _ = placed("cardiomegaly", 0.9)
    for side in ("right", "left"):
        assert lung_mask(side, ill).sum() < lung_mask(side).sum()
        assert mass_g(ill, lung_mask(side, ill)) == pytest.approx(mass_g(base, lung_mask(side)), rel=0.01)


def test_the_chest_wall_stays() -> None:
    base = made_chest()
    ill, _ = placed("cardiomegaly", 1.0)
    for side in ("right", "left"):
        ribs = [f"rib_{side}_{n}" for n in range(4, 10)]
        moved = base.body.mask(*ribs) ^ ill.body.mask(*ribs)
        assert moved.sum() < 0.05 * base.body.mask(*ribs).sum()
    assert (base.body.mask("vertebrae_T8") ^ ill.body.mask("vertebrae_T8")).sum() < 60


def test_a_heart_that_is_large_enough_is_left_alone() -> None:
    """The wheel's own heart has a ratio above 0.50: a mild plan does not make it smaller."""
    base = real_chest()
    ill, one = placed("cardiomegaly", 0.05, base=base)
    assert one.measures["ctr"] == pytest.approx(cardiothoracic_ratio(base.body), abs=0.01)
    assert one.labelled == (one.measures["ctr"] > 0.5)
    assert np.array_equal(ill.body.volume.voxels, base.body.volume.voxels)


def test_a_real_heart_grows() -> None:
    base = real_chest()
    ill, one = placed("cardiomegaly", 0.7, base=base)
    assert one.measures["ctr"] == pytest.approx(target_ratio(0.7), abs=0.02)
    assert cardiothoracic_ratio(ill.body) == pytest.approx(one.measures["ctr"])
