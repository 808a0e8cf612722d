"""A real chat endpoint on this machine for tests: it notes what it is asked and answers as planned."""

from __future__ import annotations

import base64
import io
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest
from PIL import Image as Picture


class Server(ThreadingHTTPServer):
    """Answers the next of `plan` to each request: a status and a body; the last one for ever."""

    plan: list[tuple[int, bytes]]
    asked: list[dict[str, Any]]
    keys: list[str | None]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1/chat/completions"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, *_: object) -> None:
        return

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.append(json.loads(body))
        self.server.keys.append(self.headers.get("Authorization"))
        status, said = self.server.plan.pop(0) if len(self.server.plan) > 1 else self.server.plan[0]
        if status == 0:  # the line breaks
            self.close_connection = True
            return
        self.send_response(status)
        if status in (301, 302, 307):
            self.send_header("Location", "http://127.0.0.1:9/elsewhere")
        if status == 429:
            self.send_header("Retry-After", "0")
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    do_GET = do_POST


def answer(text: str) -> tuple[int, bytes]:
    return 200, json.dumps({"choices": [{"message": {"role": "assistant", "content": text}}]}).encode()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    found = Server(("127.0.0.1", 0), Handler)
    found.plan, found.asked, found.keys = [answer("Yes.")], [], []
    threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield found
    found.shutdown()
    found.server_close()


class Looking(Handler):
    """A model that looks: it tells which half of the film is brighter, and what it was asked."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append(asked)
        content = asked["messages"][-1]["content"]
        data = content[0]["image_url"]["url"].partition(",")[2]
        film = np.asarray(Picture.open(io.BytesIO(base64.b64decode(data))), dtype=float)
        words = content[-1]["text"]
        side = "right" if film[:, : film.shape[1] // 2].mean() > film[:, film.shape[1] // 2 :].mean() else "left"
        text = f"There is a small {side} pleural effusion. Level {film.mean():.0f}."
        if "Choose the one option" in words:
            text = "A" if side == "right" else "B"
        if "Give the box" in words:
            text = f"({0 if side == 'right' else film.shape[1] // 2},0,{film.shape[1]},{film.shape[0]})"
        said = answer(text if film.std() else "This picture is blank.")[1]
        self.send_response(200)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)


@pytest.fixture
def looking(server: Server) -> Server:
    server.RequestHandlerClass = Looking
    return server
