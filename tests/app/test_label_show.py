"""What a person sees on a real terminal: colours instead of marks, a bar while it runs, and a table at the end."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from hilum.app.label_run import Outcome
from hilum.app.label_show import complaints, next_step, summary

pty = pytest.importorskip("pty", reason="a pseudo-terminal is a thing of Unix")


def on_terminal(*arguments: str | Path, **environment: str) -> str:
    """Run the command with a pseudo-terminal for its output; return what was written to it."""
    main, other = pty.openpty()
    settings = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "100", **environment}
    settings.pop("NO_COLOR", None) if "NO_COLOR" not in environment else None
    command = [sys.executable, "-m", "hilum", "label", *map(str, arguments)]
    run = subprocess.Popen(command, stdin=other, stdout=other, stderr=other, env=settings)
    os.close(other)
    seen = b""
    while True:
        try:
            block = os.read(main, 65536)
        except OSError:  # the end, as Linux tells it
            break
        if not block:
            break
        seen += block
    os.close(main)
    run.wait(timeout=60)
    return seen.decode("utf-8", "replace")


@pytest.mark.slow
def test_a_terminal_gets_colours_and_a_pipe_gets_marks() -> None:
    seen = on_terminal("--explain", "No pneumothorax; small right effusion.")
    assert "\x1b[" in seen
    assert "«" not in seen
    assert "pneumothorax" in seen
    plain = on_terminal("--explain", "No pneumothorax; small right effusion.", TERM="dumb")
    assert "\x1b[" not in plain
    assert "‹No› «pneumothorax»" in plain


@pytest.mark.slow
def test_a_terminal_gets_a_bar_that_is_gone_at_the_end(tmp_path: Path) -> None:
    source = tmp_path / "in.csv"
    source.write_text("id,report\n" + "".join(f"{n},Nodule of {n} mm.\n" for n in range(3000)))
    seen = on_terminal(source, "-o", tmp_path / "out.jsonl")
    assert "labelling" in seen
    assert "reports, " in seen
    assert "labelling" not in seen.rpartition("present")[2]
    assert "3,000 labelled, 0 failed" in seen
    quiet = on_terminal(source, "-o", tmp_path / "out.jsonl", "--quiet")
    assert quiet == ""


def test_the_table_is_sorted_and_shortened() -> None:
    counts = Counter({("cardiomegaly", 1): 5, ("pneumonia", 1): 7, ("pneumonia", -1): 1_234, ("scoliosis", 0): 2})
    lines = summary(Outcome(done=9, counts=counts, written=[Path("a.jsonl")]), "padchest", 2.0).splitlines()
    assert [line.split()[0] for line in lines[1:4]] == ["pneumonia", "cardiomegaly", "scoliosis"]
    assert lines[1].split()[1:] == ["7", "1,234", "0"]
    assert "9 labelled, 0 failed in 2.0 s (4 reports per second)." in lines[5]
    from hilum.core.vocabulary import label_set

    many = Counter({(label, 1): 1 for label in label_set("padchest").labels})
    assert f"and {len(many) - 28} more labels" in summary(Outcome(done=1, counts=many), "padchest", 0.1)
    nothing = Outcome(failed=1, failures=1, written=[Path("a.jsonl")])
    assert summary(nothing, "nih-14", 0.1) == "No report was labelled, 1 failed. a.jsonl says why."
    assert "no label is mentioned" in summary(Outcome(done=1), "nih-14", 0.1)


def test_taken_over_reports_are_told() -> None:
    assert "2 taken over from the earlier run" in summary(Outcome(done=1, skipped=2), "nih-14", 5.0)


def test_complaints_are_short_and_clean() -> None:
    outcome = Outcome(failures=7, reasons=[("x" * 500, "r" * 5000), ("b\x1b[2J", "c\nd"), *[("e", "f")] * 5])
    lines = complaints(outcome).splitlines()
    assert len(lines) == 6
    assert all(len(line) < 400 for line in lines)
    assert "\x1b" not in "".join(lines)
    assert lines[-1] == "failed: and 2 more; their rows say why under 'error'"
    assert complaints(Outcome(notes=["n"])) == "note: n"


def test_there_is_always_a_next_step() -> None:
    steps = {next_step(each) for each in ([".jsonl"], [".jsonl", ".html"], [".csv", ".html"])}
    assert len(steps) == 3
    assert all(step.startswith("Next: ") for step in steps)
