"""Jobs in actors of a real Ray cluster of two nodes: a model held, an actor and a node killed, a poison job apart."""

from __future__ import annotations

import importlib.util
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from hilum.app.spread import spread
from hilum.core.errors import MissingError

_ABSENT = [name for name in ("ray", "pandas", "fsspec") if importlib.util.find_spec(name) is None]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(_ABSENT), reason=f"{', '.join(_ABSENT)} not installed: pip install 'hilum[cluster]'"),
]
_HELD: list[int] = []


@dataclass(frozen=True)
class Sum:
    """A job: a number, what to do wrong, and a folder to leave traces in."""

    number: int
    fault: str = ""
    traces: str = ""


def add(job: Sum, threads: int) -> tuple[int, int, int, str]:
    """Number + 1, the process, and how many jobs that process had done; `fault` says what goes wrong."""
    import ray

    attempt = Path(job.traces) / f"{job.number}"
    if job.fault == "always" or (job.fault == "once" and not attempt.exists()):
        with attempt.open("a") as tries:
            tries.write("x")
        os.kill(os.getpid(), signal.SIGKILL)
    if job.fault == "missing":
        raise MissingError("the package is not there")
    if job.fault == "error":
        raise ZeroDivisionError("a bug")
    _HELD.append(job.number)
    time.sleep(0.05)
    return job.number + 1, os.getpid(), len(_HELD), ray.get_runtime_context().get_node_id()


def lost(job: Sum, reason: str) -> tuple[int, int, int, str]:
    return -job.number, len(reason), 0, ""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A head and a node of one processor each."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ["RAY_BACKEND_LOG_LEVEL"] = "fatal"
    import ray
    from ray.cluster_utils import Cluster

    small = {"include_dashboard": False, "object_store_memory": 100 * 2**20}
    found = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, **small})
    found.add_node(num_cpus=1, object_store_memory=100 * 2**20)
    ray.init(found.address, log_to_driver=False, logging_level="ERROR")
    yield found
    ray.shutdown()
    found.shutdown()


def run(jobs: list[Sum], **how: Any) -> list[tuple[int, int, int, str]]:
    return list(spread(add, jobs, lost=lost, ray="auto", actors=True, **how))


def test_each_job_is_done_once_and_processes_are_kept(cluster: Any) -> None:
    made = run([Sum(n) for n in range(12)])
    assert sorted(number for number, *_ in made) == list(range(1, 13))
    pids = {pid for _, pid, *_ in made}
    assert 1 <= len(pids) <= 2
    assert os.getpid() not in pids
    assert max(done for *_, done, _ in made) >= 4  # what a process holds stays from job to job


def test_a_killed_actor_is_tried_again_and_a_poison_job_costs_itself_alone(cluster: Any, tmp_path: Path) -> None:
    jobs = [Sum(n, {3: "once", 5: "always", 7: "error"}.get(n, ""), str(tmp_path)) for n in range(1, 10)]
    made = {number for number, *_ in run(jobs)}
    assert made == {2, 3, 4, 5, 7, 9, 10} | {-5, -7}
    assert (tmp_path / "3").read_text() == "x"
    assert 2 <= len((tmp_path / "5").read_text()) <= 10  # tried again, and not for ever


def test_what_is_missing_ends_the_run(cluster: Any) -> None:
    with pytest.raises(MissingError, match="not there"):
        run([Sum(1), Sum(2, "missing")])


def test_no_jobs_need_no_cluster() -> None:
    assert list(spread(add, [], lost=lost, ray="nowhere:1", actors=True)) == []


def test_a_node_killed_in_the_middle_costs_nothing(cluster: Any) -> None:
    node = cluster.add_node(num_cpus=1, object_store_memory=100 * 2**20)
    made, killed_after = [], 0
    for answer in spread(add, [Sum(n) for n in range(90)], lost=lost, ray="auto", actors=True, workers=3):
        made.append(answer[0])
        if not killed_after and answer[3] == node.node_id:
            killed_after = len(made)
            cluster.remove_node(node, allow_graceful=False)
    assert 0 < killed_after < 90
    assert sorted(made) == list(range(1, 91))
