"""Deleting: a study, a patient, what has grown old; never a study that is being read, and never unrecorded."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from hilum.app.serve import database as db
from hilum.app.serve.archive_files import move
from hilum.core.errors import InputError, MissingError

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from hilum.app.serve.archive import Archive

BUSY = ("reading",)  # a study in one of these states is in somebody's hands
_BLOCK = bytes(2**20)
Audit = Callable[[str, "Deleted"], None]


class BusyError(InputError):
    """The study is being read just now; it may be deleted when that ends."""


@dataclass(frozen=True)
class Deleted:
    """What a deletion took away.

    Args:
        study_uid: the study.
        instances: files that were kept under it, conflicts included.
        size_bytes: their bytes.
        why: 'study', 'patient' or 'age'.
    """

    study_uid: str
    instances: int
    size_bytes: int
    why: str = "study"


def delete_study(
    archive: Archive,
    study_uid: str,
    *,
    why: str = "study",
    audit: Audit | None = None,
    by: str = "",
    shred: bool = True,
) -> Deleted:
    """Delete one study: its files, its rows, what is kept apart under its UID, and its reading's row.

    The files leave their places in the transaction that deletes the rows, and the disk after it, so that
    a crash at any moment leaves either the whole study or none of it (`Archive.sweep` ends what was begun).

    Args:
        archive: where it is kept.
        study_uid: its Study Instance UID.
        why, by: the reason and who asked, for the audit.
        audit: told (by, what was deleted) when it is done.
        shred: overwrite files before they are removed. On disks that write elsewhere than where they are
            told (flash, copy-on-write) only encryption of the disk makes sure.

    Raises:
        MissingError: if the study is not here.
        BusyError: if it is being read.
        UnavailableError: if the database does not answer.
    """
    moved: list[Path] = []
    apart: list[Path] = []
    try:
        result = archive.database.write(lambda connection: _take_out(archive, connection, study_uid, why, moved, apart))
    except Exception:
        for path in moved:  # the rows are still here: so must the files be
            with suppress(db.UnavailableError):
                archive.undo_delete(path)
        raise
    for path in (*moved, *apart):
        _remove(path, shred=shred)
    archive.database.forget()
    for tell in archive.after_delete:
        tell(study_uid)
    if audit is not None:
        audit(by, result)
    return result


def delete_patient(
    archive: Archive, patient_id: str, *, issuer: str = "", audit: Audit | None = None, by: str = "", shred: bool = True
) -> list[Deleted]:
    """Delete every study of a patient.

    Raises:
        MissingError: if the patient has no study here.
        BusyError: if one of them is being read; those before it are deleted.
    """
    of_patient = sa.select(db.studies.c.uid).join(db.patients, db.studies.c.patient == db.patients.c.key)
    chosen = of_patient.where(db.patients.c.patient_id == patient_id, db.patients.c.issuer == issuer)
    found = archive.database.read(lambda c: list(c.scalars(chosen.order_by(db.studies.c.uid)))) if patient_id else []
    if not found:
        raise MissingError("This patient has no study in the archive.")
    return [delete_study(archive, uid, why="patient", audit=audit, by=by, shred=shred) for uid in found]


def delete_old(
    archive: Archive, days: float, *, audit: Audit | None = None, by: str = "retention", shred: bool = True
) -> list[Deleted]:
    """Delete the studies to which nothing was added for `days`; one that is being read is left for the next time."""
    done = []
    for uid in archive.stale(days):
        with suppress(BusyError, MissingError):
            done.append(delete_study(archive, uid, why="age", audit=audit, by=by, shred=shred))
    return done


def _take_out(
    archive: Archive, connection: Connection, study_uid: str, why: str, moved: list[Path], apart: list[Path]
) -> Deleted:
    """Delete a study's rows and move its files to the trash; name in `apart` what is removed after that."""
    archive.database.lock(connection, f"study {study_uid}")
    patient = connection.scalar(sa.select(db.studies.c.patient).where(db.studies.c.uid == study_uid))
    if patient is None:
        if moved:  # this runs a second time: the connection broke after the database had committed
            return _tally(study_uid, [*moved, *apart], why)
        raise MissingError("This study is not in the archive.")
    state = connection.scalar(sa.select(db.readings.c.state).where(db.readings.c.study == study_uid).with_for_update())
    if state in BUSY:
        raise BusyError("The study is being read just now. Delete it when that has ended, or cancel the reading first.")
    files = sa.select(db.instances.c.file).where(db.instances.c.study == study_uid)
    names = [str(name) for name in connection.scalars(files)]
    others = sa.select(db.conflicts.c.uid, db.conflicts.c.digest).where(db.conflicts.c.study == study_uid)
    apart[:] = [archive.layout.conflict(uid, digest) for uid, digest in connection.execute(others)]
    _delete_rows(connection, study_uid, str(patient))
    for name in names:
        place = archive.layout.named(name)
        target = archive.layout.trash / place.name
        if place.exists():
            move(place, target)
        if target.exists() and target not in moved:
            moved.append(target)
    return _tally(study_uid, [*moved, *apart], why)


def _tally(study_uid: str, paths: list[Path], why: str) -> Deleted:
    sizes = [path.stat().st_size for path in paths if path.exists()]
    return Deleted(study_uid, len(sizes), sum(sizes), why)


def _delete_rows(connection: Connection, study_uid: str, patient: str) -> None:
    for table in (db.readings, db.instances, db.series, db.conflicts):
        connection.execute(sa.delete(table).where(table.c.study == study_uid))
    connection.execute(sa.delete(db.studies).where(db.studies.c.uid == study_uid))
    left = sa.select(db.studies.c.uid).where(db.studies.c.patient == patient).exists()
    connection.execute(sa.delete(db.patients).where(db.patients.c.key == patient, ~left))


def _remove(path: Path, *, shred: bool) -> None:
    with suppress(OSError):
        if shred:
            with path.open("rb+") as stream:
                left = stream.seek(0, 2)
                stream.seek(0)
                while left > 0:
                    left -= stream.write(_BLOCK[: min(left, len(_BLOCK))])
                stream.flush()
                os.fsync(stream.fileno())
        path.unlink(missing_ok=True)
