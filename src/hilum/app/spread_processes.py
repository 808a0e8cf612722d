"""Worker processes that hold one job each: one that is killed costs that job, and another takes its place."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from typing import Any, Generic, TypeVar, cast

from hilum.core.errors import InputError

Job = TypeVar("Job")
Result = TypeVar("Result")
Task = Callable[[Job, int], Result]
STOPPED = "a worker process was stopped, most likely for want of memory: use fewer --workers, with --resume"
_PATIENCE = 8
"""So many workers may die one after another, with none doing a job between, before what is left is given up."""
_SPAWN = get_context("spawn")


@dataclass(eq=False)
class _Worker(Generic[Job]):
    """A process, the line to it and the job it holds."""

    process: Any
    line: Connection
    job: Job

    def answer(self) -> tuple[bool, Any] | None:
        """What it says of its job: whether it went well, and the result or the error; None if it is dead."""
        try:
            return cast("tuple[bool, Any]", self.line.recv())
        except (EOFError, OSError):
            return None

    def give(self, job: Job) -> bool:
        """Hand it another job, and tell whether it took it."""
        self.job = job
        try:
            self.line.send(job)
        except (BrokenPipeError, ConnectionResetError):
            return False
        return True

    def end(self) -> None:
        """Let it go, whatever it does."""
        self.line.close()
        self.process.terminate()
        self.process.join()


def in_processes(
    task: Task[Job, Result], jobs: Sequence[Job], lost: Callable[[Job, str], Result], workers: int
) -> Iterator[Result]:
    """Run jobs in processes of this machine and yield results as they finish; see `hilum.app.spread.spread`."""
    threads = max(1, (os.cpu_count() or 1) // workers)
    waiting, pool, deaths = iter(jobs), [_start(task, threads, job) for job in jobs[:workers]], 0
    for _ in pool:
        next(waiting)
    try:
        while pool:
            for line in wait([worker.line for worker in pool]):
                worker = next(each for each in pool if each.line is line)
                said, job = worker.answer(), worker.job
                deaths = deaths + 1 if said is None else 0
                pool.remove(worker)
                following = [] if deaths > _PATIENCE else [each for _, each in zip(range(1), waiting, strict=False)]
                pool += [_continued(worker, task, threads, each, said is not None) for each in following]
                if not following:
                    worker.end()
                if said and not said[0]:
                    raise said[1]
                yield said[1] if said else lost(job, STOPPED)
        for job in waiting:
            yield lost(job, STOPPED)
    finally:
        for worker in pool:
            worker.end()


def _continued(worker: _Worker[Job], task: Task[Job, Any], threads: int, job: Job, alive: bool) -> _Worker[Job]:
    """The worker with its next job, or another in the place of a dead one."""
    if alive and worker.give(job):
        return worker
    worker.end()
    return _start(task, threads, job)


def _start(task: Task[Job, Any], threads: int, job: Job) -> _Worker[Job]:
    ours, theirs = _SPAWN.Pipe()
    process = _SPAWN.Process(target=_work, args=(theirs, task, threads), daemon=True)
    process.start()
    theirs.close()  # so that the death of the process ends the line
    worker = _Worker(process, ours, job)
    worker.give(job)
    return worker


def _work(line: Connection, task: Task[Any, Any], threads: int) -> None:
    """Do jobs until the line ends, as it does when the other side is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupt is for the other side, which then stops this one
    while True:
        try:
            job = line.recv()
        except (EOFError, OSError):
            return
        try:
            said: tuple[bool, Any] = (True, task(job, threads))
        except Exception as error:
            said = (False, error)
        try:
            line.send(said)
        except (BrokenPipeError, ConnectionResetError):
            return
        except Exception as error:  # what does not travel is told in words
            line.send((False, InputError(f"a worker's answer cannot be sent: {error}")))
