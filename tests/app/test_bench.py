"""`hilum bench`: what a person types, sees and gets; wrong input is a sentence and an exit code."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from hilum.app.bench import data_root, duration, folder_name
from tests.app.conftest import Ran
from tests.measure import benchmarks

Hilum = Callable[..., Ran]
PLUGIN = Path(benchmarks.__file__)


@pytest.fixture(autouse=True)
def no_data(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HILUM_DATA", "HILUM_PACK"):
        monkeypatch.delenv(name, raising=False)


def test_models_and_controls_are_run_and_shown(hilum: Hilum, tmp_path: Path) -> None:
    done = hilum("bench", "made/findings", "--model", "made-reader,made-optimist", "-o", tmp_path)
    assert done.code == 0
    assert "made/findings, version 1: 40 studies of 20 patients, hidden: findings" in done.out
    assert "made-reader: 40 of 40 answered" in done.out
    assert "silent (control): 40 of 40 answered" in done.out
    assert re.search(r"concept-f1 +0\.833 \[0\.\d+, 0\.\d+\] +higher is better", done.out)
    assert "Research use only" in done.out
    assert "for the other 35 studies" in done.err
    folders = {path.name for path in (tmp_path / "made-findings").iterdir()}
    assert folders == {"made-reader", "made-optimist", "silent", "board.json", "report.html"}
    for name in ("run.json", "studies.jsonl", "scores.json", "report.html"):
        assert (tmp_path / "made-findings" / "made-reader" / name).stat().st_size


def test_json_is_one_object_and_quiet_is_quiet(hilum: Hilum, tmp_path: Path) -> None:
    done = hilum("bench", "made/findings", "--model", "made-reader", "-o", tmp_path, "--json", "--no-controls")
    told = json.loads(done.out)
    assert (told["task"], told["version"], told["studies"], len(told["runs"])) == ("made/findings", 1, 40, 1)
    assert told["runs"][0]["metrics"]["concept-f1"]["value"] == pytest.approx(40 / 48)
    assert done.err == ""
    quiet = hilum("bench", "made/findings", "--model", "made-reader", "-o", tmp_path, "-q", "--resume")
    assert (quiet.code, quiet.out, quiet.err) == (0, "", "")


def test_blanks_between_models_do_not_count(hilum: Hilum, tmp_path: Path) -> None:
    words = ("bench", "made/findings", "--model", " made-reader, made-optimist ,", "--no-controls", "--json")
    done = hilum(*words, "-o", tmp_path)
    assert [run["model"] for run in json.loads(done.out)["runs"]] == ["made-reader", "made-optimist"]


def test_a_task_and_a_model_may_be_one_file(hilum: Hilum, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "import hilum\nfrom hilum import register\n\n"
        "@register.task('file/task', version=4)\ndef task():\n"
        "    found = hilum.Finding('mass', 'present')\n"
        "    cohort = hilum.Cohort('c', [hilum.Study('a', findings=[found])])\n"
        "    return hilum.Task(cohort, ('findings',), ('concept-f1',))\n\n"
        "@register.model('file-model', needs=(), adds=('findings',))\ndef model(study):\n"
        "    return study.add(findings=[hilum.Finding('mass')], made_by=hilum.MadeBy('file-model'))\n"
    )
    file = tmp_path / "mine.py"
    done = hilum("bench", f"{file}:file/task", "--model", f"{file}:file-model", "-o", tmp_path / "runs")
    assert done.code == 0
    assert "file/task, version 4: 1 studies" in done.out
    assert re.search(r"concept-f1 +1\.000", done.out)


MINE = """import hilum
from hilum import register


@register.dataset("file-site", licence="invented")
def studies():
    for n in range(8):
        found = [hilum.Finding("mass", "present")] if n % 2 else []
        yield hilum.Study(f"s{n}", patient=f"p{n}", findings=found)


@register.metric("file-exact", better="higher", range=(0, 1))
def exact(reference, answer):
    return bool(reference.findings) == bool(answer.findings)


@register.task("file/compared", version=1)
def task():
    return hilum.Task("file-site", ("findings",), ("file-exact", "concept-recall"))


@register.model("file-yes", needs=(), adds=("findings",))
def yes(study):
    return study.add(findings=[hilum.Finding("mass")], made_by=hilum.MadeBy("file-yes"))


@register.model("file-no", needs=(), adds=("findings",))
def no(study):
    return study.add(findings=[], made_by=hilum.MadeBy("file-no"))
