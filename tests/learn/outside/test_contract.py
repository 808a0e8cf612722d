"""Request and answer of a published reader as files: what is written, what is accepted, and what is named as wrong."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Picture

from hilum.core.errors import HilumError, InputError
from hilum.core.image import Image, MadeBy, Window
from hilum.learn.outside.asking import Asking
from hilum.learn.outside.contract import CONTRACT, LARGEST_ANSWER, check, read_answer, write_request
from hilum.learn.outside.published import Published

BY = MadeBy("outside:fake", "1")
FILM = Image(np.linspace(0, 1, 12 * 20).reshape(12, 20), view="PA", id="film")  # type: ignore[arg-type]
LATERAL = Image(np.zeros((8, 6)), view="LL", id="side")  # type: ignore[arg-type]
ASKING = Asking("findings", (("cur_front", FILM),), {"indication": "cough"})
ROW = Published("fake", "nobody/fake", "made", ("", ""), (), tasks=("findings", "answer"),
                roles=("cur_lat", "cur_front"), sections=("indication", "comparison"))  # fmt: skip


def answer(folder: Path, content: object) -> Path:
    path = folder / "3.answer.json"
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return path


def said(folder: Path, **told: object):
    return read_answer(answer(folder, {"contract": 1, "id": 3, "text": "x", **told}), 3, ASKING, BY)


def test_a_request_holds_every_field_and_its_films_beside_it(tmp_path: Path) -> None:
    asking = Asking("choice", (("cur_front", FILM), ("cur_lat", LATERAL)), {"indication": "cough"}, "Which?",
                    ("a", "b"), ("Normal.",))  # fmt: skip
    told = json.loads(write_request(asking, 3, tmp_path).read_text())
    assert told == {
        "contract": CONTRACT, "id": 3, "task": "choice", "sections": {"indication": "cough"}, "question": "Which?",
        "choices": ["a", "b"], "examples": ["Normal."],
        "images": [{"role": "cur_front", "file": "3-0.png", "rows": 12, "columns": 20, "view": "PA"},
                   {"role": "cur_lat", "file": "3-1.png", "rows": 8, "columns": 6, "view": "LL"}],
    }  # fmt: skip
    assert sorted(path.name for path in tmp_path.iterdir()) == ["3-0.png", "3-1.png", "3.request.json"]


def test_films_are_written_as_a_viewer_shows_them(tmp_path: Path) -> None:
    negative = Image(np.array([[100.0, 200.0], [300.0, 400.0]]), window=Window(250, 300, "LINEAR_EXACT"), inverted=True,
                     view="PA", id="negative")  # type: ignore[arg-type]  # fmt: skip
    write_request(Asking("findings", (("cur_front", negative),)), 0, tmp_path)
    written = np.asarray(Picture.open(tmp_path / "0-0.png"))
    assert written.tolist() == np.rint(negative.display() * 255).astype(int).tolist()
    assert written[0, 0] > written[1, 1]  # low values are bright


def test_large_films_go_in_full(tmp_path: Path) -> None:
    wide = Image(np.zeros((20, 3000)), view="PA", id="wide")  # type: ignore[arg-type]
    write_request(Asking("findings", (("cur_front", wide),)), 0, tmp_path)
    assert Picture.open(tmp_path / "0-0.png").size == (3000, 20)


def test_what_a_reader_does_not_take_is_left_out_and_films_come_in_its_order() -> None:
    asking = Asking("findings", (("cur_front", FILM), ("prior_front", FILM), ("cur_lat", LATERAL)),
                    {"indication": "a", "technique": "b", "comparison": "c"})  # fmt: skip
    kept = check(ROW, asking)
    assert [role for role, _ in kept.films] == ["cur_lat", "cur_front"]
    assert kept.sections == {"indication": "a", "comparison": "c"}
    assert asking.sections["technique"] == "b"  # the request itself is as it was


@pytest.mark.parametrize("asking, words", [
    (Asking("impression", ASKING.films), "does not do 'impression': it does findings, answer"),
    (Asking("findings", (("prior_front", FILM),)), "takes films as cur_lat, cur_front, the request has prior_front"),
    (Asking("findings"), "the request has none"),
])  # fmt: skip
def test_what_it_cannot_be_asked_is_named(asking: Asking, words: str) -> None:
    with pytest.raises(InputError, match=words):
        check(ROW, asking)


def test_an_answer_is_signed_and_trimmed(tmp_path: Path) -> None:
    made = said(tmp_path, text="  The lungs are clear.\n")
    assert (made.text, made.made_by, made.boxes, made.problem) == ("The lungs are clear.", BY, (), "")


@pytest.mark.parametrize("content, words", [
    (b"", "something else than JSON"), (b"{", "something else than JSON"), (b"\xff\xfe", "something else than JSON"),
    (b"[" * 100_000, "something else than JSON"), ([], "out of turn"), ("text", "out of turn"), (None, "out of turn"),
    ({}, "out of turn"), ({"contract": 2, "id": 3, "text": "x"}, "out of turn"),
    ({"contract": 1, "id": 2, "text": "x"}, "expected contract 1 and id 3"),
    ({"contract": 1, "id": "3", "text": "x"}, "out of turn"), ({"contract": 1, "id": 3}, "without a text"),
    ({"contract": 1, "id": 3, "text": 7}, "without a text"),
    ({"contract": 1, "id": 3, "text": ["x"]}, "without a text"),
])  # fmt: skip
def test_what_is_no_answer_is_named_with_who_gave_it(tmp_path: Path, content: object, words: str) -> None:
    with pytest.raises(InputError, match=words) as error:
        read_answer(answer(tmp_path, content), 3, ASKING, BY)
    assert "outside:fake" in str(error.value)
    assert len(str(error.value)) < 400


def test_an_endless_answer_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "3.answer.json"
    with path.open("wb") as file:
        file.truncate(LARGEST_ANSWER + 1)
    with pytest.raises(InputError, match="more than 4,194,304 bytes"):
        read_answer(path, 3, ASKING, BY)


def test_an_error_of_the_reader_is_told_in_short(tmp_path: Path) -> None:
    with pytest.raises(HilumError, match="could not answer: out of memory") as error:
        said(tmp_path, error="out of memory " + "x" * 5_000)
    assert len(str(error.value)) < 500


@pytest.mark.parametrize("boxes, kept, wrong", [
    ([[1, 2, 3, 4]], [(1, 2, 3, 4)], 0), ([[-9, -9, 99, 99]], [(0, 0, 20, 12)], 0), ([], [], 0),
    ([["1", "2", "3", "4"]], [(1, 2, 3, 4)], 0), ([[3, 2, 1, 4]], [], 1), ([[1, 2, 3]], [], 1), ([None], [], 1),
    ([[1, 2, 3, 4], "no", [0, 0, 1, 1]], [(1, 2, 3, 4), (0, 0, 1, 1)], 1), ("no", [], 1), ({"a": 1}, [], 1),
    ([[float("inf"), 0, 1, 1]], [], 1), ([[30, 0, 40, 5]], [], 1),
])  # fmt: skip
def test_boxes_are_cut_to_the_film_and_the_others_named(
    tmp_path: Path, boxes: object, kept: list[tuple[float, ...]], wrong: int
) -> None:
    made = said(tmp_path, boxes=boxes)
    assert [box.corners for box in made.boxes] == kept
    assert all(box.image == "film" for box in made.boxes)
    assert made.problem.count("no box on a film of 20 x 12") == wrong


@given(st.lists(st.floats(-50, 50), min_size=4, max_size=4))
def test_no_box_ever_leaves_the_film(tmp_path_factory: pytest.TempPathFactory, corners: list[float]) -> None:
    made = said(tmp_path_factory.mktemp("box"), boxes=[corners])
    for box in made.boxes:
        assert 0 <= box.x0 < box.x1 <= 20
        assert 0 <= box.y0 < box.y1 <= 12
    assert len(made.boxes) + made.problem.count("no box") == 1
