"""Recipes, samples, extras and wishes: round trips, shares, refusals in full, and what a text is drawn as."""

from __future__ import annotations

import gzip
import io
import json
from collections import Counter
from dataclasses import replace
from datetime import datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Picture
from scipy.ndimage import distance_transform_edt, map_coordinates

from hilum.core.errors import InputError
from hilum.core.finding import Finding
from hilum.core.image import Image, Window
from hilum.core.report import SECTIONS, Report
from hilum.core.study import Study
from hilum.phantom import build, wishes
from hilum.phantom.illness import catalogue
from hilum.phantom.indication import indication
from hilum.phantom.patient import FAMILIES, Patient, Pose, Visit
from hilum.phantom.person import draw_person
from hilum.phantom.quantities import name_of, quantity_table, severity_for, unit_of
from hilum.phantom.recipe import HELD_OUT, SHARES, Recipe
from hilum.phantom.samples import Drawn, _json, files_of, grey, report_text, stored
from hilum.text.parse import parse

WORDS = st.text("abc .", min_size=0, max_size=20).map(str.strip)


def film(pixels: np.ndarray, **changes: Any) -> Image:
    given_ = {"view": "PA", "id": "s.pa", "window": Window(0.5, 1.0, "LINEAR_EXACT"), **changes}
    return Image(pixels.astype(np.float32), **given_)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 400), st.integers(0, 50), st.sampled_from(FAMILIES))
def test_a_patient_falls_where_he_falls_whatever_the_cohorts_size(patients: int, seed: int, family: str) -> None:
    small = Recipe(patients, seed, families=(family,))  # type: ignore[arg-type]
    large = replace(small, patients=patients + 1000, per_shard=3, size=512)
    for number in {0, patients // 2, patients - 1}:
        name = small.patient(number)
        assert name == large.patient(number)
        assert small.split_of(name) == large.split_of(name)
        assert small.family_of(name) == large.family_of(name) == family


@pytest.mark.parametrize("shares", [{"train": 1.0}, {"train": 2.0, "test": 2.0}, {"a": 1.0, "b": 0.0, "c": 3.0}])
def test_shares_are_read_as_parts_of_their_sum(shares: dict[str, float]) -> None:
    recipe = Recipe(1, 4, shares=shares)
    counted = Counter(recipe.split_of(recipe.patient(n)) for n in range(2000))
    for name, share in shares.items():
        assert counted[name] / 2000 == pytest.approx(share / sum(shares.values()), abs=0.04)


def test_seeds_draw_other_patients_and_the_json_form_makes_the_same_recipe() -> None:
    one, two = Recipe(5, 1), Recipe(5, 2)
    assert not {one.patient(n) for n in range(5)} & {two.patient(n) for n in range(5)}
    told = json.loads(json.dumps(replace(one, families=("warped", "hybrid"), hold_out=("hybrid",)).as_dict()))
    again = Recipe(**{**told, "families": tuple(told["families"]), "hold_out": tuple(told["hold_out"])})
    assert again.as_dict() == told
    assert again.fingerprint() == replace(one, families=("warped", "hybrid"), hold_out=("hybrid",)).fingerprint()


def test_shards_stand_in_the_order_of_the_splits_and_are_numbered_from_nought() -> None:
    recipe = Recipe(300, 6, families=("parametric", "warped"), hold_out=("warped",), per_shard=20)
    order = list(dict.fromkeys(shard.split for shard in recipe.shards()))
    assert order == [*SHARES, HELD_OUT]
    for split in order:
        names = [shard.name for shard in recipe.shards() if shard.split == split]
        assert names == [f"{split}-{n:05d}" for n in range(len(names))]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from((8, 16)))
def test_a_stored_film_shows_what_the_film_showed_through_its_window(seed: int, bits: int) -> None:
    draw = np.random.default_rng(seed)
    given_ = film(draw.normal(400, 200, (6, 5)), window=Window(400, 300, "LINEAR_EXACT"), inverted=bool(seed % 2))
    kept = stored(given_)
    assert kept.window is None
    assert not kept.inverted
    assert kept.display() == pytest.approx(given_.display(), abs=1e-6)
    levels = grey(given_, bits)
    assert levels.dtype == (np.uint8 if bits == 8 else np.uint16)
    assert np.abs(levels / ((1 << bits) - 1) - given_.display()).max() <= 0.5 / ((1 << bits) - 1) + 1e-6
    assert np.array_equal(grey(kept, bits), levels)


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(st.sampled_from(SECTIONS), WORDS))
def test_a_report_as_text_has_a_heading_for_each_section_that_says_something(told: dict[str, str]) -> None:
    text = report_text(Report(**told))
    said = [name for name in SECTIONS if told.get(name)]
    assert [line[:-1].lower() for line in text.splitlines() if line.endswith(":") and line[:-1].isupper()] == said
    assert all(told[name] in text for name in said)
    assert text.endswith("\n")


