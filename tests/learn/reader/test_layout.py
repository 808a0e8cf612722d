from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hilum.core.errors import InputError
from hilum.core.region import Box
from hilum.learn.objectives.write import IGNORED
from hilum.learn.reader.absence import without
from hilum.learn.reader.layout import answer_ids, control_tokens, layout, prompt_ids, row_of, rows, vocabulary
from hilum.learn.reader.presets import PRESETS
from hilum.learn.reader.roles import Shown
from hilum.learn.reader.sample import Located, Sample, Turn, texts_of, with_answer, with_context
from hilum.learn.reader.tasks import build
from tests.learn.reader.case import film, processor, study

RNG = np.random.default_rng(0)
MAIRA = PRESETS["maira-2"]


@pytest.fixture(scope="module")
def sample():
    return build("findings", study(), MAIRA, np.random.default_rng(0))


@pytest.fixture(scope="module")
def made(sample):
    chat = build("chat", study(), PRESETS["radvlm"], np.random.default_rng(1))
    texts = [*vocabulary([sample, chat], MAIRA), *vocabulary([], PRESETS["radvlm"])]
    return processor(tuple(texts), control_tokens())


def kinds(laid):
    return [piece.text for _, run in laid.runs for piece in run if piece.kind != "text"]


def test_maira_2_lays_out_pictures_prior_report_question_and_sections(sample):
    assert kinds(layout(sample, MAIRA)) == [
        "<img_cur_front>", "<image>", "<img_cur_lat>", "<image>", "<img_prior_front>", "<image>",
        "<prior_report>", "<ask>", "<indication>", "<technique>", "<comparison>", "<answer>",
    ]  # fmt: skip
    alone = layout(without(sample, "cur_lat", "prior_front"), MAIRA)
    assert "the only current frontal film:" in alone.text
    assert "the current frontal film:" in layout(sample, MAIRA).text


def test_a_prior_report_is_told_only_beside_its_film(sample):
    laid = layout(replace(sample, shown=sample.shown[:2]), MAIRA)
    assert "<prior_report> N/A" in laid.text
    assert sample.context["prior_report"] not in laid.text


@pytest.mark.parametrize(
    "missing, told",
    [
        ("na_text", "<img_cur_front> <image> <indication> N/A <ask>"),
        ("learned_token", "<img_cur_front> <image> <no_prior_front> <no_indication> <ask>"),
        ("omit", "<img_cur_front> <image> <ask>"),
        ("empty", "<img_cur_front> <image> <indication> <ask>"),
        ("copy_current", "<img_cur_front> <image> <img_prior_front> <image> <ask>"),
    ],
)
def test_each_policy_for_what_is_missing(sample, missing, told):
    preset = PRESETS["libra"].changed(missing=missing, sections=("indication",))
    bare = without(with_context(sample, indication=""), "prior_front", "cur_lat")
    assert layout(bare, preset).text.startswith(told)
    if missing == "copy_current":
        assert len({shown.image.id for shown in layout(bare, preset).shown}) == 1


def test_every_control_token_of_a_layout_is_declared():
    for preset in PRESETS.values():
        for name in preset.tasks:
            one = build(name, study(), preset, RNG)
            for each in (one, without(one, "prior_front", "indication", "cur_lat")):
                found = [p.text for _, run in layout(each, preset).runs for p in run if p.kind != "text"]
                assert set(found) <= set(control_tokens(preset)) <= set(control_tokens())


def test_labels_hold_each_answer_and_its_end_and_nothing_of_the_prompt(made):
    chat = build("chat", study(), PRESETS["radvlm"], np.random.default_rng(1))
    assert len(chat.turns) == 3
    ids, labels, films = row_of(chat, PRESETS["radvlm"], made)
    assert len(films) == 1
    assert all(label in (IGNORED, token) for token, label in zip(ids, labels, strict=True))
    end = made.tokenizer.eos_token_id
    assert labels.count(end) == ids.count(end) == 3
    learned = made.tokenizer.decode([label for label in labels if label != IGNORED])
    laid = layout(chat, PRESETS["radvlm"])
    answers = [" ".join(piece.text for piece in run).lower() for answered, run in laid.runs if answered]
    assert [each.strip() for each in learned.split("</s>")[:3]] == answers
    assert ids[0] == made.tokenizer.bos_token_id
    assert labels[0] == IGNORED


