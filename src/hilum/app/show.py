"""What a person sees while a batch runs and when it ends."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from hilum import RESEARCH_USE

if TYPE_CHECKING:
    from hilum.app.batch import Row

SHOWN = 40


class Progress:
    """A progress bar with time left on a terminal, silent elsewhere or when hidden."""

    def __init__(self, *, hidden: bool = False) -> None:
        self._hidden = hidden or not sys.stderr.isatty()
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> Progress:
        """Start the bar."""
        if not self._hidden:
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
            from rich.progress import Progress as Bar

            columns = (
                TextColumn("reading"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
                TextColumn("{task.description}"),
            )
            self._bar = Bar(*columns, console=Console(stderr=True), transient=True)
            self._bar.start()
            self._task = self._bar.add_task("", total=None)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the bar, whatever happened."""
        if self._bar is not None:
            self._bar.stop()

    def row(self, row: Row, number: int, total: int) -> None:
        """Show that one more study is done."""
        if self._bar is not None:
            self._bar.update(self._task, completed=number, total=total, description=row.status)


def summary(rows: Sequence[Row], out: Path) -> str:
    """Return the closing lines: what was read, where it lies and what to do next."""
    lines = [f"{row.status:8} {row.name[:40]:40} {_said(row)}" for row in rows[:SHOWN]]
    if len(rows) > SHOWN:
        lines.append(f"... and {len(rows) - SHOWN} more in {out / 'studies.jsonl'}")
    counts = ", ".join(
        f"{sum(row.status == status for row in rows)} {status}"
        for status in ("read", "kept", "refused", "failed")
        if any(row.status == status for row in rows)
    )
    return "\n".join(
        [
            *lines,
            "",
            f"{counts}. {RESEARCH_USE}",
            f"Wrote {out / 'index.html'} (open it in a browser) and a folder per study.",
        ]
    )


def _said(row: Row) -> str:
    if row.status in ("failed", "refused"):
        return row.reason
    if row.status == "kept":
        return "kept from an earlier run"
    said = [
        f"{f.concept} {f.probability:.2f}" for f in row.findings if f.state == "present" and f.probability is not None
    ]
    unsure = [f"{f.concept} uncertain" for f in row.findings if f.state == "uncertain"]
    return f"{'+'.join(row.views)}: {', '.join([*said, *unsure]) or 'no finding among those assessed'}"
