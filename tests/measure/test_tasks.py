"""The tasks of the package: what they hide, who is in them, and that their controls know nothing of the hidden."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from hilum.core.errors import InputError
from hilum.core.registry import register
from hilum.measure.asking import load_model
from hilum.measure.run import read_studies
from hilum.measure.task import Task, find_task


def opacity(truth: str) -> Task:
    try:
        return find_task("pack/opacity", {"truth": truth})
    except InputError as error:
        pytest.skip(f"a metric of the task is not in this build: {error}")


def reports(folder: Path) -> Path:
    """A small table of coded reports."""
    head = ["report_id", "findings", "impression", "indication", "comparison", "mesh_major"]
    rows = [
        ["CXR1", "Right pleural effusion.", "", "", "", "Pleural Effusion/right"],
        ["CXR2", "No pleural effusion. Heart is normal.", "", "", "", "normal"],
        ["CXR3", "Heart is enlarged.", "", "", "", "No Indexing"],
        ["CXR4", "", "", "", "", "normal"],
    ]
    with (folder / "gold_findings.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([head, *rows])
    return folder


def test_open_i_keeps_coded_reports_with_text_and_hides_their_codes(tmp_path: Path) -> None:
    task = find_task("openi/findings", {"half": "all"})
    studies = read_studies(task, reports(tmp_path))
    assert [study.id for study in studies] == ["CXR1", "CXR2"]
    assert [f.concept for f in studies[0].findings] == ["pleural effusion"]
    hidden = studies[0].hide(*task.hide)
    assert (hidden.findings, hidden.report) == ((), studies[0].report)
    assert studies[0].patient != studies[1].patient


def test_the_labeler_and_its_controls_on_a_denied_effusion(tmp_path: Path) -> None:
    task = find_task("openi/findings", {"half": "all"})
    denied = read_studies(task, reports(tmp_path))[1].hide(*task.hide)
    states = {
        name: {f.state for f in load_model(name).call(denied).findings if f.concept == "pleural effusion"}
        for name in ("labeler", "labeler-mentions", "silent")
    }
    assert states == {"labeler": {"absent"}, "labeler-mentions": {"present"}, "silent": set()}


@pytest.mark.parametrize("name", ["openi/findings", "pack/opacity"])
def test_controls_see_nothing_of_what_is_hidden(name: str) -> None:
    task = opacity("listed") if name.startswith("pack") else find_task(name)
    for control in task.controls:
        assert not set(load_model(control).needs) & set(task.hide)
        assert "ontrol" in register.find("model", control).summary


def test_opacity_is_of_films_that_the_model_never_saw(pack: Path) -> None:
    listed, read = (read_studies(opacity(truth), pack) for truth in ("listed", "read"))
    # The numbers of the model card: held-out NIH films, and those that RSNA's radiologists read.
    assert (len(listed), sum(s.findings[0].state == "present" for s in listed)) == (190, 86)
    assert (len(read), sum(s.findings[0].state == "present" for s in read)) == (61, 19)
    assert {s.id for s in read} <= {s.id for s in listed}


@pytest.mark.slow
def test_the_shipped_model_scores_as_its_card_says(pack: Path, tmp_path: Path) -> None:
    from hilum.measure.run import run
    from hilum.systems.embedded import shipped

    task = opacity("read")
    done = run(task, "embedded", tmp_path, root=pack)
    control = shipped().card["findings"]["lung opacity"]["control"]
    value = done.board.lines["auroc"].interval.value
    answered = done.facts["counts"]["done"]
    assert answered == control["n"]
    assert value == pytest.approx(control["auroc"], abs=0.02)
    assert np.isfinite(done.board.lines["ece"].interval.value)