def test_a_picture_takes_its_number_of_tokens_and_films_come_in_the_order_of_slots(sample, made):
    batch = rows([sample, without(sample, "cur_lat"), without(sample, "prior_front")], MAIRA, made)
    image = made.tokenizer.convert_tokens_to_ids("<image>")
    assert (batch["input_ids"] == image).sum(1).tolist() == [12, 8, 8]
    names = [each.id for each in batch["images"]]
    assert names == [
        "s2-pa", "s2-ll", "s1-pa", "s2-pa", "s1-pa", "s2-pa", "s2-ll",
    ]  # fmt: skip


def test_rows_are_padded_on_the_right_and_padding_is_not_learned(sample, made):
    short = with_answer(sample, "no.")
    batch = rows([sample, short], MAIRA, made)
    length = int(batch["attention_mask"][1].sum())
    assert batch["attention_mask"][1].tolist() == [1] * length + [0] * (batch["input_ids"].shape[1] - length)
    assert set(batch["input_ids"][1, length:].tolist()) == {made.tokenizer.pad_token_id}
    assert set(batch["labels"][1, length:].tolist()) == {IGNORED}
    alone = rows([short], MAIRA, made)
    assert batch["input_ids"][1, :length].tolist() == alone["input_ids"][0].tolist()
    assert made.tokenizer.decode(answer_ids(batch)[1]).strip() == "no.</s>"


def test_a_prompt_is_the_row_up_to_its_last_answer(made):
    chat = build("chat", study(), PRESETS["radvlm"], np.random.default_rng(1))
    ids, labels, films = row_of(chat, PRESETS["radvlm"], made)
    prompt, shown = prompt_ids(chat, PRESETS["radvlm"], made)
    assert list(prompt) == ids[: len(prompt)]
    assert made.tokenizer.convert_ids_to_tokens(prompt[-1]) == "<answer>"
    assert labels[len(prompt) :] == ids[len(prompt) :]
    assert [each.id for each in shown] == [each.id for each in films]


def test_a_preset_with_two_pictures_leaves_the_others_out_and_says_so():
    preset = PRESETS["chexagent"].changed(roles=("cur_front", "cur_lat", "cur_other"))
    given = replace(study(prior=False), images=(*study(prior=False).images, film("x", "RAO"), film("y", "LAO")))
    laid = layout(build("findings", given, preset, RNG), preset)
    assert [each.role for each in laid.shown] == ["cur_front", "cur_lat"]
    assert laid.notes == ("2 of 4 pictures were left out: the preset 'chexagent' takes 2",)


def test_boxes_are_written_in_the_frame_of_their_own_film_and_the_loss_is_told():
    box = Box(0, 0, 30, 30, image="s2-pa")  # the centre square of 90 x 60 begins at x = 15
    one = Sample("k", "p", "s", "t", (Shown("cur_front", film("s2-pa")),), (Turn("where?", (Located("", (box,)),)),))
    laid = layout(one, MAIRA)
    assert [piece.text for piece in laid.target] == ["<box>", "<x0>", "<y0>", "<x25>", "<y50>", "</box>"]
    assert laid.lost == pytest.approx(0.5)
    assert layout(one, MAIRA.changed(crop="whole")).lost == 0


def test_a_box_needs_a_codec_and_a_film():
    box = Box(0, 0, 30, 30, image="elsewhere")
    one = Sample("k", "p", "s", "t", (Shown("cur_front", film("a")),), (Turn("where?", (Located("", (box,)),)),))
    with pytest.raises(InputError, match="'elsewhere', which the sample does not show"):
        layout(one, MAIRA)
    with pytest.raises(InputError, match="'libra' writes no boxes: choose one with a codec"):
        layout(one, PRESETS["libra"])


def test_a_tokenizer_without_the_tokens_is_refused(sample):
    with pytest.raises(InputError, match=r"no token '<\w+>': build it with extra=control_tokens"):
        rows([sample], MAIRA, processor(texts_of([sample]), ()))
    with pytest.raises(InputError, match="no samples"):
        rows([], MAIRA, processor((), ()))


def test_no_word_of_a_row_is_unknown(made, sample):
    batch = rows([sample], MAIRA, made)
    assert made.tokenizer.unk_token_id not in batch["input_ids"]
