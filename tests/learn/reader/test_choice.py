"""Options in a question and which of them an answer chooses, whatever their order."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.learn.reader.tasks.choice import asked_options, chosen

NOUNS = ("pleural effusion", "effusion", "lung nodule", "cardiomegaly", "consolidation", "pneumothorax", "edema")
options = st.lists(st.sampled_from(NOUNS), min_size=2, max_size=5, unique=True)


@settings(max_examples=30, deadline=None)
@given(given_options=options, data=st.data())
def test_an_options_own_words_choose_it_at_any_place(given_options, data):
    at = data.draw(st.integers(0, len(given_options) - 1))
    word = given_options[at]
    for answer in (word, word.upper(), f"There is {word}.", f"The answer is {word}!", f"  {word}  "):
        assert chosen(answer, given_options) == at


@settings(max_examples=30, deadline=None)
@given(given_options=options, data=st.data())
def test_a_letter_chooses_by_place_and_not_by_words(given_options, data):
    at = data.draw(st.integers(0, len(given_options) - 1))
    letter = chr(65 + at)
    for answer in (
        letter,
        f"({letter})",
        f"{letter}.",
        f"{letter})",
        f"({letter}) {given_options[0]}",
        f"{letter}: yes",
    ):
        assert chosen(answer, given_options) == at


@settings(max_examples=30, deadline=None)
@given(given_options=options, order=st.randoms(use_true_random=False))
def test_permuting_the_options_moves_the_choice_with_them(given_options, order):
    moved = list(given_options)
    order.shuffle(moved)
    for word in given_options:
        assert moved[chosen(word, moved)] == given_options[chosen(word, given_options)] == word


@settings(max_examples=30, deadline=None)
@given(text=st.text(alphabet="abcdef ()., ", max_size=30), given_options=options)
def test_any_answer_gives_a_place_or_none(text, given_options):
    assert chosen(text, given_options) in (None, *range(len(given_options)))


@settings(max_examples=30, deadline=None)
@given(given_options=options)
def test_two_options_at_once_choose_none(given_options):
    apart = [word for word in given_options if not any(word != other and word in other for other in given_options)]
    if len(apart) > 1:
        assert chosen(f"{apart[0]} and {apart[1]}", given_options) is None


@settings(max_examples=30, deadline=None)
@given(given_options=options)
def test_a_question_holds_each_option_with_its_letter(given_options):
    asked = asked_options(given_options)
    for number, option in enumerate(given_options):
        assert f"({chr(65 + number)}) {option}" in asked
