"""`hilum reproduce`: the verdict, its file and its exit code; what is missing is said in a sentence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hilum.app.claims import reproduce
from hilum.core.errors import InputError, MissingError
from tests.systems.test_chestx_ray8 import collection


def test_the_verdict_is_written_with_its_evidence(tmp_path: Path) -> None:
    root = collection(tmp_path, [("Right effusion.", "effusion"), ("No mass.", "normal")] * 9)
    verdict, written = reproduce("chestx-ray8", root, tmp_path / "run", settings={"half": "all"})
    record = json.loads(written.read_text(encoding="utf-8"))
    assert record["outcome"] == verdict.outcome == "holds"
    assert record["evidence"] == list(verdict.lines)
    assert record["scores"]["arms"]["mention"]["precision"]["value"] == pytest.approx(0.5)
    assert record["scores"]["arms"]["mention"]["recall"]["low"] is not None
    assert not list(written.parent.glob("*.part"))


def test_a_system_without_a_judged_claim_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match=r"cannot be judged yet.*chestx-ray8"):
        reproduce("embedded", None, tmp_path)


def test_missing_data_and_unknown_choices_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="--data"):
        reproduce("chestx-ray8", None, tmp_path)
    with pytest.raises(InputError, match="no choice 'quarter': it has half, labels"):
        reproduce("chestx-ray8", tmp_path, tmp_path, settings={"quarter": "x"})


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    root = collection(tmp_path, [("Right effusion.", "effusion")] * 9)
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(InputError, match="choose another folder"):
        reproduce("chestx-ray8", root, tmp_path / "taken", settings={"half": "all"})


def test_scores_that_are_not_finite_are_null(tmp_path: Path) -> None:
    from hilum.app.claims import _plain

    assert _plain({"a": (float("nan"), 1.0), "b": {"c": float("inf")}}) == {"a": [None, 1.0], "b": {"c": None}}


def test_the_verb_prints_the_evidence_and_ends_with_the_outcomes_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from hilum.app.cli import main

    held = collection(tmp_path, [("Right effusion.", "effusion"), ("No mass.", "normal")] * 9)
    command = ["reproduce", "chestx-ray8", "--data", str(held), "-o", str(tmp_path / "runs"), "--set", "half=all"]
    with pytest.raises(SystemExit) as ended:
        main(command)
    assert not ended.value.code
    shown = capsys.readouterr().out
    assert "assertion-aware mining lifts label precision: holds" in shown
    assert (tmp_path / "runs" / "chestx-ray8" / "verdict.json").is_file()
    failed = collection(tmp_path, [("Right effusion.", "effusion")] * 9)
    with pytest.raises(SystemExit) as ended:
        main([*command[:3], str(failed), *command[4:], "--json"])
    assert ended.value.code == 3
    assert json.loads(capsys.readouterr().out)["outcome"] == "fails"


def test_training_what_has_nothing_to_train_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from hilum.app.cli import main

    with pytest.raises(SystemExit) as ended:
        main(["train", "chestx-ray8", "--data", str(tmp_path)])
    assert ended.value.code == 2
    assert "nothing to train" in capsys.readouterr().err
