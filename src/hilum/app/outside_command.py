"""`hilum read --model chat:URL#MODEL`: drafts of a reader that is not Hilum's, a page and JSON of each study."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import typer

from hilum import RESEARCH_USE, __version__
from hilum.app.batch_row import replace_text
from hilum.app.outputs import safe_name
from hilum.app.page import study_page
from hilum.app.page_index import IndexRow, index_page, thumbnail
from hilum.app.steps import Steps
from hilum.core.errors import HilumError, InputError, RefusedError
from hilum.core.record import to_json
from hilum.core.study import Study
from hilum.measure.asking import Model, load_model

_MARK = "Draft of a model that is not Hilum's. "


@dataclass(frozen=True)
class DraftRow:
    """What became of one study or file: its name, 'read', 'refused' or 'failed', its files, why, and its page."""

    name: str
    status: Literal["read", "refused", "failed"]
    files: tuple[str, ...] = ()
    reason: str = ""
    folder: str = ""
    text: str = ""
    thumbnail: str = field(default="", repr=False)

    def line(self) -> dict[str, Any]:
        """Return the row as JSON."""
        return {key: getattr(self, key) for key in ("name", "status", "files", "reason", "folder", "text")}


def read_outside(
    paths: Sequence[Path], out: Path, model: str, prior: Path | None = None, *, keep_identifiers: bool = False,
    as_json: bool = False, quiet: bool = False,
) -> tuple[DraftRow, ...]:  # fmt: skip
    """Ask a model from outside for drafts, write them, print, and end with code 1 where a study was not read.

    Args:
        paths: films, folders, archives.
        out: results folder.
        model: its address.
        prior: an earlier study of the same patient.
        keep_identifiers, as_json, quiet: as for every reading.

    Raises:
        InputError: if no film was found, the address is wrong, or `out` cannot be written.
        MissingError: if what the model needs is not here.
    """
    import hilum.systems.outside  # noqa: F401  (registers the schemes: no other system is imported to look for them)

    asked, started = load_model(model), time.time()
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot make the results folder '{out}': {error.strerror or error}") from error
    rows: list[DraftRow] = []
    with Steps("reading", hidden=quiet or as_json) as progress:
        for row, total in _rows(paths, prior, asked, out, keep_identifiers):
            rows.append(row)
            progress.step(row.status, len(rows), total)
    if not rows:
        raise InputError("no film was found in what was given")
    _write(out, rows, asked, round(time.time() - started, 2))
    if as_json:
        told = [row.line() for row in rows]
        print(json.dumps({"out": str(out), "model": asked.name, "caution": RESEARCH_USE, "studies": told}))
    elif not quiet:
        print("\n".join([f"{row.status:8} {(', '.join(row.files) or row.name)[:40]:40} {row.text or row.reason}"
                         for row in rows]))  # fmt: skip
        print(f"\n{_MARK}{RESEARCH_USE}\nWrote {out / 'index.html'} (open it in a browser).")
    lost = [row for row in rows if row.status != "read"]
    for row in lost:
        print(f"{row.status}: {', '.join(row.files) or row.name}: {row.reason}", file=sys.stderr)
    if lost:
        raise typer.Exit(1)
    return tuple(rows)


def _rows(
    paths: Sequence[Path], prior: Path | None, model: Model, out: Path, keep: bool
) -> Iterator[tuple[DraftRow, int]]:
    from hilum.io.intake import open_studies

    with (
        open_studies(list(paths), keep_identifiers=keep) as intake,
        open_studies([prior] if prior else [], keep_identifiers=keep) as before,
    ):
        if prior and (len(before.studies) != 1 or len(intake.studies) != 1):
            raise InputError(f"a prior is one study and goes with one study, found {len(before.studies)} and "
                             f"{len(intake.studies)}")  # fmt: skip
        total = len(intake.studies) + len(intake.failures)
        for failure in intake.failures:
            yield DraftRow(failure.path, "failed", (failure.path,), failure.reason), total
        for study in intake.studies:
            names = {film.id: intake.name_of(film) or f"film {place}" for place, film in enumerate(study.films, 1)}
            given = replace(study, prior=before.studies[0]) if prior else study
            yield _row(given, names, model, out, keep), total


def _row(study: Study, names: dict[str, str], model: Model, out: Path, keep: bool) -> DraftRow:
    files = tuple(names.values())
    try:
        read = model.call(study)
    except RefusedError as error:
        return DraftRow(study.id, "refused", files, str(error))
    except (HilumError, OSError, ValueError) as error:
        return DraftRow(study.id, "failed", files, str(error))
    folder = out / safe_name(study.id)
    folder.mkdir(parents=True, exist_ok=True)
    signed = read.provenance[-1]
    record = {
        "hilum": __version__, "caution": f"{_MARK}{RESEARCH_USE}", "study": study.id, "files": list(files),
        "report": to_json(read.report) if read.report else None,
        "findings": [to_json(finding) for finding in read.findings], "model": to_json(signed.made_by),
        "notes": list(signed.notes),
    }  # fmt: skip
    replace_text(folder / "draft.json", json.dumps(record, indent=1, ensure_ascii=False))
    replace_text(folder / "page.html", study_page(read, names=names, keep_identifiers=keep))
    text = read.report.findings if read.report else ""
    return DraftRow(study.id, "read", files, "", folder.name, text, thumbnail(study.films[0]))


def _write(out: Path, rows: Sequence[DraftRow], model: Model, seconds: float) -> None:
    counts = {status: sum(row.status == status for row in rows) for status in ("read", "refused", "failed")}
    run = {"caution": f"{_MARK}{RESEARCH_USE}", "hilum": __version__, "model": model.name, "mark": model.source,
           "seconds": seconds, "counts": counts}  # fmt: skip
    replace_text(out / "drafts.jsonl", "".join(json.dumps(row.line(), ensure_ascii=False) + "\n" for row in rows))
    replace_text(out / "run.json", json.dumps(run, indent=1))
    listed = [IndexRow(", ".join(row.files) or row.name, row.status, f"{row.folder}/page.html" if row.folder else "",
                       row.thumbnail, (), row.reason) for row in rows]  # fmt: skip
    replace_text(out / "index.html", index_page(listed))
