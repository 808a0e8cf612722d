"""From films that came to orders to read them: once per set of films, when a study is whole.

Nothing is remembered but what the archive and the queue hold: a look at both tells what is still to be ordered, after
any crash and from any number of servers.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable
from types import TracebackType

from hilum.app.serve import ledger
from hilum.app.serve.database import Database
from hilum.app.serve.jobs import Jobs
from hilum.core.errors import HilumError

LOG = logging.getLogger(__name__)
_OVERLAP_S = 5.0


class Arrivals:
    """Watches the archive and orders what is whole.

    Args:
        database: the archive's index.
        jobs: the queue.
        settle_s: a study is whole when nothing came for so many seconds.
        released_s: or so many seconds after the association or request that brought it has ended.
        look_s: seconds between looks.
    """

    def __init__(
        self, database: Database, jobs: Jobs, *, settle_s: float = 60.0, released_s: float = 2.0, look_s: float = 1.0
    ) -> None:
        """Plan the watch; `start` starts it."""
        self._database, self._jobs = database, jobs
        self._settle_s, self._released_s, self._look_s = settle_s, min(released_s, settle_s), look_s
        self._soon: dict[str, float] = {}
        self._since = 0.0
        self._guard = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="arrivals", daemon=True)

    def settled(self, studies: Iterable[str]) -> None:
        """Hear that the sender of some studies has ended its association or request."""
        due = time.time() + self._released_s
        with self._guard:
            self._soon.update(dict.fromkeys(studies, due))

    def look(self) -> list[str]:
        """Order what is whole and not ordered; returns the ids of new jobs."""
        began = time.time()
        with self._guard:
            soon = [study for study, due in self._soon.items() if due <= began]
        found = ledger.waiting(self._database, quiet_s=self._settle_s, soon=soon, since=self._since)
        everyone = dict.fromkeys(found)
        for study in found:
            everyone.update(dict.fromkeys(ledger.later_studies(self._database, study)))
        placed = [job for study in everyone if (job := self._order(study))]
        with self._guard:
            for study in soon:
                self._soon.pop(study, None)
        # What is not quiet yet is looked at again: it changed after this time by its own settling.
        self._since = began - max(self._settle_s, self._released_s) - _OVERLAP_S
        return placed

    def _order(self, study: str) -> str:
        films = ledger.films_of(self._database, study)
        if not films.own:
            return ""
        try:
            row = ledger.row(self._database, study)
        except HilumError:
            return ""  # deleted since
        if row.job.startswith(films.order.family):
            return ""
        job = self._jobs.find(self._jobs.submit(films.order))
        if job.state not in ("waiting", "running"):
            job = self._jobs.retry(job.id)  # read once, deleted or changed, and here again
        ledger.ordered(self._database, study, job.id)
        return job.id

    def start(self) -> Arrivals:
        """Look from a thread of its own until `stop`."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop looking."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout=30)

    def __enter__(self) -> Arrivals:
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
        except Exception as error:  # a database that is away comes back; the next look sees the same
            LOG.warning("arrivals could not be looked at: %s", type(error).__name__)
