"""Reports out of files: CSV, JSONL, Parquet and text, with what is wrong said row by row."""

from __future__ import annotations

import codecs
import csv
import gzip
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from math import isnan
from pathlib import Path
from typing import IO, Any

from hilum.core.errors import HilumError, InputError, need
from hilum.core.report import SECTIONS

_IDS = (
    "id",
    "report_id",
    "study_id",
    "uid",
    "study_uid",
    "studyinstanceuid",
    "accession",
    "accession_number",
    "dicom_id",
)
_TEXTS = ("report", "text", "report_text", "full_report", "note")
_MOST = 64 * 1024 * 1024  # bytes of one CSV cell or JSON line
_LOOK = 1 << 16
_SUFFIXES = {".csv", ".tsv", ".jsonl", ".ndjson", ".parquet", ".txt"}


@dataclass(frozen=True)
class Row:
    """One report as read: its id, its text whole or by section, or why it could not be read."""

    id: str
    text: str | Mapping[str, str] = ""
    error: str = ""


def rows_of(path: Path, columns: Mapping[str, str] | None, notes: list[str]) -> Iterator[Row]:
    """Yield the reports of a file or folder, one at a time; a file that cannot be read is one row with an error."""
    if path.is_dir():
        files = sorted(each for each in path.rglob("*") if each.is_file() and _kind(each) in _SUFFIXES)
        if not files:
            yield Row(str(path), error=f"the folder {path.name} holds no {', '.join(sorted(_SUFFIXES))} file")
        for each in files:
            yield from _file(each, each.relative_to(path).as_posix(), columns, notes)
    else:
        yield from _file(path, path.name, columns, notes)


def _kind(path: Path) -> str:
    return path.with_suffix("").suffix.lower() if path.suffix.lower() == ".gz" else path.suffix.lower()


def _file(path: Path, name: str, columns: Mapping[str, str] | None, notes: list[str]) -> Iterator[Row]:
    try:
        if not path.is_file():
            raise InputError(f"there is no file {path}")
        kind = _kind(path)
        if kind == ".parquet":
            yield from _parquet(path, name, columns)
            return
        if kind not in _SUFFIXES:
            raise InputError(f"{name}: '{kind}' is not a kind of report file; expected {', '.join(sorted(_SUFFIXES))}")
        encoding = encoding_of(path)
        if encoding not in ("utf-8", "utf-8-sig"):
            notes.append(f"{name} is not UTF-8; it was read as {encoding}")
        with _open(path, encoding) as file:
            if kind == ".txt":
                yield _whole(file, name)
            elif kind in (".jsonl", ".ndjson"):
                yield from _json_lines(file, name, columns)
            else:
                yield from _table(file, name, "\t" if kind == ".tsv" else "", columns)
    except HilumError as error:
        yield Row(name, error=str(error))
    except (OSError, EOFError, csv.Error, UnicodeDecodeError) as error:
        yield Row(name, error=f"{name} could not be read to its end: {error}")


def _bytes(path: Path) -> IO[bytes]:
    return gzip.open(path, "rb") if path.suffix.lower() == ".gz" else path.open("rb")  # type: ignore[return-value]


def _open(path: Path, encoding: str) -> IO[str]:
    if path.suffix.lower() == ".gz":
        return gzip.open(path, "rt", encoding=encoding, errors="replace", newline="")
    return path.open(encoding=encoding, errors="replace", newline="")


def encoding_of(path: Path) -> str:
    """Return 'utf-8', 'utf-8-sig', 'utf-16' or 'cp1252', the encoding a text file is in.

    Raises:
        InputError: if the file is binary.
    """
    with _bytes(path) as file:
        head = file.read(_LOOK)
        if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return "utf-16"
        if b"\0" in head or sum(byte < 9 or 13 < byte < 32 for byte in head) > len(head) / 20:
            raise InputError(f"{path.name} is a binary file, not text: expected a report, CSV, JSONL or Parquet file")
        decoder = codecs.getincrementaldecoder("utf-8")()
        block = head
        try:
            while block:
                decoder.decode(block)
                block = file.read(_LOOK)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return "cp1252"
    return "utf-8-sig" if head.startswith(codecs.BOM_UTF8) else "utf-8"


def _whole(file: IO[str], name: str) -> Row:
    text = file.read(_MOST)
    return Row(name.removesuffix(".txt"), text) if text.strip() else Row(name, error=f"{name} is empty")


