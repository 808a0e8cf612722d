"""Where readings lie and how they get there: written apart, made durable, and put in their place in one step."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hilum.app.outputs import swap
from hilum.core.errors import HilumError, InputError, MissingError
from hilum.core.study import Study

if TYPE_CHECKING:
    from hilum.app.serve.archive import Archive
    from hilum.core.image import Image

OWN = "hilum"
"""Source of the instances that we made ourselves."""
SHOWN = ("views", "present", "prior")


def folder_of(root: Path, study: str) -> Path:
    """Return the folder of a study's reading: its name is a hash, as no path is built from what came over the wire."""
    digest = sha256(study.encode()).hexdigest()
    return root / "readings" / digest[:2] / digest


def beside(folder: Path) -> Path:
    """Return where a model's reading goes that must not replace a reader's."""
    return folder.with_name(f"{folder.name}.beside")


def unfinished(folder: Path, job: str) -> Path:
    """Return where a job writes what is not yet to be seen; the same job has the same place."""
    return folder.with_name(f".{folder.name}.{sha256(job.encode()).hexdigest()[:12]}")


def sweep(root: Path, *, older_s: float) -> int:
    """Remove what killed processes left unfinished, nothing that changed within `older_s` seconds; returns how many.

    Args:
        root: readings lie in `readings/` under it.
        older_s: longer than any reading takes, as one may be at work now.
    """
    now, count = time.time(), 0
    for path in (root / "readings").glob("*/.*"):
        with suppress(OSError):
            if now - path.stat().st_mtime > older_s:
                clear(path)
                count += 1
    return count


def put(partial: Path, folder: Path) -> None:
    """Put a written reading in its place; done twice, the second does nothing."""
    if partial.is_dir():
        swap(partial, folder)
        _sync(folder.parent)


def make_durable(folder: Path) -> None:
    """Write a folder through to the disk, so that a row that says 'read' never stands for files that are gone."""
    for path in sorted(folder.rglob("*"), reverse=True):
        _sync(path)
    _sync(folder)


def clear(partial: Path) -> None:
    """Remove what a job did not finish."""
    shutil.rmtree(partial, ignore_errors=True)


def erase(root: Path, study: str) -> int:
    """Delete everything that was written about a study; returns how many folders. For `archive.after_delete`."""
    folder = folder_of(root, study)
    found = [path for path in folder.parent.glob(f"*{folder.name}*") if path.is_dir()]
    for path in found:
        clear(path)
    return len(found)


def summary_of(row: Mapping[str, Any]) -> str:
    """Return what the worklist keeps of a row of its own making."""
    return json.dumps({name: row[name] for name in SHOWN}, ensure_ascii=False)


def objects_in(folder: Path, kinds: Iterable[str] = ("sr", "seg", "gsps", "sc")) -> list[Path]:
    """Return the DICOM objects of a reading, without its films, in the order of their names."""
    beginnings = {"sr": "report-sr", "seg": "lungs-seg", "gsps": "gsps", "sc": "capture"}
    unknown = sorted(set(kinds) - set(beginnings))
    if unknown:
        raise InputError(f"unknown kind of result {', '.join(unknown)}: choose from {', '.join(beginnings)}")
    wanted = tuple(beginnings[kind] for kind in kinds)
    return [path for path in sorted(folder.glob("*.dcm")) if path.name.startswith(wanted)]


def study_of(archive: Archive, uid: str, films: Iterable[str]) -> tuple[Study, dict[str, str]]:
    """Return a study from films of the archive, and the reasons of those that cannot be used by SOP Instance UID.

    Identity is kept: ids are UIDs. The study has no prior.

    Raises:
        MissingError: if a film is gone.
    """
    from hilum.io.intake import open_studies

    paths = {archive.path(film): film for film in films}
    with open_studies(list(paths), keep_identifiers=True) as intake:
        reasons = {failure.path: failure.reason for failure in intake.failures}
        found = next((study for study in intake.studies if study.films), None)
    failed = {film: _named(reasons[path.name], path.name) for path, film in paths.items() if path.name in reasons}
    if found is None:
        return Study(uid), failed
    return replace(found, id=uid, prior=None), failed


def decoded(study: Study) -> tuple[Study, dict[str, str]]:
    """Return the study with those films only whose pixels can be had, and the reasons of the others by id."""
    failed = {film.id: reason for film in study.films if (reason := _damage(film))}
    return replace(study, images=tuple(film for film in study.films if film.id not in failed)), failed


def _damage(film: Image) -> str:
    try:
        film.display()
    except HilumError as error:
        return _named(str(error), Path(film.source).name)
    return ""


def _named(reason: str, name: str) -> str:
    """The sentence without the file's name, which is a hash and says nothing to anybody."""
    return reason.replace(f"'{name}'", "a film")


def keep_own(archive: Archive, folder: Path) -> int:
    """Put the objects of a reading into the archive, from where others fetch them; returns how many."""
    own = objects_in(folder)
    for path in own:
        archive.store(path, source=OWN)
    return len(own)


def require(folder: Path) -> Path:
    """Return a reading's folder.

    Raises:
        MissingError: if there is none.
    """
    if not (folder / "study.json").is_file():
        raise MissingError("this study has not been read")
    return folder


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
