"""Films that could not be read, as rows with reasons: a fit goes on without them, and says so."""

from __future__ import annotations

import csv
import io
import logging
from pathlib import Path

from hilum.io.save import save_text

log = logging.getLogger(__name__)
LOST = "films-lost.csv"


class Lost:
    """Collects what cannot be read; `learn.pairs.gather` takes one as its `lost`.

    Args:
        folder: where `films-lost.csv` goes; None keeps the rows in memory only.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder, self.rows = folder, list[tuple[str, str]]()

    def __call__(self, film: str, reason: str) -> None:
        """Note a film and why it cannot be read."""
        self.rows.append((film, reason))

    def __len__(self) -> int:
        """How many films are lost."""
        return len(self.rows)

    def close(self, read: int) -> None:
        """Write the rows and say how many films were lost beside those that were read; nothing if none was.

        Raises:
            InputError: if the file cannot be written.
        """
        if not self.rows:
            return
        place = ""
        if self.folder is not None:
            text = io.StringIO(newline="")
            csv.writer(text).writerows([("film", "reason"), *self.rows])
            place = f"; see '{save_text(text.getvalue(), self.folder / LOST)}'"
        film, reason = self.rows[0]
        said = "%d films could not be read and %d could, the first that could not is '%s': %s%s"
        log.warning(said, len(self), read, film, reason, place)
