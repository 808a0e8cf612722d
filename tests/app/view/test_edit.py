"""Edits: the list leads, the prose follows, every change is signed and nothing is dropped in silence."""

from __future__ import annotations

import random
import re
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.app.view.case import Case, Edit, edit_from, with_ids
from hilum.app.view.edit import apply, apply_to, is_sided
from hilum.app.view.prose import composed
from hilum.core.errors import InputError
from hilum.core.finding import Finding
from hilum.core.region import Box
from hilum.core.study import Study
from hilum.text.findings import to_findings
from hilum.text.loop import all_stated
from hilum.text.parse import parse
from tests.app.view.conftest import FILM, MODEL, NOW, film, found, lungs, study_of, usual
from tests.text.loop_draws import draw_set

READER = "Dr. Reader"


def done(study: Study, *actions: dict[str, object], **more: object) -> tuple[Study, list[Edit]]:
    return apply(study, actions, editor=READER, when=NOW, **more)  # type: ignore[arg-type]


def edges(name: str, x0: object, x1: object) -> dict[str, object]:
    return {"film": name, "x0": x0, "y0": 0, "x1": x1, "y1": 1}


def by_key(study: Study, key: str) -> Finding:
    return next(each for each in study.findings if each.id == key)


def said(study: Study) -> str:
    assert study.report is not None
    return study.report.findings


def test_a_set_finding_is_the_readers_and_the_models_is_kept_in_the_log() -> None:
    before = usual()
    after, (edit,) = done(before, {"do": "set", "key": "f-effusion", "side": "left", "severity": "mild"})
    now = by_key(after, "f-effusion")
    assert (now.sites, now.attributes["severity"]) == (("left pleural space",), "mild")
    assert (now.made_by and now.made_by.name, now.probability, now.calibration) == (READER, None, "")
    assert (edit.who, edit.when, edit.what, edit.finding) == (READER, NOW, "set", "f-effusion")
    assert edit.before == by_key(before, "f-effusion")
    assert edit.after == now
    assert "left pleural effusion" in said(after)
    assert "right" not in said(after)
    assert after.report
    assert (after.report.status, after.report.made_by and after.report.made_by.name) == ("draft", READER)


def test_what_nobody_touched_stays_as_it_was() -> None:
    before = usual()
    after, _ = done(before, {"do": "set", "key": "f-effusion", "severity": "severe"})
    for key in ("f-pneumothorax", "f-nodule"):
        assert by_key(after, key) == by_key(before, key)
    assert after.films == before.films
    assert after.provenance[: len(before.provenance)] == before.provenance
    assert after.provenance[-1].made_by.name == READER


def test_a_rejected_finding_leaves_list_and_prose_but_not_the_record() -> None:
    before = usual()
    after, (edit,) = done(before, {"do": "reject", "key": "f-effusion"})
    assert "f-effusion" not in {each.id for each in after.findings}
    assert "effusion" not in said(after).lower()
    assert edit.before == by_key(before, "f-effusion")
    assert edit.after is None
    (note,) = after.provenance[-1].notes
    assert "rejected: pleural effusion (present, 0.80; test-model" in note


def test_restore_brings_back_what_the_model_said_even_after_a_save() -> None:
    before = usual()
    after, first = done(
        before, {"do": "set", "key": "f-effusion", "side": "left"}, {"do": "reject", "key": "f-effusion"}
    )
    again, second = done(after, {"do": "restore", "key": "f-effusion"}, history=first)
    assert by_key(again, "f-effusion") == by_key(before, "f-effusion")
    assert second[0].after == by_key(before, "f-effusion")
    assert all_stated(again.findings) == all_stated(before.findings)


def test_restore_takes_an_added_finding_away() -> None:
    after, _ = done(usual(), {"do": "add", "concept": "lung mass"}, {"do": "restore", "key": "r-lung-mass"})
    assert [each.id for each in after.findings] == [each.id for each in usual().findings]
    assert said(after) == said(usual())


def test_accepting_changes_no_word() -> None:
    before = usual()
    after, (edit,) = done(before, {"do": "accept", "key": "f-effusion"})
    assert after.findings == before.findings
    assert after.report == before.report
    assert edit.what == "accept"


def test_an_added_finding_is_told_with_side_and_box() -> None:
    box = {"film": FILM, "x0": 50, "y0": 20, "x1": 999, "y1": 40}
    after, (edit,) = done(usual(), {"do": "add", "concept": "Lung Mass", "side": "left", "boxes": [box]})
    added = by_key(after, edit.finding)
    assert (added.concept, added.state, added.sites) == ("lung mass", "present", ("left lung",))
    assert added.regions == (Box(50, 20, 80, 40, image=FILM),)  # cut at the film's edge
    assert re.search("lung mass .*in the left lung", said(after))
    assert "hernia" in said(after)
    assert said(after).count("lung mass") == 1  # it is not among what was not assessed any more


