"""One worker process: takes jobs from the queue, runs their bodies, and tells what came of them.

Started by `workers.Workers` as `python -m hilum.app.serve.work`; its settings come as one line of JSON on standard
input, and when that input ends, the server is gone and so is the worker. A job whose process died before is given a
few starts; then it is set aside with the reason, and the queue goes on without it.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from importlib import import_module
from typing import Any, Literal, Protocol

from hilum.app.serve.database import FullError, UnavailableError
from hilum.app.serve.jobs import APPLICATION, VERSION, WORKFLOW, Order, options
from hilum.core.errors import HilumError

TOOK_TOO_LONG = 75
"""Exit status of a worker whose job passed its time limit."""


class Stopped(Exception):
    """A job was cancelled or overtaken while it ran: nothing of it is kept."""


@dataclass(frozen=True)
class Rules:
    """How a kind of job is run.

    Args:
        concurrency: jobs of the kind at a time in one process. One, for work that may take its process down:
            then nobody else's job is lost with it.
        starts: how often the process may die under a job before it is set aside.
        attempts: how often a job that failed in a passing way is tried.
        first_wait_s, factor, longest_wait_s: wait before the second attempt, what each further wait is multiplied
            by, and its bound.
        time_limit_s: a start that takes longer ends its process.
    """

    concurrency: int = 1
    starts: int = 3
    attempts: int = 4
    first_wait_s: float = 2.0
    factor: float = 4.0
    longest_wait_s: float = 600.0
    time_limit_s: float = 600.0

    def wait_s(self, attempt: int) -> float:
        """Return the seconds to wait after a failed attempt, counted from one."""
        growth: float = self.factor ** min(attempt - 1, 60)
        return min(self.first_wait_s * growth, self.longest_wait_s)


@dataclass(frozen=True)
class Ticket:
    """What a body gets: the order, its job's id and how often it was started; `check` raises `Stopped` on cancel."""

    order: Order
    id: str
    starts: int = 1
    cancelled: Callable[[], bool] = field(default=lambda: False, repr=False)

    def check(self) -> None:
        """Look whether somebody cancelled the job; bodies call it between their parts.

        Raises:
            Stopped: if so.
        """
        if self.cancelled():
            raise Stopped("cancelled")


@dataclass(frozen=True)
class Answer:
    """What a body says: done, or again for trouble that passes, or failed; and which orders follow.

    'quarantined' and 'cancelled' are not a body's to say.
    """

    state: Literal["done", "again", "failed", "quarantined", "cancelled"] = "done"
    reason: str = ""
    then: tuple[Order, ...] = ()


class Body(Protocol):
    """One kind of job. Both functions may be called more than once for a job and must come to the same."""

    def run(self, ticket: Ticket) -> Answer:
        """Do it. A HilumError means that it cannot be done; any other error, that it may work later."""

    def ended(self, ticket: Ticket, state: Literal["failed", "quarantined", "cancelled"], reason: str) -> None:
        """Hear that the job ended without a result."""


@dataclass(frozen=True)
class Settings:
    """What a worker process is told.

    Args:
        url: the job database.
        executor: the process's name; its successor has the same one and takes up what it left.
        rules: kind of job -> how to run it.
        bodies: 'module:function' that is called with `arguments` and returns kind -> `Body`.
        arguments: plain JSON.
        last_exit: how the predecessor ended, in words, '' if it did not.
        poll_s: how often the queue is looked at.
        grace_s: how long a stop waits for running jobs.
    """

    url: str
    executor: str
    rules: Mapping[str, Rules]
    bodies: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    last_exit: str = ""
    poll_s: float = 0.25
    grace_s: int = 30

    def to_json(self) -> str:
        """Return one line."""
        return json.dumps(asdict(self))

    @staticmethod
    def from_json(line: str) -> Settings:
        """Read what `to_json` wrote."""
        told = json.loads(line)
        rules = {kind: Rules(**rule) for kind, rule in told.pop("rules").items()}
        return Settings(rules=rules, **told)


