"""Tar shards in the WebDataset convention: files of one sample stand together and share the name before the first dot.

Plain tar needs no library to read, streams from disk or web, and one shard is one unit of work. The same samples give
the same bytes: no clock, no user and no machine is written.
Source: WebDataset format, https://github.com/webdataset/webdataset; POSIX ustar.
"""

from __future__ import annotations

import io
import os
import re
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from hilum.core.errors import DecodeError, InputError

_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)+")
_LARGEST = 1 << 32  # bytes of one member; a file that declares more is damaged
_COPY = 1 << 20


@dataclass(frozen=True)
class Member:
    """One file within a shard.

    Args:
        key: sample it belongs to, the name before the first dot.
        kind: rest of the name, e.g. 'pa.png'.
        offset, size: of its bytes in the shard.
    """

    key: str
    kind: str
    offset: int
    size: int


def write_shard(path: str | Path, samples: Iterable[tuple[str, Mapping[str, bytes]]]) -> str:
    """Write samples to a tar file, whole or not at all, as they come.

    Args:
        path: the shard; an earlier one is replaced.
        samples: (key, {kind: bytes}), e.g. ('p7-1', {'pa.png': ..., 'json': ...}); kinds are written in order of name.

    Returns:
        SHA-256 of the file.

    Raises:
        InputError: if a name could not be told apart or be read back, or the place cannot be written.
    """
    target = Path(path)
    partial = target.with_name(f".{target.name}.{os.getpid()}.part")
    seen: set[str] = set()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tarfile.open(partial, "w", format=tarfile.USTAR_FORMAT) as tar:
            for key, files in samples:
                if key in seen or "." in key:
                    raise InputError(f"sample '{key}' comes twice or holds a dot: each needs a name of its own")
                seen.add(key)
                for kind in sorted(files):
                    tar.addfile(_header(f"{key}.{kind}", len(files[kind])), io.BytesIO(files[kind]))
        os.replace(partial, target)
    except OSError as error:
        raise InputError(f"cannot write '{target}': {error.strerror or 'the system refused'}") from error
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
    return digest(target)


def _header(name: str, size: int) -> tarfile.TarInfo:
    if not _NAME.fullmatch(name) or len(name) > 99:
        raise InputError(f"'{name}' cannot be a name in a shard: use up to 99 letters, digits, '-', '_' and dots")
    header = tarfile.TarInfo(name)
    header.size, header.mode, header.mtime = size, 0o644, 0
    return header


def digest(path: str | Path) -> str:
    """Return the SHA-256 of a file."""
    made = sha256()
    with Path(path).open("rb") as file:
        while block := file.read(_COPY):
            made.update(block)
    return made.hexdigest()


def members(path: str | Path) -> Iterator[Member]:
    """Yield the files of a shard in order, without reading their bytes.

    Raises:
        DecodeError: on use, if it is no tar file or is cut.
    """
    place = Path(path)
    size = place.stat().st_size if place.is_file() else 0
    try:
        with tarfile.open(place, "r:") as tar:
            for each in tar:
                if not each.isfile():
                    continue
                key, _, kind = each.name.partition(".")
                if not _NAME.fullmatch(each.name) or each.offset_data + each.size > size or each.size > _LARGEST:
                    raise DecodeError(f"'{place.name}' is cut or holds a strange name ('{each.name[:60]}')")
                yield Member(key, kind, each.offset_data, each.size)
    except (tarfile.TarError, OSError) as fault:
        raise DecodeError(f"'{place.name}' cannot be read as a tar shard: {fault}") from None


def read_member(path: str | Path, member: Member) -> bytes:
    """Return the bytes of one file of a shard.

    Raises:
        DecodeError: if the shard is gone or cut.
    """
    try:
        with Path(path).open("rb") as file:
            file.seek(member.offset)
            data = file.read(member.size)
    except OSError as fault:
        raise DecodeError(f"'{Path(path).name}' cannot be read: {fault.strerror}") from None
    if len(data) != member.size:
        raise DecodeError(f"'{Path(path).name}' is cut: '{member.key}.{member.kind}' is not whole")
    return data


def samples(path: str | Path, kinds: Iterable[str] = ()) -> Iterator[tuple[str, dict[str, bytes]]]:
    """Yield (key, {kind: bytes}) of a shard in order, only of the asked kinds where any are named.

    Raises:
        DecodeError: on use, if it is no tar file or is cut.
    """
    wanted, key, files = frozenset(kinds), "", dict[str, bytes]()
    for member in members(path):
        if member.key != key:
            if files:
                yield key, files
            key, files = member.key, {}
        if not wanted or member.kind in wanted:
            files[member.kind] = read_member(path, member)
    if files:
        yield key, files
