"""The folder of a run: rows read back as written, whatever cut them short; files whole or not at all."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hilum.core.errors import InputError
from hilum.measure.log import (
    Row,
    cut_to_whole_lines,
    line_of,
    machine,
    made,
    plain,
    read_facts,
    read_rows,
    write_json,
)
from hilum.measure.stats import Interval

WORDS = st.text(max_size=12)
ROWS = st.lists(
    st.builds(
        Row,
        id=WORDS,
        patient=WORDS,
        status=st.sampled_from(["done", "unanswered", "failed"]),
        seconds=st.floats(0, 1e4),
        reference=WORDS,
        answer=st.one_of(st.none(), st.dictionaries(WORDS, st.integers())),
        error=WORDS,
    ),
    max_size=6,
)
SHARED = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@SHARED
@given(rows=ROWS, cut=st.integers(0, 400))
def test_of_a_log_cut_anywhere_the_whole_rows_are_read(tmp_path: Path, rows: list[Row], cut: int) -> None:
    path = tmp_path / "studies.jsonl"
    lines = [line_of(row).encode() for row in rows]
    content = b"".join(lines)[: max(0, sum(map(len, lines)) - cut)]
    path.write_bytes(content)
    whole = 0
    while whole < len(rows) and len(b"".join(lines[: whole + 1])) <= len(content):
        whole += 1
    expected = {row.id: row for row in rows[:whole]}
    assert read_rows(path) == expected
    cut_to_whole_lines(path)
    assert path.read_bytes() == b"".join(lines[:whole])
    assert read_rows(path) == expected


def test_the_later_row_of_a_study_counts(tmp_path: Path) -> None:
    path = tmp_path / "studies.jsonl"
    first, again = Row("a", "p", "failed", 1.0, "r", error="no"), Row("a", "p", "done", 1.0, "r", {"x": 1})
    path.write_text(line_of(first) + "\n" + line_of(again))
    assert read_rows(path) == {"a": again}
    assert read_rows(tmp_path / "none.jsonl") == {}
    cut_to_whole_lines(tmp_path / "none.jsonl")
    assert not (tmp_path / "none.jsonl").exists()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{}", "line 1 is not a row"),
        ("no json", "line 1 is not a row"),
        ("3", "line 1 is not a row"),
        ('{"id":"a","patient":"","status":"done","seconds":1,"reference":"","more":1}', "line 1 is not a row"),
        ('{"id":"a","patient":"","status":"kept","seconds":1,"reference":""}', "has the status 'kept'"),
        ("\x00\x01", "line 1 is not a row"),
    ],
)
def test_what_is_no_row_is_a_sentence(tmp_path: Path, line: str, said: str) -> None:
    path = tmp_path / "studies.jsonl"
    path.write_text(line + "\n")
    with pytest.raises(InputError, match=said):
        read_rows(path)


def test_bytes_that_are_no_text_are_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "studies.jsonl"
    path.write_bytes(b"\xff\xfe{}\n")
    with pytest.raises(InputError, match="is not a row"):
        read_rows(path)


def test_json_is_plain_and_has_no_number_that_is_none() -> None:
    given_ = {
        "interval": Interval(0.5, float("nan"), float("inf")),
        "array": np.array([[1.0, np.nan]]),
        "number": np.float32(0.25),
        "count": np.int64(3),
        "flag": np.bool_(True),
        "odd": {1, },
        4: ("a", None),
    }  # fmt: skip
    made_plain = plain(given_)
    assert made_plain["interval"] == {"value": 0.5, "low": None, "high": None}
    assert made_plain["array"] == [[1.0, None]]
    assert (made_plain["number"], made_plain["count"], made_plain["flag"]) == (0.25, 3, True)
    assert made_plain["4"] == ["a", None]
    json.dumps(made_plain, allow_nan=False)


@SHARED
@given(
    st.recursive(st.none() | st.booleans() | st.integers() | WORDS, lambda x: st.lists(x) | st.dictionaries(WORDS, x))
)
def test_what_is_plain_already_stays(value: object) -> None:
    assert plain(value) == value


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = write_json(tmp_path / "run.json", {"a": 1})
    with pytest.raises(TypeError):
        write_json(path, {"a": _Unwritable()})
    assert read_facts(tmp_path) == {"a": 1}
    assert [each.name for each in tmp_path.iterdir() if "partial" not in each.name] == ["run.json"]
    with pytest.raises(InputError, match="cannot write"):
        write_json(tmp_path / "no" / "run.json", {})
    assert read_facts(tmp_path, "scores.json") is None
    path.write_bytes(b"\xff")
    with pytest.raises(InputError, match="is damaged"):
        read_facts(tmp_path)


class _Unwritable:
    def __str__(self) -> str:
        raise TypeError("made")


def test_a_folder_is_made_with_its_parents_or_refused(tmp_path: Path) -> None:
    assert made(tmp_path / "a" / "b").is_dir()
    assert list((tmp_path / "a" / "b").iterdir()) == []
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="choose another folder with -o"):
        made(tmp_path / "file" / "below")


def test_the_machine_tells_the_state_of_the_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert machine()["git"] is None
    commands = (["init", "-q"], ["add", "."], ["commit", "-qm", "first"])
    (tmp_path / "file").write_text("one")
    for words in commands:
        who = ["-c", "user.name=made", "-c", "user.email=made@example.org"]
        subprocess.run(["git", *who, *words], check=True, cwd=tmp_path)
    state = machine()["git"]
    assert len(state["commit"]) == 40
    assert not state["changed"]
    (tmp_path / "file").write_text("two")
    assert machine()["git"]["changed"]
