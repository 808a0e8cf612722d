"""The archive on the disk: where files lie, how one comes in whole or not at all, what a crash leaves behind."""

from __future__ import annotations

import errno
import os
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from hilum.app.serve.archive_index import InstanceRefusedError, file_name
from hilum.app.serve.database import FullError
from hilum.core.errors import InputError
from hilum.io.limits import amount

_FULL = frozenset((errno.ENOSPC, errno.EDQUOT))
_HEX = "0123456789abcdef"


class Layout:
    """The folders of one archive; no path is ever built from a UID or a name, only from hashes.

    Args:
        root: the archive's folder; made if it is not there, readable for its owner only.

    Raises:
        InputError: if the folders cannot be made.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.instances, self.conflicts = root / "instances", root / "conflicts"
        self.incoming, self.trash = root / "incoming", root / "trash"
        try:
            root.mkdir(parents=True, exist_ok=True, mode=0o700)
            for folder in (self.instances, self.conflicts, self.incoming, self.trash):
                folder.mkdir(exist_ok=True, mode=0o700)
            fsync_folder(root)
        except OSError as error:
            raise InputError(f"The archive cannot be kept in '{root}': {error.strerror}.") from error

    @staticmethod
    def shelves() -> list[str]:
        """Return the names of the 256 folders that hold instances."""
        return [a + b for a in _HEX for b in _HEX]

    def path(self, sop_uid: str) -> Path:
        """Return where an instance lies, or would lie."""
        return self.named(file_name(sop_uid))

    def named(self, name: str) -> Path:
        """Return where the file of this hash lies."""
        return self.instances / name[:2] / f"{name}.dcm"

    def conflict(self, sop_uid: str, digest: str) -> Path:
        """Return where a second file under a UID that is taken lies."""
        return self.conflicts / f"{file_name(sop_uid)}-{digest[:16]}.dcm"

    def free_bytes(self) -> int:
        """Return the bytes that are free on the archive's disk."""
        found = os.statvfs(self.root)
        return found.f_bavail * found.f_frsize


class Incoming:
    """A file on its way in: written to a temporary name on the archive's own disk, locked while its writer lives.

    Use it as a context manager; what is not `kept` by its end is gone.

    Args:
        layout: the archive's folders.
        limit_bytes: the most bytes it may have.
        spare_bytes: bytes that must stay free on the disk.

    Raises:
        FullError: if the disk is full or too nearly so.
    """

    def __init__(self, layout: Layout, *, limit_bytes: int, spare_bytes: int) -> None:
        if layout.free_bytes() < spare_bytes:
            raise FullError(
                f"The archive's disk has less than {amount(spare_bytes)} left, so nothing is taken. Free space, then "
                "send it again."
            )
        self.path, self._stream = _locked_file(layout.incoming)
        self._limit_bytes, self.size_bytes = limit_bytes, 0

    def __enter__(self) -> Incoming:
        return self

    def __exit__(self, *_: object) -> None:
        self.discard()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Append bytes.

        Raises:
            InstanceRefusedError: if the file grows beyond its limit.
            FullError: if the disk is full.
        """
        self.size_bytes += len(data)
        if self.size_bytes > self._limit_bytes:
            raise InstanceRefusedError(
                f"The file is refused: it has more than {amount(self._limit_bytes)}. "
                "An administrator can raise the limit.",
                failure=0xA700,
            )
        with told_if_full():
            self._stream.write(data)

    def flush(self) -> None:
        """Bring every byte to the disk itself.

        Raises:
            FullError: if the disk is full.
        """
        with told_if_full():
            self._stream.flush()
            os.fsync(self._stream.fileno())

    def discard(self) -> None:
        """Close it, and remove it unless it was moved to its place."""
        with suppress(OSError):
            self._stream.close()
        with suppress(OSError):
            self.path.unlink(missing_ok=True)


class told_if_full:
    """Turn the system's word for a full disk into a `FullError`."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, OSError) and error.errno in _FULL:
            raise FullError("The archive's disk is full. Free space, then send it again.") from error


def _locked_file(folder: Path) -> tuple[Path, BinaryIO]:
    while True:
        path = folder / f"{uuid.uuid4().hex}.part"
        with told_if_full():
            stream = os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600), "w+b")
        if _lock(stream) and path.exists():  # a sweep may have come in between
            return path, stream
        stream.close()


def _lock(stream: BinaryIO) -> bool:
    """Take the lock that the system frees when the writer dies; tell whether nobody else holds it."""
    try:
        import fcntl
    except ImportError:  # no such locks: a sweep then goes by age alone
        return True
    try:
        fcntl.flock(stream.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def abandoned(folder: Path) -> Iterator[Path]:
    """Yield the temporary files whose writers are dead."""
    for path in sorted(folder.glob("*.part")):
        with suppress(OSError), path.open("rb+") as stream:
            if _lock(stream):
                yield path


def fsync_folder(folder: Path) -> None:
    """Bring a folder's names to the disk itself, so that a rename outlives a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def move(source: Path, target: Path) -> None:
    """Rename a file that is on the disk already, and make the new name last.

    Raises:
        FullError: if the disk is full.
    """
    with told_if_full():
        if not target.parent.exists():
            target.parent.mkdir(exist_ok=True, mode=0o700)
            fsync_folder(target.parent.parent)
        os.replace(source, target)
        fsync_folder(target.parent)
