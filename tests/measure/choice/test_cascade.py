"""From words to an option: each rule of the cascade, what contradicts itself, and what cannot be read."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.measure.choice.cascade import bare, read_choice

PLACES = ("A. left lung", "B. right lung", "C. both lungs", "D. neither lung")
FINDINGS = ("pleural effusion", "effusion", "lung mass", "mass")
RANGES = ("A. 0.35 to 0.45", "B. 0.45 to 0.50", "C. 0.50 to 0.57", "D. 0.57 to 0.70")


@pytest.mark.parametrize(
    ("said", "number", "how"),
    [
        ("B", 1, "letter"),
        ("b", 1, "letter"),
        (" B. ", 1, "letter"),
        ("(B)", 1, "letter"),
        ("[B]", 1, "letter"),
        ("**B**", 1, "letter"),
        ("'B'", 1, "letter"),
        ("B:", 1, "letter"),
        ("_B_", 1, "letter"),
        ("B. right lung", 1, "letter"),
        ("B) right lung", 1, "letter"),
        ("(B) right lung", 1, "letter"),
        ("b: Right Lung", 1, "letter"),
        ("E", None, "invalid"),
        ("Z.", None, "invalid"),
        ("The answer is C", 2, "answer is"),
        ("The answer is C.", 2, "answer is"),
        ("the answer is (C)", 2, "answer is"),
        ("Answer: C".replace("A", "a", 1), 2, "answer is"),
        ("answer = C", 2, "answer is"),
        ("I think the correct option is D, not B", 3, "answer is"),
        ("The right choice is option D.", 3, "answer is"),
        ("final answer is **D**", 3, "answer is"),
        ("The answer is C. To say it again: the answer is C.", 2, "answer is"),
        ("The answer is C. On second thought the answer is D.", None, "invalid"),
        ("The answer is not C, the answer is A", 0, "answer is"),
        ("The answer is E", None, "invalid"),
        ("It lies in the right lung.", 1, "option text"),
        ("RIGHT LUNG", 1, "option text"),
        ("right  lung!", 1, "option text"),
        ("It is in the left lung and in the right lung", None, "invalid"),
        ("the upright lungs", None, "invalid"),
        ("not the left lung but the right lung", 1, "option text"),
        ("it is not the right lung", None, "invalid"),
        ("", None, "invalid"),
        ("   ", None, "invalid"),
        ("I cannot tell", None, "invalid"),
        ("A film of the chest", None, "invalid"),
        ("A. right lung", None, "invalid"),
        ("C. left lung", None, "invalid"),
        ("The answer is a matter of taste", None, "invalid"),
    ],
)
def test_places(said: str, number: int | None, how: str) -> None:
    assert read_choice(said, PLACES) == (number, how)


@pytest.mark.parametrize(
    ("said", "number"),
    [
        ("yes", 0),
        ("Yes.", 0),
        ("YES!", 0),
        ("no", 1),
        ("No, it is not.", 1),
        ("yes and no", None),
        ("A", 0),
        ("b", 1),
        ("C", None),
        ("The answer is B", 1),
        ("the answer is yes", 0),
        ("eyes", None),
        ("nodule", None),
        ("maybe", None),
    ],
)
def test_yes_and_no(said: str, number: int | None) -> None:
    """Closed questions of other sets, whose choices have no letters."""
    assert read_choice(said, ("yes", "no")).number == number


@pytest.mark.parametrize(
    "form", ["{}", "<b>{}</b>", "1. {}", "- {}", "\\boxed{{{}}}", "#### {}", "{}\n\nBecause it is."]
)
def test_an_options_own_words_are_found_in_any_dress(form: str) -> None:
    assert read_choice(form.format("right lung"), PLACES).number == 1


@pytest.mark.parametrize(
    ("said", "number"),
    [
        ("Let me think. The left lung is clear. The answer is B.", 1),
        ("A is wrong, B is wrong, so the answer is (D).", 3),
        ("The correct choice is C: both lungs", 2),
        ("The answer is B. right lung", 1),
        ("the answer is: B", 1),
        ("My answer: D", 3),
        ("ANSWER: D", 3),
        ("Answer:\nB", 1),
        ("answer is option C", 2),
        ("The Answer Is (A)", 0),
        ("Is the answer Important?", None),
    ],
)
def test_reasoning_before_the_answer_does_not_count(said: str, number: int | None) -> None:
    assert read_choice(said, PLACES).number == number


@pytest.mark.parametrize(
    ("said", "number"),
    [
        ("pleural effusion", 0),
        ("there is a pleural effusion", 0),
        ("effusion", 1),
        ("a lung mass", 2),
        ("some mass", 3),
        ("pleural effusion and an effusion", None),
        ("no pleural effusion, but a mass", 3),
        ("without effusion there is a lung mass", 2),
        ("mass effect and masses", 3),
    ],
)
def test_a_longer_option_hides_a_shorter_one_in_it(said: str, number: int | None) -> None:
    assert read_choice(said, FINDINGS).number == number


@pytest.mark.parametrize(
    ("said", "number"),
    [
        ("0.45 to 0.50", 1),
        ("The ratio is in 0.45 to 0.50.", 1),
        ("C", 2),
        ("D. 0.57 to 0.70", 3),
        ("0.35 to 0.45", 0),
        ("0.45", None),
        ("between 0.50 and 0.57", None),
    ],
)
def test_ranges(said: str, number: int | None) -> None:
    assert read_choice(said, RANGES).number == number


@pytest.mark.parametrize(
    ("choice", "text"),
    [
        ("A. left lung", "left lung"),
        ("B) left lung", "left lung"),
        ("(C) left lung", "left lung"),
        ("d: left lung", "left lung"),
        ("left lung", "left lung"),
        ("  A.  left lung ", "left lung"),
        ("a left lung", "a left lung"),
        ("T10 vertebra", "T10 vertebra"),
        ("0.45 to 0.50", "0.45 to 0.50"),
    ],
)
def test_a_letter_comes_off_and_nothing_else(choice: str, text: str) -> None:
    assert bare(choice) == text


@pytest.mark.parametrize("choices", [PLACES, RANGES, ("yes", "no"), FINDINGS])
def test_every_choice_is_read_as_itself(choices: tuple[str, ...]) -> None:
    assert [read_choice(each, choices).number for each in choices] == list(range(len(choices)))


@pytest.mark.parametrize("choices", [PLACES, RANGES, FINDINGS[:1] + FINDINGS[2:3]])
def test_every_choice_is_read_without_its_letter(choices: tuple[str, ...]) -> None:
    assert [read_choice(bare(each), choices).number for each in choices] == list(range(len(choices)))


@given(st.integers(0, 3), st.sampled_from(["{}", "{}.", "({})", "[{}]", "The answer is {}.", "answer: {}", "*{}*"]))
def test_letters_are_read_whatever_the_options_say(number: int, form: str) -> None:
    words = ("zeta", "theta", "iota", "kappa")
    assert read_choice(form.format("ABCD"[number]), words).number == number


@given(st.text(max_size=60))
def test_no_text_breaks_it_and_none_names_an_option_that_is_not_there(text: str) -> None:
    told = read_choice(text, PLACES)
    assert told.number in (None, 0, 1, 2, 3)
    assert (told.number is None) == (told.how == "invalid")


@given(st.text(alphabet=string.ascii_lowercase + " ", max_size=40).filter(lambda text: "lung" not in text))
def test_small_talk_of_more_than_a_letter_names_nothing(text: str) -> None:
    if len(text.strip()) > 1:
        assert read_choice(text, PLACES).number is None