def test_two_findings_of_one_name_have_keys_of_their_own() -> None:
    add = {"do": "add", "concept": "lung nodule", "side": "left"}
    after, edits = done(usual(), add, {**add, "side": "right"}, {"do": "reject", "key": "r-lung-nodule"}, add)
    assert [edit.finding for edit in edits] == ["r-lung-nodule", "r-lung-nodule-2", "r-lung-nodule", "r-lung-nodule-3"]
    assert len({each.id for each in after.findings}) == len(after.findings)


def test_a_moved_box_tells_its_new_place_where_the_lungs_are_known() -> None:
    box = {"film": FILM, "x0": 50, "y0": 55, "x1": 70, "y1": 70}
    move = {"do": "move", "key": "f-effusion", "boxes": [box]}
    after, _ = done(usual(), move, masks=(lungs(),))
    now = by_key(after, "f-effusion")
    assert now.regions == (Box(50, 55, 70, 70, image=FILM),)
    assert all(site.startswith("left") for site in now.sites)  # image right is the patient's left
    without, _ = done(usual(), move)
    assert by_key(without, "f-effusion").sites == ("right pleural space",)


def test_taking_the_state_away_takes_a_change_away_that_would_contradict_it() -> None:
    prior = replace(study_of(id="s0"), time=NOW - timedelta(days=3))
    now = study_of(found("pleural effusion", change="new", id="f"), prior=prior, time=NOW)
    after, _ = done(now, {"do": "set", "key": "f", "state": "absent"})
    assert by_key(after, "f").change is None
    with pytest.raises(InputError, match="cannot be both"):
        done(now, {"do": "set", "key": "f", "state": "absent", "change": "new"})


def test_a_change_needs_an_earlier_study() -> None:
    with pytest.raises(InputError, match="has none"):
        done(usual(), {"do": "set", "key": "f-effusion", "change": "worsened"})
    prior = study_of(id="s0")
    after, _ = done(replace(usual(), prior=prior), {"do": "set", "key": "f-effusion", "change": "worsened"})
    assert any(word in said(after).lower() for word in ("worse", "increased", "larger", "progress"))


def test_setting_what_is_there_already_is_no_edit() -> None:
    after, edits = done(usual(), {"do": "set", "key": "f-effusion", "side": "right", "state": "present"})
    assert edits == []
    assert after == with_ids(usual())


