"""The worker processes of a server: started, watched, started anew when they die, stopped together."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from hilum.app.serve.jobs import Jobs, job_url
from hilum.app.serve.work import TOOK_TOO_LONG, Rules, Settings
from hilum.core.errors import InputError

QUICK_S = 5.0
"""A worker that dies sooner than this after its start is started again only after a growing wait."""
LONGEST_WAIT_S = 30.0


@dataclass
class _Child:
    """One worker: its settings, process, and how often it died at once."""

    settings: Settings
    process: subprocess.Popen[str] | None = None
    began: float = 0.0
    quick: int = 0
    due: float = 0.0
    ends: list[str] = field(default_factory=list)


class Workers:
    """Keeps the worker processes of one server running.

    Args:
        url: the job database.
        groups: name -> (number of processes, their rules); each process serves its group's kinds of job.
        bodies, arguments: see `work.Settings`.
        lock: a file that only one server may hold, where the job database is a file; None without.
        host: begins the workers' names; the same machine must keep its name over restarts.
        poll_s, grace_s: see `work.Settings`.

    Raises:
        InputError: if another server holds the lock.
    """

    def __init__(
        self,
        url: str,
        *,
        groups: Mapping[str, tuple[int, Mapping[str, Rules]]],
        bodies: str,
        arguments: Mapping[str, Any] | None = None,
        lock: Path | None = None,
        host: str = "",
        poll_s: float = 0.25,
        grace_s: int = 30,
    ) -> None:
        """Plan the workers; `start` starts them."""
        self.host = f"{host or socket.gethostname()}/"
        self._lock = _hold(lock) if lock else None
        self._url = url
        self._children = [
            _Child(
                Settings(job_url(url), f"{self.host}{group}-{number}", rules, bodies, dict(arguments or {}),
                         poll_s=poll_s, grace_s=grace_s)
            )
            for group, (count, rules) in groups.items()
            for number in range(1, count + 1)
        ]  # fmt: skip
        self._stopping = threading.Event()
        self._watch = threading.Thread(target=self._run, name="workers", daemon=True)

    def start(self) -> Workers:
        """Give the jobs of workers that are no more back to their queues, then start every worker."""
        jobs = Jobs(self._url)
        try:
            jobs.release(self.host, keep=tuple(child.settings.executor for child in self._children))
        finally:
            jobs.close()
        for child in self._children:
            _spawn(child)
        self._watch.start()
        return self

    @property
    def pids(self) -> tuple[int, ...]:
        """Process ids of the workers that run now."""
        return tuple(c.process.pid for c in self._children if c.process and c.process.poll() is None)

    @property
    def ends(self) -> tuple[str, ...]:
        """How workers ended since the start, in words, for the log and the page."""
        return tuple(f"{c.settings.executor}: {end}" for c in self._children for end in c.ends)

    def stop(self) -> None:
        """Let running jobs finish within the grace, then end what is left."""
        self._stopping.set()
        for child in self._children:
            if child.process and child.process.stdin and child.process.poll() is None:
                _tell(child.process.stdin, "stop\n", close=False)
        for child in self._children:
            if child.process:
                try:
                    child.process.wait(timeout=child.settings.grace_s + 15)
                except subprocess.TimeoutExpired:
                    child.process.kill()
                    child.process.wait()
                if child.process.stdin:
                    _tell(child.process.stdin, "", close=True)
        if self._watch.is_alive():
            self._watch.join(timeout=5)
        if self._lock:
            self._lock.close()

    def __enter__(self) -> Workers:
        """Start."""
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self.stop()

    def _run(self) -> None:
        while not self._stopping.wait(0.1):
            now = time.monotonic()
            for child in self._children:
                if child.process is not None and child.process.poll() is not None:
                    _note_end(child, now)
                if child.process is None and now >= child.due and not self._stopping.is_set():
                    _spawn(child)


def how_it_ended(status: int) -> str:
    """Say in words what a process's return code means: a negative one is the signal that ended it."""
    if status == TOOK_TOO_LONG:
        return "it took longer than its time limit"
    if status < 0:
        try:
            return f"ended by signal {-status} ({signal.Signals(-status).name})"
        except ValueError:
            return f"ended by signal {-status}"
    return f"exit status {status}"


def _spawn(child: _Child) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DBOS_")}
    child.process = subprocess.Popen(
        [sys.executable, "-m", "hilum.app.serve.work"], stdin=subprocess.PIPE, text=True, env=environment
    )
    child.began = time.monotonic()
    if child.process.stdin is not None:
        _tell(child.process.stdin, child.settings.to_json() + "\n", close=False)


def _tell(pipe: IO[str], text: str, *, close: bool) -> None:
    try:
        pipe.write(text)
        pipe.flush()
        if close:
            pipe.close()
    except (OSError, ValueError):
        pass  # it has just ended; the watch sees that


def _note_end(child: _Child, now: float) -> None:
    if child.process is None:
        return
    end = how_it_ended(child.process.returncode)
    child.ends.append(end)
    if child.process.stdin:
        _tell(child.process.stdin, "", close=True)
    child.quick = child.quick + 1 if now - child.began < QUICK_S else 0
    child.due = now + (min(0.5 * 2.0 ** (child.quick - 1), LONGEST_WAIT_S) if child.quick else 0.0)
    child.settings = replace(child.settings, last_exit=end)
    child.process = None


def _hold(path: Path) -> IO[str]:
    """Hold a lock file until closed; the system lets go of it when the process dies."""
    import fcntl

    path.parent.mkdir(parents=True, exist_ok=True)
    handle = path.open("a+", encoding="utf-8")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        handle.seek(0)
        held = handle.read().strip()
        handle.close()
        raise InputError(
            f"another server works in '{path.parent}' {held}: stop it, or use PostgreSQL for several servers"
        ) from error
    handle.truncate(0)
    handle.write(json.dumps({"pid": os.getpid()}))
    handle.flush()
    return handle
