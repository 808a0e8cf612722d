"""Batches drawn ahead of the step that needs them, and how long was waited for them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from queue import Empty, Full, Queue
from typing import Any

import torch

_POLL_S = 0.1


class Ahead:
    """Iterates over (step, batch); a thread draws the next batches while a step runs.

    A batch depends on its step alone, so that what is drawn does not depend on who draws it. A function that draws from
    torch's global generator breaks that rule; it is noticed at the first batch, and then no thread is used.

    Args:
        make: batch of a step.
        steps: in order.
        depth: batches held ready; 0 draws each when it is needed.
        context: entered round every draw, as precision is set per thread.
        seed: called with the step before a draw without a thread.
    """

    def __init__(
        self, make: Callable[[int], Any], steps: Iterable[int], *, depth: int = 0,
        context: Callable[[], AbstractContextManager[Any]] = nullcontext,
        seed: Callable[[int], None] = lambda step: None,
    ) -> None:  # fmt: skip
        self.make, self.steps, self.depth, self.context, self.seed = make, list(steps), depth, context, seed
        self.waited_s = 0.0
        self._queue: Queue[tuple[int, Any, BaseException | None]] = Queue(max(1, depth))
        self._stop = threading.Event()

    def __iter__(self) -> Generator[tuple[int, Any]]:
        """Yield every step with its batch."""
        if not self.steps:
            return
        self.seed(self.steps[0])
        before = torch.get_rng_state()
        batch = self._timed(lambda: self._draw(self.steps[0]))
        steady = torch.equal(before, torch.get_rng_state())
        yield self.steps[0], batch
        if not self.depth or not steady or len(self.steps) == 1:
            for step in self.steps[1:]:
                self.seed(step)
                yield step, self._timed(partial(self._draw, step))
            return
        thread = threading.Thread(target=self._fill, name="batches", daemon=True)
        thread.start()
        try:
            for _ in self.steps[1:]:
                step, batch, error = self._timed(self._queue.get)
                if error is not None:
                    raise error
                yield step, batch
        finally:
            self._stop.set()
            self._drain()
            thread.join()

    def _draw(self, step: int) -> Any:
        with self.context():
            return self.make(step)

    def _timed(self, get: Callable[[], Any]) -> Any:
        began = time.perf_counter()
        try:
            return get()
        finally:
            self.waited_s += time.perf_counter() - began

    def _fill(self) -> None:
        for step in self.steps[1:]:
            try:
                self._put((step, self._draw(step), None))
            except BaseException as error:  # handed to the step that wanted the batch
                self._put((step, None, error))
                return
            if self._stop.is_set():
                return

    def _put(self, item: tuple[int, Any, BaseException | None]) -> None:
        while not self._stop.is_set():
            try:
                self._queue.put(item, timeout=_POLL_S)
            except Full:
                continue
            return

    def _drain(self) -> None:
        while True:
            try:
                self._queue.get_nowait()
            except Empty:
                return
