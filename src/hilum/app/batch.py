"""Read many studies, here, in processes or on Ray: each failure is a row, the rest completes, a stopped run resumes.

Every way gives the same bytes, in whatever order studies finish; only `run.json` tells how and how long.
"""

from __future__ import annotations

import json
import platform
import re
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from hilum import RESEARCH_USE, __version__
from hilum.app.batch_row import Row, index_row, kept, replace_text
from hilum.app.batch_unit import (
    Item,
    Options,
    films_only,
    fingerprint,
    light,
    lost_unit,
    read_unit,
    rows_of,
    units_of,
    working,
)
from hilum.core.errors import InputError
from hilum.core.image import Image
from hilum.core.study import Study

if TYPE_CHECKING:
    from hilum.io.intake import Intake
    from hilum.systems.embedded import Embedded

__all__ = ["Options", "Row", "light", "read_batch", "working"]

LOG = "studies.jsonl"
PICTURES = 5_000
"""An index page of more rows shows no thumbnails, so that it opens and its run keeps little in memory."""
_LEFT = re.compile(r"\.(?P<name>.+)\.(partial|old)-\d+")


def read_batch(
    paths: Sequence[str | Path],
    out: str | Path,
    *,
    prior: str | Path | None = None,
    options: Options | None = None,
    on_row: Callable[[Row, int, int], None] | None = None,
    workers: int = 1,
    ray: str = "",
) -> tuple[Row, ...]:
    """Read films, folders, archives or many studies and write one folder per study into `out`.

    Headers are read first, here; pixels later, one study at a time in each worker. A patient's studies go to one
    worker, earliest first, so that each is compared with its prior.

    Args:
        paths: files and folders.
        out: results folder, made where missing; other files in it stay.
        prior: an earlier study of the same patient, for a single study.
        options: see `Options`.
        on_row: called with each row as it is finished, its number and the number of all.
        workers: processes on this machine, or actors on Ray (there 1 means one for each processor).
        ray: address of a Ray cluster that sees the same paths, 'local' for one on this machine; '' uses none.

    Returns:
        One row per study and per file that could not be used: those files first, then studies by time.

    Raises:
        InputError: if nothing was given, the prior does not fit, or `out` cannot be written.
        MissingError: if the shipped model, or Ray where it is asked for, is not installed.
    """
    from hilum.io.intake import open_studies
    from hilum.systems.embedded import Embedded

    settings = options or Options()
    folder = _made(Path(out))
    given = [Path(path) for path in paths]
    if ray:  # other processes may stand elsewhere, and other machines have another temporary folder
        folder, given = folder.absolute(), [path.absolute() for path in given]
    started = time.time()
    keep = settings.keep_identifiers
    with open_studies(given, keep_identifiers=keep, scratch=folder if ray else None) as intake:
        model = Embedded(threads=settings.threads)
        if prior is None:
            run = _Run(intake, folder, model, settings, None, workers, ray)
            rows = run.rows(on_row)
        else:
            with open_studies([Path(prior).absolute()], keep_identifiers=keep) as earlier:
                chosen = _one_prior(earlier, intake)
                replace(intake.studies[0], prior=chosen)  # refuses a later film or another patient's
                run = _Run(intake, folder, model, settings, chosen, workers, ray)
                rows = run.rows(on_row)
    run.write(rows, started, [Path(path).name for path in paths])
    return rows


