"""The audit log: whole lines from many processes, no identifiers, old months forgotten."""

from __future__ import annotations

import json
import multiprocessing
import stat
from pathlib import Path

from hilum.app.serve.audit import Audit, pseudonym


def _write(folder: str, name: str) -> None:
    log = Audit(Path(folder))
    for number in range(100):
        log.note(name, "open", study=f"1.2.{number}")


def test_lines_of_several_processes_are_whole(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    runs = [context.Process(target=_write, args=(str(tmp_path), name)) for name in "abc"]
    for run in runs:
        run.start()
    for run in runs:
        run.join(60)
    (path,) = tmp_path.glob("audit-*.jsonl")
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert len(rows) == 300
    assert {row["who"] for row in rows} == set("abc")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_no_identifier_is_written_and_a_line_break_makes_no_line(tmp_path: Path) -> None:
    log = Audit(tmp_path)
    log.note('jo\n{"who": "root"}', "open", study="1.2.840.99", address="10.0.0.1", empty="")
    (text,) = (path.read_text(encoding="utf-8") for path in tmp_path.iterdir())
    assert "1.2.840.99" not in text
    assert text.count("\n") == 1
    (row,) = log.last()
    assert row["study"] == pseudonym("1.2.840.99")
    assert "empty" not in row


def test_newest_first_over_months_and_torn_lines_left_out(tmp_path: Path) -> None:
    log = Audit(tmp_path)
    (tmp_path / "audit-2001-01.jsonl").write_text('{"what": "old"}\n{"torn', encoding="utf-8")
    log.note("jo", "one")
    log.note("jo", "two")
    assert [row["what"] for row in log.last()] == ["two", "one", "old"]
    assert [row["what"] for row in log.last(1)] == ["two"]
    assert log.forget(days=365) == 1
    assert [row["what"] for row in log.last()] == ["two", "one"]
