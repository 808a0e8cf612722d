# ruff: noqa: F811 - a fixture goes by the name of an argument
"""Outside models from the command line: read, bench and get, against a real server; wrong input is a sentence."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from hilum.app.flags import is_address
from hilum.learn.outside.published import PUBLISHED
from tests.app.conftest import EXAMPLE, Ran
from tests.chat_server import Server, answer, looking, server  # noqa: F401

Hilum = Callable[..., Ran]
TASK = """
import hilum
from hilum import register
from hilum.phantom.scenes import scenes_cohort

@register.task("outside-made/reports", version=1)
def made_reports(patients: int = 4):
    return hilum.Task(lambda: scenes_cohort(patients=4, size=32), hide=("report", "findings", "prior"),
                      metrics=("bleu-4", "concept-f1"), controls=("constant-report",))
"""


def address(server: Server, more: str = "") -> str:
    return f"chat:{server.url}#tiny{more}"


def test_a_film_is_read_by_a_named_endpoint(looking: Server, hilum: Hilum, tmp_path: Path) -> None:
    done = hilum("read", EXAMPLE, "--model", address(looking), "-o", tmp_path / "out")
    assert done.code == 0, done.err
    assert "pleural effusion" in done.out
    assert "not Hilum's" in done.out
    assert "Research use only" in done.out
    row = json.loads((tmp_path / "out" / "drafts.jsonl").read_text())
    folder = tmp_path / "out" / row["folder"]
    draft = json.loads((folder / "draft.json").read_text())
    assert draft["model"]["name"] == "tiny"
    assert len(draft["model"]["sha256"]) == 64
    assert draft["report"]["status"] == "draft"
    page = re.sub(r"<[^>]+>", "", (folder / "page.html").read_text())
    assert "Draft report, unsigned" in page
    assert row["text"] in " ".join(page.split())
    assert row["folder"] in (tmp_path / "out" / "index.html").read_text()
    assert json.loads((tmp_path / "out" / "run.json").read_text())["counts"] == {"read": 1, "refused": 0, "failed": 0}


def test_json_is_one_object(looking: Server, hilum: Hilum, tmp_path: Path) -> None:
    done = hilum("read", EXAMPLE, "--model", address(looking), "-o", tmp_path / "out", "--json")
    told = json.loads(done.out)
    assert [study["status"] for study in told["studies"]] == ["read"]
    assert told["model"].endswith("#tiny")


def test_one_that_ignores_the_film_is_refused_with_code_1(server: Server, hilum: Hilum, tmp_path: Path) -> None:
    server.plan = [answer("The lungs are clear.")]
    done = hilum("read", EXAMPLE, "--model", address(server), "-o", tmp_path / "out")
    assert done.code == 1
    assert "does not look at the film" in done.err
    assert "Traceback" not in done.err
    assert "refused" in (tmp_path / "out" / "index.html").read_text()


@pytest.mark.parametrize("model, code, words", [
    ("chat:", 1, "names no endpoint"), ("chat:http://127.0.0.1:9/v1", 1, "names no endpoint"),
    ("chat:http://example.org/v1#m", 1, "https only"), ("outside:nobody", 1, "no published reader"),
    ("sing:nobody", 1, "no model is called 'sing'"), ("labeler:nobody", 1, "takes no address"),
])  # fmt: skip
def test_a_wrong_address_is_a_sentence(hilum: Hilum, tmp_path: Path, model: str, code: int, words: str) -> None:
    done = hilum("read", EXAMPLE, "--model", model, "-o", tmp_path / "out")
    assert done.code == code
    assert words in done.err


def test_a_prior_is_one_study_beside_one(looking: Server, hilum: Hilum, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = hilum("read", EXAMPLE, "--prior", tmp_path / "empty", "--model", address(looking), "-o", tmp_path / "out")
    assert done.code == 1
    assert "a prior is one study" in done.err


def test_an_endpoint_is_benchmarked_beside_a_control(looking: Server, hilum: Hilum, tmp_path: Path) -> None:
    plugin = tmp_path / "task.py"
    plugin.write_text(TASK)
    name = address(looking, "#requests=100")
    done = hilum("bench", f"{plugin}:outside-made/reports", "--model", name, "-o", tmp_path / "runs")
    assert done.code == 0, done.err
    assert "#tiny: " in done.out
    assert "constant-report (control)" in done.out
    again = hilum("bench", f"{plugin}:outside-made/reports", "--model", name, "-o", tmp_path / "runs", "--resume")
    assert again.code == 0
    folder = next(
        path for path in (tmp_path / "runs" / "outside-made-reports").iterdir() if path.name.startswith("chat-")
    )
    facts = json.loads((folder / "run.json").read_text())
    assert facts["made_by"]
    assert all(each["name"] == "tiny" and len(each["sha256"]) == 64 for each in facts["made_by"])


def test_another_setting_cannot_resume_a_run(looking: Server, hilum: Hilum, tmp_path: Path) -> None:
    plugin = tmp_path / "task.py"
    plugin.write_text(TASK)
    target = f"{plugin}:outside-made/reports"
    assert hilum("bench", target, "--model", address(looking), "-o", tmp_path / "runs", "--limit", "1").code == 0
    done = hilum("bench", target, "--model", address(looking, "#longest=16"), "-o", tmp_path / "runs", "--resume")
    assert done.code == 1
    assert "it was run with model source" in done.err


def test_a_model_that_is_off_stays_off(hilum: Hilum, tmp_path: Path) -> None:
    plugin = tmp_path / "task.py"
    plugin.write_text(TASK)
    done = hilum("bench", f"{plugin}:outside-made/reports", "--model", "chat", "-o", tmp_path / "runs", "--limit", "1")
    assert done.code == 1
    assert "needs an address" in done.err


def test_get_lists_and_prints_what_to_do(hilum: Hilum, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HILUM_CACHE", str(tmp_path))
    listed = hilum("get")
    assert listed.code == 0
    assert all(name in listed.out for name in PUBLISHED)
    assert listed.out.count("not run against real weights") == sum(bool(row.loader) for row in PUBLISHED.values())
    told = hilum("get", "maira-2")
    assert "transformers==4.51.3" in told.out
    assert "#trust=maira-2" in told.out
    assert "hf download microsoft/maira-2" in told.out
    assert f"venv {tmp_path}/readers/maira-2" in told.out
    assert not (tmp_path / "readers" / "maira-2").exists()  # printing makes nothing
    assert json.loads(hilum("get", "cxr-llava", "--json").out)[0]["revision"].startswith("b2224786")
    wrong = hilum("get", "maira-3")
    assert wrong.code == 1
    assert "there are cxr-llava" in wrong.err


def test_get_create_needs_the_network_and_the_right_python(
    hilum: Hilum, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HILUM_CACHE", str(tmp_path))
    monkeypatch.setenv("HILUM_OFFLINE", "1")
    done = hilum("get", "radvlm", "--create")
    assert done.code == 2
    assert "HILUM_OFFLINE is set" in done.err
    monkeypatch.delenv("HILUM_OFFLINE")
    monkeypatch.setenv("PATH", str(tmp_path))
    done = hilum("get", "radvlm", "--create")
    assert done.code == 2
    assert "wants Python 3.11" in done.err


def test_get_create_makes_an_environment_and_says_what_failed(
    hilum: Hilum, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A stand-in for python3.11 and its pip: it makes the folders, notes what it was asked, and can fail."""
    monkeypatch.setenv("HILUM_CACHE", str(tmp_path / "cache"))
    tools = tmp_path / "bin"
    tools.mkdir()
    script = tools / "python3.11"
    script.write_text(
        f"#!{sys.executable}\nimport pathlib, sys\n"
        "place = pathlib.Path(sys.argv[3]); (place / 'bin').mkdir(parents=True)\n"
        "pip = place / 'bin' / 'pip'\n"
        f"pip.write_text('#!{sys.executable}\\nimport os, pathlib, sys\\n'\n"
        '               \'pathlib.Path(__file__).with_name("asked").write_text(" ".join(sys.argv[1:]))\\n\'\n'
        '               \'sys.exit("no such release" if os.environ.get("PIP_FAILS") else 0)\\n\')\n'
        "pip.chmod(0o755); (place / 'bin' / 'python').write_text('')\n"
    )
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(tools))
    done = hilum("get", "radvlm", "--create")
    assert done.code == 0, done.err
    place = tmp_path / "cache" / "readers" / "radvlm"
    assert done.out.strip().endswith(str(place / "bin" / "python"))
    assert (place / "bin" / "asked").read_text().startswith("install transformers>=5,<6 torch>=2.6")
    import shutil

    shutil.rmtree(place)
    monkeypatch.setenv("PIP_FAILS", "1")
    failed = hilum("get", "radvlm", "--create")
    assert failed.code == 2
    assert "failed: no such release" in failed.err


