"""Durable jobs: real worker processes, killed, poisoned, cancelled and stopped; the queue is a file of its own."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

pytest.importorskip("dbos", reason="the 'serve' extra is not installed")

from hilum.app.serve.jobs import Job, Jobs, Order, job_url
from hilum.app.serve.work import TOOK_TOO_LONG, Rules, Settings
from hilum.app.serve.workers import Workers, how_it_ended
from hilum.core.errors import InputError, MissingError
from tests.app.serve.cluster import Cluster

ROOT = Path(__file__).resolve().parents[3]
BODIES = "tests.app.serve.odd_bodies:bodies"
QUICK = {"read": Rules(first_wait_s=0.1, factor=2.0, time_limit_s=20.0)}


def until(true: Callable[[], object], seconds: float = 60.0) -> None:
    """Wait for something that must come; the bound only ends a test that has failed already."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.05)


def notes(folder: Path) -> list[list[str]]:
    file = folder / "notes"
    return [line.split() for line in file.read_text().splitlines()] if file.exists() else []


def counted(folder: Path, what: str) -> Counter[str]:
    return Counter(line[1] for line in notes(folder) if line[0] == what)


def workers(folder: Path, count: int = 1, rules: dict[str, Rules] | None = None, url: str = "") -> Workers:
    return Workers(
        url or f"sqlite:///{folder}/jobs.sqlite",
        groups={"read": (count, rules or QUICK)},
        bodies=BODIES,
        arguments={"folder": str(folder)},
        poll_s=0.1,
        grace_s=5,
    )


@pytest.fixture(autouse=True)
def _import_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """Worker processes find this test's bodies."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]))


@dataclass
class Day:
    """What happened on one working day of two processes."""

    folder: Path
    jobs: dict[str, Job]
    pids: tuple[int, ...]
    ends: tuple[str, ...]
    listening: list[str]
    retried: Job


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Day:
    """Good, bad, poisonous, passing and cancelled jobs, and a process that is killed in the middle."""
    folder = tmp_path_factory.mktemp("day")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]))
        patch.setenv("DBOS__CLOUD", "true")  # what a stranger's environment says must not reach the workers
        jobs = Jobs(f"sqlite:///{folder}/jobs.sqlite")
        told = {
            "poison": {"how": "dies"},
            "bad": {"how": "bad"},
            "breaks": {"how": "breaks"},
            "down": {"how": "down"},
            "long": {"seconds": 30},
            "unwanted": {},
        } | {f"good{n}": {"seconds": 0.3} for n in range(6)}
        ids = {name: jobs.submit(Order("read", name, "k", how)) for name, how in told.items()}
        jobs.cancel(ids["unwanted"])
        with workers(folder, 2) as crew:
            until(lambda: (folder / "pid-long").exists())
            listening = [line for pid in crew.pids for line in _listening(pid)]
            jobs.cancel(ids["long"])
            until(lambda: (folder / "pid-good0").exists())
            os.kill(int((folder / "pid-good0").read_text()), signal.SIGKILL)
            until(lambda: jobs.open_count() == 0)
            pids = crew.pids
            (folder / "up").touch()
            retried = jobs.retry(ids["down"])
            until(lambda: jobs.open_count() == 0)
            retried = jobs.find(retried.id)
        latest = {job.order.subject: job for job in reversed(jobs.rows(limit=500)) if job.order.round == 1}
        jobs.close()
    return Day(folder, latest, pids, crew.ends, listening, retried)


def _listening(pid: int) -> list[str]:
    """Listening sockets of a process, from the kernel's tables (state 0A)."""
    own = {os.readlink(handle) for handle in Path(f"/proc/{pid}/fd").iterdir() if os.path.lexists(handle)}
    tables = [Path(f"/proc/{pid}/net/{name}").read_text() for name in ("tcp", "tcp6")]
    rows = [line.split() for table in tables for line in table.splitlines()]
    return [row[1] for row in rows if len(row) > 9 and row[3] == "0A" and f"socket:[{row[9]}]" in own]


def test_every_good_job_is_done_although_a_process_was_killed(day: Day) -> None:
    good = {name: job for name, job in day.jobs.items() if name.startswith("good")}
    assert len(good) == 6
    assert {job.state for job in good.values()} == {"done"}
    assert all(counted(day.folder, "done")[name] == 1 for name in good)
    assert any("SIGKILL" in end for end in day.ends)
    assert len(day.pids) == 2  # those that died were replaced


def test_a_poisonous_job_is_set_aside_with_its_reason(day: Day) -> None:
    job = day.jobs["poison"]
    assert job.state == "quarantined"
    assert counted(day.folder, "start")["poison"] == Rules().starts
    assert counted(day.folder, "quarantined")["poison"] == 1
    assert "ended 3 times" in job.reason
    assert "(last: " in job.reason
    assert any("exit status 7" in end for end in day.ends)


