"""The closing lines and the progress bar."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from hilum import RESEARCH_USE
from hilum.app.batch import Row
from hilum.app.show import SHOWN, Progress, summary
from hilum.core.finding import Finding


def row(name: str, status: str = "read", **facts: object) -> Row:
    return Row(name, status, (f"{name}.dcm",), **facts)  # type: ignore[arg-type]


def test_the_summary_says_what_was_found_where_it_lies_and_the_caution() -> None:
    found = (Finding("lung opacity", "present", 0.81), Finding("cardiomegaly", "uncertain", 0.4))
    text = summary([row("a", views=("PA",), findings=found), row("b", "failed", reason="it is empty")], Path("out"))
    assert "PA: lung opacity 0.81, cardiomegaly uncertain" in text
    assert "it is empty" in text
    assert "1 read, 1 failed" in text
    assert RESEARCH_USE in text
    assert str(Path("out") / "index.html") in text


def test_nothing_found_is_never_called_normal() -> None:
    text = summary([row("a", views=("AP",), findings=(Finding("nodule", "absent", 0.1),))], Path("out"))
    assert "no finding among those assessed" in text
    assert "normal" not in text.lower()


def test_a_long_batch_is_cut_and_says_where_the_rest_is() -> None:
    text = summary([row(str(n)) for n in range(SHOWN + 3)], Path("out"))
    assert f"and 3 more in {Path('out') / 'studies.jsonl'}" in text


def test_kept_studies_are_named_as_such() -> None:
    assert "kept from an earlier run" in summary([row("a", "kept")], Path("out"))


@pytest.mark.parametrize("hidden", [True, False])
def test_progress_is_silent_away_from_a_terminal(hidden: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.StringIO()
    monkeypatch.setattr(sys, "stderr", screen)
    with Progress(hidden=hidden) as progress:
        progress.row(row("a"), 1, 2)
    assert screen.getvalue() == ""


def test_on_a_terminal_progress_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    with Progress() as progress:
        progress.row(row("a"), 1, 2)
        progress.row(row("b"), 2, 2)
    assert "2/2" in screen.getvalue()


def test_a_bar_stops_when_work_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stderr", Terminal())
    progress = Progress()
    with pytest.raises(RuntimeError, match="work"), progress:
        raise RuntimeError("work")
    assert progress._bar.live.is_started is False
