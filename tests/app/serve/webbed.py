"""An application with DICOMweb alone, and uploads for it."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="DICOMweb needs hilum[serve]")
pytest.importorskip("httpx", reason="DICOMweb's tests need httpx")

from fastapi import FastAPI, Request
from starlette.testclient import TestClient

from hilum.app.serve.archive import Archive
from hilum.app.serve.dicomweb_media import RequestError
from hilum.app.serve.dicomweb_router import router

BOUNDARY = "a-boundary"


@dataclass(frozen=True)
class Seen:
    user: str = "anna"
    roles: tuple[str, ...] = ("reader", "admin")


def application(archive: Archive, seen: Seen | None = None, **options: Any) -> FastAPI:
    """DICOMweb over an archive; requests with the header X-Nobody are refused."""

    def who(request: Request) -> Seen:
        if "x-nobody" in request.headers:
            raise RequestError(401, "Nobody you are.")
        return seen or Seen()

    app = FastAPI()
    app.include_router(router(archive, who, **options))
    return app


def client(archive: Archive, seen: Seen | None = None, **options: Any) -> TestClient:
    return TestClient(application(archive, seen, **options), base_url="http://archive.test")


def body(parts: Sequence[bytes], boundary: str = BOUNDARY, head: bytes = b"Content-Type: application/dicom") -> bytes:
    made = b"".join(b"--" + boundary.encode() + b"\r\n" + head + b"\r\n\r\n" + part + b"\r\n" for part in parts)
    return made + b"--" + boundary.encode() + b"--\r\n"


def upload(web: TestClient, parts: Sequence[bytes], path: str = "/dicomweb/studies", **changes: Any) -> Any:
    headers = {"Content-Type": f'multipart/related; type="application/dicom"; boundary={BOUNDARY}'}
    return web.post(path, content=changes.pop("content", body(parts)), headers={**headers, **changes})


def split(response: Any) -> list[tuple[dict[str, str], bytes]]:
    """The parts of a multipart response, read by the standard library's own parser."""
    from email.parser import BytesParser
    from email.policy import HTTP

    told = b"Content-Type: " + response.headers["content-type"].encode() + b"\r\n\r\n"
    boundary = response.headers["content-type"].split("boundary=")[1].encode()
    assert BytesParser(policy=HTTP).parsebytes(told + response.content).is_multipart()
    pieces = response.content.split(b"--" + boundary)[1:-1]
    found = []
    for piece in pieces:
        head, data = piece[2:-2].split(b"\r\n\r\n", 1)
        lines = dict(line.decode().split(": ", 1) for line in head.split(b"\r\n"))
        found.append((lines, data))
    return found


@contextmanager
def served(app: FastAPI | Callable[[str], FastAPI]) -> Iterator[tuple[str, int]]:
    """The application behind a real server on a free port; it may be made from the address it will have."""
    import uvicorn

    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        host, port = bound.getsockname()
        app = app if isinstance(app, FastAPI) else app(f"http://{host}:{port}")
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
        thread.start()
        try:
            while not server.started:
                time.sleep(0.01)
            yield host, port
        finally:
            server.should_exit = True
            thread.join(timeout=10)
