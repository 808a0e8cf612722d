"""The runner hides, asks and writes down: errors are rows, nobody un-hides, and a kill costs nothing but time."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hilum import Box, Cohort, Finding, Image, MadeBy, Study, Task, register
from hilum.core.errors import InputError, MissingError
from hilum.measure.asking import added, answer_of, digest, record_of
from hilum.measure.log import line_of, read_rows
from hilum.measure.run import Run, reopen, run, written
from hilum.measure.task import find_task
from tests.measure import benchmarks

MADE = find_task("made/findings")


def values(folder: Path) -> dict[str, Any]:
    scores = json.loads((folder / "scores.json").read_text(encoding="utf-8"))
    return {key: scores[key] for key in ("metrics", "ids", "patient_of", "answered", "not_scored", "fingerprint")}


def go(model: str, out: Path, **settings: Any) -> Run:
    return run(settings.pop("task", MADE), model, out, **settings)


def test_scores_are_what_counting_by_hand_gives(tmp_path: Path) -> None:
    done = go("made-reader", tmp_path)
    scores = json.loads((tmp_path / "scores.json").read_text(encoding="utf-8"))
    # 20 effusions are read and 8 nodules missed, 4 of them on studies without an effusion.
    assert done.board.lines["concept-recall"].interval.value == pytest.approx(20 / 28)
    assert scores["metrics"]["concept-f1"]["value"] == pytest.approx(2 * 20 / (2 * 20 + 8))
    assert scores["metrics"]["concept-f1"]["low"] < 2 * 20 / 48 < scores["metrics"]["concept-f1"]["high"]
    assert scores["metrics"]["concept-recall"]["values"][0] == 0.5
    assert scores["metrics"]["concept-recall"]["unscored"]["s01"] == "undefined: nothing is there to find"
    assert (scores["studies"], scores["patients"], scores["answered"]) == (40, 20, 40)


def test_the_facts_tell_what_a_number_depends_on(tmp_path: Path) -> None:
    go("made-reader", tmp_path, seed=3)
    facts = json.loads((tmp_path / "run.json").read_text(encoding="utf-8"))
    assert (facts["task"], facts["task_version"], facts["seed"]) == ("made/findings", 1, 3)
    assert facts["made_by"] == [{"name": "made-reader", "version": "2", "sha256": "f" * 64}]
    assert facts["packages"]["numpy"] == np.__version__
    assert facts["counts"] == {"done": 40, "unanswered": 0, "failed": 0}
    assert len(facts["fingerprint"]) == 32
    assert facts["cpus"] == os.cpu_count()
    assert facts["finished"] >= facts["started"]
    assert "Research use only" in facts["caution"]


def test_errors_are_rows_and_what_was_not_answered_is_unscored(tmp_path: Path) -> None:
    done = go("made-moody", tmp_path)
    by_id = {row.id: row for row in done.rows}
    assert by_id["s04"].status == "failed"
    assert by_id["s04"].error == "something unexpected went wrong (RuntimeError: <b>no</b> 4)"
    assert by_id["s05"].status == by_id["s07"].status == "unanswered"
    assert by_id["s06"].status == "done"
    line = done.board.lines["concept-recall"]
    assert line.scored.unscored[4].startswith("no answer: something unexpected")
    assert done.board.answered == 19
    # Of the answered studies, 10 have an effusion (6, 10, 14 ...), and 2 of them and 2 others a nodule.
    there = [n for n in range(40) if n % 4 in (2, 3) and n != 7]
    effusions, nodules = sum(n % 2 == 0 for n in there), sum(n % 5 == 0 for n in there)
    assert line.interval.value == pytest.approx(effusions / (effusions + nodules))


def test_a_model_that_always_fails_is_a_run_without_scores(tmp_path: Path) -> None:
    done = go("made-broken", tmp_path)
    assert done.board.missing == dict.fromkeys(MADE.metrics, "no study has an answer that it could score")
    assert done.facts["counts"]["failed"] == 40


@pytest.mark.parametrize(
    ("model", "said"), [("made-thief", "handed back a hidden finding"), ("made-vandal", "overwrote the report")]
)
def test_who_unhides_or_overwrites_is_caught(model: str, said: str, tmp_path: Path) -> None:
    done = go(model, tmp_path)
    assert {row.status for row in done.rows} == {"failed"}
    assert all(said in row.error for row in done.rows)


def test_only_what_was_added_is_taken_from_an_answer() -> None:
    film = Image(np.zeros((4, 4), np.float32), id="film")
    reference = Study("a", "p", images=(film,), findings=(Finding("old", made_by=MadeBy("reader")),))
    given = reference.hide("findings")
    right = given.add(findings=(Finding("new", regions=(Box(0, 0, 2, 2, image="film"),)),), made_by=MadeBy("me"))
    new = added(given, right, reference)
    assert [f.concept for f in new.findings] == ["new"]
    assert answer_of(given, json.loads(json.dumps(record_of(new)))) == right
    assert record_of(added(given, given, reference)) is None
    wrong = {
        "changed or removed images": replace(right, images=()),
        "changed the id": replace(right, id="b"),
        "changed the patient": replace(right, patient="q"),
        "changed the prior": replace(right, prior=Study("z", "p")),
        "handed back what was hidden": replace(right, findings=reference.findings),
        "signed by its author": replace(right, findings=(Finding("old", made_by=MadeBy("reader")),)),
    }
    for said, answer in wrong.items():
        with pytest.raises(InputError, match=said):
            added(given, answer, reference)
    with pytest.raises(InputError, match="returned a str, not a Study"):
        added(given, "right", reference)


def test_a_view_may_be_filled_in_but_not_changed() -> None:
    film = Image(np.zeros((4, 4), np.float32), id="film")
    given = Study("a", images=(film,))
    seen = replace(given, images=(film.with_view("PA"),))
    assert record_of(added(given, seen, given)) is None
    with pytest.raises(InputError, match="changed or removed images"):
        added(seen, replace(given, images=(film.with_view("AP"),)), given)


def test_a_hidden_truth_that_changes_has_another_hash() -> None:
    study = next(benchmarks.studies())
    fields = ("findings", "report", "time", "prior", "images", "questions")
    assert digest(study, fields) == digest(next(benchmarks.studies()), fields)
    assert digest(study, fields) != digest(replace(study, findings=study.findings[:1]), fields)
    assert digest(study, ("report",)) == digest(replace(study, findings=()), ("report",))


@pytest.mark.parametrize(
    ("model", "hide", "said"),
    [
        ("made-writer", "findings", "needs findings, which the task 'made/findings' hides"),
        ("made-reader", "report", "needs report, which"),
        ("made-optimist", "report", "adds findings, but the task 'made/findings' hides report"),
        ("made-raeder", "findings", "did you mean made-reader"),
    ],
)
def test_a_model_that_cannot_answer_is_refused_before_it_is_asked(
    model: str, hide: str, said: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=said):
        go(model, tmp_path, task=find_task("made/findings", {"hide": hide}))


def test_report_metrics_score_reports_and_say_who_has_none(tmp_path: Path) -> None:
    done = go("made-writer", tmp_path, task=find_task("made/reports", {"every": "4"}))
    line = done.board.lines["length-ratio"]
    assert line.count == 10
    assert line.scored.unscored[1] == "the study has no report"


def test_models_and_intervals_follow_the_seed(tmp_path: Path) -> None:
    first, again, other = (go("made-drawn", tmp_path / str(n), seed=seed) for n, seed in enumerate((1, 1, 2)))
    said = [[row.answer for row in each.rows] for each in (first, again, other)]
    assert said[0] == said[1] != said[2]
    assert first.board.lines["concept-f1"].interval == again.board.lines["concept-f1"].interval


def test_nothing_to_run_twice_the_same_id_and_no_place_to_write(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has no study"):
        go("made-reader", tmp_path, task=find_task("made/nothing"))
    twice = Task(Cohort("made", [Study("a"), Study("a")]), ("findings",), ("concept-f1",), name="twice")
    with pytest.raises(InputError, match="the study 'a' stands twice in the cohort of 'twice'"):
        go("made-optimist", tmp_path, task=twice)
    (tmp_path / "file").write_text("taken")
    with pytest.raises(InputError, match="choose another folder with -o"):
        go("made-reader", tmp_path / "file")


def test_what_the_first_study_lacks_stops_the_run(tmp_path: Path) -> None:
    @register.model("made-weightless", needs=(), adds=("findings",))
    def weightless(study: Study) -> Study:
        """Made."""
        raise MissingError("no weights here: get them")

    with pytest.raises(MissingError, match="get them"):
        go("made-weightless", tmp_path)


def test_a_metric_with_a_mistake_costs_only_its_own_score(tmp_path: Path) -> None:
    @register.metric("made-wrong", better="higher", over="set")
    def made_wrong(pairs: object) -> object:
        """Made."""
        raise KeyError("oops")

    done = go("made-reader", tmp_path, task=replace(MADE, metrics=("made-wrong", "concept-f1")))
    assert "KeyError" in done.board.missing["made-wrong"]
    assert "concept-f1" in done.board.lines


def test_one_class_only_is_undefined(tmp_path: Path) -> None:
    done = go("silent", tmp_path, task=find_task("made/denied"))
    assert all(np.isnan(line.interval.value) for line in done.board.lines.values())
    scores = json.loads((tmp_path / "scores.json").read_text(encoding="utf-8"))
    assert scores["metrics"]["concept-recall"]["value"] is None
    assert scores["metrics"]["concept-recall"]["n"] == 0


# Stopping and going on


def cut(folder: Path, rows: int, *, torn: str = "") -> None:
    """Make a finished run look killed after some rows, in the middle of another."""
    lines = (folder / "studies.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    (folder / "studies.jsonl").write_text("".join(lines[:rows]) + torn, encoding="utf-8")
    facts = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    (folder / "run.json").write_text(json.dumps({**facts, "finished": None}), encoding="utf-8")


@pytest.mark.parametrize("torn", ["", '{"id": "s11", "pat', '{"id": "s11", "patient": "p'])
def test_a_torn_line_is_asked_again_and_the_scores_are_the_same(tmp_path: Path, torn: str) -> None:
    whole = go("made-moody", tmp_path / "whole")
    go("made-moody", tmp_path / "cut")
    cut(tmp_path / "cut", 11, torn=torn)
    asked: list[str] = []
    resumed = go("made-moody", tmp_path / "cut", resume=True, on_row=lambda row, number, total: asked.append(row.id))
    assert values(tmp_path / "cut") == values(tmp_path / "whole")
    assert [row.answer for row in resumed.rows] == [row.answer for row in whole.rows]
    assert len(asked) == 40
    written = (tmp_path / "cut" / "studies.jsonl").read_text(encoding="utf-8").splitlines()
    assert all(json.loads(line)["id"] for line in written)


@pytest.mark.slow
def test_a_killed_process_resumes_to_the_scores_of_an_uninterrupted_run(tmp_path: Path) -> None:
    plugin = Path(benchmarks.__file__)
    command = [sys.executable, "-m", "hilum", "bench", "made/findings", "--model", "made-slow", "--no-controls"]
    command += ["--plugin", str(plugin), "-o", str(tmp_path / "killed"), "--quiet"]
    folder = tmp_path / "killed" / "made-findings" / "made-slow"
    process = subprocess.Popen(command, env=os.environ)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        if (folder / "studies.jsonl").is_file() and (folder / "studies.jsonl").read_bytes().count(b"\n") >= 8:
            break
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    known = len(read_rows(folder / "studies.jsonl"))
    assert 8 <= known < 40
    assert not (folder / "scores.json").exists()
    with pytest.raises(InputError, match="did not finish: go on with --resume"):
        go("made-slow", folder)
    go("made-slow", folder, resume=True)
    go("made-slow", tmp_path / "whole")
    assert values(folder) == values(tmp_path / "whole")
    assert (folder / "studies.jsonl").read_bytes().count(b"\n") == 40  # none was asked twice


def test_a_run_goes_on_only_as_the_same_run(tmp_path: Path) -> None:
    go("made-reader", tmp_path)
    with pytest.raises(InputError, match="was run with seed '0', this is '1'"):
        go("made-reader", tmp_path, resume=True, seed=1)
    with pytest.raises(InputError, match="was run with model 'made-reader', this is 'made-optimist'"):
        go("made-optimist", tmp_path, resume=True)
    with pytest.raises(InputError, match="was run with task version '1', this is '2'"):
        go("made-reader", tmp_path, resume=True, task=replace(MADE, version=2))
    facts = json.loads((tmp_path / "run.json").read_text(encoding="utf-8"))
    (tmp_path / "run.json").write_text(json.dumps({**facts, "model_source": "0" * 64}), encoding="utf-8")
    with pytest.raises(InputError, match=r"was run with model source 000000000000\.\.\."):
        go("made-reader", tmp_path, resume=True)


def test_changed_data_cannot_be_resumed(tmp_path: Path) -> None:
    kept = list(benchmarks.studies())
    task = Task(Cohort("made", kept), ("findings",), ("concept-f1",), name="made", version=1)
    go("made-reader", tmp_path, task=task)
    kept[3] = replace(kept[3], findings=())
    with pytest.raises(InputError, match="hidden of the study 's03' has changed"):
        go("made-reader", tmp_path, task=replace(task, cohort=Cohort("made", kept)), resume=True)


def test_failed_studies_are_asked_again_and_more_may_be_run(tmp_path: Path) -> None:
    moods = {"ill": True}

    @register.model("made-recovering", needs=(), adds=("findings",))
    def recovering(study: Study) -> Study:
        """Made."""
        if moods["ill"] and study.id == "s02":
            raise OSError("disk")
        return study.add(findings=(), made_by=MadeBy("made-recovering"))

    assert go("made-recovering", tmp_path, limit=5).facts["counts"]["failed"] == 1
    moods["ill"] = False
    done = go("made-recovering", tmp_path, limit=10, resume=True)
    assert done.facts["counts"] == {"done": 10, "unanswered": 0, "failed": 0}


def test_a_damaged_log_is_a_sentence(tmp_path: Path) -> None:
    go("made-reader", tmp_path)
    (tmp_path / "studies.jsonl").write_text("[1]\n", encoding="utf-8")
    with pytest.raises(InputError, match="line 1 is not a row of a run"):
        go("made-reader", tmp_path, resume=True)
    (tmp_path / "run.json").write_text("{", encoding="utf-8")
    with pytest.raises(InputError, match="is damaged"):
        go("made-reader", tmp_path, resume=True)


def test_a_finished_run_is_read_back_with_the_same_scores(tmp_path: Path) -> None:
    done = go("made-moody", tmp_path)
    task, again = reopen(tmp_path)
    assert (task.name, again.rows) == (MADE.name, done.rows)
    assert again.board.lines["concept-f1"].interval == done.board.lines["concept-f1"].interval
    cut(tmp_path, 4)
    with pytest.raises(InputError, match="did not finish"):
        reopen(tmp_path)
    with pytest.raises(InputError, match=r"no run\.json"):
        reopen(tmp_path / "elsewhere")


def test_a_finished_run_is_shown_as_it_was_written(tmp_path: Path) -> None:
    done = go("made-moody", tmp_path / "a")
    again = written(tmp_path / "a", done.references)
    assert again.rows == done.rows
    assert again.board.missing == done.board.missing
    assert again.board.lines["concept-f1"].interval == done.board.lines["concept-f1"].interval
    with pytest.raises(InputError, match="of different studies"):
        written(tmp_path / "a", done.references[1:])
    cut(tmp_path / "a", 4)
    with pytest.raises(InputError, match="did not finish"):
        written(tmp_path / "a", done.references)


def test_rows_survive_any_text(tmp_path: Path) -> None:
    @register.model("made-odd", needs=(), adds=("findings",))
    def odd(study: Study) -> Study:
        """Made."""
        raise ValueError("line\nbreak \u2028 \x00 \udcff")

    done = go("made-odd", tmp_path, limit=3)
    assert [row.id for row in read_rows(tmp_path / "studies.jsonl").values()] == ["s00", "s01", "s02"]
    assert line_of(done.rows[0]).count("\n") == 1


def test_an_answer_that_json_cannot_hold_is_its_row(tmp_path: Path) -> None:
    @register.model("made-unwritable", needs=(), adds=("findings",))
    def unwritable(study: Study) -> Study:
        """Made."""
        finding = Finding("mass", attributes={"seen": object()}, sites=(3, {"a"}))  # type: ignore[dict-item,arg-type]
        return study.add(findings=(finding,), made_by=MadeBy("made-unwritable"))

    done = go("made-unwritable", tmp_path, limit=2)
    assert {row.status for row in done.rows} <= {"done", "failed"}
    assert len(read_rows(tmp_path / "studies.jsonl")) == 2


def test_the_rest_is_estimated_after_the_first_studies(tmp_path: Path) -> None:
    told: list[tuple[float, int]] = []
    go("made-reader", tmp_path, on_estimate=lambda seconds, left: told.append((seconds, left)))
    ((seconds, left),) = told
    assert left == 35
    assert seconds >= 0
