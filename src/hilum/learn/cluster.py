"""The same recipe on a Ray cluster: Ray Train starts and joins the processes, and the fits inside share the work."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import Any

from hilum.core.errors import HilumError, InputError, need
from hilum.learn.running import Running, running

_STORE_BYTES = 128 * 2**20
"""Memory for objects of a cluster on this machine: films are read by the workers, not sent."""


def on_cluster(
    job: Callable[[], None], *, workers: int = 2, how: Running | None = None, address: str = "local", gpus: bool = False
) -> None:
    """Run a job, such as a call of a recipe's `train`, in several processes of a Ray cluster.

    Every fit within the job takes its part of the rows of each batch, as under torchrun. The folder that the job writes
    to must be on storage that every node sees.

    Args:
        job: called once in every process; it, and what it refers to, travels to the nodes.
        workers: processes.
        how: device and way to share; DDP if None.
        address: of a cluster, or 'local' to start one on this machine.
        gpus: one GPU for each process, over nccl; else processors, over gloo.

    Raises:
        MissingError: if Ray is not installed.
        InputError: if no cluster answers, or the job failed: the reason is the job's own.
    """
    try:
        from ray.train import RunConfig, ScalingConfig
        from ray.train.torch import TorchConfig, TorchTrainer
    except ImportError:
        raise need("ray", "cluster", "training on a Ray cluster") from None
    way = how or Running("cuda" if gpus else "")

    def work() -> None:
        with running(way):
            job()

    with _cluster(address, workers), TemporaryDirectory(prefix="hilum-ray-train-", ignore_cleanup_errors=True) as place:
        scale, talk = ScalingConfig(num_workers=workers, use_gpu=gpus), TorchConfig("nccl" if gpus else "gloo")
        trainer = TorchTrainer(work, scaling_config=scale, torch_config=talk, run_config=RunConfig(storage_path=place))
        try:
            trainer.fit()
        except Exception as error:  # Ray wraps what went wrong in several of its own
            raise _reason(error) from None


def _reason(error: BaseException) -> HilumError:
    """The job's own sentence, where it gave one."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, HilumError):
            return seen
        for inner in (*dict(getattr(seen, "worker_failures", {})).values(), getattr(seen, "cause", None)):
            if isinstance(inner, BaseException) and inner is not seen:
                return _reason(inner)
        seen = seen.__cause__
    return InputError(f"the job failed on the cluster: {str(error).strip().splitlines()[-1]}")


@contextmanager
def _cluster(address: str, processors: int) -> Iterator[Any]:
    """Connect to a cluster, or start one here that ends with the context."""
    import ray

    if ray.is_initialized():
        yield ray
        return
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    with TemporaryDirectory(prefix="hilum-ray-", ignore_cleanup_errors=True) as place:
        here = {"include_dashboard": False, "object_store_memory": _STORE_BYTES, "_temp_dir": place,
                "num_cpus": max(processors + 1, os.cpu_count() or 1)}  # fmt: skip
        try:
            ray.init(address, log_to_driver=False, logging_level="ERROR", **(here if address == "local" else {}))
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise InputError(f"no Ray cluster answers at '{address}': {str(error).splitlines()[0]}") from None
        try:
            yield ray
        finally:
            ray.shutdown()
