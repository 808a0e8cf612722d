"""Read many studies: each failure is a row, the rest completes, an interrupted run resumes."""

from __future__ import annotations

import json
import os
import platform
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hilum import RESEARCH_USE, __version__
from hilum.app.outputs import FORMATS, safe_name, study_record, write_study
from hilum.core.errors import HilumError, InputError
from hilum.core.finding import Finding
from hilum.core.image import Image
from hilum.core.record import SCHEMA, from_json
from hilum.core.study import Study, order_by_time

if TYPE_CHECKING:
    from hilum.app.page_index import IndexRow, Outcome
    from hilum.io.intake import Intake
    from hilum.systems.embedded import Embedded
    from hilum.systems.interpret import Reading

UID = re.compile(r"[0-2](\.\d+)+")


@dataclass(frozen=True)
class Row:
    """What became of one study or file: read, refused or failed, with the sentence why."""

    name: str
    status: str
    files: tuple[str, ...] = ()
    reason: str = ""
    views: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    folder: str = ""
    seconds: float = 0.0
    record: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)
    thumbnail: str = field(default="", compare=False, repr=False)

    def line(self) -> dict[str, Any]:
        """Return the row's JSON form for `studies.jsonl`."""
        findings = [{"concept": f.concept, "state": f.state, "probability": f.probability} for f in self.findings]
        plain = {name: getattr(self, name) for name in ("name", "status", "files", "reason", "views", "folder")}
        return {**plain, "findings": findings, "seconds": round(self.seconds, 3)}


@dataclass(frozen=True)
class Options:
    """How to read a batch.

    Args:
        keep_identifiers: carry header identifiers into the outputs.
        formats: which outputs to write beside `study.json`.
        seed: chooses among equivalent phrasings.
        resume: skip studies whose folder is complete and was made from the same files by the same model.
        threads: processor threads for the model; 0 uses all.
        records: keep each study's record in its row, as `--json` prints it; costs memory on long runs.
    """

    keep_identifiers: bool = False
    formats: tuple[str, ...] = FORMATS
    seed: int = 0
    resume: bool = False
    threads: int = 0
    records: bool = False


def read_batch(
    paths: Sequence[str | Path],
    out: str | Path,
    *,
    prior: str | Path | None = None,
    options: Options | None = None,
    on_row: Callable[[Row, int, int], None] | None = None,
) -> tuple[Row, ...]:
    """Read films, folders, archives or many studies and write one folder per study into `out`.

    Args:
        paths: files and folders.
        out: results folder, made where missing; other files in it stay.
        prior: an earlier study of the same patient, for a single study.
        options: see `Options`.
        on_row: called with each finished row, its number and the number of all.

    Returns:
        One row per study and per file that could not be used.

    Raises:
        InputError: if nothing was given, the prior does not fit, or `out` cannot be written.
        MissingError: if the shipped model is not installed.
    """
    from hilum.io.intake import open_studies
    from hilum.systems.embedded import Embedded

    settings = options or Options()
    folder = _made(Path(out))
    started = time.time()
    with open_studies([Path(path) for path in paths], keep_identifiers=settings.keep_identifiers) as intake:
        model = Embedded(threads=settings.threads)
        if prior is None:
            rows = _read_all(intake, folder, model, settings, None, on_row)
        else:
            with open_studies([Path(prior)], keep_identifiers=settings.keep_identifiers) as earlier:
                chosen = _one_prior(earlier, intake)
                replace(intake.studies[0], prior=chosen)  # refuses a later film or another patient's
                rows = _read_all(intake, folder, model, settings, chosen, on_row)
    _write_run(folder, rows, settings, started, [Path(path).name for path in paths], model)
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


def _read_all(
    intake: Intake,
    folder: Path,
    model: Embedded,
    settings: Options,
    prior: Study | None,
    on_row: Callable[[Row, int, int], None] | None,
) -> tuple[Row, ...]:
    done: dict[str, Reading] = {}
    rows: list[Row] = []
    total = len(intake.studies) + len(intake.failures)
    wanted = {study.prior.id for study in intake.studies if study.prior}
    with (folder / "studies.jsonl").open("a" if settings.resume else "w", encoding="utf-8") as log:

        def finish(row: Row) -> None:
            rows.append(row)
            log.write(json.dumps(row.line(), ensure_ascii=False) + "\n")
            log.flush()
            if on_row:
                on_row(row, len(rows), total)

        for failure in intake.failures:
            finish(Row(failure.path, "failed", (failure.path,), failure.reason))
        # A prior is read before the study that follows it, so that both are compared as read.
        for study in order_by_time(intake.studies):
            names = tuple(intake.name_of(film) for film in study.images if isinstance(film, Image))
            row, reading = _read_one(study, names, folder, model, settings, done, prior)
            if reading and study.id in wanted:
                done[study.id] = light(reading)
            finish(row)
    return tuple(rows)