def test_what_cannot_be_done_fails_at_once_and_what_may_pass_is_tried_again(day: Day) -> None:
    assert (day.jobs["bad"].state, day.jobs["bad"].reason) == ("failed", "this film cannot be read")
    assert counted(day.folder, "start")["bad"] == 1
    assert day.jobs["breaks"].state == "done"
    assert counted(day.folder, "start")["breaks"] == 3
    assert day.jobs["down"].state == "failed"
    assert "given up after 4 attempts" in day.jobs["down"].reason
    assert counted(day.folder, "failed")["down"] == 1


def test_cancelled_jobs_leave_no_result(day: Day) -> None:
    assert {day.jobs[name].state for name in ("unwanted", "long")} == {"cancelled"}
    assert counted(day.folder, "start")["unwanted"] == 0
    assert counted(day.folder, "cancelled")["long"] == 1
    assert counted(day.folder, "done")["long"] == 0


def test_a_person_can_have_it_done_again(day: Day) -> None:
    assert (day.retried.order.round, day.retried.state) == (2, "done")


def test_workers_open_no_port_and_store_no_pickle(day: Day) -> None:
    assert day.listening == []
    with sqlite3.connect(day.folder / "jobs.sqlite") as connection:
        kinds = {row[0] for row in connection.execute("SELECT DISTINCT serialization FROM workflow_status")}
        recorded = {row[0] for row in connection.execute("SELECT DISTINCT serialization FROM operation_outputs")}
        inputs = [row[0] for row in connection.execute("SELECT inputs FROM workflow_input")]
    assert kinds | recorded <= {"portable_json", None}
    assert all(isinstance(json.loads(text), dict) for text in inputs if text)


def test_an_order_placed_twice_is_one_job(tmp_path: Path) -> None:
    jobs = Jobs(f"sqlite:///{tmp_path}/jobs.sqlite")
    order = Order("read", "1.2.3", "films", wait_s=60)
    assert jobs.submit(order) == jobs.submit(order)
    assert jobs.submit(Order("read", "1.2.3", "other films")) != order.id
    assert [job.order.subject for job in jobs.rows(subject="1.2.3", kind="read")] == ["1.2.3", "1.2.3"]
    assert jobs.open_count() == jobs.open_count("read") == 2
    assert jobs.open_count("deliver") == 0
    assert "1.2.3" not in order.id  # ids stand in logs
    jobs.close()


@pytest.mark.slow
def test_a_waiting_job_can_be_hurried_and_an_ended_one_not_cancelled(tmp_path: Path) -> None:
    jobs = Jobs(f"sqlite:///{tmp_path}/jobs.sqlite")
    waiting = jobs.submit(Order("read", "s", "k", wait_s=3600))
    assert jobs.retry(waiting).id == waiting
    with workers(tmp_path):
        until(lambda: jobs.find(waiting).state == "done")
    with pytest.raises(InputError, match="has ended"):
        jobs.cancel(waiting)
    with pytest.raises(MissingError, match="no job"):
        jobs.find("read-nothing")
    assert jobs.find(waiting).row()["state"] == "done"
    jobs.close()


def test_jobs_are_forgotten_with_their_subject_and_with_age(tmp_path: Path) -> None:
    jobs = Jobs(f"sqlite:///{tmp_path}/jobs.sqlite")
    for order in (
        Order("read", "a", "1"),
        Order("read", "a", "2"),
        Order("deliver", "a", "1"),
        Order("read", "b", "1"),
    ):
        jobs.submit(order)
    assert jobs.forget(subject="a") == 3
    assert [job.order.subject for job in jobs.rows()] == ["b"]
    left = jobs.rows()[0].id
    assert jobs.forget() == 0  # it waits
    jobs.cancel(left)
    assert jobs.forget(older_than_days=1) == 0
    assert jobs.forget() == 1
    assert jobs.rows() == []
    assert jobs.submit(Order("read", "a", "1"))  # and may come again
    jobs.close()


@pytest.mark.slow
def test_a_job_past_its_time_limit_is_set_aside(tmp_path: Path) -> None:
    jobs = Jobs(f"sqlite:///{tmp_path}/jobs.sqlite")
    slow = jobs.submit(Order("read", "slow", "k", {"seconds": 60}))
    with workers(tmp_path, rules={"read": Rules(starts=1, time_limit_s=0.5)}):
        until(lambda: jobs.find(slow).state == "quarantined")
    assert "time limit" in jobs.find(slow).reason
    jobs.close()


