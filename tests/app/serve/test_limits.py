"""What stands before the application, over a plain one that echoes."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

pytest.importorskip("limits", reason="needs hilum[serve]")
from hilum.app.serve.limits import Counter, Headers, Prefix, Rates, Uploads


async def _echo(scope: Any, receive: Any, send: Any) -> None:
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    told = f"{scope.get('root_path', '')}|{scope['path']}|{len(body)}".encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"referrer-policy", b"origin")]})
    await send({"type": "http.response.body", "body": told})


def _ask(
    app: Any, path: str = "/", parts: tuple[Any, ...] = (b"",), headers: Any = (), client: str = "10.0.0.1"
) -> Any:
    """Status, headers and body of one request; a float among the parts is a silence."""
    waiting, answer = list(parts), {"status": 0, "headers": {}, "body": b""}

    async def receive() -> Any:
        if isinstance(waiting[0], float):
            await asyncio.sleep(waiting.pop(0))
        body = waiting.pop(0)
        return {"type": "http.request", "body": body, "more_body": bool(waiting)}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            answer["status"] = message["status"]
            answer["headers"] = {name.decode(): value.decode() for name, value in message["headers"]}
        else:
            answer["body"] += message.get("body", b"")

    scope = {
        "type": "http", "method": "POST", "path": path, "headers": list(headers), "client": (client, 1),
        "root_path": "", "query_string": b"",
    }  # fmt: skip
    asyncio.run(app(scope, receive, send))
    return answer


@pytest.mark.parametrize("path", ["/room/api/x", "/api/x"])
def test_a_prefix_that_the_proxy_keeps_or_takes_off(path: str) -> None:
    assert _ask(Prefix(_echo, prefix="/room"), path)["body"] == b"/room|/room/api/x|0"


def test_a_path_that_only_begins_like_the_prefix() -> None:
    assert _ask(Prefix(_echo, prefix="/room"), "/roomy")["body"] == b"/room|/room/roomy|0"


def test_headers_are_added_and_what_an_answer_says_stays() -> None:
    headers = _ask(Headers(_echo, tls=True))["headers"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert headers["referrer-policy"] == "origin"
    assert "max-age" in headers["strict-transport-security"]
    assert "strict-transport-security" not in _ask(Headers(_echo))["headers"]


def test_the_log_names_no_study_and_no_query(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="hilum.serve")
    _ask(Headers(_echo), "/dicomweb/studies/1.2.840.113/series/1.2.3")
    assert "/dicomweb/studies" in caplog.text
    assert "1.2.840" not in caplog.text


def test_rates_are_counted_by_address() -> None:
    app = Rates(_echo, per_minute=3)
    assert [_ask(app)["status"] for _ in range(5)] == [200, 200, 200, 429, 429]
    assert _ask(app, client="10.0.0.2")["status"] == 200
    assert all(_ask(Rates(_echo, per_minute=0))["status"] == 200 for _ in range(5))


def test_a_counter_can_be_asked_without_counting() -> None:
    counter = Counter(1)
    assert counter.open("a")
    assert counter.open("a")
    counter.hit("a")
    assert not counter.open("a")


def test_a_body_that_says_it_is_too_large_is_not_read() -> None:
    app = Uploads(_echo, most_bytes=10, silence_s=5)
    assert _ask(app, headers=[(b"content-length", b"11")])["status"] == 413
    assert _ask(app, headers=[(b"content-length", b"many")])["status"] == 413
    assert _ask(app, parts=(b"0123456789",), headers=[(b"content-length", b"10")])["status"] == 200


def test_a_body_that_does_not_say_so_is_counted() -> None:
    app = Uploads(_echo, most_bytes=10, silence_s=5)
    assert _ask(app, parts=(b"01234", b"56789"))["status"] == 200
    assert _ask(app, parts=(b"01234", b"567890"))["status"] == 413


def test_a_body_that_stands_still_is_ended() -> None:
    app = Uploads(_echo, most_bytes=10, silence_s=0.05)
    assert _ask(app, parts=(b"01", 0.5, b"23"))["status"] == 408
