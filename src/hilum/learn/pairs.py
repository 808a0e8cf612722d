"""Films and what is said of them as arrays, one row per film: a cohort read once, kept, and learned from many times."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from hilum.core.cohort import Cohort
from hilum.core.errors import InputError
from hilum.core.geometry import FRONTAL
from hilum.core.study import Study
from hilum.io.save import save_bytes
from hilum.learn.pair_rows import Asked, Lost, visits
from hilum.learn.pair_store import Writer, is_whole, lost_of, read_rows
from hilum.learn.stored import StoredArray, StoredBits, StoredTexts

CONCEPTS = (
    "cardiomegaly", "pleural effusion", "pneumothorax", "consolidation", "pulmonary edema", "atelectasis",
    "linear atelectasis", "lung nodule", "lung mass", "emphysema", "bullae", "pulmonary fibrosis", "pleural thickening",
    "hiatal hernia", "pneumoperitoneum", "rib fracture", "central venous catheter", "endotracheal tube", "enteric tube",
    "chest tube", "pacemaker", "sternotomy",
)  # fmt: skip
"""Findings that a row is told of: what virtual patients may have, by the vocabulary's names."""
_WORDS = ("report", "indication", "sentences")


@dataclass(frozen=True, eq=False)
class Pairs:
    """N films of studies with K findings each.

    Films, regions and texts of a gathered folder stay on disk (`learn.stored`): they are indexed as arrays and tuples
    are, and what is indexed is read then. All else lies in memory, some 300 bytes a film.

    Args:
        films: uint8 (N, S, S), letterboxed, 0 black.
        view, study, patient, group, split: str (N,); the group is the family of anatomy, or the data set.
        visit: int32 (N,), number of the study among the patient's that are here, by date, from 0.
        report, indication: findings and impression, and why the film was taken; '' where there is none.
        sentences: minimal sentences of the report.
        names: K concepts.
        target, known: float32 and bool (N, K); unknown is not 0: not stated, or too faint to be seen.
        marked: bool (N, K), the finding has a region on this film.
        bits: uint8 (N, K, S, ceil(S / 8)), those regions as packed bits.
        sides: int8 (N, K): 1 right, 2 left, 3 both, 0 none or not told.
    """

    films: NDArray[np.uint8]
    view: NDArray[np.str_]
    study: NDArray[np.str_]
    patient: NDArray[np.str_]
    group: NDArray[np.str_]
    split: NDArray[np.str_]
    visit: NDArray[np.int32]
    report: tuple[str, ...]
    indication: tuple[str, ...]
    sentences: tuple[tuple[str, ...], ...]
    names: tuple[str, ...]
    target: NDArray[np.float32]
    known: NDArray[np.bool_]
    marked: NDArray[np.bool_]
    bits: NDArray[np.uint8]
    sides: NDArray[np.int8]

    def __len__(self) -> int:
        """Number of films."""
        return len(self.films)

    @property
    def frontal(self) -> NDArray[np.intp]:
        """Rows of frontal films."""
        return np.flatnonzero(np.isin(self.view, list(FRONTAL)))

    def take(self, rows: NDArray[Any]) -> Pairs:
        """Return some rows, by number or as a mask; of what lies on disk, their numbers."""
        at = np.arange(len(self))[rows]
        made: dict[str, Any] = {}
        for item in fields(self):
            value = getattr(self, item.name)
            if isinstance(value, (StoredArray, StoredBits, StoredTexts)):
                made[item.name] = value.take(at)
            elif item.name in _WORDS:
                made[item.name] = tuple(value[i] for i in at)
            else:
                made[item.name] = value if item.name == "names" else value[at]
        return Pairs(**made)

    def column(self, name: str) -> int:
        """Return the column of a finding; InputError if there is none of that name."""
        if name not in self.names:
            raise InputError(f"no finding '{name}' in these films: there are {', '.join(self.names)}")
        return self.names.index(name)

    def mask(self, rows: NDArray[Any], column: int) -> NDArray[np.bool_]:
        """Return the regions of one finding on some films: bool (n, S, S)."""
        packed = self.bits[rows, column]
        return np.unpackbits(packed, axis=-1, count=self.films.shape[-1]).astype(np.bool_)

    def prior_of(self) -> NDArray[np.int32]:
        """Return for each film the row of the patient's latest earlier film of the same kind of view; -1 for none."""
        kinds = np.where(np.isin(self.view, list(FRONTAL)), "frontal", self.view)
        found = np.full(len(self), -1, np.int32)
        last: dict[tuple[str, str], tuple[int, int]] = {}
        for row in np.lexsort((np.arange(len(self)), self.visit)):
            key = (str(self.patient[row]), str(kinds[row]))
            before = last.get(key)
            if before is not None and before[0] < self.visit[row]:
                found[row] = before[1]
                last[key] = (int(self.visit[row]), int(row))
            elif before is None:
                last[key] = (int(self.visit[row]), int(row))
        return found

    def mates(self) -> list[NDArray[np.intp]]:
        """Return for each film the rows of all films of its study, itself among them."""
        _, number, counts = np.unique(self.study, return_inverse=True, return_counts=True)
        rows = np.split(np.argsort(number, kind="stable"), np.cumsum(counts)[:-1])
        return [rows[at] for at in number]

    def save(self, path: Path) -> None:
        """Write all of it to one .npz file, whole or not at all."""
        import io

        arrays = {item.name: getattr(self, item.name) for item in fields(self)}
        for name in (*_WORDS, "names"):
            arrays[name] = np.array(json.dumps(list(arrays[name]), ensure_ascii=False))
        stream = io.BytesIO()
        np.savez_compressed(stream, allow_pickle=False, **arrays)
        save_bytes(stream.getvalue(), path)

    @classmethod
    def load(cls, path: Path) -> Pairs:
        """Read what `save` wrote.

        Raises:
            InputError: if the file is damaged or of another layout.
        """
        try:
            with np.load(path, allow_pickle=False) as stored:
                made: dict[str, Any] = {item.name: stored[item.name] for item in fields(cls)}
        except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
            raise InputError(f"'{path}' holds no films as arrays ({error}): delete it, and it is made anew") from None
        for name in (*_WORDS, "names"):
            told = json.loads(str(made[name]))
            made[name] = tuple(tuple(each) if isinstance(each, list) else each for each in told)
        return cls(**made)


