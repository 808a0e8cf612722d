"""Downloads against a server on this machine that can break off, ignore ranges and lie."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from hilum.core.errors import InputError, MissingError, TooLargeError
from hilum.io.fetch import fetch, offline
from hilum.io.limits import Limits

DATA = bytes(range(256)) * 20_000
HASH = hashlib.sha256(DATA).hexdigest()


class Server(ThreadingHTTPServer):
    """Serves DATA; `cut` bytes are sent before the line breaks, `ranges` tells whether it resumes."""

    cut: int | None = None
    ranges = True
    asked: list[str]


class Handler(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, *_: object) -> None:
        return

    def do_GET(self) -> None:
        wanted = self.headers.get("Range", "")
        self.server.asked.append(wanted)
        start = int(wanted[6:-1]) if wanted and self.server.ranges else 0
        if self.path != "/file":
            return self.send_error(404)
        if start >= len(DATA):
            return self.send_error(416)
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(DATA) - 1}/{len(DATA)}")
        self.send_header("Content-Length", str(len(DATA) - start))
        self.end_headers()
        self.wfile.write(DATA[start:] if self.server.cut is None else DATA[start : self.server.cut])


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.delenv("HILUM_OFFLINE", raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    found = Server(("127.0.0.1", 0), Handler)
    found.asked = []
    thread = threading.Thread(target=found.serve_forever, daemon=True)
    thread.start()
    yield found
    found.shutdown()
    found.server_close()


def address(server: Server, path: str = "file") -> str:
    return f"http://127.0.0.1:{server.server_address[1]}/{path}"


def test_a_file_is_fetched_once_and_then_found(server: Server, tmp_path: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    target = fetch(
        address(server), tmp_path / "deep" / "x.bin", sha256=HASH.upper(), progress=lambda a, b: seen.append((a, b))
    )
    assert target.read_bytes() == DATA
    assert seen[-1] == (len(DATA), len(DATA))
    assert fetch(address(server), target, sha256=HASH) == target
    assert server.asked == [""]
    assert sorted(path.name for path in target.parent.iterdir()) == ["x.bin"]


@pytest.mark.parametrize("ranges", [True, False])
def test_a_broken_download_goes_on_or_starts_anew(server: Server, tmp_path: Path, ranges: bool) -> None:
    server.cut, server.ranges = 2_000_000, ranges
    with pytest.raises(MissingError, match="Run it again"):
        fetch(address(server), tmp_path / "x", sha256=HASH)
    assert not (tmp_path / "x").exists()
    have = (tmp_path / "x.part").stat().st_size
    assert 0 < have <= 2_000_000
    server.cut = None
    assert fetch(address(server), tmp_path / "x", sha256=HASH).read_bytes() == DATA
    assert server.asked[1] == f"bytes={have}-"


def test_a_part_that_is_already_whole_is_used(server: Server, tmp_path: Path) -> None:
    (tmp_path / "x.part").write_bytes(DATA)
    assert fetch(address(server), tmp_path / "x", sha256=HASH).read_bytes() == DATA


def test_wrong_content_is_thrown_away_and_never_shown(server: Server, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="thrown away"):
        fetch(address(server), tmp_path / "x", sha256="0" * 64)
    assert list(tmp_path.iterdir()) == []


def test_a_file_with_other_content_is_left_alone(server: Server, tmp_path: Path) -> None:
    (tmp_path / "x").write_text("mine")
    with pytest.raises(InputError, match="another content"):
        fetch(address(server), tmp_path / "x", sha256=HASH)
    assert (tmp_path / "x").read_text() == "mine"


def test_offline_nothing_is_asked(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HILUM_OFFLINE", "1")
    assert offline()
    with pytest.raises(MissingError, match="HILUM_OFFLINE"):
        fetch(address(server), tmp_path / "x", sha256=HASH)
    assert server.asked == []
    (tmp_path / "x").write_bytes(DATA)
    assert fetch(address(server), tmp_path / "x", sha256=HASH).exists()
    monkeypatch.setenv("HILUM_OFFLINE", "0")
    assert not offline()


def test_errors_of_the_network_are_sentences(server: Server, tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="404"):
        fetch(address(server, "other"), tmp_path / "x", sha256=HASH)
    with pytest.raises(MissingError, match="cannot be fetched"):
        fetch("http://127.0.0.1:1/file", tmp_path / "x", sha256=HASH)
    with pytest.raises(TooLargeError, match="on the server"):
        fetch(address(server), tmp_path / "x", sha256=HASH, limits=Limits(file_bytes=1000))


@pytest.mark.parametrize("url", ["http://example.org/x", "file:///etc/passwd", "ftp://example.org/x", "x"])
def test_only_https_is_fetched(url: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="https"):
        fetch(url, tmp_path / "x", sha256=HASH)
    with pytest.raises(InputError, match="64 hexadecimal"):
        fetch("https://example.org/x", tmp_path / "x", sha256="abc")
