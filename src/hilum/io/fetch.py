"""One file from the web: resumed where it stopped, kept only if its hash is right, never asked for when offline."""

from __future__ import annotations

import hashlib
import os
import re
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from hilum.core.errors import InputError, MissingError, TooLargeError
from hilum.io.limits import Limits, amount

_CHUNK = 2**20
_TIMEOUT_S = 30
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})
_OFF = frozenset({"", "0", "false", "no"})
_PARTIAL, _RANGE_WRONG = 206, 416


def offline() -> bool:
    """Tell whether the environment variable HILUM_OFFLINE forbids the network."""
    return os.environ.get("HILUM_OFFLINE", "").strip().lower() not in _OFF


def fetch(
    url: str,
    target: str | Path,
    *,
    sha256: str,
    limits: Limits | None = None,
    progress: Callable[[int, int | None], None] | None = None,
) -> Path:
    """Download a file whose SHA-256 is known, or find it there already.

    An interrupted download leaves '<target>.part', which the next call goes on from.

    Args:
        url: https address (http only on this machine).
        target: where the file is to lie; its folder is made.
        sha256: 64 hexadecimal digits the content must have.
        limits: bound on its bytes.
        progress: called with (bytes so far, bytes in all or None).

    Returns:
        The target, whose content has the hash.

    Raises:
        InputError: if the address or hash is not usable, or the content is not what the hash says.
        MissingError: if the file is not here and the network is off or does not answer.
        TooLargeError: if the server sends more than `limits.file_bytes`.
    """
    target, wanted, bounds = Path(target), sha256.lower(), limits or Limits()
    if not re.fullmatch(r"[0-9a-f]{64}", wanted):
        raise InputError(f"'{sha256}' is not a SHA-256: expected 64 hexadecimal digits")
    address = urlsplit(url)
    if address.scheme != "https" and not (address.scheme == "http" and address.hostname in _LOCAL):
        raise InputError(f"'{url}' cannot be fetched: expected an https address")
    if target.is_file():
        if _hash(target) == wanted:
            return target
        raise InputError(
            f"'{target.name}' is here but has another content than expected; move it away to fetch it anew"
        )
    part = target.with_name(f"{target.name}.part")
    if offline():
        raise MissingError(f"'{target.name}' is not here and HILUM_OFFLINE is set; fetch it on a machine with network")
    target.parent.mkdir(parents=True, exist_ok=True)
    _download(url, part, bounds, progress)
    if _hash(part) != wanted:
        part.unlink()
        raise InputError(f"'{target.name}' was fetched but its SHA-256 is not {wanted[:12]}…; it was thrown away")
    os.replace(part, target)
    return target


def _download(url: str, part: Path, limits: Limits, progress: Callable[[int, int | None], None] | None) -> None:
    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"User-Agent": "hilum"})  # noqa: S310  (scheme checked by fetch)
    if have:
        request.add_header("Range", f"bytes={have}-")
    try:
        with closing(urllib.request.urlopen(request, timeout=_TIMEOUT_S)) as answer:  # noqa: S310
            resumed = answer.status == _PARTIAL and _starts_at(answer, have)
            _store(answer, part, have if resumed else 0, limits, progress)
    except urllib.error.HTTPError as error:
        if error.code == _RANGE_WRONG and have:  # all of it is here already; the hash will tell
            return
        raise MissingError(f"'{url}' cannot be fetched: the server answered {error.code} {error.reason}") from None
    except (urllib.error.URLError, OSError) as error:
        why = getattr(error, "reason", None) or type(error).__name__
        raise MissingError(f"'{url}' cannot be fetched: {why}. Run it again to go on from where it stopped") from None


def _starts_at(answer: Any, have: int) -> bool:
    return str(answer.headers.get("Content-Range", "")).startswith(f"bytes {have}-")


def _store(
    answer: Any, part: Path, have: int, limits: Limits, progress: Callable[[int, int | None], None] | None
) -> None:
    left = answer.headers.get("Content-Length")
    total = have + int(left) if left and left.isdigit() else None
    if total is not None and total > limits.file_bytes:
        raise TooLargeError(f"'{part.stem}' is {amount(total)} on the server; the limit is {amount(limits.file_bytes)}")
    with part.open("r+b" if have else "wb") as stream:
        stream.seek(have)
        for block in iter(lambda: answer.read(_CHUNK), b""):
            stream.write(block)
            have += len(block)
            if have > limits.file_bytes:
                raise TooLargeError(f"'{part.stem}' is more than the limit of {amount(limits.file_bytes)}")
            if progress:
                progress(have, total)
    if total is not None and have < total:
        raise OSError("the connection ended early")


def _hash(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        for block in iter(lambda: stream.read(_CHUNK), b""):
            digest.update(block)
    return digest.hexdigest()
