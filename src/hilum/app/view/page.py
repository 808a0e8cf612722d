"""The page itself: the built bundle with its security headers, a base for any prefix, and compression."""

from __future__ import annotations

import gzip
import re
from collections.abc import Awaitable, Callable, MutableMapping
from functools import lru_cache
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request, Response

from hilum.app.view.api import Refusal, failure, sent
from hilum.core.errors import InputError, MissingError

POLICY = "; ".join((
    "default-src 'none'", "script-src 'self' 'wasm-unsafe-eval'", "worker-src 'self' blob:", "style-src 'self'",
    "img-src 'self' data: blob:", "font-src 'self'", "connect-src 'self' blob:", "manifest-src 'self'",
    "base-uri 'self'", "form-action 'self'", "frame-ancestors 'none'",
))  # fmt: skip
"""Content Security Policy of the page: nothing but its own files, no inline script or style, in nobody's frame."""

HEADERS = {
    "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}  # fmt: skip
_KINDS = {
    ".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".txt": "text/plain; charset=utf-8",
    ".js": "text/javascript; charset=utf-8", ".mjs": "text/javascript; charset=utf-8", ".wasm": "application/wasm",
    ".json": "application/json", ".map": "application/json", ".svg": "image/svg+xml", ".png": "image/png",
    ".ico": "image/x-icon", ".woff2": "font/woff2",
}  # fmt: skip
_PACKED = (".html", ".js", ".mjs", ".css", ".wasm", ".json", ".svg", ".txt", ".map")
_HASHED = re.compile(r"-[A-Za-z0-9_-]{8,}\.\w+$")
_PREFIX = re.compile(r"(/[A-Za-z0-9._~-]+)*")
Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
Asgi = Callable[[Message, Callable[[], Awaitable[Message]], Send], Awaitable[None]]


def bundle() -> Path:
    """Return the folder of the built page."""
    return Path(str(files("hilum").joinpath("app/static/room")))


def checked_prefix(prefix: str) -> str:
    """Return a proxy's path prefix as '/a/b' without a slash at its end, '' for none.

    Raises:
        InputError: if it holds anything but letters, digits, dot, dash, underscore and tilde.
    """
    made = "/" + prefix.strip("/") if prefix.strip("/") else ""
    if not _PREFIX.fullmatch(made) or "/." in made:
        raise InputError(f"a prefix looks like /reading-room, got '{prefix[:80]}'")
    return made


def page_router(*, prefix: str = "", root: Path | None = None) -> APIRouter:
    """Return the page's files as a router.

    Args:
        prefix: what a reverse proxy puts before the path, as the browser sees it.
        root: folder of the bundle; the package's own when not given.
    """
    place, made = root or bundle(), APIRouter()

    def index(request: Request) -> Response:
        data = _index(place, prefix)
        answer = _packed(request, data, ".html", {"Cache-Control": "no-cache", "Content-Security-Policy": POLICY})
        return answer

    def asset(request: Request, path: str) -> Response:
        data, ending = _asset(place, path)
        lasting = "public, max-age=31536000, immutable" if _HASHED.search(path) else "no-cache"
        return _packed(request, data, ending, {"Cache-Control": lasting, "Content-Security-Policy": POLICY})

    answer: dict[str, Any] = {"methods": ["GET", "HEAD"], "response_model": None, "include_in_schema": False}
    made.add_api_route("/", index, **answer)
    made.add_api_route("/index.html", index, **answer)
    made.add_api_route("/{path:path}", asset, **answer)
    return made


def _index(place: Path, prefix: str) -> bytes:
    path = place / "index.html"
    if not path.is_file():
        raise MissingError(
            f"the page is not built: '{path}' is missing. Build it with 'npm ci && npm run build' in viewer/, "
            "or install a released package, which holds it"
        )
    text = path.read_text(encoding="utf-8")
    base = f'<base href="{escape(prefix, quote=True)}/">'
    return re.sub(r"<head[^>]*>", lambda found: found.group() + base, text, count=1).encode()


@lru_cache(maxsize=8)
def _listed(place: Path, stamp: int) -> dict[str, Path]:
    """Every file of the bundle by its address: what is not listed is not there, whatever a path says."""
    found = (path for path in place.rglob("*") if path.is_file() and not path.is_symlink())
    return {path.relative_to(place).as_posix(): path for path in found}


def _asset(place: Path, name: str) -> tuple[bytes, str]:
    stamp = place.stat().st_mtime_ns if place.is_dir() else 0
    path = _listed(place, stamp).get(name)
    if path is None or path.suffix not in _KINDS:
        raise Refusal(404, f"there is no '{name[:80]}' here")
    return _bytes(path, path.stat().st_mtime_ns), path.suffix


@lru_cache(maxsize=256)
def _bytes(path: Path, stamp: int) -> bytes:
    return path.read_bytes()


@lru_cache(maxsize=256)
def _gzipped(data: bytes) -> bytes:
    return gzip.compress(data, 6, mtime=0)


def _packed(request: Request, data: bytes, ending: str, headers: dict[str, str]) -> Response:
    wants = "gzip" in request.headers.get("accept-encoding", "") and "range" not in request.headers
    packed = wants and ending in _PACKED and len(data) > 1_000
    answer = sent(request, _gzipped(data) if packed else data, _KINDS[ending])
    for name, value in headers.items():
        answer.headers[name] = value
    answer.headers["Vary"] = "Accept-Encoding"
    if packed and answer.status_code == 200:
        answer.headers["Content-Encoding"] = "gzip"
    return answer


class Guarded:
    """An ASGI application whose every answer carries the security headers."""

    def __init__(self, app: Asgi) -> None:
        self.app = app

    async def __call__(self, scope: Message, receive: Callable[[], Awaitable[Message]], send: Send) -> None:
        """Pass a request on, and add headers to its answer."""

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                had = {name.lower() for name, _ in message["headers"]}
                more = {**HEADERS, "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'"}
                extra = [(k.lower().encode(), v.encode()) for k, v in more.items() if k.lower().encode() not in had]
                message["headers"] = [*message["headers"], *extra]
            await send(message)

        await self.app(scope, receive, guarded if scope["type"] == "http" else send)


def error_page(status: int, message: str, fix: str = "") -> Response:
    """Return an error as a plain page, for somebody who opens an address in a browser."""
    head = '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Hilum</title></head>'
    body = f"{head}<body><h1>{escape(message)}</h1><p>{escape(fix)}</p></body></html>"
    return Response(
        body, status_code=status, media_type="text/html; charset=utf-8", headers={"Cache-Control": "no-store"}
    )


def said(request: Request, status: int, message: str, fix: str = "") -> Response:
    """Return an error as a page or as JSON, whichever was asked for."""
    page = "text/html" in request.headers.get("accept", "")
    return error_page(status, message, fix) if page else failure(status, message, fix)
