from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from hilum.core.errors import InputError
from hilum.core.finding import Finding
from hilum.core.region import Mask
from hilum.core.report import Report
from hilum.learn.reader.presets import PRESETS
from hilum.learn.reader.sample import boxes_of, words_of
from hilum.learn.reader.tasks import BUILDERS, build, names, task
from hilum.learn.reader.tasks.choice import asked_options, chosen
from hilum.learn.reader.tasks.labels import read_labels
from tests.learn.reader.case import study

AGENT, MAIRA, RADVLM = PRESETS["chexagent"], PRESETS["maira-2"], PRESETS["radvlm"]
BARE = replace(study(prior=False), report=None, findings=())


def many(name, preset, given=None, count=40):
    given = given or study()
    return [build(name, given, preset, np.random.default_rng(seed)) for seed in range(count)]


@pytest.mark.parametrize("name", names())
def test_every_task_has_several_wordings_is_deterministic_and_belongs_to_its_study(name):
    preset = AGENT
    made = many(name, preset)
    assert len({words_of(each.turns[0].question) for each in made}) >= 3
    assert made == many(name, preset)
    for each in made:
        assert (each.task, each.study, each.patient) == (name, "s2", "p1")
        assert each.target or each.boxes
        assert {shown.role for shown in each.shown} <= set(preset.roles)


@pytest.mark.parametrize("name", [each for each in names() if each != "view"])
def test_a_study_that_holds_nothing_to_ask_gives_nothing(name):
    assert build(name, BARE, AGENT, np.random.default_rng(0)) is None


def test_findings_and_impression_are_the_reports():
    given = study()
    assert many("findings", MAIRA)[0].target == given.report.findings
    assert many("impression", PRESETS["libra"])[0].target == given.report.impression


def test_a_reader_that_compares_is_always_asked_to_compare():
    for given in (study(), study(prior=False)):
        asked = {words_of(each.turns[0].question) for each in many("findings", MAIRA, given)}
        assert all("prior" in words for words in asked)


def test_targets_cleared_of_comparisons_show_no_prior_and_tell_of_none():
    cleared = many("findings", AGENT)[0]
    assert cleared.target == "No pneumothorax. A nodule is seen in the right upper lung zone."
    assert not cleared.has("prior_front")
    kept = many("progression", AGENT)[0]
    assert "larger than before" in kept.target
    assert kept.has("prior_front")
    assert all("larger" not in each.target for each in many("grounded", AGENT))


def test_progression_needs_a_prior_and_words_of_change():
    assert build("progression", study(prior=False), AGENT, np.random.default_rng(0)) is None
    silent = replace(study(), report=Report(findings="No pneumothorax."))
    assert build("progression", silent, AGENT, np.random.default_rng(0)) is None


def test_presence_asks_yes_and_no_alike():
    answers = Counter(each.target for each in many("presence", AGENT, count=200))
    assert set(answers) == {"yes", "no"}
    assert 70 <= answers["yes"] <= 130
    for each in many("presence", AGENT):
        asked = words_of(each.turns[0].question)
        assert ("pneumothorax" in asked) == (each.target == "no")


def test_what_is_not_mentioned_is_never_asked_as_absent():
    silent = replace(study(), findings=(Finding("pleural effusion", id="f1"),))
    assert {each.target for each in many("presence", AGENT, silent)} == {"yes"}
    assert build("choice", silent, AGENT, np.random.default_rng(0)) is None
    doubtful = replace(
        study(), findings=(Finding("pleural effusion", "uncertain"), Finding("pleural effusion", "absent"))
    )
    assert build("presence", doubtful, AGENT, np.random.default_rng(0)) is None


def test_choices_hold_one_right_answer_at_any_place():
    given = replace(
        study(), findings=(*study().findings, *(Finding(name, "absent") for name in ("consolidation", "cardiomegaly")))
    )
    made = many("choice", AGENT, given, count=120)
    places = Counter(each.options.index(each.target) for each in made)
    assert set(places) == {0, 1, 2, 3}
    assert min(places.values()) > 12
    for each in made:
        assert each.target in ("pleural effusion", "lung nodule")
        assert set(each.options) - {each.target} == {"pneumothorax", "consolidation", "cardiomegaly"}
        assert asked_options(each.options) in words_of(each.turns[0].question)


