"""STOW-RS: an upload goes part by part to the disk as it comes, and each instance gets its own verdict."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import anyio
from fastapi import APIRouter, Depends, Request, Response

from hilum.app.serve.archive_index import InstanceRefusedError
from hilum.app.serve.database import FullError, UnavailableError
from hilum.app.serve.dicomweb_json import attributes
from hilum.app.serve.dicomweb_media import Event, MultipartReader, RequestError, media_of
from hilum.app.serve.dicomweb_route import Route, Service, Uid, UploadLimits, address, answer, aside, check_json

if TYPE_CHECKING:
    from hilum.app.serve.archive import Stored
    from hilum.app.serve.archive_files import Incoming

_BLOCK = 2**20
_TYPES = ("application/dicom", "application/octet-stream", "")
_COMMENT_LENGTH = 64


@dataclass
class _Upload:
    """One upload as it stands: the part that is coming in, and the verdicts so far."""

    service: Service
    source: str
    study: str
    incoming: Incoming | None = None
    pending: bytearray = field(default_factory=bytearray)
    parts: int = 0
    open: bool = False
    refused: Exception | None = None
    stored: list[Stored] = field(default_factory=list)
    failed: list[InstanceRefusedError] = field(default_factory=list)
    broken: list[FullError | UnavailableError] = field(default_factory=list)

    async def take(self, event: Event) -> None:
        """Follow one event of the body."""
        if event.kind == "begin":
            await self._begin(event.headers)
        elif event.kind == "data":
            self.pending += event.data
            if len(self.pending) >= _BLOCK:
                await self._write()
        else:
            await self._end()

    async def _begin(self, headers: dict[str, str]) -> None:
        self.parts, self.open, self.refused = self.parts + 1, True, None
        if self.parts > self.service.limits.parts:
            raise RequestError(
                413, f"The upload has more than {self.service.limits.parts} parts.", "Send it in several."
            )
        if media_of(headers.get("content-type", "")).name not in _TYPES:
            self.refused = InstanceRefusedError("The part is no application/dicom.", failure=0xC000)
        elif headers.get("content-encoding", "identity") != "identity" or headers.get(
            "content-transfer-encoding", "binary"
        ).lower() not in ("binary", "8bit", "7bit"):
            self.refused = InstanceRefusedError("The part is packed; send it as it is.", failure=0xC000)
        else:
            try:
                self.incoming = await aside(self.service.archive.incoming, limiter=self.service.stores)
            except FullError as error:
                self.refused = error

    async def _write(self) -> None:
        data, self.pending = self.pending, bytearray()
        if self.incoming is None or self.refused is not None or not data:
            return
        try:
            await aside(self.incoming.write, data, limiter=self.service.stores)
        except (InstanceRefusedError, FullError) as error:
            self.refused = error
            await self.discard()

    async def _end(self) -> None:
        await self._write()
        incoming, self.open = self.incoming, False
        try:
            if self.refused is None and incoming is not None:
                self.stored.append(await aside(self._keep, incoming, limiter=self.service.stores))
        except (InstanceRefusedError, FullError, UnavailableError) as error:
            self.refused = error
        finally:
            await self.discard()
        if isinstance(self.refused, InstanceRefusedError):
            self.failed.append(self.refused)
        elif isinstance(self.refused, (FullError, UnavailableError)):
            self.broken.append(self.refused)

    def _keep(self, incoming: Incoming) -> Stored:
        return self.service.archive.keep(incoming, source=self.source, study=self.study)

    async def discard(self) -> None:
        """Remove what has come of a part that will not be kept."""
        incoming, self.incoming = self.incoming, None
        if incoming is not None:
            with anyio.CancelScope(shield=True):
                await aside(incoming.discard, limiter=self.service.stores)


def add_store(router: APIRouter, service: Service) -> None:
    """Add STOW-RS to a router."""

    async def store(request: Request, seen: Any = Depends(service.seen)) -> Response:
        """Store the instances of a multipart/related upload."""
        return await _store(request, service, seen, "")

    async def store_to(request: Request, study: Uid, seen: Any = Depends(service.seen)) -> Response:
        """Store instances that belong to one study; others are refused."""
        return await _store(request, service, seen, study)

    told: dict[str, Any] = {"methods": ["POST"], "response_class": Response, "route_class_override": Route}
    router.add_api_route("/studies", store, name="dicomweb_store", **told)
    router.add_api_route("/studies/{study}", store_to, name="dicomweb_store_study", **told)


async def _store(request: Request, service: Service, seen: Any, study: str) -> Response:
    if getattr(seen, "readonly", False) or not set(seen.roles) & {"reader", "admin", "sender"}:
        raise RequestError(403, "You may not store here.", "Ask an administrator for the role.")
    check_json(request)
    upload = _Upload(service, str(seen.user), study)
    try:
        await _receive(request, upload)
    finally:
        await upload.discard()
        touched = frozenset(one.study_uid for one in upload.stored)
        for uid in sorted(touched):
            service.tell(upload.source, "stored", uid)
        if touched and service.after_upload is not None:
            service.after_upload(touched)
    return _verdict(request, upload)


async def _receive(request: Request, upload: _Upload) -> None:
    """Feed the body to the upload, whatever its pieces are."""
    limits = upload.service.limits
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise RequestError(415, "A packed body is refused: what it unpacks to is not known.", "Send it as it is.")
    declared = request.headers.get("content-length", "0")
    if declared.isdigit() and int(declared) > limits.total_bytes:
        raise _too_large(limits)
    media = media_of(request.headers.get("content-type", ""))
    async with aclosing(_pieces(request, limits)) as pieces:
        if media.name == "application/dicom":
            await upload.take(Event("begin", headers={"content-type": media.name}))
            async for piece in pieces:
                await upload.take(Event("data", piece))
            await upload.take(Event("end"))
            return
        if media.name != "multipart/related" or media.inner not in _TYPES:
            raise RequestError(
                415,
                "Instances are stored from DICOM files.",
                'Send multipart/related; type="application/dicom"; boundary=...',
            )
        reader = MultipartReader(media.parameters.get("boundary", ""))
        async for piece in pieces:
            for event in reader.feed(piece):
                await upload.take(event)
        reader.close()
    if not upload.parts:
        raise RequestError(400, "The upload has no parts.", "Send one part per DICOM file.")


async def _pieces(request: Request, limits: UploadLimits) -> AsyncGenerator[bytes, None]:
    """Yield the body's pieces; a sender who stops, or who never ends, is told so."""
    stream, total = request.stream().__aiter__(), 0
    until = anyio.current_time() + limits.total_s
    while True:
        left = min(limits.idle_s, until - anyio.current_time())
        try:
            with anyio.fail_after(max(0.0, left)):
                piece = await anext(stream)
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise RequestError(408, "The upload took too long.", "Send it again, in smaller pieces.") from None
        total += len(piece)
        if total > limits.total_bytes:
            raise _too_large(limits)
        yield piece


