"""Devices: tips where the plan has them, along the patient's own ways, and objects where they were left."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.core.errors import InputError
from hilum.drr.field import Structures
from hilum.phantom.devices import CRITICAL, LINE_TIPS, RETAINED_SITES, TUBE_TIPS, WORN
from hilum.phantom.illness import place
from hilum.phantom.patient import Plan
from hilum.phantom.warp import Body
from tests.phantom.chests import STEP, made_chest, placed, real_chest

LINES = ("endotracheal tube", "central venous catheter", "peripherally inserted central catheter", "enteric tube",
         "chest tube")  # fmt: skip


def tip(one: object) -> np.ndarray:
    return one.points_mm[-1]  # type: ignore[attr-defined,no-any-return]


@given(kind=st.sampled_from([k for k in TUBE_TIPS if k != "right main bronchus"]), seed=st.integers(0, 200))
@settings(max_examples=12, deadline=None)
def test_the_tubes_tip_is_exactly_above_the_carina(kind: str, seed: int) -> None:
    ill, one = placed("endotracheal tube", 1.0, kind=kind, seed=seed)
    above = tip(one)[2] - ill.carina_mm[2]
    assert above == pytest.approx(one.measures["tip_above_carina_mm"], abs=1e-6)
    low, high = TUBE_TIPS[kind]
    assert low <= above <= high
    assert one.sites == ("trachea",)
    wall = one.things[0].solids[0].vertices
    assert wall[:, 2].min() == pytest.approx(tip(one)[2], abs=3.0)  # and the plastic ends there


@given(seed=st.integers(0, 200))
@settings(max_examples=8, deadline=None)
def test_too_deep_is_in_the_right_main_bronchus(seed: int) -> None:
    ill, one = placed("endotracheal tube", 1.0, kind="right main bronchus", seed=seed)
    gone = tip(one) - ill.carina_mm
    assert np.linalg.norm(gone) == pytest.approx(-one.measures["tip_above_carina_mm"], abs=1e-6)
    assert gone[0] < 0 > gone[2]
    assert one.sites == ("right main bronchus",)


def test_usual_tips_spread_about_five_centimetres() -> None:
    heights = [placed("endotracheal tube", 1.0, seed=n)[1].measures["tip_above_carina_mm"] for n in range(40)]
    assert np.mean(heights) == pytest.approx(50.0, abs=6.0)
    assert np.std(heights) > 8.0


@given(kind=st.sampled_from(list(LINE_TIPS)), seed=st.integers(0, 100), side=st.sampled_from(["", "right", "left"]))
@settings(max_examples=7, deadline=None)
def test_central_lines_end_where_they_say(kind: str, seed: int, side: str) -> None:
    cava = np.argwhere(made_chest().body.mask("superior_vena_cava"))
    foot = made_chest().body.volume.affine[2, 3] + STEP * cava[:, 2].min()
    for concept in LINES[1:3]:
        _, one = placed(concept, 1.0, side, kind=kind, seed=seed)
        below = foot - tip(one)[2]
        assert below == pytest.approx(one.measures["tip_below_cava_mm"], abs=8.0)  # the cava's end is a 5 mm mean
        assert one.measures["tip_above_carina_mm"] == pytest.approx(tip(one)[2] - made_chest().carina_mm[2])


def test_sides_of_entry_differ() -> None:
    for concept in LINES[1:3]:
        right, left = (placed(concept, 1.0, side)[1].points_mm for side in ("right", "left"))
        assert right[0, 0] < left[0, 0] - 30.0
        assert np.linalg.norm(right[-1] - left[-1]) < 12.0


def test_a_catheter_is_named_after_where_it_ends() -> None:
    assert placed("central venous catheter", 1.0, kind="right atrium")[1].sites == ("right atrium",)
    assert placed("central venous catheter", 1.0, kind="high")[1].sites == ("superior vena cava",)
    assert placed("central venous catheter", 1.0)[1].sites == ("cavoatrial junction",)


def test_a_feeding_tube_reaches_the_stomach_or_does_not() -> None:
    stomach = np.argwhere(made_chest().body.mask("stomach")) * STEP + made_chest().body.volume.affine[:3, 3]
    _, good = placed("enteric tube", 1.0)
    assert np.linalg.norm(tip(good) - stomach.mean(axis=0)) < 5.0
    assert good.sites == ("stomach",)
    _, short = placed("enteric tube", 1.0, kind="esophagus")
    assert tip(short)[2] > stomach[:, 2].max()
    assert short.sites == ("esophagus",)
    _, wrong = placed("enteric tube", 1.0, kind="bronchus")
    assert tip(wrong)[0] < made_chest().carina_mm[0]
    assert wrong.sites == ("right main bronchus",)
    assert good.measures["tip_below_carina_mm"] > short.measures["tip_below_carina_mm"]


@pytest.mark.parametrize(("side", "sign"), [("right", -1.0), ("left", 1.0)])
def test_a_chest_tube_enters_and_ends_on_its_side(side: str, sign: float) -> None:
    _, one = placed("chest tube", 1.0, side)
    assert (sign * one.points_mm[[0, -1], 0] > 20.0).all()
    assert sign * one.points_mm[0, 0] > sign * tip(one)[0]
    assert tip(one)[2] > one.points_mm[0, 2]
    assert one.sites == (f"{side} pleural space",)


@pytest.mark.parametrize("concept", LINES)
def test_a_line_is_one_course_without_jumps(concept: str) -> None:
    _, one = placed(concept, 1.0, seed=3)
    steps = np.linalg.norm(np.diff(one.points_mm, axis=0), axis=1)
    assert steps.max() < 4.0
    assert one.mask is None
    assert one.labelled
    assert len(one.things) == 1
    assert all(part.volume_mm3 > 0 for part in one.things[0].solids)


def test_a_pacemaker_has_two_leads_or_one() -> None:
    _, two = placed("pacemaker", 1.0)
    assert [thing.name for thing in two.things] == ["pacemaker can", "pacemaker lead", "pacemaker lead"]
    assert len(two.points_mm) == 2
    heart = np.argwhere(made_chest().body.mask("heart")) * STEP + made_chest().body.volume.affine[:3, 3]
    assert np.linalg.norm(heart - two.points_mm[0], axis=1).min() < 12.0
    _, single = placed("pacemaker", 1.0, kind="single-chamber")
    assert len(single.things) == 2


def test_wires_close_the_sternum() -> None:
    _, one = placed("sternotomy", 1.0)
    bone = np.argwhere(made_chest().body.mask("sternum")) * STEP + made_chest().body.volume.affine[:3, 3]
    assert np.linalg.norm(one.points_mm[0] - bone.mean(axis=0)) < 20.0
    assert one.sites == ("sternum",)


@pytest.mark.parametrize("kind", CRITICAL)
def test_what_is_left_in_the_body_is_critical(kind: str) -> None:
    _, one = placed("foreign body", 1.0, kind=kind, site="mediastinum")
    assert one.measures["critical"] == 1.0
    assert one.attributes["object"] == kind
    _, outside = placed("foreign body", 1.0, kind=kind, site="skin in front")
    assert outside.measures["critical"] == 0.0


@pytest.mark.parametrize("site", RETAINED_SITES)
def test_objects_lie_at_their_site(site: str) -> None:
    _, one = placed("foreign body", 1.0, kind="needle", site=site, seed=4)
    from_middle = (one.points_mm[0, 1] / 122.0) ** 2 + (one.points_mm[0, 0] / 155.0) ** 2  # 1 on the skin
    assert from_middle > 0.85 if site.startswith("skin") else from_middle < 1.0


@pytest.mark.parametrize("kind", WORN)
def test_what_is_worn_is_on_the_skin(kind: str) -> None:
    _, one = placed("external foreign body", 1.0, kind=kind)
    assert one.measures["critical"] == 0.0
    middle = one.points_mm[0]
    outside = (middle[0] / 155.0) ** 2 + (middle[1] / 122.0) ** 2
    assert outside > 0.85
    if kind != "buttons":
        assert abs(middle[0] - made_chest().carina_mm[0]) < 6.0


def test_a_body_without_a_windpipe_says_so() -> None:
    base = made_chest()
    names = {i: n for i, n in base.body.structures.names.items() if n != "trachea"}
    ids = base.body.structures.ids.copy()
    ids[base.body.mask("trachea")] = 0
    bare = replace(base, body=Body(base.body.volume, Structures(ids, base.body.volume.affine, names)))
    with pytest.raises(InputError, match="trachea"):
        placed("endotracheal tube", 1.0, base=bare)


def test_the_tube_follows_a_carina_that_was_pushed() -> None:
    plans = [Plan("air", "pneumothorax", 1.0, "left", kind="tension"), Plan("tube", "endotracheal tube", 1.0, seed=2)]
    ill, (_, tube) = place(made_chest(), plans)
    assert abs(ill.carina_mm[0] - made_chest().carina_mm[0]) > 1.0
    assert tube.points_mm[-1, 2] - ill.carina_mm[2] == pytest.approx(tube.measures["tip_above_carina_mm"], abs=1e-6)


def test_on_a_real_chest() -> None:
    base = real_chest()
    for concept in (*LINES, "pacemaker", "sternotomy"):
        ill, one = placed(concept, 1.0, base=base, seed=5)
        assert one.things
        assert np.array_equal(ill.body.volume.voxels, base.body.volume.voxels)
    _, tube = placed("endotracheal tube", 1.0, base=base, seed=5)
    assert tip(tube)[2] - base.carina_mm[2] == pytest.approx(tube.measures["tip_above_carina_mm"], abs=1e-6)