@pytest.mark.slow
def test_workers_go_when_the_server_is_killed_and_their_jobs_are_taken_up(tmp_path: Path) -> None:
    jobs = Jobs(f"sqlite:///{tmp_path}/jobs.sqlite")
    left = jobs.submit(Order("read", "left", "k", {"seconds": 2}))
    code = (
        "import sys, time\nfrom pathlib import Path\nfrom tests.app.serve.test_jobs import workers\n"
        "crew = workers(Path(sys.argv[1])).start()\ntime.sleep(60)"
    )
    server = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], cwd=ROOT)
    until(lambda: (tmp_path / "pid-left").exists() and (tmp_path / "pid-left").read_text())
    worker = int((tmp_path / "pid-left").read_text())
    server.kill()
    server.wait()
    until(lambda: not Path(f"/proc/{worker}").exists() or "Z" in Path(f"/proc/{worker}/stat").read_text().split()[2])
    assert jobs.find(left).state == "running"
    with workers(tmp_path):
        until(lambda: jobs.find(left).state == "done")
    assert counted(tmp_path, "done")["left"] == 1
    jobs.close()


@pytest.mark.slow
def test_jobs_of_a_worker_that_is_no_more_are_given_back(tmp_path: Path) -> None:
    jobs = Jobs(f"sqlite:///{tmp_path}/jobs.sqlite")
    both = [jobs.submit(Order("read", name, "k", {"seconds": 5})) for name in ("one", "two")]
    crew = workers(tmp_path, 2).start()
    until(lambda: all((tmp_path / f"pid-{name}").exists() for name in ("one", "two")))
    crew._stopping.set()
    for pid in crew.pids:
        os.kill(pid, signal.SIGKILL)
    crew.stop()
    with workers(tmp_path, 1):
        until(lambda: all(jobs.find(job).state == "done" for job in both))
    jobs.close()


@pytest.mark.slow
def test_two_hundred_jobs_survive_three_kills(tmp_path: Path) -> None:
    jobs = Jobs(f"sqlite:///{tmp_path}/jobs.sqlite")
    for number in range(200):
        jobs.submit(Order("read", f"s{number}", "k", {"seconds": 0.02}))
    with workers(tmp_path, 2) as crew:
        for wanted in (20, 70, 120):
            until(lambda wanted=wanted: len(counted(tmp_path, "done")) >= wanted and crew.pids)
            os.kill(crew.pids[0], signal.SIGKILL)
        until(lambda: jobs.open_count() == 0, 120)
    assert {job.state for job in jobs.rows(limit=500)} == {"done"}
    assert set(counted(tmp_path, "done")) == {f"s{number}" for number in range(200)}
    jobs.close()


def test_one_server_at_a_time_holds_a_folder(tmp_path: Path) -> None:
    def one() -> Workers:
        return Workers("sqlite:///x", groups={}, bodies=BODIES, lock=tmp_path / "lock")

    first = one()
    with pytest.raises(InputError, match="another server"):
        one()
    first.stop()
    one().stop()


def test_waits_grow_to_a_bound() -> None:
    waits = [Rules(first_wait_s=5, factor=2, longest_wait_s=600).wait_s(attempt) for attempt in range(1, 100)]
    assert waits[:3] == [5, 10, 20]
    assert waits == sorted(waits)
    assert waits[-1] == 600


def test_settings_survive_the_way_to_the_worker() -> None:
    told = Settings("sqlite:///x", "host/read-1", {"read": Rules(starts=2)}, BODIES, {"folder": "f"}, "exit status 7")
    assert Settings.from_json(told.to_json()) == told


@pytest.mark.parametrize(
    ("status", "words"), [(7, "exit status 7"), (-9, "SIGKILL"), (TOOK_TOO_LONG, "time limit"), (-250, "signal 250")]
)
def test_ends_are_said_in_words(status: int, words: str) -> None:
    assert words in how_it_ended(status)


def test_postgresql_urls_are_one_kind() -> None:
    assert job_url("postgresql+psycopg://h/d") == job_url("postgres://h/d") == job_url("postgresql://h/d")


@pytest.mark.slow
def test_jobs_survive_a_restart_of_postgresql(cluster: Cluster, tmp_path: Path) -> None:
    url = cluster.fresh()
    jobs = Jobs(url)
    for number in range(12):
        jobs.submit(Order("read", f"s{number}", "k", {"seconds": 0.1}))
    with workers(tmp_path, 1, url=url) as crew:
        until(lambda: len(counted(tmp_path, "done")) >= 3)
        cluster.stop()
        cluster.start()
        os.kill(crew.pids[0], signal.SIGKILL)
        until(lambda: jobs.open_count() == 0)
    assert {job.state for job in jobs.rows()} == {"done"}
    assert set(counted(tmp_path, "done")) == {f"s{number}" for number in range(12)}
    jobs.close()


def test_a_job_database_that_is_away_is_said_to_be_away() -> None:
    with pytest.raises(MissingError, match="cannot be opened"):
        Jobs("postgresql://127.0.0.1:1/none?connect_timeout=2")