@pytest.mark.parametrize(
    "answer, number",
    [
        ("(B)", 1), ("b", 1), ("B.", 1), ("c) nodule", 2), ("pleural effusion", 1), ("The film shows a Nodule.", 2),
        ("effusion", 0), ("nodule and effusion", None), ("a nodule", 2), ("", None),
        ("(e)", None), ("none of them", None),
    ],
)  # fmt: skip
def test_a_choice_is_read_by_letter_or_by_its_words(answer, number):
    assert chosen(answer, ("effusion", "pleural effusion", "nodule")) == number


def test_labels_are_the_concepts_that_are_there():
    made = many("labels", RADVLM)[0]
    assert read_labels(made.target) == ("nodule", "pleural effusion")
    healthy = replace(study(), findings=(Finding("pneumothorax", "absent"),))
    assert many("labels", RADVLM, healthy)[0].target == "none"
    assert read_labels("none") == ()
    assert read_labels("Nodule and cardiomegaly, nodule.") == ("nodule", "cardiomegaly")


def test_phrase_and_box_belong_to_one_finding():
    boxes = {finding.concept: finding.regions for finding in study().findings}
    for each in many("phrase_to_box", MAIRA):
        name = "pleural effusion" if "effusion" in words_of(each.turns[0].question) else "nodule"
        assert each.boxes == boxes_of(each.turns[0].answer) == boxes[name]
    for each in many("box_to_phrase", AGENT):
        name = "pleural effusion" if "effusion" in each.target else "nodule"
        assert boxes_of(each.turns[0].question) == boxes[name]


def test_boxes_of_masks_and_of_other_films():
    given = study()
    mask = np.zeros((60, 90), bool)
    mask[10:20, 30:50] = True
    moved = replace(
        given.findings[0], regions=(Mask(mask, image="s2-pa"), replace(given.findings[2].regions[0], image="s2-ll"))
    )
    only = replace(given, findings=(moved,))
    assert many("phrase_to_box", MAIRA, only)[0].boxes[0].corners == (30, 10, 50, 20)
    lateral = replace(given, findings=(replace(moved, regions=moved.regions[1:]),))
    assert build("phrase_to_box", lateral, MAIRA, np.random.default_rng(0)) is None


def test_grounded_findings_follow_the_report_and_its_boxes():
    made = many("grounded", MAIRA)[0]
    assert made.target == study().report.findings
    assert [len(piece.boxes) for piece in made.turns[0].answer] == [1, 0, 1]


@pytest.mark.parametrize("name", ["phrase_to_box", "box_to_phrase", "grounded"])
def test_boxes_need_a_codec(name):
    with pytest.raises(InputError, match="'libra' writes no boxes"):
        build(name, study(), PRESETS["libra"], np.random.default_rng(0))


def test_a_conversation_agrees_with_itself():
    seen = set()
    for each in many("chat", RADVLM):
        report, fact, where = each.turns
        asked, answer = words_of(fact.question), words_of(fact.answer)
        seen.add(answer.split(",")[0])
        assert answer.startswith("no") == ("pneumothorax" in asked)
        assert bool(boxes_of(where.answer)) == answer.startswith("yes")
        assert words_of(report.answer)
    assert seen == {"yes", "no"}
    places = {words_of(each.turns[2].answer) for each in many("chat", PRESETS["cxr-llava"])}
    assert places == {"left pleural space.", "right upper lung zone.", "it is not seen on the frontal film."}


def test_the_view_is_asked_of_one_film_whose_role_does_not_tell_it():
    made = many("view", AGENT)
    assert {each.target for each in made} == {"frontal", "lateral"}
    assert {shown.role for each in made for shown in each.shown} == {"cur_front"}
    for each in made:
        assert (each.shown[0].image.view == "LL") == (each.target == "lateral")


def test_an_unknown_task_and_a_taken_name_are_refused():
    with pytest.raises(InputError, match="no reader task is called 'sonnet': choose from box_to_phrase"):
        build("sonnet", study(), MAIRA, np.random.default_rng(0))
    with pytest.raises(InputError, match="'findings' is registered by"):
        task("findings")(lambda study, preset, rng: None)
    task("haiku")(lambda study, preset, rng: None)
    try:
        assert build("haiku", study(), MAIRA, np.random.default_rng(0)) is None
    finally:
        del BUILDERS["haiku"]
