"""What a person sees while reports are labelled, when it ends, and of one sentence that is explained."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from types import TracebackType
from typing import Any

from hilum import RESEARCH_USE
from hilum.app.label_explain import Piece, explained, opening
from hilum.app.label_run import Outcome
from hilum.core.vocabulary import label_set
from hilum.text.labels import Labels

_SHOWN = 5  # failed reports whose reason is printed
_ROWS = 28  # labels in the table
_STYLES = {
    "present": "bold black on yellow", "uncertain": "bold black on magenta", "absent": "bold black on green",
    "cue": "underline cyan", "head": "bold", "quiet": "bright_black",
    "said-present": "yellow", "said-uncertain": "magenta", "said-absent": "green",
}  # fmt: skip


class LabelProgress:
    """A bar over the bytes of the inputs with reports and reports per second; silent off a terminal or when hidden."""

    def __init__(self, *, hidden: bool = False) -> None:
        self._hidden = hidden or not sys.stderr.isatty()
        self._bar: Any = None
        self._task: Any = None
        self._count = 0

    def __enter__(self) -> LabelProgress:
        """Start the bar."""
        if not self._hidden:
            from rich.console import Console
            from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
            from rich.progress import Progress as Bar

            said = TextColumn("{task.fields[count]:,} reports, {task.fields[rate]:,.0f}/s")
            columns = (TextColumn("labelling"), BarColumn(), TaskProgressColumn(), said, TimeRemainingColumn())
            self._bar = Bar(*columns, console=Console(stderr=True), transient=True)
            self._bar.start()
            self._task = self._bar.add_task("", total=None, count=0, rate=0.0)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the bar, whatever happened."""
        if self._bar is not None:
            self._bar.stop()

    def row(self, row: dict[str, Any]) -> None:
        """Count one more report."""
        self._count += 1

    def bytes(self, done: int, total: int) -> None:
        """Show how much of the inputs was read."""
        if self._bar is not None:
            seconds = self._bar.tasks[0].elapsed or 0.0
            rate = self._count / seconds if seconds else 0.0
            self._bar.update(self._task, completed=done, total=total or None, count=self._count, rate=rate)


def summary(outcome: Outcome, name: str, seconds: float) -> str:
    """Return the closing lines: how often each label is there, what was written, and what to try next."""
    written = ", ".join(str(path) for path in outcome.written)
    if not outcome.done and not outcome.skipped:
        return f"No report was labelled, {outcome.failures:,} failed. {written} says why."
    lines = [f"{name:28} {'present':>9} {'uncertain':>9} {'absent':>9}"]
    counted = [
        (label, [outcome.counts[label, cell] for cell in (1, -1, 0)])
        for label in label_set(name).labels
        if any(outcome.counts[label, cell] for cell in (1, -1, 0))
    ]
    counted.sort(key=lambda item: -item[1][0])
    lines += [f"{label[:28]:28} " + " ".join(f"{count:9,}" for count in counts) for label, counts in counted[:_ROWS]]
    if len(counted) > _ROWS:
        lines.append(f"... and {len(counted) - _ROWS} more labels")
    if not counted:
        lines.append("no label is mentioned in any report")
    new = outcome.done + outcome.failed
    rate = f" in {seconds:.1f} s ({new / seconds:,.0f} reports per second)" if new and seconds >= 1 else ""
    taken = f", {outcome.skipped:,} taken over from the earlier run" if outcome.skipped else ""
    lines += [
        "",
        f"{outcome.done:,} labelled, {outcome.failed:,} failed{taken}{rate}. {RESEARCH_USE}",
        f"Wrote {written}.",
        next_step([path.suffix for path in outcome.written]),
    ]
    return "\n".join(lines)


def next_step(suffixes: Sequence[str]) -> str:
    """Return a line on what to try next, after what was written."""
    if ".html" not in suffixes:
        return "Next: add --page labels.html to look at the reports with their words marked."
    if ".csv" not in suffixes:
        return "Next: -o labels.csv writes the layout of the data set's own file; open the page in a browser."
    return "Next: open the page in a browser; -o labels.jsonl has every finding with its words and rules."


def complaints(outcome: Outcome) -> str:
    """Return the notes, and the first failed reports with their reasons, for standard error."""
    lines = [f"note: {note}" for note in outcome.notes]
    lines += [f"failed: {_brief(name)}: {_brief(reason, 300)}" for name, reason in outcome.reasons[:_SHOWN]]
    if outcome.failures > _SHOWN:
        lines.append(f"failed: and {outcome.failures - _SHOWN:,} more; their rows say why under 'error'")
    return "\n".join(lines)


def _brief(said: str, most: int = 80) -> str:
    shown = "".join(letter if letter.isprintable() else " " for letter in said)
    return shown if len(shown) <= most else f"{shown[: most - 3]}..."


def show(name: str, labels: Labels) -> None:
    """Print one report explained: in colour on a terminal, with marks elsewhere."""
    from rich.console import Console
    from rich.text import Text

    lines: list[list[Piece]] = [[Piece(name, "head")]] if name else []
    lines += [*explained(labels), opening(labels)]
    if not labels.findings:
        lines.insert(len(lines) - 1, [Piece("no finding of the vocabulary is mentioned", "quiet")])
    console = Console(soft_wrap=True, highlight=False)
    for line in lines:
        if console.color_system:
            console.print(Text.assemble(*((_clean(piece.text), _STYLES.get(piece.style, "")) for piece in line)))
        else:
            print("".join(_clean(piece.plain) for piece in line))


def _clean(said: str) -> str:
    """Control characters of a report must not steer the terminal."""
    return "".join(letter if letter.isprintable() else " " for letter in said)
