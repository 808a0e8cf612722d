"""Films and what is said of them as arrays, one row per film: a cohort read once, kept, and learned from many times."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import HilumError, InputError
from hilum.core.finding import Finding
from hilum.core.geometry import FRONTAL, Letterbox
from hilum.core.image import Image
from hilum.core.region import Box, Mask
from hilum.core.study import Study
from hilum.io.save import save_bytes
from hilum.learn.frame import frame
from hilum.text.minimal import minimal_sentences
from hilum.text.parse import parse

CONCEPTS = (
    "cardiomegaly", "pleural effusion", "pneumothorax", "consolidation", "pulmonary edema", "atelectasis",
    "linear atelectasis", "lung nodule", "lung mass", "emphysema", "bullae", "pulmonary fibrosis", "pleural thickening",
    "hiatal hernia", "pneumoperitoneum", "rib fracture", "central venous catheter", "endotracheal tube", "enteric tube",
    "chest tube", "pacemaker", "sternotomy",
)  # fmt: skip
"""Findings that a row is told of: what virtual patients may have, by the vocabulary's names."""
SIDES: Mapping[str, int] = {"right": 1, "left": 2, "bilateral": 3}
_WORDS = ("report", "indication", "sentences")


@dataclass(frozen=True, eq=False)
class Pairs:
    """N films of studies with K findings each.

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
        """Return some rows, by number or as a mask."""
        at = np.arange(len(self))[rows]
        made: dict[str, Any] = {}
        for item in fields(self):
            value = getattr(self, item.name)
            whole = item.name == "names"
            made[item.name] = value if whole else tuple(value[i] for i in at) if item.name in _WORDS else value[at]
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
        rows = {name: np.flatnonzero(self.study == name) for name in np.unique(self.study)}
        return [rows[name] for name in self.study]

    def save(self, path: Path) -> None:
        """Write all of it to one .npz file, whole or not at all."""
        import io

        arrays = {item.name: getattr(self, item.name) for item in fields(self)}
        for name in (*_WORDS, "names"):
            arrays[name] = np.array(json.dumps(arrays[name], ensure_ascii=False))
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
    """Return the rows of several as one.

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
    lost: Callable[[str, str], None] = lambda film, reason: None,
) -> Pairs:  # fmt: skip
    """Return the films of a cohort's studies as rows; a patient's are numbered by date.

    Args:
        studies: a cohort, or any studies.
        size: side of the square frames.
        names: findings to tell of.
        complete: what a study does not mention is absent, as in virtual patients; else it is unknown.
        group: of all, or of each study.
        split: of each study.
        lost: told of each film that cannot be read, and why; the others go on.

    Raises:
        InputError: if no film is left.
    """
    rows: list[dict[str, Any]] = []
    listed = list(studies)  # pixels are read film by film
    for study, number in zip(listed, _visits(listed), strict=True):
        said = _said(study)
        told = {"study": study.id, "patient": study.patient or study.id, "split": split(study), "visit": number,
                "group": group if isinstance(group, str) else group(study), **said}  # fmt: skip
        labels = _labels(study.findings, names, complete)
        for film in study.films:
            try:
                square, box = frame(film.display(), size)
            except (HilumError, OSError) as error:
                lost(film.id or study.id, str(error))
                continue
            marked, bits = _regions(study.findings, film, names, box)
            rows.append({"films": np.rint(square * 255).astype(np.uint8), "view": film.view, **told, **labels,
                         "marked": marked, "bits": bits})  # fmt: skip
    if not rows:
        raise InputError("no film could be read: see the reasons given for each")
    made: dict[str, Any] = {name: tuple(row[name] for row in rows) for name in _WORDS} | {"names": tuple(names)}
    made |= {item.name: np.array([row[item.name] for row in rows]) for item in fields(Pairs) if item.name not in made}
    return Pairs(**{**made, "visit": made["visit"].astype(np.int32)})


def _visits(studies: Sequence[Study]) -> list[int]:
    """The number of each study among its patient's by date; alike for one date, and 0 where any of them has none."""
    numbers = [0] * len(studies)
    patients: dict[str, list[int]] = {}
    for at, study in enumerate(studies):
        patients.setdefault(study.patient or study.id, []).append(at)
    for found in patients.values():
        times = {at: studies[at].time for at in found}
        dates = sorted({time for time in times.values() if time is not None})
        if None not in times.values():
            numbers_of = {time: number for number, time in enumerate(dates)}
            for at, time in times.items():
                numbers[at] = numbers_of[time] if time is not None else 0
    return numbers


def _said(study: Study) -> dict[str, Any]:
    if study.report is None:
        return {"report": "", "indication": "", "sentences": ()}
    report = study.report
    text = " ".join(part for part in (report.findings, report.impression) if part)
    return {"report": text, "indication": report.indication or "", "sentences": minimal_sentences(parse(report))}


def _labels(findings: Sequence[Finding], names: Sequence[str], complete: bool) -> dict[str, Any]:
    count = len(names)
    target, known, sides = np.zeros(count, np.float32), np.full(count, complete, np.bool_), np.zeros(count, np.int8)
    sure = np.zeros(count, np.bool_)
    for finding in findings:
        if finding.concept not in names:
            continue
        at = names.index(finding.concept)
        faint = bool(finding.attributes.get("flag")) or finding.state == "uncertain"
        if finding.state == "absent":
            known[at] |= not sure[at]
        elif faint:
            known[at] &= bool(sure[at])
        else:
            target[at], known[at], sure[at] = 1.0, True, True
            for site in finding.sites:
                for word, bit in SIDES.items():
                    sides[at] |= bit if word in site.split() else 0
    return {"target": target, "known": known, "sides": sides}


def _regions(
    findings: Sequence[Finding], film: Image, names: Sequence[str], box: Letterbox
) -> tuple[NDArray[np.bool_], NDArray[np.uint8]]:
    marked = np.zeros(len(names), np.bool_)
    drawn: NDArray[np.bool_] = np.zeros((len(names), box.size, box.size), np.bool_)
    for finding in findings:
        if finding.concept not in names or finding.state != "present" or finding.attributes.get("flag"):
            continue
        at = names.index(finding.concept)
        here = [region for region in finding.regions if region.image in ("", film.id)]
        masks: list[Mask | Box] = [region for region in here if isinstance(region, Mask)]
        for region in masks or [region for region in here if isinstance(region, Box)]:
            shown = _framed(region, box)
            drawn[at] |= shown
            marked[at] |= bool(shown.any())
    return marked, np.packbits(drawn, axis=-1)


def _framed(region: Mask | Box, box: Letterbox) -> NDArray[np.bool_]:
    out = np.zeros((box.size, box.size), np.bool_)
    if isinstance(region, Box):
        x0, y0, x1, y1 = box.to_frame(region.corners)
        out[max(0, round(y0)) : max(round(y0) + 1, round(y1)), max(0, round(x0)) : max(round(x0) + 1, round(x1))] = True
        return out
    (rows, columns), (top, left) = box.inner, box.pad
    at_row = (np.arange(rows) + 0.5) * region.pixels.shape[0] / rows
    at_column = (np.arange(columns) + 0.5) * region.pixels.shape[1] / columns
    out[top : top + rows, left : left + columns] = region.pixels[np.ix_(at_row.astype(int), at_column.astype(int))]
    return out
