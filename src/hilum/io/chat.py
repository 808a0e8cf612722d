"""A language model behind an OpenAI-compatible address that the user names; nothing is sent anywhere else.

Films may go with the words, as grey values and nothing more (`hilum.io.chat_films`). What leaves this machine is said
before it does. Every answer can be kept on disk, so that a run that was stopped goes on where it was and costs nothing
twice. A server of llama.cpp or vLLM on this machine is an address like any other.
"""

from __future__ import annotations

import json
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import InputError, MissingError
from hilum.io.chat_answer import Answer, hash_of, keep, kept_answer, read_reply
from hilum.io.chat_budget import FILM_TOKENS, Budget
from hilum.io.chat_films import data_url
from hilum.io.fetch import offline

_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})
_AGAIN = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
_LONGEST = 4 * 2**20  # bytes of an answer
_PATIENCE_S = 60.0  # longest wait that a server may ask for

_LETTERS = 3  # of a prompt for one token, on the careful side


def _to_stderr(line: str) -> None:
    sys.stderr.write(f"{line}\n")


class _Stay(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: neither reports nor keys go where the user did not send them."""

    def redirect_request(self, *_: Any) -> None:
        """Refuse; the redirect then counts as an error of the server."""


@dataclass(frozen=True)
class Chat:
    """A model and where it answers.

    Args:
        url: address of its chat completions, e.g. 'http://127.0.0.1:8000/v1/chat/completions'; https, or http on this
            machine only.
        model: as the server calls it.
        key: sent as a bearer token where given; never written or shown.
        cache: folder that keeps answers by a hash of address, model and prompt; none are kept without it.
        timeout_s: for one try.
        retries: further tries where the server is busy, fails or does not answer.
        wait_s: before the first of them; doubled for each next.
        max_tokens: of an answer.
        temperature: of sampling; None leaves it to the server's default.
        options: more of the request, e.g. {'seed': 1}; a value of None takes a field out.
        budget: what may be asked at most; no limit without it.
        announce: told, once, what is about to leave this machine and for where; may raise to forbid it.

    Raises:
        InputError: if the address or model is not usable.
    """

    url: str
    model: str
    key: str = field(default="", repr=False)
    cache: Path | None = None
    timeout_s: float = 60.0
    retries: int = 4
    wait_s: float = 1.0
    max_tokens: int = 512
    temperature: float | None = 0
    options: Mapping[str, Any] = field(default_factory=dict, hash=False)
    budget: Budget = field(default_factory=Budget, compare=False)
    announce: Callable[[str], None] = field(default=_to_stderr, repr=False, compare=False)
    _told: set[str] = field(default_factory=set, repr=False, compare=False)

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InputError(f"'{self.url}' is no address such as http://127.0.0.1:8000/v1/chat/completions")
        if parts.scheme == "http" and parts.hostname not in _LOCAL:
            raise InputError(f"reports are sent by https only, except to this machine: '{self.url}' is neither")
        if parts.username or parts.password or not self.key.isprintable() or not self.key.isascii():
            raise InputError("give the key as `key`, in plain letters, not in the address")
        if not self.model.strip():
            raise InputError("name the model as the server calls it")

    @property
    def where(self) -> str:
        """The address as messages tell it, without what follows a '?'."""
        return self.url.partition("?")[0]

    @property
    def local(self) -> bool:
        """Whether it answers on this machine, so that nothing leaves it."""
        return urlsplit(self.url).hostname in _LOCAL

    def ask(self, prompt: str, *, system: str = "", films: Sequence[NDArray[np.uint8]] = ()) -> str:
        """Return the text of `answer`."""
        return self.answer(prompt, system=system, films=films).text

    def answer(self, prompt: str, *, system: str = "", films: Sequence[NDArray[np.uint8]] = ()) -> Answer:
        """Return the model's answer to a prompt; from the cache where it was asked before.

        Args:
            prompt: of the user.
            system: what it is told of its role.
            films: (H, W) uint8 grey values, before the words; see `hilum.io.chat_films.sendable`.

        Raises:
            InputError: if the server refuses the request, or answers with something else than text.
            MissingError: if the network is off, or the server does not answer after all tries.
            BudgetError: if the budget is spent.
        """
        asked = self._request(prompt, system, films)
        body = json.dumps(asked, sort_keys=True)
        name = sha256("\n".join((self.url, body)).encode()).hexdigest()
        path = self.cache / f"{name}.json" if self.cache else None
        kept = kept_answer(path, hash_of(asked))
        if kept is not None:
            return kept
        likely = len(prompt + system) // _LETTERS + FILM_TOKENS * len(films) + self.max_tokens
        answer = read_reply(self._sent(body.encode(), likely, len(films)), self.where, asked)
        self.budget.settle(likely, answer.tokens or likely)
        if path is not None:
            keep(answer, self.model, path)
        return answer

    def _request(self, prompt: str, system: str, films: Sequence[NDArray[np.uint8]]) -> dict[str, Any]:
        pictures = [{"type": "image_url", "image_url": {"url": data_url(film)}} for film in films]
        content: Any = [*pictures, {"type": "text", "text": prompt}] if films else prompt
        roles = [("system", system)] * bool(system) + [("user", content)]
        asked: dict[str, Any] = {
            "model": self.model, "messages": [{"role": role, "content": told} for role, told in roles],
            "temperature": self.temperature, "max_tokens": self.max_tokens, **self.options,
        }  # fmt: skip
        return {key: value for key, value in asked.items() if value is not None}

    def _tell(self, films: int) -> None:
        """Say once what leaves this machine: once for words, once more when films go too."""
        kind = "films" if films else "words"
        if self.local or kind in self._told:
            return
        what = "films (grey values only: no header, name or date; text burned into the pixels is not looked for) and "
        self.announce(f"sending {what * bool(films)}words to {self.where}, model {self.model}; {self.budget}")
        self._told.add(kind)

    def _sent(self, body: bytes, likely: int, films: int) -> bytes:
        if offline() and not self.local:
            raise MissingError(f"HILUM_OFFLINE is set, so {self.where} is not asked")
        self._tell(films)
        headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {self.key}"} if self.key else {})}
        request = urllib.request.Request(self.url, data=body, headers=headers, method="POST")  # noqa: S310
        straight = [urllib.request.ProxyHandler({})] * self.local  # a proxy would read what stays on this machine
        opener = urllib.request.build_opener(_Stay, *straight)
        wait, why = self.wait_s, ""
        for left in range(self.retries, -1, -1):
            pause = wait
            self.budget.reserve(likely)
            try:
                with opener.open(request, timeout=self.timeout_s) as reply:
                    found: bytes = reply.read(_LONGEST + 1)
                if len(found) > _LONGEST:
                    raise InputError(f"{self.where} answered with more than {_LONGEST} bytes")
                return found
            except urllib.error.HTTPError as error:
                self.budget.settle(likely, 0)  # a try that failed costs a request, not its tokens
                if error.code not in _AGAIN:
                    said = error.read(300).decode("utf-8", "replace").strip()
                    raise InputError(f"{self.where} refused the request: HTTP {error.code} {said}") from error
                why, pause = f"HTTP {error.code}", _asked_to_wait(error.headers.get("Retry-After"), wait)
            except (OSError, HTTPException) as error:  # URLError and timeouts are OSErrors
                self.budget.settle(likely, 0)
                why = str(error)
            if left:
                time.sleep(pause)
            wait *= 2
        raise MissingError(f"{self.where} did not answer in {self.retries + 1} tries ({why}): is the server running?")


def _asked_to_wait(said: str | None, otherwise: float) -> float:
    return min(float(said), _PATIENCE_S) if said and said.isdigit() else otherwise
