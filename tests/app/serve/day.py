"""A department in a test: an archive, a queue and worker processes over it, and models that behave oddly."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pydicom

from hilum.app.serve import ledger
from hilum.app.serve.archive import Archive
from hilum.app.serve.arrivals import Arrivals
from hilum.app.serve.deliver import DELIVER
from hilum.app.serve.jobs import Jobs
from hilum.app.serve.work import Rules
from hilum.app.serve.workers import Workers
from tests.app.serve import films

ROOT = Path(__file__).resolve().parents[3]
EXAMPLE = ROOT / "src" / "hilum" / "app" / "static" / "example-film.dcm"
ODD_MODELS = Path(__file__).with_name("odd_models.py")
QUICK = Rules(first_wait_s=0.2, factor=1.5, time_limit_s=60.0)
SENDING = Rules(concurrency=2, starts=20, attempts=100, first_wait_s=0.2, factor=1.2, longest_wait_s=1.0)


def until(true: Callable[[], object], seconds: float = 90.0) -> None:
    """Wait for something that must come; the bound only ends a test that has failed already."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.05)


@dataclass
class Department:
    """Everything `hilum serve` runs but its ports.

    Args:
        root: its folder.
        database: URL of the index, '' for a file in the folder.
        model: which model reads.
        settle_s: see `Arrivals`.
        arguments: further arguments of `reading.bodies`.
    """

    root: Path
    database: str = ""
    model: str = f"{ODD_MODELS}:odd"
    settle_s: float = 0.2
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.database = self.database or f"sqlite:///{self.root / 'index.db'}"
        self.archive = Archive(self.root, films.database(self.root, self.database), spare_bytes=0)

    @cached_property
    def jobs(self) -> Jobs:
        """The queue, made when a test needs it."""
        return Jobs(f"sqlite:///{self.root}/jobs.sqlite")

    @cached_property
    def arrivals(self) -> Arrivals:
        """What watches the archive."""
        return Arrivals(self.archive.database, self.jobs, settle_s=self.settle_s, released_s=0.1, look_s=0.1)

    def told(self) -> dict[str, Any]:
        return {"root": str(self.root), "database": self.database, "model": self.model, **self.arguments}

    def workers(self, count: int = 1, *, sending: int = 0) -> Workers:
        os.environ["HILUM_ODD_NOTES"] = str(self.root / "notes")
        groups: dict[str, tuple[int, Mapping[str, Rules]]] = {"read": (count, {ledger.READ: QUICK})}
        if sending:
            groups["deliver"] = (sending, {DELIVER: SENDING})
        bodies = "hilum.app.serve.reading:bodies"
        return Workers(
            self.jobs.url, groups=groups, bodies=bodies, arguments=self.told(), poll_s=0.1, grace_s=10,
        )  # fmt: skip

    def send(self, *sent: pydicom.Dataset, source: str = "MODALITY") -> None:
        for ds in sent:
            self.archive.store([films.part10(ds, self.root)], source=source)

    def state(self, study: int) -> str:
        return ledger.row(self.archive.database, films.study_uid(study)).state

    def states(self, studies: Sequence[int]) -> set[str]:
        return {self.state(study) for study in studies}

    def reads(self) -> list[str]:
        """Study Instance UIDs in the order the model saw them."""
        notes = self.root / "notes"
        return notes.read_text().split() if notes.exists() else []

    def close(self) -> None:
        if "jobs" in self.__dict__:
            self.jobs.close()
        self.archive.database.close()
