"""A chat endpoint as a reader: an address that the user names, `chat:URL#MODEL`, and nothing without it."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path

from hilum.core.errors import InputError
from hilum.io.chat import Chat
from hilum.io.chat_budget import Budget
from hilum.io.chat_films import LONGEST_PX, sendable
from hilum.learn.outside.asking import Asking, Said
from hilum.learn.outside.wording import SYSTEM, WORDING, boxes_in, prompt_of

KEY = "HILUM_CHAT_KEY"
"""Environment variable with the key; it is sent as a bearer token and written nowhere."""
SETTINGS = ("requests", "tokens", "longest", "answer", "cache", "timeout")
_AWAY = {"requests": 500, "tokens": 1_000_000}
"""Budget of an endpoint on another machine where none is given."""


@dataclass(frozen=True)
class Endpoint:
    """A chat endpoint as a backend.

    Args:
        chat: where and which.
        longest: most pixels of a side of a film that is sent.
    """

    chat: Chat
    longest: int = LONGEST_PX

    @property
    def name(self) -> str:
        """'chat:URL#MODEL', without what follows a '?'."""
        return f"chat:{self.chat.where}#{self.chat.model}"

    @property
    def mark(self) -> str:
        """Hash of all that changes an answer: another mark, another model."""
        told = (self.chat.url, self.chat.model, self.chat.temperature, self.chat.max_tokens, self.longest, WORDING)
        return blake2b(repr((told, sorted(self.chat.options.items()))).encode(), digest_size=16).hexdigest()

    def uncached(self) -> Endpoint:
        """Return the same endpoint without kept answers: a check of the model must ask the model."""
        return replace(self, chat=replace(self.chat, cache=None))

    def __call__(self, asking: Asking) -> Said:
        """Return the answer; raises what `Chat.answer` raises."""
        films = [sendable(film.display(), self.longest) for _, film in asking.films]
        size = (films[0].shape[1], films[0].shape[0]) if films else (0, 0)
        answer = self.chat.answer(prompt_of(asking, size), system=SYSTEM, films=films)
        if asking.task not in ("phrase_to_box", "grounded") or not films:
            return Said(answer.text.strip(), (), answer.made_by)
        film = asking.films[0][1]
        rows, columns = film.pixels.shape
        boxes, problem = boxes_in(answer.text, size, (columns, rows))
        return Said(answer.text.strip(), tuple(replace(box, image=film.id) for box in boxes), answer.made_by, problem)


def settings_of(place: str, known: tuple[str, ...]) -> tuple[str, dict[str, str]]:
    """Return what stands before the first '#', and the key=value pairs after the others.

    Args:
        place: e.g. 'maira-2#weights=/data/maira-2'.
        known: settings there are.

    Raises:
        InputError: if a part is no setting.
    """
    first, *rest = place.split("#")
    given: dict[str, str] = {}
    for part in rest:
        name, equal, value = part.partition("=")
        if not equal or name not in known or not value:
            raise InputError(f"'#{part}' is no setting: write #NAME=VALUE with one of {', '.join(known)}")
        given[name] = value
    return first, given


def endpoint_at(place: str) -> Endpoint:
    """Return the endpoint that 'URL#MODEL#NAME=VALUE' names; nothing is sent by this.

    Settings: requests, tokens (budget), longest (pixels of a side), answer (tokens of an answer), cache (folder that
    keeps answers), timeout (seconds). An endpoint on another machine has a budget of 500 requests and 1,000,000 tokens
    unless others are given.

    Raises:
        InputError: if address, model or a setting is missing or wrong.
    """
    url, _, more = place.partition("#")
    model, _, settings = more.partition("#")
    if not url or not model or "=" in model:
        raise InputError(f"'chat:{place}' names no endpoint: write chat:URL#MODEL, e.g. "
                         "chat:http://127.0.0.1:8080/v1/chat/completions#qwen2-vl")  # fmt: skip
    given = settings_of(f"#{settings}" if settings else "", SETTINGS)[1]
    whole = {name: _whole(name, value) for name, value in given.items() if name != "cache"}
    chat = Chat(url, model, key=os.environ.get(KEY, ""), cache=Path(given["cache"]) if "cache" in given else None,
                timeout_s=float(whole.get("timeout", 120)), max_tokens=whole.get("answer", 512))  # fmt: skip
    requests, tokens = (whole.get(name, None if chat.local else most) for name, most in _AWAY.items())
    return Endpoint(replace(chat, budget=Budget(requests, tokens)), whole.get("longest", LONGEST_PX))


def _whole(name: str, value: str) -> int:
    if not value.isdigit() or int(value) < 1:
        raise InputError(f"'#{name}={value}': expected a whole number above 0")
    return int(value)
