"""`hilum read --ask` end to end on films: page, maps, JSON, refusals, and sentences for what cannot be asked."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture

pytest.importorskip("torch")

from hilum.app.ask import AskedRow, ask_films, finding_of, summary
from hilum.app.ask_page import asked_page, heat_image, state_of, tinted
from hilum.core.cache import VARIABLE
from hilum.core.image import Image, MadeBy
from hilum.core.region import Box
from hilum.core.study import Study
from hilum.learn.zero_shot import Answer, questions
from hilum.systems._radzero_folder import write
from tests.app.conftest import Ran
from tests.systems.aligned_toy import toy_model

Run = Callable[..., Ran]
needs_gate = pytest.mark.skipif(find_spec("onnxruntime") is None, reason="the shipped model needs onnxruntime")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(toy_model(small=True), tmp_path_factory.mktemp("aligned"))


def _answer(probability: float, *, calibration: str = "platt-1", box: bool = True) -> Answer:
    heat = np.zeros((20, 10), np.float32)
    heat[4:8, 2:6] = 1.0
    return Answer(
        questions("left <b>effusion</b>")[0], "There is a pleural effusion of the left lung.", probability,
        calibration, 0.3, heat, (4.0, 6.0), Box(2, 4, 6, 8, image="f") if box else None, MadeBy("toy", "1", "cd" * 32),
        ("a remark",),
    )  # fmt: skip


def test_heat_is_clear_where_cold_and_red_where_hot() -> None:
    made = tinted(np.array([[0.0, 1.0]], np.float32))
    assert made.shape == (1, 2, 4)
    assert made[0, 0, 3] == 0
    red, green, _, alpha = made[0, 1].tolist()
    assert red > 200 > green
    assert alpha > 100
    assert 'width="2"' in heat_image(np.zeros((3, 2), np.float32))


@pytest.mark.parametrize(
    ("probability", "calibration", "state"),
    [(0.7, "platt-1", "present"), (0.2, "platt-1", "absent"), (0.9, "", "uncertain")],
)
def test_only_a_calibrated_probability_says_present_or_absent(probability: float, calibration: str, state: str) -> None:
    answer = _answer(probability, calibration=calibration)
    assert state_of(answer) == state
    assert finding_of(answer).state == state
    assert finding_of(answer).probability == probability


def test_the_page_shows_map_box_and_sentence_and_asks_for_nothing() -> None:
    film = Image(np.random.default_rng(0).random((20, 10)).astype(np.float32), view="PA", id="f")
    study = Study("s", "", None, (film,))
    answers = (_answer(0.7), replace(_answer(0.2, box=False), calibration=""))
    page = asked_page(study, [(film, answers)], names={"f": "film.png"}, reasons=["other.png: refused"])
    assert page.count("<image ") == 2
    assert page.count("<rect ") == 1
    assert "There is a pleural effusion of the left lung." in page
    assert "platt-1" in page
    assert "uncalibrated" in page
    assert "no box" in page
    assert "other.png: refused" in page
    assert "esearch use only" in page
    assert "<b>effusion" not in page
    assert not re.search(r"(?:src|href)=\"(?!data:|#)", page)


def test_a_box_is_not_drawn_for_what_is_told_absent() -> None:
    film = Image(np.random.default_rng(0).random((20, 10)).astype(np.float32), view="PA", id="f")
    page = asked_page(Study("s", "", None, (film,)), [(film, (_answer(0.2),))], names={"f": "film.png"})
    assert "<rect " not in page
    assert "<image " in page


@needs_gate
def test_a_folder_of_films_is_asked_and_what_fails_is_a_row(
    hilum: Run, film: Callable[..., Path], folder: Path, tmp_path: Path
) -> None:
    films = tmp_path / "films"
    film("a.dcm", films)
    (films / "broken.dcm").write_bytes(b"DICM nonsense" * 40)
    Picture.fromarray(np.full((64, 64), 90, np.uint8)).save(films / "grey.png")
    done = hilum("read", "--ask", "right lung nodule", "--model", folder, films, "-o", tmp_path / "out", "--json")
    assert done.code == 1
    told = {row["status"]: row for row in json.loads(done.out)["studies"]}
    assert set(told) >= {"read", "refused"}
    (answer,) = told["read"]["answers"]
    assert answer["sentence"] == "There is a lung nodule of the right lung."
    assert 0 <= answer["probability"] <= 1
    assert answer["calibrated"] == answer["calibration"].startswith("platt-")
    place = tmp_path / "out" / told["read"]["folder"]
    assert (place / "page.html").is_file()
    shown = Picture.open(place / "map-1-1.png")
    assert shown.mode == "RGBA"
    record = json.loads((place / "answers.json").read_text())
    assert record["caution"].startswith("Research use only")
    assert record["answers"][0]["map"] == "map-1-1.png"
    assert record["answers"][0]["model"]["sha256"] == json.loads((folder / "card.json").read_text())["sha256"]
    lines = (tmp_path / "out" / "answers.jsonl").read_text().splitlines()
    assert len(lines) == len(json.loads(done.out)["studies"])
    assert "refused" in (tmp_path / "out" / "index.html").read_text()


def test_what_was_answered_before_an_interruption_is_listed(folder: Path, tmp_path: Path) -> None:
    films = tmp_path / "films"
    films.mkdir()
    (films / "a.txt").write_text("no film")
    (films / "b.txt").write_text("no film either")

    def stop(row: AskedRow, number: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ask_films([films / "a.txt", films / "b.txt"], tmp_path / "o", text="pleural effusion", model=folder,
                  on_row=stop)  # fmt: skip
    listed = (tmp_path / "o" / "answers.jsonl").read_text().splitlines()
    assert [json.loads(line)["status"] for line in listed] == ["failed"]
    assert (tmp_path / "o" / "index.html").is_file()


@needs_gate
def test_the_same_question_gives_the_same_bytes(
    hilum: Run, film: Callable[..., Path], folder: Path, tmp_path: Path
) -> None:
    one = film("a.dcm")
    for name in ("first", "again"):
        done = hilum("read", "--ask", "lung nodule. left effusion", "--model", folder, one, "-o", tmp_path / name)
        assert done.code == 0
        assert "There is a lung nodule." in done.out
        assert "1 read" in done.out
    paths = [sorted(path for path in (tmp_path / name).rglob("*") if path.is_file()) for name in ("first", "again")]
    for ours, theirs in zip(*paths, strict=True):
        assert ours.name == "run.json" or ours.read_bytes() == theirs.read_bytes()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--ask", "tuberculosis"), "never told of 'tuberculosis'"),
        (("--ask", "what is the weather"), "names no finding"),
        (("--ask", "lung nodule", "--prior", "x.dcm"), "--prior cannot go with --ask"),
        (("--ask", "lung nodule", "--resume", "--workers", "2"), "--resume and --workers cannot go"),
        ((), "--model names whom to ask"),
    ],
)
def test_what_cannot_be_asked_is_one_sentence(
    hilum: Run, folder: Path, tmp_path: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    done = hilum("read", "--example", *arguments, "--model", folder, "-o", tmp_path / "out")
    assert done.code == 1
    assert sentence in done.err
    assert "Traceback" not in done.err
    assert not (tmp_path / "out" / "index.html").exists()


def test_without_a_model_it_names_the_command_that_makes_one(
    hilum: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    done = hilum("read", "--example", "--ask", "left effusion", "-o", tmp_path / "out")
    assert done.code == 2
    assert "hilum train radzero" in done.err


def test_the_summary_of_nothing_is_still_a_sentence(tmp_path: Path) -> None:
    assert "esearch use only" in summary([], tmp_path)
