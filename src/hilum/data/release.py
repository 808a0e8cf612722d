"""What a copy of a data set's tables lacks against the official release, where the owners' figures are known.

Figures are those of the owners' pages, or counted in the official file itself; where neither is certain there is none.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Literal

from hilum.core.errors import InputError
from hilum.core.registry import register


@dataclass(frozen=True)
class Official:
    """A figure of a release.

    Args:
        pattern: glob of the file below the data set's folder.
        count: rows below the header ('rows'), documents by id ('documents'), or files that match ('files').
        of: what is counted.
        source: where the figure stands.
        sha256: of the file's content, unpacked, where it is known.
    """

    pattern: str
    count: int
    of: Literal["rows", "documents", "files"] = "rows"
    source: str = ""
    sha256: str = ""


def differences(root: str | Path, official: tuple[Official, ...]) -> tuple[str, ...]:
    """Return a sentence for each table that is there and differs from the release; what is not there is not judged.

    Args:
        root: folder of the data set.
        official: what the release holds.

    Raises:
        InputError: if a table cannot be read.
    """
    found = []
    for each in official:
        paths = sorted(Path(root).glob(each.pattern))
        if not paths:
            continue
        came = len(paths) if each.of == "files" else _count(paths[-1], each.of)
        if came != each.count:
            place = each.pattern if each.of == "files" else paths[-1].name
            found.append(f"{place} has {came:,} {each.of}, the official release {each.count:,} ({each.source})")
        elif each.sha256 and _sha256(paths[-1]) != each.sha256:
            found.append(f"{paths[-1].name} has {came:,} {each.of} as it should, but other content ({each.source})")
    return tuple(found)


def check_release(name: str, root: str | Path) -> tuple[str, ...]:
    """Return how a copy of a registered data set differs from the official release, () where nothing differs.

    Args:
        name: the data set's registered name.
        root: its folder.

    Raises:
        InputError: if no data set has that name, or no figures are known for it.
    """
    entry = register.find("dataset", name)
    official = getattr(sys.modules[entry.module], "OFFICIAL", None)
    if official is None:
        raise InputError(f"no figures of the official release of '{name}' are known here")
    return differences(root, official)


def _count(path: Path, of: str) -> int:
    if of == "documents":
        try:
            return len(json.loads(path.read_text(encoding="utf-8")))
        except (json.JSONDecodeError, UnicodeDecodeError, TypeError) as fault:
            raise InputError(f"{path.name} cannot be read as JSON documents: {fault}") from None
    try:
        return sum(1 for _ in _lines(path)) - 1
    except (UnicodeDecodeError, csv.Error, gzip.BadGzipFile, EOFError) as fault:
        raise InputError(f"{path.name} cannot be read as a table: {fault}") from None


def _sha256(path: Path) -> str:
    digest = sha256()
    with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _lines(path: Path) -> Iterator[list[str]]:
    """Rows, not lines: a quoted report may hold line breaks."""
    with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as raw:
        yield from csv.reader(io.TextIOWrapper(raw, encoding="utf-8", newline=""))
