"""`hilum serve` at work: first start, ports, the web server's loop, and what is printed."""

from __future__ import annotations

import ctypes
import logging
import socket
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hilum import RESEARCH_USE
from hilum.app.serve.access import Access, write_secret
from hilum.app.serve.application import application
from hilum.app.serve.department import Department
from hilum.app.serve.security import check_reach, check_web
from hilum.app.serve.settings import Http, Settings
from hilum.core.errors import InputError, need

try:
    import uvicorn
    from uvicorn.protocols.http.h11_impl import H11Protocol
except ImportError:
    raise need("uvicorn", "serve", "the server") from None

_OPENING_S = 20.0
_BACKLOG = 2048
_LARGEST_HEAD = 64 * 1024
_ARENA_MAX = -8  # M_ARENA_MAX of malloc.h


class Impatient(H11Protocol):
    """Hangs up on a client that connects and asks for nothing, or sends its headers for ever."""

    _opening: Any = None

    def connection_made(self, transport: Any) -> None:
        """Start the clock."""
        super().connection_made(transport)
        self._opening = self.loop.call_later(_OPENING_S, self._hang_up)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        self._opening.cancel()
        super().connection_lost(exc)

    def _hang_up(self) -> None:
        if self.cycle is None and not self.transport.is_closing():
            self.transport.close()


class Server(uvicorn.Server):
    """Ends streams of news when told to stop, so that it stops at once.

    Args:
        config: uvicorn's.
        department: whose streams.
    """

    def __init__(self, config: uvicorn.Config, department: Department) -> None:
        super().__init__(config)
        self._department = department

    def handle_exit(self, sig: int, frame: Any) -> None:
        """Stop."""
        self._department.watch.bell.close()
        super().handle_exit(sig, frame)


@dataclass(frozen=True)
class Started:
    """Where a server can be reached.

    Args:
        url: of the page.
        dicom: AE title, host and port in words, '' without a node.
        first_token: made at the first start, '' later.
        token_file: where that token is kept.
    """

    url: str
    dicom: str
    first_token: str
    token_file: Path


def first_token(access: Access, root: Path) -> tuple[str, Path]:
    """Make the administrator's token if there is none at all; returns it, '' if there is, and its file."""
    path = root / "access" / "first-token"
    if access.tokens.names():
        return "", path
    secret = access.tokens.add("admin", role="admin")
    write_secret(path, secret + "\n")
    return secret, path


def bound(http: Http) -> socket.socket:
    """Return the page's listening socket.

    Raises:
        InputError: if the address cannot be had, or would be reached in the clear.
    """
    check_reach(http)
    check_web(http)
    made = socket.socket(socket.AF_INET6 if ":" in http.host else socket.AF_INET, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((http.host, http.port))
        made.listen(_BACKLOG)  # whoever comes between the announcement and the first accept waits, and is not refused
    except OSError as error:
        made.close()
        raise InputError(
            f"cannot listen on {http.host}:{http.port}: {error.strerror}. Another program may have the port: "
            "choose one with --port, or 0 for a free one"
        ) from error
    return made


def serve(settings: Settings, *, announce: Any) -> None:
    """Run the server until it is told to stop.

    Args:
        settings: see there.
        announce: called with `Started` when everything listens.

    Raises:
        InputError: if a setting cannot be used.
        MissingError: if a package or the database is missing.
    """
    _few_heaps()
    root = Path(settings.root)
    listening = bound(settings.http)
    department = Department(settings)
    _log_to(root / "server.log")
    access = Access(root, session_hours=settings.http.session_hours)
    secret, kept = first_token(access, root)
    web: Any = application(settings, department, access)
    http = settings.http
    config = uvicorn.Config(
        web, http=Impatient, log_config=None, access_log=False, server_header=False, lifespan="off", ws="none",
        ssl_certfile=http.certificate or None, ssl_keyfile=http.key or None,
        proxy_headers=bool(http.trusted_proxies), forwarded_allow_ips=list(http.trusted_proxies) or None,
        limit_concurrency=settings.limits.connections, timeout_keep_alive=20, timeout_graceful_shutdown=5,
        h11_max_incomplete_event_size=_LARGEST_HEAD,
    )  # fmt: skip
    with department:
        announce(Started(_url(http, listening), _node(settings, department), secret, kept))
        Server(config, department).run(sockets=[listening])


def _few_heaps() -> None:
    """Have glibc's threads share two heaps: with one for each, memory creeps up for hours before it levels out."""
    if sys.platform == "linux":
        with suppress(AttributeError, OSError):  # another C library
            ctypes.CDLL(None).mallopt(_ARENA_MAX, 2)


def _url(http: Http, listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    return f"{'https' if http.certificate else 'http'}://{shown}:{port}{http.prefix}/"


def _node(settings: Settings, department: Department) -> str:
    if department.node is None:
        return ""
    return f"{settings.dicom.ae_title} at {settings.dicom.host}:{department.node.port}"


def _log_to(path: Path) -> None:
    """Write a log without identifiers: our own lines, and the libraries' warnings, which we cannot vouch for, apart."""
    from logging.handlers import RotatingFileHandler

    handler = RotatingFileHandler(path, maxBytes=16 * 2**20, backupCount=4)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log = logging.getLogger("hilum")
    log.setLevel(logging.INFO)
    log.addHandler(handler)
    log.propagate = False


def words(started: Started) -> str:
    """Return what is printed at start."""
    lines = [f"The reading room is open at {started.url}"]
    lines += [f"DICOM node {started.dicom}"] if started.dicom else []
    if started.first_token:
        lines += [
            f"Sign in with this token; it is shown once: {started.first_token}",
            f"(kept for you in {started.token_file}; make others with: hilum serve --add-token NAME)",
        ]
    return "\n".join([*lines, RESEARCH_USE, "Stop it with Ctrl-C."])
