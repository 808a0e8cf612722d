"""Reports in Parquet and Arrow IPC (Feather) files, a batch at a time; needs pyarrow (extra `arrow`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from typing import IO, Any

from hilum.app.report_row import Row, row_from
from hilum.core.errors import InputError, MissingError, need

_BATCH = 1024
Choose = Callable[[list[str]], Mapping[str, str]]


def arrow(purpose: str, part: str = "") -> Any:
    """Return pyarrow, or one of its parts such as 'parquet'; raises MissingError if it is not installed."""
    try:
        return import_module(f"pyarrow.{part}" if part else "pyarrow")
    except ImportError as error:
        missing: MissingError = need("pyarrow", "arrow", purpose)
        raise missing from error


def arrow_rows(file: IO[bytes], kind: str, name: str, choose: Choose) -> Iterator[Row]:
    """Yield the reports of a Parquet or Arrow file.

    Raises:
        InputError: if it is damaged, or has no column of text.
        MissingError: without pyarrow.
    """
    pyarrow = arrow(f"reading {name}")
    try:
        if kind == ".parquet":
            table = arrow(f"reading {name}", "parquet").ParquetFile(file)
            chosen = choose(table.schema_arrow.names)
            batches = table.iter_batches(batch_size=_BATCH, columns=sorted(set(chosen.values())))
            yield from batch_rows(batches, name, chosen)
        else:
            yield from _ipc(file, name, choose)
    except (pyarrow.ArrowException, OSError) as error:
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        what = "a Parquet" if kind == ".parquet" else "an Arrow"
        raise InputError(f"{name} is not {what} file that can be read to its end: {said}") from error


def _ipc(file: IO[bytes], name: str, choose: Choose) -> Iterator[Row]:
    """Both layouts: the file with a footer (Feather), and the stream."""
    ipc, head = arrow(f"reading {name}", "ipc"), file.read(6)
    file.seek(0)
    if head == b"ARROW1":
        whole = ipc.open_file(file)
        batches: Any = (whole.get_batch(number) for number in range(whole.num_record_batches))
        names = whole.schema.names
    else:
        batches = ipc.open_stream(file)
        names = batches.schema.names
    yield from batch_rows(batches, name, choose(names))


def batch_rows(batches: Any, name: str, chosen: Mapping[str, str]) -> Iterator[Row]:
    """Yield the rows of record batches; `chosen` names the columns by role."""
    number = 0
    wanted = sorted(set(chosen.values()))
    for batch in batches:
        for start in range(0, batch.num_rows, _BATCH):
            for record in batch.slice(start, _BATCH).select(wanted).to_pylist():
                number += 1
                yield row_from(record, f"{name}:{number}", chosen)
