"""One task over many jobs, here, in processes or on Ray: results as they finish, a lost worker costs only its jobs."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from hilum.core.errors import MissingError, need

Job = TypeVar("Job")
Result = TypeVar("Result")
STOPPED = "a worker process was stopped, most likely for want of memory: use fewer --workers, with --resume"


def spread(
    task: Callable[[Job, int], Result], jobs: Sequence[Job], *, lost: Callable[[Job, str], Result], workers: int = 1,
    ray: str = "",
) -> Iterator[Result]:  # fmt: skip
    """Run jobs and yield what each gives, in the order they finish.

    Args:
        task: module-level function of a job and the processor threads it may use (0 for all); what it raises ends the
            run, so its own faults should be results.
        jobs: what to do; they must pickle where there are workers.
        lost: makes the result of a job whose worker was lost, given the sentence why.
        workers: processes on this machine.
        ray: address of a Ray cluster that sees the same paths, 'local' for one on this machine; '' uses none.

    Raises:
        MissingError: if ray is asked for and not installed, or a task needs a package that is not there.
    """
    if ray:
        yield from _on_ray(task, jobs, lost, ray)
    elif workers > 1 and len(jobs) > 1:
        yield from _in_processes(task, jobs, lost, min(workers, len(jobs)))
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


def _in_processes(
    task: Callable[[Job, int], Result], jobs: Sequence[Job], lost: Callable[[Job, str], Result], workers: int
) -> Iterator[Result]:
    from concurrent.futures import ProcessPoolExecutor, as_completed
    from concurrent.futures.process import BrokenProcessPool
    from multiprocessing import get_context

    threads = max(1, (os.cpu_count() or 1) // workers)
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        left = {pool.submit(task, job, threads): job for job in jobs}
        try:
            for done in as_completed(list(left)):
                result = done.result()
                del left[done]
                yield result
        except BrokenProcessPool:  # killed, as a rule for memory: what is left is failed, not lost
            for job in left.values():
                yield lost(job, STOPPED)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _on_ray(
    task: Callable[[Job, int], Result], jobs: Sequence[Job], lost: Callable[[Job, str], Result], address: str
) -> Iterator[Result]:
    """Run each job as a Ray task; its inputs and results must be on storage that every node sees."""
    try:
        import ray
    except ImportError:
        raise need("ray", "cluster", "--ray") from None
    ray.init(None if address == "local" else address, ignore_reinit_error=True, log_to_driver=False)
    try:
        remote: Any = ray.remote(task)
        waiting = {remote.remote(job, 1): job for job in jobs}
        while waiting:
            done, _ = ray.wait(list(waiting), num_returns=1)
            job = waiting.pop(done[0])
            try:
                yield ray.get(done[0])
            except ray.exceptions.RayTaskError as error:
                if isinstance(error.cause, MissingError):
                    raise error.cause from None
                yield lost(job, f"the task failed: {error.cause}")
            except ray.exceptions.RayError as error:
                yield lost(job, f"a node was lost ({type(error).__name__})")
    finally:
        ray.shutdown()
