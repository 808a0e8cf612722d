"""Data frames in and out: reports in columns, labels in columns, by way of Arrow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from hilum.app.label_outputs import record, schema
from hilum.app.label_rows import Reading, label_row, reading_of
from hilum.app.report_arrow import arrow, batch_rows
from hilum.app.report_row import choose
from hilum.core.errors import InputError
from hilum.core.vocabulary import label_set as known_set

_BATCH = 4096


def label_table(
    table: Any,
    label_set: str = "chexpert-14",
    *,
    columns: Mapping[str, str] | None = None,
    uncertain: str = "keep",
    likely: str = "present",
    aggregate: str = "strongest",
    language: str = "auto",
) -> Any:
    """Label the reports of a data frame.

    Args:
        table: a pandas, polars or pyarrow table (anything with the Arrow stream interface), or a mapping of columns;
            it has a column `report`, or `findings` and `impression`, and may have an `id`.
        label_set: e.g. 'chexpert-14'.
        columns: names of the columns to read, by role, e.g. {'report': 'Report Text'}.
        uncertain, likely, aggregate, language: see `hilum.label`; 'auto' decides the language of each report.

    Returns:
        A pyarrow Table with a row per report in the same order: id, language, error, one int8 column per label (1
        present, 0 absent, -1 uncertain, null not mentioned) and `findings`; `.to_pandas()` makes a data frame of it.

    Raises:
        InputError: if there is no column of text, or a choice is unknown.
        MissingError: if pyarrow is not installed.
    """
    pyarrow = arrow("labelling a data frame")
    reading = reading_of(label_set, uncertain, likely, aggregate, language)
    reading.label("")  # refuse wrong choices at once
    given = _batches(pyarrow, table)
    rows = batch_rows(given, "the table", choose(given.schema.names, "the table", columns))
    wanted, labels = schema(pyarrow, label_set, ()), known_set(label_set).labels
    batches = [
        pyarrow.RecordBatch.from_pylist([record(row, labels, ()) for row in made], schema=wanted)
        for made in _labelled(rows, reading)
    ]
    return pyarrow.Table.from_batches(batches, schema=wanted)


def _labelled(rows: Iterator[Any], reading: Reading) -> Iterator[list[dict[str, Any]]]:
    while made := [label_row(row, reading) for row in islice(rows, _BATCH)]:
        yield made


def _batches(pyarrow: Any, table: Any) -> Any:
    """A reader of record batches over what was given."""
    if hasattr(table, "__arrow_c_stream__"):
        return pyarrow.RecordBatchReader.from_stream(table)
    if isinstance(table, Mapping):
        try:
            return pyarrow.table({str(name): list(values) for name, values in table.items()}).to_reader()
        except (pyarrow.ArrowException, TypeError) as error:
            raise InputError(f"the mapping is not a table: {error}") from error
    raise InputError(
        f"cannot read a table from {type(table).__name__}: "
        "give a pandas, polars or pyarrow table, or a mapping of columns"
    )
