"""The reading room of one person on one machine: who may come in, and the server that shows it."""

from __future__ import annotations

import hmac
import secrets
import socket
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import quote

from hilum.app.view.api import Bounded, Refusal, errors, router
from hilum.app.view.local import LocalShelf
from hilum.app.view.page import Guarded, checked_prefix, page_router, said
from hilum.app.view.source import Session
from hilum.core.errors import InputError, need

try:
    import uvicorn
    from fastapi import FastAPI, Request, Response
    from fastapi.responses import RedirectResponse
except ImportError:
    raise need("uvicorn", "serve", "the reading room") from None

COOKIE = "hilum_view"


@dataclass
class Door:
    """Who may come in: whoever has the link that was printed, once; then the browser that used it.

    Args:
        reader: name written beside edits.
        readonly: refuse to save.
    """

    reader: str = "reader"
    readonly: bool = False
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    _cookie: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    _csrf: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)

    def knows(self, request: Request) -> bool:
        """Tell whether a request carries the cookie."""
        given = request.cookies.get(self.cookie_name(request), "")
        return hmac.compare_digest(given.encode(), self._cookie.encode())

    def who(self, request: Request) -> Session:
        """Return the session of a request.

        Raises:
            Refusal: 401 for one without the cookie.
        """
        if not self.knows(request):
            raise Refusal(401, "this page needs the link that 'hilum view' printed", "Open that link; it works once.")
        return Session(self.reader, ("reader",), self._csrf, self.readonly)

    def cookie_name(self, request: Request) -> str:
        """Return the cookie's name: browsers share cookies between ports, so the port is in it."""
        return f"{COOKIE}_{(request.scope.get('server') or ('', 0))[1]}"

    def open(self, request: Request, home: str) -> Response | None:
        """Return the answer that lets a browser with the link in; None for one that needs no letting in."""
        given = request.query_params.get("token")
        if given is None:
            return None
        answer = RedirectResponse(home, status_code=303, headers={"Cache-Control": "no-store"})
        if self.knows(request):
            return answer
        if not self.token or not hmac.compare_digest(given.encode(), self.token.encode()):
            return said(request, 401, "this link was used already", "Start 'hilum view' again for a new one.")
        self.token = ""
        answer.set_cookie(self.cookie_name(request), self._cookie, httponly=True, samesite="strict", path=home)
        return answer


def application(shelf: LocalShelf, door: Door, *, prefix: str = "", root: Path | None = None) -> Guarded:
    """Return the room as an ASGI application.

    Args:
        shelf: its studies.
        door: who may come in.
        prefix: what a reverse proxy puts before the path, as the browser sees it; requests may come with it or without.
        root: folder of the bundle; the package's own when not given.
    """
    home = checked_prefix(prefix)
    app = FastAPI(title="Hilum reading room", docs_url=None, redoc_url=None, openapi_url=None)
    errors(app)

    async def enter(request: Request, call_next: Any) -> Response:
        if request.url.path in ("/", "/index.html"):
            answer = door.open(request, f"{home}/")
            if answer is not None:
                return answer
        if not door.knows(request):
            return said(
                request, 401, "this page needs the link that 'hilum view' printed", "Open that link; it works once."
            )
        passed: Response = await call_next(request)
        return passed

    app.middleware("http")(enter)
    app.include_router(router(shelf, who=door.who, events=shelf.bell.listen))
    app.include_router(page_router(prefix=home, root=root))
    return Guarded(Bounded(_Stripped(app, home)))


class _Stripped:
    """Takes the prefix off a path, for proxies that leave it on."""

    def __init__(self, app: Any, prefix: str) -> None:
        self.app, self.prefix = app, prefix

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        path = scope.get("path", "")
        if self.prefix and (path == self.prefix or path.startswith(self.prefix + "/")):
            scope = {**scope, "path": path[len(self.prefix) :] or "/", "raw_path": None}
        await self.app(scope, receive, send)


class Server(uvicorn.Server):
    """A server that ends its streams when it is told to stop, so that it stops at once."""

    def __init__(self, config: uvicorn.Config, shelf: LocalShelf) -> None:
        super().__init__(config)
        self.shelf = shelf

    def handle_exit(self, sig: int, frame: Any) -> None:
        """End the streams of news, then stop."""
        self.shelf.bell.close()
        super().handle_exit(sig, frame)


def listening(host: str, port: int, *, allow_network: bool = False) -> socket.socket:
    """Return a listening socket; port 0 takes a free one.

    Raises:
        InputError: if the address is not this machine's own and that was not allowed in words, or cannot be had.
    """
    if not allow_network and not _own_machine(host):
        raise InputError(
            f"--host {host} would let other machines reach this page, and the way to it is not encrypted: add "
            "--allow-network if you mean it, or put a proxy with TLS before 127.0.0.1 (--prefix)"
        )
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        made = socket.socket(family, socket.SOCK_STREAM)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((host, port))
        made.listen(128)  # a browser that is quicker than the server waits, and is not refused
        made.listen(128)  # the link is printed before the server runs: who comes early waits
    except OSError as error:
        raise InputError(
            f"cannot listen on {host}:{port}: {error.strerror or error}; --port 0 takes a free one"
        ) from None
    return made


def _own_machine(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def serve(shelf: LocalShelf, door: Door, sock: socket.socket, *, prefix: str = "") -> None:
    """Serve the room on a bound socket until it is stopped (Ctrl-C, or a signal)."""
    app: Any = application(shelf, door, prefix=prefix)
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, timeout_graceful_shutdown=2, server_header=False
    )
    Server(config, shelf).run(sockets=[sock])


def address(sock: socket.socket, door: Door, prefix: str = "") -> str:
    """Return the link to print."""
    host, port = sock.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{port}{checked_prefix(prefix)}/?token={quote(door.token)}"