"""


def _alone(folder: Path, *words: str) -> Ran:
    """Run the command in a process of its own, where no plug-in is loaded yet."""
    command = [sys.executable, "-m", "hilum", "bench", *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return Ran(done.returncode, done.stdout, done.stderr)


@pytest.mark.slow
def test_two_runs_of_a_plugin_file_are_compared_in_another_process(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(MINE)
    made = _alone(tmp_path, "mine.py:file/compared", "--model", "mine.py:file-yes,mine.py:file-no", "-o", "runs")
    assert made.code == 0, made.err
    folders = ("runs/file-compared/file-yes", "runs/file-compared/file-no")
    facts = json.loads((tmp_path / folders[0] / "run.json").read_text())
    assert facts["plugins"] == {str(file.resolve()): sha256(MINE.encode()).hexdigest()}
    assert facts["model_file"] == str(file.resolve())
    done = _alone(tmp_path, "--compare", *folders)
    assert done.code == 0, done.err
    assert re.search(r"file-no minus file-yes, on 8 studies.*\n +file-exact +0\.000", done.out)
    assert "Wrote" not in done.out  # a comparison of finished runs writes nothing
    moved = file.rename(tmp_path / "moved.py")
    done = _alone(tmp_path, "--compare", *folders)
    assert (done.code, f"the plug-in file '{file.resolve()}', which is gone" in done.err) == (1, True)
    assert _alone(tmp_path, "--compare", *folders, "--plugin", "moved.py").code == 0
    moved.rename(file).write_text(MINE + "\n# changed\n")
    done = _alone(tmp_path, "--compare", *folders)
    assert (done.code, "which has changed since: run it anew" in done.err) == (1, True)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["made/findigs", "--model", "made-reader"], 1, "no task is called 'made/findigs'; did you mean made/findings"),
        (["made/findings", "--model", "made-raeder"], 1, "did you mean made-reader"),
        (["made/findings", "--model", "made-reader", "--set", "metrics=concept-f2"], 1, "did you mean concept-f1"),
        (["made/findings", "--model", "made-reader", "--set", "metric=a"], 1, "did you mean 'metrics'"),
        (["made/findings", "--model", "made-reader", "--set", "metrics"], 1, "--set needs key=value"),
        (["made/findings", "--model", "made-writer"], 1, "needs findings, which the task 'made/findings' hides"),
        (["made/findings", "--model", "made-reader,made-reader"], 1, "was named twice"),
        (["made/findings"], 1, "name the models to run"),
        (["made/findings", "--compare", "--model", "made-reader"], 1, "two models or more"),
        (["--model", "made-reader"], 1, "takes one task, got 0"),
        (["--compare", "only-one"], 1, "the folders of two finished runs"),
        (["--compare", "no-such", "folders"], 1, "there is no run in 'no-such'"),
        (["made/nothing", "--model", "made-optimist"], 1, "has no study"),
        (["made/far", "--model", "labeler"], 2, "(the made archive): give the folder with --data, or set HILUM_DATA"),
        (["made/far", "--model", "labeler", "--data", "nowhere"], 2, "no Open-i reports in nowhere"),
        (["made/far", "--model", "no.py:model"], 1, "no plug-in file at 'no.py'"),
    ],
)
def test_what_is_wrong_is_a_sentence_with_its_code(
    hilum: Hilum, tmp_path: Path, words: list[str], code: int, said: str
) -> None:
    done = hilum("bench", *words, "-o", tmp_path)
    assert done.code == code
    assert said in done.err
    assert done.err.count("Traceback") == 0


def test_the_data_folder_may_come_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert data_root(None) is None
    monkeypatch.setenv("HILUM_PACK", str(tmp_path / "pack"))
    assert data_root(None) == tmp_path / "pack"
    monkeypatch.setenv("HILUM_DATA", str(tmp_path / "data"))
    assert data_root(None) == tmp_path / "data"
    assert data_root(tmp_path) == tmp_path


def test_a_folder_that_cannot_be_written_is_said(hilum: Hilum, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("taken")
    done = hilum("bench", "made/findings", "--model", "made-reader", "-o", tmp_path / "file")
    assert (done.code, "choose another folder with -o" in done.err) == (1, True)


def test_failures_are_told_and_do_not_stop_the_run(hilum: Hilum, tmp_path: Path) -> None:
    done = hilum("bench", "made/findings", "--model", "made-moody", "-o", tmp_path, "--no-controls")
    assert done.code == 0
    assert "made-moody: 19 of 40 answered" in done.out
    assert (
        "made-moody: 10 of 40 studies failed, the first: s00: something unexpected went wrong (RuntimeError" in done.err
    )
    assert "give the same command with --resume" in done.out


def test_a_model_that_answers_nothing_ends_with_an_error_code(hilum: Hilum, tmp_path: Path) -> None:
    done = hilum("bench", "made/findings", "--model", "made-broken", "-o", tmp_path, "--no-controls")
    assert done.code == 1
    assert "not scored: no study has an answer" in done.out


def test_one_class_only_is_called_undefined(hilum: Hilum, tmp_path: Path) -> None:
    done = hilum("bench", "made/denied", "--model", "silent", "-o", tmp_path)
    assert done.code == 0
    assert re.search(r"concept-recall +undefined", done.out)
    assert "undefined" in (tmp_path / "made-denied" / "silent" / "report.html").read_text()


def test_two_patients_have_no_interval_and_no_winner(hilum: Hilum, tmp_path: Path) -> None:
    models = "made-reader,made-optimist"
    words = ("--model", models, "--limit", "4", "--no-controls", "--compare", "-o", tmp_path)
    done = hilum("bench", "made/findings", *words)
    assert done.code == 0
    assert re.search(r"concept-f1 +0\.800 \[no interval\]", done.out)
    assert "p = undefined after Holm: too few patients to tell" in done.out
    page = (tmp_path / "made-findings" / "made-reader" / "report.html").read_text(encoding="utf-8")
    assert "concept-f1 has no interval: too few patients have a value" in page


def test_another_version_or_seed_is_not_resumed(hilum: Hilum, tmp_path: Path) -> None:
    command = ("bench", "made/findings", "--model", "made-reader", "--no-controls", "-o", tmp_path)
    hilum(*command)
    folder = tmp_path / "made-findings" / "made-reader"
    done = hilum(*command, "--resume", "--seed", "5")
    assert (done.code, "was run with seed '0', this is '5'" in done.err) == (1, True)
    facts = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps({**facts, "task_version": 0}))
    done = hilum(*command, "--resume")
    assert (done.code, "was run with task version '0', this is '1'" in done.err) == (1, True)


class _Page(HTMLParser):
    """Notes the tags, the addresses and the text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.words: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_the_page_stands_alone_escapes_and_shows_cases_failures_and_advice(hilum: Hilum, tmp_path: Path) -> None:
    hilum("bench", "made/findings", "--model", "made-moody", "-o", tmp_path)
    text = (tmp_path / "made-findings" / "made-moody" / "report.html").read_text(encoding="utf-8")
    page = _Page(text)
    said = " ".join(page.words)
    assert [address for address in page.addresses if not address.startswith("data:")] == []
    assert "script" not in page.tags
    assert "<b>no</b>" in said  # as words: the model's error is no markup of the page
    for part in (
        "Worst cases by concept-f1",
        "Best cases by concept-f1",
        "Studies without an answer",
        "What to try next",
    ):
        assert part in said
    assert "Research use only" in said
    assert "missed: lung nodule" in said
    assert "It saw: Pleural effusion on the right." in said


