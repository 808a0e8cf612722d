"""Films in messages, budget, provenance: what a real server on this machine is sent, and what is refused before it."""

# ruff: noqa: F811 - a fixture goes by the name of an argument
from __future__ import annotations

import base64
import io
import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture

from hilum.core.errors import InputError, MissingError
from hilum.core.seed import generator
from hilum.io.chat import Chat
from hilum.io.chat_budget import Budget, BudgetError
from hilum.io.chat_films import data_url, sendable

from ..chat_server import Server, answer, server  # noqa: F401
from .test_chat import chat


def film(seed: int = 0, shape: tuple[int, int] = (40, 30)) -> np.ndarray:
    return sendable(generator(seed, "film").random(shape))


def opened(url: str) -> Picture.Image:
    head, _, body = url.partition(",")
    assert head == "data:image/png;base64"
    return Picture.open(io.BytesIO(base64.b64decode(body, validate=True)), formats=("PNG",))


def test_a_film_goes_as_grey_values_and_nothing_else(server: Server) -> None:
    shown = generator(1, "film").random((40, 30)).astype(np.float32)
    chat(server).ask("What is seen?", films=[sendable(shown)])
    content = server.asked[0]["messages"][0]["content"]
    assert [part["type"] for part in content] == ["image_url", "text"]
    assert content[1] == {"type": "text", "text": "What is seen?"}
    picture = opened(content[0]["image_url"]["url"])
    assert (picture.mode, picture.size, picture.info) == ("L", (30, 40), {})
    assert np.abs(np.asarray(picture) / 255 - shown).max() <= 0.5 / 255 + 1e-6


def test_a_png_holds_only_the_chunks_that_pixels_need() -> None:
    data = base64.b64decode(data_url(film()).partition(",")[2])
    kinds, at = [], 8
    while at < len(data):
        length = int.from_bytes(data[at : at + 4])
        kinds.append(data[at + 4 : at + 8])
        at += 12 + length
    assert set(kinds) == {b"IHDR", b"IDAT", b"IEND"}


def test_without_films_the_message_is_as_it_was(server: Server) -> None:
    chat(server).ask("Is it?")
    assert server.asked[0]["messages"] == [{"role": "user", "content": "Is it?"}]


@pytest.mark.parametrize("shape, longest, expected", [
    ((200, 100), 100, (100, 50)), ((100, 200), 100, (50, 100)), ((50, 40), 100, (50, 40)), ((3000, 16), 100, (100, 1)),
])  # fmt: skip
def test_large_films_are_averaged_down_and_small_ones_stay(shape: tuple[int, int], longest: int,
                                                           expected: tuple[int, int]) -> None:  # fmt: skip
    shown = np.full(shape, 0.4)
    made = sendable(shown, longest)
    assert made.shape == expected
    assert (made == 102).all()  # a grey film keeps its grey


def test_averaging_keeps_the_mean_of_each_block() -> None:
    shown = generator(3, "blocks").random((128, 64))
    expected = shown.reshape(32, 4, 16, 4).mean(axis=(1, 3)) * 255
    assert np.abs(sendable(shown, 32).astype(float) - expected).max() <= 1.01


@pytest.mark.parametrize("wrong", [
    np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3)), np.zeros((0, 4)), np.full((4, 4), np.nan), np.full((4, 4), 2.0),
    np.full((4, 4), -0.1),
])  # fmt: skip
def test_what_is_no_display_is_refused(wrong: np.ndarray) -> None:
    with pytest.raises(InputError, match=r"\[0, 1\]"):
        sendable(wrong)


def test_other_wrong_films_are_refused() -> None:
    with pytest.raises(InputError, match="16 pixels"):
        sendable(np.zeros((4, 4)), 8)
    with pytest.raises(InputError, match="uint8"):
        data_url(np.zeros((4, 4), np.uint16))  # type: ignore[arg-type]


def test_an_answer_knows_where_it_comes_from_and_keeps_it(server: Server, tmp_path: Path) -> None:
    told = json.loads(answer("Clear.")[1]) | {"model": "tiny-2026", "system_fingerprint": "fp7",
                                              "usage": {"total_tokens": 42}}  # fmt: skip
    server.plan = [(200, json.dumps(told).encode())]
    asking = chat(server, cache=tmp_path)
    first, second = asking.answer("a", films=[film()]), asking.answer("a", films=[film()])
    assert (first.backend, first.tokens, first.kept) == ("tiny-2026 fp7", 42, False)
    assert datetime.fromisoformat(first.date).tzinfo == UTC
    assert second == replace(first, kept=True)  # the date is the day of the answer, not of its second use
    assert len(server.asked) == 1
    assert (first.made_by.name, first.made_by.version, first.made_by.sha256) == (
        "tiny-2026 fp7", first.date, first.prompt)  # fmt: skip
    kept = next(tmp_path.iterdir()).read_text()
    assert "base64" not in kept
    assert '"a"' not in kept  # neither film nor prompt lie on disk


def test_prompt_hashes_tell_words_pixels_and_settings_apart(server: Server) -> None:
    asking = chat(server)
    other = chat(server, temperature=0.7)
    hashes = [
        asking.answer("a").prompt, asking.answer("b").prompt, asking.answer("a", system="s").prompt,
        asking.answer("a", films=[film(0)]).prompt, asking.answer("a", films=[film(1)]).prompt,
        other.answer("a").prompt,
    ]  # fmt: skip
    assert len(set(hashes)) == len(hashes)
    assert asking.answer("a").prompt == hashes[0] == chat(server, key="secret").answer("a").prompt