@pytest.mark.parametrize(
    ("action", "why"),
    [
        ({}, "says what to do"),
        ({"do": "delete", "key": "f-effusion"}, "says what to do"),
        ("accept", "says what to do"),
        ({"do": "accept", "key": "f-other"}, "no finding 'f-other'"),
        ({"do": "restore", "key": "f-effusion"}, "nothing to restore"),
        ({"do": "add", "concept": "grumpiness"}, "grumpiness"),
        ({"do": "add", "concept": "left lung"}, "a place"),
        ({"do": "add", "concept": "lung mass", "side": "up"}, "side must be one of"),
        ({"do": "add", "concept": "lung mass", "state": "perhaps"}, "state must be one of"),
        ({"do": "add", "concept": "cardiomegaly", "side": "left"}, "no side"),
        ({"do": "add", "concept": "lung mass", "boxes": [edges("2.25.99", 0, 1)]}, "a film"),
        ({"do": "add", "concept": "lung mass", "boxes": [edges(FILM, "a", 1)]}, "numbers"),
        ({"do": "add", "concept": "lung mass", "boxes": [edges(FILM, 5, 5)]}, "x0 < x1"),
        ({"do": "move", "key": "f-effusion", "boxes": [edges(FILM, 1e308, 1)]}, "finite"),
        ({"do": "move", "key": "f-effusion", "boxes": "all"}, "a list"),
        ({"do": "move", "key": "f-effusion", "boxes": [{}] * 51}, "at most 50"),
        ({"do": "set", "key": "f-effusion"}, "at least one of"),
        ({"do": "set", "key": "f-effusion", "severity": "awful"}, "severity must be one of"),
        ({"do": "write", "section": "technique", "text": "x"}, "findings and impression"),
        ({"do": "write", "section": "findings"}, "a section and a text"),
        ({"do": "write", "section": "findings", "text": "x" * 20_001}, "20,000"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_refused_in_a_sentence(action: dict[str, object], why: str) -> None:
    with pytest.raises(InputError, match=why):
        done(usual(), action)


def test_an_edit_needs_a_name_and_a_measure() -> None:
    with pytest.raises(InputError, match="name of its reader"):
        apply(usual(), [{"do": "accept", "key": "f-effusion"}], editor=" ", when=NOW)
    with pytest.raises(InputError, match="500 actions"):
        done(usual(), *([{"do": "accept", "key": "f-effusion"}] * 501))


def test_records_of_edits_are_read_back_equal() -> None:
    _, edits = done(
        usual(), {"do": "set", "key": "f-effusion", "side": "left"}, {"do": "reject", "key": "f-nodule"},
        {"do": "write", "section": "impression", "text": "All is well."},
    )  # fmt: skip
    assert [edit_from(edit.as_json()) for edit in edits] == edits
    with pytest.raises(InputError, match="damaged"):
        edit_from({"who": "x"})


def test_a_case_knows_its_model_and_its_readers() -> None:
    case = Case(usual())
    assert (case.model, case.readers) == (MODEL, ())
    edited = apply_to(case, [{"do": "accept", "key": "f-effusion"}], editor=READER, when=NOW)
    assert (edited.model, edited.readers, edited.state) == (MODEL, (READER,), "edited")


def test_findings_without_an_id_get_one_and_shared_ids_are_parted() -> None:
    study = Study(
        "s", images=(film(),), findings=(Finding("hernia"), Finding("scoliosis", id="a"), Finding("fracture", id="a"))
    )
    ids = [each.id for each in with_ids(study).findings]
    assert ids[1] == "a"
    assert len(set(ids)) == 3
    assert with_ids(with_ids(study)) == with_ids(study)


def test_sides_are_told_only_of_what_has_one() -> None:
    assert is_sided("pleural effusion")
    assert is_sided("lung nodule")
    assert not is_sided("cardiomegaly")


# ---- the property: what is read back from the prose is what the list says


def editable(draw: random.Random) -> Study:
    findings, _, _ = draw_set(draw)
    named = (replace(each, change=None, probability=None, calibration="") for each in findings)
    kept = [replace(each, attributes={k: v for k, v in each.attributes.items() if k != "prior"}) for each in named]
    return study_of(*kept)


def random_action(draw: random.Random, study: Study) -> dict[str, object]:
    keys = [each.id for each in study.findings]
    what = draw.choice(["reject", "state", "severity", "add", "side"]) if keys else "add"
    if what == "add":
        concept = draw.choice(
            ["pneumothorax", "consolidation", "lung mass", "cardiomegaly", "atelectasis", "rib fracture"]
        )
        side = draw.choice(["", "left", "right", "bilateral"]) if is_sided(concept) else ""
        return {"do": "add", "concept": concept, "state": draw.choice(["present", "absent", "uncertain"]), "side": side}
    key = draw.choice(keys)
    if what == "reject":
        return {"do": "reject", "key": key}
    if what == "state":
        return {"do": "set", "key": key, "state": draw.choice(["present", "absent", "uncertain"])}
    chosen = next(each for each in study.findings if each.id == key)
    if what == "side" and is_sided(chosen.concept) and not chosen.sites:
        return {"do": "set", "key": key, "side": draw.choice(["left", "right"])}
    graded = chosen.concept in ("pleural effusion", "pneumothorax", "cardiomegaly", "consolidation")
    return {"do": "set", "key": key, "severity": draw.choice(["mild", "severe"]) if graded else ""}


def agree(study: Study) -> bool:
    assert study.report is not None
    return all_stated(to_findings(parse(study.report))) == all_stated(study.findings)


@settings(max_examples=60)
@given(st.randoms(use_true_random=False))
def test_after_any_edits_the_prose_states_the_list_and_nothing_else(draw: random.Random) -> None:
    study = editable(draw)
    history: list[Edit] = []
    for _ in range(draw.randint(1, 5)):
        study, made = done(study, random_action(draw, study), history=history)
        history += made
    assert agree(study), (study.findings, said(study))
    assert composed(study).findings == said(study)


@settings(max_examples=40)
@given(st.randoms(use_true_random=False))
def test_undoing_every_edit_gives_the_study_that_the_model_left(draw: random.Random) -> None:
    before = editable(draw)
    study, history = done(before, *(random_action(draw, before) for _ in range(1)))
    for key in dict.fromkeys(edit.finding for edit in history):
        study, more = done(study, {"do": "restore", "key": key}, history=history)
        history += more
    assert set(study.findings) == set(before.findings)
    assert all_stated(study.findings) == all_stated(before.findings)