def _made(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot make the results folder '{folder}': {error.strerror or error}") from error
    return folder


def _one_prior(earlier: Intake, current: Intake) -> Study:
    if len(current.studies) != 1:
        raise InputError(
            f"--prior goes with a single study, but {len(current.studies)} were found; "
            "for a folder with several studies of a patient the priors are found by date and need no option"
        )
    if len(earlier.studies) != 1:
        reasons = "; ".join(f"{failure.path}: {failure.reason}" for failure in earlier.failures)
        raise InputError(f"--prior must hold exactly one study, found {len(earlier.studies)}. {reasons}".strip())
    return earlier.studies[0]


@dataclass
class _Run:
    """One pass over what was found: rows as they finish, the same files at the end whoever finished first."""

    intake: Intake
    folder: Path
    model: Embedded
    settings: Options
    prior: Study | None
    workers: int
    ray: str
    names: set[str] = field(default_factory=set)

    def rows(self, on_row: Callable[[Row, int, int], None] | None) -> tuple[Row, ...]:
        """Read all and return the rows in their lasting order."""
        failures = [Row(each.path, "failed", (each.path,), each.reason) for each in self.intake.failures]
        total = len(self.intake.studies) + len(failures)
        studies: list[Row] = []
        with (self.folder / LOG).open("a" if self.settings.resume else "w", encoding="utf-8") as log:
            for number, row in enumerate(failures, 1):
                _tell(log, row, number, total, on_row)
            for row in self._read():
                shown = row if total <= PICTURES else replace(row, thumbnail="")
                studies.append(shown)
                _tell(log, shown, len(failures) + len(studies), total, on_row)
        rank = {study.id: place for place, study in enumerate(_ordered(self.intake.studies))}
        failures.sort(key=lambda row: (row.name, row.reason))
        return (*failures, *sorted(studies, key=lambda row: rank[row.name]))

    def _read(self) -> Iterator[Row]:
        from hilum.app.spread import spread

        items = []
        for study in _ordered(self.intake.studies):
            item, found = self._item(study)
            items.append(item)
            if found:
                yield found
        self.names = {item.row.folder for item in items}
        units = units_of(items, self.folder, self.settings, films_only(self.prior) if self.prior else None)
        if self.workers <= 1 and not self.ray:
            for unit in units:
                yield from rows_of(unit, self.model)
            return
        _ = self.model.made_by  # a missing model is said once, here
        for rows in spread(read_unit, units, lost=lost_unit, workers=self.workers, ray=self.ray, actors=True):
            yield from rows

    def _item(self, study: Study) -> tuple[Item, Row | None]:
        """A study as it travels, and its row where an earlier run finished it."""
        names = tuple(self.intake.name_of(film) for film in study.images if isinstance(film, Image))
        made_from = fingerprint(study, self.prior, self.model, self.settings, by_content=self.intake.unpacked)
        item = Item(films_only(study), names, made_from)
        if not self.settings.resume:
            return item, None
        found = kept(item.row, self.folder / item.row.folder, made_from, records=self.settings.records)
        return replace(item, done=found is not None), found

    def write(self, rows: Sequence[Row], started: float, given: list[str]) -> None:
        """Write the log in its lasting order, the index page and the facts of the run; clear what lost workers left."""
        from hilum.app.page_index import index_page

        made_by = self.model.made_by
        options = {name: getattr(self.settings, name) for name in ("seed", "formats", "keep_identifiers")}
        counts = ("read", "kept", "refused", "failed")
        run = {
            "caution": RESEARCH_USE,
            "hilum": __version__,
            "python": platform.python_version(),
            "packages": {name: _version(name) for name in ("numpy", "onnxruntime", "pydicom", "pillow")},
            "model": {"name": made_by.name, "version": made_by.version, "sha256": made_by.sha256},
            "given": given,
            "options": options,
            "workers": self.workers,
            "ray": bool(self.ray),
            "counts": {status: sum(row.status == status for row in rows) for status in counts},
            "seconds": round(time.time() - started, 2),
        }
        replace_text(self.folder / LOG, "".join(_line(row) for row in rows))
        replace_text(self.folder / "run.json", json.dumps(run, indent=1))
        replace_text(self.folder / "index.html", index_page([index_row(row, self.folder) for row in rows]))
        for path in self.folder.iterdir():
            left = _LEFT.fullmatch(path.name)
            if path.name.startswith(".unpacked-") or (left and left["name"] in self.names):
                shutil.rmtree(path, ignore_errors=True)


def _ordered(studies: Sequence[Study]) -> list[Study]:
    """Studies by time, those of the same time and undated ones by id: in whatever order they were met."""
    return sorted(studies, key=lambda study: (study.time is None, study.time or datetime.min, study.id))


def _tell(
    log: TextIO, row: Row, number: int, total: int, on_row: Callable[[Row, int, int], None] | None
) -> None:  # fmt: skip
    log.write(_line(row))
    log.flush()
    if on_row:
        on_row(row, number, total)


def _line(row: Row) -> str:
    return json.dumps(row.lasting(), ensure_ascii=False) + "\n"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
