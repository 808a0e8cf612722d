"""The bar that a person sees while work of known length runs."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing import Self


class Steps:
    """A bar over steps with the time left; silent off a terminal or when hidden.

    Args:
        what: is done, a word before the bar.
        hidden: show nothing.
    """

    def __init__(self, what: str, *, hidden: bool = False) -> None:
        self._what, self._hidden = what, hidden or not sys.stderr.isatty()
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> Self:
        """Start the bar."""
        if not self._hidden:
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
            from rich.progress import Progress as Bar

            said = TextColumn("{task.description}")
            columns = (TextColumn(self._what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), said)
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

    def step(self, name: str, number: int, total: int) -> None:
        """Show that one more step is done."""
        if self._bar is not None:
            self._bar.update(self._task, completed=number, total=total, description=name)
