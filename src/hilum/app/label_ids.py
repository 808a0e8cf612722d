"""Ids met in a run, as hashes, so that millions of them fit: which report is new, and which was written before."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Mapping
from hashlib import blake2b
from typing import Literal

Fate = Literal["new", "again", "elsewhere", "other"]


def key_of(name: str) -> int:
    """Return a name's 64-bit hash, never 0."""
    return int.from_bytes(blake2b(name.encode("utf-8", "replace"), digest_size=8).digest(), "little") or 1


def text_key(text: str | Mapping[str, str]) -> int:
    """Return the hash of what a report says: findings and impression where it has sections, spacing left out."""
    if not isinstance(text, str):
        parts = [text[name] for name in ("findings", "impression") if text.get(name)]
        text = " ".join(parts or text.values())
    return key_of(" ".join(text.split()))


class Ids:
    """Hashes in one open table, each with another hash: 24 to 48 bytes an id, however long the ids are."""

    def __init__(self) -> None:
        self._table, self._count = array("Q", bytes(8 * 64)), 0
        self._values = array("Q", bytes(8 * 64))

    def __len__(self) -> int:
        """Number of ids."""
        return self._count

    def add(self, key: int, value: int = 0) -> bool:
        """Remember a hash and its value; return whether it is new."""
        at = self._place(key)
        if self._table[at] == key:
            return False
        self._table[at], self._values[at] = key, value
        self._count += 1
        if 3 * self._count >= 2 * len(self._table):
            old, values = self._table, self._values
            self._table, self._values = array("Q", bytes(16 * len(old))), array("Q", bytes(16 * len(old)))
            for kept, its in zip(old, values, strict=True):
                if kept:
                    place = self._place(kept)
                    self._table[place], self._values[place] = kept, its
        return True

    def value(self, key: int) -> int:
        """Return the value of a hash that is there."""
        return self._values[self._place(key)]

    def take(self, other: Ids) -> None:
        """Add all of another's; the smaller table is walked."""
        if len(other) > len(self):
            self._table, other._table = other._table, self._table
            self._values, other._values = other._values, self._values
            self._count, other._count = other._count, self._count
        for key, value in zip(other._table, other._values, strict=True):
            if key:
                self.add(key, value)

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
    archive of the same reports) is the same report again where its text is: the first that could be read wins.
    With another text it is another report, and an error.
    """

    def __init__(self) -> None:
        self._here, self._there = Ids(), Ids()
        self._failed_here, self._failed = Ids(), Ids()

    def next_file(self) -> None:
        """Begin another file."""
        self._there.take(self._here)
        self._failed.take(self._failed_here)
        self._here, self._failed_here = Ids(), Ids()

    def fate(self, name: str, *, failed: bool, text: str | Mapping[str, str] = "") -> Fate:
        """Tell what a row is, and remember it.

        Returns:
            'new', 'again' in this file, met 'elsewhere' with the same text, or an 'other' text under a known id.
        """
        key, said = key_of(name), text_key(text)
        if not failed and key in self._there and self._there.value(key) != said:
            return "other"
        if key in self._there or (failed and key in self._failed):
            return "elsewhere"
        if failed:
            self._failed_here.add(key)
            return "new"
        return "new" if self._here.add(key, said) else "again"


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
