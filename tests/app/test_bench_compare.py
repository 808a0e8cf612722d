"""`hilum bench --compare`: several models against the first, or two finished runs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from hilum.measure.run import run
from tests.app.conftest import Ran
from tests.measure.test_contrast import MADE, pair


def test_models_are_compared_with_the_first(hilum: Callable[..., Ran], tmp_path: Path) -> None:
    command = ["bench", "made/findings", "--model", "made-reader,made-optimist,made-drawn", "--compare", "-o", tmp_path]
    done = hilum(*command)
    assert done.code == 0
    assert "made-optimist minus made-reader, on 40 studies that both answered:" in done.out
    assert "made-drawn minus made-reader" in done.out
    assert "made-reader is better" in done.out
    told = json.loads(hilum(*command, "--json", "--resume").out)
    (optimist, _) = told["compared"]
    assert optimist["compared"][0]["difference"]["high"] < 0
    page = (tmp_path / "made-findings" / "report.html").read_text()
    assert "made-optimist minus made-reader" in page
    assert "corrected after Holm" in page


def test_two_finished_runs_are_compared(hilum: Callable[..., Ran], tmp_path: Path) -> None:
    first, second = pair(tmp_path)
    done = hilum("bench", "--compare", first.folder, second.folder)
    assert done.code == 0
    assert "made-optimist minus made-reader" in done.out
    run(MADE, "made-optimist", tmp_path / "other", seed=0, limit=9)
    refused = hilum("bench", "--compare", first.folder, tmp_path / "other")
    assert (refused.code, "their studies or hidden fields differ" in refused.err) == (1, True)