def attend(order: Order, job_id: str, bodies: Mapping[str, Body], settings: Settings) -> Answer:
    """Run one job's body once, or set the job aside if processes keep dying under it.

    Args:
        order, job_id: the job.
        bodies, settings: as the process was told.

    Returns:
        Its answer; 'again' past the last attempt has become 'failed'.
    """
    rules, body = settings.rules[order.kind], bodies[order.kind]
    ticket = Ticket(order, job_id, _starts(job_id), lambda: _status(job_id) == "CANCELLED")
    if ticket.starts > rules.starts:
        last = f" (last: {settings.last_exit})" if settings.last_exit else ""
        reason = f"set aside: the worker process ended {ticket.starts - 1} times while at this study{last}"
        body.ended(ticket, "quarantined", reason)
        return Answer("quarantined", reason)
    try:
        with _time_limit(rules.time_limit_s):
            answer = body.run(ticket)
    except Stopped as stop:
        body.ended(ticket, "cancelled", str(stop))
        return Answer("cancelled", str(stop))
    except (FullError, UnavailableError) as error:
        answer = Answer("again", str(error))
    except HilumError as error:
        answer = Answer("failed", str(error))
    except Exception as error:  # what nobody foresaw may pass: a full disk, a database that restarts
        answer = Answer("again", f"something unexpected went wrong ({type(error).__name__}: {error})")
    if answer.state == "again" and order.attempt >= rules.attempts:
        answer = replace(answer, state="failed", reason=f"{answer.reason}; given up after {order.attempt} attempts")
    if answer.state == "failed":
        body.ended(ticket, "failed", answer.reason)
    return answer


def run(settings: Settings, stop: threading.Event) -> None:
    """Take jobs until told to stop, then let those that run finish."""
    from dbos import DBOS, DBOSPortableJSONSerializer

    module, _, name = settings.bodies.partition(":")
    bodies: Mapping[str, Body] = getattr(import_module(module), name)(**settings.arguments)
    DBOS(
        config={
            "name": APPLICATION,
            "system_database_url": settings.url,
            "application_version": VERSION,
            "executor_id": settings.executor,
            "serializer": DBOSPortableJSONSerializer(),
            "enable_otlp": False,
            "log_level": "ERROR",
            "run_migrations": False,
            "max_executor_threads": 8 + sum(rule.concurrency for rule in settings.rules.values()),
        }
    )
    _declare(bodies, settings)
    DBOS.listen_queues(list(settings.rules))
    DBOS.launch()
    for kind, rule in settings.rules.items():
        DBOS.register_queue(
            kind,
            worker_concurrency=rule.concurrency,
            polling_interval_sec=settings.poll_s,
            on_conflict="always_update",
        )
    stop.wait()
    DBOS.destroy(workflow_completion_timeout_sec=settings.grace_s)


def _declare(bodies: Mapping[str, Body], settings: Settings) -> None:
    """Name the one workflow there is: a body's run, then the orders that follow from it, each recorded."""
    from dbos import DBOS, StepOptions

    @DBOS.workflow(name=WORKFLOW, max_recovery_attempts=1000)
    def job(stored: dict[str, Any]) -> dict[str, Any]:
        order, job_id = Order(**stored), DBOS.workflow_id or ""

        def part() -> dict[str, Any]:
            answer = attend(order, job_id, bodies, settings)
            return {
                "state": answer.state,
                "reason": answer.reason,
                "then": [asdict(following) for following in answer.then],
            }

        # Only what keeps an end from being recorded comes out of `attend`: it is waited for, not taken for the end.
        patient: StepOptions = {
            "name": order.kind,
            "retries_allowed": True,
            "max_attempts": 10,
            "interval_seconds": 2.0,
        }
        answer: dict[str, Any] = DBOS.run_step(patient, part)
        following = [Order(**told) for told in answer.pop("then")]
        if answer["state"] == "again":
            wait_s = settings.rules[order.kind].wait_s(order.attempt)
            following.append(replace(order, attempt=order.attempt + 1, wait_s=wait_s))
        for one in following:
            DBOS.enqueue_workflow_with_options(options(one), asdict(one))
        return answer


def _starts(job_id: str) -> int:
    from dbos import DBOS

    status = DBOS.get_workflow_status(job_id)
    return max(1, getattr(status, "recovery_attempts", None) or 1)


def _status(job_id: str) -> str:
    from dbos import DBOS

    status = DBOS.get_workflow_status(job_id)
    return status.status if status else ""


@contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    """End the process if the block takes longer: no thread can be stopped from outside, a process can."""
    timer = threading.Timer(seconds, os._exit, (TOOK_TOO_LONG,))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def main() -> None:
    """Read the settings, run, and leave when the server says so or is gone."""
    line = sys.stdin.readline()
    if not line:
        return
    from sqlalchemy.exc import DBAPIError

    settings, stop = Settings.from_json(line), threading.Event()

    def listen() -> None:
        if sys.stdin.readline():  # any word means: finish what runs and go
            stop.set()
        else:
            os._exit(0)

    threading.Thread(target=listen, daemon=True).start()
    try:
        run(settings, stop)
    except (HilumError, DBAPIError) as error:  # the database is away: the server starts another worker
        sys.stderr.write(f"worker: {type(error).__name__}: no more than this process is lost\n")
        sys.stderr.flush()
        os._exit(1)
    os._exit(0)  # a body's forgotten thread holds nobody up


if __name__ == "__main__":
    main()
