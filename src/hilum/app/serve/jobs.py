"""Durable jobs: orders that survive a crash, run at least once, wait and try again, and can be cancelled.

The queue is DBOS (durable workflows in SQLite or PostgreSQL). This module is the side of the server: it places,
lists, cancels and repeats orders and starts nothing; `workers` runs them in processes of their own. What is stored is
JSON, never pickle; no port is opened and nothing phones home.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from hilum.core.errors import InputError, MissingError, need

if TYPE_CHECKING:
    from dbos import DBOSClient, WorkflowStatus

APPLICATION = "hilum"
KINDS = ("read", "deliver")
VERSION = "1"
"""Version of what a stored order means: processes of another version leave it alone."""
WORKFLOW = "job"
WAITING = ("DELAYED", "ENQUEUED")
OPEN = (*WAITING, "PENDING")

JobState = Literal["waiting", "running", "done", "again", "failed", "cancelled", "quarantined"]


@dataclass(frozen=True)
class Order:
    """One thing to do.

    Args:
        kind: which queue and body it is for, e.g. 'read' or 'deliver'.
        subject: what it is about, a Study Instance UID.
        key: content it is about; the same kind, subject and key are one job, however often it is ordered.
        details: what the body needs beside it, plain JSON.
        wait_s: do not start before so many seconds have passed.
        round: raised by each repeat that a person asks for.
        attempt: raised by each automatic repeat.
    """

    kind: str
    subject: str
    key: str
    details: Mapping[str, Any] = field(default_factory=dict)
    wait_s: float = 0.0
    round: int = 1
    attempt: int = 1

    @property
    def id(self) -> str:
        """The job's id: made of hashes, so that it can stand in logs and addresses."""
        return f"{self.family}{self.round}.{self.attempt}"

    @property
    def family(self) -> str:
        """What the ids of all repeats of this order begin with."""
        return f"{self.kind}-{_short(self.subject)}-{_short(self.key)}-"


@dataclass(frozen=True)
class Job:
    """One order as it stands: state, reason, how often it was started and when."""

    id: str
    order: Order
    state: JobState
    reason: str = ""
    starts: int = 0
    created: datetime | None = None
    started: datetime | None = None

    def row(self) -> dict[str, Any]:
        """Return the job as the page lists it."""
        return {
            "id": self.id,
            "kind": self.order.kind,
            "study": self.order.subject,
            "state": self.state,
            "attempts": self.order.attempt,
            "starts": self.starts,
            "reason": self.reason,
            "started": self.started.isoformat() if self.started else None,
        }


class Jobs:
    """The server's hand on the queue.

    Args:
        url: SQLAlchemy URL of the job database, `sqlite:///...` or `postgresql://...`; made where missing.

    Raises:
        MissingError: if the `serve` extra is not installed or the database cannot be reached.
    """

    def __init__(self, url: str) -> None:
        """Make or open the job database."""
        self.url = job_url(url)
        self._client = _client(self.url)

    def submit(self, order: Order) -> str:
        """Place an order and return its id; one that was placed before, done or not, is left as it is."""
        self._client.enqueue(options(order), asdict(order))
        return order.id

    def find(self, job_id: str) -> Job:
        """Return one job.

        Raises:
            MissingError: if there is none of that id.
        """
        found = self._client.list_workflows(workflow_ids=[job_id], name=WORKFLOW)
        if not found:
            raise MissingError(f"there is no job '{job_id}'")
        return _job(found[0])

    def rows(self, *, limit: int = 100, offset: int = 0, subject: str = "", kind: str = "") -> list[Job]:
        """Return jobs, the newest first; of one subject or kind where given."""
        kinds = [kind] if kind else list(KINDS)
        prefixes = [f"{one}-{_short(subject)}-" if subject else f"{one}-" for one in kinds]
        found = self._client.list_workflows(
            name=WORKFLOW, sort_desc=True, limit=limit, offset=offset, workflow_id_prefix=prefixes
        )
        return [_job(status) for status in found]

    def open_count(self, kind: str = "") -> int:
        """Return how many jobs wait or run."""
        found = self._client.list_workflows(
            name=WORKFLOW, status=list(OPEN), workflow_id_prefix=f"{kind}-" if kind else None, load_input=False
        )
        return len(found)

    def cancel(self, job_id: str) -> Job:
        """Cancel a job that waits or runs; a running one stops at its next look, and its result is not kept.

        Raises:
            MissingError: if there is no such job.
            InputError: if it has ended.
        """
        job = self.find(job_id)
        if job.state not in ("waiting", "running"):
            raise InputError(f"the job has ended ({job.state}) and cannot be cancelled")
        self._client.cancel_workflow(job_id)
        return self.find(job_id)

    def retry(self, job_id: str) -> Job:
        """Do a job again: one that waits for its next attempt starts now, one that has ended gets a new round.

        Raises:
            MissingError: if there is no such job.
        """
        job = self.find(job_id)
        if job.state == "waiting":
            self._client.set_workflow_delay(job_id, delay_seconds=0)
            return self.find(job_id)
        if job.state == "running":
            return job
        known = self._client.list_workflows(name=WORKFLOW, workflow_id_prefix=job.order.family)
        for status in known:
            if status.status in OPEN:
                return _job(status)
        rounds = [order_of(status).round for status in known]
        return self.find(self.submit(replace(job.order, round=max(rounds) + 1, attempt=1, wait_s=0.0)))

    def release(self, executor_prefix: str, *, keep: tuple[str, ...] = (), older_than_s: float = 0.0) -> int:
        """Give back to their queues the jobs of processes that are gone for good; returns how many.

        Args:
            executor_prefix: names of the processes begin so, e.g. a host.
            keep: processes that will come back and take up their own jobs.
            older_than_s: only jobs that were started so long ago.
        """
        now = datetime.now(UTC).timestamp()
        freed = 0
        for status in self._client.list_workflows(name=WORKFLOW, status="PENDING"):
            name, began = status.executor_id or "", (status.dequeued_at or 0) / 1000
            if name.startswith(executor_prefix) and name not in keep and now - began >= older_than_s:
                self._client.resume_workflow(status.workflow_id, queue_name=order_of(status).kind)
                freed += 1
        return freed

    def forget(self, *, subject: str = "", older_than_days: float = 0.0) -> int:
        """Delete jobs for good, of a subject that is deleted or that ended long ago; returns how many.

        Args:
            subject: all jobs of this one, open ones cancelled first; a worker that is at one drops its result.
            older_than_days: without a subject, jobs that ended so many days ago.
        """
        if subject:
            prefixes = [f"{kind}-{_short(subject)}-" for kind in KINDS]
            found = self._client.list_workflows(name=WORKFLOW, workflow_id_prefix=prefixes, load_input=False)
            still = [status.workflow_id for status in found if status.status in OPEN]
            if still:
                self._client.cancel_workflows(still)
        else:
            before = datetime.now(UTC) - timedelta(days=older_than_days)
            found = self._client.list_workflows(
                name=WORKFLOW, completed_before=before.isoformat(), load_input=False, load_output=False, limit=10_000
            )
        ids = [status.workflow_id for status in found]
        if ids:
            self._client.delete_workflows(ids)
        return len(ids)

    def close(self) -> None:
        """Let go of the database."""
        self._client.destroy()


