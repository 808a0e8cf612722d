"""The reading room's JSON API as a router over any shelf; paths are relative, so that a proxy's prefix works."""

from __future__ import annotations

import hmac
import json
from collections.abc import AsyncIterator, Callable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from hilum import RESEARCH_USE, __version__
from hilum.app.view.source import STATES, Moved, ReadOnly, Session, Shelf
from hilum.core.errors import HilumError, InputError, MissingError, TooLargeError, need

try:
    from fastapi import APIRouter, Depends, FastAPI, Query, Request, Response
    from fastapi.exceptions import RequestValidationError
    from fastapi.responses import FileResponse, JSONResponse, StreamingResponse
    from pydantic import BaseModel, Field
    from starlette.exceptions import HTTPException
except ImportError:
    raise need("fastapi", "serve", "the reading room") from None

LARGEST_BODY = 4 * 2**20
"""Bytes of a request's JSON."""

CAUTION = f"AI-made. {RESEARCH_USE}"
_KINDS = {
    ".dcm": "application/dicom", ".json": "application/json", ".html": "text/html; charset=utf-8",
    ".png": "image/png", ".txt": "text/plain; charset=utf-8",
}  # fmt: skip
_MOVED = "Open the study again: the page shows what was saved, and your change can be made on it."
Events = Callable[[Request], AsyncIterator[Mapping[str, Any]]]


class Draft(BaseModel):
    """Actions of a reader, to be shown and not stored."""

    actions: list[dict[str, Any]] = Field(default_factory=list, max_length=500)


class Reading(Draft):
    """Actions of a reader, to be stored on the revision that he saw."""

    revision: int = Field(ge=0, le=2**31)
    final: bool = False


class Refusal(HilumError):
    """A request that is not allowed, with its HTTP status."""

    def __init__(self, status: int, message: str, fix: str = "") -> None:
        super().__init__(message)
        self.status, self.fix = status, fix


def router(shelf: Shelf, *, who: Callable[[Request], Session], events: Events | None = None) -> APIRouter:
    """Return the API over a shelf.

    Args:
        shelf: what holds the studies.
        who: tells who asks; raises `Refusal` (401, 403) where nobody may.
        events: yields {study, state, progress, reason} as they happen, for `api/events`.
    """

    def session(request: Request) -> Session:
        return who(request)

    made = APIRouter(prefix="/api", dependencies=[Depends(session)])
    _reads(made, shelf, session)
    _films(made, shelf)
    _writes(made, shelf, session)
    if events is not None:
        _stream(made, events)
    return made


def _reads(made: APIRouter, shelf: Shelf, session: Callable[..., Any]) -> None:
    def present(seen: Session = Depends(session)) -> dict[str, Any]:
        return {
            "user": seen.user, "roles": list(seen.roles), "version": __version__, "caution": CAUTION,
            "readonly": seen.readonly, "csrf": seen.csrf, "features": dict(shelf.features()), "start": shelf.start(),
        }  # fmt: skip

    def concepts() -> list[dict[str, Any]]:
        from hilum.app.view.sheet import concept_list

        return concept_list()

    def worklist(
        text: str = Query("", max_length=200), state: str = Query("", max_length=20),
        limit: int = Query(100, ge=1, le=1000), offset: int = Query(0, ge=0, le=10_000_000),
    ) -> dict[str, Any]:  # fmt: skip
        if state and state not in STATES:
            raise InputError(f"there is no state '{state}': choose from {', '.join(STATES)}")
        return shelf.worklist(text=text, state=state, limit=limit, offset=offset)

    def sheet(study_id: str) -> dict[str, Any]:
        return shelf.sheet(study_id)

    made.add_api_route("/session", present, methods=["GET"])
    made.add_api_route("/concepts", concepts, methods=["GET"])
    made.add_api_route("/worklist", worklist, methods=["GET"])
    made.add_api_route("/studies/{study_id}", sheet, methods=["GET"])


