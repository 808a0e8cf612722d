"""Reports in .zip, .tar and .tgz files, read one member at a time; nothing is unpacked to the disk.

A member's name is used as an id only, never as a path. Sizes are bounded before and while reading.
"""

from __future__ import annotations

import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import PurePosixPath
from typing import IO

from hilum.app.report_row import NoReportError, Row
from hilum.app.report_xml import report_of_xml
from hilum.core.errors import HilumError, InputError, TooLargeError, UnsafeArchiveError

LARGEST = 16 * 1024 * 1024  # bytes of one member: two hundred times the longest report that is labelled
_ALL = 8 * 1024**3  # bytes of all members
_MEMBERS = 1_000_000
_BETWEEN = 4 * 1024 * 1024  # bytes of headers between two members of a tar file
Decode = Callable[[bytes, str], Row]


def archive_rows(file: IO[bytes], kind: str, name: str, plain: Decode, notes: list[str]) -> Iterator[Row]:
    """Yield the reports of an archive: one per .xml or .txt member; others are counted in a note.

    Args:
        file: the opened archive, unpacked where it was gzipped.
        kind: '.zip' or '.tar'.
        name: for messages.
        plain: makes a row of a text member's bytes and name.
        notes: gets a line on what was left alone.

    Raises:
        InputError: if it is damaged, or larger than is read; what came before was yielded.
    """
    left: list[str] = []
    try:
        for number, (member, data) in enumerate((_zip if kind == ".zip" else _tar)(file, name)):
            if number >= _MEMBERS:
                raise TooLargeError(f"{name} has more than {_MEMBERS:,} members: split it")
            suffix = PurePosixPath(member).suffix.lower()
            if suffix not in (".xml", ".txt"):
                left.append(member)
                continue
            row = _row(data, member, suffix, plain)
            if row is None:
                left.append(member)
            else:
                yield row
    except HilumError:
        raise
    except Exception as error:  # zlib, lzma, struct, tarfile and zipfile errors of a damaged archive
        raise InputError(f"{name} could not be read to its end: {error or type(error).__name__}") from None
    finally:
        if left:
            notes.append(f"{name}: {len(left):,} members are no reports and were left alone (first: {left[0]})")


def _row(data: bytes | None, member: str, suffix: str, plain: Decode) -> Row | None:
    """The row of one member; None where it is no report."""
    name = "".join(letter for letter in member if letter.isprintable())[-200:]
    try:
        if data is None:
            raise TooLargeError(f"{name} holds more than {LARGEST:,} bytes, more than a report has")
        return report_of_xml(data, name) if suffix == ".xml" else plain(data, name)
    except NoReportError:
        return None
    except InputError as error:
        return Row(name.removesuffix(suffix), error=str(error))


def _zip(file: IO[bytes], name: str) -> Iterator[tuple[str, bytes | None]]:
    with zipfile.ZipFile(file) as archive:
        members = sorted((each for each in archive.infolist() if not each.is_dir()), key=lambda each: each.filename)
        total = 0
        for member in members:
            if member.flag_bits & 1:
                raise UnsafeArchiveError(f"{name} is encrypted: pack it again without a password")
            if member.file_size > LARGEST:
                yield member.filename, None
                continue
            with archive.open(member) as handle:
                data = handle.read(LARGEST + 1)
            total += len(data)
            if total > _ALL:
                raise UnsafeArchiveError(f"{name} unpacks to more than {_ALL:,} bytes: split it")
            yield member.filename, data if len(data) <= LARGEST else None


def _tar(file: IO[bytes], name: str) -> Iterator[tuple[str, bytes | None]]:
    bounded = _Bounded(file, name)
    with tarfile.open(fileobj=bounded, mode="r|") as archive:  # type: ignore[call-overload]
        for member in archive:
            bounded.allow(member.size)
            if not member.isfile():
                continue
            if member.size > LARGEST:
                yield member.name, None
                continue
            handle = archive.extractfile(member)
            yield member.name, handle.read(LARGEST) if handle else b""


class _Bounded:
    """A stream that ends with an error where more is read than a member and its headers should need."""

    def __init__(self, file: IO[bytes], name: str) -> None:
        self._file, self._name = file, name
        self._left, self._total = _BETWEEN, 0

    def allow(self, size: int) -> None:
        """Allow the bytes of one more member."""
        self._left = size + _BETWEEN

    def read(self, size: int) -> bytes:
        """Read up to `size` bytes."""
        data = self._file.read(size)
        self._left -= len(data)
        self._total += len(data)
        if self._left < 0 or self._total > _ALL:
            raise UnsafeArchiveError(f"{self._name} unpacks to more than its members account for: it was not read on")
        return data
