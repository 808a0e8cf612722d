"""Paths to files: folders walked in order, archives unpacked to a private place, sidecars left alone."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from hilum.core.errors import HilumError
from hilum.io.archive import referenced_files, unpack
from hilum.io.limits import Limits
from hilum.io.sniff import RASTERS, kind_of

_SUFFIXES = """
.txt .csv .tsv .json .jsonl .md .rst .xml .html .htm .css .js .pdf .log .yaml .yml .toml .ini
.py .sh .bat .exe .dll .inf .url .docx .xlsx .db .sha256 .md5
"""
_NAMES = "license licence readme notice copying changelog manifest thumbs.db"
_SIDECARS, _SIDECAR_NAMES = frozenset(_SUFFIXES.split()), frozenset(_NAMES.split())


@dataclass(frozen=True)
class Failure:
    """One file that could not be used: its base name (or archive!member) and one sentence why."""

    path: str
    reason: str


@dataclass(frozen=True)
class Found:
    """One file to look at: where it lies, what to call it, what it is by content."""

    path: Path
    name: str
    kind: str


@dataclass
class Walk:
    """One pass over paths; collects failures and counts what was skipped while it yields files.

    Args:
        limits: bounds on files, depth and archives.
        folder: a private folder, in which each archive gets its own.
    """

    limits: Limits
    folder: Path
    failures: list[Failure] = field(default_factory=list)
    skipped: int = 0
    _seen: set[tuple[int, int]] = field(default_factory=set)
    _count: int = 0

    def files(self, path: Path) -> Iterator[Found]:
        """Yield the files of one given path: itself, a folder's, an archive's or those a DICOMDIR refers to."""
        try:
            if path.is_dir():
                yield from self._folder(path)
            elif path.is_file():
                yield from self._file(path, path.name)
            else:
                reason = "it is not a regular file" if path.exists() else "there is no such file or folder"
                self.failures.append(Failure(path.name or "?", f"'{path.name}' cannot be read: {reason}"))
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or "its name is not a usable path"
            self.failures.append(Failure(path.name, f"'{path.name}' cannot be read: {why}"))

    def _folder(self, folder: Path, prefix: str = "") -> Iterator[Found]:
        before, failed = self._count, len(self.failures)
        for path in self._paths(folder, 0):
            yield from self._file(path, f"{prefix}{path.name}", given=False)
        if self._count == before and len(self.failures) == failed:
            shown = prefix.rstrip("!") or folder.resolve().name
            self.failures.append(
                Failure(shown, f"'{shown}' holds no films: no DICOM, PNG, JPEG, TIFF, BMP or NIfTI file")
            )

    def _paths(self, folder: Path, depth: int) -> Iterator[Path]:
        """Yield regular files in order of name; a folder is entered once, whatever links lead to it."""
        status = folder.stat()
        if (status.st_dev, status.st_ino) in self._seen or depth > self.limits.depth:
            return
        self._seen.add((status.st_dev, status.st_ino))
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            self.failures.append(Failure(folder.name, f"'{folder.name}' cannot be listed: {error.strerror}"))
            return
        for entry in entries:
            path = folder / entry.name
            if entry.name.startswith(".") or entry.name == "__MACOSX":
                self.skipped += not path.is_dir()
            elif path.is_dir():
                yield from self._paths(path, depth + 1)
            elif path.is_file() and not _is_sidecar(path):
                yield path
            else:
                self.skipped += 1

    def _file(self, path: Path, name: str, *, given: bool = True, nested: bool = False) -> Iterator[Found]:
        self._count += 1
        if self._count == self.limits.files + 1:
            self.failures.append(Failure(name, f"more than {self.limits.files} files: the rest was left out"))
        if self._count > self.limits.files:
            return
        try:
            kind = kind_of(path)
            if kind == "ZIP" and nested:
                self.failures.append(
                    Failure(
                        name, f"'{path.name}' is an archive inside an archive, which is not opened; unpack it first"
                    )
                )
            elif kind == "ZIP":
                yield from self._archive(path)
            elif kind == "DICOM" and path.name.upper() == "DICOMDIR":
                if given:
                    yield from self._directory(path)
                else:  # the files it refers to lie in this folder and are met on the way
                    self.skipped += 1
            else:
                yield Found(path, name, kind)
        except HilumError as error:
            self.failures.append(Failure(name, str(error)))

    def _archive(self, path: Path) -> Iterator[Found]:
        place = Path(tempfile.mkdtemp(dir=self.folder))
        members = unpack(path, place, limits=self.limits)
        before, failed = self._count, len(self.failures)
        for member in members:
            hidden = any(part.startswith(".") or part == "__MACOSX" for part in Path(member.name).parts)
            if hidden or _is_sidecar(member.path):
                self.skipped += 1
            else:
                yield from self._file(member.path, f"{path.name}!{member.path.name}", given=False, nested=True)
        if self._count == before and len(self.failures) == failed:
            self.failures.append(Failure(path.name, f"'{path.name}' holds no films"))

    def _directory(self, path: Path) -> Iterator[Found]:
        found, refused = referenced_files(path, limits=self.limits)
        for name in refused:
            why = f"'{path.name}' refers to '{name}', which is not in its folder"
            self.failures.append(Failure(name, why))
        for target in found:
            yield from self._file(target, target.name, given=False)
        if not found and not refused:
            self.failures.append(Failure(path.name, f"'{path.name}' refers to no files"))


def _is_sidecar(path: Path) -> bool:
    """Tell whether a file goes with films by its name and is none by its content."""
    lower = path.name.lower()
    named = lower in _SIDECAR_NAMES or path.suffix.lower() in _SIDECARS or path.stem.lower() in _SIDECAR_NAMES
    try:
        return named and kind_of(path) not in RASTERS | {"DICOM", "NIfTI"}
    except HilumError:  # not readable: nothing is lost with a sidecar
        return named
