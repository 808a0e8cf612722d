"""The command line's own manners: help, lists, errors and exit codes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from hilum.app import cli
from hilum.app.outputs import safe_name
from hilum.core.errors import ClaimFailedError, HilumError, MissingError, need
from tests.app.conftest import Ran

Run = Callable[..., Ran]


@pytest.mark.parametrize("arguments", [["--help"], ["read", "--help"], ["--version"]])
def test_help_and_version_say_research_use_or_the_options(hilum: Run, arguments: list[str]) -> None:
    done = hilum(*arguments)
    assert done.code == 0
    assert "esearch use only" in done.out or "--keep-identifiers" in done.out


def test_lists_name_the_shipped_model_and_system(hilum: Run) -> None:
    found = {(item["kind"], item["name"]) for item in json.loads(hilum("list", "--json").out)}
    assert {("model", "embedded"), ("system", "embedded")} <= found
    assert "embedded" in hilum("list", "models").out
    wrong = hilum("list", "poems")
    assert wrong.code == 1
    assert "choose from" in wrong.err


def test_an_unknown_option_or_verb_is_the_users_error(hilum: Run) -> None:
    assert hilum("read", "--no-such-option").code != 0
    assert hilum("paint").code != 0


def test_an_unknown_system_offers_what_there_is(hilum: Run, tmp_path: Path) -> None:
    done = hilum("train", "embeded", "--data", tmp_path, "-o", tmp_path / "o")
    assert done.code == 1
    assert "embedded" in done.err


def test_training_without_its_data_is_one_sentence(hilum: Run, tmp_path: Path) -> None:
    done = hilum("train", "embedded", "--data", tmp_path / "nowhere", "-o", tmp_path / "o")
    assert done.code in (1, 2)
    assert "Traceback" not in done.err
    assert done.err.startswith("error: ")


def test_set_needs_a_key_and_a_value(hilum: Run, tmp_path: Path) -> None:
    done = hilum("train", "embedded", "--data", tmp_path, "-o", tmp_path / "o", "--set", "epochs")
    assert done.code == 1
    assert "key=value" in done.err


def test_a_failing_check_returns_1(hilum: Run, tmp_path: Path) -> None:
    file = tmp_path / "bad.py"
    file.write_text(
        "from dataclasses import replace\nfrom hilum import register\n\n\n"
        "@register.model('forgets', needs=(), adds=())\ndef forgets(study):\n    return replace(study, images=())\n"
    )
    done = hilum("check", f"{file}:forgets")
    assert done.code == 1
    assert "FAIL only adds" in done.out
    assert hilum("check", "nobody").code == 1


@pytest.mark.parametrize(
    "error, code", [(HilumError("x"), 1), (MissingError("x"), 2), (ClaimFailedError("x"), 3), (RuntimeError("x"), 1)]
)
def test_each_error_has_its_exit_code_and_no_traceback(
    hilum: Run, monkeypatch: pytest.MonkeyPatch, error: Exception, code: int
) -> None:
    def fail(**_: object) -> None:
        raise error

    monkeypatch.setattr(cli, "app", fail)
    done = hilum("read")
    assert done.code == code
    assert done.err.startswith("error: ")


def test_debug_shows_the_unexpected(hilum: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(cli, "app", fail)
    with pytest.raises(RuntimeError, match="a bug"):
        hilum("--debug", "read")


def test_a_missing_extra_says_how_to_get_it() -> None:
    error = need("torch", "train", "Training")
    assert error.exit_code == 2
    assert "pip install 'hilum[train]'" in str(error)


@pytest.mark.parametrize("text", ["../../etc", "..", "", ".hidden", "a b/c\\d", "x" * 400, "名前"])
def test_a_folder_name_never_escapes(text: str) -> None:
    name = safe_name(text)
    assert name
    assert "/" not in name
    assert not name.startswith(".")
    assert len(name) <= 100


def test_the_list_tells_drowned_edits_and_what_was_not_audited(hilum: Run) -> None:
    told = {item["name"]: item for item in json.loads(hilum("list", "metrics", "--json").out)}
    assert told["bleu-4"]["audited"]
    assert "drop-one" in told["bleu-4"]["drowned"]
    assert not told["auroc"]["audited"]
    assert told["length-ratio"]["ideal"] == 1.0
    assert told["consistency/con"]["ideal"] is None
    shown = hilum("list", "metrics").out.splitlines()
    lines = {line.split()[1]: shown[number + 1] for number, line in enumerate(shown) if line.startswith("metric")}
    assert "; drowned by a paraphrase: " in lines["bleu-4"]
    assert lines["auroc"].endswith("; not audited")
    assert "nearest to 1 is better" in lines["length-ratio"]
    assert "lower is better" in lines["pixel-rms"]