def _too_large(limits: UploadLimits) -> RequestError:
    return RequestError(413, f"The upload has more than {limits.total_bytes} bytes.", "Send it in several.")


def _verdict(request: Request, upload: _Upload) -> Response:
    """Return the Store Instances Response (PS3.18 10.5.3 and annex I)."""
    kept = [one for one in upload.stored if one.outcome != "conflict"]
    good = [
        {
            "ReferencedSOPClassUID": one.sop_class,
            "ReferencedSOPInstanceUID": one.sop_uid,
            "RetrieveURL": address(request, upload.service, one.study_uid, one.series_uid, one.sop_uid),
        }
        for one in kept
    ]
    taken = "Another instance is here under this UID; it stands."
    failed = [_failure(one.sop_class, one.sop_uid, 0x0110, taken) for one in upload.stored if one.outcome == "conflict"]
    failed += [_failure(one.sop_class, one.sop_uid, one.failure, str(one)) for one in upload.failed if one.sop_uid]
    other = [_failure("", "", one.failure, str(one)) for one in upload.failed if not one.sop_uid]
    other += [_failure("", "", 0xA700 if isinstance(one, FullError) else 0x0110, str(one)) for one in upload.broken]
    told: dict[str, Any] = {"ReferencedSOPSequence": good} if good else {}
    if len({one.study_uid for one in kept}) == 1:
        told["RetrieveURL"] = address(request, upload.service, kept[0].study_uid)
    if failed:
        told["FailedSOPSequence"] = failed
    if other:
        told["OtherFailuresSequence"] = other
    status = 200 if not (failed or other) else 202 if kept else 409
    if upload.broken and not kept:
        status = 507 if isinstance(upload.broken[0], FullError) else 503
    return answer(attributes(told), status=status)


def _failure(sop_class: str, sop_uid: str, reason: int, comment: str) -> dict[str, Any]:
    named = {"ReferencedSOPClassUID": sop_class, "ReferencedSOPInstanceUID": sop_uid} if sop_uid else {}
    shown = comment.removeprefix("The file is refused: ")
    return {**named, "FailureReason": reason, "ErrorComment": shown[:_COMMENT_LENGTH]}