def test_the_text_of_a_sample_is_parsed_as_the_report_it_came_from() -> None:
    report = Report(findings="Small left pleural effusion. No pneumothorax.", impression="Effusion.")
    facts = [(f.concept, f.state, f.section) for f in parse(report_text(report)).facts]
    sections = {"findings": report.findings, "impression": report.impression}
    assert facts == [(f.concept, f.state, f.section) for f in parse(sections).facts]


def test_no_prior_goes_into_a_sample_and_no_report_is_an_empty_text() -> None:
    before = Study("s-0", "p", datetime(2030, 1, 1))
    study = Study("s", "p", datetime(2030, 2, 1), (film(np.eye(4)),), None, (), prior=before)
    files = files_of(Drawn(study, {}, {"a": 1}))
    assert files["txt"] == b""
    assert json.loads(files["json"])["study"].get("prior") is None
    with Picture.open(io.BytesIO(files["pa.png"])) as picture:
        assert picture.size == (4, 4)


def test_what_json_cannot_hold_is_refused_and_other_alphabets_are_kept() -> None:
    assert _json({"word": "größer"}).decode() == '{"word":"größer"}'
    with pytest.raises(ValueError, match="JSON"):
        _json({"value": float("nan")})


def test_a_volume_has_no_clock_in_it() -> None:
    pytest.importorskip("nibabel")
    from hilum.phantom.samples import nifti

    packed = nifti(np.zeros((2, 2, 2), np.float32), np.eye(4))
    assert packed[4:8] == b"\0\0\0\0"  # the time of RFC 1952
    assert gzip.decompress(packed)[344:348] == b"n+1\0"


LEAVES = st.one_of(st.integers(-9, 9), st.floats(-1e6, 1e6), st.text(max_size=3))


def nested(inner: Any) -> Any:
    return st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=3))


@settings(max_examples=15, deadline=None)
@given(st.recursive(LEAVES, nested, max_leaves=8))
def test_a_plain_log_is_json_and_plain_twice_is_plain_once(value: Any) -> None:
    once = build._plain(value)
    json.dumps(once, allow_nan=False)
    assert build._plain(once) == once


def test_arrays_and_numpy_numbers_become_lists_and_numbers_of_six_figures() -> None:
    held = {1: np.arange(3), "b": (np.float32(0.1), np.bool_(True)), "c": 1 / 3, "d": np.int16(4)}
    assert build._plain(held) == {"1": [0, 1, 2], "b": [0.1, True], "c": 0.333333, "d": 4}


@pytest.mark.parametrize("family", ["warped", "hybrid"])
def test_a_family_made_from_a_real_ct_says_so_where_there_is_none(family: str) -> None:
    visit = Visit(datetime(2030, 1, 1), (), Pose("PA"), ("PA",))
    patient = Patient("p", 0, draw_person(0, "p"), family, (visit,))  # type: ignore[arg-type]
    with pytest.raises(InputError, match=rf"the {family} family is made from a real CT: give it as `base`"):
        build.anatomy_of(patient, visit.pose, Recipe(1), None)


def test_a_text_that_cannot_be_drawn_is_refused_before_any_body_is_made() -> None:
    with pytest.raises(InputError, match="not understood: 'zebra'"):
        build.draw_from_text("zebra", "p", Recipe(1), family="warped", views=("PA",))


def test_stages_are_timed_once_each_and_added_up() -> None:
    clock: dict[str, float] = {"words": 1.0}
    with build._timed(clock, "words"):
        sum(range(1000))
    with build._timed(clock, "rays"):
        pass
    with build._timed(None, "films"):
        pass
    assert set(clock) == {"words", "rays"}
    assert clock["words"] >= 1.0
    assert clock["rays"] >= 0.0


def test_words_that_no_fact_was_read_from_are_told_once_in_order() -> None:
    assert wishes._unread(parse("small effusion with zebra, gnu and zebra")) == ["zebra", "gnu"]
    assert wishes._unread(parse("moderate left pleural effusion")) == []
    assert wishes._unread(parse("12 mm nodule")) == []
    assert wishes._unread(parse("12 effusion")) == ["12"]  # a number that measures nothing


@pytest.mark.parametrize("concept", sorted(catalogue()))
def test_a_finding_that_can_be_drawn_is_asked_for_by_its_name_alone(concept: str) -> None:
    plans = wishes.plans_from_text(concept)
    assert plans
    assert {plan.concept for plan in plans} <= {concept, quantity_table()["stands for"].get(concept, concept)}
    for plan in plans:
        catalogue()[plan.concept].check(plan)
        assert 0 <= plan.severity <= 1


@pytest.mark.parametrize("count, word", [(1, "a"), (2, "two"), (3, "three"), (4, "multiple")])
def test_as_many_are_planned_as_are_asked_for_each_with_a_seed_of_its_own(count: int, word: str) -> None:
    plans = wishes.plans_from_text(f"{word} nodules in the right lung" if count > 1 else "a nodule in the right lung")
    assert len(plans) == count
    assert len({plan.key for plan in plans}) == len({plan.seed for plan in plans}) == count


