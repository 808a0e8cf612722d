"""Jobs through Ray Data: actors that keep a model, bounded work in flight, a killed actor or node tried again."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from hilum.app.spread_ray import cluster
from hilum.core.errors import MissingError, need

Job = TypeVar("Job")
Result = TypeVar("Result")
LOST = "its worker on the cluster was lost again and again, most likely for want of memory: try fewer, with --resume"
_BLOCKS = 1_000
"""Most blocks of the first pass, which hold several jobs where there are more; those of a lost one are done singly."""
_IN_FLIGHT = 2
_RETRIES = 3
_SHARE = 0.9
"""Processor of an actor: a whole one would leave none for Ray's own reading where actors take them all."""


def on_actors(
    task: Callable[[Job, int], Result], jobs: Sequence[Job], lost: Callable[[Job, str], Result], address: str,
    workers: int = 1,
) -> Iterator[Result]:  # fmt: skip
    """Run jobs in actors of a Ray cluster and yield results as they finish; see `hilum.app.spread.spread`.

    Args:
        task, jobs, lost, address: as there.
        workers: actors; 1 for one for each processor of the cluster.
    """
    if not jobs:
        return
    with cluster(address, workers if workers > 1 else 0) as ray:
        data = _ready()
        actors = workers if workers > 1 else max(1, int(ray.cluster_resources().get("CPU", 1)))
        left = dict(enumerate(jobs))
        for size in (-(-len(jobs) // _BLOCKS), 1):  # what a dying node took with it is noticed late, and done again
            for number, fine, answer in _passed(data, task, left, size, min(actors, len(left))):
                if not fine and isinstance(answer, MissingError):
                    raise answer
                job = left.pop(number)
                yield answer if fine else lost(job, f"the task failed: {answer}")
            if not left:
                return
        for job in left.values():
            yield lost(job, LOST)


def _ready() -> Any:
    """Ray Data, quiet, and set to leave out a block whose actors keep dying in place of ending the run."""
    try:
        from ray import data
    except ImportError:
        raise need("ray[data]", "cluster", "--ray") from None
    for name in ("ray.data", "ray.data._internal"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    context = data.DataContext.get_current()
    context.max_errored_blocks = -1
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    return data


def _passed(
    data: Any, task: Callable[[Any, int], Any], left: Mapping[int, Any], size: int, actors: int
) -> Iterator[tuple[int, bool, Any]]:
    """One pass over jobs in blocks of a size: number, whether it went well, and the result or the error."""
    rows = [{"number": number, "job": job} for number, job in left.items()]
    pool = data.ActorPoolStrategy(
        min_size=1, max_size=actors, initial_size=actors, max_tasks_in_flight_per_actor=_IN_FLIGHT
    )
    blocks = data.from_items(rows, override_num_blocks=-(-len(rows) // size))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Ray's own default tries for ever, and this is the only way to say otherwise
        made = blocks.map_batches(
            _Actor, fn_constructor_args=(task,), batch_size=None, batch_format="numpy", compute=pool, num_cpus=_SHARE,
            max_restarts=-1, max_task_retries=_RETRIES,
        )  # fmt: skip
    for row in made.iter_rows():
        yield int(row["number"]), bool(row["fine"]), row["answer"]


class _Actor:
    """A process of the cluster; what its task keeps in memory stays from block to block."""

    def __init__(self, task: Callable[[Any, int], Any]) -> None:
        self.task = task

    def __call__(self, block: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Do a block's jobs."""
        said = [self._answer(job) for job in block["job"]]
        answers = np.empty(len(said), object)
        for place, (_, answer) in enumerate(said):
            answers[place] = answer
        return {"number": block["number"], "fine": np.array([fine for fine, _ in said]), "answer": answers}

    def _answer(self, job: Any) -> tuple[bool, Any]:
        try:
            return True, self.task(job, 1)
        except Exception as error:  # said where the jobs were given; it must not cost the block
            return False, error
