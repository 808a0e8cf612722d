"""Label files in the form that was asked for: JSONL, the data set's own CSV, Parquet or Arrow."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from hilum.app.label_layouts import layout
from hilum.core.errors import InputError
from hilum.core.vocabulary import label_set

SUFFIXES = (".jsonl", ".csv", ".parquet", ".arrow", ".html")
DOCUMENTS = ("graph", "scene", "structure", "explain")
_BATCH = 4096


def check_suffix(target: Path) -> None:
    """Raise InputError unless the file is one that can be written, MissingError if it needs pyarrow in vain."""
    if target.is_dir():
        raise InputError(f"{target} is a folder: name a file to write, e.g. {target / 'labels.jsonl'}")
    if target.suffix.lower() not in SUFFIXES:
        raise InputError(f"cannot write '{target.suffix}' ({target.name}): choose from {', '.join(SUFFIXES)}")
    if target.suffix.lower() in (".parquet", ".arrow"):
        from hilum.app.report_arrow import arrow

        arrow(f"writing {target.name}")


def failures_of(target: Path) -> Path:
    """Return the file of failed reports beside a .csv output."""
    return target.with_name(f"{target.stem}.failed.csv")


def finish(part: Path, target: Path, name: str) -> list[Path]:
    """Turn the finished rows into the file that was asked for, and return what was written.

    Args:
        part: the rows as JSON lines; gone afterwards.
        target: .jsonl, .csv, .parquet or .arrow.
        name: the label set.

    Raises:
        OSError: if it cannot be written; the rows are kept then.
    """
    kind = target.suffix.lower()
    if kind == ".jsonl":
        part.replace(target)
        return [target]
    if kind == ".html":
        part.unlink()
        return []  # the page is written from the reports
    partial = target.with_name(f".{target.name}.partial-{os.getpid()}")
    failures = failures_of(target)
    reasons = failures.with_name(f".{failures.name}.partial-{os.getpid()}")
    failed = False
    try:
        if kind == ".csv":
            failed = _csv(part, partial, reasons, name)
        else:
            _arrow(part, partial, kind, name)
        partial.replace(target)
        if failed:
            reasons.replace(failures)
        elif kind == ".csv":
            failures.unlink(missing_ok=True)  # of an earlier run: any other was refused before this one began
    finally:
        partial.unlink(missing_ok=True)
        reasons.unlink(missing_ok=True)
    part.unlink()
    return [target, failures] if failed else [target]


def rows_in(part: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows of a JSONL file."""
    with part.open(encoding="utf-8") as file:
        yield from map(json.loads, file)


def _csv(part: Path, partial: Path, failures: Path, name: str) -> bool:
    """Labelled rows in the data set's layout; failed ones beside, as that layout has no place for a reason."""
    header, line = layout(name)
    any_failed = False
    with (
        partial.open("w", encoding="utf-8", errors="replace", newline="") as good,
        failures.open("w", encoding="utf-8", errors="replace", newline="") as bad,
    ):
        table, reasons = csv.writer(good, lineterminator="\n"), csv.writer(bad, lineterminator="\n")
        table.writerow(header)
        reasons.writerow(["id", "error"])
        for row in rows_in(part):
            if "error" in row:
                any_failed = True
                reasons.writerow([row["id"], row["error"]])
            else:
                table.writerow(line(row))
    return any_failed


def schema(pyarrow: Any, name: str, documents: tuple[str, ...] = DOCUMENTS) -> Any:
    """Return the Arrow schema of labelled rows: id, language, error, one int8 column per label, findings, documents.

    A label is 1 present, 0 absent, -1 uncertain, null not mentioned.
    """
    finding = pyarrow.struct(
        [(key, pyarrow.string()) for key in ("concept", "state", "certainty", "section", "rule", "text")]
        + [("start", pyarrow.int32()), ("end", pyarrow.int32()), ("attributes", pyarrow.string())]
    )
    return pyarrow.schema(
        [(key, pyarrow.string()) for key in ("id", "patient", "language", "error")]
        + [(label, pyarrow.int8()) for label in label_set(name).labels]
        + [("findings", pyarrow.list_(finding))]
        + [(key, pyarrow.string()) for key in documents],
        metadata={"label_set": name, "states": "1 present, 0 absent, -1 uncertain, null not mentioned"},
    )


def record(row: dict[str, Any], labels: tuple[str, ...], documents: tuple[str, ...] = DOCUMENTS) -> dict[str, Any]:
    """Return a row as one record of `schema`; nested documents are JSON text."""
    findings = None
    if "findings" in row:
        findings = [
            {**{key: str(found[key]) for key in ("concept", "state", "certainty", "section", "rule", "text")},
             "start": found["span"][0], "end": found["span"][1],
             "attributes": json.dumps(found["attributes"]) if found.get("attributes") else None}
            for found in row["findings"]
        ]  # fmt: skip
    said = row.get("labels", {})
    return {
        **{key: row.get(key) for key in ("id", "patient", "language", "error")},
        **{label: said.get(label) for label in labels},
        "findings": findings,
        **{key: json.dumps(row[key]) if key in row else None for key in documents},
    }


def _arrow(part: Path, partial: Path, kind: str, name: str) -> None:
    from hilum.app.report_arrow import arrow

    pyarrow = arrow("writing Arrow")
    first = next(rows_in(part), {})
    documents = tuple(key for key in DOCUMENTS if any(key in row for row in islice(rows_in(part), 100)) or key in first)
    wanted, labels = schema(pyarrow, name, documents), label_set(name).labels
    if kind == ".parquet":
        writer = arrow("writing Parquet", "parquet").ParquetWriter(partial, wanted)
    else:
        writer = arrow("writing Arrow", "ipc").new_file(partial, wanted)
    rows = rows_in(part)
    with writer:
        while batch := [record(row, labels, documents) for row in islice(rows, _BATCH)]:
            writer.write_batch(pyarrow.RecordBatch.from_pylist(batch, schema=wanted))