def test_a_lobe_that_a_finding_cannot_lie_in_is_named_with_its_places() -> None:
    sited = [entry for entry in catalogue().values() if entry.sites and "middle" not in entry.sites]
    if not sited:
        pytest.skip("every pathology with places may lie in the middle lobe")
    finding = Finding(sited[0].concept)
    with pytest.raises(InputError, match="cannot be drawn in the middle lobe; places: "):
        wishes._lobe(sited[0], "middle lobe", finding)
    assert wishes._lobe(sited[0], "somewhere", finding) == ""


def test_sides_follow_from_places_that_have_one() -> None:
    assert wishes._settled([("", "lingula"), ("", "retrocardiac"), ("right", "upper"), ("", "lower")]) == [
        ("left", "lingula"), ("left", "retrocardiac"), ("right", "upper"), ("", "lower"),
    ]  # fmt: skip


@pytest.mark.parametrize("concept", ["pleural effusion", "pneumothorax", "consolidation", "cardiomegaly"])
def test_words_of_more_stand_for_more(concept: str) -> None:
    severities = [severity_for(concept, word) for word in ("minimal", "mild", "moderate", "severe")]
    assert severities == sorted(severities)
    assert severities[0] < severities[-1]


@settings(max_examples=40, deadline=None)
@given(st.floats(0, 200), st.floats(0, 200))
def test_a_larger_nodule_is_never_drawn_smaller_and_stays_in_range(one: float, two: float) -> None:
    small, large = sorted((one, two))
    first, second = (severity_for("lung nodule", "", mm) for mm in (small, large))
    assert 0 <= first <= second <= 1


def test_measures_have_units_and_names_without_them() -> None:
    assert (unit_of("volume_right_ml"), name_of("volume_right_ml")) == ("mL", "volume right")
    assert (unit_of("ratio"), name_of("ratio")) == ("1", "ratio")


@pytest.mark.parametrize(("truthful", "misleading"), [(-0.1, 0.5), (0.5, -0.1), (0.8, 0.3)])
def test_shares_of_indications_that_cannot_be_are_refused(truthful: float, misleading: float) -> None:
    with pytest.raises(InputError, match="add to at most 1"):
        indication((), seed=0, name="s", truthful=truthful, misleading=misleading)


def test_indications_come_in_the_shares_that_are_asked_for() -> None:
    found = (Finding("pleural effusion"),)
    kinds = Counter(indication(found, seed=1, name=str(n), truthful=0.5, misleading=0.3)[0] for n in range(1500))
    for kind, share in (("truthful", 0.5), ("misleading", 0.3), ("missing", 0.2)):
        assert kinds[kind] / 1500 == pytest.approx(share, abs=0.04)
    assert {indication(found, seed=1, name=str(n), truthful=0, misleading=0) for n in range(9)} == {("missing", "")}
    assert indication(found, seed=1, name="s") == indication(found, seed=1, name="s")


@pytest.mark.parametrize("seed", range(3))
def test_depth_is_scipys_distance_to_the_outside(seed: int) -> None:
    pytest.importorskip("numba")
    from hilum.phantom.depth import depth_voxels

    mask = np.random.default_rng(seed).random((9, 11, 13)) < 0.9
    out = np.empty(mask.shape, np.float32)
    depth_voxels(mask, out)
    assert out == pytest.approx(distance_transform_edt(mask), abs=1e-3)


def test_pulled_values_are_scipys_and_air_comes_from_beyond() -> None:
    pytest.importorskip("numba")
    from hilum.phantom.pull import pull

    draw = np.random.default_rng(0)
    values, ids = draw.normal(size=(7, 8, 9)), draw.integers(0, 5, (7, 8, 9)).astype(np.uint8)
    shift = np.array([0.3, -0.2, 0.4])
    nodes = np.stack(np.meshgrid(*(np.arange(n + 1.0) for n in values.shape), indexing="ij"), -1) + shift
    out, out_ids = np.empty(values.shape, np.float32), np.empty(values.shape, np.uint8)
    pull(values, ids, nodes, 1, False, out, out_ids)
    at = np.moveaxis(nodes[:-1, :-1, :-1], -1, 0)
    exact = map_coordinates(values, at, order=1, mode="nearest")
    inside = slice(1, -1)
    assert out[inside, inside, inside] == pytest.approx(exact[inside, inside, inside], abs=1e-5)
    near = tuple(np.rint(at).astype(int)[:, inside, inside, inside])
    assert np.array_equal(out_ids[inside, inside, inside], ids[near])
    pull(values, ids, nodes + 100.0, 1, False, out, out_ids)
    assert (out == -1000).all()
    assert (out_ids == 0).all()
    pull(values, ids, nodes + 100.0, 1, True, out, out_ids)
    assert np.allclose(out, values[-1, -1, -1])
