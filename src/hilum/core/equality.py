"""Equality and read-only arrays for frozen records that hold numpy arrays."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray


def read_only(array: NDArray[Any]) -> NDArray[Any]:
    """Return a view of `array` that cannot be written through."""
    view = array.view()
    view.flags.writeable = False
    return view


def same(left: object, right: object) -> bool:
    """Tell whether two values are equal, comparing arrays element by element (NaN equals NaN)."""
    if isinstance(left, np.ndarray) or isinstance(right, np.ndarray):
        if not (isinstance(left, np.ndarray) and isinstance(right, np.ndarray)):
            return False
        numeric = left.dtype.kind == "f"
        return left.dtype == right.dtype and np.array_equal(left, right, equal_nan=numeric)
    if isinstance(left, tuple) and isinstance(right, tuple):
        return len(left) == len(right) and all(map(same, left, right))
    return bool(left == right)


class FrozenDict(dict[str, str]):
    """A dictionary of text that cannot be changed, may be hashed, and travels between processes."""

    def _refuse(self, *_: object, **__: object) -> None:
        raise TypeError("attributes of a record cannot be changed: make a new record")

    __setitem__ = __delitem__ = update = setdefault = pop = popitem = clear = _refuse  # type: ignore[assignment]

    def __hash__(self) -> int:  # type: ignore[override]
        """Hash by content."""
        return hash(frozenset(self.items()))

    def __reduce__(self) -> tuple[type[FrozenDict], tuple[dict[str, str]]]:
        """Pickle by content, since items cannot be set one by one."""
        return (FrozenDict, (dict(self),))


class ArrayRecord:
    """Mixin for frozen dataclasses declared with eq=False: equality that understands arrays."""

    def __eq__(self, other: object) -> bool:
        """Compare field by field; records of different types are never equal."""
        if type(self) is not type(other):
            return NotImplemented
        names = [field.name for field in fields(self) if field.compare]  # type: ignore[arg-type]
        return all(same(getattr(self, name), getattr(other, name)) for name in names)

    def __hash__(self) -> int:
        """Hash by the record's type and id where it has one; equal records hash alike."""
        return hash((type(self).__name__, getattr(self, "id", "")))