def test_the_board_links_to_each_model_and_marks_controls(hilum: Hilum, tmp_path: Path) -> None:
    hilum("bench", "made/findings", "--model", "made-reader", "-o", tmp_path)
    page = _Page((tmp_path / "made-findings" / "report.html").read_text(encoding="utf-8"))
    links = [address for address in page.addresses if address.startswith("./")]
    assert links == ["./made-reader/report.html", "./silent/report.html"]
    assert all((tmp_path / "made-findings" / link).is_file() for link in links)
    assert "control" in page.words


def _board(folder: Path) -> dict[str, dict[str, Any]]:
    told = json.loads((folder / "made-findings" / "board.json").read_text(encoding="utf-8"))
    return {run["model"]: run for run in told["runs"]}


def test_a_later_command_adds_to_the_board(hilum: Hilum, tmp_path: Path) -> None:
    command = ("bench", "made/findings", "-o", tmp_path, "--model")
    hilum(*command, "made-reader")
    alone = _board(tmp_path)["made-reader"]
    told = json.loads(hilum(*command, "made-optimist", "--no-controls", "--json").out)
    board = _board(tmp_path)
    assert [run["model"] for run in told["runs"]] == ["made-optimist"]  # what this command ran
    assert {name: run["control"] for name, run in board.items()} == {
        "made-optimist": False, "made-reader": False, "silent": True,
    }  # fmt: skip
    assert board["made-reader"] == alone
    page = _Page((tmp_path / "made-findings" / "report.html").read_text(encoding="utf-8"))
    links = [address for address in page.addresses if address.startswith("./")]
    assert links == [f"./{name}/report.html" for name in board]


