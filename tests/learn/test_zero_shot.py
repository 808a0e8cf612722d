"""Questions in words, and answers of a model whose every number is known: its map is the film, its logit a mean."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from hilum.core.cache import VARIABLE
from hilum.core.errors import InputError, MissingError, RefusedError
from hilum.core.image import Image, MadeBy
from hilum.learn.calibrate import Platt
from hilum.learn.zero_shot import (
    Answer,
    ask,
    box_of,
    calibration_of,
    open_aligned,
    questions,
    remember,
    sentence_for,
    shown,
)

PLATT: dict[str, Any] = {"slope": 2.0, "offset": -1.0, "fitted_on": "by hand", "films": 10, "positives": 5}


class Brightness:
    """A model whose map is the film in logits of 10, and whose logit is the mean of the half that is asked for."""

    made_by = MadeBy("brightness", "1", "ab" * 32)

    def __init__(self, **more: Any) -> None:
        self.card: Mapping[str, Any] = {
            "size": 16, "views": ["PA", "AP"], "concepts": {"pleural effusion": 3, "lung nodule": 2},
            "calibration": {"pleural effusion": PLATT, "lung nodule, sided": PLATT},
            "map": {"threshold": 5.0, "low": 0.0, "high": 10.0}, **more,
        }  # fmt: skip

    def match(
        self, films: NDArray[np.float32], sentences: Sequence[str]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        half = films.shape[-1] // 2
        means = [
            films[..., :half] if "right" in each else films[..., half:] if "left" in each else films
            for each in sentences
        ]
        return (
            np.stack([each.mean((1, 2)) for each in means], axis=1),
            np.repeat(films[:, None] * 10.0, len(sentences), axis=1).astype(np.float32),
        )

    def words_unknown(self, sentence: str) -> tuple[str, ...]:
        return tuple(word for word in ("lingula", "apex") if word in sentence)


def _film(view: str = "PA") -> Image:
    pixels = np.zeros((32, 32), np.float32)
    pixels[8:16, 4:12] = 1.0  # the patient's right, above
    return Image(pixels, view=view, id="f")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("right upper lobe nodule", [("lung nodule", "right", "upper lobe")]),
        ("is there an effusion on the left?", [("pleural effusion", "left", "")]),
        ("enlarged heart", [("cardiomegaly", "", "")]),
        ("left pneumothorax or effusion", [("pneumothorax", "left", ""), ("pleural effusion", "left", "")]),
        ("bilateral pleural effusion", [("pleural effusion", "right", ""), ("pleural effusion", "left", "")]),
        ("nodule. nodule.", [("lung nodule", "", "")]),
    ],
)
def test_questions_are_findings_at_places(text: str, expected: list[tuple[str, str, str]]) -> None:
    assert [(each.concept, each.side, each.zone) for each in questions(text)] == expected


@pytest.mark.parametrize("text", ["", "   ", "is the patient happy", "how old is she?", "x" * 3000])
def test_what_names_no_finding_is_one_sentence(text: str) -> None:
    with pytest.raises(InputError, match=r"name a finding|names no finding") as error:
        questions(text)
    assert len(str(error.value)) < 300


@pytest.mark.parametrize(
    ("text", "remark"),
    [("no pneumothorax", "absence"), ("worsening left effusion", "change"), ("large effusion 3 cm", "size")],
)
def test_what_is_not_looked_for_is_said(text: str, remark: str) -> None:
    found = questions(text)
    assert any(remark in each for each in found[0].remarks)


def test_the_sentence_is_the_minimal_one() -> None:
    sentence, stands, remarks = sentence_for(Brightness(), questions("right lower lobe nodule")[0])
    assert sentence == "There is a lung nodule of the right lower lobe."
    assert (stands.side, stands.zone, remarks) == ("right", "lower lobe", ())


def test_a_place_without_words_is_left_out_and_said() -> None:
    asked = questions("nodule in the right apex")[0]
    assert asked.zone == "apex"
    sentence, stands, remarks = sentence_for(Brightness(), asked)
    assert sentence == "There is a lung nodule of the right lung."
    assert (stands.side, stands.zone) == ("right", "")
    assert "asked without zone" in remarks[0]


def test_what_a_model_was_never_told_of_is_refused_unless_it_reads_any_text() -> None:
    asked = questions("tuberculosis")[0]
    with pytest.raises(InputError, match=r"never told of 'tuberculosis'.*lung nodule, pleural effusion"):
        sentence_for(Brightness(), asked)
    sentence, _, remarks = sentence_for(Brightness(open=True), asked)
    assert "tuberculosis" in sentence
    assert "never told" in remarks[0]


def test_probability_comes_from_the_calibration_that_fits_the_question() -> None:
    model = Brightness()
    plain, sided, zoned = (questions(text)[0] for text in ("effusion", "left effusion", "right upper lobe nodule"))
    assert calibration_of(model.card, plain) == Platt(**PLATT)
    assert calibration_of(model.card, sided) is None
    assert calibration_of(model.card, zoned) is None
    assert calibration_of(model.card, questions("right nodule")[0]) == Platt(**PLATT)


def _answers(text: str, **more: Any) -> tuple[Answer, ...]:
    return ask(Brightness(**more), _film(), questions(text))


def test_answer_of_a_known_model() -> None:
    (answer,) = _answers("effusion")
    mean = 64 / 1024  # of the film, and of its frame
    assert answer.logit == pytest.approx(mean, abs=0.02)
    assert answer.probability == pytest.approx(1 / (1 + math.exp(-(2 * answer.logit - 1))))
    assert answer.calibration == Platt(**PLATT).id
    assert answer.heat.shape == (32, 32)
    assert answer.heat[12, 8] == pytest.approx(1.0)
    assert answer.heat[28, 28] == 0
    assert answer.box is not None
    assert answer.box.corners == pytest.approx((4, 8, 12, 16), abs=1.5)
    assert answer.box.image == "f"
    assert 4 <= answer.peak[0] <= 12
    assert 8 <= answer.peak[1] <= 16


def test_the_prompted_side_moves_the_score() -> None:
    right, left = _answers("right nodule. left nodule.")
    assert right.logit > left.logit
    assert right.probability > left.probability


def test_without_a_calibration_it_says_so() -> None:
    (answer,) = _answers("right upper lobe nodule")
    assert answer.calibration == ""
    assert answer.probability == pytest.approx(1 / (1 + math.exp(-answer.logit)), abs=1e-6)
    assert any("uncalibrated" in each for each in answer.remarks)
    told = answer.to_json()
    assert told["calibrated"] is False
    assert told["calibration"] is None
    assert json.loads(json.dumps(told))["model"]["sha256"] == "ab" * 32


def test_no_box_where_the_map_is_nowhere_high_enough() -> None:
    (answer,) = _answers("effusion", map={"threshold": 11.0, "low": 0.0, "high": 10.0})
    assert answer.box is None
    assert answer.to_json()["box"] is None


def test_a_box_is_of_the_part_that_holds_the_peak() -> None:
    spread = np.zeros((8, 8), np.float32)
    spread[1:3, 1:3], spread[5:7, 4:8] = 2.0, 3.0
    box = box_of(spread, 1.0)
    assert box is not None
    assert box.corners == (4, 5, 8, 7)
    assert box_of(spread, 3.0) is None


def test_heat_is_on_the_scale_of_the_card() -> None:
    card = {"map": {"low": -1.0, "high": 3.0}}
    assert shown(np.array([[-5.0, -1.0, 1.0, 9.0]], np.float32), card).tolist() == [[0.0, 0.0, 0.5, 1.0]]


def test_views_that_a_model_never_saw_and_empty_films_are_refused() -> None:
    with pytest.raises(RefusedError, match="PA and AP films only, this one is LL"):
        ask(Brightness(), _film("LL"), questions("effusion"))
    with pytest.raises(RefusedError, match="empty"):
        ask(Brightness(), Image(np.full((8, 8), 3.0, np.float32), view="PA", id="e"), questions("effusion"))
    (answer,) = ask(Brightness(), _film("unknown"), questions("effusion"))
    assert any("view unknown" in each for each in answer.remarks)


def test_folders_that_hold_no_aligned_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "cache"))
    with pytest.raises(MissingError, match="hilum train radzero"):
        open_aligned()
    with pytest.raises(MissingError, match=r"no card\.json"):
        open_aligned(tmp_path)
    (tmp_path / "card.json").write_text("{}")
    with pytest.raises(InputError, match="names no system"):
        open_aligned(tmp_path)
    (tmp_path / "card.json").write_text('{"system": "embedded"}')
    with pytest.raises(InputError, match="cannot be asked"):
        open_aligned(tmp_path)
    remember(tmp_path)
    with pytest.raises(InputError, match="cannot be asked"):
        open_aligned()
