"""Fingerprints: whether the official files of a data set, as they lie here, are those that are known.

What is known stands in tables/published.csv with its source: counts as the owners publish them, and SHA-256 sums of
tables that the `torchxrayvision` wheel carries. A sum is of the unpacked content, so that a .csv and its .csv.gz agree.
A file of which nothing is known is not judged. Nothing is refused for its fingerprint: a part of a data set is fair to
use, but a score on it is not one on the whole.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

from hilum.core.errors import InputError
from hilum.data.rows import rows

Verdict = Literal["as known", "count as known", "differs"]
_TABLE = Path(__file__).parent / "tables" / "published.csv"


@dataclass(frozen=True)
class Fingerprint:
    """One official file, or set of files, as it lies here.

    Args:
        file: name, or the pattern of several.
        count: of its `unit`: table rows, items of a JSON list, or files.
        known: the count that is known.
        sha256: of the content, '' for several files.
        verdict: 'as known' by content, 'count as known' by count alone, or 'differs'.
        source: where the known values are from.
    """

    file: str
    count: int
    unit: str
    known: int
    sha256: str
    verdict: Verdict
    source: str

    def __str__(self) -> str:
        """One sentence for people."""
        if self.verdict == "differs":
            return f"{self.file} has {self.count:,} {self.unit}, {self.known:,} are known ({self.source})"
        return f"{self.file}: {self.verdict}, {self.count:,} {self.unit} ({self.source})"


@cache
def _known() -> tuple[dict[str, str], ...]:
    return tuple(rows(_TABLE, ("set", "pattern", "unit", "count", "sha256", "source")))


def known_sets() -> tuple[str, ...]:
    """Return the data sets of which something is known."""
    return tuple(dict.fromkeys(row["set"] for row in _known()))


def fingerprint(name: str, root: str | Path) -> tuple[Fingerprint, ...]:
    """Return the fingerprint of every known file of a data set that a folder holds; reads those files whole.

    Args:
        name: registered name of the data set, e.g. 'padchest'.
        root: its folder.

    Raises:
        InputError: if nothing is known of that data set, or a file cannot be read.
    """
    if name not in known_sets():
        raise InputError(f"no fingerprint of '{name}' is known; there are: {', '.join(known_sets())}")
    return tuple(
        _seen(Path(root), row) for row in _known() if row["set"] == name and _there(Path(root), row["pattern"])
    )


def _there(root: Path, pattern: str) -> list[Path]:
    return sorted(path for path in root.glob(pattern) if path.is_file())


def _seen(root: Path, row: dict[str, str]) -> Fingerprint:
    paths, known = _there(root, row["pattern"]), int(row["count"])
    if row["unit"] == "files":
        count, total = len(paths), ""
        shown = row["pattern"]
    else:
        content = _content(paths[-1])
        count, total = _counted(content, row["unit"], paths[-1].name), sha256(content).hexdigest()
        shown = paths[-1].name
    same: Verdict = (
        "as known" if total and total == row["sha256"] else "count as known" if count == known else "differs"
    )
    return Fingerprint(shown, count, row["unit"], known, total, same, row["source"])


def _content(path: Path) -> bytes:
    try:
        raw = path.read_bytes()
        return gzip.decompress(raw) if path.suffix == ".gz" else raw
    except (OSError, EOFError) as fault:
        raise InputError(f"{path.name} cannot be read to its end: {fault}; copy it anew") from None


def _counted(content: bytes, unit: str, name: str) -> int:
    try:
        if unit == "rows":
            return sum(1 for _ in _lines(content)) - 1
        loaded: Any = json.loads(content.decode("utf-8-sig"))
        parts = loaded.values() if isinstance(loaded, dict) else (loaded,)
        return sum(len(part) if isinstance(part, list) else 1 for part in parts)
    except (ValueError, csv.Error) as fault:
        raise InputError(f"{name} cannot be counted: {fault}; copy it anew") from None


def _lines(content: bytes) -> Iterator[list[str]]:
    yield from csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""))
