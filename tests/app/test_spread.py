"""Jobs spread over processes: the same results as in one, and a worker that dies costs only its own jobs."""

from __future__ import annotations

import importlib.util
import multiprocessing
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from hilum.app.spread import STOPPED, spread
from hilum.core.errors import InputError, MissingError


@dataclass(frozen=True)
class Sum:
    """A job: numbers to add, and whether its process dies of it."""

    numbers: tuple[int, ...]
    deadly: bool = False
    fault: str = ""


def add(job: Sum, threads: int) -> tuple[tuple[int, ...], int, int]:
    if job.deadly:
        os._exit(9)
    if job.fault == "missing":
        raise MissingError("the package is not there")
    if job.fault:
        raise InputError(job.fault)
    return job.numbers, sum(job.numbers), threads


def unsendable(job: Sum, threads: int) -> object:
    return lambda: job


def lost(job: Sum, reason: str) -> tuple[tuple[int, ...], int, int]:
    return job.numbers, -len(reason), -1


JOBS = [Sum((n, n + 1)) for n in range(7)]


@pytest.mark.parametrize("workers", [1, 2])
def test_every_job_is_done_once(workers: int) -> None:
    made = sorted(spread(add, JOBS, lost=lost, workers=workers))
    assert [(numbers, total) for numbers, total, _ in made] == [(job.numbers, sum(job.numbers)) for job in JOBS]


def test_alone_a_task_may_use_all_threads_and_in_company_its_share() -> None:
    assert {threads for *_, threads in spread(add, JOBS[:2], lost=lost)} == {0}
    cores = os.cpu_count() or 1
    assert {threads for *_, threads in spread(add, JOBS[:2], lost=lost, workers=2)} == {max(1, cores // 2)}


def test_one_job_starts_no_process() -> None:
    (made,) = spread(add, JOBS[:1], lost=lost, workers=8)
    assert made[2] == 0


def test_a_worker_that_dies_loses_jobs_and_not_the_run() -> None:
    made = {numbers: total for numbers, total, _ in spread(add, [Sum((1,), True), *JOBS], lost=lost, workers=2)}
    assert made.pop((1,)) == -len(STOPPED)
    assert made == {job.numbers: sum(job.numbers) for job in JOBS}


def test_where_every_worker_dies_the_rest_is_given_up() -> None:
    deadly = [Sum((n,), deadly=True) for n in range(60)]
    made = sorted(numbers for numbers, total, _ in spread(add, deadly, lost=lost, workers=3) if total < 0)
    assert made == [(n,) for n in range(60)]


def test_jobs_wait_their_turn_and_are_not_all_taken_at_once() -> None:
    taken = []

    class Jobs(list[Sum]):
        def __iter__(self) -> Iterator[Sum]:
            for job in super().__iter__():
                taken.append(job)
                yield job

    made = spread(add, Jobs(JOBS), lost=lost, workers=2)
    next(made)
    assert len(taken) <= 4  # two at work, and those given to whoever was done
    assert len(list(made)) == len(JOBS) - 1


def test_what_cannot_travel_is_said() -> None:
    with pytest.raises(InputError, match="cannot be sent"):
        list(spread(unsendable, JOBS[:3], lost=lost, workers=2))


def test_a_run_that_is_left_stops_its_workers() -> None:
    made = spread(add, JOBS, lost=lost, workers=2)
    next(made)
    made.close()  # type: ignore[attr-defined]
    assert not multiprocessing.active_children()


@pytest.mark.parametrize("workers", [1, 2])
def test_a_fault_of_a_task_ends_the_run(workers: int) -> None:
    with pytest.raises(InputError, match="no good"):
        list(spread(add, [Sum((1,), fault="no good"), *JOBS], lost=lost, workers=workers))


def test_no_jobs_give_nothing() -> None:
    assert list(spread(add, [], lost=lost, workers=4)) == []


needs_ray = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="ray is not installed")


@needs_ray
@pytest.mark.slow
def test_a_local_ray_cluster_gives_the_same(tmp_path: Path) -> None:
    made = sorted(spread(add, [*JOBS, Sum((99,), True)], lost=lost, ray="local"))
    assert [(numbers, total) for numbers, total, _ in made[:-1]] == [(job.numbers, sum(job.numbers)) for job in JOBS]
    assert made[-1][1] < 0  # its node died of it


@pytest.mark.skipif(importlib.util.find_spec("ray") is not None, reason="ray is installed")
def test_without_ray_the_extra_is_named() -> None:
    with pytest.raises(MissingError, match="cluster"):
        list(spread(add, JOBS, lost=lost, ray="local"))
