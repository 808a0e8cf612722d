"""`hilum serve` as a process of its own, for tests that send to it, ask it and kill it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx

from hilum.app.serve.peer import Peer

SOURCES = Path(__file__).resolve().parents[3] / "src"


def free_port() -> int:
    """A port that nothing listens on now."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def until(true: Callable[[], Any], what: str, seconds: float = 90.0) -> Any:
    """Wait for something that must come and return it; the bound only ends a test that has failed already."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := true():
            return found
        time.sleep(0.2)
    raise AssertionError(f"it did not come about: {what}")


class Serving:
    """A running server.

    Args:
        process: its main process.
        told: what it printed at its start.
        root: its folder.
    """

    def __init__(self, process: subprocess.Popen[str], told: dict[str, Any], root: Path) -> None:
        self.process, self.url, self.root = process, str(told["url"]), root
        title, _, address = str(told["dicom"]).partition(" at ")
        self.node = Peer(title, "127.0.0.1", int(address.rpartition(":")[2]))
        self.token = Path(told["token_file"]).read_text(encoding="ascii").strip()

    @property
    def headers(self) -> dict[str, str]:
        """What a machine sends with each request."""
        return {"Authorization": f"Bearer {self.token}"}

    def client(self, **options: Any) -> httpx.Client:
        """A client that is signed in."""
        return httpx.Client(**{"base_url": self.url, "headers": self.headers, "timeout": 60, **options})

    def get(self, path: str) -> Any:
        """What the API says at a path."""
        with self.client() as client:
            answer = client.get(path)
            assert answer.status_code == 200, (path, answer.status_code, answer.text[:500])
            return answer.json()

    def rows(self) -> list[dict[str, Any]]:
        """The whole worklist."""
        return list(self.get("api/worklist?limit=1000")["rows"])

    def jobs(self, kind: str = "") -> list[dict[str, Any]]:
        """All jobs, or those of a kind."""
        rows = self.get("api/jobs?limit=1000")["rows"]
        return [row for row in rows if not kind or row["kind"] == kind]

    def all_read(self, studies: int, *, state: str = "read", seconds: float = 240.0) -> list[dict[str, Any]]:
        """Wait until the worklist holds so many studies, all in one state."""

        def done() -> list[dict[str, Any]]:
            rows = self.rows()
            return rows if len(rows) == studies and {row["state"] for row in rows} == {state} else []

        found: list[dict[str, Any]] = until(done, f"{studies} studies '{state}'", seconds)
        return found

    def instances(self, **query: str) -> list[dict[str, str]]:
        """What QIDO-RS lists of instances: study, series, class and UID, page by page, once nothing comes in."""
        tags = {"study": "0020000D", "series": "0020000E", "uid": "00080018", "class": "00080016"}
        found: list[dict[str, str]] = []
        with self.client() as client:
            while True:
                answer = client.get("dicomweb/instances", params={**query, "limit": "500", "offset": str(len(found))})
                page = answer.json() if answer.status_code == 200 else []
                found += [{name: str(item[tag]["Value"][0]) for name, tag in tags.items()} for item in page]
                if len(page) < 500:
                    return found

    def workers(self) -> list[int]:
        """Process ids of everything the server started."""
        return children(self.process.pid)

    def kill(self) -> None:
        """End it as a power cut would, its workers included."""
        below = children(self.process.pid)
        for pid in [self.process.pid, *below]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait(20)


def children(pid: int) -> list[int]:
    """Process ids below a process."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            for child in task.read_text().split():
                found += [int(child), *children(int(child))]
    return found


@contextmanager
def running(root: Path, *more: str, ports: tuple[int, int] = (0, 0)) -> Iterator[Serving]:
    """A server over a folder; ports are those of the page and of the DICOM node, 0 for free ones."""
    command = [sys.executable, "-m", "hilum", "serve", str(root), "--port", str(ports[0])]
    command += ["--dicom-port", str(ports[1]), "--json", *more]
    said = root.parent / f"{root.name}.err"
    told_where = {**os.environ, "PYTHONPATH": f"{SOURCES}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}
    with said.open("a") as errors:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True, env=told_where)
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        assert line, said.read_text()
        yield Serving(process, json.loads(line), root)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        finally:
            process.kill()
            process.stdout.close()


def toml(path: Path, peers: Sequence[dict[str, Any]], **tables: dict[str, Any]) -> Path:
    """A settings file with some tables and peers."""
    lines = []
    for name, table in tables.items():
        lines += [f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in table.items())]
    for peer in peers:
        lines += ["[[peers]]", *(f"{key} = {json.dumps(value)}" for key, value in peer.items())]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
