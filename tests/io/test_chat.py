"""The chat client against a real server on this machine that can be busy, break off, redirect and talk nonsense."""

# ruff: noqa: F811 - a fixture goes by the name of an argument
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hilum.core.errors import InputError, MissingError
from hilum.io.chat import Chat

from ..chat_server import Server, answer, server  # noqa: F401


def chat(server: Server, **options: Any) -> Chat:
    return Chat(server.url, "tiny", **{"wait_s": 0.001, "timeout_s": 5.0, "retries": 2, **options})


def test_a_question_is_sent_as_the_protocol_has_it(server: Server) -> None:
    assert chat(server, key="secret").ask("Is it?", system="Be brief.") == "Yes."
    assert server.asked[0] == {
        "model": "tiny", "temperature": 0, "max_tokens": 512,
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Is it?"}],
    }  # fmt: skip
    assert server.keys == ["Bearer secret"]


def test_no_key_no_header_and_no_key_in_words(server: Server) -> None:
    chat(server).ask("Is it?")
    assert server.keys == [None]
    assert "secret" not in repr(chat(server, key="secret"))


def test_nothing_is_sent_until_asked(server: Server) -> None:
    chat(server)
    assert server.asked == []


def test_answers_are_kept_and_asked_for_once(server: Server, tmp_path: Path) -> None:
    asking = chat(server, cache=tmp_path / "kept", key="secret")
    server.plan = [answer("One."), answer("Two."), answer("Three.")]
    assert [asking.ask("a"), asking.ask("b"), asking.ask("a")] == ["One.", "Two.", "One."]
    assert len(server.asked) == 2
    assert Chat(server.url, "other", cache=tmp_path / "kept").ask("a") == "Three."  # another model is asked
    assert all("secret" not in path.read_text() for path in (tmp_path / "kept").iterdir())


def test_a_damaged_kept_answer_is_asked_for_again(server: Server, tmp_path: Path) -> None:
    asking = chat(server, cache=tmp_path)
    asking.ask("a")
    path = next(tmp_path.iterdir())
    for damage in ("{", "[]", '{"answer": 3}', ""):
        path.write_text(damage)
        assert asking.ask("a") == "Yes."
    assert len(server.asked) == 5


@pytest.mark.parametrize("status", [429, 500, 503, 0])
def test_a_busy_or_broken_server_is_asked_again(server: Server, status: int) -> None:
    server.plan = [(status, b""), (status, b""), answer("At last.")]
    assert chat(server).ask("a") == "At last."
    assert len(server.asked) == 3


def test_a_server_that_stays_down_is_named(server: Server, tmp_path: Path) -> None:
    server.plan = [(503, b"")]
    with pytest.raises(MissingError, match=r"did not answer in 3 tries \(HTTP 503\)"):
        chat(server, cache=tmp_path).ask("a")
    assert list(tmp_path.iterdir()) == []


def test_nobody_at_the_address_is_named() -> None:
    with pytest.raises(MissingError, match="is the server running"):
        Chat("http://127.0.0.1:9/v1/chat/completions", "tiny", retries=0, timeout_s=2.0).ask("a")


@pytest.mark.parametrize("status", [400, 401, 404])
def test_a_refusal_is_told_at_once(server: Server, status: int) -> None:
    server.plan = [(status, b"no such model")]
    with pytest.raises(InputError, match=f"HTTP {status} no such model"):
        chat(server).ask("a")
    assert len(server.asked) == 1


@pytest.mark.parametrize("status", [301, 302, 307])
def test_no_redirect_is_followed(server: Server, status: int) -> None:
    server.plan = [(status, b"")]
    with pytest.raises(InputError, match=f"HTTP {status}"):
        chat(server, key="secret").ask("a")
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    "said", [b"", b"not json", b"[]", b"{}", b'{"choices": []}', b'{"choices": [{"message": {"content": null}}]}']
)
def test_an_answer_without_text_is_an_error(server: Server, said: bytes, tmp_path: Path) -> None:
    server.plan = [(200, said)]
    with pytest.raises(InputError, match="without choices"):
        chat(server, cache=tmp_path).ask("a")
    assert list(tmp_path.iterdir()) == []


def test_an_endless_answer_is_refused(server: Server) -> None:
    server.plan = [(200, b"x" * (4 * 2**20 + 1))]
    with pytest.raises(InputError, match="more than"):
        chat(server).ask("a")


@pytest.mark.parametrize("url", ["", "localhost:8000", "ftp://127.0.0.1/x", "file:///etc/passwd", "http://"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(InputError, match="no address"):
        Chat(url, "tiny")


def test_reports_leave_this_machine_by_https_only_and_keys_are_kept_out_of_addresses() -> None:
    with pytest.raises(InputError, match="https only"):
        Chat("http://example.org/v1/chat/completions", "tiny")
    with pytest.raises(InputError, match="not in the address"):
        Chat("https://me:secret@example.org/v1", "tiny")
    with pytest.raises(InputError, match="not in the address"):
        Chat("https://example.org/v1", "tiny", key="a\r\nHost: b")
    with pytest.raises(InputError, match="name the model"):
        Chat("https://example.org/v1", " ")
    assert Chat("https://example.org/v1?key=secret", "tiny").where == "https://example.org/v1"


def test_offline_asks_no_other_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HILUM_OFFLINE", "1")
    with pytest.raises(MissingError, match="HILUM_OFFLINE"):
        Chat("https://example.org/v1", "tiny").ask("a")


def test_what_goes_to_this_machine_goes_past_any_proxy(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # nobody is there
    assert Chat(server.url, "m", retries=0).ask("hello")
    assert len(server.asked) == 1
