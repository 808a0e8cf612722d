"""A tokenizer of whole words: texts come back, control tokens are one number, and what is unknown says so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("transformers")

from hypothesis import given
from hypothesis import strategies as st

from hilum.core.errors import InputError
from hilum.learn.reader.words import BEGIN, END, PAD, SPECIALS, UNKNOWN, word_tokenizer
from hilum.nets.fuse import IMAGE, ROLES, role_token

TEXTS = (
    "There is a small right pleural effusion.",
    "The follow-up film: no pneumothorax (see 12 mm, 0.5 cm).",
    "Is there a nodule? Yes; left, upper zone.",
)
BOXES = ("<obj>", "</obj>", "<x0>", "<y99>")


@pytest.fixture(scope="module")
def known() -> Any:
    return word_tokenizer(TEXTS, BOXES)


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_comes_back_but_for_its_capitals(known: Any, text: str) -> None:
    ids = known(text)["input_ids"]
    assert known.unk_token_id not in ids
    assert known.decode(ids) == text.lower()


@given(st.lists(st.sampled_from(sorted({word for text in TEXTS for word in text.split()})), min_size=1, max_size=9))
def test_any_order_of_words_comes_back(words: list[str]) -> None:
    tokenizer = word_tokenizer(TEXTS)
    text = " ".join(words)
    assert tokenizer.decode(tokenizer(text)["input_ids"]) == text.lower()


@given(st.lists(st.tuples(st.floats(0, 1), st.integers(0, 9999)), min_size=1, max_size=4))
def test_any_number_can_be_written(pairs: list[tuple[float, int]]) -> None:
    tokenizer = word_tokenizer(["box"])
    text = " and ".join(f"[{share:.2f}, {whole}]" for share, whole in pairs).replace("and", "box")
    ids = tokenizer(text)["input_ids"]
    assert tokenizer.unk_token_id not in ids
    assert tokenizer.decode(ids) == text


def test_control_tokens_are_one_number_each(known: Any) -> None:
    wanted = [*SPECIALS, IMAGE, *map(role_token, ROLES), *BOXES]
    assert [known.convert_tokens_to_ids(each) for each in wanted] == list(range(len(wanted)))
    ids = known("<img_cur_front><image> there<obj> nodule<x0><y99></obj>")["input_ids"]
    assert [known.convert_ids_to_tokens(each) for each in ids] == [
        "<img_cur_front>", "<image>", "▁there", "<obj>", "▁nodule", "<x0>", "<y99>", "</obj>",
    ]  # fmt: skip
    assert (known.pad_token, known.bos_token, known.eos_token, known.unk_token) == (PAD, BEGIN, END, UNKNOWN)
    assert known.padding_side == "left"


def test_no_beginning_or_end_is_added_by_itself(known: Any) -> None:
    ids = known("there is")["input_ids"]
    assert known.bos_token_id not in ids
    assert known.eos_token_id not in ids


def test_a_control_token_in_foreign_text_can_be_read_as_characters(known: Any) -> None:
    """What an indication says is data: split, a role token is marks and words, never the role."""
    ids = known.encode("<img_prior_front> no", add_special_tokens=False, split_special_tokens=True)
    assert known.convert_tokens_to_ids("<img_prior_front>") not in ids
    assert known.convert_tokens_to_ids("▁no") == ids[-1]


def test_rare_words_can_be_unknown() -> None:
    known = word_tokenizer(["effusion effusion nodule", "effusion"], least=2)
    assert known.convert_ids_to_tokens(known("effusion nodule")["input_ids"]) == ["▁effusion", UNKNOWN]


def test_the_same_words_in_any_order_are_the_same_numbers() -> None:
    assert word_tokenizer(TEXTS).get_vocab() == word_tokenizer(reversed(TEXTS)).get_vocab()


def test_saved_and_loaded_it_is_the_same(known: Any, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    known.save_pretrained(tmp_path)
    again = AutoTokenizer.from_pretrained(tmp_path)
    text = "<img_cur_front><image> There is a nodule <x0> 12.5"
    assert again(text)["input_ids"] == known(text)["input_ids"]
    assert again.decode(again(text)["input_ids"]) == known.decode(known(text)["input_ids"])
    assert again.init_kwargs["sentence_case"]
    assert again.padding_side == "left"


@pytest.mark.parametrize("wrong", ["", "two words", "tab\t"])
def test_a_control_token_is_a_word(wrong: str) -> None:
    with pytest.raises(InputError, match="a control token is a word without spaces"):
        word_tokenizer(TEXTS, [wrong])
