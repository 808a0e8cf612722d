"""Where and how the fits of a command run: device, processes, time, what is drawn ahead. Recipes need not know."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace

from hilum.core.errors import InputError
from hilum.learn.budget import Budget

SPREADS = ("ddp", "fsdp")


@dataclass(frozen=True)
class Running:
    """How fits run; none of it changes what a recipe is.

    Args:
        device: 'cpu', 'cuda' or 'cuda:1'; '' leaves the network where it lies.
        spread: how several processes share a fit: 'ddp' (each holds the network) or 'fsdp' (each holds a part).
        shard: patterns of the modules that FSDP gathers one at a time, e.g. 'blocks.*'; all at once if empty.
        shards: write states of FSDP as one file for each process; `checkpoint.gather_shards` joins them.
        unused: parameters may take no part in a step; DDP then looks for them, which costs a little.
        budget: time that decides the number of steps.
        ahead: batches that a thread draws ahead.
        tensorboard: write event files beside log.csv.

    Raises:
        InputError: if there is no such way to share a fit.
    """

    device: str = ""
    spread: str = "ddp"
    shard: tuple[str, ...] = ()
    shards: bool = False
    unused: bool = False
    budget: Budget | None = None
    ahead: int = 0
    tensorboard: bool = False

    def __post_init__(self) -> None:
        """Refuse what is none."""
        if self.spread not in SPREADS:
            raise InputError(f"no way '{self.spread}' to share a fit: choose from {', '.join(SPREADS)}")


_CURRENT: ContextVar[Running] = ContextVar("running", default=Running())  # noqa: B039


@contextmanager
def running(how: Running) -> Iterator[Running]:
    """Let every fit within the context run so, unless it is told otherwise."""
    token = _CURRENT.set(how)
    try:
        yield how
    finally:
        _CURRENT.reset(token)


def current() -> Running:
    """Return how fits run here."""
    return _CURRENT.get()


@contextmanager
def unbudgeted() -> Iterator[None]:
    """Keep fits out of the command's budget: a start that is taught once and kept, heads of a few seconds."""
    with running(replace(current(), budget=None)):
        yield
