"""Findings in Hounsfield units: as large, as dense and where they were asked for."""

from __future__ import annotations

import numpy as np
import pytest

from hilum.core.errors import InputError
from hilum.phantom.lesions import (
    FLUID_HU,
    blob,
    climbed,
    depth_mm,
    effusion,
    lowest,
    lung,
    pneumothorax,
    rippled,
)  # fmt: skip
from tests.phantom.bodies import STEP, made_body

IN_LEFT = (50, 30, 40)


def test_a_ball_has_its_volume_and_its_mass() -> None:
    body = made_body()
    made = blob(body, IN_LEFT, diameter_mm=40.0, hu=40.0, within=lung(body, "left"))
    assert made.volume_ml == pytest.approx(4 / 3 * np.pi * 20**3 / 1000, rel=0.06)
    added = (made.body.volume.voxels - body.volume.voxels).sum() * STEP**3 / 1000
    assert added == pytest.approx(890 * 4 / 3 * np.pi * 20**3 / 1000, rel=0.03)  # the soft edge keeps the mass
    assert np.array_equal(made.body.structures.ids, body.structures.ids)


def test_a_ball_stays_within() -> None:
    body = made_body()
    edge = (37, 30, 36)  # at the inner border of the left lung
    made = blob(body, edge, diameter_mm=60.0, hu=-600.0, within=lung(body, "left"), ripple=0.3, seed=2)
    assert not (made.mask & ~lung(body, "left")).any()
    with pytest.raises(InputError, match="lies outside"):
        blob(body, (2, 2, 2), diameter_mm=10.0, hu=0.0, within=lung(body, "left"))


def test_a_veil_darkens_nothing_and_a_bulla_does() -> None:
    body = made_body()
    inside = lung(body, "left") | body.mask("heart")
    at = (42, 26, 28)
    veil = blob(body, at, diameter_mm=60.0, hu=-600.0, within=inside, veil=True)
    change = veil.body.volume.voxels - body.volume.voxels
    assert change.min() == 0
    assert change.max() == pytest.approx(250.0)
    bulla = blob(body, IN_LEFT, diameter_mm=60.0, hu=-980.0, within=lung(body, "left"))
    assert (bulla.body.volume.voxels - body.volume.voxels).min() == pytest.approx(-130.0)


def test_fluid_has_its_volume_lies_low_and_climbs_the_wall() -> None:
    body = made_body()
    made = effusion(body, "right", volume_ml=300.0, rise_mm=40.0)
    assert made.volume_ml == pytest.approx(300.0, rel=0.01)  # voxels of one height come together
    assert not (made.mask & ~lung(body, "right")).any()
    assert np.allclose(made.body.volume.voxels[made.mask], FLUID_HU)
    depth = depth_mm(body, "right")
    tops = np.where(made.mask.any(axis=2), made.mask.shape[2] - made.mask[:, :, ::-1].argmax(axis=2), -1)
    high = made.mask & (np.arange(made.mask.shape[2]) >= tops.max() - 2)
    assert depth[high].mean() < 0.5 * depth[made.mask].mean()  # what reaches highest lies at the wall
    with pytest.raises(InputError, match="do not fit"):
        effusion(body, "right", volume_ml=9000.0)


def test_air_is_at_the_apex_and_the_lung_keeps_its_mass() -> None:
    body = made_body()
    made = pneumothorax(body, "left", rim_mm=20.0)
    inside = lung(body, "left")
    assert not (made.mask & ~inside).any()
    low = np.quantile(np.nonzero(inside)[2], 0.6)
    assert np.nonzero(made.mask)[2].min() > low
    assert (depth_mm(body, "left")[made.mask] <= 20.0).all()
    before, after = (v[inside].astype(float).sum() for v in (body.volume.voxels + 1000, made.body.volume.voxels + 1000))
    assert after == pytest.approx(before, rel=1e-3)
    even = pneumothorax(body, "left", rim_mm=20.0, even=True)
    assert even.volume_ml > made.volume_ml
    assert np.array_equal(even.body.volume.voxels[~even.mask], body.volume.voxels[~even.mask])
    with pytest.raises(InputError, match="rim above 0 mm"):
        pneumothorax(body, "left", rim_mm=0.0)


def test_depth_is_the_distance_to_the_surface() -> None:
    body = made_body()
    depth = depth_mm(body, "right")
    assert depth[~lung(body, "right")].max() == 0
    assert depth.max() == pytest.approx(45.0, abs=1.5 * STEP)  # the shortest half-length of the lung


def test_the_lowest_are_chosen_with_or_without_those_level_with_the_last() -> None:
    level = np.array([[3.0, 1.0, 2.0], [1.0, 1.0, 5.0]])
    room = np.array([[True, True, True], [True, False, True]])
    assert np.array_equal(lowest(level, room, 1), [[False, True, False], [True, False, False]])
    assert np.array_equal(lowest(level, room, 1, exact=True), [[False, True, False], [False, False, False]])
    assert lowest(level, room, 3, exact=True).sum() == 3
    assert np.array_equal(lowest(level, room, 5, exact=True), room)
    assert not lowest(level, room, 0).any()
    assert not lowest(level, room, 6).any()


def test_exactly_as_many_as_wanted_however_many_are_level() -> None:
    rng = np.random.default_rng(1)
    level = rng.integers(0, 4, (9, 8, 7)).astype(np.float32)
    room = rng.random((9, 8, 7)) < 0.7
    for wanted in range(1, int(room.sum()) + 1, 17):
        chosen = lowest(level, room, wanted, exact=True)
        assert chosen.sum() == wanted
        assert not (chosen & ~room).any()
        assert level[chosen].max() <= level[room & ~chosen].min(initial=np.inf)


def test_a_meniscus_climbs_at_the_wall_and_not_within() -> None:
    rise = climbed(np.array([0.0, 8.0, 80.0], np.float32), 35.0)
    assert rise == pytest.approx([35.0, 35.0 / np.e, 0.0], abs=0.01)


def test_an_even_ball_is_a_ball_and_a_rippled_one_keeps_its_middle() -> None:
    box, share = rippled((20, 20, 20), (41, 41, 41), 2.0, diameter_mm=30.0, ripple=0.0, rng=np.random.default_rng(0))
    assert share.sum() * 8.0 == pytest.approx(np.pi / 6 * 30.0**3, rel=0.02)
    middle = tuple(20 - part.start for part in box)
    assert share[middle] == 1.0
    _, uneven = rippled((20, 20, 20), (41, 41, 41), 2.0, diameter_mm=30.0, ripple=0.4, rng=np.random.default_rng(0))
    assert uneven.max() == 1.0
    assert uneven.min() >= 0.0
    border, _ = rippled((0, 20, 40), (41, 41, 41), 2.0, diameter_mm=30.0, ripple=0.0, rng=np.random.default_rng(0))
    assert border[0].start == 0
