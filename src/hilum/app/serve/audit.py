"""The audit log: who did what and when, one JSON line each; studies by pseudonym, never a name."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any


def pseudonym(identifier: str) -> str:
    """Return what stands for a study or patient in logs: 16 hex digits of its SHA-256."""
    return sha256(identifier.encode()).hexdigest()[:16]


class Audit:
    """Appends to one file a month; a line is on the disk before `note` returns.

    Args:
        folder: where the files are.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def note(self, who: str, what: str, *, study: str = "", **details: Any) -> None:
        """Write one line.

        Args:
            who: a person's or machine's name.
            what: 'sign-in', 'open', 'save', 'delete', 'store', 'refused' ...
            study: its UID; the pseudonym is written.
            details: plain values that say more; no patient's data.
        """
        now = datetime.now(UTC)
        line = {"time": now.isoformat(timespec="milliseconds"), "who": who, "what": what}
        if study:
            line["study"] = pseudonym(study)
        line |= {name: value for name, value in details.items() if value not in ("", None)}
        data = (json.dumps(line, ensure_ascii=True) + "\n").encode()
        handle = os.open(self.folder / f"audit-{now:%Y-%m}.jsonl", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)  # a line is never torn by another process's
            os.write(handle, data)
            os.fsync(handle)
        finally:
            os.close(handle)

    def last(self, count: int = 200) -> list[dict[str, Any]]:
        """Return the last lines, newest first; a torn one is left out."""
        found: list[dict[str, Any]] = []
        for path in sorted(self.folder.glob("audit-*.jsonl"), reverse=True):
            for line in _backwards(path):
                found.append(line)
                if len(found) >= count:
                    return found
        return found

    def forget(self, days: float) -> int:
        """Remove months that ended more than `days` ago; returns how many."""
        oldest = datetime.now(UTC) - timedelta(days=days + 31)
        gone = [path for path in self.folder.glob("audit-*.jsonl") if path.stem < f"audit-{oldest:%Y-%m}"]
        for path in gone:
            path.unlink()
        return len(gone)


def _backwards(path: Path) -> Iterator[dict[str, Any]]:
    for line in reversed(path.read_text(encoding="utf-8").splitlines()):
        try:
            yield dict(json.loads(line))
        except ValueError:
            continue