def test_the_board_leaves_out_what_is_not_of_its_task_version_and_data(hilum: Hilum, tmp_path: Path) -> None:
    command = ("bench", "made/findings", "-o", tmp_path, "--no-controls", "--model")
    hilum(*command, "made-optimist,silent", "--set", "hide=report,findings")
    hilum(*command, "made-reader", "--limit", "12")
    done = hilum(*command, "made-drawn")
    assert list(_board(tmp_path)) == ["made-drawn"]
    assert "the board leaves out made-reader: it is of other data" in done.err
    assert "the board leaves out made-optimist: it is of other hidden fields" in done.err
    folder = tmp_path / "made-findings"
    hilum(*command, "made-reader,made-optimist")
    facts = json.loads((folder / "made-reader" / "run.json").read_text())
    (folder / "made-reader" / "run.json").write_text(json.dumps({**facts, "finished": None}))
    (folder / "silent" / "run.json").write_text("{")
    (folder / "made-optimist").rename(folder / "kept")
    done = hilum(*command, "made-drawn")
    assert (done.code, list(_board(tmp_path))) == (0, ["made-drawn"])
    for said in ("made-reader: it holds a run that did not finish", "run.json is damaged", "kept: it does not bear"):
        assert said in done.err


def test_scores_by_another_definition_are_not_shown_beside(hilum: Hilum, tmp_path: Path) -> None:
    command = ("bench", "made/findings", "-o", tmp_path, "--no-controls", "--model")
    hilum(*command, "made-reader")
    path = tmp_path / "made-findings" / "made-reader" / "scores.json"
    scores = json.loads(path.read_text())
    scores["metrics"]["concept-f1"]["signature"] = "concept-f1|version:0"
    path.write_text(json.dumps(scores))
    hilum(*command, "made-optimist")
    run = _board(tmp_path)["made-reader"]
    assert list(run["metrics"]) == ["concept-recall"]
    assert "another definition, 'concept-f1|version:0'" in run["not_scored"]["concept-f1"]


def test_a_contrast_that_cannot_be_made_costs_only_itself(hilum: Hilum, tmp_path: Path) -> None:
    models = "made-reader,made-broken,made-optimist"
    done = hilum("bench", "made/findings", "--model", models, "--compare", "--no-controls", "-o", tmp_path)
    assert done.code == 1
    why = "cannot be compared: no study was answered by both made-broken and made-reader"
    assert f"made-broken minus made-reader: {why}" in done.out
    assert f"made-broken minus made-reader: {why}" in done.err
    assert "made-optimist minus made-reader, on 40 studies" in done.out
    told = json.loads((tmp_path / "made-findings" / "board.json").read_text(encoding="utf-8"))
    assert [pair["reason"] != "" for pair in told["compared"]] == [True, False]
    assert told["compared"][1]["compared"][0]["better"] == "second"
    page = _Page((tmp_path / "made-findings" / "report.html").read_text(encoding="utf-8"))
    assert why in page.words
    models = "made-reader,made-optimist"
    assert hilum("bench", "made/findings", "--model", models, "--compare", "-o", tmp_path).code == 0


def test_the_board_is_written_before_anything_is_compared(
    hilum: Hilum, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object, **__: object) -> None:
        assert list(_board(tmp_path)) == ["made-reader", "made-optimist"]
        raise SystemExit(9)

    monkeypatch.setattr("hilum.app.bench_board.attempt", stopped)
    models = "made-reader,made-optimist"
    done = hilum("bench", "made/findings", "--model", models, "--compare", "--no-controls", "-o", tmp_path)
    assert done.code == 9
    assert (tmp_path / "made-findings" / "report.html").is_file()


def test_open_i_findings_tell_the_labeler_from_its_controls(hilum: Hilum, tmp_path: Path, pack: Path) -> None:
    done = hilum(
        "bench", "openi/findings", "--model", "labeler", "--data", pack, "--limit", 150, "-o", tmp_path, "--json"
    )
    scores = {run["model"]: run["metrics"]["concept-f1"] for run in json.loads(done.out)["runs"]}
    assert scores["labeler"]["low"] > scores["labeler-mentions"]["high"] > scores["silent"]["value"] == 0


def test_names_make_folders_and_seconds_make_words() -> None:
    assert [folder_name(n) for n in ("openi/findings", "../x", "a b:c", "..")] == [
        "openi-findings", "x", "a-b-c", "unnamed",
    ]  # fmt: skip
    assert [duration(s) for s in (0.2, 40, 600, 9000)] == ["a second", "40 seconds", "10 minutes", "2.5 hours"]


@pytest.mark.parametrize("name", ["concept-f1", "made/findings", "made-reader", "made-site"])
def test_check_takes_metrics_tasks_models_and_data(hilum: Hilum, name: str) -> None:
    done = hilum("check", name)
    assert done.code == 0, done.out + done.err
    assert done.out.startswith("ok  ")


def test_check_of_an_unknown_name_is_a_sentence(hilum: Hilum) -> None:
    done = hilum("check", "nothing-of-the-kind")
    assert (done.code, "no model, data set, metric or task" in done.err) == (1, True)
