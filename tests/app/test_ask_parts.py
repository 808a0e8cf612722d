"""The parts of `hilum read --ask`: rows, the closing lines, colours, and options that do not go with it."""

from __future__ import annotations

import base64
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Picture

from hilum.app.ask import AskedRow, finding_of, summary
from hilum.app.ask_command import run
from hilum.app.ask_page import HEAT_SIDE, heat_image, tinted
from hilum.core.errors import InputError
from hilum.core.image import MadeBy
from hilum.core.region import Box
from hilum.learn.zero_shot import Answer, Question


def _answer(probability: float, calibration: str = "platt-1", box: Box | None = None) -> Answer:
    asked = Question("left nodule", "lung nodule", "left")
    return Answer(asked, "There is a lung nodule of the left lung.", probability, calibration, 0.5,
                  np.zeros((4, 4), np.float32), (1.0, 2.0), box, MadeBy("toy", "1", "ab" * 32))  # fmt: skip


def test_a_row_is_json_with_each_film_and_without_its_picture() -> None:
    row = AskedRow("s", "read", ("a.dcm", "b.dcm"), "b.dcm: broken", "s", (("a.dcm", (_answer(0.7), _answer(0.1))),),
                   "data:picture")  # fmt: skip
    told = json.loads(json.dumps(row.line()))
    assert set(told) == {"name", "status", "files", "reason", "folder", "answers"}
    assert [(each["film"], each["probability"]) for each in told["answers"]] == [("a.dcm", 0.7), ("a.dcm", 0.1)]
    assert told["files"] == ["a.dcm", "b.dcm"]


def test_the_closing_lines_say_answer_box_and_reason_and_count_all(tmp_path: Path) -> None:
    rows = [AskedRow("s", "read", ("a.dcm",), answers=(("a.dcm", (_answer(0.71, box=Box(1, 2, 30, 40)),)),)),
            AskedRow("t", "read", ("b.dcm",), answers=(("b.dcm", (_answer(0.2, ""),)),)),
            AskedRow("u", "refused", ("c.png",), "c.png: no chest film"), AskedRow("v", "failed")]  # fmt: skip
    lines = summary(rows, tmp_path).splitlines()
    assert lines[0].endswith("There is a lung nodule of the left lung. 0.71 (platt-1); box 1, 2, 30, 40")
    assert lines[1].endswith("0.20 (uncalibrated); no box: the map is nowhere high enough")
    assert lines[2].split() == ["refused", "c.png", "c.png:", "no", "chest", "film"]
    assert lines[3].split() == ["failed", "v"]
    assert lines[-2].startswith("2 read, 1 refused, 1 failed.")
    assert str(tmp_path / "index.html") in lines[-1]


@pytest.mark.parametrize(("count", "more"), [(40, ""), (43, "... and 3 more in")])
def test_more_than_forty_rows_are_counted_not_listed(tmp_path: Path, count: int, more: str) -> None:
    said = summary([AskedRow(f"s{at}", "failed", reason="broken") for at in range(count)], tmp_path)
    assert said.count("broken") == 40
    assert ("more in" in said) is bool(more)
    assert more in said
    assert f"{count} failed." in said


@settings(max_examples=30, deadline=None)
@given(st.floats(0, 1, width=32), st.floats(0, 1, width=32))
def test_hotter_is_never_clearer_nor_less_red(one: float, two: float) -> None:
    cold, hot = tinted(np.array([[min(one, two), max(one, two)]], np.float32))[0].astype(int)
    assert cold[3] <= hot[3] <= 165
    assert cold[1] >= hot[1]
    assert cold[0] == hot[0] == 255


@pytest.mark.parametrize("shape", [(8, 5), (1200, 600), (300, 1000)])
def test_the_map_on_the_page_has_the_films_shape_and_few_pixels(shape: tuple[int, int]) -> None:
    heat = np.zeros(shape, np.float32)
    heat[: shape[0] // 2] = 1
    told = str(heat_image(heat))
    assert f'width="{shape[1]}"' in told
    assert f'height="{shape[0]}"' in told
    found = re.search(r"base64,([^\"]+)", told)
    assert found
    picture = Picture.open(io.BytesIO(base64.b64decode(found[1])))
    assert max(picture.size) == min(HEAT_SIDE, max(shape))
    alpha = np.asarray(picture)[..., 3]
    assert alpha[0].min() == 165
    assert alpha[-1].max() == 0


def test_an_answer_as_a_finding_keeps_box_calibration_and_model() -> None:
    box = Box(1, 2, 3, 4, image="f")
    sure, bare = finding_of(_answer(0.5, box=box)), finding_of(_answer(0.5, ""))
    assert (sure.state, sure.regions, sure.calibration) == ("present", (box,), "platt-1")
    assert (bare.state, bare.regions, bare.calibration) == ("uncertain", (), "uncalibrated")
    assert sure.made_by == MadeBy("toy", "1", "ab" * 32)


@pytest.mark.parametrize(
    ("text", "unused", "sentence"),
    [("", (), "say what with --ask"), ("nodule", ("--prior", "--gsps"), "--prior and --gsps cannot go with --ask")],
)
def test_options_are_judged_before_anything_is_opened_or_written(
    tmp_path: Path, text: str, unused: tuple[str, ...], sentence: str
) -> None:
    out = tmp_path / "out"
    with pytest.raises(InputError, match=sentence):
        run([tmp_path / "none.dcm"], out, text, tmp_path, unused, keep_identifiers=False, as_json=False, quiet=True)
    assert not out.exists()
