"""News of studies for the pages, from the readings' rows: it does not matter which process wrote them."""

from __future__ import annotations

import logging
import threading
import time
from types import TracebackType
from typing import Any

from hilum.app.serve import ledger
from hilum.app.serve.database import Database
from hilum.app.view.events import Bell

LOG = logging.getLogger(__name__)
_OVERLAP_S = 10.0
_GONE = ("state", "progress", "reason", "revision")


class Watch:
    """Looks at the readings now and then and rings a bell for each that has changed.

    Args:
        database: the archive's index.
        bell: who is told; `bell.listen` is what `api.router` takes as `events`.
        look_s: seconds between looks.
    """

    def __init__(self, database: Database, bell: Bell | None = None, *, look_s: float = 0.5) -> None:
        """Plan the watch; `start` starts it."""
        self.bell = bell or Bell()
        self._database, self._look_s = database, look_s
        self._known: dict[str, tuple[Any, ...]] | None = None
        self._since = time.time()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="events", daemon=True)

    def look(self) -> int:
        """Tell what has changed since the last look; returns how many studies. The first look tells nothing."""
        began = time.time()
        found = ledger.changes(self._database, self._since - _OVERLAP_S)  # clocks of several hosts differ a little
        now = {study: tuple(row[name] for name in _GONE) for study, row in found.items()}
        told = 0
        for study, seen in now.items():
            if self._known is not None and self._known.get(study) != seen:
                row = found[study]
                self.bell.ring(study, row["state"], progress=row["progress"], reason=row["reason"])
                told += 1
        self._known, self._since = now, began
        return told

    def start(self) -> Watch:
        """Look from a thread of its own until `stop`."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop looking and end every stream."""
        self._stopping.set()
        self.bell.close()
        if self._thread.is_alive():
            self._thread.join(timeout=10)

    def __enter__(self) -> Watch:
        """Start."""
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self.stop()

    def _run(self) -> None:
        while not self._stopping.wait(self._look_s):
            self._try_to_look()

    def _try_to_look(self) -> None:
        try:
            self.look()
        except Exception as error:  # a database that is away comes back; the next look tells what was missed
            LOG.warning("readings could not be looked at: %s", type(error).__name__)
