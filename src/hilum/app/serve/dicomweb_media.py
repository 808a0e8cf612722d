"""Media types of DICOMweb: what a request accepts, and multipart bodies read piece by piece and written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from hilum.core.errors import HilumError

_PARAMETER = re.compile(r';\s*([A-Za-z0-9!#$&.+^_-]+)\s*=\s*("(?:[^"\\\x00-\x1f]|\\[ -~])*"|[^\s;,"]*)')
# RFC 2046 allows 70 characters; Orthanc's DICOMweb client sends 73.
_BOUNDARY = re.compile(r"[A-Za-z0-9'()+_,\-./:=? ]{0,199}[A-Za-z0-9'()+_,\-./:=?]")
_HEADER = re.compile(r"([A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*)")
_HEADER_BYTES, _HEADERS, _OUTSIDE_BYTES = 8_192, 16, 65_536


class RequestError(HilumError):
    """A request that cannot be answered, with its HTTP status."""

    def __init__(self, status: int, message: str, fix: str = "") -> None:
        super().__init__(message)
        self.status, self.fix = status, fix


@dataclass(frozen=True)
class Media:
    """One media type with its parameters: 'multipart/related', {'type': 'application/dicom'}."""

    name: str
    parameters: dict[str, str] = field(default_factory=dict)
    quality: float = 1.0

    @property
    def inner(self) -> str:
        """The type of the parts, or the type itself where it is no multipart."""
        return self.parameters.get("type", "").lower() if self.name == "multipart/related" else self.name

    @property
    def syntax(self) -> str:
        """The transfer syntax it asks for, '' where it names none."""
        return self.parameters.get("transfer-syntax", "")


def media_of(value: str) -> Media:
    """Read one media type, as in Content-Type."""
    name = value.split(";", 1)[0].strip().lower()
    told = {key.lower(): _unquoted(text) for key, text in _PARAMETER.findall(value)}
    try:
        quality = min(1.0, max(0.0, float(told.pop("q", "1"))))
    except ValueError:
        quality = 0.0
    return Media(name, told, quality)


def accepted(header: str) -> list[Media]:
    """Return the media types of an Accept header, the most wanted first; an empty one accepts all."""
    pieces = re.findall(r'(?:[^,"]|"(?:[^"\\]|\\.)*")+', header[:4_096])
    found = [media_of(piece) for piece in pieces if piece.strip()]
    wanted = [media for media in found if media.quality > 0]
    return sorted(wanted, key=lambda media: -media.quality) if found else [Media("*/*")]


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1]) if text.startswith('"') else text


@dataclass(frozen=True)
class Event:
    """What the reader of a multipart body met: a part begins, some of its bytes, its end."""

    kind: Literal["begin", "data", "end"]
    data: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


class MultipartReader:
    """Reads a multipart body (RFC 2046) as it comes, holding no more than a header or a boundary of it.

    Args:
        boundary: as the Content-Type names it.

    Raises:
        RequestError: if it is no boundary.
    """

    def __init__(self, boundary: str) -> None:
        if not _BOUNDARY.fullmatch(boundary):
            raise RequestError(400, "The multipart boundary is missing or not one.", "Send boundary=... (RFC 2046).")
        self._delimiter = b"\r\n--" + boundary.encode("ascii")
        self._held = bytearray(b"\r\n")  # so that a body that begins with a boundary is like any other
        self._state: Literal["outside", "boundary", "headers", "body", "done"] = "outside"
        self._outside = 0

    def feed(self, data: bytes) -> Iterator[Event]:
        """Yield what `data` completes.

        Raises:
            RequestError: if the body breaks the rules of a multipart.
        """
        if self._state == "done":
            self._skip(len(data))
            return
        self._held += data
        before = ("", -1)
        while before != (self._state, len(self._held)):
            before = (self._state, len(self._held))
            event = self._next()
            if event is not None:
                yield event

    def close(self) -> None:
        """Tell that no more comes.

        Raises:
            RequestError: if the last boundary has not come: the upload was cut short.
        """
        if self._state != "done":
            raise RequestError(400, "The upload ends before its last boundary: it was cut short.", "Send it again.")

    def _next(self) -> Event | None:
        if self._state == "done":
            return None
        if self._state == "boundary":
            self._after_boundary()
            return None
        if self._state == "headers":
            return self._headers()
        at = self._held.find(self._delimiter)
        inside, keep = self._state == "body", len(self._delimiter) - 1
        if at < 0:
            ready = bytes(self._held[: max(0, len(self._held) - keep)])
            del self._held[: len(ready)]
        else:
            ready = bytes(self._held[:at])
            if inside and ready:  # the boundary is met again, alone, on the next turn
                del self._held[:at]
                return Event("data", ready)
            del self._held[: at + len(self._delimiter)]
            self._state = "boundary"
            if inside:
                return Event("end")
        if inside:
            return Event("data", ready) if ready else None
        self._skip(len(ready))
        return None

    def _after_boundary(self) -> None:
        if len(self._held) < 2:
            return
        if self._held[:2] == b"--":
            self._state = "done"
            self._held.clear()
            return
        end = self._held.find(b"\r\n")
        if bytes(self._held[: max(end, 0)]).strip(b" \t") or (end < 0 and len(self._held) > 64):
            raise RequestError(400, "A multipart boundary is followed by something else than a new line.")
        if end >= 0:
            del self._held[:end]  # its end of line is also what an empty header begins with
            self._state = "headers"

    def _headers(self) -> Event | None:
        end = self._held.find(b"\r\n\r\n")
        if max(end, 0 if end >= 0 else len(self._held)) > _HEADER_BYTES:
            raise RequestError(400, f"The header of a part has more than {_HEADER_BYTES} bytes.")
        if end < 0:
            return None
        lines = bytes(self._held[2 : max(end, 2)]).decode("latin-1").split("\r\n") if end > 0 else []
        del self._held[: end + 4]
        self._state = "body"
        return Event("begin", headers=_fields(lines))

    def _skip(self, count: int) -> None:
        self._outside += count
        if self._outside > _OUTSIDE_BYTES:
            raise RequestError(400, "There are too many bytes outside the parts of the upload.")


def _fields(lines: list[str]) -> dict[str, str]:
    if len(lines) > _HEADERS:
        raise RequestError(400, f"A part has more than {_HEADERS} header lines.")
    found: dict[str, str] = {}
    for line in lines:
        matched = _HEADER.fullmatch(line)
        if matched is None or matched[1].lower() in found:
            raise RequestError(400, "A part has a header line that is none, or one twice.")
        found[matched[1].lower()] = matched[2].strip()
    return found


def part_head(boundary: str, content_type: str, location: str = "") -> bytes:
    """Return what stands before a part's bytes; nothing of a file gets into it."""
    place = f"Content-Location: {location}\r\n" if location else ""
    return f"--{boundary}\r\nContent-Type: {content_type}\r\n{place}\r\n".encode("latin-1")