def test_answers_kept_by_an_older_release_are_read(server: Server, tmp_path: Path) -> None:
    asking = chat(server, cache=tmp_path)
    asking.ask("a")
    path = next(tmp_path.iterdir())
    path.write_text(json.dumps({"model": "tiny", "answer": "Old."}))
    assert asking.ask("a") == "Old."
    assert (asking.answer("a").date, asking.answer("a").kept) == ("", True)


def test_settings_go_with_the_request_and_can_be_taken_out(server: Server) -> None:
    options = {"seed": 3, "max_tokens": None, "max_completion_tokens": 9}
    chat(server, temperature=None, options=options).ask("a")
    assert set(server.asked[0]) == {"model", "messages", "seed", "max_completion_tokens"}


def test_a_budget_of_requests_counts_tries_and_not_kept_answers(server: Server, tmp_path: Path) -> None:
    budget = Budget(requests=3)
    asking = chat(server, cache=tmp_path, budget=budget)
    server.plan = [(503, b""), answer("One."), answer("Two.")]
    assert [asking.ask("a"), asking.ask("a"), asking.ask("b")] == ["One.", "One.", "Two."]
    with pytest.raises(BudgetError, match="budget of 3 requests is spent"):
        asking.ask("c")
    assert asking.ask("b") == "Two."  # what is kept is still told
    assert len(server.asked) == budget.asked == 3


def test_a_budget_of_tokens_holds_before_anything_is_sent(server: Server) -> None:
    budget = Budget(tokens=2_000)
    asking = chat(server, budget=budget, max_tokens=100)
    body = json.loads(answer("Yes.")[1]) | {"usage": {"total_tokens": 900}}
    server.plan = [(200, json.dumps(body).encode())]
    asking.ask("a", films=[film()])
    assert budget.spent == 900  # what it cost, not what was feared
    with pytest.raises(BudgetError, match="1,100 of the budget of 2,000 are left"):
        asking.ask("b", films=[film()])
    asking.ask("b")
    assert (len(server.asked), str(budget)) == (2, "2 requests, 1,800 of 2,000 tokens")


def test_a_server_that_counts_no_tokens_is_charged_as_feared_and_a_refusal_nothing(server: Server) -> None:
    budget = Budget(tokens=1_000)
    asking = chat(server, budget=budget, max_tokens=100)
    asking.ask("abc")
    assert budget.spent == 101
    server.plan = [(400, b"no")]
    with pytest.raises(InputError):
        asking.ask("abcdef")
    assert (budget.spent, budget.asked) == (101, 2)


@pytest.mark.parametrize("limits", [{"requests": 0}, {"tokens": -1}])
def test_a_budget_of_nothing_is_refused(limits: dict[str, int]) -> None:
    with pytest.raises(InputError, match="1 or more"):
        Budget(**limits)


def test_threads_share_a_budget() -> None:
    budget, refused = Budget(requests=50), []

    def ask() -> None:
        for _ in range(20):
            try:
                budget.reserve(2)
            except BudgetError:
                refused.append(1)

    threads = [threading.Thread(target=ask) for _ in range(5)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert (budget.asked, budget.spent, len(refused)) == (50, 100, 50)


@pytest.fixture
def elsewhere() -> Iterator[tuple[str, list[bytes]]]:
    """A socket under a name that is not this machine's own, which notes what reaches it and speaks no TLS."""
    found: list[bytes] = []
    listener = socket.create_server(("127.0.0.2", 0))

    def serve() -> None:
        while True:
            try:
                line, _ = listener.accept()
            except OSError:
                return
            with line:
                found.append(line.recv(65536))

    threading.Thread(target=serve, daemon=True).start()
    yield f"https://127.0.0.2:{listener.getsockname()[1]}/v1/chat/completions", found
    listener.close()


def test_what_leaves_is_said_first_and_once(elsewhere: tuple[str, list[bytes]]) -> None:
    url, reached = elsewhere
    said: list[tuple[str, int]] = []
    asking = Chat(url, "far", retries=0, timeout_s=2.0, announce=lambda line: said.append((line, len(reached))))
    for films in ([], [film()], [film()], []):
        with pytest.raises(MissingError):
            asking.ask("Is it?", films=films)
    assert len(reached) == 4
    assert [before for _, before in said] == [0, 1]  # before the first words, and before the first film
    assert said[0][0].startswith(f"sending words to {url}, model far")
    assert "no header, name or date; text burned into the pixels is not looked for" in said[1][0]
    assert all(b"Is it?" not in found for found in reached)  # TLS began, and nothing was sent in the clear


def test_who_is_told_may_forbid_it(elsewhere: tuple[str, list[bytes]]) -> None:
    url, reached = elsewhere

    def forbid(line: str) -> None:
        raise InputError("not from here")

    with pytest.raises(InputError, match="not from here"):
        Chat(url, "far", announce=forbid).ask("a", films=[film()])
    assert reached == []


def test_by_default_the_error_stream_tells(
    elsewhere: tuple[str, list[bytes]], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(MissingError):
        Chat(elsewhere[0], "far", retries=0, timeout_s=2.0).ask("a")
    assert "sending words to https://127.0.0.2" in capsys.readouterr().err


def test_on_this_machine_nothing_leaves_and_nothing_is_said(server: Server) -> None:
    said: list[str] = []
    chat(server, announce=said.append).ask("a", films=[film()])
    assert said == []
