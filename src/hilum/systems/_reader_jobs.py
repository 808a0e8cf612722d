"""Arms worked off one after the other or in processes side by side; each is an arm and a seed, and gives what it wrote.

An arm runs on one thread and depends on its seed alone, so that its answers do not depend on where it ran.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from hilum.core.errors import InputError
from hilum.core.region import Box
from hilum.learn.running import Running, current, running

Boxes = Mapping[str, Sequence[Box]]
Say = Callable[[str], None]


@dataclass(frozen=True)
class Answered:
    """What one arm of one seed wrote of the test studies.

    Args:
        texts: name of a trial (the arm, or the arm under a control) -> answer to each test study.
        boxes: the same for boxes on each current frontal film, by concept, where an arm writes them.
        line: how words were chosen and how large the reader is.
        errors: boxes that could not be read.
    """

    texts: Mapping[str, list[str]]
    boxes: Mapping[str, list[Boxes]] = field(default_factory=dict)
    line: str = ""
    errors: int = 0


Job = tuple[str, int]
"""Arm and seed."""


class Bench(Protocol):
    """What all arms share: a lab, or more than that."""

    def look(self) -> None:
        """Let the frozen encoder look at every film, so that no process has to."""


Held = TypeVar("Held", bound=Bench)

_HELD: dict[str, Any] = {}


def worked(
    work: Callable[[Held, str, int], Answered], jobs: Sequence[Job], bench: Held, *, workers: int = 1,
    say: Say = lambda line: None,
) -> Iterator[tuple[Job, Answered]]:  # fmt: skip
    """Yield each job with what it gave, in order.

    Args:
        work: from the bench, an arm and a seed to what it wrote; a function of a module, so that another process finds
            it.
        jobs: arms and seeds.
        bench: what arms share; each further process is handed a copy.
        workers: processes.
        say: told which job is done.

    Raises:
        InputError: if there is no process.
    """
    if workers < 1:
        raise InputError(f"it takes at least one process, got {workers}")
    bench.look()
    if workers == 1 or len(jobs) < 2:
        for job in jobs:
            say(f"{job[0]}, seed {job[1]}")
            yield job, work(bench, *job)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(workers, len(jobs)), context, _begin, (bench, current())) as pool:
        for job, made in zip(jobs, pool.map(_work, [work] * len(jobs), jobs), strict=True):
            say(f"{job[0]}, seed {job[1]}: done")
            yield job, made


def _begin(bench: Bench, how: Running) -> None:
    import torch

    torch.set_num_threads(1)
    _HELD["bench"], _HELD["how"] = bench, how


def _work(work: Callable[[Any, str, int], Answered], job: Job) -> Answered:
    with running(_HELD["how"]):
        return work(_HELD["bench"], *job)
