"""Samples of scenes: every task of every preset, on films that are not square, with exact truth to check against."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from hilum.core.seed import generator
from hilum.learn.reader.answers import read_answer
from hilum.learn.reader.guards import guard_rows
from hilum.learn.reader.layout import control_ids, control_tokens, layout, rows, vocabulary
from hilum.learn.reader.presets import PRESETS
from hilum.learn.reader.roles import Shown
from hilum.learn.reader.sample import words_of
from hilum.learn.reader.sections import compares
from hilum.learn.reader.tasks import build, names
from hilum.learn.reader.tasks.labels import read_labels
from hilum.phantom.scenes import scenes
from tests.learn.reader.case import processor


@pytest.fixture(scope="module")
def studies():
    return scenes(16, seed=3, size=40)


def made(studies, task, preset):
    built = [build(task, study, preset, generator(0, task, study.id)) for study in studies]
    return [(study, sample) for study, sample in zip(studies, built, strict=True) if sample is not None]


@pytest.mark.parametrize("name", [name for name, preset in PRESETS.items() if preset.codec])
def test_true_boxes_survive_being_written_and_read(studies, name):
    """By each codec in a letterboxed frame: boxes of masks come back with nearly their own area."""
    preset = PRESETS[name].changed(crop="letterbox", tasks=("phrase_to_box",))
    seen = 0
    for _, sample in made(studies, "phrase_to_box", preset):
        laid = layout(sample, preset)
        front = next(each for each in sample.shown if each.role == "cur_front")
        read = read_answer("".join(piece.text for piece in laid.target), preset, front)
        assert read.errors == ()
        assert laid.lost == 0
        for box, true in zip(read.boxes, sample.boxes, strict=True):
            seen += 1
            assert box.iou(true) > 0.55
            assert np.abs(np.subtract(box.corners, true.corners)).max() <= 1.0
    assert seen > 20


def test_a_centre_crop_loses_some_of_the_boxes_and_says_how_much(studies):
    lost = [layout(sample, PRESETS["maira-2"]).lost for _, sample in made(studies, "grounded", PRESETS["maira-2"])]
    assert max(lost) > 0  # scenes are higher than wide: something is cut at the top or bottom
    assert min(lost) == 0


@pytest.mark.parametrize("name", PRESETS)
def test_a_tokenizer_of_the_training_texts_knows_every_word(studies, name):
    preset = PRESETS[name].changed(crop="letterbox")
    samples = [sample for task in preset.tasks for _, sample in made(studies, task, preset)]
    ready = processor(vocabulary(samples, preset), control_tokens(preset))
    batch = rows(samples, preset, ready)
    assert ready.tokenizer.unk_token_id not in batch["input_ids"]
    image = ready.tokenizer.convert_tokens_to_ids("<image>")
    assert int((batch["input_ids"] == image).sum()) == ready.image_seq_length * len(batch["images"])
    learned = set(batch["labels"][batch["labels"] >= 0].tolist())
    codec = set(preset.boxes.tokens()) if preset.codec else set()
    known = {
        ready.tokenizer.convert_ids_to_tokens(number)
        for number in learned & control_ids(ready.tokenizer, len(ready.tokenizer))
    }
    assert known <= codec | {"</s>"}  # an answer holds boxes and its end, and no other control token


def test_yes_and_no_are_alike(studies):
    answers = Counter(sample.target for _, sample in made(studies, "presence", PRESETS["chexagent"]))
    assert abs(answers["yes"] - answers["no"]) <= 0.5 * sum(answers.values())


def test_answers_are_true_of_the_study(studies):
    preset = PRESETS["chexagent"]
    for study, sample in made(studies, "labels", preset):
        assert set(read_labels(sample.target)) == {f.concept for f in study.findings if f.state == "present"}
    for study, sample in made(studies, "choice", preset):
        there = {f.concept for f in study.findings if f.state == "present"}
        assert sample.target in there
        assert not (set(sample.options) - {sample.target}) & there
    for study, sample in made(studies, "presence", preset):
        asked = words_of(sample.turns[0].question)
        (concept,) = [f.concept for f in study.findings if f.concept in asked]
        there = any(f.concept == concept and f.state == "present" for f in study.findings)
        assert (sample.target == "yes") == there


def test_cleared_targets_compare_with_nothing_and_progression_always_does(studies):
    preset = PRESETS["chexagent"]
    for task in ("findings", "impression", "grounded", "chat"):
        for _, sample in made(studies, task, preset.changed(tasks=(task,))):
            assert not any(compares(words_of(turn.answer)) for turn in sample.turns)
            assert not sample.has("prior_front")
    for study, sample in made(studies, "progression", preset):
        assert study.prior is not None
        assert compares(sample.target)
        assert sample.has("prior_front")


def test_first_visits_lose_nothing_when_cleared(studies):
    first = [study for study in studies if study.prior is None]
    for study, sample in made(first, "findings", PRESETS["chexagent"]):
        assert sample.target == study.report.findings
    assert len(made(first, "findings", PRESETS["chexagent"])) == len(first)


@pytest.mark.parametrize("task", names())
def test_the_same_seed_gives_the_same_sample(studies, task):
    one, other = (made(studies[:6], task, PRESETS["chexagent"]) for _ in range(2))
    assert [sample for _, sample in one] == [sample for _, sample in other]


def test_priors_are_those_of_the_visit_before(studies):
    for study, sample in made(studies, "findings", PRESETS["maira-2"]):
        priors = [each.image.id for each in sample.shown if each.role == "prior_front"]
        if study.prior is None:
            assert priors == []
            assert "prior_report" not in sample.context
        else:
            assert priors == [film.id for film in study.prior.films if film.view == "PA"]
            assert study.prior.time < study.time
            assert sample.context["prior_report"].startswith(study.prior.report.findings)


def test_every_guard_can_be_laid_out(studies):
    preset = PRESETS["maira-2"].changed(crop="letterbox")
    samples = [sample for _, sample in made(studies, "findings", preset)]
    guarded = guard_rows(samples, seed=0)
    assert set(guarded) == {"true", "blank", "swapped", "no prior", "other prior", "reversed prior"}
    for rows_ in guarded.values():
        for sample, true in zip(rows_, samples, strict=True):
            assert layout(sample, preset).target == layout(true, preset).target
            assert all(isinstance(each, Shown) for each in sample.shown)
