"""Jobs as Ray tasks, and the cluster they run on: one that is there, or one started on this machine."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from hilum.core.errors import InputError, MissingError, need

Job = TypeVar("Job")
Result = TypeVar("Result")
_STORE_BYTES = 128 * 2**20
"""Memory for objects of a cluster on this machine: jobs and rows are small, as pixels never travel."""
_WAIT_S = 10.0


@contextmanager
def cluster(address: str, processors: int = 0) -> Iterator[Any]:
    """Yield Ray, connected to a cluster; one started here ends with the context, one already connected stays.

    Args:
        address: of a cluster, or 'local' to start one on this machine.
        processors: of one started here; 0 for those there are.

    Raises:
        MissingError: if Ray is not installed.
        InputError: if no cluster answers there.
    """
    try:
        import ray
    except ImportError:
        raise need("ray", "cluster", "--ray") from None
    if ray.is_initialized():
        yield ray
        return
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    _answers(address)
    with TemporaryDirectory(prefix="hilum-ray-", ignore_cleanup_errors=True) as place:
        local = {
            "include_dashboard": False, "object_store_memory": _STORE_BYTES, "_temp_dir": place,
            "num_cpus": processors or os.cpu_count(),
        }  # fmt: skip
        try:
            ray.init(address, log_to_driver=False, logging_level="ERROR", **(local if address == "local" else {}))
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise InputError(f"no Ray cluster answers at '{address}': {str(error).splitlines()[0]}") from None
        try:
            yield ray
        finally:
            ray.shutdown()


def _answers(address: str) -> None:
    """Ray itself waits for minutes, and ends the process, where nothing answers."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdigit():
        try:
            socket.create_connection((host.strip("[]"), int(port)), _WAIT_S).close()
        except OSError as error:
            raise InputError(f"no Ray cluster answers at '{address}': {error.strerror or error}") from None


def on_tasks(
    task: Callable[[Job, int], Result], jobs: Sequence[Job], lost: Callable[[Job, str], Result], address: str
) -> Iterator[Result]:
    """Run each job as a Ray task; its inputs and results must be on storage that every node sees."""
    with cluster(address) as ray:
        remote = ray.remote(task)
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
