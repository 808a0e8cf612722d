"""What stands between the network and the application: prefix, security headers, rates, sizes and silence."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from hilum.app.view.api import failure
from hilum.core.errors import need

try:
    from limits import RateLimitItemPerMinute
    from limits.storage import MemoryStorage
    from limits.strategies import MovingWindowRateLimiter
except ImportError:
    raise need("limits", "serve", "the server's rate limits") from None

LOG = logging.getLogger("hilum.serve")
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
"""Of every answer that does not say otherwise; the page brings its own Content-Security-Policy."""


class Prefix:
    """Lets the application live under a path, whether or not the proxy in front takes that path off.

    Args:
        app: the application.
        prefix: such as '/hilum', '' for none.
    """

    def __init__(self, app: Application, *, prefix: str) -> None:
        self._app, self._prefix = app, prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http" and self._prefix:
            path = scope["path"]
            inside = path == self._prefix or path.startswith(self._prefix + "/")
            scope = {**scope, "root_path": self._prefix, "path": path if inside else self._prefix + path}
        await self._app(scope, receive, send)


class Headers:
    """Adds the security headers, a request number, and a log line that names no patient.

    Args:
        app: the application.
        tls: whether browsers may be told to stay with https.
    """

    def __init__(self, app: Application, *, tls: bool = False) -> None:
        more = {"Strict-Transport-Security": "max-age=31536000"} if tls else {}
        self._app = app
        self._headers = [(name.lower().encode(), value.encode()) for name, value in {**HEADERS, **more}.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        number, began, status = secrets.token_hex(4), time.monotonic(), 0

        async def sent(message: MutableMapping[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                there = {name.lower() for name, _ in message.get("headers", ())}
                added = [pair for pair in self._headers if pair[0] not in there]
                message = {
                    **message,
                    "headers": [*message.get("headers", ()), *added, (b"x-request-id", number.encode())],
                }
            await send(message)

        try:
            await self._app(scope, receive, sent)
        finally:
            # The path would name studies and the query patients: only the kind of path is told.
            kind = "/".join(scope["path"].removeprefix(scope.get("root_path", "")).split("/")[:3])
            LOG.info(
                "%s %s %s %d %.0f ms", number, scope["method"], kind[:40], status, 1000 * (time.monotonic() - began)
            )


class Rates:
    """Counts requests of each address or sign-in and answers 429 beyond the rate.

    Args:
        app: the application.
        per_minute: requests; 0 for no limit.
    """

    def __init__(self, app: Application, *, per_minute: int) -> None:
        self._app, self._counter = app, Counter(per_minute)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or refuse it."""
        if scope["type"] == "http" and not self._counter.hit(client_of(scope)):
            answer = failure(
                429, "too many requests", "Wait a minute, or raise limits.requests_per_minute.", {"Retry-After": "60"}
            )
            await answer(scope, receive, send)
            return
        await self._app(scope, receive, send)


class Counter:
    """An exact count of the last minute's events by key, for this process.

    Args:
        per_minute: events that are allowed; 0 allows all.
    """

    def __init__(self, per_minute: int) -> None:
        self._rate = RateLimitItemPerMinute(per_minute) if per_minute else None
        self._window = MovingWindowRateLimiter(MemoryStorage())

    def hit(self, key: str) -> bool:
        """Count one event; False beyond the rate."""
        return self._rate is None or bool(self._window.hit(self._rate, key))

    def open(self, key: str) -> bool:
        """Say whether one more event would be allowed, without counting it."""
        return self._rate is None or bool(self._window.test(self._rate, key))


def client_of(scope: Scope) -> str:
    """Return the address a request came from; behind a trusted proxy, that of its client."""
    client = scope.get("client")
    return str(client[0]) if client else "local"


class Uploads:
    """Ends requests that are too large, or that stand still.

    Args:
        app: the application.
        most_bytes: of one request's body.
        silence_s: seconds without a byte.
    """

    def __init__(self, app: Application, *, most_bytes: int, silence_s: float) -> None:
        self._app, self._most, self._silence_s = app, most_bytes, silence_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        declared = _length(scope.get("headers", ()))
        if declared is not None and (declared < 0 or declared > self._most):
            await self._too_large()(scope, receive, send)
            return
        seen, whole, began = 0, False, False

        async def received() -> MutableMapping[str, Any]:
            nonlocal seen, whole
            if whole:  # what comes now is only the client's going away, which may take as long as it likes
                return await receive()
            try:
                message = await asyncio.wait_for(receive(), self._silence_s)
            except TimeoutError:
                raise _StillError from None
            if message["type"] == "http.request":
                seen += len(message.get("body", b""))
                whole = not message.get("more_body", False)
                if seen > self._most:
                    raise _LargeError
            return message

        async def sent(message: MutableMapping[str, Any]) -> None:
            nonlocal began
            began = True
            await send(message)

        try:
            await self._app(scope, received, sent)
        except (_StillError, _LargeError) as error:
            if began:
                raise
            still = failure(408, f"nothing came for {self._silence_s:.0f} s", "Send it again.", {"Connection": "close"})
            await (still if isinstance(error, _StillError) else self._too_large())(scope, receive, send)

    def _too_large(self) -> Any:
        most = f"{self._most / 2**20:,.0f} MB"
        return failure(413, f"a request may hold {most}", "Send fewer files at a time.", {"Connection": "close"})


class _StillError(Exception):
    """The client went silent."""


class _LargeError(Exception):
    """The client sent more than it may."""


def _length(headers: Iterable[tuple[bytes, bytes]]) -> int | None:
    for name, value in headers:
        if name.lower() == b"content-length":
            return int(value) if value.isdigit() else -1
    return None
