"""Where a published reader's environment and weights are, and what is said where they are not."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest

from hilum.core.errors import MissingError
from hilum.learn.outside.environment import commands, create_environment, place_of, python_of, weights_of
from hilum.learn.outside.published import PUBLISHED, Published, fits, published, release

ROW = Published("fake", "nobody/fake", "made", ("", ""), ("one==1", "two @ git+https://example.org/two"),
                revision="abc", python="3.11", gated=True, licence="of nobody")  # fmt: skip


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HILUM_CACHE", str(tmp_path / "a cache"))
    monkeypatch.delenv("HILUM_WEIGHTS", raising=False)
    monkeypatch.delenv("HILUM_OFFLINE", raising=False)
    return tmp_path / "a cache"


def made_python(row: Published) -> Path:
    path = place_of(row) / "bin" / "python"
    path.parent.mkdir(parents=True)
    path.write_text("")
    return path


def test_each_reader_has_a_place_of_its_own(cache: Path) -> None:
    places = {place_of(row) for row in PUBLISHED.values()}
    assert len(places) == len(PUBLISHED)
    assert {place.parent for place in places} == {cache / "readers"}


def test_commands_survive_a_shell(cache: Path) -> None:
    make, install, get = (shlex.split(line) for line in commands(ROW))
    assert make == ["python3.11", "-m", "venv", str(cache / "readers" / "fake")]
    assert install[1:] == ["install", "one==1", "two @ git+https://example.org/two"]
    assert get[:5] == ["hf", "download", "nobody/fake", "--revision", "abc"]


@pytest.mark.parametrize("row", list(PUBLISHED.values()), ids=lambda row: row.name)
def test_every_row_has_its_commands_and_pins(row: Published, cache: Path) -> None:
    assert len(commands(row)) == (3 if row.requirements else 1) + len(row.more)
    assert all(shlex.split(line) and "{" not in line for line in commands(row))
    exact = [each.partition("==")[2] for each in row.requirements if each.startswith("transformers==")]
    assert all(fits(row, each) for each in exact)  # what is installed is what is then accepted
    assert exact or row.name in ("radvlm", "libra", "green")
    assert bool(row.loader) != bool(row.without)
    assert not row.remote or row.loader
    low, high = (release(each) for each in row.transformers)
    assert not high or low < high


def test_a_checkpoint_that_another_part_loads_has_no_environment_to_make() -> None:
    assert [line.split()[0] for line in commands(published("green"))] == ["hf"]
    with pytest.raises(MissingError, match="the metric 'green' loads its weights here"):
        create_environment(published("green"), print)


def test_a_checkpoint_of_its_own_code_is_cloned_and_turned_to_safetensors(cache: Path) -> None:
    lines = commands(published("mlrg"))
    assert "checkout 03f63d1" in lines[3]
    assert shlex.split(lines[-1])[:1] == [str(cache / "readers" / "mlrg" / "bin" / "python")]
    assert shlex.split(lines[-1])[2:] == [
        "--safetensors", "$HILUM_WEIGHTS/mlrg/mimic-cxr/finetune/best_model.ckpt",
        "$HILUM_WEIGHTS/mlrg/model.safetensors",
    ]  # fmt: skip


def test_the_python_is_the_one_that_was_made_or_named() -> None:
    with pytest.raises(MissingError, match="hilum get fake --create"):
        python_of(ROW)
    made = made_python(ROW)
    assert python_of(ROW) == made
    assert python_of(ROW, sys.executable) == Path(sys.executable)
    with pytest.raises(MissingError, match="no such program"):
        python_of(ROW, "/no/such/python")


def test_weights_are_the_folder_that_is_named_or_of_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MissingError, match=r"HILUM_WEIGHTS is not set.*of nobody; its terms must be accepted"):
        weights_of(ROW)
    monkeypatch.setenv("HILUM_WEIGHTS", str(tmp_path))
    with pytest.raises(MissingError, match="there is no folder"):
        weights_of(ROW)
    (tmp_path / "fake").mkdir()
    assert weights_of(ROW) == (tmp_path / "fake").resolve()
    (tmp_path / "other").mkdir()
    assert weights_of(ROW, str(tmp_path / "other")) == (tmp_path / "other").resolve()
    with pytest.raises(MissingError) as open_weights:
        weights_of(published("radvlm"))
    assert "terms" not in str(open_weights.value)


def tool(folder: Path, body: str, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.mkdir()
    script = folder / "python3.11"
    script.write_text(f"#!{sys.executable}\nimport pathlib, sys, time\n{body}\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))


def test_a_step_that_fails_is_told_with_its_last_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool(tmp_path / "bin", "print('first'); sys.stderr.write('why\\n'); sys.exit(1)", monkeypatch)
    said: list[str] = []
    with pytest.raises(MissingError, match=r"-m venv \.\.\.' failed: why"):
        create_environment(ROW, said.append)
    assert len(said) == 1
    assert "-m venv" in said[0]


def test_a_step_that_says_nothing_is_told_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool(tmp_path / "bin", "sys.exit(3)", monkeypatch)
    with pytest.raises(MissingError, match="it said nothing"):
        create_environment(ROW, lambda line: None)


def test_a_step_that_hangs_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool(tmp_path / "bin", "time.sleep(60)", monkeypatch)
    with pytest.raises(MissingError, match="did not finish"):
        create_environment(ROW, lambda line: None, timeout_s=0.5)


def test_pip_that_is_not_there_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool(tmp_path / "bin", "pathlib.Path(sys.argv[3], 'bin').mkdir(parents=True)", monkeypatch)
    with pytest.raises(MissingError, match=r"did not finish: .*pip"):
        create_environment(ROW, lambda line: None)


def test_offline_makes_nothing(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    monkeypatch.setenv("HILUM_OFFLINE", "1")
    with pytest.raises(MissingError, match="made on a machine with network"):
        create_environment(ROW, lambda line: None)
    assert not place_of(ROW).exists()


@pytest.mark.parametrize("text, expected", [
    ("4.36.2", (4, 36, 2)), ("5", (5,)), ("4.51.3.dev0", (4, 51, 3)), ("none", ()), ("", ()), ("5.0.0rc1", (5, 0)),
])  # fmt: skip
def test_releases_are_read_as_numbers(text: str, expected: tuple[int, ...]) -> None:
    assert release(text) == expected
