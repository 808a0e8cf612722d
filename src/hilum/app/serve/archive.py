"""The archive: a film is acknowledged only when its bytes and its index row are on the disk."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal

import sqlalchemy as sa

from hilum.app.serve import database as db
from hilum.app.serve.archive_files import Incoming, Layout, abandoned, move
from hilum.app.serve.archive_index import CLASSES, Entry, InstanceRefusedError, add_rows, read_entry
from hilum.app.serve.part10 import Bounds
from hilum.core.errors import MissingError

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from hilum.app.serve.archive_query import Found, Query
    from hilum.app.serve.retention import Deleted

_CHUNK = 2**20
_CONFLICTS_KEPT = 8
Outcome = Literal["new", "same", "conflict"]


@dataclass(frozen=True)
class Stored:
    """What became of one instance.

    Args:
        outcome: 'new'; 'same': it was here already, byte for byte; 'conflict': another one is here under its
            UID, which stands, and this one was kept apart.
        sop_class, sop_uid, study_uid, series_uid: its identity.
        path: where the file lies.
        film: whether it is a radiograph that can be read.
    """

    outcome: Outcome
    sop_class: str
    sop_uid: str
    study_uid: str
    series_uid: str
    path: Path
    film: bool


@dataclass(frozen=True)
class Swept:
    """What a sweep found: counts, and the SOP Instance UIDs of rows whose file is gone."""

    temporary: int = 0
    indexed: int = 0
    removed: int = 0
    restored: int = 0
    missing: tuple[str, ...] = ()


class Archive:
    """Instances on a disk with an index beside them; safe with several threads and processes.

    Args:
        root: the folder the files live in, on one disk.
        database: the index.
        classes: SOP Class UIDs that are kept; None keeps every class.
        bounds: what one file may be.
        spare_bytes: bytes that must stay free on the disk, so that the database never runs dry.
    """

    def __init__(
        self,
        root: str | Path,
        database: db.Database,
        *,
        classes: frozenset[str] | None = CLASSES,
        bounds: Bounds | None = None,
        spare_bytes: int = 256 * 2**20,
    ) -> None:
        self.layout = Layout(Path(root))
        self.database = database
        self.classes, self.bounds, self.spare_bytes = classes, bounds or Bounds(), spare_bytes
        logging.getLogger("pydicom").setLevel(logging.ERROR)  # its warnings quote values, and so names of patients
        self.after_store: list[Callable[[Stored], None]] = []
        self.after_delete: list[Callable[[str], None]] = []

    def incoming(self) -> Incoming:
        """Open a file on its way in, to be written bit by bit and then given to `keep`.

        Raises:
            FullError: if the disk is full or too nearly so.
        """
        return Incoming(self.layout, limit_bytes=self.bounds.file_bytes, spare_bytes=self.spare_bytes)

    def store(self, stream: BinaryIO | Path | str | Iterable[bytes], *, source: str) -> Stored:
        """Keep one instance: all of it, or nothing.

        Args:
            stream: a DICOM Part 10 file: its path, an open stream, or its bytes in pieces.
            source: who sent it, for the record (an AE title, a user).

        Returns:
            What became of it. When this returns, file and row are on the disk.

        Raises:
            InstanceRefusedError: if it is damaged, too large or of a class that is not kept.
            FullError: if the disk is full; UnavailableError: if the database does not answer.
        """
        if isinstance(stream, (str, Path)):
            with Path(stream).open("rb") as opened:
                return self.store(opened, source=source)
        if hasattr(stream, "read"):
            reader = stream
            stream = iter(lambda: reader.read(_CHUNK), b"")
        with self.incoming() as incoming:
            for piece in stream:
                incoming.write(piece)
            return self.keep(incoming, source=source)

    def keep(self, incoming: Incoming, *, source: str, study: str = "") -> Stored:
        """Check a file that came in, put it in its place and index it; see `store`.

        Args:
            incoming: the file, written to its end.
            source: who sent it.
            study: the only Study Instance UID it may belong to; '' for any.
        """
        incoming.flush()
        entry = read_entry(incoming.path, classes=self.classes, bounds=self.bounds)
        if study and entry.instance["study"] != study:
            named = {"sop_class": entry.instance["sop_class"], "sop_uid": entry.instance["uid"]}
            raise InstanceRefusedError("The file is refused: it belongs to another study.", failure=0x0110, **named)
        try:
            outcome = self.database.write(lambda connection: self._place(connection, incoming.path, entry, source))
        except db.FullError:
            with suppress(db.UnavailableError, db.FullError):
                self.database.write(lambda connection: self._take_back(connection, entry))
            raise
        stored = _stored(entry, outcome, self.layout)
        for tell in self.after_store:
            tell(stored)
        return stored

    def _place(self, connection: Connection, path: Path, entry: Entry, source: str) -> Outcome:
        """Move a checked file to its place within the transaction that indexes it; may run again after a failure."""
        instance, now = entry.instance, time.time()
        target = self.layout.path(instance["uid"])
        self._lock(connection, entry)
        kept = connection.scalar(sa.select(db.instances.c.digest).where(db.instances.c.uid == instance["uid"]))
        if kept is None and target.exists() and path.exists():  # a crash came between file and row
            kept = self._adopt(connection, target)
        if kept is not None and kept != instance["digest"]:
            self._set_apart(connection, path, entry, source)
            return "conflict"
        had_file = target.exists()
        new = add_rows(connection, entry, source=source, now=now)
        if path.exists() and not had_file:
            move(path, target)
        return "new" if new else "same"

    def _lock(self, connection: Connection, entry: Entry) -> None:
        self.database.lock(connection, f"study {entry.study['uid']}")
        self.database.lock(connection, f"instance {entry.instance['uid']}")

    def _adopt(self, connection: Connection, target: Path) -> str | None:
        """Index a file that lies in its place without a row; one that is not whole is removed."""
        try:
            found = read_entry(target, classes=None, bounds=self.bounds)
            if self.layout.path(found.instance["uid"]) != target:
                raise InstanceRefusedError("It lies under another instance's name.")
            add_rows(connection, found, source="found on the disk", now=time.time())
        except InstanceRefusedError:
            target.unlink(missing_ok=True)
            return None
        return str(found.instance["digest"])

    def _set_apart(self, connection: Connection, path: Path, entry: Entry, source: str) -> None:
        uid, digest = entry.instance["uid"], entry.instance["digest"]
        kept = connection.scalar(sa.select(sa.func.count()).where(db.conflicts.c.uid == uid)) or 0
        if kept >= _CONFLICTS_KEPT or not path.exists():
            return
        row = {
            "uid": uid,
            "digest": digest,
            "study": entry.study["uid"],
            "source": source[:256],
            "reason": "other bytes",
        }
        row |= {"size_bytes": entry.instance["size_bytes"], "arrived": time.time()}
        if db.insert_once(connection, db.conflicts, row):
            move(path, self.layout.conflict(uid, digest))

    def _take_back(self, connection: Connection, entry: Entry) -> None:
        """Remove a file whose row found no room; another process may have indexed it meanwhile."""
        self._lock(connection, entry)
        uid = entry.instance["uid"]
        if connection.scalar(sa.select(db.instances.c.uid).where(db.instances.c.uid == uid)) is None:
            self.layout.path(uid).unlink(missing_ok=True)

    def path(self, sop_uid: str) -> Path:
        """Return where an instance lies.

        Raises:
            MissingError: if it is not here.
        """
        target = self.layout.path(sop_uid)
        row = sa.select(db.instances.c.uid).where(db.instances.c.uid == sop_uid)
        if self.database.read(lambda connection: connection.scalar(row)) is None or not target.exists():
            raise MissingError("This instance is not in the archive.")
        return target

    def studies(self, query: Query) -> Found:
        """Return the studies that match (see `archive_query.Query`)."""
        from hilum.app.serve.archive_query import search

        return search(self.database, "study", query)

    def series(self, query: Query) -> Found:
        """Return the series that match."""
        from hilum.app.serve.archive_query import search

        return search(self.database, "series", query)

    def instances(self, query: Query) -> Found:
        """Return the instances that match."""
        from hilum.app.serve.archive_query import search

        return search(self.database, "instance", query)

    def delete(self, study_uid: str) -> Deleted:
        """Delete a study, files and rows (see `retention.delete_study`)."""
        from hilum.app.serve.retention import delete_study

        return delete_study(self, study_uid)

    def stale(self, days: float) -> list[str]:
        """Return the studies to which nothing was added for so many days, oldest first."""
        oldest = sa.select(db.studies.c.uid).where(db.studies.c.changed < time.time() - days * 86_400)
        ordered = oldest.order_by(db.studies.c.changed)
        return self.database.read(lambda connection: list(connection.scalars(ordered)))

    def sweep(self) -> Swept:
        """Repair what a crash left: temporary files, files without a row, half-done deletions. Run it at start.

        Safe while other processes store and delete.
        """
        temporary = restored = indexed = removed = 0
        for path in abandoned(self.layout.incoming):
            path.unlink(missing_ok=True)
            temporary += 1
        for path in sorted(self.layout.trash.glob("*.dcm")):
            restored += self.undo_delete(path)
        removed += self._sweep_conflicts()
        missing: list[str] = []
        for shelf in self.layout.shelves():
            more = self._sweep_shelf(shelf)
            indexed, removed, missing = indexed + more.indexed, removed + more.removed, [*missing, *more.missing]
        return Swept(temporary, indexed, removed, restored, tuple(missing))

    def undo_delete(self, path: Path) -> int:
        """Put a file of the trash back if its row is still here, as the deletion did not end; else remove it.

        Returns:
            1 if it was put back, else 0.
        """
        target = self.layout.named(path.stem)

        def work(connection: Connection) -> int:
            row = sa.select(db.instances.c.study).where(db.instances.c.file == path.stem)
            study = connection.scalar(row)
            if study is not None:
                self.database.lock(connection, f"study {study}")
                study = connection.scalar(row)
            if not path.exists():
                return 0
            if study is not None and not target.exists():
                move(path, target)
                return 1
            path.unlink(missing_ok=True)
            return 0

        return self.database.write(work)

    def _sweep_conflicts(self) -> int:
        rows = sa.select(db.conflicts.c.uid, db.conflicts.c.digest)

        def work(connection: Connection) -> int:
            kept = {self.layout.conflict(uid, digest) for uid, digest in connection.execute(rows)}
            stray = [path for path in self.layout.conflicts.glob("*.dcm") if path not in kept]
            for path in stray:
                path.unlink(missing_ok=True)
            return len(stray)

        return self.database.write(work)

    def _sweep_shelf(self, shelf: str) -> Swept:
        file = db.instances.c.file
        rows = sa.select(file, db.instances.c.uid).where(file >= shelf, file < shelf + "g")
        on_disk = {path.stem for path in (self.layout.instances / shelf).glob("*.dcm")}
        known = {str(name): str(uid) for name, uid in self.database.read(lambda c: c.execute(rows).all())}
        indexed = removed = 0
        for name in sorted(on_disk - known.keys()):
            if self._adopt_orphan(self.layout.named(name)):
                indexed += 1
            else:
                removed += 1
        gone = [uid for name, uid in sorted(known.items()) if name not in on_disk]
        still = [uid for uid in gone if not self.layout.path(uid).exists() and self._has_row(uid)]
        return Swept(indexed=indexed, removed=removed, missing=tuple(still))

    def _has_row(self, uid: str) -> bool:
        row = sa.select(db.instances.c.uid).where(db.instances.c.uid == uid)
        return self.database.read(lambda connection: connection.scalar(row)) is not None

    def _adopt_orphan(self, path: Path) -> bool:
        try:
            entry = read_entry(path, classes=None, bounds=self.bounds)
        except (InstanceRefusedError, OSError):
            entry = None

        def work(connection: Connection) -> bool:
            if entry is not None:
                self._lock(connection, entry)
            if not path.exists():
                return False
            return self._adopt(connection, path) is not None

        return self.database.write(work)


def _stored(entry: Entry, outcome: Outcome, layout: Layout) -> Stored:
    instance = entry.instance
    return Stored(
        outcome,
        sop_class=instance["sop_class"],
        sop_uid=instance["uid"],
        study_uid=instance["study"],
        series_uid=instance["series"],
        path=layout.path(instance["uid"]),
        film=instance["film"],
    )
