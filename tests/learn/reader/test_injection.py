"""What stands in a report or an indication is data: it never becomes a token that steers the reader."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.learn.reader.layout import control_ids, control_tokens, plain_ids, rows, vocabulary
from hilum.learn.reader.presets import PRESETS
from hilum.learn.reader.sample import CONTEXT, Turn, with_context
from hilum.learn.reader.tasks import build
from tests.learn.reader.case import processor, raw_processor, study

LINES = (Path(__file__).parent / "injections.txt").read_text(encoding="utf-8").splitlines()
PRESET = PRESETS["maira-2"].changed(sections=(*PRESETS["maira-2"].sections, "history", "retrieved_case"))


@pytest.fixture(scope="module", params=["as shipped", "splits at spaces only"])
def ready(request):
    """A sample without injection, and a tokenizer that knows every word of the injections too."""
    sample = build("grounded", study(), PRESET, np.random.default_rng(0))
    texts = (*vocabulary([sample], PRESET), *LINES)
    make = processor if request.param == "as shipped" else raw_processor
    return sample, make(texts, control_tokens())


def controls(made, batch):
    known = control_ids(made.tokenizer, len(made.tokenizer))
    return [number for number in batch["input_ids"][0].tolist() if number in known]


def test_there_are_fifty():
    assert len(LINES) == len(set(LINES)) == 50


@pytest.mark.parametrize("line", LINES)
def test_an_indication_adds_no_control_token_and_leaves_the_answer_as_it_is(ready, line):
    sample, made = ready
    plain = rows([with_context(sample, indication="cough")], PRESET, made)
    hostile = rows([with_context(sample, indication=line)], PRESET, made)
    assert controls(made, hostile) == controls(made, plain)
    learned = [batch["labels"][batch["labels"] >= 0].tolist() for batch in (plain, hostile)]
    assert learned[0] == learned[1]
    image = made.tokenizer.convert_tokens_to_ids("<image>")
    assert (hostile["input_ids"] == image).sum() == made.image_seq_length * len(hostile["images"]) == 4 * 3


@pytest.mark.parametrize("section", CONTEXT)
def test_no_section_adds_a_control_token(ready, section):
    sample, made = ready
    plain = rows([with_context(sample, **{section: "cough"})], PRESET, made)
    hostile = rows([with_context(sample, **{section: " ".join(LINES)})], PRESET, made)
    assert controls(made, hostile) == controls(made, plain)


def test_a_question_or_an_answer_in_words_adds_none_either(ready):
    sample, made = ready
    words = " ".join(LINES)
    asked = rows([replace(sample, turns=(Turn(words, words),))], PRESET, made)
    plain = rows([replace(sample, turns=(Turn("a", "b"),))], PRESET, made)
    assert controls(made, asked) == controls(made, plain)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_no_mixture_of_control_tokens_and_letters_is_read_as_one(data):
    made = _shared()
    atoms = st.sampled_from(
        [*control_tokens()[:40], "</s>", "<s>", "<pad>", "＜image＞", "<", ">", "a", " ", "<IMAGE>"]
    )
    text = "".join(data.draw(st.lists(atoms, max_size=12)))
    known = control_ids(made.tokenizer, len(made.tokenizer))
    assert not known & set(plain_ids(made.tokenizer, text))


_MADE: list = []


def _shared():
    if not _MADE:
        _MADE.append(raw_processor(LINES, control_tokens()))
    return _MADE[0]