def _films(made: APIRouter, shelf: Shelf) -> None:
    def dicom(request: Request, study_id: str, film_id: str) -> Any:
        return sent(request, shelf.dicom(study_id, film_id), "application/dicom")

    def thumbnail(request: Request, study_id: str, film_id: str) -> Any:
        return sent(request, shelf.thumbnail(study_id, film_id), "image/png")

    def layer(request: Request, study_id: str, film_id: str, name: str) -> Any:
        return sent(request, shelf.layer(study_id, film_id, name), "image/png")

    def file(request: Request, study_id: str, name: str) -> Any:
        path = shelf.file(study_id, name)
        kind = _KINDS.get(path.suffix.lower(), "application/octet-stream")
        return sent(request, path, kind, fresh=False, sandbox=True)

    film = "/studies/{study_id}/films/{film_id}"
    routes: dict[str, Callable[..., Any]] = {
        film + "/dicom": dicom, film + "/thumbnail.png": thumbnail, film + "/layers/{name}.png": layer,
        "/studies/{study_id}/files/{name}": file,
    }  # fmt: skip
    for path, answer in routes.items():
        made.add_api_route(path, answer, methods=["GET"], response_model=None)
        made.add_api_route(path, answer, methods=["HEAD"], response_model=None, include_in_schema=False)


def _writes(made: APIRouter, shelf: Shelf, session: Callable[..., Any]) -> None:
    def draft(study_id: str, body: Draft) -> dict[str, Any]:
        return shelf.draft(study_id, body.actions)

    def reading(study_id: str, body: Reading, request: Request, seen: Session = Depends(session)) -> dict[str, Any]:
        check_write(request, seen)
        return shelf.save(study_id, body.actions, revision=body.revision, final=body.final, editor=seen.user)

    made.add_api_route("/studies/{study_id}/draft", draft, methods=["POST"])
    made.add_api_route("/studies/{study_id}/reading", reading, methods=["PUT"])


