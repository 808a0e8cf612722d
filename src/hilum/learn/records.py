"""What a fit writes about itself: log.csv, event files for TensorBoard, a line with the time left, and fit.json."""

from __future__ import annotations

import csv
import io
import json
import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hilum.core.errors import need
from hilum.io.save import save_text

log = logging.getLogger(__name__)
RECORD = "fit.json"


def lasting(seconds: float) -> str:
    """Return a time as people say it: '48 s', '2 min 10 s', '1 h 5 min'."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s" if whole % 60 else f"{whole // 60} min"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


class Table:
    """A CSV file whose header is fixed by its first row, cut to the steps that a resumed fit goes on from.

    Args:
        path: of the file; None keeps nothing.
        first: step that the fit goes on from; later rows are made again.
    """

    def __init__(self, path: Path | None, *, first: int) -> None:
        self.path, self.last, self.header = path, dict[str, str](), list[str]()
        if path is not None and path.exists():
            self._cut(path, first)

    def _cut(self, path: Path, first: int) -> None:
        with path.open(newline="") as stream:
            reader = csv.DictReader(stream)
            self.header = list(reader.fieldnames or ())
            whole = [row for row in reader if None not in row.values() and row.get("step", "").isdigit()]
            rows = [row for row in whole if first and int(row["step"]) <= first]
        if not rows:
            path.unlink()
            self.header = []
            return
        self.last = rows[-1]
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, self.header, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
        save_text(text.getvalue(), path)

    def write(self, row: Mapping[str, float]) -> None:
        """Add a row."""
        if self.path is None:
            return
        new, self.header = not self.header, self.header or list(row)
        with self.path.open("a", newline="") as stream:
            writer = csv.DictWriter(stream, self.header, extrasaction="ignore")
            if new:
                writer.writeheader()
            writer.writerow({name: f"{value:.6g}" for name, value in row.items()})


class Record:
    """The log of a fit.

    Args:
        folder: where files go; None writes none.
        first: step that the fit goes on from.
        steps: of the whole fit.
        tensorboard: write event files too.

    Raises:
        MissingError: if TensorBoard is wanted and not installed.
    """

    def __init__(self, folder: Path | None, *, first: int, steps: int, tensorboard: bool = False) -> None:
        self.table = Table(folder / "log.csv" if folder else None, first=first)
        self.checks = Table(folder / "validation.csv" if folder else None, first=first)
        self.first, self.steps, self.began = first, steps, time.monotonic()
        self.before_s = float(self.table.last.get("seconds") or 0.0)
        self.events = _events(folder, first) if tensorboard and folder else None

    def seconds(self) -> float:
        """Return how long the fit has run, those before a resume among them."""
        return self.before_s + time.monotonic() - self.began

    def left_s(self, step: int) -> float:
        """Return how long the rest takes at the pace so far, after `step` steps."""
        done = max(1, step - self.first)
        return (time.monotonic() - self.began) / done * (self.steps - step)

    def write(self, row: Mapping[str, float], *, rate: float, waited_s: float) -> None:
        """Keep a row, and say it with the time left and the share of the time waited for batches.

        Args:
            row: with 'step' and 'seconds' first.
            rate: learning rate of the first group.
            waited_s: seconds waited for batches since the fit began or resumed.
        """
        step = int(row["step"])
        said = "  ".join(f"{name} {value:.4g}" for name, value in row.items() if name not in ("step", "seconds"))
        waited = waited_s / max(1e-9, time.monotonic() - self.began)
        log.info("step %d of %d  %s  rate %.3g  %s, %s left, %.0f %% waiting for batches", step, self.steps, said, rate,
                 lasting(row["seconds"]), lasting(self.left_s(step)), 100 * waited)  # fmt: skip
        self.table.write(row)
        self._event({**row, "rate": rate}, step)

    def check(self, step: int, value: float) -> None:
        """Keep what validation gave after a step."""
        log.info("step %d of %d  validation %.6g", step, self.steps, value)
        self.checks.write({"step": step, "validation": value})
        self._event({"validation": value}, step)

    def _event(self, row: Mapping[str, float], step: int) -> None:
        if self.events is not None:
            for name, value in row.items():
                if name != "step":
                    self.events.add_scalar(name, value, step)
            self.events.flush()

    def close(self) -> None:
        """Close the event files."""
        if self.events is not None:
            self.events.close()


def _events(folder: Path, first: int) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise need("tensorboard", "log", "a log for TensorBoard") from None
    return SummaryWriter(str(folder / "tensorboard"), purge_step=first + 1 if first else None)


def read_record(folder: Path | None) -> dict[str, Any]:
    """Return the fit.json of a folder, empty if there is none."""
    path = folder / RECORD if folder else None
    if path is None or not path.exists():
        return {}
    told: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return told


def write_record(folder: Path | None, facts: Mapping[str, Any]) -> None:
    """Write fit.json, whole or not at all."""
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        save_text(json.dumps(facts, indent=2, default=str) + "\n", folder / RECORD)


def changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return what of a fit's spec and seed is not as it was, in words."""
    old, new = json.loads(json.dumps(before, default=str)), json.loads(json.dumps(now, default=str))
    return [f"{name} was {old[name]} and is {new[name]}" for name in new if name in old and old[name] != new[name]]
