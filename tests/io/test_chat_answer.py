"""Answers of an endpoint: what is read of a reply, what is kept, and how a budget adds up, by properties."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.core.errors import InputError
from hilum.core.image import MadeBy
from hilum.io.chat_answer import Answer, hash_of, keep, kept_answer, read_reply
from hilum.io.chat_budget import FILM_TOKENS, Budget, BudgetError

ASKED: dict[str, Any] = {"model": "tiny", "messages": [{"role": "user", "content": "Is it?"}], "temperature": 0}
TEXTS = st.text(max_size=60)


def reply(**more: object) -> bytes:
    return json.dumps({"choices": [{"message": {"content": "Yes."}}], **more}).encode()


@pytest.mark.parametrize("more, backend", [
    ({}, "tiny"), ({"model": "tiny-7b"}, "tiny-7b"), ({"model": "tiny-7b", "system_fingerprint": "fp"}, "tiny-7b fp"),
    ({"system_fingerprint": None}, "tiny"), ({"model": 7}, "tiny"), ({"model": ""}, "tiny"),
    ({"system_fingerprint": "fp"}, "fp"),
])  # fmt: skip
def test_the_backend_is_what_the_server_says_or_what_was_asked_for(more: dict[str, Any], backend: str) -> None:
    assert read_reply(reply(**more), "here", ASKED).backend == backend


@pytest.mark.parametrize("usage, tokens", [
    ({"total_tokens": 12}, 12), ({"total_tokens": "12"}, 0), ({"total_tokens": -5}, 0), ({}, 0), (None, 0), ("many", 0),
    ({"total_tokens": 1.5}, 0),
])  # fmt: skip
def test_tokens_are_counted_only_where_the_server_counts_them(usage: object, tokens: int) -> None:
    assert read_reply(reply(usage=usage), "here", ASKED).tokens == tokens


def test_a_reply_is_dated_in_utc() -> None:
    made = datetime.fromisoformat(read_reply(reply(), "here", ASKED).date)
    assert made.tzinfo == UTC
    assert abs((datetime.now(UTC) - made).total_seconds()) < 60


@pytest.mark.parametrize("found", [
    b"{}", b"[]", b"null", b'{"choices": [{"message": {}}]}', b'{"choices": {"0": 1}}', b'{"choices": [{"text": "x"}]}',
    b'{"choices": [{"message": {"content": ["x"]}}]}', b"\x00", "Gr\u00fc\u00dfe".encode("latin-1"),
])  # fmt: skip
def test_a_reply_without_text_is_named_with_its_beginning(found: bytes) -> None:
    with pytest.raises(InputError, match="here answered without choices"):
        read_reply(found, "here", ASKED)


@given(TEXTS, TEXTS)
def test_hashes_are_equal_where_requests_are(first: str, second: str) -> None:
    one, other = ({**ASKED, "messages": text} for text in (first, second))
    assert (hash_of(one) == hash_of(other)) == (first == second)
    assert hash_of(dict(reversed(list(one.items())))) == hash_of(one)  # the order of fields says nothing


@given(TEXTS)
def test_what_is_kept_comes_back_to_the_letter(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.mktemp("kept") / "deep" / "answer.json"
    answer = Answer(text, "abc", "tiny fp", "2026-01-02T03:04:05+00:00", 9)
    keep(answer, "tiny", path)
    assert kept_answer(path, "abc") == replace(answer, kept=True)


@pytest.mark.parametrize("content", ["", "{", "[]", "7", '{"answer": null}', '{"answer": 7}', "null"])
def test_what_cannot_be_read_is_not_kept(tmp_path: Path, content: str) -> None:
    (tmp_path / "a.json").write_text(content)
    assert kept_answer(tmp_path / "a.json", "abc") is None
    assert kept_answer(tmp_path / "none.json", "abc") is None
    assert kept_answer(None, "abc") is None


def test_odd_facts_of_a_kept_answer_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps({"answer": "Yes.", "date": 7, "tokens": "many", "backend": None}))
    assert kept_answer(tmp_path / "a.json", "abc") == Answer("Yes.", "abc", kept=True)


def test_an_answer_signs_with_backend_day_and_prompt() -> None:
    assert Answer("x", "abc", "tiny", "2026-01-02").made_by == MadeBy("tiny", "2026-01-02", "abc")
    assert Answer("x", "abc").made_by.name == "unnamed endpoint"


@given(st.lists(st.tuples(st.integers(1, 50), st.integers(0, 80)), max_size=30), st.integers(1, 300))
def test_a_budget_never_reserves_beyond_its_limit(asked: list[tuple[int, int]], limit: int) -> None:
    budget, sent, spent = Budget(tokens=limit), 0, 0
    for feared, cost in asked:
        if spent + feared > limit:
            with pytest.raises(BudgetError):
                budget.reserve(feared)
            continue
        budget.reserve(feared)
        budget.settle(feared, cost)
        sent, spent = sent + 1, spent + cost
    assert (budget.asked, budget.spent) == (sent, spent)


@given(st.integers(1, 20), st.integers(0, 40))
def test_a_budget_of_requests_sends_exactly_that_many(limit: int, wanted: int) -> None:
    budget = Budget(requests=limit)
    refused = 0
    for _ in range(wanted):
        try:
            budget.reserve(5)
        except BudgetError:
            refused += 1
    assert budget.asked == min(limit, wanted)
    assert refused == max(0, wanted - limit)
    assert budget.spent == 5 * budget.asked  # what was refused is not counted


def test_a_film_is_feared_for_at_least_as_many_tokens_as_small_ones_cost() -> None:
    assert FILM_TOKENS >= 750


@pytest.mark.parametrize("budget, words", [
    (Budget(), "0 requests, 0 tokens"), (Budget(requests=5), "0 of 5 requests, 0 tokens"),
    (Budget(tokens=1_000), "0 requests, 0 of 1,000 tokens"),
    (Budget(2_000, 9, 1, 3), "1 of 2,000 requests, 3 of 9 tokens"),
])  # fmt: skip
def test_a_budget_says_where_it_stands(budget: Budget, words: str) -> None:
    assert str(budget) == words
