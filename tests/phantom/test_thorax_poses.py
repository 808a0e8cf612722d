"""The same person at another breath, or lying: moved, never another."""

from __future__ import annotations

import numpy as np
import pytest

from hilum.phantom.thorax_draw import draw_numbers
from hilum.phantom.thorax_shape import shape
from hilum.phantom.warp import cardiothoracic_ratio
from tests.phantom.thoraces import MAN, NAMES, hu, places, thorax

NUMBERS = draw_numbers(MAN, seed=3, patient="man")


@pytest.mark.parametrize("name", NAMES)
def test_a_shallow_breath_lifts_the_domes_and_keeps_the_person(name: str) -> None:
    full, shallow = thorax(name), thorax(name, inspiration=0.5)
    assert full.log["drawn"] == shallow.log["drawn"]
    lift = shallow.log["dome_right_mm"] - full.log["dome_right_mm"]
    assert 12.0 < lift < 55.0
    assert sum(shallow.log["lungs_ml"].values()) < 0.85 * sum(full.log["lungs_ml"].values())
    assert np.median(hu(shallow, "lung")) > np.median(hu(full, "lung")) + 30
    assert places(shallow, "heart")[:, 2].mean() > places(full, "heart")[:, 2].mean() + 4
    for bone in ("vertebrae_T1", "vertebrae_T12"):
        assert np.allclose(places(full, bone).mean(axis=0), places(shallow, bone).mean(axis=0), atol=0.5)


def test_trees_branch_alike_at_every_breath() -> None:
    full, shallow, lying = (
        thorax("one", **pose)
        for pose in ({}, {"inspiration": 0.5}, {"supine": True})  # type: ignore[arg-type]
    )
    for other in (shallow, lying):
        assert full.vessels is not None
        assert other.vessels is not None
        assert np.array_equal(full.vessels.parent, other.vessels.parent)
        assert np.array_equal(full.vessels.radius_mm, other.vessels.radius_mm)
        away = np.linalg.norm(full.vessels.end - other.vessels.end, axis=1)
        assert 0.5 < away.mean() < 60.0


def test_domes_rise_steadily_as_breath_goes_out() -> None:
    domes = [shape(NUMBERS, inspiration=share).domes.right for share in (1.0, 0.7, 0.4, 0.0)]
    assert (np.diff(domes) > 5.0).all()


def test_lying_widens_the_heart_lifts_the_domes_and_turns_gravity() -> None:
    up, down = thorax("one"), thorax("one", supine=True)
    assert up.log["drawn"] == down.log["drawn"]
    assert down.log["dome_right_mm"] > up.log["dome_right_mm"] + 4
    assert cardiothoracic_ratio(down.body) > cardiothoracic_ratio(up.body) + 0.005

    def slope(anatomy: object, axis: int) -> float:
        where, values = places(anatomy, "lung"), hu(anatomy, "lung")  # type: ignore[arg-type]
        airy = values < -700
        return float(np.polyfit(where[airy, axis], values[airy], 1)[0])

    assert slope(up, 2) < -0.05  # denser towards the feet
    assert slope(down, 1) > 0.15  # denser towards the back
    gas = places(down, "stomach")[hu(down, "stomach") < -800]
    fluid = places(down, "stomach")[hu(down, "stomach") > -50]
    assert gas[:, 1].mean() < fluid[:, 1].mean()  # the bubble lies in front


def test_arms_lie_beside_the_body_when_lying() -> None:
    down = thorax("one", supine=True)
    humerus = places(down, "humerus_left")
    assert np.ptp(humerus[:, 2]) > 80.0
    assert humerus[:, 0].min() > places(down, "lung")[:, 0].max() - 12.0


def test_scapulae_lie_further_over_the_lungs_when_lying() -> None:
    def overlap(supine: bool) -> float:
        made = thorax("one", supine=supine)
        bone, lung = (made.body.mask(name).any(axis=1) for name in ("scapula", "lung"))
        return float((bone & lung).sum() / bone.sum())

    assert overlap(True) > overlap(False)
