"""Label report files: any mix of CSV, JSONL, Parquet, Arrow, XML, archives and text in, one row per report out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from hilum.app.label_outputs import check_suffix
from hilum.app.label_page import write_page
from hilum.app.label_rows import Reading
from hilum.app.label_run import OnBytes, OnRow, Outcome, Run
from hilum.app.label_timeline import Visits
from hilum.app.report_files import Source
from hilum.app.report_row import near
from hilum.app.report_rows import Reader
from hilum.core.errors import InputError
from hilum.core.vocabulary import label_sets

Given = str | Path | Source


def label_files(
    inputs: Iterable[Given],
    out: str | Path,
    *,
    reading: Reading | None = None,
    columns: Mapping[str, str] | None = None,
    resume: bool = False,
    timeline: bool = False,
    page: Path | None = None,
    on_row: OnRow | None = None,
    on_bytes: OnBytes | None = None,
) -> Outcome:
    """Label every report of the inputs and write one row per report to `out`.

    A row that cannot be labelled is written with its reason under 'error'; the rest completes. While the run goes
    on, the rows are in `out` + '.part', to which `resume` appends.

    Args:
        inputs: .csv, .tsv, .jsonl, .parquet, .arrow, .feather, .xml, .txt files, archives of the last two, folders.
        out: .jsonl with everything; .csv in the layout of the label set's own file; .parquet or .arrow; .html.
        reading: label set and how to read uncertain findings.
        columns: names of the columns to read, e.g. {'report': 'Report Text', 'id': 'Study'}.
        resume: skip the reports that an earlier run wrote.
        timeline: write one row per patient to <stem>.timeline.jsonl as well.
        page: an .html file to write as well, to look at the reports with their words marked.
        on_row: called with each row after it is written.
        on_bytes: called now and then with the bytes read so far and those of all inputs.

    Returns:
        Counts, and notes such as the encoding that a file was read with.

    Raises:
        InputError: if there is no input, a choice is unknown, `out` was made in another way or cannot be written.
        MissingError: if a file needs pyarrow and it is not installed.
    """
    given = list(inputs)
    if not given:
        raise InputError("no input was given: name a CSV, JSONL, Parquet or text file, or a folder of them")
    reading = reading or Reading()
    check_label_set(reading.label_set)
    reading.label("")  # refuse wrong choices at once
    target = Path(out)
    check_suffix(target)
    shown = target if target.suffix.lower() == ".html" else page
    if shown and shown.suffix.lower() != ".html":
        raise InputError(f"a page is an .html file, got '{shown.name}'")
    outcome = Outcome()
    reading = _fitting(reading, target, outcome)
    reader = Reader(columns or {}, outcome.notes, timeline=timeline)
    run = Run(given, target, reading, reader, outcome, on_row, on_bytes)
    try:
        run.check_inputs(shown)
        run.check_failures()
        target.parent.mkdir(parents=True, exist_ok=True)
        written = run.take_up() if resume else run.anew()
        if timeline:
            with Visits(target) as visits:
                run.label(written, visits)
                run.close()
                outcome.written.append(visits.write(reading.language))
            outcome.patients = visits.patients
            outcome.notes += visits.notes
        else:
            run.label(written)
            run.close()
        if shown:
            outcome.written.append(write_page(shown, run.sources(), outcome, reading, columns))
        run.end()
    except OSError as error:
        kept = ""
        if run.kept():
            kept = f". What was finished is kept in {run.part.name}; the same command with --resume goes on from there"
        raise InputError(f"could not write {target}: {error.strerror or error}{kept}") from error
    return outcome


def check_label_set(name: str) -> None:
    """Raise InputError, with the names there are, if there is no such label set."""
    names = [each.name for each in label_sets()]
    if name not in names:
        raise InputError(f"there is no label set '{name}'{near(name, names)}: choose from {', '.join(names)}")


def _fitting(reading: Reading, target: Path, outcome: Outcome) -> Reading:
    """What the output has a place for; what was asked and it has none for is said."""
    if target.suffix.lower() not in (".csv", ".html"):
        return reading
    lost = [name for name in ("graph", "scene", "explain") if getattr(reading, name)]
    if lost:
        outcome.notes.append(f"{target.name} has no place for {', '.join(lost)}: write .jsonl, .parquet or .arrow")
    return replace(reading, lean=True, graph=False, scene=False, structure=False, explain=False)
