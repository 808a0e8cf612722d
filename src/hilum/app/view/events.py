"""News of studies, from the threads that work on them to every page that listens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from threading import Lock
from typing import Any

_QUIET_S = 15.0
_MOST = 1_000
Json = Mapping[str, Any]


class Bell:
    """Where studies' news is told and heard; `ring` may be called from any thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._listeners: dict[asyncio.Queue[Json | None], asyncio.AbstractEventLoop] = {}
        self._closed = False

    def ring(self, study: str, state: str, *, progress: float | None = None, reason: str = "") -> None:
        """Tell everyone who listens that a study is in another state."""
        self._tell({"study": study, "state": state, "progress": progress, "reason": reason})

    def close(self) -> None:
        """End every stream, as when the server stops."""
        self._closed = True
        self._tell(None)

    def _tell(self, news: Json | None) -> None:
        with self._lock:
            listeners = list(self._listeners.items())
        for queue, loop in listeners:
            if not loop.is_closed():
                loop.call_soon_threadsafe(_put, queue, news)

    async def listen(self, request: Any = None) -> AsyncIterator[Json]:
        """Yield news as it comes, and {} now and then, so that a listener who is gone is noticed."""
        queue: asyncio.Queue[Json | None] = asyncio.Queue(_MOST)
        with self._lock:
            self._listeners[queue] = asyncio.get_running_loop()
        try:
            while not self._closed:
                try:
                    news = await asyncio.wait_for(queue.get(), _QUIET_S)
                except TimeoutError:
                    yield {}
                    continue
                if news is None:
                    return
                yield news
        finally:
            with self._lock:
                self._listeners.pop(queue, None)


def _put(queue: asyncio.Queue[Json | None], news: Json | None) -> None:
    """A listener that does not keep up loses the oldest news; the page asks anew for what it shows."""
    if queue.full():
        queue.get_nowait()
    queue.put_nowait(news)
