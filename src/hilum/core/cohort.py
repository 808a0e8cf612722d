"""Cohort: a lazy sequence of studies with patient-wise splits."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from hashlib import blake2b

from hilum.core.errors import InputError
from hilum.core.study import Study, order_by_time


@dataclass(frozen=True)
class Cohort:
    """Studies of one data set, made afresh each time they are iterated.

    Args:
        name: the data set's registered name.
        studies: a sequence, or a function that returns a new iterator.
        splits: fractions by split name, e.g. {'train': .7, 'test': .3}, drawn by a hash of the patient,
            or a function from patient to split name for official splits.
        licence, citation: as the owners state them.
        label_set: name of the vocabulary label set its findings use.
    """

    name: str
    studies: Iterable[Study] | Callable[[], Iterator[Study]]
    splits: Mapping[str, float] | Callable[[str], str] = field(default_factory=dict)
    licence: str = ""
    citation: str = ""
    label_set: str = ""
    only: str = ""

    def __iter__(self) -> Iterator[Study]:
        """Yield the studies, of the chosen split only where one was chosen."""
        source = self.studies() if callable(self.studies) else iter(self.studies)
        for study in source:
            if not self.only or self.split_of(study.patient or study.id) == self.only:
                yield study

    def split_of(self, patient: str) -> str:
        """Return the split a patient belongs to: all studies of a patient are in one split.

        Raises:
            InputError: if the cohort has no splits.
        """
        if callable(self.splits):
            return self.splits(patient)
        if not self.splits:
            raise InputError(f"cohort '{self.name}' has no splits")
        draw = int.from_bytes(blake2b(patient.encode(), digest_size=8).digest(), "big") / 2**64
        total, reached = sum(self.splits.values()), 0.0
        for name, share in self.splits.items():
            reached += share / total
            if draw < reached:
                return name
        return list(self.splits)[-1]

    def split(self, name: str) -> Cohort:
        """Return the studies of one split.

        Raises:
            InputError: if the split is not one the cohort declares.
        """
        if isinstance(self.splits, Mapping) and name not in self.splits:
            raise InputError(f"cohort '{self.name}' has no split '{name}': it has {', '.join(self.splits) or 'none'}")
        return replace(self, only=name)

    def timelines(self) -> Iterator[tuple[Study, ...]]:
        """Yield each patient's studies, earliest first; reads the cohort once and keeps studies, not pixels."""
        patients: dict[str, list[Study]] = {}
        for study in self:
            patients.setdefault(study.patient or study.id, []).append(study)
        for studies in patients.values():
            yield order_by_time(studies)

    def __repr__(self) -> str:
        """One line: name, split, label set."""
        return f"Cohort({self.name!r}{', ' + self.only if self.only else ''}, labels={self.label_set or 'none'})"
