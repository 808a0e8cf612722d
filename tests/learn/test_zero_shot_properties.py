"""Asking in words: what must hold of any map, any card and any place that a text may name."""

from __future__ import annotations

import json
import math
from collections import deque
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.core.errors import InputError
from hilum.core.image import Image, MadeBy
from hilum.learn.calibrate import Platt
from hilum.learn.zero_shot import ask, box_of, calibration_of, open_aligned, questions, sentence_for, shown

CARD: dict[str, Any] = {
    "size": 32, "views": ["PA"], "concepts": {"lung nodule": 1, "pleural effusion": 1}, "calibration": {},
    "map": {"threshold": 0.5, "low": 0.0, "high": 1.0},
}  # fmt: skip


class Fixed:
    """A model that gives one logit and the film itself as map, and cannot read some words."""

    made_by = MadeBy("fixed", "1", "ef" * 32)

    def __init__(self, logit: float = 0.0, *, unread: tuple[str, ...] = (), **more: Any) -> None:
        self.card = {**CARD, **more}
        self.logit, self.unread = logit, unread

    def match(self, films: np.ndarray, sentences: list[str]) -> tuple[np.ndarray, np.ndarray]:
        count = len(sentences)
        return np.full((len(films), count), self.logit, np.float32), np.repeat(films[:, None], count, axis=1)

    def words_unknown(self, sentence: str) -> tuple[str, ...]:
        return tuple(word for word in self.unread if word in sentence)


def _filled(above: np.ndarray, start: tuple[int, int]) -> set[tuple[int, int]]:
    """The part of a mask that holds a pixel, by flooding from it to its four neighbours."""
    found, queue = {start}, deque([start])
    while queue:
        y, x = queue.popleft()
        for at in ((y + 1, x), (y - 1, x), (y, x + 1), (y, x - 1)):
            inside = 0 <= at[0] < above.shape[0] and 0 <= at[1] < above.shape[1]
            if inside and above[at] and at not in found:
                found.add(at)
                queue.append(at)
    return found


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.1, 0.9))
def test_the_box_is_that_of_the_flooded_part_around_the_peak(seed: int, level: float) -> None:
    spread = np.random.default_rng(seed).random((9, 7)).astype(np.float32)
    y, x = divmod(int(spread.argmax()), 7)
    part = np.array(sorted(_filled(spread > level, (y, x))))
    box = box_of(spread, level, image="f")
    assert box is not None
    assert box.corners == (part[:, 1].min(), part[:, 0].min(), part[:, 1].max() + 1, part[:, 0].max() + 1)
    assert box_of(spread, float(spread.max())) is None
    assert box_of(np.full((3, 3), np.nan, np.float32), 0.0) is None


@settings(max_examples=40, deadline=None)
@given(st.floats(-50, 50), st.floats(-50, 50), st.floats(-5, 5), st.floats(0, 10))
def test_heat_rises_with_the_map_between_nothing_and_full(a: float, b: float, low: float, more: float) -> None:
    card = {"map": {"low": low, "high": low + more}}
    one, two = shown(np.array([[a, b]], np.float32), card)[0]
    assert 0 <= min(one, two) <= max(one, two) <= 1
    assert one <= two or a > b
    assert shown(np.array([[low - 1, low + more + 1]], np.float32), card).tolist() == [[0, 1]]


@pytest.mark.parametrize("logit", [-1e4, -3.0, 0.0, 2.5, 1e4])
@pytest.mark.parametrize("slope", [None, 0.5])
def test_a_probability_is_the_logistic_of_the_logit_however_far(logit: float, slope: float | None) -> None:
    told = {} if slope is None else {"lung nodule": {"slope": slope, "offset": 0.25}}
    pixels = np.zeros((32, 32), np.float32)
    pixels[4:8, 4:8] = 1
    (answer,) = ask(Fixed(logit, calibration=told), Image(pixels, view="PA", id="f"), questions("lung nodule"))
    x = max(-60.0, min(60.0, logit if slope is None else slope * logit + 0.25))
    assert answer.probability == pytest.approx(1 / (1 + math.exp(-x)))
    assert answer.calibration == ("" if slope is None else Platt(0.5, 0.25).id)
    assert any("uncalibrated" in each for each in answer.remarks) is (slope is None)
    assert answer.to_json()["logit"] == round(float(np.float32(logit)), 4)


def test_a_map_lies_on_the_film_also_where_it_is_no_square() -> None:
    pixels = np.zeros((64, 32), np.float32)
    pixels[40:48, 20:28] = 1
    (answer,) = ask(Fixed(), Image(pixels, view="PA", id="f"), questions("lung nodule"))
    assert answer.heat.shape == (64, 32)
    assert answer.box is not None
    assert answer.box.corners == pytest.approx((20, 40, 28, 48), abs=2)
    assert 20 <= answer.peak[0] <= 28
    assert 40 <= answer.peak[1] <= 48


def test_places_without_words_are_dropped_from_the_finest_on() -> None:
    (asked,) = questions("right upper lobe nodule")
    for unread, sentence, said in (
        ((), "There is a lung nodule of the right upper lobe.", ""),
        (("upper",), "There is a lung nodule of the right lung.", "without zone"),
        (("upper", "right"), "There is a lung nodule.", "no words for 'right upper lobe': asked without place"),
    ):
        found, stands, remarks = sentence_for(Fixed(unread=unread), asked)
        assert found == sentence
        assert (stands.zone == "upper lobe") is (not unread)
        assert len(remarks) == bool(said)
        assert said in "".join(remarks)
    with pytest.raises(InputError, match="fixed has no words for 'lung nodule'"):
        sentence_for(Fixed(unread=("nodule",)), asked)


def test_a_calibration_is_of_the_finding_as_it_was_asked() -> None:
    card = {"calibration": {"lung nodule, sided": {"slope": 1.0, "offset": 0.0}}}
    found = {text: calibration_of(card, questions(text)[0]) for text in
             ("nodule", "left nodule", "left upper lobe nodule", "left effusion")}  # fmt: skip
    assert [text for text, platt in found.items() if platt] == ["left nodule"]
    assert calibration_of({}, questions("nodule")[0]) is None


@settings(max_examples=12, deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_questions_or_one_sentence(text: str) -> None:
    try:
        found = questions(text)
    except InputError as error:
        found = ()
        said = any(each in str(error) for each in ("name a finding", "names no finding"))
    else:
        said = bool(found)
    assert said
    assert len({(each.concept, each.side, each.zone) for each in found}) == len(found)


@pytest.mark.parametrize("told", ["[]", "3", "{", "null", "\ufeff{}"])
def test_cards_that_name_no_system_end_in_a_sentence(tmp_path: Path, told: str) -> None:
    (tmp_path / "card.json").write_text(told, encoding="utf-8")
    with pytest.raises(InputError, match="names no system"):
        open_aligned(tmp_path)


def test_an_answer_is_json_without_its_map() -> None:
    pixels = np.random.default_rng(0).random((40, 40)).astype(np.float32)
    answers = ask(Fixed(1.0, map={"threshold": 9.0, "low": 0, "high": 1}), Image(pixels, view="PA", id="f"),
                  questions("no large left effusion. nodule"))  # fmt: skip
    told = json.loads(json.dumps([each.to_json() for each in answers]))
    assert [each["concept"] for each in told] == ["pleural effusion", "lung nodule"]
    assert [each["side"] for each in told] == ["left", ""]
    assert told[0]["remarks"][0].startswith("asked for an absence")
    assert all(each["box"] is None and "heat" not in each for each in told)