@pytest.mark.parametrize("model, expected", [
    ("chat:http://127.0.0.1/v1#m", True), ("outside:maira-2", True), ("runs/radzero", False), ("C:/models", False),
    ("/data/model", False), ("", False),
])  # fmt: skip
def test_addresses_are_told_from_folders(model: str, expected: bool) -> None:
    assert is_address(model) is expected


def test_what_cannot_be_opened_is_a_row_beside_what_was_read(looking: Server, hilum: Hilum, tmp_path: Path) -> None:
    folder = tmp_path / "films"
    folder.mkdir()
    shutil.copy(EXAMPLE, folder / "good.dcm")
    (folder / "bad.dcm").write_bytes(EXAMPLE.read_bytes()[:600])
    done = hilum("read", folder, "--model", address(looking), "-o", tmp_path / "out")
    assert done.code == 1
    rows = [json.loads(line) for line in (tmp_path / "out" / "drafts.jsonl").read_text().splitlines()]
    assert sorted(row["status"] for row in rows) == ["failed", "read"]
    assert "bad.dcm" in done.err
    assert "Traceback" not in done.err


def dated(path: Path, day: str) -> Path:
    """The example film of one patient on a day."""
    import pydicom

    film = pydicom.dcmread(EXAMPLE)
    film.PatientID, film.StudyDate, film.StudyTime = "PAT1", day, "120000"
    film.ContentDate = film.AcquisitionDate = film.SeriesDate = day
    for name in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
        setattr(film, name, pydicom.uid.generate_uid())
    film.file_meta.MediaStorageSOPInstanceUID = film.SOPInstanceUID
    film.save_as(path)
    return path