class Bounded:
    """An ASGI application whose requests say how long they are and hold no more than a bound.

    Args:
        app: the application.
        most: bytes of a request.
    """

    def __init__(self, app: Any, most: int = LARGEST_BODY) -> None:
        self.app, self.most = app, most

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass a request on, or answer 411 or 413 before anything of it is read."""
        if scope["type"] == "http" and scope["method"] not in ("GET", "HEAD", "OPTIONS"):
            told = dict(scope["headers"])
            length, answer = told.get(b"content-length", b"0"), None
            if b"transfer-encoding" in told or not length.isdigit():
                answer = failure(411, "the request does not say how long it is", "Send a Content-Length header.")
            elif int(length[:20]) > self.most:
                answer = failure(413, f"a request may hold {self.most:,} bytes, got {int(length[:20]):,}")
            if answer is not None:
                await answer(scope, receive, send)
                return
        await self.app(scope, receive, send)


def check_write(request: Request, seen: Session) -> None:
    """Refuse a write from another site, without the session's token, or from somebody who may only look.

    Raises:
        Refusal: 403.
    """
    if not seen.proven:
        _own_page(request, seen.csrf)
    if seen.readonly or not {"reader", "admin"} & set(seen.roles):
        raise Refusal(403, f"'{seen.user}' may look but not save")


def _own_page(request: Request, csrf: str) -> None:
    same_origin(request)
    if not hmac.compare_digest(request.headers.get("x-hilum-csrf", "").encode(), csrf.encode()) or not csrf:
        raise Refusal(403, "the write does not carry this session's token", "Load the page again.")


def same_origin(request: Request) -> None:
    """Refuse a request that a page of another site made.

    Raises:
        Refusal: 403.
    """
    # A browser says the first, which no page can forge; its Origin is 'null' where the referrer is withheld.
    site, origin = request.headers.get("sec-fetch-site", ""), request.headers.get("origin", "")
    if site in ("same-origin", "none"):
        return
    hosts = {request.headers.get("host", ""), request.headers.get("x-forwarded-host", "")} - {""}
    if site or (origin and origin.split("://", 1)[-1] not in hosts):
        raise Refusal(403, "a write must come from this page", "Open the page from its own address.")


def sent(request: Request, content: Path | bytes, kind: str, *, fresh: bool = True, sandbox: bool = False) -> Response:
    """Return a file or bytes with an ETag, 304 where it is known already, and single byte ranges.

    Args:
        request: what was asked.
        content: a file, or bytes.
        kind: its media type.
        fresh: whether it may be kept for an hour without asking again.
        sandbox: whether it is a document that must not run scripts.
    """
    if isinstance(content, Path):
        known = content.stat()
        tag = f"{known.st_size:x}-{known.st_mtime_ns:x}"
    else:
        tag = sha256(content).hexdigest()[:32]
    headers = {"ETag": f'"{tag}"', "Cache-Control": "private, max-age=3600" if fresh else "private, no-cache"}
    if sandbox:
        headers["Content-Security-Policy"] = "sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    asked = {each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")}
    if f'"{tag}"' in asked or "*" in asked:
        return Response(status_code=304, headers=headers)
    if isinstance(content, Path):
        return FileResponse(content, media_type=kind, headers=headers)
    return _part(request, content, kind, headers, tag)


def _part(request: Request, content: bytes, kind: str, headers: dict[str, str], tag: str) -> Response:
    """Bytes, or the one range of them that was asked for."""
    headers["Accept-Ranges"] = "bytes"
    asked, still = request.headers.get("range", ""), request.headers.get("if-range", f'"{tag}"') == f'"{tag}"'
    first, dash, last = asked.removeprefix("bytes=").partition("-")
    plain = (first + last).isdigit() and dash and asked.startswith("bytes=")
    if not (plain and still):
        return Response(content, media_type=kind, headers=headers)
    size = len(content)
    start = int(first) if first else max(size - int(last), 0)
    end = min(int(last), size - 1) if first and last else size - 1
    if start > end or start >= size:
        return Response(status_code=416, headers={**headers, "Content-Range": f"bytes */{size}"})
    headers["Content-Range"] = f"bytes {start}-{end}/{size}"
    return Response(content[start : end + 1], status_code=206, media_type=kind, headers=headers)


def _stream(made: APIRouter, events: Events) -> None:
    async def stream(request: Request) -> StreamingResponse:
        async def lines() -> AsyncIterator[str]:
            yield "retry: 2000\n\n"
            async for event in events(request):
                yield f"event: study\ndata: {json.dumps(dict(event))}\n\n" if event else ": still here\n\n"

        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(lines(), media_type="text/event-stream", headers=headers)

    made.add_api_route("/events", stream, methods=["GET"], response_model=None)


def errors(app: FastAPI) -> None:
    """Make every error of an application {"error": {"message", "fix"}} with its status, and never a traceback."""

    def hilum(request: Request, error: Exception) -> Response:
        return failure(_status(error), str(error), getattr(error, "fix", _MOVED if isinstance(error, Moved) else ""))

    def plain(request: Request, error: Exception) -> Response:
        status = getattr(error, "status_code", 500)
        detail = getattr(error, "detail", "")
        return failure(status, str(detail or "not found"), headers=getattr(error, "headers", None))

    def invalid(request: Request, error: Exception) -> Response:
        first = error.errors()[0] if isinstance(error, RequestValidationError) and error.errors() else {}
        where = ".".join(str(part) for part in first.get("loc", ()))
        return failure(400, f"the request cannot be used: {where}: {first.get('msg', 'not as expected')}"[:400])

    def unforeseen(request: Request, error: Exception) -> Response:
        return failure(500, f"something unexpected went wrong ({type(error).__name__})", "See the log of the server.")

    app.add_exception_handler(HilumError, hilum)
    app.add_exception_handler(HTTPException, plain)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(Exception, unforeseen)


def _status(error: Exception) -> int:
    if isinstance(error, Refusal):
        return error.status
    for kind, status in ((Moved, 409), (ReadOnly, 403), (TooLargeError, 413), (MissingError, 404), (InputError, 400)):
        if isinstance(error, kind):
            return status
    return 500


def failure(status: int, message: str, fix: str = "", headers: Mapping[str, str] | None = None) -> Response:
    """Return an error as the page expects it."""
    kept = {"Cache-Control": "no-store", **(headers or {})}
    return JSONResponse({"error": {"message": message, "fix": fix}}, status_code=status, headers=kept)
