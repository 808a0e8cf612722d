"""Batches of any make: how many rows they have, a part of their rows, and the device they lie on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hilum.core.errors import InputError


def _named(batch: Any) -> Iterator[tuple[str, Any]]:
    """What a batch is made of, by name; nothing for a leaf."""
    if isinstance(batch, Mapping):
        yield from ((str(name), value) for name, value in batch.items())
    elif hasattr(batch, "_fields"):
        yield from zip(batch._fields, batch, strict=True)
    elif is_dataclass(batch) and not isinstance(batch, type):
        yield from ((item.name, getattr(batch, item.name)) for item in fields(batch))
    elif isinstance(batch, (tuple, list)):
        yield from ((str(at), value) for at, value in enumerate(batch))


def _rebuilt(batch: Any, values: Sequence[Any]) -> Any:
    """The same container with other values."""
    if isinstance(batch, Mapping):
        return dict(zip(batch, values, strict=True))
    if hasattr(batch, "_fields"):
        return type(batch)(*values)
    if is_dataclass(batch) and not isinstance(batch, type):
        return replace(batch, **{item.name: value for item, value in zip(fields(batch), values, strict=True)})
    return type(batch)(values)


def _words(value: Any) -> bool:
    return isinstance(value, (tuple, list)) and bool(value) and all(isinstance(each, (str, int)) for each in value)


def leaves(batch: Any, name: str = "batch") -> Iterator[tuple[str, Any]]:
    """Yield tensors, arrays and lists of words or numbers that have rows, with their names within the batch."""
    if isinstance(batch, (Tensor, np.ndarray)):
        if batch.ndim:
            yield name, batch
    elif _words(batch):
        yield name, batch
    else:
        for part, value in _named(batch):
            yield from leaves(value, f"{name}.{part}" if name != "batch" else part)


def rows_of(batch: Any) -> int:
    """Return how many rows a batch has.

    Raises:
        InputError: if its parts do not have equally many, so that it is not known how to split it.
    """
    if hasattr(batch, "take") and hasattr(batch, "__len__") and not isinstance(batch, (Tensor, np.ndarray)):
        return len(batch)
    found = [(name, len(value)) for name, value in leaves(batch)]
    if not found:
        raise InputError(f"a batch of type '{type(batch).__name__}' cannot be split by rows: give it __len__ and "
                         "take(rows), or train in one process without accumulation")  # fmt: skip
    name, count = found[0]
    for other, theirs in found:
        if theirs != count:
            raise InputError(f"a batch whose '{name}' has {count} rows and '{other}' {theirs} cannot be split by rows: "
                             "give it __len__ and take(rows)")  # fmt: skip
    return count


def part_of(batch: Any, rows: range) -> Any:
    """Return some neighbouring rows of a batch: its own `take`, or a slice of everything in it."""
    if isinstance(batch, (Tensor, np.ndarray)):
        return batch[rows.start : rows.stop] if batch.ndim else batch
    if hasattr(batch, "take") and hasattr(batch, "__len__"):
        return batch.take(np.arange(rows.start, rows.stop))
    if _words(batch):
        return batch[rows.start : rows.stop]
    named = list(_named(batch))
    return _rebuilt(batch, [part_of(value, rows) for _, value in named]) if named else batch


def ranges(count: int, parts: int) -> list[range]:
    """Return neighbouring ranges of rows, as equal as can be, that make up all of them.

    Raises:
        InputError: if there are more parts than rows.
    """
    if parts > count:
        raise InputError(f"a batch of {count} rows cannot be split into {parts} parts: take larger batches, fewer "
                         "processes or a smaller 'accumulate'")  # fmt: skip
    ends = [count * part // parts for part in range(parts + 1)]
    return [range(*pair) for pair in pairwise(ends)]


def moved(batch: Any, device: torch.device) -> Any:
    """Return a batch whose tensors lie on a device; onto a GPU they are copied while it works."""
    if isinstance(batch, Tensor):
        if batch.device == device:
            return batch
        pinned = batch.pin_memory() if device.type == "cuda" and batch.device.type == "cpu" else batch
        return pinned.to(device, non_blocking=device.type == "cuda")
    if hasattr(batch, "to") and not isinstance(batch, (tuple, list, Mapping)):
        return batch.to(device)
    named = [] if _words(batch) else list(_named(batch))
    return _rebuilt(batch, [moved(value, device) for _, value in named]) if named else batch


def ids_of(batch: Any) -> list[str]:
    """Return what a batch calls its rows (`ids`), or nothing."""
    told = batch.get("ids") if isinstance(batch, Mapping) else getattr(batch, "ids", None)
    return [str(each) for each in told] if told is not None else []