def test_a_prior_goes_along_and_must_be_earlier(looking: Server, hilum: Hilum, tmp_path: Path) -> None:
    old, new = dated(tmp_path / "old.dcm", "20200101"), dated(tmp_path / "new.dcm", "20210101")
    done = hilum("read", new, "--prior", old, "--model", address(looking), "-o", tmp_path / "out")
    assert done.code == 0, done.err
    content = looking.asked[-1]["messages"][-1]["content"]
    assert [part["type"] for part in content] == ["image_url", "image_url", "text"]
    assert "PAT1" not in json.dumps(looking.asked)
    wrong = hilum("read", old, "--prior", new, "--model", address(looking), "-o", tmp_path / "wrong")
    assert wrong.code == 1
    assert "strictly earlier" in wrong.err


def test_offline_asks_no_other_machine(hilum: Hilum, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HILUM_OFFLINE", "1")
    done = hilum("read", EXAMPLE, "--model", "chat:https://example.org/v1#m", "-o", tmp_path / "out")
    assert done.code == 1
    assert "HILUM_OFFLINE is set, so https://example.org/v1 is not asked" in done.err


def test_nothing_to_read_is_a_sentence(looking: Server, hilum: Hilum, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = hilum("read", tmp_path / "empty", "--model", address(looking), "-o", tmp_path / "out")
    assert done.code == 1
    assert "holds no films" in done.err
    assert looking.asked == []


def test_quiet_prints_nothing_but_errors(looking: Server, hilum: Hilum, tmp_path: Path) -> None:
    done = hilum("read", EXAMPLE, "--model", address(looking), "-o", tmp_path / "out", "--quiet")
    assert (done.code, done.out) == (0, "")


def test_a_results_folder_that_is_a_file_is_named(looking: Server, hilum: Hilum, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    done = hilum("read", EXAMPLE, "--model", address(looking), "-o", tmp_path / "out")
    assert done.code == 1
    assert "cannot make the results folder" in done.err


def test_get_as_json_tells_every_reader(hilum: Hilum, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HILUM_CACHE", str(tmp_path))
    told = {row["name"]: row for row in json.loads(hilum("get", "--json").out)}
    assert set(told) == set(PUBLISHED)
    assert all(len(row["commands"]) == (3 if row["requirements"] else 1) + len(row["more"]) for row in told.values())
    assert told["icon"]["without"]


def test_a_folder_given_with_ask_is_still_an_aligned_model(hilum: Hilum, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    done = hilum("read", EXAMPLE, "--model", tmp_path / "model", "-o", tmp_path / "out")
    assert done.code == 1
    assert "say what with --ask" in done.err
