"""Reports out of files: CSV, JSONL, Parquet, Arrow, XML and text, with what is wrong said row by row."""

from __future__ import annotations

import csv
import io
import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import IO

from hilum.app.report_files import ARCHIVES, KINDS, Source, encoding_in, sources_of
from hilum.app.report_row import NAMES, ROLES, NoReportError, Row, choose, near, row_from
from hilum.core.errors import HilumError, InputError

_MOST = 64 * 1024 * 1024  # bytes of one CSV cell or JSON line
_LOOK = 1 << 16


@dataclass
class Reader:
    """How files are read, and what is to be said about them.

    Args:
        columns: names of the columns to read, by role, e.g. {'report': 'Report Text', 'id': 'Study'}.
        notes: gets a line for each thing that people should know.
        timeline: patients and dates are wanted: say it where a file has none.

    Raises:
        InputError: if a role is unknown.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    timeline: bool = False
    _raw: IO[bytes] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        for role in self.columns:
            if role not in ROLES:
                raise InputError(
                    f"a column cannot be '{role}'{near(role, list(ROLES))}; choose from {', '.join(ROLES)}"
                )

    def position(self) -> int:
        """Bytes of the file being read that were read so far, as it lies on disk."""
        try:
            return self._raw.tell() if self._raw else 0
        except (OSError, ValueError):
            return 0

    def rows(self, source: Source) -> Iterator[Row]:
        """Yield the reports of one source; a file that cannot be read is one row with an error."""
        try:
            yield from self._opened(source)
        except NoReportError as error:
            if not source.inside:
                yield Row(source.name, error=str(error))
            else:
                self.notes.append(f"left alone: {error}")
        except HilumError as error:
            if error.exit_code == 2:
                raise
            yield Row(source.name, error=str(error))
        except (OSError, EOFError, csv.Error, zlib.error, UnicodeError) as error:
            yield Row(source.name, error=f"{source.name} could not be read to its end: {error}")

    def _opened(self, source: Source) -> Iterator[Row]:
        if source.path and source.path.is_dir():
            raise InputError(f"the folder {source.name} holds no {', '.join(sorted(KINDS))} file")
        if source.path and not source.path.is_file():
            raise InputError(f"there is no file {source.path}")
        if source.kind not in KINDS:
            raise InputError(f"{source.name}: '{source.kind}' is not a kind of report file; expected {_KINDS}")
        with source.open() as raw:
            self._raw = raw
            if source.kind in (".parquet", ".arrow", ".feather", ".ipc"):
                from hilum.app.report_arrow import arrow_rows

                yield from arrow_rows(raw, source.kind, source.name, lambda names: self.choose(names, source.name))
            elif source.kind in ARCHIVES:
                yield from self._archive(raw, source)
            elif source.kind == ".xml":
                from hilum.app.report_xml import report_of_xml

                yield report_of_xml(source.unpacked(raw).read(_MOST), source.name)
            else:
                yield from self._text(raw, source)

    def _archive(self, raw: IO[bytes], source: Source) -> Iterator[Row]:
        from hilum.app.report_archives import archive_rows

        kind = ".zip" if source.kind == ".zip" else ".tar"
        yield from archive_rows(source.unpacked(raw), kind, source.name, self._member, self.notes)

    def _member(self, data: bytes, name: str) -> Row:
        encoding, _ = encoding_in(io.BytesIO(data), name)
        return _whole(io.StringIO(data.decode(encoding, "replace")), name)

    def _text(self, raw: IO[bytes], source: Source) -> Iterator[Row]:
        name = source.name
        encoding, nuls = encoding_in(source.unpacked(raw), name)
        if encoding not in ("utf-8", "utf-8-sig"):
            self.notes.append(f"{name} is not UTF-8; it was read as {encoding}")
        if nuls:
            self.notes.append(f"{name} holds NUL characters; they were left out")
        raw.seek(0)
        with io.TextIOWrapper(source.unpacked(raw), encoding=encoding, errors="replace", newline="") as file:
            if source.kind == ".txt":
                yield _whole(file, name)
            elif source.kind in (".jsonl", ".ndjson"):
                yield from self._json_lines(file, source)
            else:
                yield from self._table(file, name, "\t" if source.kind == ".tsv" else "")

    def _json_lines(self, file: IO[str], source: Source) -> Iterator[Row]:
        number, name = 0, source.name
        known: tuple[str, ...] = ()
        chosen: dict[str, str] = {}
        while line := file.readline(_MOST):
            number += 1
            where = f"{name}:{number}"
            if not line.strip():
                continue
            try:
                record = json.loads(line.replace("\0", ""))
            except (json.JSONDecodeError, RecursionError) as error:
                yield Row(where, error=f"line {number} of {name} is not JSON: {error}")
                continue
            if not isinstance(record, dict):
                what = type(record).__name__
                yield Row(where, error=f"line {number} of {name} is not an object with named fields, but {what}")
                continue
            try:
                if "label_set" in record and "labels" in record:
                    raise NoReportError(f"{name} is what a labelling run writes, not reports")
                if known != tuple(record):
                    chosen = choose(list(record), name, self.columns)
                    if self.timeline and not known:
                        self._tell(list(record), chosen, name)
                    known = tuple(record)
            except InputError as error:
                if source.inside and number == 1:
                    raise
                yield Row(where, error=str(error))
                continue
            yield row_from(record, where, chosen)

    def _table(self, file: IO[str], name: str, delimiter: str) -> Iterator[Row]:
        csv.field_size_limit(_MOST)
        lines: Iterator[str] = (line.replace("\0", "") for line in file)
        if not delimiter:
            header = next(lines, "")
            delimiter = max(",;\t|", key=header.count)
            lines = chain([header] if header else [], lines)
        held: list[str] = []  # the lines of the record at hand
        reader = csv.DictReader(_kept(lines, held), delimiter=delimiter)
        if not reader.fieldnames:
            raise InputError(f"{name} is empty: expected a row of column names")
        chosen = self.choose([str(column) for column in reader.fieldnames], name)
        held.clear()
        for record in reader:
            where = f"{name}:{reader.line_num}"
            problem = _broken(record, held, delimiter, reader.line_num)
            held.clear()
            yield Row(where, error=f"{name}: {problem}") if problem else row_from(record, where, chosen)

    def choose(self, names: list[str], where: str) -> dict[str, str]:
        """Return role -> column; see `choose`. Says which column is missing for a timeline."""
        chosen = choose(names, where, self.columns)
        if self.timeline:
            self._tell(names, chosen, where)
        return chosen

    def _tell(self, names: list[str], chosen: Mapping[str, str], where: str) -> None:
        means = {"patient": "each report is taken as its own patient", "date": "reports keep the order of the file"}
        for role, meaning in means.items():
            if role not in chosen and (role == "patient" or "patient" in chosen):
                words = (role, *NAMES[role])
                close = next((found for word in words if (found := near(word, names))), "")
                self.notes.append(
                    f"{where} has no column of {role}s{close}: {meaning}; name one with --column {role}=NAME"
                )


_KINDS = ", ".join(sorted(KINDS))


def rows_of(path: Path, columns: Mapping[str, str] | None, notes: list[str]) -> Iterator[Row]:
    """Yield the reports of a file or folder, one at a time; a file that cannot be read is one row with an error."""
    reader = Reader(columns or {}, notes)
    return chain.from_iterable(reader.rows(source) for source in sources_of([path]))


def _kept(lines: Iterator[str], held: list[str]) -> Iterator[str]:
    for line in lines:
        held.append(line)
        yield line


def _broken(record: Mapping[str | None, object], held: list[str], delimiter: str, last: int) -> str:
    """Why a record of a table cannot be trusted: more fields than columns, or a quote that is never closed; else ''."""
    surplus = record.get(None)  # where DictReader puts what has no column
    if isinstance(surplus, list) and any(surplus):
        columns = len(record) - 1
        return (
            f"line {last} has {columns + len(surplus)} fields, the header has {columns}: "
            f"put text that holds '{delimiter}' in quotes"
        )
    if sum(line.count('"') for line in held) % 2 and _stays_open(held, delimiter):
        return f"a quote that opens in line {last - len(held) + 1} is never closed: what follows cannot be told apart"
    return ""


def _stays_open(held: list[str], delimiter: str) -> bool:
    try:
        list(csv.reader(held, delimiter=delimiter, strict=True))
    except csv.Error as error:
        return "unexpected end" in str(error)
    return False


def _whole(file: IO[str], name: str) -> Row:
    text = file.read(_MOST).replace("\0", "")
    return (
        Row(name.removesuffix(".txt"), text)
        if text.strip()
        else Row(name.removesuffix(".txt"), error=f"{name} is empty", empty=True)
    )
