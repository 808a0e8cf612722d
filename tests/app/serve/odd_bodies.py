"""Bodies of jobs for tests of the queue: they note every start in a file, and some misbehave."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path

from hilum.app.serve.jobs import Order
from hilum.app.serve.work import Answer, Body, Ticket
from hilum.core.errors import InputError


class Odd:
    """What the order's details say: sleep, fail, end the process, or hand on."""

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder)

    def note(self, what: str, ticket: Ticket) -> None:
        with (self.folder / "notes").open("a") as notes:  # O_APPEND: short lines of several processes stay whole
            notes.write(f"{what} {ticket.order.subject} {ticket.order.key} {os.getpid()}\n")

    def run(self, ticket: Ticket) -> Answer:
        details = ticket.order.details
        self.note("start", ticket)
        (self.folder / f"pid-{ticket.order.subject}").write_text(str(os.getpid()))
        for _ in range(int(details.get("seconds", 0) * 20)):
            time.sleep(0.05)
            ticket.check()
        match details.get("how"):
            case "dies":
                os._exit(7)
            case "bad":
                raise InputError("this film cannot be read")
            case "down" if not (self.folder / "up").exists():
                return Answer("again", "the peer is down")
            case "breaks" if ticket.order.attempt < 3:
                raise OSError(28, "No space left on device")
        self.note("done", ticket)
        if ticket.order.kind == "read" and details.get("then"):
            return Answer(then=(Order("deliver", ticket.order.subject, ticket.order.key),))
        return Answer()

    def ended(self, ticket: Ticket, state: str, reason: str) -> None:
        self.note(state, ticket)


def bodies(folder: str) -> Mapping[str, Body]:
    odd = Odd(folder)
    return {"read": odd, "deliver": odd}