def _json_lines(file: IO[str], name: str, columns: Mapping[str, str] | None) -> Iterator[Row]:
    number = 0
    while line := file.readline(_MOST):
        number += 1
        where = f"{name}:{number}"
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (json.JSONDecodeError, RecursionError) as error:
            yield Row(where, error=f"line {number} of {name} is not JSON: {error}")
            continue
        if not isinstance(record, dict):
            yield Row(
                where, error=f"line {number} of {name} is not an object with named fields, but {type(record).__name__}"
            )
            continue
        yield _safe_row(record, where, name, columns)


def _table(file: IO[str], name: str, delimiter: str, columns: Mapping[str, str] | None) -> Iterator[Row]:
    csv.field_size_limit(_MOST)
    if not delimiter:
        header = file.readline(_LOOK)
        file.seek(0)
        delimiter = max(",;\t|", key=header.count)
    reader = csv.DictReader((line.replace("\0", "") for line in file), delimiter=delimiter)
    if not reader.fieldnames:
        raise InputError(f"{name} is empty: expected a row of column names")
    chosen = choose([str(field) for field in reader.fieldnames], name, columns)
    for number, record in enumerate(reader, start=2):
        yield row_from(record, f"{name}:{number}", chosen)


def _parquet(path: Path, name: str, columns: Mapping[str, str] | None) -> Iterator[Row]:
    try:
        arrow, parquet = import_module("pyarrow"), import_module("pyarrow.parquet")
    except ImportError as error:
        raise need("pyarrow", "arrow", "reading Parquet") from error
    try:
        table = parquet.ParquetFile(path)
        chosen = choose(table.schema_arrow.names, name, columns)
        number = 0
        for batch in table.iter_batches(batch_size=1024, columns=sorted(set(chosen.values()))):
            for record in batch.to_pylist():
                number += 1
                yield row_from(record, f"{name}:{number}", chosen)
    except arrow.ArrowException as error:
        raise InputError(f"{name} is not a Parquet file that can be read: {error}") from error


def _safe_row(record: Mapping[str, Any], where: str, name: str, columns: Mapping[str, str] | None) -> Row:
    try:
        return row_from(record, where, choose(list(record), name, columns))
    except InputError as error:
        return Row(where, error=str(error))


def choose(names: list[str], where: str, columns: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return role -> column: 'id' where there is one, and 'report', or the sections there are.

    Raises:
        InputError: if no column holds text; the sentence names the nearest one.
    """
    folded = {" ".join(name.replace("_", " ").casefold().split()).replace(" ", "_"): name for name in names}
    chosen: dict[str, str] = {}
    for role, wanted in (columns or {}).items():
        if wanted not in names:
            raise InputError(f"{where} has no column '{wanted}'{_near(wanted, names)}; it has {', '.join(names)}")
        chosen[role] = wanted
    for candidates, role in ((_IDS, "id"), (_TEXTS, "report")):
        found = next((folded[name] for name in candidates if name in folded), None)
        if found and role not in chosen and (role == "id" or not set(chosen) - {"id"}):
            chosen[role] = found
    if not set(chosen) & {"report", "findings", "impression"}:
        chosen.update({name: folded[name] for name in SECTIONS if name in folded})
    if not set(chosen) & {"report", "findings", "impression"}:
        near = next((_near(word, list(folded)) for word in ("report", "findings", "impression", "text")
                     if _near(word, list(folded))), "")  # fmt: skip
        raise InputError(
            f"{where} has no column 'report', 'findings' or 'impression'{near}; it has {', '.join(names[:12])}"
        )
    return chosen


def _near(wanted: str, names: list[str]) -> str:
    close = get_close_matches(wanted.casefold(), [name.casefold() for name in names], n=1, cutoff=0.6)
    return f" (the nearest is '{close[0]}')" if close else ""


def row_from(record: Mapping[str, Any], where: str, chosen: Mapping[str, str]) -> Row:
    """Return the report in one record; its id is that of its column, or `where` it stands."""
    name = str(record.get(chosen.get("id", ""), "") or "").strip() or where
    texts = {}
    for role, column in chosen.items():
        value = record.get(column)
        if role != "id" and value is not None and not (isinstance(value, float) and isnan(value)):
            if not isinstance(value, str):
                return Row(name, error=f"{where}: column '{column}' holds {type(value).__name__}, expected text")
            texts[role] = value
    if not any(text.strip() for text in texts.values()):
        return Row(name, error=f"{where} holds no text")
    return Row(name, texts.get("report", texts))