def join(parts: Sequence[Pairs]) -> Pairs:
    """Return the rows of several as one, in memory.

    Raises:
        InputError: if there is none, or they differ in size or findings.
    """
    if not parts:
        raise InputError("no film: there is nothing to join")
    first = parts[0]
    if any(each.names != first.names or each.films.shape[1:] != first.films.shape[1:] for each in parts):
        raise InputError("films of different sizes or findings cannot be joined: gather them alike")
    made: dict[str, Any] = {"names": first.names}
    for item in fields(Pairs):
        values = [getattr(each, item.name) for each in parts]
        if item.name in _WORDS:
            made[item.name] = tuple(told for value in values for told in value)
        elif item.name != "names":
            made[item.name] = np.concatenate(values)
    return Pairs(**made)


def gather(
    studies: Iterable[Study], *, size: int, names: Sequence[str] = CONCEPTS, complete: bool = False,
    group: str | Callable[[Study], str] = "", split: Callable[[Study], str] = lambda study: "train",
    told: Callable[[Study], Study] = lambda study: study, lost: Lost = lambda film, reason: None,
    folder: Path | None = None, small: int = 0,
) -> Pairs:  # fmt: skip
    """Return the films of a cohort's studies as rows; a patient's are numbered by date.

    Args:
        studies: a cohort, or any studies; with a folder it is gone through twice, and only an iterator is listed.
        size: side of the square frames.
        names: findings to tell of.
        complete: what a study does not mention is absent, as in virtual patients; else it is unknown.
        group: of all, or of each study.
        split: of each study.
        told: what else is known of a study, added when its rows are made, such as findings that its report states.
        lost: told of each film that cannot be read, and why; the others go on.
        folder: where rows are kept, in a folder named by the fingerprint of cohort, size and findings; an interrupted
            gathering goes on, a finished one is read back. None keeps all rows in memory.
        small: bytes of films up to which a cohort stays in memory although a folder is given.

    Raises:
        InputError: if no film is left, or what lies in the folder is damaged.
        TooLargeError: if there is no room for them on disk.
    """
    asked = Asked(size, tuple(names), complete, group, split, told)
    if folder is None:
        return _in_memory(asked, studies, lost)
    source = studies.studies if isinstance(studies, Cohort) else studies
    listed = list(studies) if isinstance(source, Iterator) else studies
    survey = asked.survey(listed)
    if survey.films * size**2 <= small:
        return _in_memory(asked, listed, lost)
    place = folder / f"{group if isinstance(group, str) and group else 'films'}-{size}-{survey.mark}"
    if not is_whole(place):
        _write(place, asked, zip(listed, survey.visits, strict=True), survey.films)
    for film, reason in lost_of(place):
        lost(film, reason)
    return Pairs(**read_rows(place))


def _in_memory(asked: Asked, studies: Iterable[Study], lost: Lost) -> Pairs:
    rows, patients, times, counts = list[dict[str, Any]](), list[str](), list[datetime | None](), list[int]()
    for study in studies:  # once, and none is kept: its pixels would be
        here = list(asked.rows(study, lost))
        rows += here
        patients.append(study.patient or study.id)
        times.append(study.time)
        counts.append(len(here))
    if not rows:
        raise InputError("no film could be read: see the reasons given for each")
    made: dict[str, Any] = {name: tuple(row[name] for row in rows) for name in _WORDS} | {"names": asked.names}
    made["visit"] = np.repeat(np.array(visits(patients, times), np.int32), counts)
    made |= {item.name: np.array([row[item.name] for row in rows]) for item in fields(Pairs) if item.name not in made}
    return Pairs(**made)


def _write(place: Path, asked: Asked, studies: Iterable[tuple[Study, int]], films: int) -> None:
    with Writer(place, size=asked.size, names=asked.names, films=films) as writer:
        for study, visit in islice(studies, writer.studies, None):
            for row in asked.rows(study, writer.lost):
                writer.add({**row, "visit": visit})
            writer.next_study()
        if not writer.rows:
            raise InputError("no film could be read: see the reasons given for each")
        writer.close()
