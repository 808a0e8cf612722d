"""An endpoint's answer with what it takes to know where it came from; and how it is kept on disk."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from hilum.core.errors import InputError
from hilum.core.image import MadeBy
from hilum.io.save import save_text


@dataclass(frozen=True)
class Answer:
    """One answer.

    Args:
        text: as the model wrote it.
        prompt: SHA-256 of the request: words, roles, pixels and decoding settings, without address and key.
        backend: what the server says it ran: its model and, where it names one, its fingerprint.
        date: when it was first given, UTC, ISO 8601; '' for answers kept by an older release.
        tokens: of prompt and answer as the server counts them; 0 where it does not.
        kept: whether it came from the cache.
    """

    text: str
    prompt: str
    backend: str = ""
    date: str = ""
    tokens: int = 0
    kept: bool = False

    @property
    def made_by(self) -> MadeBy:
        """How what is built from it is signed: the backend, the day, and the prompt's hash."""
        return MadeBy(self.backend or "unnamed endpoint", self.date, self.prompt)


def hash_of(asked: dict[str, Any]) -> str:
    """Return the SHA-256 of a request's content: the same words, pixels and settings give the same hash."""
    return sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


def read_reply(found: bytes, where: str, asked: dict[str, Any]) -> Answer:
    """Return the answer in what a server sent.

    Raises:
        InputError: if there is no text in it where the protocol has it.
    """
    try:
        told = json.loads(found)
        text = told["choices"][0]["message"]["content"]
    except (ValueError, KeyError, IndexError, TypeError):
        text = None
    if not isinstance(text, str):
        raise InputError(
            f"{where} answered without choices[0].message.content: {found[:200].decode('utf-8', 'replace')}"
        )
    names = [str(told[name]) for name in ("model", "system_fingerprint") if isinstance(told.get(name), str)]
    usage = told.get("usage")
    total = usage.get("total_tokens") if isinstance(usage, dict) else 0
    backend = " ".join(name for name in names if name) or str(asked.get("model", ""))
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return Answer(text, hash_of(asked), backend, now, total if isinstance(total, int) and total > 0 else 0)


def keep(answer: Answer, model: str, path: Path) -> None:
    """Write an answer where it is found again; the prompt itself and the films are not written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    record = {"model": model, "answer": answer.text, **asdict(replace(answer, kept=True))}
    save_text(json.dumps({name: record[name] for name in record if name != "text"}, ensure_ascii=False), path)


def kept_answer(path: Path | None, prompt: str) -> Answer | None:
    """Return a kept answer; None where there is none that can be read."""
    try:
        held = json.loads(path.read_text(encoding="utf-8")) if path else {}
    except (OSError, ValueError):
        return None
    if not isinstance(held, dict) or not isinstance(held.get("answer"), str):
        return None
    told = {name: held[name] for name in ("backend", "date") if isinstance(held.get(name), str)}
    tokens = held.get("tokens")
    return Answer(held["answer"], prompt, **told, tokens=tokens if isinstance(tokens, int) else 0, kept=True)
