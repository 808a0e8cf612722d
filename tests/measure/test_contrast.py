"""Only like is compared with like, on the studies that both answered, paired over patients."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hilum.core.errors import InputError
from hilum.measure.contrast import attempt, check_alike, contrast
from hilum.measure.run import Run, run
from hilum.measure.task import find_task
from tests.measure import benchmarks

MADE = find_task("made/findings")


def pair(folder: Path, first: str = "made-reader", second: str = "made-optimist", **settings: Any) -> tuple[Run, Run]:
    return run(MADE, first, folder / "first", **settings), run(MADE, second, folder / "second", **settings)


def test_a_difference_is_that_of_the_two_values_and_its_way_is_told(tmp_path: Path) -> None:
    first, second = pair(tmp_path)
    made = contrast(MADE, first, second)
    by_name = {each.metric: each for each in made.compared}
    values = [each.board.lines["concept-f1"].interval.value for each in (first, second)]
    # The optimist calls 20 effusions that are not there; both miss the nodules.
    assert values == pytest.approx([40 / 48, 40 / 68])
    assert by_name["concept-f1"].difference.value == pytest.approx(values[0] - values[1])
    assert by_name["concept-f1"].better == "first"
    assert by_name["concept-recall"].difference.value == 0
    assert by_name["concept-recall"].better == "neither"
    assert (made.first, made.second, made.studies) == ("made-reader", "made-optimist", 40)


def test_only_studies_that_both_answered_count(tmp_path: Path) -> None:
    first, second = pair(tmp_path, second="made-moody")
    made = contrast(MADE, first, second)
    assert made.studies == 19
    assert all(each.difference.value == pytest.approx(0) for each in made.compared)
    never = run(MADE, "made-broken", tmp_path / "never")
    with pytest.raises(InputError, match="no study was answered by both made-reader and made-broken"):
        contrast(MADE, first, never)


def test_a_contrast_that_cannot_be_made_is_a_reason(tmp_path: Path) -> None:
    first, never = pair(tmp_path, second="made-broken")
    made = attempt(MADE, first, never)
    assert made.reason == "no study was answered by both made-reader and made-broken"
    assert (made.studies, [each.metric for each in made.compared]) == (0, list(MADE.metrics))
    assert all(np.isnan([each.first, each.difference.value, each.p_holm]).all() for each in made.compared)
    assert attempt(MADE, first, first).reason == ""


@pytest.mark.parametrize(("limit", "better"), [(2, "neither"), (4, "neither"), (40, "first")])
def test_one_or_two_patients_show_no_difference(tmp_path: Path, limit: int, better: str) -> None:
    first, second = pair(tmp_path, limit=limit)
    made = {each.metric: each for each in contrast(MADE, first, second).compared}
    assert list(made) == list(MADE.metrics)
    each = made["concept-f1"]
    assert each.difference.value > 0
    assert each.better == better
    assert bool(np.isfinite([each.difference.low, each.p, each.p_holm]).all()) is (limit == 40)


def test_what_is_not_alike_is_refused(tmp_path: Path) -> None:
    first, second = pair(tmp_path)
    fewer = run(MADE, "made-optimist", tmp_path / "fewer", limit=12)
    with pytest.raises(InputError, match="their studies or hidden fields differ"):
        check_alike(first, fewer)
    with pytest.raises(InputError, match=r"different versions of the task \('1' and '2'\)"):
        check_alike(first, replace(second, facts={**second.facts, "task_version": 2}))
    with pytest.raises(InputError, match="of different tasks"):
        check_alike(first, replace(second, facts={**second.facts, "task": "made/other"}))
    scores = json.loads((second.folder / "scores.json").read_text())
    scores["metrics"]["concept-f1"]["signature"] = "concept-f1|version:0"
    (second.folder / "scores.json").write_text(json.dumps(scores))
    with pytest.raises(InputError, match=r"was scored by 'concept-f1\|average.*and by 'concept-f1\|version:0'"):
        contrast(MADE, first, second)


def test_a_model_compared_with_itself_shows_no_difference(tmp_path: Path) -> None:
    first, second = pair(tmp_path, second="made-reader")
    for each in contrast(MADE, first, second).compared:
        assert (each.difference.low, each.difference.high, each.better) == (0, 0, "neither")
        assert each.p_holm == pytest.approx(1.0)


def test_intervals_are_paired_over_patients(tmp_path: Path) -> None:
    first, second = pair(tmp_path)
    one = contrast(MADE, first, second).compared[0].difference
    alone = first.board.lines["concept-f1"].interval
    assert np.isfinite(one.low)
    assert one.high - one.low > 0
    assert alone.high - alone.low > 0
    assert len(set(first.board.patients)) == benchmarks.COUNT // 2