def options(order: Order) -> Any:
    """Return the queue's options for an order: its id makes it one job however often it is placed."""
    chosen: dict[str, Any] = {
        "workflow_name": WORKFLOW,
        "queue_name": order.kind,
        "workflow_id": order.id,
        "app_version": VERSION,
        "application_name": APPLICATION,
    }
    if order.wait_s > 0:
        chosen["delay_seconds"] = order.wait_s
    return chosen


def order_of(status: WorkflowStatus) -> Order:
    """Return the order that a stored job was made of."""
    stored: Any = status.input
    return Order(**stored["args"][0])


def job_url(url: str) -> str:
    """Return the job database's URL as the queue wants it: psycopg is named, nothing else changes."""
    for prefix in ("postgresql+psycopg://", "postgres://"):
        if url.startswith(prefix):
            return "postgresql://" + url[len(prefix) :]
    return url


def _client(url: str) -> DBOSClient:
    try:
        from dbos import DBOS, DBOSClient, DBOSPortableJSONSerializer
        from sqlalchemy.exc import SQLAlchemyError
    except ImportError as error:
        raise need("dbos", "serve", "a queue of jobs") from error
    import logging

    logging.getLogger("dbos").setLevel(logging.WARNING)
    if url.startswith("sqlite:///"):
        _make_durable(Path(url.removeprefix("sqlite:///")))
    try:
        DBOS.migrate(url)
        return DBOSClient(
            system_database_url=url, serializer=DBOSPortableJSONSerializer(), application_name=APPLICATION
        )
    except SQLAlchemyError as error:
        raise MissingError(f"the job database cannot be opened: {type(error).__name__}. Is it running?") from error


def _make_durable(path: Path) -> None:
    """Let readers and a writer work at once: write-ahead logging stays with the file once set."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path, timeout=30)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")


def _job(status: WorkflowStatus) -> Job:
    plain: dict[str, JobState] = {"DELAYED": "waiting", "ENQUEUED": "waiting", "PENDING": "running"}
    ended: dict[str, JobState] = {"CANCELLED": "cancelled", "MAX_RECOVERY_ATTEMPTS_EXCEEDED": "quarantined"}
    output = status.output if isinstance(status.output, dict) else {}
    state = plain.get(status.status) or ended.get(status.status) or output.get("state", "failed")
    reason = output.get("reason", "") or (str(status.error) if status.error else "")
    starts: int = getattr(status, "recovery_attempts", None) or 0
    return Job(
        status.workflow_id, order_of(status), state, reason, starts, _time(status.created_at), _time(status.dequeued_at)
    )


def _time(epoch_ms: int | None) -> datetime | None:
    return datetime.fromtimestamp(epoch_ms / 1000, UTC) if epoch_ms else None


def _short(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:16]
