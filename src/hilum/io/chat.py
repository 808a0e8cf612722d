"""A language model behind an OpenAI-compatible address that the user names; nothing is sent anywhere else.

Every answer can be kept on disk, so that a run that was stopped goes on where it was and costs nothing twice.
"""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from hashlib import sha256
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from hilum.core.errors import InputError, MissingError
from hilum.io.fetch import offline
from hilum.io.save import save_text

_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})
_AGAIN = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
_LONGEST = 4 * 2**20  # bytes of an answer
_PATIENCE_S = 60.0  # longest wait that a server may ask for


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

    def ask(self, prompt: str, *, system: str = "") -> str:
        """Return the model's answer to a prompt, at temperature 0; from the cache where it was asked before.

        Raises:
            InputError: if the server refuses the request, or answers with something else than text.
            MissingError: if the network is off, or the server does not answer after all tries.
        """
        roles = [("system", system)] * bool(system) + [("user", prompt)]
        asked = {
            "model": self.model, "messages": [{"role": role, "content": text} for role, text in roles],
            "temperature": 0, "max_tokens": self.max_tokens,
        }  # fmt: skip
        body = json.dumps(asked, sort_keys=True)
        name = sha256("\n".join((self.url, body)).encode()).hexdigest()
        path = self.cache / f"{name}.json" if self.cache else None
        kept = _kept(path)
        if kept is not None:
            return kept
        answer = _text(self._sent(body.encode()), self.where)
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            save_text(json.dumps({"model": self.model, "answer": answer}, ensure_ascii=False), path)
        return answer

    def _sent(self, body: bytes) -> bytes:
        if offline() and urlsplit(self.url).hostname not in _LOCAL:
            raise MissingError(f"HILUM_OFFLINE is set, so {self.where} is not asked")
        headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {self.key}"} if self.key else {})}
        request = urllib.request.Request(self.url, data=body, headers=headers, method="POST")  # noqa: S310
        straight = [urllib.request.ProxyHandler({})] * (urlsplit(self.url).hostname in _LOCAL)
        opener = urllib.request.build_opener(
            _Stay, *straight
        )  # to this machine no proxy is asked, which would read all
        wait, why = self.wait_s, ""
        for left in range(self.retries, -1, -1):
            pause = wait
            try:
                with opener.open(request, timeout=self.timeout_s) as reply:
                    found: bytes = reply.read(_LONGEST + 1)
                if len(found) > _LONGEST:
                    raise InputError(f"{self.where} answered with more than {_LONGEST} bytes")
                return found
            except urllib.error.HTTPError as error:
                if error.code not in _AGAIN:
                    said = error.read(300).decode("utf-8", "replace").strip()
                    raise InputError(f"{self.where} refused the request: HTTP {error.code} {said}") from error
                why, pause = f"HTTP {error.code}", _asked_to_wait(error.headers.get("Retry-After"), wait)
            except (OSError, HTTPException) as error:  # URLError and timeouts are OSErrors
                why = str(error)
            if left:
                time.sleep(pause)
            wait *= 2
        raise MissingError(f"{self.where} did not answer in {self.retries + 1} tries ({why}): is the server running?")


def _asked_to_wait(said: str | None, otherwise: float) -> float:
    return min(float(said), _PATIENCE_S) if said and said.isdigit() else otherwise


def _kept(path: Path | None) -> str | None:
    """A kept answer; None where there is none that can be read."""
    try:
        held = json.loads(path.read_text(encoding="utf-8")) if path else {}
        answer = held.get("answer") if isinstance(held, dict) else None
    except (OSError, ValueError):
        return None
    return answer if isinstance(answer, str) else None


def _text(found: bytes, where: str) -> str:
    try:
        answer = json.loads(found)["choices"][0]["message"]["content"]
    except (ValueError, KeyError, IndexError, TypeError):
        answer = None
    if not isinstance(answer, str):
        raise InputError(
            f"{where} answered without choices[0].message.content: {found[:200].decode('utf-8', 'replace')}"
        )
    return answer
