"""Ids met in a run, as hashes, so that millions of them fit: which report is new, and which was written before."""

from __future__ import annotations

from array import array
from collections import Counter
from hashlib import blake2b
from typing import Literal

Fate = Literal["new", "again", "elsewhere"]


def key_of(name: str) -> int:
    """Return a name's 64-bit hash, never 0."""
    return int.from_bytes(blake2b(name.encode("utf-8", "replace"), digest_size=8).digest(), "little") or 1


class Ids:
    """Hashes in one open table: 12 to 24 bytes an id, however long the ids are."""

    def __init__(self) -> None:
        self._table, self._count = array("Q", bytes(8 * 64)), 0

    def __len__(self) -> int:
        """Number of ids."""
        return self._count

    def add(self, key: int) -> bool:
        """Remember a hash; return whether it is new."""
        at = self._place(key)
        if self._table[at] == key:
            return False
        self._table[at] = key
        self._count += 1
        if 3 * self._count >= 2 * len(self._table):
            old, self._table = self._table, array("Q", bytes(16 * len(self._table)))
            for kept in old:
                if kept:
                    self._table[self._place(kept)] = kept
        return True

    def take(self, other: Ids) -> None:
        """Add all of another's; the smaller table is walked."""
        if len(other) > len(self):
            self._table, other._table = other._table, self._table
            self._count, other._count = other._count, self._count
        for key in other._table:
            if key:
                self.add(key)

    def __contains__(self, key: int) -> bool:
        return self._table[self._place(key)] == key

    def _place(self, key: int) -> int:
        at = key % len(self._table)
        while self._table[at] not in (0, key):
            at = (at + 1) % len(self._table)
        return at


class Met:
    """Which reports of a run are new.

    An id that comes twice in one file is an error of that file. One that another file had already (a table and an
    archive of the same reports) is the same report again: the first that could be read wins.
    """

    def __init__(self) -> None:
        self._here, self._there = Ids(), Ids()
        self._failed_here, self._failed = Ids(), Ids()

    def next_file(self) -> None:
        """Begin another file."""
        self._there.take(self._here)
        self._failed.take(self._failed_here)
        self._here, self._failed_here = Ids(), Ids()

    def fate(self, name: str, *, failed: bool) -> Fate:
        """Tell what a row is, and remember it: 'new', 'again' in this file, or met 'elsewhere'."""
        key = key_of(name)
        if key in self._there or (failed and key in self._failed):
            return "elsewhere"
        if failed:
            self._failed_here.add(key)
            return "new"
        return "new" if self._here.add(key) else "again"


class Written:
    """The rows that an earlier run wrote, to be skipped: each as often as it was written."""

    def __init__(self) -> None:
        self._ids = Ids()
        self._taken, self._more = Ids(), Counter[int]()

    def add(self, name: str) -> None:
        """Remember one written row."""
        key = key_of(name)
        if not self._ids.add(key):
            self._more[key] += 1

    def take(self, name: str) -> bool:
        """Return whether this row was written, once for each time it was."""
        key = key_of(name)
        if key not in self._ids:
            return False
        if self._taken.add(key):
            return True
        if self._more[key] > 0:
            self._more[key] -= 1
            return True
        return False
