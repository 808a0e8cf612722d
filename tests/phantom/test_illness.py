"""Plans into a body: the same set gives the same bytes in any order, and the vocabulary names everything."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.core.errors import InputError
from hilum.core.vocabulary import concept, laterality
from hilum.phantom.illness import catalogue, labelled_on, overlaps, pathology, place, severity_word
from hilum.phantom.illness_together import base_rates, companions
from hilum.phantom.patient import Anatomy, Placed, Plan
from tests.phantom.chests import made_chest, placed, real_chest

CONCEPTS = list(catalogue())
ILLNESSES = [name for name, entry in catalogue().items() if entry.order < 200]


def anything(draw: st.DrawFn, count: int) -> list[Plan]:
    plans = []
    names = draw(st.lists(st.sampled_from(CONCEPTS), min_size=count, max_size=count, unique=True))
    for number, name in enumerate(names):
        entry = pathology(name)
        side = draw(st.sampled_from(["", *entry.sides]))
        kind = draw(st.sampled_from(["", *entry.kinds]))
        severity = draw(st.floats(0.05, 1.0))
        plans.append(Plan(f"plan-{number}", name, severity, side, kind=kind, seed=draw(st.integers(0, 99))))
    return plans


some_plans = st.composite(anything)


def same(one: tuple[Anatomy, tuple[Placed, ...]], other: tuple[Anatomy, tuple[Placed, ...]]) -> None:
    assert np.array_equal(one[0].body.volume.voxels, other[0].body.volume.voxels)
    assert np.array_equal(one[0].body.structures.ids, other[0].body.structures.ids)
    assert np.array_equal(one[0].carina_mm, other[0].carina_mm)
    theirs = {p.plan.key: p for p in other[1]}
    for mine in one[1]:
        twin = theirs[mine.plan.key]
        assert mine.measures == twin.measures
        assert mine.labelled == twin.labelled
        assert (mine.mask is None) == (twin.mask is None)
        if mine.mask is not None and twin.mask is not None:
            assert np.array_equal(mine.mask, twin.mask)
        assert np.array_equal(mine.points_mm, twin.points_mm)


@pytest.mark.slow
@given(plans=some_plans(4), supine=st.booleans(), data=st.data())
@settings(max_examples=5, deadline=None)
def test_order_does_not_matter(plans: list[Plan], supine: bool, data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(plans))
    first, second = (place(made_chest(), p, supine=supine) for p in (plans, shuffled))
    assert [p.plan for p in first[1]] == list(plans)
    assert [p.plan for p in second[1]] == list(shuffled)
    same(first, second)


def test_the_same_again_is_the_same() -> None:
    plans = [Plan("a", "pulmonary edema", 0.5, "both"), Plan("b", "consolidation", 0.4, "left", seed=3)]
    same(place(made_chest(), plans), place(made_chest(), plans))


@given(plans=some_plans(5), supine=st.booleans())
@settings(max_examples=6, deadline=None)
def test_whatever_is_planned_the_body_stays_a_body(plans: list[Plan], supine: bool) -> None:
    base = made_chest()
    before = base.body.volume.voxels.copy()
    ill, placed_all = place(base, plans, supine=supine)
    voxels = ill.body.volume.voxels
    assert voxels.dtype == np.float32
    assert np.isfinite(voxels).all()
    assert voxels.min() >= -1000.0
    assert voxels.max() < 3000.0
    assert np.array_equal(base.body.volume.voxels, before)
    for one in placed_all:
        assert one.mask is None or one.mask.shape == voxels.shape
        assert all(np.isfinite(value) for value in one.measures.values())
        for site in one.sites:
            assert concept(site).kind == "site"


SPACES = [
    "pleural effusion",
    "pneumothorax",
    "consolidation",
    "lung mass",
    "hiatal hernia",
    "pneumoperitoneum",
    "bullae",
]


@given(severities=st.lists(st.floats(0.2, 0.9), min_size=len(SPACES), max_size=len(SPACES)), seed=st.integers(0, 50))
@settings(max_examples=4, deadline=None)
def test_gas_fluid_and_solids_do_not_overlap(severities: list[float], seed: int) -> None:
    named = zip(SPACES, severities, strict=True)
    plans = [Plan(n, n, s, "" if n == "hiatal hernia" else "left", seed=seed) for n, s in named]
    _, made = place(made_chest(), plans)
    shared = overlaps(made)
    assert (shared - np.diag(np.diag(shared)) == 0).all()
    assert np.diag(shared).max() > 0


@pytest.mark.parametrize("name", CONCEPTS)
def test_every_name_is_the_vocabularys(name: str) -> None:
    entry = pathology(name)
    assert concept(name).name == name
    assert concept(name).kind in ("finding", "device")
    assert entry.means
    one = placed(name, 0.7, "left" if "left" in entry.sides else "")[1]
    assert one.sites
    for site in one.sites:
        assert concept(site).kind == "site"
        assert laterality(site) in ("", "left", "bilateral") or name in ("pneumoperitoneum", "enteric tube")


@pytest.mark.parametrize("name", ILLNESSES)
def test_measured_is_what_is_labelled(name: str) -> None:
    entry = pathology(name)
    for severity in (0.0, 0.03, 0.3, 1.0):
        one = placed(name, severity, "left" if "left" in entry.sides else "")[1]
        value = one.measures[entry.measure]
        reached = value > entry.least if entry.above else value >= entry.least
        assert one.labelled == (reached and severity > 0)
        assert labelled_on(one, "PA") == reached
        assert one.attributes["severity"] == severity_word(severity)


@pytest.mark.parametrize("name", ILLNESSES)
def test_every_kind_and_side_can_be_placed(name: str) -> None:
    entry = pathology(name)
    for side, kind in itertools.product(entry.sides or ("",), ("", *entry.kinds)):
        one = placed(name, 0.6, side, kind=kind)[1]
        assert one.mask is not None
        assert one.mask.any()


def test_thirds_of_severity_have_words() -> None:
    assert [severity_word(s) for s in (0.1, 0.33, 0.34, 0.66, 0.67, 1.0)] == [
        "mild", "mild", "moderate", "moderate", "severe", "severe",
    ]  # fmt: skip


def test_the_table_of_companions_can_be_placed() -> None:
    for row in base_rates():
        assert row.concept in catalogue()
        for companion in companions(row.concept):
            assert companion.concept in catalogue()


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        (Plan("a", "scoliosis", 0.5), "no body can be given 'scoliosis'"),
        (Plan("a", "cardiomegaly", 0.5, "left"), "has no side 'left'"),
        (Plan("a", "consolidation", 0.5, "left", "apex"), "has no site 'apex'"),
        (Plan("a", "lung nodule", 0.5, "left", kind="furry"), "has no kind 'furry'"),
        (Plan("a", "endotracheal tube", 0.5, site="upper"), "takes no site"),
    ],
)
def test_plans_that_make_no_sense_are_refused(plan: Plan, said: str) -> None:
    with pytest.raises(InputError, match=said):
        place(made_chest(), [plan])


def test_a_key_comes_once() -> None:
    plans = [Plan("a", "lung nodule", 0.5), Plan("a", "lung mass", 0.5)]
    with pytest.raises(InputError, match="two plans are called 'a'"):
        place(made_chest(), plans)


def test_a_body_has_one_heart() -> None:
    with pytest.raises(InputError, match="cardiomegaly is planned 2 times"):
        place(made_chest(), [Plan("a", "cardiomegaly", 0.5), Plan("b", "cardiomegaly", 0.4)])


def test_no_plans_no_change() -> None:
    ill, made = place(made_chest(), [])
    assert made == ()
    assert np.array_equal(ill.body.volume.voxels, made_chest().body.volume.voxels)
    assert ill.log == made_chest().log


def test_a_usual_ward_on_a_real_chest() -> None:
    base = real_chest()
    plans = [
        Plan("oedema", "pulmonary edema", 0.5, "both"), Plan("fluid", "pleural effusion", 0.25, "both"),
        Plan("heart", "cardiomegaly", 0.6), Plan("tube", "endotracheal tube", 1.0, seed=1),
        Plan("line", "central venous catheter", 1.0), Plan("feed", "enteric tube", 1.0),
    ]  # fmt: skip
    ill, made = place(base, plans, supine=True)
    assert all(one.labelled for one in made)
    assert made[2].measures["ctr"] > 0.55
    assert ill.log["ctr"] == pytest.approx(made[2].measures["ctr"])
