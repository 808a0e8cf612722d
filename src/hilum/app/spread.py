"""One task over many jobs, here, in processes or on Ray: results as they finish, a lost worker costs only its jobs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from hilum.app.spread_processes import STOPPED, in_processes

__all__ = ["STOPPED", "limit_threads", "spread"]

Job = TypeVar("Job")
Result = TypeVar("Result")


def spread(
    task: Callable[[Job, int], Result], jobs: Sequence[Job], *, lost: Callable[[Job, str], Result], workers: int = 1,
    ray: str = "", actors: bool = False,
) -> Iterator[Result]:  # fmt: skip
    """Run jobs and yield what each gives, in the order they finish.

    Args:
        task: module-level function of a job and the processor threads it may use (0 for all); what it raises ends the
            run, so its own faults should be results.
        jobs: what to do; they must pickle where there are workers.
        lost: makes the result of a job whose worker was lost, given the sentence why.
        workers: processes on this machine.
        ray: address of a Ray cluster that sees the same paths, 'local' for one on this machine; '' uses none.
        actors: on Ray, keep processes with what the task holds in memory (a model), through Ray Data; `workers` of
            them, or one for each processor of the cluster. Else each job is a Ray task.

    Raises:
        MissingError: if ray is asked for and not installed, or a task needs a package that is not there.
    """
    if ray and actors:
        from hilum.app.spread_actors import on_actors

        yield from on_actors(task, jobs, lost, ray, workers)
    elif ray:
        from hilum.app.spread_ray import on_tasks

        yield from on_tasks(task, jobs, lost, ray)
    elif workers > 1 and len(jobs) > 1:
        yield from in_processes(task, jobs, lost, min(workers, len(jobs)))
    else:
        for job in jobs:
            yield task(job, 0)


def limit_threads(threads: int) -> None:
    """Let compiled kernels of this process use at most so many processor threads; 0 leaves them all."""
    if threads > 0:
        try:
            import numba

            numba.set_num_threads(min(threads, numba.get_num_threads()))
        except ImportError:  # said where it is needed
            pass
