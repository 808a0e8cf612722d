"""Zip archives and media directories: nothing is written, or followed, outside its own folder."""

from __future__ import annotations

import os
import stat
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from hilum.core.errors import DecodeError, HilumError, TooLargeError, UnsafeArchiveError
from hilum.io.limits import Limits, amount

_CHUNK = 2**20
_RATIO_FROM = 100 * 10**6
_ENCRYPTED = 0x1
_LINK_KINDS = (stat.S_IFLNK, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFIFO, stat.S_IFSOCK)


@dataclass(frozen=True)
class Member:
    """One unpacked file: where it lies and its name inside the archive."""

    path: Path
    name: str


def unpack(archive: str | Path, folder: Path, *, limits: Limits | None = None) -> tuple[Member, ...]:
    """Unpack a zip archive into a folder after every member was checked; archives inside it stay closed.

    Args:
        archive: the zip file.
        folder: an existing private folder, e.g. a temporary one.
        limits: bounds on members, bytes and packing ratio.

    Returns:
        Its files in order of name.

    Raises:
        UnsafeArchiveError: if a name is absolute, climbs out, or is a link or device, or it unpacks to far
            more than it weighs. Nothing is written then.
        TooLargeError: if it has more members or bytes than `limits` allow. Nothing is written then.
        DecodeError: if it is no zip archive, damaged, encrypted or of an unknown compression.
    """
    archive, bounds = Path(archive), limits or Limits()
    try:
        with zipfile.ZipFile(archive) as source:
            members = sorted((m for m in source.infolist() if not m.is_dir()), key=lambda m: m.filename)
            _check_size(members, archive, bounds)
            for member in members:
                _check_member(member, archive.name)
            return tuple(_extract(source, member, folder, archive.name) for member in members)
    except HilumError:
        raise
    except NotImplementedError:
        raise DecodeError(
            f"'{archive.name}' uses a compression that Python cannot unpack; pack it again as plain zip"
        ) from None
    except OSError as error:
        raise DecodeError(f"'{archive.name}' cannot be unpacked: {error.strerror or 'the disk refused'}") from None
    except Exception as error:  # zlib, lzma, struct and zipfile errors of a damaged archive
        raise DecodeError(f"'{archive.name}' is a damaged zip archive ({type(error).__name__})") from None


def referenced_files(
    directory: str | Path, *, limits: Limits | None = None
) -> tuple[tuple[Path, ...], tuple[str, ...]]:
    """Return (files a DICOMDIR refers to, names it refers to that are missing or lie outside its folder).

    Raises:
        DecodeError: if the directory cannot be read.
    """
    from hilum.io import tags
    from hilum.io.dicom import read_header

    directory, bounds = Path(directory), limits or Limits()
    header = read_header(directory, limits=bounds)
    root = directory.parent.resolve()
    found: list[Path] = []
    refused: list[str] = []
    for record in tags.items(header.dataset, "DirectoryRecordSequence"):
        parts = [str(part).strip() for part in tags.values(record, "ReferencedFileID")]
        if not parts:
            continue
        if len(found) + len(refused) >= bounds.files:
            raise TooLargeError(f"'{directory.name}' refers to more than {bounds.files} files")
        target = _inside(root, parts)
        if target is None:
            refused.append(PurePosixPath(parts[-1].replace("\\", "/")).name or "..")
        else:
            found.append(target)
    return tuple(dict.fromkeys(found)), tuple(refused)


def _inside(root: Path, parts: list[str]) -> Path | None:
    """Return the file that File ID components name under `root`, any case; None where it is not there."""
    if any(part in ("", ".", "..") or "/" in part or "\\" in part or ":" in part or "\0" in part for part in parts):
        return None
    here = root
    for part in parts:
        wanted = (part, part.upper(), part.lower())
        try:
            here = next(here / name for name in wanted if (here / name).exists())
        except (StopIteration, OSError):
            return None
    resolved = here.resolve()
    return resolved if resolved.is_relative_to(root) and resolved.is_file() else None


def _check_size(members: list[zipfile.ZipInfo], archive: Path, limits: Limits) -> None:
    if len(members) > limits.archive_members:
        raise TooLargeError(f"'{archive.name}' holds {len(members)} files; the limit is {limits.archive_members}")
    total, packed = sum(member.file_size for member in members), max(1, archive.stat().st_size)
    if total > _RATIO_FROM and total / packed > limits.archive_ratio:
        raise UnsafeArchiveError(
            f"'{archive.name}' unpacks to {amount(total)} from {amount(packed)}, {total / packed:.0f} times its size; "
            f"the limit is {limits.archive_ratio} times. It was not opened."
        )
    if total > limits.archive_bytes:
        raise TooLargeError(f"'{archive.name}' unpacks to {amount(total)}; the limit is {amount(limits.archive_bytes)}")
    for member in members:
        limits.check_file(member.file_size, f"{archive.name}!{PurePosixPath(member.filename).name}")


def _check_member(member: zipfile.ZipInfo, archive: str) -> None:
    raw = getattr(member, "orig_filename", member.filename)
    for name in (raw, member.filename):
        parts = name.replace("\\", "/").split("/")
        if not name or name[0] in "/\\" or ".." in parts or "\0" in name or ":" in parts[0]:
            raise UnsafeArchiveError(f"'{archive}' holds a file whose name leads outside its folder; it was not opened")
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind in _LINK_KINDS:
        raise UnsafeArchiveError(
            f"'{archive}' holds a link or device ('{_base(member)}'), not a file; it was not opened"
        )
    if member.flag_bits & _ENCRYPTED:
        raise DecodeError(f"'{archive}' is encrypted; unpack it with its password first")


def _extract(source: zipfile.ZipFile, member: zipfile.ZipInfo, folder: Path, archive: str) -> Member:
    parts = [part for part in member.filename.replace("\\", "/").split("/") if part not in ("", ".")]
    if not parts:
        raise UnsafeArchiveError(f"'{archive}' holds a file without a name; it was not opened")
    target = folder.joinpath(*parts)
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
        raise UnsafeArchiveError(f"'{archive}' holds '{parts[-1]}' twice under one name; it was not opened")
    with source.open(member) as packed, target.open("xb") as unpacked:
        _copy(packed, unpacked, member.file_size, f"{archive}!{parts[-1]}")
    target.chmod(stat.S_IRUSR | stat.S_IWUSR)
    return Member(target, os.path.join(*parts))


def _copy(packed: object, unpacked: BinaryIO, declared: int, name: str) -> None:
    """Copy at most the declared bytes, whatever the stream goes on to yield."""
    read = packed.read  # type: ignore[attr-defined]
    written = 0
    for block in iter(lambda: read(_CHUNK), b""):
        written += len(block)
        if written > declared:
            raise UnsafeArchiveError(f"'{name}' unpacks to more than it declares; it was not opened")
        unpacked.write(block)


def _base(member: zipfile.ZipInfo) -> str:
    return PurePosixPath(member.filename.replace("\\", "/")).name
