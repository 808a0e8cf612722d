"""Numbers in the official formats for any cohort's patients, studies and films, the same for the same names."""

from __future__ import annotations

import re
from hashlib import blake2b

from hilum.core.errors import InputError

_DICOM = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{8}){4}")


class Numbers:
    """A number for every name, between two bounds, no two names alike.

    A name that is such a number already, with or without its letter, keeps it; any other gets one from its hash, and
    the next free one where that is taken. So the same names in the same order get the same numbers, and nearly always
    the same name the same number wherever it occurs.

    Args:
        low, high: inclusive bounds.
        official: letters before a number that is one already, e.g. 'p' for 'p10000032'; a bare number is one too.

    Raises:
        InputError: from `of`, if every number is taken.
    """

    def __init__(self, low: int, high: int, official: str = "") -> None:
        self.low, self.high = low, high
        self.given: dict[str, int] = {}
        self._taken: set[int] = set()
        self._own = re.compile(rf"(?:{re.escape(official)})?(\d+)")

    def of(self, name: str) -> int:
        """Return the number of a name."""
        if name in self.given:
            return self.given[name]
        room = self.high - self.low + 1
        if len(self._taken) >= room:
            raise InputError(f"this layout numbers {room:,} at most, and '{name}' is one more")
        own = self._own.fullmatch(name)
        digest = int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "big")
        number = int(own[1]) if own and self.low <= int(own[1]) <= self.high else self.low + digest % room
        while number in self._taken:
            number = self.low + (number - self.low + 1) % room
        self._taken.add(number)
        self.given[name] = number
        return number


class MimicIds:
    """Patients p10000000-p19999999, studies s50000000-s59999999 and film ids of MIMIC-CXR."""

    def __init__(self) -> None:
        self.patients = Numbers(10_000_000, 19_999_999, "p")
        self.studies = Numbers(50_000_000, 59_999_999, "s")

    def patient(self, name: str) -> str:
        """Return the number of a patient, e.g. '10000032'."""
        return str(self.patients.of(name))

    def study(self, name: str) -> str:
        """Return the number of a study, e.g. '50414267'."""
        return str(self.studies.of(name))

    @staticmethod
    def film(study: str, name: str, number: int) -> str:
        """Return a film id, five groups of eight hexadecimal digits; an id that is one already stays.

        Args:
            study: id of its study.
            name: id of the film.
            number: of the film in its study, for films without an id.
        """
        if _DICOM.fullmatch(name):
            return name
        parts = (study, name) if name else (study, str(number))
        digest = blake2b("\x1f".join(parts).encode(), digest_size=20).hexdigest()
        return "-".join(digest[at : at + 8] for at in range(0, 40, 8))


def folder(patient: str) -> str:
    """Return where MIMIC-CXR keeps a patient, 'p10/p10000032'."""
    return f"p{patient[:2]}/p{patient}"
