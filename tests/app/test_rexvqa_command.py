"""`hilum bench` on multiple-choice questions as a person runs it: made reports, and films with a trained folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hilum.app.cli import main
from hilum.systems import _rexvqa_kept
from tests.measure.choice.test_coded import written


def run(*words: str) -> int:
    """The exit code of a command."""
    with pytest.raises(SystemExit) as ended:
        main(list(words))
    return int(ended.value.code or 0)


def scores(place: Path, model: str) -> dict[str, float]:
    held = json.loads((place / model / "scores.json").read_text())
    return {name: line["value"] for name, line in held["metrics"].items()}


def test_reports_are_asked_and_the_control_runs_beside(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = written(tmp_path)
    out = tmp_path / "out"
    told = run("bench", "rexvqa/openi", "--model", "report-choice", "--data", str(root), "--set", "half=all",
               "--set", "items=8", "-o", str(out))  # fmt: skip
    assert told == 0
    found = scores(out / "rexvqa-openi", "report-choice")
    assert found["choice-accuracy"] == 1.0
    assert found["choice-invalid"] == 0.0
    assert (out / "rexvqa-openi" / "any-order" / "scores.json").is_file()
    assert "choice-accuracy" in capsys.readouterr().out


def test_without_reports_the_command_says_what_to_give(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("bench", "rexvqa/openi", "--model", "report-choice", "-o", str(tmp_path)) == 2
    assert "NLMCXR_reports.tgz" in capsys.readouterr().err


@pytest.mark.slow
def test_a_trained_folder_is_set_against_the_blind_reader(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("transformers", reason="the recipe takes transformers (extra 'language')")
    monkeypatch.setenv("HILUM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(_rexvqa_kept, "_BLIND_FILMS", 60)
    _rexvqa_kept.kept_blind.cache_clear()
    folder = tmp_path / "own"
    sizes = [word for each in ("films=80", "encoder_steps=1", "steps=2") for word in ("--set", each)]
    assert run("train", "rexvqa", "-o", str(folder), *sizes) == 0
    assert "--model" in capsys.readouterr().out
    out = tmp_path / "out"
    told = run("bench", "rexvqa/phantom", "--model", f"{folder},blind", "--compare", "--set", "items=8", "-o", str(out))
    assert told == 0
    said = capsys.readouterr().out
    assert "blind minus own" in said or "own minus blind" in said
    assert scores(out / "rexvqa-phantom", "blind")["choice-accuracy"] == 0.25
    assert scores(out / "rexvqa-phantom", "own")["choice-invalid"] == 0.0
