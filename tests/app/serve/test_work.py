"""How a worker attends to one job: bodies that answer, fail, break and stop, without processes or a queue."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("dbos", reason="the 'serve' extra is not installed")

from hilum.app.serve import work
from hilum.app.serve.database import FullError, UnavailableError
from hilum.app.serve.jobs import Order
from hilum.app.serve.work import TOOK_TOO_LONG, Answer, Rules, Settings, Stopped, Ticket, attend
from hilum.core.errors import InputError, MissingError

TEXT = st.text(max_size=80)


@dataclass
class Spy:
    """A body that does what it is told and writes down what it heard."""

    does: Callable[[Ticket], Answer] = lambda ticket: Answer()
    heard: list[tuple[str, str]] = field(default_factory=list)
    ran: int = 0

    def run(self, ticket: Ticket) -> Answer:
        self.ran += 1
        return self.does(ticket)

    def ended(self, ticket: Ticket, state: str, reason: str) -> None:
        self.heard.append((state, reason))


def settings(**rules: Any) -> Settings:
    return Settings("sqlite:///none", "h/read-1", {"read": Rules(**rules)}, "m:f", last_exit="exit status 7")


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, str], None]:
    """Say how often the job was started and what the queue holds of it, as its database would."""

    def say(starts: int, status: str = "PENDING") -> None:
        monkeypatch.setattr(work, "_starts", lambda job_id: starts)
        monkeypatch.setattr(work, "_status", lambda job_id: status)

    return say


def attended(body: Spy, *, attempt: int = 1, **rules: Any) -> Answer:
    order = Order("read", "1.2.3", "k", attempt=attempt)
    return attend(order, order.id, {"read": body}, settings(**rules))


def raising(error: Exception) -> Callable[[Ticket], Answer]:
    def body(ticket: Ticket) -> Answer:
        raise error

    return body


def test_an_answer_is_handed_on(begun: Callable[..., None]) -> None:
    begun(1)
    following = (Order("deliver", "1.2.3", "k"),)
    body = Spy(lambda ticket: Answer(reason="well", then=following))
    assert attended(body) == Answer("done", "well", following)
    assert body.heard == []


@pytest.mark.parametrize("error", [InputError("it is broken"), MissingError("no weights here")])
def test_what_was_foreseen_fails_at_once(begun: Callable[..., None], error: Exception) -> None:
    begun(1)
    body = Spy(raising(error))
    assert attended(body) == Answer("failed", str(error))
    assert body.heard == [("failed", str(error))]


def test_what_was_not_foreseen_is_tried_again_up_to_a_bound(begun: Callable[..., None]) -> None:
    begun(1)
    body = Spy(raising(OSError(28, "No space left on device")))
    states = [attended(body, attempt=attempt, attempts=3).state for attempt in (1, 2, 3)]
    assert states == ["again", "again", "failed"]
    assert [state for state, _ in body.heard] == ["failed"]
    assert "OSError" in body.heard[0][1]
    assert "given up after 3 attempts" in body.heard[0][1]


@pytest.mark.parametrize("error", [FullError("the disk is full"), UnavailableError("the database is away")])
def test_what_passes_by_itself_is_tried_again(begun: Callable[..., None], error: Exception) -> None:
    begun(1)
    body = Spy(raising(error))
    assert attended(body) == Answer("again", str(error))
    assert body.heard == []


def test_a_cancelled_job_ends_as_cancelled(begun: Callable[..., None]) -> None:
    begun(1, "CANCELLED")

    def body(ticket: Ticket) -> Answer:
        ticket.check()
        return Answer()

    spy = Spy(body)
    assert attended(spy) == Answer("cancelled", "cancelled")
    assert spy.heard == [("cancelled", "cancelled")]
    begun(1, "PENDING")
    assert attended(spy).state == "done"


def test_an_overtaken_job_says_so(begun: Callable[..., None]) -> None:
    begun(1)
    assert attended(Spy(raising(Stopped("overtaken: other films")))).reason == "overtaken: other films"


@pytest.mark.parametrize(("starts", "runs"), [(1, 1), (3, 1), (4, 0), (9, 0)])
def test_a_job_under_which_processes_die_is_set_aside(begun: Callable[..., None], starts: int, runs: int) -> None:
    begun(starts)
    body = Spy()
    answer = attended(body, starts=3)
    assert body.ran == runs
    assert answer.state == ("done" if runs else "quarantined")
    if not runs:
        assert body.heard[0][0] == "quarantined"
        assert f"ended {starts - 1} times" in answer.reason
        assert "exit status 7" in answer.reason


@given(
    st.builds(
        Settings,
        TEXT,
        TEXT,
        st.dictionaries(TEXT, st.builds(Rules, st.integers(1, 9), st.integers(1, 9), st.integers(1, 9)), max_size=3),
        TEXT,
        st.dictionaries(TEXT, st.one_of(TEXT, st.booleans(), st.lists(TEXT)), max_size=3),
        TEXT,
    )
)
def test_any_settings_arrive_as_one_line(told: Settings) -> None:
    line = told.to_json()
    assert "\n" not in line
    assert Settings.from_json(line) == told


@given(st.integers(1, 10_000), st.floats(0.01, 60), st.floats(1, 10), st.floats(60, 3600))
def test_waits_never_shrink_and_never_pass_their_bound(attempt: int, first: float, factor: float, most: float) -> None:
    rules = Rules(first_wait_s=first, factor=factor, longest_wait_s=most)
    assert 0 < rules.wait_s(attempt) <= rules.wait_s(attempt + 1) <= most


@given(TEXT, TEXT, st.integers(1, 99), st.integers(1, 99))
def test_an_order_is_known_by_what_it_is_about(subject: str, key: str, round_: int, attempt: int) -> None:
    order = Order("read", subject, key, round=round_, attempt=attempt)
    assert order.id.startswith(order.family)
    assert order.id == Order("read", subject, key, {"any": 1}, 5.0, round=round_, attempt=attempt).id
    assert order.family != Order("deliver", subject, key).family
    assert order.family != Order("read", subject, key + "x").family
    assert order.id.replace("-", "").replace(".", "").isalnum()


def test_a_start_that_takes_too_long_ends_its_process() -> None:
    code = "import time\nfrom hilum.app.serve.work import _time_limit\nwith _time_limit(0.2):\n    time.sleep(60)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=50).returncode == TOOK_TOO_LONG
    before = threading.active_count()
    with work._time_limit(60):
        assert threading.active_count() == before + 1
    with work._time_limit(0.01):
        pass
    assert os.getpid()  # still here


def test_a_worker_without_a_server_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    work.main()


def test_tickets_can_be_made_without_a_queue(tmp_path: Path) -> None:
    order: Mapping[str, Any] = {"kind": "read", "subject": str(tmp_path), "key": "k"}
    Ticket(Order(**order), "id").check()
    with pytest.raises(Stopped):
        Ticket(Order(**order), "id", cancelled=lambda: True).check()
