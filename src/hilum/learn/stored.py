"""Rows of arrays and texts that stay on disk: read where they are asked for, taken by number and never copied whole."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import InputError

Ints = NDArray[np.int64]


class StoredArray:
    """Some rows of an array on disk, by number; what is indexed becomes an ordinary array of its own.

    Args:
        source: a memory-mapped array (N, ...).
        rows: which of them, in this order.
    """

    def __init__(self, source: NDArray[Any], rows: Ints) -> None:
        self.source, self.rows = source, rows

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows, and the shape of each."""
        return (len(self.rows), *self.source.shape[1:])

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of its values."""
        return self.source.dtype

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self.source.ndim

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.rows)

    def __getitem__(self, key: Any) -> NDArray[Any]:
        """Return rows as numpy would; further axes are cut from those rows, never from the whole."""
        first, rest = (key[0], key[1:]) if isinstance(key, tuple) else (key, ())
        if first is None or first is Ellipsis:
            raise InputError("rows on disk are asked for by number, slice or mask, first axis first")
        picked: NDArray[Any] = np.array(self.source[self.rows[first]])
        if not rest or np.ndim(self.rows[first]) == 0:
            return picked[rest]
        return picked[(slice(None) if isinstance(first, slice) else np.arange(len(picked)), *rest)]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Return all rows in memory."""
        return np.array(self.source[self.rows], dtype=dtype)

    def take(self, at: Ints) -> StoredArray:
        """Return rows of these rows; numbers alone are kept."""
        return StoredArray(self.source, self.rows[at])


class StoredBits:
    """Packed regions of N films and K findings, kept only where there is one: as bits uint8 (N, K, S, ceil(S / 8)).

    Args:
        bits: uint8 (M, S, ceil(S / 8)) on disk.
        keys: int64 (M,), row x K + column of each, ascending.
        columns: K.
        rows: which films, in this order.
    """

    dtype = np.dtype(np.uint8)

    def __init__(self, bits: NDArray[np.uint8], keys: Ints, columns: int, rows: Ints) -> None:
        self.bits, self.keys, self.columns, self.rows = bits, keys, columns, rows

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, K, S, ceil(S / 8))."""
        return (len(self.rows), self.columns, *self.bits.shape[1:])

    def __len__(self) -> int:
        """Number of films."""
        return len(self.rows)

    def __getitem__(self, key: Any) -> NDArray[np.uint8]:
        """Return packed bits of films, or of (films, findings) as numpy pairs them; zeros where there is no region."""
        films, columns = key if isinstance(key, tuple) else (key, slice(None))
        rows, at = self.rows[films], np.arange(self.columns)[columns]
        if isinstance(columns, slice):
            rows = np.asarray(rows)[..., None]
        wanted = np.asarray(rows * self.columns + at)
        out = np.zeros((*wanted.shape, *self.bits.shape[1:]), np.uint8)
        if len(self.keys):
            place = np.minimum(np.searchsorted(self.keys, wanted), len(self.keys) - 1)
            there = self.keys[place] == wanted
            out[there] = self.bits[place[there]]
        return out

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Return all of them in memory, zeros too."""
        return self[:].astype(dtype or self.dtype)

    def take(self, at: Ints) -> StoredBits:
        """Return the regions of some films; numbers alone are kept."""
        return StoredBits(self.bits, self.keys, self.columns, self.rows[at])


class Lines:
    """A text file of JSON lines, found by offsets: uint64 (N + 1), in bytes from its start."""

    def __init__(self, path: Path, offsets: NDArray[np.int64]) -> None:
        self.path, self.offsets = path, offsets

    def read(self, rows: Sequence[int]) -> Iterator[Any]:
        """Yield the values of some lines.

        Raises:
            InputError: if one cannot be read.
        """
        try:
            with self.path.open("rb") as stream:
                for row in rows:
                    stream.seek(int(self.offsets[row]))
                    yield json.loads(stream.read(int(self.offsets[row + 1] - self.offsets[row])))
        except (OSError, ValueError) as error:
            raise InputError(f"'{self.path}' is damaged ({error}): delete its folder, and it is made anew") from None


class StoredTexts(Sequence[Any]):
    """One field of the lines of some rows, read when asked for: a text, or sentences as a tuple."""

    def __init__(self, lines: Lines, field: int, rows: Ints) -> None:
        self.lines, self.field, self.rows = lines, field, rows

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.rows)

    @overload
    def __getitem__(self, at: int, /) -> Any: ...
    @overload
    def __getitem__(self, at: slice, /) -> tuple[Any, ...]: ...
    def __getitem__(self, at: int | slice, /) -> Any:
        """Return the text of a row, or those of a slice as a tuple."""
        if isinstance(at, slice):
            return tuple(self._read(self.rows[at]))
        return next(self._read(np.array([self.rows[at]])))

    def __iter__(self) -> Iterator[Any]:
        """Yield them in order, one open file for all."""
        return self._read(self.rows)

    def __eq__(self, other: object) -> bool:
        """Whether it holds the same texts as another sequence of them, as a tuple would."""
        return isinstance(other, Sequence) and len(self) == len(other) and all(map(_same, self, other))

    __hash__ = None  # type: ignore[assignment]

    def _read(self, rows: Ints) -> Iterator[Any]:
        for line in self.lines.read(rows.tolist()):
            value = line[self.field]
            yield tuple(value) if isinstance(value, list) else value

    def take(self, at: Ints) -> StoredTexts:
        """Return the texts of some rows; numbers alone are kept."""
        return StoredTexts(self.lines, self.field, self.rows[at])


def _same(one: object, other: object) -> bool:
    return one == other
