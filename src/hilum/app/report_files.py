"""Where reports lie: files, folders and standard input as sources, how they are opened, and in what encoding."""

from __future__ import annotations

import codecs
import gzip
import io
import os
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from hilum.core.errors import InputError

TABLES = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet", ".arrow", ".feather", ".ipc")
SINGLE = (".txt", ".xml")
ARCHIVES = (".zip", ".tar", ".tgz")
KINDS = frozenset((*TABLES, *SINGLE, *ARCHIVES))
_LOOK = 1 << 16
_CONTROLS = (*range(1, 9), *range(14, 32))


@dataclass(frozen=True)
class Source:
    """One file of reports, or one text.

    Args:
        name: how it is called in ids and notes.
        path: the file, or None where `data` holds the bytes.
        data: the bytes of a text or of standard input.
        kind: lower-case suffix without '.gz', e.g. '.csv'.
        inside: it was met in a folder, so that a file of something else is left alone rather than an error.
    """

    name: str
    path: Path | None = None
    data: bytes = b""
    kind: str = ""
    inside: bool = False

    @property
    def size(self) -> int:
        """Bytes as they lie on disk."""
        try:
            return self.path.stat().st_size if self.path else len(self.data)
        except OSError:
            return 0

    def open(self) -> IO[bytes]:
        """Open the bytes as they lie on disk; raises OSError."""
        return self.path.open("rb") if self.path else io.BytesIO(self.data)

    def unpacked(self, raw: IO[bytes]) -> IO[bytes]:
        """Return the bytes of the file, unpacked where its name says that it is packed."""
        packed = self.path is not None and self.path.suffix.lower() in (".gz", ".tgz")
        return gzip.open(raw, "rb") if packed else raw  # type: ignore[return-value]


def kind_of(path: Path) -> str:
    """Return the lower-case suffix that tells what a file holds: '.csv' for 'a.CSV.gz'."""
    return path.with_suffix("").suffix.lower() if path.suffix.lower() == ".gz" else path.suffix.lower()


def sources_of(inputs: Iterable[str | Path | Source], without: Collection[Path] = ()) -> Iterator[Source]:
    """Yield the files of the inputs in a fixed order.

    Args:
        inputs: files, folders, or sources as they are.
        without: files to leave alone when met in a folder, such as what a run itself writes.

    With one input the names in a folder count from that folder; with several they begin with the input as given,
    so that two files of one name stay two.
    """
    given = list(inputs)
    for each in given:
        if isinstance(each, Source):
            yield each
            continue
        path = Path(each)
        if path.is_dir():
            prefix = f"{path.as_posix()}/" if len(given) > 1 else ""
            yield from _inside(path, prefix, without)
        else:
            yield Source(path.as_posix() if len(given) > 1 else path.name, path, kind=kind_of(path))


def _inside(folder: Path, prefix: str, without: Collection[Path]) -> Iterator[Source]:
    empty = True
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(place, name)
            known = not name.startswith(".") and kind_of(path) in KINDS
            if known and path.is_file() and path.absolute() not in without:
                empty = False
                yield Source(prefix + path.relative_to(folder).as_posix(), path, kind=kind_of(path), inside=True)
    if empty:
        yield Source(folder.name or str(folder), folder)


def encoding_of(path: Path) -> str:
    """Return 'utf-8', 'utf-8-sig', 'utf-16', 'utf-16-le', 'utf-16-be' or 'cp1252', the encoding a text file is in.

    Raises:
        InputError: if the file is binary.
    """
    source = Source(path.name, path, kind=kind_of(path))
    with source.open() as raw:
        return encoding_in(source.unpacked(raw), path.name)[0]


def encoding_in(file: IO[bytes], name: str) -> tuple[str, bool]:
    """Return the encoding of opened text, and whether it holds NUL characters; reads it to its end.

    Raises:
        InputError: if it is binary.
    """
    head = file.read(_LOOK)
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16", False
    nuls = head.count(0)
    for order, half in (("utf-16-le", head[1::2]), ("utf-16-be", head[::2])):
        if nuls > len(head) / 4 and half.count(0) > 0.95 * nuls:
            return order, False
    if nuls > len(head) / 100 or sum(map(head.count, _CONTROLS)) > len(head) / 20:
        raise InputError(f"{name} is a binary file, not text: expected a report, CSV, JSONL or Parquet file")
    decoder = codecs.getincrementaldecoder("utf-8")()
    block, other = head, False
    while block:
        if not other:
            try:
                decoder.decode(block)
            except UnicodeDecodeError:
                other = True
        nuls += block.count(0) if block is not head else 0
        block = file.read(_LOOK) if not (other and nuls) else b""
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        other = True
    return ("cp1252" if other else "utf-8-sig" if head.startswith(codecs.BOM_UTF8) else "utf-8"), nuls > 0
