"""The contact sheet of the scenes: it draws boxes where they are, and its figures come out."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image as Picture

from hilum.core.region import Box
from hilum.phantom.scenes import scenes
from hilum.phantom.scenes_facts import CONCEPTS, Fact

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "scenes_sheet.py"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("scenes_sheet", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_column_holds_both_films_and_the_boxes_in_their_colours(script: ModuleType) -> None:
    study = next(each for each in scenes(10, size=32) if each.findings[1].state == "present")
    drawn = np.asarray(script.column(study))
    rows, columns = study.films[0].pixels.shape
    assert drawn.shape == (2 * rows * script.TIMES, columns * script.TIMES, 3)
    colour = tuple(int(script.COLOURS["pleural effusion"][at : at + 2], 16) for at in (1, 3, 5))
    where = np.argwhere((drawn[: rows * script.TIMES] == colour).all(-1))
    box = next(each for each in study.findings[1].regions if isinstance(each, Box) and each.image.endswith("pa"))
    top, left = where.min(0) / script.TIMES
    low, right = (where.max(0) + 1) / script.TIMES
    assert (left, top, right, low) == box.corners


def test_the_sheet_stands_in_rows_of_six(script: ModuleType) -> None:
    few = scenes(6, size=32)[:7]
    made = script.sheet(few)
    rows, columns = few[0].films[0].pixels.shape
    assert made.width == 6 * (columns * script.TIMES + script.GAP) - script.GAP
    assert made.height == 2 * (2 * rows * script.TIMES + script.GAP) - script.GAP


def test_every_concept_has_a_colour_of_its_own(script: ModuleType) -> None:
    assert set(script.COLOURS) == set(CONCEPTS)
    assert len(set(script.COLOURS.values())) == len(CONCEPTS)


def test_the_contrast_of_a_fact_is_that_of_the_tests(script: ModuleType) -> None:
    small = Fact("pleural effusion", 1, -1)
    frontal, lateral = (script.contrast(small, view, 3) for view in ("PA", "LL"))
    assert lateral[0] > 2 * frontal[0]
    assert script.contrast(Fact("pleural effusion", 0, -1), "PA", 1) == (0.0, 0.0)
    told = script.healthy(small)
    assert tuple(fact.concept for fact in told) == CONCEPTS
    assert [fact.grade for fact in told] == [0, 1, 0, 0, 0, 0]


def test_the_command_writes_a_picture_and_tells_the_reports(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["scenes_sheet.py", "-o", str(tmp_path / "new" / "s.png"), "--size", "32"])
    script.main()
    told = capsys.readouterr().out
    assert "effusion" in told
    assert "written:" in told
    assert Picture.open(tmp_path / "new" / "s.png").size[0] > 500


@pytest.mark.slow
def test_the_figures_of_the_page_come_out(script: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    script.figures(8, 0)
    told = capsys.readouterr().out
    assert "single-image floor: accuracy 0." in told
    assert "hides on the frontal" in told
    assert told.count("frontal 0.") >= 14
