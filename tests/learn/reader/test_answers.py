from __future__ import annotations

import numpy as np
import pytest

from hilum.learn.reader.answers import read_answer, written
from hilum.learn.reader.layout import control_tokens, layout, rows, vocabulary
from hilum.learn.reader.presets import PRESETS
from hilum.learn.reader.roles import Shown
from hilum.learn.reader.tasks import build
from tests.learn.reader.case import film, processor, study

FILM = Shown("cur_front", film("s2-pa"))


@pytest.mark.parametrize("name", ["maira-2", "chexagent", "radvlm", "promptstudy"])
def test_a_grounded_answer_is_read_back_from_its_token_ids(name):
    """Sample -> ids -> text -> sentences with boxes, within a bin, by every codec."""
    preset = PRESETS[name].changed(crop="whole", clean=False)
    sample = build("grounded", study(), preset, np.random.default_rng(0))
    made = processor(vocabulary([sample], preset), control_tokens(preset))
    batch = rows([sample], preset, made)
    ids = batch["labels"][batch["labels"] >= 0].tolist()
    answer = read_answer(written(ids, made.tokenizer), preset, FILM)
    assert answer.errors == ()
    assert answer.text == sample.target.lower()
    assert [len(piece.boxes) for piece in answer.said] == [1, 0, 1]
    for box, true in zip(answer.boxes, sample.boxes, strict=True):
        assert box.image == true.image
        assert np.abs(np.subtract(box.corners, true.corners)).max() <= 0.5
    assert layout(sample, preset).lost == 0


def test_an_answer_of_a_reader_without_boxes_is_its_sentences():
    answer = read_answer("No pneumothorax. Small nodule.", PRESETS["libra"], FILM)
    assert [piece.text for piece in answer.said] == ["No pneumothorax.", "Small nodule."]
    assert answer.boxes == ()


def test_boxes_joined_by_and_belong_to_the_sentence_before_them():
    text = "The heart is large. Two nodules [0.1, 0.1, 0.2, 0.2] and [0.5, 0.5, 0.6, 0.6]. No effusion."
    answer = read_answer(text, PRESETS["radvlm"], FILM)
    assert [(piece.text, len(piece.boxes)) for piece in answer.said] == [
        ("The heart is large.", 0), ("Two nodules", 2), ("No effusion.", 0),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text, boxes, wrong",
    [
        ("<obj> nodule <box><x1><y2><x3><y4></box> </obj> <obj> effusion </obj>", 1, 0),
        ("<obj> nodule <box><x1><y2><x3><y4></box> <obj> effusion", 1, 0),  # groups left open
        ("<obj> nodule <box><x1><y2> </obj>", 0, 1),
        ("<box><x9><y2><x3><y4></box>", 1, 1),
        ("</obj></box>", 0, 0),
        ("", 0, 0),
    ],
)
def test_broken_groups_are_read_as_far_as_they_go(text, boxes, wrong):
    answer = read_answer(text, PRESETS["maira-2"].changed(crop="whole"), FILM)
    assert (len(answer.boxes), len(answer.errors)) == (boxes, wrong)
    assert "<" not in answer.text


def test_a_box_alone_has_no_words():
    answer = read_answer("<|box|>(10,10),(20,20)<|/box|>", PRESETS["chexagent"], FILM)
    assert answer.text == ""
    assert answer.boxes[0].corners == (9, 6, 18, 12)
