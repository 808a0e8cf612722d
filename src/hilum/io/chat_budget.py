"""What asking an endpoint may cost at most, counted over every request of a run; kept answers cost nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Lock

from hilum.core.errors import HilumError, InputError

FILM_TOKENS = 1_100
"""What a film is taken to cost before the server says: endpoints bill one of 1,024 pixels at 750 to 1,500 tokens."""


class BudgetError(HilumError):
    """A run may ask no more: what was agreed on is spent."""


@dataclass
class Budget:
    """A limit of requests and tokens, shared by all who hold it; threads may hold it together.

    Args:
        requests: most requests, tries included; None for no limit.
        tokens: most tokens, of prompts and answers; None for no limit.

    Raises:
        InputError: if a limit is below 1.
    """

    requests: int | None = None
    tokens: int | None = None
    asked: int = 0
    spent: int = 0
    _lock: Lock = field(default_factory=Lock, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name in ("requests", "tokens"):
            limit = getattr(self, name)
            if limit is not None and limit < 1:
                raise InputError(f"a budget of {name} is 1 or more, got {limit}")

    def reserve(self, tokens: int) -> None:
        """Count one request and the tokens it may cost, before it is sent.

        Args:
            tokens: what prompt and answer can come to.

        Raises:
            BudgetError: if a limit would be passed; nothing is counted then.
        """
        with self._lock:
            if self.requests is not None and self.asked >= self.requests:
                raise BudgetError(f"the budget of {self.requests:,} requests is spent ({self.spent:,} tokens): nothing "
                                  "more was sent; raise it, or run again with the answers that were kept")  # fmt: skip
            if self.tokens is not None and self.spent + tokens > self.tokens:
                raise BudgetError(f"the next request can cost {tokens:,} tokens, {max(0, self.tokens - self.spent):,} "
                                  f"of the budget of {self.tokens:,} are left: it was not sent; raise the budget, or "
                                  "send smaller films and ask for shorter answers")  # fmt: skip
            self.asked += 1
            self.spent += tokens

    def settle(self, reserved: int, cost: int) -> None:
        """Put what a request really cost in the place of what was reserved for it."""
        with self._lock:
            self.spent += cost - reserved

    def __str__(self) -> str:
        """What was spent of what, for people."""
        told = (f"{self.asked:,}{self._of(self.requests)} requests", f"{self.spent:,}{self._of(self.tokens)} tokens")
        return ", ".join(told)

    @staticmethod
    def _of(limit: int | None) -> str:
        return "" if limit is None else f" of {limit:,}"