def _read_one(
    study: Study,
    files: tuple[str, ...],
    folder: Path,
    model: Embedded,
    settings: Options,
    done: Mapping[str, Reading],
    prior: Study | None,
) -> tuple[Row, Reading | None]:
    """Read and write one study; whatever goes wrong becomes its row, unless the model itself is missing."""
    from hilum.app.page_index import thumbnail
    from hilum.systems.interpret import interpret

    began = time.perf_counter()
    target = folder / safe_name(study.id)
    row = Row(study.id, "failed", tuple(dict.fromkeys(files)), folder=target.name)
    fingerprint = _fingerprint(study, prior, model, settings)
    kept = _kept(row, target, settings.records) if settings.resume and _complete(target, fingerprint) else None
    if kept is not None:
        return kept, None
    own = working(replace(study, prior=None), settings.keep_identifiers)
    names = dict(zip((film.id for film in own.films), files, strict=True))
    try:
        if not own.films:
            raise InputError("this is a CT series, not a radiograph: 'hilum project' makes radiographs of it")
        before = None
        earlier = prior or study.prior
        if earlier:
            before = (
                light(done[earlier.id])
                if earlier.id in done
                else interpret(working(earlier, settings.keep_identifiers), model, seed=settings.seed)
            )
        reading = interpret(own, model, prior=before, seed=settings.seed)
        written = write_study(
            target,
            reading,
            names,
            card=model.card,
            keep_identifiers=settings.keep_identifiers,
            formats=settings.formats,
        )
        (target / ".made-from").write_text(fingerprint, encoding="ascii")
    except Exception as error:  # one study's trouble, foreseen or not, must not cost the others
        foreseen = isinstance(error, HilumError)
        said = str(error) if foreseen else f"something unexpected went wrong ({type(error).__name__}: {error})"
        return replace(row, reason=said, folder="", seconds=time.perf_counter() - began), None
    reasons = "; ".join(dict.fromkeys(reason for _, reason in reading.refused))
    status = "read" if reading.accepted else "refused"
    row = replace(
        row,
        status=status,
        reason=reasons,
        views=tuple(film.view for film in reading.study.films),
        findings=reading.study.findings,
        record=_record(reading, names, model, settings),
        thumbnail=thumbnail(reading.study.films[0]),
        seconds=time.perf_counter() - began,
    )
    return (row if written else replace(row, folder="")), reading


def _record(reading: Reading, names: Mapping[str, str], model: Embedded, settings: Options) -> dict[str, Any]:
    if not settings.records:
        return {}
    return study_record(reading, names, card=model.card, keep_identifiers=settings.keep_identifiers)


def working(study: Study, keep_identifiers: bool) -> Study:
    """Return a copy whose films load apart from the intake's, so that memory stays flat, and whose ids tell nothing."""
    from hilum.io.deidentify import hashed_uid

    def own(image: Image) -> Image:
        fresh = image.fresh()
        hidden = not keep_identifiers and UID.fullmatch(image.id)
        return fresh.with_id(hashed_uid(image.id)) if hidden else fresh

    images = tuple(own(image) if isinstance(image, Image) else image for image in study.images)
    return replace(study, images=images)


def _kept(row: Row, folder: Path, records: bool) -> Row | None:
    """The row of a study read before, None where its record is damaged and it must be read again."""
    try:
        record = json.loads((folder / "study.json").read_text(encoding="utf-8"))
        findings = tuple(from_json({"schema": SCHEMA, **finding}) for finding in record["findings"])
        views = tuple(film["view"] for film in record["files"])
    except (OSError, ValueError, KeyError, TypeError, HilumError):
        return None
    return replace(
        row, status="kept", reason="read before", findings=findings, views=views, record=record if records else {}
    )


def light(reading: Reading) -> Reading:
    """Return the reading without decoded pixels and masks, to wait as a prior."""
    images = tuple(f.fresh() if isinstance(f, Image) else f for f in reading.study.images)
    return replace(reading, study=replace(reading.study, images=images, prior=None), masks=())


def _fingerprint(study: Study, prior: Study | None, model: Embedded, settings: Options) -> str:
    """Hash of what a result depends on: the source files as they are, the prior, the model and the options."""
    parts = [model.made_by.sha256, __version__, repr(settings.formats), repr(settings.keep_identifiers)]
    earlier = prior or study.prior
    for image in (*study.images, *(earlier.images if earlier else ())):
        path = Path(image.source)
        known = path.stat() if image.source and path.is_file() else None
        parts += [image.id, str(known.st_size) if known else "", str(known.st_mtime_ns) if known else ""]
    return sha256("\n".join([*parts, str(settings.seed)]).encode()).hexdigest()


def _complete(folder: Path, fingerprint: str) -> bool:
    mark = folder / ".made-from"
    return mark.is_file() and (folder / "study.json").is_file() and mark.read_text(encoding="ascii") == fingerprint


def _write_run(
    folder: Path, rows: Iterable[Row], settings: Options, started: float, given: list[str], model: Embedded
) -> None:
    from hilum.app.page_index import index_page

    rows = list(rows)
    run = {
        "caution": RESEARCH_USE,
        "hilum": __version__,
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in ("numpy", "onnxruntime", "pydicom", "pillow")},
        "model": {"name": model.made_by.name, "version": model.made_by.version, "sha256": model.made_by.sha256},
        "given": given,
        "options": {"seed": settings.seed, "formats": settings.formats, "keep_identifiers": settings.keep_identifiers},
        "counts": {
            status: sum(row.status == status for row in rows) for status in ("read", "kept", "refused", "failed")
        },
        "seconds": round(time.time() - started, 2),
    }
    _replace(folder / "run.json", json.dumps(run, indent=1))
    _replace(folder / "index.html", index_page([_index_row(row, folder) for row in rows]))


def _index_row(row: Row, out: Path) -> IndexRow:
    from hilum.app.page_index import IndexRow

    outcome: Outcome = "failed" if row.status == "failed" else "refused" if row.status == "refused" else "read"
    page = f"{row.folder}/page.html" if row.folder and (out / row.folder / "page.html").is_file() else ""
    name = ", ".join(row.files) or row.name
    return IndexRow(name, outcome, page, row.thumbnail, row.findings, row.reason)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _replace(path: Path, text: str) -> None:
    partial = path.with_name(f".{path.name}.partial-{os.getpid()}")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)
