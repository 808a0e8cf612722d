"""What a request becomes in words, and what is read out of an answer: choices, boxes, and what is no instruction."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.core.errors import InputError
from hilum.learn.outside.asking import Asking
from hilum.learn.outside.wording import boxes_in, choice_in, prompt_of

SIDES = ("Right", "Left", "Both sides", "None")
SENTENCES = st.text(alphabet="ab <>\n{}0", max_size=40)


@pytest.mark.parametrize("text, expected", [
    ("B", "Left"), ("b)", "Left"), ("(C)", "Both sides"), ("Answer: A", "Right"), ("The answer is D.", "None"),
    ("B) Left", "Left"), ("left", "Left"), ("It is on the left.", "Left"), ("**A**", "Right"), ("[B]", "Left"),
    ("right or left", None), ("E", None), ("", None), ("I cannot tell", None), ("Both sides", "Both sides"),
    ("Option C: both sides", "Both sides"),
])  # fmt: skip
def test_choices_are_read_by_letter_or_in_full(text: str, expected: str | None) -> None:
    assert choice_in(text, SIDES) == expected


def test_a_choice_within_a_longer_one_is_not_meant() -> None:
    choices = ("effusion", "pleural effusion", "pneumothorax")
    assert choice_in("There is a pleural effusion.", choices) == "pleural effusion"
    assert choice_in("pleural effusion", choices) == "pleural effusion"


def test_an_article_is_no_letter() -> None:
    assert choice_in("A left one", ("right", "left")) == "left"
    assert choice_in("A, the left one", ("right", "left")) == "right"  # a letter by itself is what was asked for
    assert choice_in("A is right", ("yes", "no")) == "yes"
    assert choice_in("an effusion on the left", ("right", "left")) == "left"


def test_more_choices_than_letters_are_refused() -> None:
    with pytest.raises(InputError, match="26"):
        choice_in("A", tuple(map(str, range(27))))


@pytest.mark.parametrize("text, boxes", [
    ("(10,20,30,40)", [(20, 40, 60, 80)]), ("[10, 20, 30, 40]", [(20, 40, 60, 80)]),
    ("The box is (10 20 30 40).", [(20, 40, 60, 80)]), ("(30,40,10,20)", [(20, 40, 60, 80)]),
    ("(-5, 20, 300, 40)", [(0, 40, 200, 80)]), ("(1.5,2,3.5,4) and (0,0,1,1)", [(3, 4, 7, 8), (0, 0, 2, 2)]),
])  # fmt: skip
def test_boxes_are_scaled_to_the_film_turned_and_cut(text: str, boxes: list[tuple[float, ...]]) -> None:
    found, problem = boxes_in(text, (100, 100), (200, 200))
    assert [box.corners for box in found] == boxes
    assert problem == ""


@pytest.mark.parametrize("text, words", [
    ("no box", "no box such as"), ("(10,20,10,40)", "no area"), ("(1,2,3)", "no box such as"),
    ("(200,200,300,300)", "no area"),
])  # fmt: skip
def test_what_is_no_box_is_told(text: str, words: str) -> None:
    found, problem = boxes_in(text, (100, 100), (200, 200))
    assert found == ()
    assert words in problem


@given(st.tuples(*[st.integers(0, 60)] * 4))
def test_a_box_survives_the_way_there_and_back(corners: tuple[int, int, int, int]) -> None:
    x0, y0, x1, y1 = corners
    found, _ = boxes_in(f"({x0},{y0},{x1},{y1})", (60, 60), (90, 30))
    if x0 == x1 or y0 == y1:
        assert found == ()
    else:
        (box,) = found
        expected = (min(x0, x1) * 1.5, min(y0, y1) * 0.5, max(x0, x1) * 1.5, max(y0, y1) * 0.5)
        assert box.corners == pytest.approx(expected)


def test_all_that_is_told_is_in_the_prompt_and_between_marks() -> None:
    asking = Asking("choice", (), {"indication": "cough", "prior_report": "clear"}, "Which side?", SIDES, ("Normal.",))
    prompt = prompt_of(asking)
    for each in ("<<<cough>>>", "<<<clear>>>", "<<<Normal.>>>", "Question: Which side?", "A) Right", "D) None"):
        assert each in prompt
    assert "640 pixels wide and 480 pixels high" in prompt_of(Asking("phrase_to_box", (), {}, "nodule"), (640, 480))


@given(SENTENCES)
def test_no_text_of_an_examination_closes_its_own_marks(text: str) -> None:
    prompt = prompt_of(Asking("findings", (), {"indication": text}))
    assert (prompt.count("<<<"), prompt.count(">>>")) == (1, 1)
    assert prompt.endswith("Write the findings section of the report of this film.")


@pytest.mark.parametrize("wrong, words", [
    ({"task": "sing"}, "no reader knows the task 'sing'"),
    ({"task": "findings", "sections": {"name": "x"}}, "'name' is no section"),
    ({"task": "findings", "sections": {"indication": "x" * 4_001}}, "4,001 letters"),
    ({"task": "answer"}, "needs a question"), ({"task": "choice", "question": "?", "choices": ("a",)}, "two choices"),
])  # fmt: skip
def test_what_is_no_request_is_refused(wrong: dict, words: str) -> None:
    with pytest.raises(InputError, match=words):
        Asking(**wrong)
